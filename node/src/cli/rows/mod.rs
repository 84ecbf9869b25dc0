//! `synlog view …`.

mod get;
mod list;
mod query;
mod tables;
mod watch;

use clap::Subcommand;
use serde_json::{Value as Json, json};
use synlog_log::ids::TopicId;
use synlog_views::RowView;

use crate::apps;
use crate::cli::input;
use crate::cli::progress::Progress;
use crate::cli::screen::{Screen, Tone, plain};
use crate::cli::setting::Setting;
use crate::failure::Failure;
use crate::json::to_json;
use crate::node::Node;

/// Look at rows: what the app of a topic makes of its entries
///
/// Rows are brought up to date first. A row that rests on something which the
/// sequencer has not placed yet is marked ○; --sequenced leaves that out.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Tables(tables::Args),
    List(list::Args),
    Get(get::Args),
    Query(query::Args),
    Watch(watch::Args),
}

/// Runs the command.
pub(super) fn run(args: &Args, setting: &Setting) -> Result<(), Failure> {
    match &args.command {
        Command::Tables(args) => tables::run(args, setting),
        Command::List(args) => list::run(args, setting),
        Command::Get(args) => get::run(args, setting),
        Command::Query(args) => query::run(args, setting),
        Command::Watch(args) => watch::run(args, setting),
    }
}

/// Which part of the answer, and of which state.
#[derive(Debug, clap::Args)]
struct Paging {
    /// At most so many rows
    #[arg(long, value_name = "N", default_value_t = 100)]
    limit: usize,
    /// Go on where an earlier page ended
    #[arg(long, value_name = "PAGE")]
    after: Option<String>,
    /// Only what the sequencer placed
    #[arg(long)]
    sequenced: bool,
    /// Hide what has expired by then [default: now]
    #[arg(long, value_name = "INSTANT", value_parser = input::instant)]
    as_of: Option<u64>,
}

/// What rows are asked of: one topic, or all topics of an app.
struct Scope {
    app: String,
    major: u16,
    topic: Option<TopicId>,
}

/// Finds the topic or app of a name, and brings its rows up to date.
fn scope(node: &mut Node, name: &str, screen: &Screen) -> Result<Scope, Failure> {
    let app = apps::pinned().iter().find(|app| app.manifest.app == name);
    let (topics, scope) = match (node.find_topic(name), app) {
        (Ok(topic), _) => {
            let genesis = node.order(&topic)?.genesis();
            let (app, major) = genesis
                .map(|genesis| (genesis.app.clone(), genesis.major))
                .ok_or(Failure::NoTopic(topic))?;
            let scope = Scope {
                app,
                major,
                topic: Some(topic),
            };
            (vec![topic], scope)
        }
        (Err(_), Some(app)) => {
            let (name, major) = (app.manifest.app.clone(), app.manifest.major);
            let mut topics = node.store.topics();
            topics.retain(|topic| {
                node.order(topic)
                    .ok()
                    .and_then(|order| order.genesis())
                    .is_some_and(|genesis| genesis.app == name && genesis.major == major)
            });
            let scope = Scope {
                app: name,
                major,
                topic: None,
            };
            (topics, scope)
        }
        (Err(failure), None) => return Err(failure),
    };
    for topic in topics {
        match bring_up(node, &topic, screen) {
            // one topic of many must not hide the others
            Err(
                failure @ (Failure::NoReducer(_)
                | Failure::BadReducer { .. }
                | Failure::Halted(_)
                | Failure::Usage(_)),
            ) if scope.topic.is_none() => {
                screen.warn(format_args!("topic {}: {failure}", topic.short()));
            }
            brought => brought?,
        }
    }
    Ok(scope)
}

/// Brings the rows of a topic up to date, with a line of progress where it takes long.
pub(super) fn bring_up(node: &mut Node, topic: &TopicId, screen: &Screen) -> Result<(), Failure> {
    let mut progress = Progress::new(screen, "folding");
    let update = node.fold(topic, &mut |at| {
        progress.update(at.lines, at.of, &format!("{} events", at.folded));
        true
    })?;
    drop(progress);
    match update {
        None => Err(Failure::Usage(
            "the topic has no reducer: none is named by it, and none comes with synlog for its app"
                .to_owned(),
        )),
        Some(update) => {
            if let Some(id) = update.waits_for {
                screen.warn(format_args!(
                    "the rows stop before {}, whose payload is not here: read a bundle that has it",
                    id.short()
                ));
            }
            Ok(())
        }
    }
}

/// A row for programs.
pub(crate) fn row_json(row: &RowView) -> Json {
    json!({
        "topic": row.topic.to_string(),
        "table": row.table,
        "key": row.key,
        "sub": row.sub,
        "columns": to_json(&row.columns),
        "tentative": row.tentative,
        "changed_by": row.changed_by.map(|id| id.to_string()),
    })
}

/// A row for people: its key, then what it says.
fn show_row(row: &RowView, scope: &Scope, screen: &Screen) -> Result<(), Failure> {
    let mark = if row.tentative {
        screen.tone(Tone::Warn, "○")
    } else {
        screen.tone(Tone::Good, "●")
    };
    let key = match &row.sub[..] {
        "" => plain(&row.key),
        sub => format!("{} {}", plain(&row.key), plain(sub)),
    };
    screen.line(format_args!("{mark} {}", screen.tone(Tone::Bold, key)))?;
    let app = apps::find(&scope.app, scope.major);
    let table = app.and_then(|app| app.manifest.table(&row.table));
    for (label, value) in crate::audit::columns(table.map(|(_, table)| table), &row.columns) {
        screen.line(format_args!("    {:<16} {}", plain(&label), plain(&value)))?;
    }
    Ok(())
}

/// Several rows: one JSON object per line, or for people.
fn show_all(rows: &[RowView], scope: &Scope, screen: &Screen) -> Result<(), Failure> {
    for row in rows {
        if screen.is_json() {
            screen.json(&row_json(row))?;
        } else {
            show_row(row, scope, screen)?;
        }
    }
    Ok(())
}
