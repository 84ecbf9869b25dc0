//! `synlog completions`.

use clap_complete::Shell;
use serde_json::json;

use crate::cli::command;
use crate::cli::setting::Setting;
use crate::failure::Failure;

/// Print the completions of your shell
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
EXAMPLES
  synlog completions bash > ~/.local/share/bash-completion/completions/synlog
  synlog completions zsh > ~/.zfunc/_synlog
  synlog completions fish > ~/.config/fish/completions/synlog.fish")]
pub(super) struct Args {
    /// The shell
    shell: Shell,
}

/// Runs the command.
pub(super) fn run(args: &Args, setting: &Setting) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command(), "synlog", &mut script);
    if setting.screen.is_json() {
        let script = String::from_utf8_lossy(&script);
        return setting
            .screen
            .json(&json!({ "shell": args.shell.to_string(), "script": script }));
    }
    setting.screen.bytes(&script)
}
