//! `synlog view list`.

use synlog_views::{Filter, Query, Shown};

use crate::cli::rows::Paging;
use crate::cli::rows::query::{finish, page_token};
use crate::cli::rows::{scope, show_all};
use crate::cli::setting::Setting;
use crate::clock::now_ms;
use crate::failure::Failure;

/// List the rows of a table, by key
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
EXAMPLES
  synlog view list orders orders
  synlog view list kiosk items --prefix item/b
  synlog view list space items --limit 20          of all topics of the app space")]
pub(super) struct Args {
    /// A topic (name, id, or the front of the id), or an app: then all its topics
    scope: String,
    /// The table; `synlog view tables` shows which there are
    table: String,
    /// Only keys that begin so
    #[arg(long, value_name = "FRONT", default_value = "")]
    prefix: String,
    #[command(flatten)]
    page: Paging,
}

/// Runs the command.
pub(super) fn run(args: &Args, setting: &Setting) -> Result<(), Failure> {
    let mut node = setting.open()?;
    let scope = scope(&mut node, &args.scope, &setting.screen)?;
    let page = node.rows(&Query {
        app: scope.app.clone(),
        major: scope.major,
        table: args.table.clone(),
        topic: scope.topic,
        filter: Filter::Prefix(args.prefix.clone()),
        layer: layer(args.page.sequenced),
        as_of_ms: Some(args.page.as_of.unwrap_or_else(now_ms)),
        limit: args.page.limit,
        after: page_token(args.page.after.as_deref())?,
    })?;
    node.close()?;
    show_all(&page.rows, &scope, &setting.screen)?;
    finish(&page, &setting.screen)
}

/// Which state is shown.
pub(super) fn layer(sequenced: bool) -> Shown {
    if sequenced {
        Shown::Sequenced
    } else {
        Shown::All
    }
}
