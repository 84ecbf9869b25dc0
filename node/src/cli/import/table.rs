//! `synlog import csv`.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;

use crate::cli::import::writer::Writer;
use crate::cli::import::{Target, currency_code, zone, zone_or_utc};
use crate::cli::input;
use crate::cli::progress::Progress;
use crate::cli::screen::plain;
use crate::cli::setting::Setting;
use crate::failure::Failure;
use crate::import::table::{Defaults, TableError, read};

/// Write the rows of a CSV table as items and places
///
/// The header names the columns: item, title, description, price, price_max,
/// currency, per_unit, stock, schema, place, name, category, lat, lon, address,
/// opening_hours, zone, phone, website, email, source, fulfilment, image, and
/// attributes.NAME. A row with a title or item is an item, one with lat and lon a
/// place, or both. Prices are written as in 12.50 or 12,50. Rows that can't be
/// written are told with their line and left out; the exit status is then 1. What
/// the topic holds already is skipped.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
EXAMPLES
  synlog import csv shop stock.csv --currency EUR
  synlog import csv shop artikel.csv --map Artikelname=title --map Preis=price --currency EUR
  synlog import csv guild services.csv --dry-run")]
pub(super) struct Args {
    #[command(flatten)]
    target: Target,
    /// The table, or - for standard input
    file: PathBuf,
    /// Which column is which field
    #[arg(long, value_name = "COLUMN=FIELD", value_parser = pair)]
    map: Vec<(String, String)>,
    /// What parts the columns [default: what the header has most of: , ; or tab]
    #[arg(long, value_name = "SIGN", value_parser = delimiter)]
    delimiter: Option<u8>,
    /// Currency of prices without one
    #[arg(long, value_name = "CODE", value_parser = currency_code)]
    currency: Option<String>,
    /// Time zone of places without one [default: UTC]
    #[arg(long, value_name = "ZONE", value_parser = zone)]
    zone: Option<String>,
}

fn pair(text: &str) -> Result<(String, String), String> {
    let parts = text.rsplit_once('=');
    let parts = parts.filter(|(column, field)| !column.is_empty() && !field.is_empty());
    parts
        .map(|(column, field)| (column.trim().to_owned(), field.trim().to_owned()))
        .ok_or_else(|| "write it as COLUMN=FIELD, as in Name=title".to_owned())
}

fn delimiter(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        [one] if one.is_ascii() && !b"\"\r\n".contains(one) => Ok(*one),
        b"tab" | b"\\t" => Ok(b'\t'),
        _ => Err("one sign, as in ';', or tab".to_owned()),
    }
}

/// What ends the reading of a table.
enum Ended {
    Table(TableError),
    Write(Failure),
}

impl From<TableError> for Ended {
    fn from(error: TableError) -> Self {
        Self::Table(error)
    }
}

/// Runs the command.
pub(super) fn run(args: &Args, setting: &Setting) -> Result<(), Failure> {
    let input: Box<dyn BufRead> = if input::is_stdin(&args.file) {
        Box::new(BufReader::new(setting.stdin()))
    } else {
        let file = File::open(setting.path(&args.file)).map_err(Failure::file(&args.file))?;
        Box::new(BufReader::with_capacity(1 << 16, file))
    };
    let defaults = Defaults {
        zone: zone_or_utc(args.zone.as_deref(), &setting.screen),
        currency: args.currency.clone(),
        columns: args.map.clone(),
        delimiter: args.delimiter,
    };
    let mut writer = Writer::open(setting, &args.target)?;
    let mut progress = Progress::new(&setting.screen, "importing");
    let mut rows = 0;
    let ended = read(input, &defaults, &mut |found| {
        rows += 1;
        progress.update(0, 0, &format!("{rows} rows"));
        writer.offer(&found).map_err(Ended::Write)
    });
    drop(progress);
    match ended {
        Ok(unknown) => {
            writer.left_out(&unknown);
            for column in &unknown {
                let column = plain(column);
                setting
                    .screen
                    .warn(format_args!("the column {column:?} is no field; left out"));
            }
            writer.finish(|_| true)
        }
        Err(Ended::Write(failure)) => Err(writer.fail(failure)),
        Err(Ended::Table(error)) => {
            let path = args.file.display();
            Err(writer.fail(Failure::Findings(format!("{path}: {error}"))))
        }
    }
}
