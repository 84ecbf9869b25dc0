//! `synlog view watch`.

use std::time::Duration;

use serde_json::json;
use synlog_log::ids::hex;
use synlog_views::{Changes, Cursor, Filter, Query, Shown, WatchFilter};

use crate::cli::rows::{row_json, scope, show_all};
use crate::cli::setting::Setting;
use crate::failure::Failure;

/// How often it looks again.
const LOOK: Duration = Duration::from_millis(300);
/// Aggregates that are told at a time.
const CHANGES_MAX: usize = 1_000;

/// Show rows as they change
///
/// Each change tells a key with all its rows as they are now; no rows: they are
/// gone. With --json each line has a "cursor"; --after goes on from there without
/// missing or repeating anything. "reset" means that what was known is not the
/// past of what is here: all rows follow.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
EXAMPLES
  synlog view watch orders --table orders
  synlog view watch orders --json --after 3f…   | jq .columns
  synlog view watch orders --json --once        what changed until now, then stop")]
pub(super) struct Args {
    /// A topic (name, id, or the front of the id), or an app
    scope: String,
    /// Only rows of this table
    #[arg(long, value_name = "TABLE")]
    table: Option<String>,
    /// Only keys that begin so
    #[arg(long, value_name = "FRONT", default_value = "")]
    prefix: String,
    /// Go on behind a cursor that an earlier look gave
    #[arg(long, value_name = "CURSOR")]
    after: Option<String>,
    /// Tell what there is and stop
    #[arg(long)]
    once: bool,
}

/// Runs the command.
pub(super) fn run(args: &Args, setting: &Setting) -> Result<(), Failure> {
    let mut cursor = match &args.after {
        None => None,
        Some(text) => {
            let bytes = synlog_log::ids::unhex(text);
            let cursor = bytes.and_then(|bytes| Cursor::decode(&bytes));
            Some(cursor.ok_or_else(|| Failure::Usage("--after wants a cursor".to_owned()))?)
        }
    };
    loop {
        let (told, more) = look(args, setting, cursor.as_ref())?;
        cursor = Some(told);
        setting.screen.flush()?;
        if !more {
            if args.once {
                return Ok(());
            }
            setting.rest(LOOK)?;
        }
    }
}

/// Tells what changed. Gives the new cursor, and whether there may be more.
fn look(
    args: &Args,
    setting: &Setting,
    cursor: Option<&Cursor>,
) -> Result<(Cursor, bool), Failure> {
    let mut node = setting.open()?;
    let scope = scope(&mut node, &args.scope, &setting.screen)?;
    let filter = WatchFilter {
        app: scope.app.clone(),
        major: scope.major,
        table: args.table.clone(),
        topic: scope.topic,
        prefix: args.prefix.clone(),
    };
    let changes = node.changes(cursor, &filter, CHANGES_MAX)?;
    let screen = &setting.screen;
    match changes {
        Changes::Since(changed, now) => {
            let more = changed.len() >= CHANGES_MAX;
            for change in &changed {
                if screen.is_json() {
                    screen.json(&json!({
                        "cursor": hex(&now.encode()),
                        "topic": change.topic.to_string(),
                        "key": change.key,
                        "rows": change.rows.iter().map(row_json).collect::<Vec<_>>(),
                    }))?;
                } else if change.rows.is_empty() {
                    screen.line(format_args!("– {} is gone", change.key))?;
                } else {
                    show_all(&change.rows, &scope, screen)?;
                }
            }
            node.close()?;
            Ok((now, more))
        }
        Changes::Reset(now) => {
            if screen.is_json() {
                screen.json(&json!({ "cursor": hex(&now.encode()), "reset": true }))?;
            }
            let tables: Vec<String> = match &args.table {
                Some(table) => vec![table.clone()],
                None => crate::apps::find(&scope.app, scope.major)
                    .map(|app| app.manifest.tables.iter())
                    .into_iter()
                    .flatten()
                    .map(|table| table.name.clone())
                    .collect(),
            };
            for table in tables {
                let mut query = Query {
                    app: scope.app.clone(),
                    major: scope.major,
                    table,
                    topic: scope.topic,
                    filter: Filter::Prefix(args.prefix.clone()),
                    layer: Shown::All,
                    as_of_ms: None,
                    limit: CHANGES_MAX,
                    after: None,
                };
                loop {
                    let page = node.rows(&query)?;
                    show_all(&page.rows, &scope, screen)?;
                    match page.next {
                        Some(next) => query.after = Some(next),
                        None => break,
                    }
                }
            }
            node.close()?;
            Ok((now, false))
        }
    }
}
