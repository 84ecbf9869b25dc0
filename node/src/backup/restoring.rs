//! A store put together again out of a backup. What is there already and right is not
//! fetched again.

use synlog_log::disk::{Disk, DiskFile};
use synlog_log::store::segment_path;

use crate::backup::manifest::{Manifest, PART_BYTES, Part, Segment};
use crate::backup::{BackupError, Objects, Progress};

/// Modules of reducers, and sealed keys where they are there.
type ModulesAndKeys = (Vec<Vec<u8>>, Option<Vec<u8>>);

/// Fetches a part and checks it.
pub(super) fn fetch(place: &dyn Objects, part: &Part) -> Result<Vec<u8>, BackupError> {
    let damaged = |what: &str| BackupError::Damaged {
        part: part.name(),
        what: what.to_owned(),
    };
    let bytes = place
        .get(&part.name())?
        .ok_or_else(|| damaged("is missing"))?;
    if Part::of(&bytes) == *part {
        Ok(bytes)
    } else {
        Err(damaged("is not what it was"))
    }
}

/// Puts a store's files on an empty disk, or on one where this was interrupted. HEAD
/// comes last: without it nobody takes it for a store.
pub fn restore<D: Disk>(
    place: &dyn Objects,
    manifest: &Manifest,
    disk: &D,
    progress: Progress<'_>,
) -> Result<(), BackupError> {
    let failed = |error: std::io::Error| BackupError::Disk(error.to_string());
    disk.create_dir("segments").map_err(failed)?;
    let (mut done, total) = (0, manifest.bytes());
    for segment in &manifest.segments {
        restore_segment(place, segment, disk, &mut |bytes| {
            progress(done + bytes, total);
        })?;
        done += segment.bytes;
    }
    disk.sync_dir("segments").map_err(failed)?;
    let head = fetch(place, &manifest.head)?;
    put(disk, "HEAD", &head).map_err(failed)?;
    disk.sync_dir("").map_err(failed)?;
    progress(total, total);
    Ok(())
}

fn put<D: Disk>(disk: &D, path: &str, bytes: &[u8]) -> std::io::Result<()> {
    // what an interrupted run left
    let _ = disk.remove(path);
    let file = disk.create(path)?;
    file.write_at(0, bytes)?;
    file.sync_all()
}

fn restore_segment<D: Disk>(
    place: &dyn Objects,
    segment: &Segment,
    disk: &D,
    progress: &mut dyn FnMut(u64),
) -> Result<(), BackupError> {
    let path = segment_path(segment.number);
    let failed = |error: std::io::Error| BackupError::Disk(format!("{path}: {error}"));
    let file = match disk.open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            disk.create(&path).map_err(failed)?
        }
        Err(error) => return Err(failed(error)),
    };
    for (at, part) in segment.parts().enumerate() {
        let offset = at as u64 * PART_BYTES;
        let mut there = vec![0; part.bytes as usize];
        let read = file.read_at(offset, &mut there).map_err(failed)?;
        there.truncate(read);
        if Part::of(&there) != part {
            let bytes = fetch(place, &part)?;
            file.write_at(offset, &bytes).map_err(failed)?;
        }
        progress(offset + part.bytes);
    }
    file.set_size(segment.bytes).map_err(failed)?;
    file.sync_all().map_err(failed)
}

/// Modules and locked keys of a backup.
pub fn restore_parts(
    place: &dyn Objects,
    manifest: &Manifest,
) -> Result<ModulesAndKeys, BackupError> {
    let mut modules = Vec::new();
    for part in &manifest.modules {
        modules.push(fetch(place, part)?);
    }
    let keys = manifest.keys.as_ref().map(|part| fetch(place, part));
    Ok((modules, keys.transpose()?))
}
