//! `synlog import schema-org`.

use std::path::PathBuf;

use crate::cli::import::writer::Writer;
use crate::cli::import::{Target, currency_code, zone, zone_or_utc};
use crate::cli::progress::Progress;
use crate::cli::setting::Setting;
use crate::failure::Failure;
use crate::import::schema_org::{Defaults, read};

/// Bytes of a file; it is held as a whole.
const FILE_MAX: u64 = 16 << 20;

/// Write businesses, goods and services of a JSON-LD file
///
/// Reads the vocabulary of schema.org: an object, an array, or {"@graph": […]}.
/// Businesses with a point on the map give a place, products and menu items with
/// a price give goods, services give services. Nothing is fetched. What the topic
/// holds already is skipped. Other types are refused by name; the exit status is
/// 1 if one of the types above was refused.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
EXAMPLES
  synlog import schema-org shop products.jsonld --zone Europe/Helsinki
  synlog import schema-org shop - --currency EUR --dry-run < products.jsonld")]
pub(super) struct Args {
    #[command(flatten)]
    target: Target,
    /// The file, or - for standard input
    file: PathBuf,
    /// Currency of prices that name none
    #[arg(long, value_name = "CODE", value_parser = currency_code)]
    currency: Option<String>,
    /// Time zone of the opening hours [default: UTC]
    #[arg(long, value_name = "ZONE", value_parser = zone)]
    zone: Option<String>,
}

/// Runs the command.
pub(super) fn run(args: &Args, setting: &Setting) -> Result<(), Failure> {
    let bytes = setting.read_up_to(&args.file, FILE_MAX)?;
    let defaults = Defaults {
        zone: zone_or_utc(args.zone.as_deref(), &setting.screen),
        currency: args.currency.clone(),
    };
    let path = args.file.display();
    let found =
        read(&bytes, &defaults).map_err(|error| Failure::Findings(format!("{path}: {error}")))?;
    let mut writer = Writer::open(setting, &args.target)?;
    let mut progress = Progress::new(&setting.screen, "importing");
    for (done, one) in (1..).zip(&found) {
        writer.offer(one)?;
        progress.update(done, found.len() as u64, "");
    }
    drop(progress);
    writer.finish(|code| code != "unknown_type")
}
