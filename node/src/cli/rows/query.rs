//! `synlog view query`.

use synlog_log::cbor::Value;
use synlog_log::ids::hex;
use synlog_views::{Filter, Page, PageToken, Query};

use crate::cli::rows::Paging;
use crate::cli::rows::list::layer;
use crate::cli::rows::{scope, show_all};
use crate::cli::screen::Screen;
use crate::cli::setting::Setting;
use crate::clock::now_ms;
use crate::failure::Failure;
use crate::json::from_json;

/// Find rows by an index of their table
///
/// Values are JSON; what is no JSON is text, and bytes are written
/// {"$hex":"00ff"}.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
EXAMPLES
  synlog view query orders orders by_state --equal agreed
  synlog view query space places by_category --equal shop/bakery
  synlog view query orders bookings by_start --from 1767225600000 --desc")]
pub(super) struct Args {
    /// A topic (name, id, or the front of the id), or an app
    scope: String,
    /// The table
    table: String,
    /// The index; `synlog view tables` shows which there are
    index: String,
    /// Values of its first columns, in their order
    #[arg(long, value_name = "VALUE")]
    equal: Vec<String>,
    /// The next column is at least this
    #[arg(long, value_name = "VALUE", allow_hyphen_values = true)]
    from: Option<String>,
    /// The next column is less than this
    #[arg(long, value_name = "VALUE", allow_hyphen_values = true)]
    to: Option<String>,
    /// From the end to the front
    #[arg(long)]
    desc: bool,
    #[command(flatten)]
    page: Paging,
}

/// Runs the command.
pub(super) fn run(args: &Args, setting: &Setting) -> Result<(), Failure> {
    let equal = args.equal.iter().map(|text| value(text));
    let filter = Filter::Index {
        name: args.index.clone(),
        equal: equal.collect::<Result<_, _>>()?,
        from: args.from.as_deref().map(value).transpose()?,
        to: args.to.as_deref().map(value).transpose()?,
        descending: args.desc,
    };
    let mut node = setting.open()?;
    let scope = scope(&mut node, &args.scope, &setting.screen)?;
    let page = node.rows(&Query {
        app: scope.app.clone(),
        major: scope.major,
        table: args.table.clone(),
        topic: scope.topic,
        filter,
        layer: layer(args.page.sequenced),
        as_of_ms: Some(args.page.as_of.unwrap_or_else(now_ms)),
        limit: args.page.limit,
        after: page_token(args.page.after.as_deref())?,
    })?;
    node.close()?;
    show_all(&page.rows, &scope, &setting.screen)?;
    finish(&page, &setting.screen)
}

fn value(text: &str) -> Result<Value, Failure> {
    match serde_json::from_str(text) {
        Ok(json) => from_json(&json).map_err(|error| Failure::Usage(error.to_string())),
        Err(_) => Ok(Value::Text(text.to_owned())),
    }
}

/// Where an earlier page ended.
pub(super) fn page_token(text: Option<&str>) -> Result<Option<PageToken>, Failure> {
    let Some(text) = text else {
        return Ok(None);
    };
    let bytes = synlog_log::ids::unhex(text);
    let bytes = bytes.ok_or_else(|| Failure::Usage("--after wants what --json said".to_owned()))?;
    Ok(Some(PageToken(bytes)))
}

/// Says where to go on.
pub(super) fn finish(page: &Page, screen: &Screen) -> Result<(), Failure> {
    if let Some(PageToken(token)) = &page.next {
        screen.note(format_args!("there is more: --after {}", hex(token)));
    } else if page.rows.is_empty() {
        screen.note("no rows");
    }
    Ok(())
}
