//! `synlog import …`.

mod jsonl;
mod lines;
mod osm;
mod schema_org;
mod table;
mod writer;

use clap::Subcommand;

use crate::cli::screen::Screen;
use crate::cli::setting::Setting;
use crate::failure::Failure;
use crate::import::listing::zone_is_right;
use crate::import::money;

/// Write many events from a file
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Jsonl(jsonl::Args),
    Osm(osm::Args),
    SchemaOrg(schema_org::Args),
    Csv(table::Args),
}

/// Where listings go.
#[derive(Debug, clap::Args)]
struct Target {
    /// Name of the topic, its id, or the front of the id
    topic: String,
    /// Write nothing; print the events as JSON lines
    #[arg(long)]
    dry_run: bool,
}

/// Runs the command.
pub(super) fn run(args: &Args, setting: &Setting) -> Result<(), Failure> {
    match &args.command {
        Command::Jsonl(args) => jsonl::run(args, setting),
        Command::Osm(args) => osm::run(args, setting),
        Command::SchemaOrg(args) => schema_org::run(args, setting),
        Command::Csv(args) => table::run(args, setting),
    }
}

/// A time zone, for clap.
fn zone(text: &str) -> Result<String, String> {
    if zone_is_right(text) {
        Ok(text.to_owned())
    } else {
        Err("a time zone is a name of the IANA list, as in Europe/Helsinki".to_owned())
    }
}

/// The zone that was asked for; opening hours in a wrong one mislead people.
fn zone_or_utc(zone: Option<&str>, screen: &Screen) -> String {
    zone.map_or_else(
        || {
            screen.note("no --zone: opening hours count as UTC");
            "UTC".to_owned()
        },
        str::to_owned,
    )
}

/// A currency, for clap.
fn currency_code(text: &str) -> Result<String, String> {
    let found = money::currency(text).map_err(|error| error.to_string())?;
    Ok(found.0.code().to_owned())
}
