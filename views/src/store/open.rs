//! Opening guarded: what is damaged is thrown away and begun anew.
//!
//! sled panics on some damage, so each touch of old files is under `catch_unwind`.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::Duration;

use synlog_log::ids::TopicId;
use synlog_log::wire::{Reader, Writer};

use super::packed::{self, Growing, Packed};
use super::{Batch, Mark, Position, Store, checksum, keys};
use crate::error::ViewsError;

/// Version of what is stored. Another one is thrown away and rebuilt.
const FORMAT: u64 = 2;

/// How often, and how long, to wait for a lock that a store just closed may still hold: 2 s.
const LOCK_TRIES: u32 = 100;
const LOCK_WAIT: Duration = Duration::from_millis(20);

/// How views are kept.
#[derive(Debug, Clone)]
pub struct Options {
    /// Random bytes that name the store if it is begun anew, so that watchers of an
    /// older one notice. Drawn by the caller, since nothing here reads randomness.
    pub epoch: [u8; 16],
    /// Events that are loaded and folded at a time.
    pub chunk_events: usize,
    /// Bytes of changed aggregates that may gather in memory before they are committed.
    pub commit_bytes: usize,
    /// How many commits are kept for watchers to catch up from.
    pub changes_kept: u64,
    /// Bytes of sled's cache.
    pub cache_bytes: u64,
    /// A topic that begins with more values than so many has them packed into blocks.
    pub pack_values: usize,
    /// Bytes that updates may write from opening to closing, and hold in memory before.
    /// Beyond, they fail: rows of a reducer that nobody here has chosen must not fill the
    /// disk.
    pub written_max: u64,
}

impl Options {
    /// The usual sizes.
    pub fn new(epoch: [u8; 16]) -> Self {
        Self {
            epoch,
            chunk_events: 8_192,
            commit_bytes: 160 << 20,
            changes_kept: 10_000,
            cache_bytes: 512 << 20,
            pack_values: 10_000,
            written_max: u64::MAX,
        }
    }
}

/// What was found on opening.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opened {
    /// Nothing: an empty store was begun.
    Empty,
    /// A whole one.
    Whole,
    /// A damaged one, or one of another format. It was thrown away and an empty one begun.
    Rebuilt {
        /// What was wrong with it.
        reason: String,
    },
}

/// A store and how it was found.
pub(crate) struct Opening {
    pub store: Store,
    pub opened: Opened,
}

/// Opens the store in a directory, or begins one.
pub(crate) fn open(directory: &Path, options: &Options) -> Result<Opening, ViewsError> {
    let occupied = directory
        .read_dir()
        .is_ok_and(|mut entries| entries.next().is_some());
    if !occupied {
        let store = begin(directory, options)?;
        let opened = Opened::Empty;
        return Ok(Opening { store, opened });
    }
    let mut tries = 0;
    let attempted = loop {
        let attempted = catch_unwind(AssertUnwindSafe(|| attempt(directory, options)));
        match &attempted {
            Ok(Err(ViewsError::Database(sled::Error::Io(error))))
                if is_busy(error) && tries < LOCK_TRIES =>
            {
                // a store that was just closed lets go of its lock a moment later
                std::thread::sleep(LOCK_WAIT);
                tries += 1;
            }
            _ => break attempted,
        }
    };
    match attempted {
        Ok(Ok(store)) => Ok(Opening {
            store,
            opened: Opened::Whole,
        }),
        Ok(Err(ViewsError::Database(sled::Error::Io(error)))) if is_busy(&error) => {
            Err(sled::Error::Io(error).into())
        }
        Ok(Err(error)) => anew(directory, options, whole_text(&error)),
        Err(_) => anew(directory, options, "the database could not read it".into()),
    }
}

/// Somebody else has the store open: nothing is wrong with it.
fn is_busy(error: &std::io::Error) -> bool {
    error.kind() == std::io::ErrorKind::WouldBlock || error.to_string().contains("lock")
}

fn whole_text(error: &ViewsError) -> String {
    let source = std::error::Error::source(error);
    source.map_or_else(|| error.to_string(), |source| format!("{error}: {source}"))
}

fn anew(directory: &Path, options: &Options, reason: String) -> Result<Opening, ViewsError> {
    std::fs::remove_dir_all(directory)?;
    let store = begin(directory, options)?;
    let opened = Opened::Rebuilt { reason };
    Ok(Opening { store, opened })
}

fn database(directory: &Path, options: &Options) -> Result<(sled::Db, sled::Tree), ViewsError> {
    let db = sled::Config::new()
        .path(directory)
        .cache_capacity(options.cache_bytes)
        .mode(sled::Mode::HighThroughput)
        .flush_every_ms(Some(1_000))
        .open()?;
    let tree = db.open_tree("views")?;
    Ok((db, tree))
}

fn begin(directory: &Path, options: &Options) -> Result<Store, ViewsError> {
    std::fs::create_dir_all(directory)?;
    let (db, tree) = database(directory, options)?;
    let mut store = Store {
        db,
        tree,
        position: Position {
            epoch: options.epoch,
            version: 0,
            tag: [0; 8],
        },
        sum: 0,
        packed: BTreeMap::new(),
        loose: Growing::default(),
        written: 0,
    };
    store.commit(Batch::default(), [0; 8])?;
    Ok(store)
}

fn attempt(directory: &Path, options: &Options) -> Result<Store, ViewsError> {
    let (db, tree) = database(directory, options)?;
    let damaged = |what: &str| ViewsError::Damaged(what.to_owned());
    let value = tree
        .get(keys::META)?
        .ok_or_else(|| damaged("no meta record"))?;
    let (_, payload) = super::check(keys::META, &value)?;
    let (position, sum) = read_meta(payload).ok_or_else(|| damaged("another format"))?;
    let (mut found, mut loose) = (0u64, Growing::default());
    let mut blocks: BTreeMap<TopicId, Blocks> = BTreeMap::new();
    for item in tree.iter() {
        let (key, value) = item?;
        if *key == *keys::META {
            continue;
        }
        let (mark, payload) = super::check(&key, &value)?;
        found = found.wrapping_add(mark.0);
        if packed::can_hold(&key) {
            loose.add(&key);
        }
        if !matches!(key[0], b'B' | b'G') {
            continue;
        }
        let (topic, inner) = packed::parts(&key).ok_or_else(|| damaged("the key of a block"))?;
        let blocks = blocks.entry(topic).or_default();
        if key[0] == b'G' {
            blocks.gone.push(inner.to_vec());
            continue;
        }
        blocks.firsts.push(inner.to_vec());
        packed::unpack(payload, |key, _| {
            blocks.hashes.push(packed::hash_of(key));
            true
        })?;
    }
    if found != sum {
        return Err(damaged("keys are missing or of another time"));
    }
    let packed = blocks.into_iter().map(|(topic, blocks)| {
        let mut packed = Packed::new(blocks.firsts, &blocks.hashes);
        blocks.gone.iter().for_each(|key| packed.note_gone(key));
        (topic, packed)
    });
    Ok(Store {
        db,
        tree,
        position,
        sum,
        packed: packed.collect(),
        loose,
        written: 0,
    })
}

/// What is found of the blocks of a topic.
#[derive(Default)]
struct Blocks {
    firsts: Vec<Vec<u8>>,
    hashes: Vec<u32>,
    gone: Vec<Vec<u8>>,
}

/// The meta record with its checksum.
pub(super) fn meta(position: &Position, sum: u64) -> Vec<u8> {
    let mut payload = Vec::with_capacity(64);
    payload.put_varint(FORMAT);
    payload.extend_from_slice(&position.epoch);
    payload.put_varint(position.version);
    payload.extend_from_slice(&position.tag);
    payload.extend_from_slice(&sum.to_le_bytes());
    let tail = checksum(keys::META, &payload);
    payload.extend_from_slice(&tail.to_le_bytes());
    payload
}

fn read_meta(payload: &[u8]) -> Option<(Position, u64)> {
    let mut reader = Reader::new(payload);
    if reader.varint().ok()? != FORMAT {
        return None;
    }
    let position = Position {
        epoch: reader.array().ok()?,
        version: reader.varint().ok()?,
        tag: reader.array().ok()?,
    };
    let sum = u64::from_le_bytes(reader.array().ok()?);
    reader.end().ok()?;
    debug_assert_ne!(Mark::of(b"", 0), Mark::NONE);
    Some((position, sum))
}
