//! `synlog view get`.

use synlog_views::{Filter, Query};

use crate::cli::rows::list::layer;
use crate::cli::rows::{scope, show_all};
use crate::cli::setting::Setting;
use crate::failure::Failure;

/// Show the rows of one key
///
/// A key may be shortened as long as it fits only one.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
EXAMPLES
  synlog view get orders orders order/4f2a
  synlog view get kiosk items item/bread --json")]
pub(super) struct Args {
    /// A topic (name, id, or the front of the id), or an app
    scope: String,
    /// The table
    table: String,
    /// The key of the row
    key: String,
    /// Only what the sequencer placed
    #[arg(long)]
    sequenced: bool,
}

/// Runs the command.
pub(super) fn run(args: &Args, setting: &Setting) -> Result<(), Failure> {
    let mut node = setting.open()?;
    let scope = scope(&mut node, &args.scope, &setting.screen)?;
    let query = Query {
        app: scope.app.clone(),
        major: scope.major,
        table: args.table.clone(),
        topic: scope.topic,
        filter: Filter::Key(args.key.clone()),
        layer: layer(args.sequenced),
        as_of_ms: None,
        limit: 1_000,
        after: None,
    };
    let mut rows = node.rows(&query)?.rows;
    if rows.is_empty() {
        let filter = Filter::Prefix(args.key.clone());
        rows = node.rows(&Query { filter, ..query })?.rows;
        let first = rows.first().map(|row| (row.topic, row.key.clone()));
        let other = rows
            .iter()
            .find(|row| first.as_ref() != Some(&(row.topic, row.key.clone())));
        if let (Some((_, first)), Some(other)) = (&first, other) {
            return Err(Failure::BadName(format!(
                "several keys begin with {:?}: {first}, {}, …",
                args.key, other.key
            )));
        }
    }
    node.close()?;
    if rows.is_empty() {
        return Err(Failure::Findings(format!(
            "no row in {} has the key {:?}",
            args.table, args.key
        )));
    }
    show_all(&rows, &scope, &setting.screen)
}
