//! Opening a store: what is there, what is damaged, what was torn.

use super::error::StoreError;
use super::filter::Filters;
use super::format::{DATA_START, Header, HeaderRead, number_of};
use super::guard::GuardReason;
use super::head::{self, Head, HeadFound, HeadState, Watermark};
use super::missing::{MISSING_NAME, Quarantine};
use super::opening::{Found, Opening};
use super::record::Decoder;
use super::segment::{path_of, whole_file};
use super::side::{Side, SideError};
use super::state::{Checkpointed, Held, Options, Store};
use super::upkeep::side_name;
use crate::disk::{Disk, DiskFile, DiskIdentity};
use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, RwLock};

/// Bytes that were cut off the end of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CutTail {
    /// Number of the segment.
    pub segment: u32,
    /// Where the bytes began, in the segment.
    pub offset: u32,
    /// How many they were.
    pub bytes: u32,
    /// They look like a write that a crash interrupted, which was therefore
    /// never acknowledged. Otherwise acknowledged records may be lost.
    pub torn: bool,
    /// The file that keeps them, relative to the store; `None` where the disk
    /// was full.
    pub aside: Option<String>,
}

/// What opening a store found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OpenReport {
    /// The store was created.
    pub created: bool,
    /// Why this device must not write its old feeds, if so.
    pub guard: Option<GuardReason>,
    /// Bytes that were cut off the end.
    pub cut_tail: Option<CutTail>,
    /// Positions that are missing: `(first, end)`. [`Store::missing`] tells more.
    pub missing: Vec<(u64, u64)>,
    /// Segments whose header is damaged.
    pub damaged_headers: Vec<u32>,
    /// A slot of HEAD is damaged: torn by a crash, or rotten.
    pub head_slot_damaged: bool,
    /// Indexes of segments that had to be made again.
    pub rebuilt_indexes: u32,
    /// Bytes of segments that were read.
    pub scanned_bytes: u64,
}

pub(crate) fn failed(
    action: &'static str,
    path: &str,
) -> impl FnOnce(std::io::Error) -> StoreError {
    let path = path.to_owned();
    move |source| StoreError::Failed {
        action,
        path,
        source,
    }
}

pub(crate) fn unreadable(path: &str) -> impl FnOnce(std::io::Error) -> StoreError {
    let path = path.to_owned();
    move |source| StoreError::Read { path, source }
}

impl<D: Disk> Store<D> {
    /// Opens a store, creating it where there is none. `options.uuid` is used
    /// for a new store only. Read [`OpenReport::guard`] before writing.
    pub fn open(
        disk: D,
        decoder: Arc<dyn Decoder>,
        options: Options,
    ) -> Result<(Self, OpenReport), StoreError> {
        let lock = disk.try_lock("LOCK").map_err(unreadable("LOCK"))?;
        let lock = lock.ok_or(StoreError::Locked)?;
        for dir in ["segments", "index", "aside"] {
            disk.create_dir(dir).map_err(failed("create", dir))?;
        }
        disk.sync_dir("").map_err(failed("sync", "the directory"))?;
        for dir in ["segments", "index", "aside"] {
            for name in disk.list(dir).map_err(unreadable(dir))? {
                if name.ends_with(".tmp") {
                    let path = format!("{dir}/{name}");
                    disk.remove(&path).map_err(failed("remove", &path))?;
                }
            }
        }
        // What is listed now must be what is there after a crash: a segment that
        // was removed when its creation failed must not come back.
        disk.sync_dir("segments")
            .map_err(failed("sync", "segments"))?;
        let files = segment_files(&disk)?;
        let (head, mut report, guard) = open_head(&disk, &files, &options)?;
        report.created = files.is_empty() && head.state.watermark.position == 0;
        let table_key = table_key(&head.state.uuid);
        let mut opening = Opening {
            disk: &disk,
            decoder: decoder.as_ref(),
            uuid: head.state.uuid,
            table_key,
            watermark: head.state.watermark,
            has_own: !head.state.own.is_empty(),
            generation: head.state.generation,
            report,
            guard,
            lost: Vec::new(),
        };
        let (segments, open) = opening.segments(files, &options)?;
        let (mut report, guard, lost) = (opening.report, opening.guard, opening.lost);
        let mut quarantine = read_derived(&disk, MISSING_NAME)?
            .and_then(|bytes| Quarantine::decode(&bytes, &head.state.uuid))
            .unwrap_or_default();
        for (first, end) in lost {
            quarantine.insert(first, end);
        }
        let mut store = Self {
            disk,
            decoder,
            options,
            head,
            segments,
            open,
            feeds: Default::default(),
            filters: Filters::new(0),
            quarantine: RwLock::new(quarantine),
            checkpointed: Checkpointed {
                mark: None,
                bytes: 0,
                since_bytes: 0,
            },
            poisoned: AtomicBool::new(false),
            in_flight: false,
            table_key,
            _lock: Held(lock),
        };
        store.fill_filters();
        store.note_holes()?;
        store.restore_feeds()?;
        let reason = guard.or(store.own_missing()?).or(store.moved()?);
        if store.head.state.guard.is_none() && reason.is_some() {
            store.head.state.guard = reason;
            store.head.dirty = true;
        }
        store.sync_head()?;
        for at in 0..store.segments.len() - 1 {
            store.save_side(at)?;
        }
        store.save_missing()?;
        report.guard = store.guard();
        report.missing = store.missing_ranges();
        Ok((store, report))
    }

    /// Whether an own entry that HEAD knows of is gone.
    fn own_missing(&self) -> Result<Option<GuardReason>, StoreError> {
        for (feed, seq) in &self.head.state.own {
            if self.positions_at(feed, *seq)?.is_empty() {
                return Ok(Some(GuardReason::OwnSeqMissing));
            }
        }
        Ok(None)
    }

    /// Whether HEAD is another file than it was. Its identity is remembered:
    /// the guard, not the difference, is what stays.
    fn moved(&mut self) -> Result<Option<GuardReason>, StoreError> {
        let identity = self
            .disk
            .identity(head::HEAD)
            .map_err(unreadable(head::HEAD))?;
        if identity == self.head.state.identity {
            return Ok(None);
        }
        self.head.state.identity = identity;
        self.head.dirty = true;
        // Without own feeds there is nothing that two copies could fork.
        let has_own = !self.head.state.own.is_empty();
        Ok(has_own.then_some(GuardReason::IdentityChanged))
    }
}

/// Keys the tables in memory with what strangers don't know.
fn table_key(uuid: &[u8; 16]) -> u64 {
    let key = blake3::derive_key("synlog id table v1", uuid);
    super::format::u64_at(&key, 0)
}

fn segment_files<D: Disk>(disk: &D) -> Result<Vec<Found<D::File>>, StoreError> {
    let mut found = Vec::new();
    for name in disk.list("segments").map_err(unreadable("segments"))? {
        let Some(number) = number_of(&name, ".seg") else {
            continue;
        };
        let path = path_of(number);
        let file = disk.open(&path).map_err(unreadable(&path))?;
        let mut bytes = vec![0; DATA_START as usize];
        let read = file.read_at(0, &mut bytes).map_err(unreadable(&path))?;
        let (read, both_headers_good) = Header::decode_twice(&bytes[..read]);
        let header = match read {
            HeaderRead::Good(header) if header.number == number => Some(header),
            HeaderRead::Good(_) | HeaderRead::Damaged => None,
            HeaderRead::OtherVersion(version) => {
                return Err(StoreError::Version { path, version });
            }
        };
        let side = match disk.open(&format!("index/{}", side_name(number))) {
            Err(_) => None,
            Ok(file) => Side::open(file).ok(),
        };
        found.push(Found {
            number,
            file: Arc::new(file),
            header,
            both_headers_good,
            side,
        });
    }
    found.sort_by_key(|found| found.number);
    Ok(found)
}

/// HEAD, the report begun, and a reason to trip the guard.
type OpenHead<F> = (Head<F>, OpenReport, Option<GuardReason>);

fn open_head<D: Disk>(
    disk: &D,
    files: &[Found<D::File>],
    options: &Options,
) -> Result<OpenHead<D::File>, StoreError> {
    let mut report = OpenReport::default();
    let first_header = files.iter().find_map(|found| found.header.as_ref());
    let (head, guard) = match head::find(disk)? {
        HeadFound::Good(head, damaged) => {
            report.head_slot_damaged = damaged;
            (head, None)
        }
        HeadFound::Nothing | HeadFound::Unreadable => {
            let guard = (!files.is_empty()).then_some(GuardReason::HeadMissing);
            let state = HeadState {
                generation: 0,
                uuid: first_header.map_or(options.uuid, |header| header.uuid),
                identity: DiskIdentity([0; 32]),
                guard,
                watermark: Watermark::default(),
                own: BTreeMap::new(),
            };
            (Head::create(disk, state)?, guard)
        }
    };
    for found in files {
        let foreign = |uuid: [u8; 16]| uuid != head.state.uuid;
        if found.header.as_ref().is_some_and(|h| foreign(h.uuid)) {
            return Err(StoreError::Foreign {
                path: path_of(found.number),
            });
        }
    }
    Ok((head, report, guard))
}

/// A derived file; `None` where there is none.
pub(crate) fn read_derived<D: Disk>(disk: &D, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
    let path = format!("index/{name}");
    match disk.open(&path) {
        Ok(file) => whole_file(&file).map(Some).map_err(unreadable(&path)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(unreadable(&path)(error)),
    }
}

impl From<SideError> for StoreError {
    fn from(error: SideError) -> Self {
        StoreError::Read {
            path: "index".to_owned(),
            source: match error {
                SideError::Io(source) => source,
                SideError::Damaged => std::io::ErrorKind::InvalidData.into(),
            },
        }
    }
}
