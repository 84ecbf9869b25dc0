//! `synlog blob get`.

use std::fs::File;
use std::io::Write;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::json;
use synlog_log::ids::{BlobHash, unhex};

use crate::blobs::{BlobError, Request};
use crate::cli::progress::Progress;
use crate::cli::setting::Setting;
use crate::clock::now_ms;
use crate::daemon::session::Service;
use crate::failure::Failure;
use crate::node::Node;

/// How often it is looked whether it has come.
const LOOK: Duration = Duration::from_millis(100);

/// Write a blob to a file or standard output, fetching it first if need be
///
/// Every byte is checked against the hash. A sealed blob is opened with the key that
/// an entry here gives. What is not here is asked of peers while `synlog up` runs;
/// broken off, it goes on where it ended.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
EXAMPLES
  synlog blob get 5f0c1e -o loaf.webp
  synlog blob get 5f0c1e --range 0..1024 | file -
  synlog blob get 5f0c1e -o film.mp4 --timeout 600")]
pub(super) struct Args {
    /// Its hash, or the front of it
    blob: String,
    /// Where to write it [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Only these bytes, from the first to before the last
    #[arg(long, value_name = "A..B", value_parser = range)]
    range: Option<Range<u64>>,
    /// Key of a sealed blob, hexadecimal [default: from the entry that names it]
    #[arg(long, value_name = "HEX", value_parser = key, conflicts_with = "sealed")]
    key: Option<[u8; 32]>,
    /// As it is stored: of a private topic's ciphertext
    #[arg(long)]
    sealed: bool,
    /// Seconds to wait for it; 0: take only what is here
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    timeout: u64,
}

/// A range, for clap.
fn range(text: &str) -> Result<Range<u64>, String> {
    let parsed = text.split_once("..").and_then(|(from, to)| {
        let from = if from.is_empty() {
            0
        } else {
            from.parse().ok()?
        };
        let to = if to.is_empty() {
            u64::MAX
        } else {
            to.parse().ok()?
        };
        (from < to).then_some(from..to)
    });
    parsed.ok_or_else(|| "a range is written 0..1024, 1024.. or ..1024".to_owned())
}

/// A key, for clap.
fn key(text: &str) -> Result<[u8; 32], String> {
    let bytes = unhex(text).and_then(|bytes| bytes.try_into().ok());
    bytes.ok_or_else(|| "a key has 64 hexadecimal digits".to_owned())
}

/// Runs the command.
pub(super) fn run(args: &Args, setting: &Setting) -> Result<(), Failure> {
    let screen = &setting.screen;
    if screen.is_json() && args.output.is_none() {
        let text = "with --json say where the bytes go with --output FILE";
        return Err(Failure::Usage(text.to_owned()));
    }
    let mut node = setting.open()?;
    let hash = node.find_blob(&args.blob)?;
    let fetched = !node.blobs()?.files.whole().contains_key(&hash);
    if fetched {
        drop(node);
        fetch(&hash, args.timeout, setting)?;
        node = setting.open()?;
    }
    let range = args.range.clone().unwrap_or(0..u64::MAX);
    let references = node.references(&hash)?;
    let key = match args.key {
        _ if args.sealed => None,
        Some(key) => Some(key),
        None => node.key_of_blob(&hash)?,
    };
    let mut written = 0;
    let mut read = |put: &mut dyn FnMut(&[u8]) -> Result<(), Failure>| {
        let mut put = |bytes: &[u8]| {
            written += bytes.len() as u64;
            put(bytes)
        };
        match &key {
            Some(key) => node.open_blob(&hash, key, range.clone(), &mut put),
            None => node.read_blob(&hash, range.clone(), &mut put),
        }
    };
    match &args.output {
        Some(path) => write_file(&setting.path(path), &mut read)?,
        None => read(&mut |bytes| screen.bytes(bytes))?,
    }
    node.blobs()?.note_use(&hash, now_ms())?;
    node.close()?;
    if screen.is_json() {
        return screen.json(&json!({
            "blob": hash.to_string(),
            "bytes": written,
            "type": references.iter().find_map(|it| it.media_type.clone()),
            "opened": key.is_some(),
            "fetched": fetched,
            "path": args.output.as_ref().map(|path| path.display().to_string()),
        }));
    }
    Ok(())
}

/// What gives bytes to whoever puts them somewhere.
type Read<'a> = dyn FnMut(&mut dyn FnMut(&[u8]) -> Result<(), Failure>) -> Result<(), Failure> + 'a;

/// Whole or not at all.
fn write_file(path: &Path, read: &mut Read<'_>) -> Result<(), Failure> {
    let mut part = path.as_os_str().to_owned();
    part.push(".part");
    let part = PathBuf::from(part);
    let mut file = File::create(&part).map_err(Failure::file(&part))?;
    let written = read(&mut |bytes| file.write_all(bytes).map_err(Failure::file(&part)));
    let written = written.and_then(|()| {
        let renamed = file.sync_all().and_then(|()| std::fs::rename(&part, path));
        renamed.map_err(Failure::file(path))
    });
    if written.is_err() {
        let _ = std::fs::remove_file(&part);
    }
    written
}

/// Asks for what is not here, and waits for it.
fn fetch(hash: &BlobHash, patience_s: u64, setting: &Setting) -> Result<(), Failure> {
    let Some(service) = setting.running().filter(|_| patience_s > 0) else {
        return Err(BlobError::Missing(*hash).into());
    };
    let mut node = setting.open()?;
    let wants = wants(&mut node, hash)?;
    if wants.is_empty() {
        return Err(BlobError::Missing(*hash).into());
    }
    let ends = wants.iter().map(|want| match want {
        Request::Want(key, _) => Request::Unwant(*key),
        other => other.clone(),
    });
    let ends: Vec<Request> = ends.collect();
    node.blobs()?.requests.extend(wants);
    node.close()?;
    service.poke.poke();
    let waited = wait(hash, patience_s, service, setting);
    if waited.is_err() {
        let mut node = setting.open()?;
        node.blobs()?.requests.extend(ends);
        node.close()?;
        service.poke.poke();
    }
    waited
}

/// It is asked for in every topic that has it.
fn wants(node: &mut Node, hash: &BlobHash) -> Result<Vec<Request>, Failure> {
    node.look_for_blobs()?;
    let table = &node.blobs()?.table;
    let topics = table.topics_of(hash).into_iter();
    let wants = topics.map(|topic| {
        let key = (topic, *hash);
        Request::Want(key, table.size_in(&key))
    });
    Ok(wants.collect())
}

fn wait(
    hash: &BlobHash,
    patience_s: u64,
    service: &Service,
    setting: &Setting,
) -> Result<(), Failure> {
    let begun = Instant::now();
    let mut progress = Progress::new(&setting.screen, "fetching");
    loop {
        let mut node = setting.open()?;
        let here = node.blobs()?.files.whole().contains_key(hash);
        node.close()?;
        if here {
            return Ok(());
        }
        let board = service.board.lock();
        let state = board.ok().and_then(|board| board.blobs.get(hash).copied());
        let state = state.unwrap_or_default();
        if state.no_room {
            return Err(BlobError::NoRoom(*hash).into());
        }
        let (held, all) = state.groups;
        let more = match state.sources {
            0 => "nobody who is here has it".to_owned(),
            sources => format!("from {sources}"),
        };
        progress.update(u64::from(held), u64::from(all), &more);
        let hash = *hash;
        if begun.elapsed() >= Duration::from_secs(patience_s) {
            return Err(BlobError::Late { hash, patience_s }.into());
        }
        setting.rest(LOOK)?;
    }
}
