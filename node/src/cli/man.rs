//! `synlog man`.

use std::io;
use std::path::PathBuf;

use serde_json::json;

use crate::cli::command;
use crate::cli::screen::count;
use crate::cli::setting::Setting;
use crate::failure::Failure;

/// Print the manual page, or write one for each command
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
EXAMPLES
  synlog man | man -l -
  synlog man --dir ~/.local/share/man/man1")]
pub(super) struct Args {
    /// Write a page for each command into this directory
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// Runs the command.
pub(super) fn run(args: &Args, setting: &Setting) -> Result<(), Failure> {
    let mut pages = Vec::new();
    let mut whole = command();
    whole.build();
    collect(&whole, &mut pages).map_err(Failure::output)?;
    let screen = &setting.screen;
    if let Some(directory) = &args.dir {
        std::fs::create_dir_all(directory).map_err(Failure::file(directory))?;
        for (name, roff) in &pages {
            let path = directory.join(name);
            std::fs::write(&path, roff).map_err(Failure::file(&path))?;
        }
        if screen.is_json() {
            let names: Vec<&String> = pages.iter().map(|(name, _)| name).collect();
            return screen.json(&json!({ "dir": directory, "pages": names }));
        }
        screen.note(format_args!(
            "wrote {}",
            count(pages.len() as u64, "page", "pages")
        ));
        return Ok(());
    }
    let first = pages
        .into_iter()
        .next()
        .map(|(_, roff)| roff)
        .unwrap_or_default();
    if screen.is_json() {
        return screen.json(&json!({ "roff": String::from_utf8_lossy(&first) }));
    }
    screen.bytes(&first)
}

/// A command's page, then those of its subcommands.
fn collect(command: &clap::Command, pages: &mut Vec<(String, Vec<u8>)>) -> io::Result<()> {
    let page = clap_mangen::Man::new(command.clone());
    let mut roff = Vec::new();
    page.render(&mut roff)?;
    pages.push((page.get_filename(), roff));
    for inner in command
        .get_subcommands()
        .filter(|inner| inner.get_name() != "help")
    {
        collect(inner, pages)?;
    }
    Ok(())
}
