//! Writing a backup: parts that are not there yet, then the manifest, then nothing that
//! no manifest names is kept. Interrupted anywhere, the backup before it stands, and the
//! next run goes on with the parts that are there.

use std::collections::{HashMap, HashSet};

use synlog_log::disk::{Disk, DiskFile};
use synlog_log::ids::{DeviceId, EntityId};
use synlog_log::store::{Decoder, SegmentSnapshot, Snapshot, check_segment, digest_up_to};

use crate::backup::manifest::{
    MARKER, Manifest, PART_BYTES, Part, Segment, marker, name_of, number_of, origin_of, read_marker,
};
use crate::backup::{BackupError, Objects, Progress};

/// What is backed up.
pub struct Source<'a, D: Disk> {
    /// The store's disk.
    pub disk: &'a D,
    /// Reads its records.
    pub decoder: &'a dyn Decoder,
    /// Its files as of the cut.
    pub snapshot: &'a Snapshot,
    /// Whose it is.
    pub entity: EntityId,
    /// The device that wrote it.
    pub device: DeviceId,
    /// Reducers that were installed.
    pub modules: &'a [Vec<u8>],
    /// Keys, locked already.
    pub keys: Option<&'a [u8]>,
}

/// How it is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// When, UTC ms.
    pub now_ms: u64,
    /// Read and compare all, also what did not change by its looks.
    pub full: bool,
    /// Go on where the backup holds what this store does not; the older one is kept.
    pub adopt: bool,
    /// How many backups to keep, this one included.
    pub keep: usize,
}

/// What was done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Done {
    /// Number of the backup.
    pub number: u64,
    /// Position behind the last record in it.
    pub end: u64,
    /// Segments in it.
    pub segments: u64,
    /// Of these, those that were read now.
    pub read: u64,
    /// Bytes in it.
    pub bytes: u64,
    /// Parts that were sent.
    pub sent: u64,
    /// Bytes that were sent.
    pub sent_bytes: u64,
    /// Parts and manifests that nothing names any more.
    pub removed: u64,
}

/// The newest manifest, if there is a backup.
pub fn latest(place: &dyn Objects) -> Result<Option<Manifest>, BackupError> {
    let Some(number) = numbers(place)?.pop() else {
        return Ok(None);
    };
    read(place, number).map(Some)
}

/// Numbers of the manifests, ascending.
fn numbers(place: &dyn Objects) -> Result<Vec<u64>, BackupError> {
    let names = place.list("manifests")?;
    let mut numbers: Vec<u64> = names
        .iter()
        .filter_map(|(name, _)| number_of(name))
        .collect();
    numbers.sort_unstable();
    Ok(numbers)
}

fn read(place: &dyn Objects, number: u64) -> Result<Manifest, BackupError> {
    let stored = place.get(&name_of(number))?;
    Manifest::decode(number, &stored.unwrap_or_default())
}

/// Makes sure that a place is empty, or holds backups of this store.
fn claim(place: &dyn Objects, origin: &[u8; 32]) -> Result<(), BackupError> {
    match place.get(MARKER)? {
        Some(text) => match read_marker(&text) {
            Some(there) if there == *origin => Ok(()),
            Some(_) => Err(BackupError::OtherStore),
            None => Err(BackupError::NotABackup),
        },
        None if place.list("")?.is_empty() => {
            if place.create(MARKER, marker(origin).into_bytes())? {
                Ok(())
            } else {
                Err(BackupError::Busy)
            }
        }
        None => Err(BackupError::NotABackup),
    }
}

/// Whether a store goes on where a backup ends: nothing that is in the backup is gone.
fn goes_on<D: Disk>(source: &Source<'_, D>, before: &Manifest) -> Result<(), BackupError> {
    for old in &before.segments {
        let new = source
            .snapshot
            .segments
            .iter()
            .find(|segment| segment.number == old.number && segment.first == old.first);
        let same = match new {
            None => false,
            Some(new) if old.closed => new.closed && (new.end, new.digest) == (old.end, old.digest),
            Some(new) if new.end == old.end => new.digest == old.digest,
            // it grew: another history may have grown beyond it as well
            Some(new) => {
                new.end > old.end
                    && digest_up_to(&read_segment(source, new)?, source.decoder, old.end)
                        == Some(old.digest)
            }
        };
        if !same {
            return Err(BackupError::Diverged {
                segment: old.number,
            });
        }
    }
    Ok(())
}

/// The parts that are there, and what was sent.
struct Sending<'a> {
    place: &'a dyn Objects,
    there: HashMap<String, u64>,
    done: Done,
}

impl Sending<'_> {
    fn send(&mut self, bytes: &[u8]) -> Result<Part, BackupError> {
        let part = Part::of(bytes);
        if !self.has(&part) {
            self.place.put(&part.name(), bytes.to_vec())?;
            self.there.insert(part.name(), part.bytes);
            self.done.sent += 1;
            self.done.sent_bytes += part.bytes;
        }
        Ok(part)
    }

    fn has(&self, part: &Part) -> bool {
        self.there.get(&part.name()) == Some(&part.bytes)
    }
}

/// Writes a backup.
pub fn write<D: Disk>(
    place: &dyn Objects,
    source: &Source<'_, D>,
    terms: &Terms,
    progress: Progress<'_>,
) -> Result<Done, BackupError> {
    let origin = origin_of(&source.snapshot.uuid);
    claim(place, &origin)?;
    let before = latest(place)?;
    if let Some(before) = before.as_ref().filter(|_| !terms.adopt) {
        goes_on(source, before)?;
    }
    let mut sending = Sending {
        place,
        there: if terms.full {
            checked_parts(place)?
        } else {
            place.list("objects")?.into_iter().collect()
        },
        done: Done::default(),
    };
    let total: u64 = source
        .snapshot
        .segments
        .iter()
        .map(|segment| segment.bytes)
        .sum();
    let (mut segments, mut at) = (Vec::new(), 0);
    for segment in &source.snapshot.segments {
        let known = before.as_ref().filter(|_| !terms.full);
        let known = known.and_then(|before| unchanged(before, segment));
        let known = known.filter(|known| known.parts().all(|part| sending.has(&part)));
        segments.push(match known {
            Some(known) => known.clone(),
            None => send_segment(&mut sending, source, segment, &mut |done| {
                progress(at + done, total);
            })?,
        });
        at += segment.bytes;
        progress(at, total);
    }
    let mut modules = Vec::new();
    for module in source.modules {
        modules.push(sending.send(module)?);
    }
    let keys = match source.keys {
        Some(keys) => Some(sending.send(keys)?),
        // a backup without keys keeps those that an earlier one brought
        None => before
            .as_ref()
            .and_then(|before| before.keys)
            .filter(|keys| sending.has(keys)),
    };
    let manifest = Manifest {
        number: before.map_or(1, |before| before.number + 1),
        made_ms: terms.now_ms,
        entity: source.entity,
        device: source.device,
        origin,
        end: source.snapshot.end,
        head: sending.send(&source.snapshot.head)?,
        segments,
        modules,
        keys,
    };
    if !place.create(&name_of(manifest.number), manifest.encode())? {
        return Err(BackupError::Busy);
    }
    let mut done = sending.done;
    done.number = manifest.number;
    done.end = manifest.end;
    done.segments = manifest.segments.len() as u64;
    done.bytes = manifest.bytes();
    let keep = if terms.adopt { usize::MAX } else { terms.keep };
    done.removed = tidy(place, keep)?;
    Ok(done)
}

/// The parts whose bytes are what their names say.
fn checked_parts(place: &dyn Objects) -> Result<HashMap<String, u64>, BackupError> {
    let mut good = HashMap::new();
    for (name, _) in place.list("objects")? {
        let bytes = place.get(&name)?.unwrap_or_default();
        if Part::of(&bytes).name() == name {
            good.insert(name, bytes.len() as u64);
        }
    }
    Ok(good)
}

/// The segment of an earlier backup, where the file is the same by its looks.
fn unchanged<'a>(before: &'a Manifest, now: &SegmentSnapshot) -> Option<&'a Segment> {
    before.segments.iter().find(|old| {
        old.number == now.number
            && old.bytes == now.bytes
            && old.end == now.end
            && old.digest == now.digest
            && old.identity == now.identity
            && old.closed == now.closed
    })
}

fn damaged(number: u32, what: impl std::fmt::Display) -> BackupError {
    BackupError::DamagedStore {
        segment: number,
        what: what.to_string(),
    }
}

/// The bytes of a segment as of the cut.
fn read_segment<D: Disk>(
    source: &Source<'_, D>,
    segment: &SegmentSnapshot,
) -> Result<Vec<u8>, BackupError> {
    let number = segment.number;
    let unreadable = |error: std::io::Error| damaged(number, error);
    let file = source.disk.open(&segment.path).map_err(unreadable)?;
    let length = usize::try_from(segment.bytes).map_err(|_| damaged(number, "it is too long"))?;
    let mut bytes = vec![0; length];
    let read = file.read_at(0, &mut bytes).map_err(unreadable)?;
    let identity = source.disk.identity(&segment.path).map_err(unreadable)?;
    if read != length || identity != segment.identity {
        return Err(BackupError::Changed { segment: number });
    }
    Ok(bytes)
}

fn send_segment<D: Disk>(
    sending: &mut Sending<'_>,
    source: &Source<'_, D>,
    segment: &SegmentSnapshot,
    progress: &mut dyn FnMut(u64),
) -> Result<Segment, BackupError> {
    let number = segment.number;
    let bytes = read_segment(source, segment)?;
    // a good backup is not replaced by what rot has left
    let check = check_segment(&bytes, source.decoder, false)
        .ok_or_else(|| damaged(number, "its header is damaged"))?;
    if let Some((position, what)) = check.findings.first() {
        let what = format_args!("at position {position}: {what}");
        return Err(damaged(number, what));
    }
    if (check.end, check.digest) != (segment.end, segment.digest) {
        let what = "it does not hold what the store knows of";
        return Err(damaged(number, what));
    }
    let mut parts = Vec::new();
    for (at, part) in bytes.chunks(PART_BYTES as usize).enumerate() {
        parts.push(sending.send(part)?.hash);
        progress(segment.bytes.min((at as u64 + 1) * PART_BYTES));
    }
    sending.done.read += 1;
    Ok(Segment {
        number,
        first: segment.first,
        end: segment.end,
        bytes: segment.bytes,
        closed: segment.closed,
        identity: segment.identity,
        digest: segment.digest,
        parts,
    })
}

/// Removes older backups than the newest few, and parts that none of these names.
fn tidy(place: &dyn Objects, keep: usize) -> Result<u64, BackupError> {
    let numbers = numbers(place)?;
    let (old, kept) = numbers.split_at(numbers.len().saturating_sub(keep.max(1)));
    let mut named = HashSet::new();
    for number in kept {
        match read(place, *number) {
            Ok(manifest) => named.extend(manifest.parts().map(|part| part.name())),
            // what it names can't be told, so nothing is removed
            Err(BackupError::Damaged { .. }) => return Ok(0),
            Err(error) => return Err(error),
        }
    }
    let mut removed = 0;
    for number in old {
        place.delete(&name_of(*number))?;
        removed += 1;
    }
    for (name, _) in place.list("objects")? {
        if !named.contains(&name) {
            place.delete(&name)?;
            removed += 1;
        }
    }
    Ok(removed)
}
