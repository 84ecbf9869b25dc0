//! Checking a backup with nothing but the backup: every part, frame, record, hash and
//! signature, and that the segments follow on one another.

use synlog_log::store::{Decoder, check_segment};

use crate::backup::manifest::{Manifest, Segment};
use crate::backup::restoring::fetch;
use crate::backup::{BackupError, Objects, Progress};

/// What a check found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Checked {
    /// Bytes that were read.
    pub bytes: u64,
    /// Segments that are whole.
    pub segments: u64,
    /// Records in them.
    pub records: u64,
    /// Position behind the last record of them.
    pub end: u64,
    /// What is wrong, each with the part where it is.
    pub findings: Vec<(String, String)>,
}

impl Checked {
    fn note(&mut self, error: BackupError) -> Result<(), BackupError> {
        match error {
            BackupError::Damaged { part, what } => {
                self.findings.push((part, what));
                Ok(())
            }
            other => Err(other),
        }
    }
}

/// Checks all that a manifest names.
pub fn check(
    place: &dyn Objects,
    manifest: &Manifest,
    decoder: &dyn Decoder,
    progress: Progress<'_>,
) -> Result<Checked, BackupError> {
    let mut checked = Checked::default();
    let total = manifest.bytes();
    let mut previous: Option<(u32, [u8; 32])> = None;
    for segment in &manifest.segments {
        let digest = check_one(place, segment, previous, decoder, &mut checked)?;
        previous = digest.map(|digest| (segment.number, digest));
        progress(checked.bytes, total);
    }
    let last = manifest.segments.last().map_or(0, |segment| segment.end);
    if last != manifest.end {
        let what = format!(
            "the segments end at {last}, the manifest at {}",
            manifest.end
        );
        checked.findings.push(("manifest".to_owned(), what));
    }
    for part in manifest.other_parts() {
        match fetch(place, &part) {
            Ok(bytes) => checked.bytes += bytes.len() as u64,
            Err(error) => checked.note(error)?,
        }
    }
    progress(checked.bytes, total);
    Ok(checked)
}

/// Checks a segment. Gives its digest, if it is whole.
fn check_one(
    place: &dyn Objects,
    segment: &Segment,
    previous: Option<(u32, [u8; 32])>,
    decoder: &dyn Decoder,
    checked: &mut Checked,
) -> Result<Option<[u8; 32]>, BackupError> {
    let name = format!("segment {}", segment.number);
    let (mut bytes, mut whole) = (Vec::new(), true);
    for part in segment.parts() {
        match fetch(place, &part) {
            Ok(part) => bytes.extend_from_slice(&part),
            Err(error) => {
                whole = false;
                checked.note(error)?;
            }
        }
    }
    checked.bytes += bytes.len() as u64;
    if !whole {
        return Ok(None);
    }
    let mut wrong = |what: String| checked.findings.push((name.clone(), what));
    let Some(found) = check_segment(&bytes, decoder, true) else {
        wrong("has no readable header".into());
        return Ok(None);
    };
    for (position, what) in &found.findings {
        wrong(format!("at position {position}: {what}"));
    }
    let said = (segment.number, segment.first, segment.end, segment.digest);
    if (found.number, found.first, found.end, found.digest) != said {
        wrong("does not hold what the manifest says".into());
        return Ok(None);
    }
    if let Some((number, digest)) = previous
        && number + 1 == segment.number
        && found.previous != digest
    {
        wrong("does not follow on the segment before it".into());
    }
    checked.records += found.records;
    checked.end = found.end;
    checked.segments += u64::from(found.findings.is_empty());
    Ok(Some(found.digest))
}
