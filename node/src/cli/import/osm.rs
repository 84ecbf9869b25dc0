//! `synlog import osm`.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use clap::ValueEnum;

use crate::cli::import::writer::Writer;
use crate::cli::import::{Target, zone, zone_or_utc};
use crate::cli::progress::Progress;
use crate::cli::setting::Setting;
use crate::failure::Failure;
use crate::import::osm::{Extract, Wanted};
use crate::import::pbf::{Element, PbfError, What, read};
use crate::import::tags::Group;

/// Write the places of an OpenStreetMap extract
///
/// Takes shops, places to eat and drink, and crafts that have a name, from nodes
/// and ways of a .osm.pbf file. Each gives a place and an item in a topic of the
/// app space. What the topic holds already is skipped, so an import that was
/// interrupted goes on, and a newer extract writes only what changed. Says what
/// was refused and why. The data of OpenStreetMap is under the ODbL: every place
/// carries its credit.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
EXAMPLES
  synlog import osm town town.osm.pbf --zone Europe/Helsinki
  synlog import osm town town.osm.pbf --only shop,craft --dry-run")]
pub(super) struct Args {
    #[command(flatten)]
    target: Target,
    /// The extract
    #[arg(value_name = "FILE.osm.pbf")]
    file: PathBuf,
    /// Stop after so many places
    #[arg(long, value_name = "N")]
    limit: Option<u64>,
    /// Only places of these kinds
    #[arg(long, value_name = "KIND", value_delimiter = ',')]
    only: Vec<Kind>,
    /// Time zone of the opening hours [default: UTC]
    #[arg(long, value_name = "ZONE", value_parser = zone)]
    zone: Option<String>,
}

/// What kinds of places there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// Shops
    Shop,
    /// Places to eat and drink
    Amenity,
    /// Crafts
    Craft,
}

impl Kind {
    fn group(self) -> Group {
        match self {
            Self::Shop => Group::Shop,
            Self::Amenity => Group::Amenity,
            Self::Craft => Group::Craft,
        }
    }
}

/// Runs the command.
pub(super) fn run(args: &Args, setting: &Setting) -> Result<(), Failure> {
    let path = &setting.path(&args.file);
    let total = size(path)?;
    let groups = match &args.only[..] {
        [] => Group::ALL.to_vec(),
        only => only.iter().map(|kind| kind.group()).collect(),
    };
    let mut extract = Extract::new(Wanted {
        groups,
        zone: zone_or_utc(args.zone.as_deref(), &setting.screen),
    });
    let mut progress = Progress::new(&setting.screen, "reading");
    // the whole file is looked at before anything is written
    pass(path, &mut |element, done| {
        extract.survey(&element);
        progress.update(done, total, "ways");
        ControlFlow::Continue(())
    })?;
    drop(progress);
    let mut writer = Writer::open(setting, &args.target)?;
    let limit = args.limit.unwrap_or(u64::MAX);
    let mut progress = Progress::new(&setting.screen, "importing");
    let mut failed = None;
    let ended = pass(path, &mut |element, done| {
        if writer.taken() >= limit {
            return ControlFlow::Break(());
        }
        if let Some(found) = extract.find(&element)
            && let Err(failure) = writer.offer(&found)
        {
            failed = Some(failure);
            return ControlFlow::Break(());
        }
        let more = format_args!("{} places", writer.taken()).to_string();
        progress.update(done, total, &more);
        ControlFlow::Continue(())
    });
    drop(progress);
    if let Some(failure) = failed.or(ended.err()) {
        return Err(writer.fail(failure));
    }
    for found in extract.outlines() {
        if writer.taken() >= limit {
            break;
        }
        writer.offer(&found)?;
    }
    writer.finish(|_| false)
}

fn size(path: &Path) -> Result<u64, Failure> {
    let metadata = std::fs::metadata(path).map_err(Failure::file(path))?;
    if metadata.is_file() {
        return Ok(metadata.len());
    }
    let path = path.display();
    Err(Failure::Usage(format!(
        "{path} is no file: an extract is read twice, so it can't come from a pipe"
    )))
}

/// Gives all elements of a file with the bytes that were read so far.
fn pass(
    path: &Path,
    each: &mut dyn FnMut(Element<'_>, u64) -> ControlFlow<()>,
) -> Result<(), Failure> {
    let file = File::open(path).map_err(Failure::file(path))?;
    let done = Cell::new(0);
    let counted = Counted {
        input: BufReader::with_capacity(1 << 16, file),
        done: &done,
    };
    read(counted, &mut |element| each(element, done.get())).map_err(|error| match error {
        PbfError {
            what: What::Io(source),
            ..
        } => Failure::file(path)(source),
        other => Failure::Findings(format!("{}: {other}", path.display())),
    })
}

/// Counts what is read.
struct Counted<'a, R> {
    input: R,
    done: &'a Cell<u64>,
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(buffer)?;
        self.done.set(self.done.get() + read as u64);
        Ok(read)
    }
}
