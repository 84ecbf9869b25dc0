//! The `synlog` command.

use std::process::ExitCode;

/// Rows are many small values: with the allocator of the system folding takes half as
/// long again or more (`docs/decisions/0015-packed-rows.md`).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    synlog_node::cli::main()
}
