//! The shape of the commands: subcommands, arguments and help from manifests.

use std::collections::BTreeMap;

use clap::{Arg, ArgAction, Command};
use synlog_log::fold::{EventKind, Field, FieldType, Manifest};

use crate::apps;

/// All commands of the apps that come with synlog. `taken` are names that are not free.
pub(in crate::cli) fn commands(taken: &[String]) -> Vec<Command> {
    let mut groups: BTreeMap<String, Vec<Command>> = BTreeMap::new();
    let mut alone = Vec::new();
    for app in apps::pinned() {
        for event in &app.manifest.events {
            let Some(words) = &event.command else {
                continue;
            };
            match words.split_once(' ') {
                Some((group, name)) => {
                    let command = one(name, &app.manifest, event);
                    groups.entry(group.to_owned()).or_default().push(command);
                }
                None => alone.push(one(words, &app.manifest, event)),
            }
        }
    }
    let groups = groups.into_iter().map(|(group, commands)| {
        let names: Vec<String> = commands
            .iter()
            .map(|command| command.get_name().to_owned())
            .collect();
        Command::new(group.clone())
            .about(format!("Write into an app's topic: {}", names.join(", ")))
            .after_long_help(format!("`synlog help {group} COMMAND` tells more of each."))
            .subcommand_required(true)
            .arg_required_else_help(true)
            .subcommands(commands)
    });
    let all = groups.chain(alone);
    all.filter(|command| !taken.iter().any(|name| name == command.get_name()))
        .collect()
}

fn one(name: &str, manifest: &Manifest, event: &EventKind) -> Command {
    let mut command = Command::new(name.to_owned())
        .about(event.title.clone())
        .long_about(format!(
            "{}\n\nWrites {} into a topic of the app {} {}. The event is checked by the app's\nrules before it is signed; one that they refuse is not written.",
            event.title, event.kind, manifest.app, manifest.major
        ))
        .after_long_help(format!("EXAMPLES\n  synlog {}", example(manifest, event)))
        .arg(
            Arg::new("topic")
                .value_name("TOPIC")
                .required(true)
                .help("Name of the topic, its id, or the front of the id"),
        );
    for (index, field) in event.fields.iter().enumerate() {
        if !field.name.contains("[]") {
            let positional = is_positional(index, field);
            command = command.arg(argument(field, false, positional, false));
        }
    }
    for field in &event.erasable {
        // the body has a field of that name, too
        let twice = event.fields.iter().any(|other| other.name == field.name);
        command = command.arg(argument(field, true, false, twice));
    }
    if commits(event) {
        command = command.arg(
            Arg::new("for")
                .long("for")
                .value_name("ENTRY")
                .help("The order or booking for which it is taken; nobody else learns of it"),
        );
    }
    command
        .arg(
            Arg::new("body")
                .long("body")
                .value_name("JSON")
                .help("More fields, as a JSON object"),
        )
        .arg(
            Arg::new("prove")
                .long("prove")
                .value_name("ENTRY")
                .action(ArgAction::Append)
                .help("Carry a proof of an entry of any topic that is here"),
        )
        .arg(
            Arg::new("force")
                .long("force")
                .action(ArgAction::SetTrue)
                .help("Write it even if the rules refuse it"),
        )
        .arg(
            Arg::new("dry-run")
                .long("dry-run")
                .action(ArgAction::SetTrue)
                .help("Show the event and what the rules say, write nothing"),
        )
}

/// Whether a field is a commitment to an entry that is not told.
pub(super) fn commits(event: &EventKind) -> bool {
    let mut makes = event
        .fields
        .iter()
        .filter_map(|field| field.make.as_deref());
    makes.any(|make| make.starts_with("commit:"))
}

/// How a command is typed with what it must have.
fn example(manifest: &Manifest, event: &EventKind) -> String {
    let mut words = vec![
        event.command.clone().unwrap_or_default(),
        format!("my-{}", manifest.app),
    ];
    for (index, field) in event.fields.iter().enumerate() {
        let needed = field.required && field.make.is_none() && !field.name.contains("[]");
        let value = match field.kind {
            FieldType::Text => field.name.replace(['.', '_'], "-"),
            FieldType::Int => "1".to_owned(),
            FieldType::Bool => "true".to_owned(),
            FieldType::Money => "'12.50 EUR'".to_owned(),
            FieldType::Instant => "2027-01-31T12:00:00Z".to_owned(),
            FieldType::Duration => "2h".to_owned(),
            FieldType::Geo => "60.1699,24.9384".to_owned(),
            FieldType::List | FieldType::Map => "key=value,key=value".to_owned(),
            FieldType::Blob | FieldType::Blobs => "@picture.webp".to_owned(),
            FieldType::Entry | FieldType::Entity => "5f0c1e".to_owned(),
            FieldType::Id | FieldType::Bytes => "5f0c…".to_owned(),
        };
        if is_positional(index, field) {
            words.push(value);
        } else if needed {
            words.push(format!("--{} {value}", flag(field)));
        }
    }
    words.join(" ")
}

/// The first field stands without a flag where it says what the event is about.
pub(super) fn is_positional(index: usize, field: &Field) -> bool {
    let names = matches!(field.kind, FieldType::Entry | FieldType::Text);
    index == 0 && field.required && names
}

/// The flag of a field.
pub(super) fn flag(field: &Field) -> String {
    field.name.replace(['.', '_'], "-")
}

/// What a field is called among the arguments; erasable ones may have the same names.
pub(super) fn id(field: &Field, erasable: bool) -> String {
    let part = if erasable { "erasable" } else { "field" };
    format!("{part}:{}", field.name)
}

fn argument(field: &Field, erasable: bool, positional: bool, private: bool) -> Arg {
    let (value, how) = match field.kind {
        FieldType::Text => ("TEXT", ""),
        FieldType::Int => ("N", ""),
        FieldType::Bool => ("BOOL", "true or false"),
        FieldType::Bytes => ("HEX", "hexadecimal"),
        FieldType::Entry => ("ENTRY", "id, or the front of one"),
        FieldType::Entity => ("ENTITY", "id, or the front of one"),
        FieldType::Id => ("ID", "64 hexadecimal digits, or the name of a topic"),
        FieldType::Money => ("MONEY", "as in '12.50 EUR'"),
        FieldType::Instant => ("INSTANT", "as in 2027-01-31T12:00:00Z"),
        FieldType::Duration => ("TIME", "as in 90m, 2h, 3d, or seconds"),
        FieldType::Geo => ("LAT,LON", "degrees, as in 60.1699,24.9384"),
        FieldType::List => ("ITEM", "JSON, or key=value,key=value; may be repeated"),
        FieldType::Blob => ("@FILE", "@ and a file, the hash of a blob here, or JSON"),
        FieldType::Blobs => (
            "@FILE",
            "@ and a file, the hash of a blob here, or JSON; may be repeated",
        ),
        FieldType::Map => ("MAP", "JSON, or key=value,key=value"),
    };
    let mut help = field.title.clone();
    let mut more: Vec<String> = Vec::new();
    if !how.is_empty() {
        more.push(how.to_owned());
    }
    if erasable {
        more.push("can be erased later".to_owned());
    }
    if field.make.is_some() {
        more.push("made if left out".to_owned());
    }
    if !more.is_empty() {
        help.push_str(&format!(" [{}]", more.join("; ")));
    }
    let mut arg = Arg::new(id(field, erasable))
        .value_name(value)
        .help(help)
        .allow_hyphen_values(!positional);
    if positional {
        arg = arg
            .required(true)
            .value_name(field.name.to_uppercase().replace(['.', '_'], "-"));
    } else {
        let front = if private { "private-" } else { "" };
        let flag = flag(field);
        let flag = match &flag[..] {
            // names that every command has
            taken @ ("body" | "prove" | "force" | "dry-run" | "home" | "json" | "topic") => {
                format!("field-{taken}")
            }
            _ => flag,
        };
        arg = arg
            .long(format!("{front}{flag}"))
            .help_heading("What it says");
        let one = flag
            .strip_suffix('s')
            .filter(|_| matches!(field.kind, FieldType::List | FieldType::Blobs));
        if let Some(one) = one {
            arg = arg.visible_alias(format!("{front}{one}"));
        }
    }
    if matches!(field.kind, FieldType::List | FieldType::Blobs) {
        arg = arg.action(ArgAction::Append);
    }
    arg
}
