//! The help of every command, in one file that a reviewer can read.

use std::path::Path;

use crate::cli::program;

fn collect(command: &clap_command::Command, path: &mut Vec<String>, out: &mut String) {
    let help = program().args(&path[..]).arg("--help").output().unwrap();
    assert!(help.status.success(), "{path:?}");
    let text = String::from_utf8(help.stdout).unwrap();
    out.push_str(&format!(
        "=== synlog {}\n\n{}\n",
        path.join(" "),
        text.trim_end()
    ));
    out.push('\n');
    let inner = command
        .get_subcommands()
        .map(|inner| inner.get_name().to_owned());
    let mut names: Vec<String> = inner.filter(|name| name != "help").collect();
    names.sort();
    for name in names {
        let Some(inner) = command.find_subcommand(&name) else {
            continue;
        };
        path.push(name);
        collect(inner, path, out);
        path.pop();
    }
}

/// The type of a command line without a dependency of its own.
mod clap_command {
    pub(super) use synlog_node::cli::Parsed as Command;
}

#[test]
fn help_of_all_commands_is_as_recorded() {
    let mut text = String::new();
    collect(&synlog_node::cli::command(), &mut Vec::new(), &mut text);
    // trailing blanks would not survive an editor
    let text: Vec<&str> = text.lines().map(str::trim_end).collect();
    let text = format!("{}\n", text.join("\n").trim_end());
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("snapshots/cli-reference.txt");
    if std::env::var_os("SYNLOG_BLESS").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let recorded = std::fs::read_to_string(&path).unwrap();
    assert!(
        text == recorded,
        "the help changed; look at it, then run with SYNLOG_BLESS=1"
    );
}

#[test]
fn every_command_has_examples() {
    fn check(command: &synlog_node::cli::Parsed) {
        for inner in command
            .get_subcommands()
            .filter(|inner| inner.get_name() != "help")
        {
            assert!(inner.get_about().is_some(), "{}", inner.get_name());
            let leaf = inner.get_subcommands().next().is_none();
            let examples = inner
                .get_after_long_help()
                .map(ToString::to_string)
                .unwrap_or_default();
            assert!(
                !leaf || examples.contains("EXAMPLES"),
                "{}",
                inner.get_name()
            );
            check(inner);
        }
    }
    check(&synlog_node::cli::command());
}

#[test]
fn completions_and_manual_pages() {
    let desk = crate::cli::Desk::empty();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        assert!(
            desk.ok(&["completions", shell]).out.contains("synlog"),
            "{shell}"
        );
    }
    assert!(desk.ok(&["man"]).out.contains(".TH synlog"));
    let pages = desk.path("man1");
    desk.ok(&["man", "--dir", &pages]);
    assert!(desk.root.join("man1/synlog-topic-new.1").exists());
    assert!(desk.ok(&["man", "--json"]).json()["roff"].is_string());
    // help needs no data and writes none
    assert!(!desk.home.exists());
}
