//! The `synlog` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    synlog_node::cli::main()
}
