//! What a backup needs of a store: its files as of a cut, and a check of each segment
//! on its own, from bytes alone.
//!
//! Segments only grow, and a closed one changes only when it is pruned, which makes
//! another file of it: so its number, length and physical identity say whether a copy
//! is still the same.

use std::collections::BTreeMap;

use super::error::StoreError;
use super::format::{DATA_START, FrameKey, Header, HeaderRead, SegmentDigest};
use super::record::Decoder;
use super::rows::{SegmentRows, What};
use super::segment::{Indexing, path_of};
use super::state::Store;
use super::walk::{Start, Walk};
use crate::disk::{Disk, DiskFile, DiskIdentity};

/// A segment as of a cut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentSnapshot {
    /// Its number, from 1.
    pub number: u32,
    /// First position in it.
    pub first: u64,
    /// Position behind the last.
    pub end: u64,
    /// Its file, relative to the store.
    pub path: String,
    /// How many bytes from its beginning belong to the cut.
    pub bytes: u64,
    /// Which file it is physically.
    pub identity: DiskIdentity,
    /// Whether nothing is written to it any more.
    pub closed: bool,
    /// Digest over its ids up to the cut.
    pub digest: [u8; 32],
}

/// A store as of a cut: what these files hold is the whole log up to then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// The store's secret id.
    pub uuid: [u8; 16],
    /// Position behind the last record.
    pub end: u64,
    /// The HEAD file.
    pub head: Vec<u8>,
    /// Ascending by number.
    pub segments: Vec<SegmentSnapshot>,
}

/// What the bytes of a segment are, by themselves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentCheck {
    /// Its number.
    pub number: u32,
    /// First position in it.
    pub first: u64,
    /// Position behind the last.
    pub end: u64,
    /// What it says of the segment before it.
    pub previous: [u8; 32],
    /// Digest over its ids, for the segment behind it.
    pub digest: [u8; 32],
    /// Records that are good.
    pub records: u64,
    /// What is wrong, with the position where it begins.
    pub findings: Vec<(u64, String)>,
}

impl<D: Disk> Store<D> {
    /// The store's files as of now. HEAD is made durable for it.
    pub fn snapshot(&mut self) -> Result<Snapshot, StoreError> {
        self.running()?;
        self.sync_head()?;
        let mut segments = Vec::new();
        for (at, segment) in self.segments.iter().enumerate() {
            let next = self.segments.get(at + 1);
            let bytes = match next {
                None => u64::from(self.open.at.offset),
                Some(_) => segment.file.size().map_err(|e| segment.read_error(e))?,
            };
            let path = segment.path();
            let identity = self
                .disk
                .identity(&path)
                .map_err(|error| segment.read_error(error))?;
            segments.push(SegmentSnapshot {
                number: segment.number(),
                first: segment.header.first,
                end: segment.end,
                path,
                bytes,
                identity,
                closed: next.is_some(),
                digest: next.map_or_else(|| self.open.digest.value(), |next| next.header.previous),
            });
        }
        Ok(Snapshot {
            uuid: self.uuid(),
            end: self.end(),
            head: self.head.state.to_file(),
            segments,
        })
    }
}

/// What the bytes of a segment say where nothing else is at hand.
struct Alone<'a> {
    header: Header,
    /// Whether both copies of the header are good.
    both: bool,
    indexing: Indexing<'a>,
    walk: Walk,
}

/// Takes in a segment's bytes up to `positions` of them. `None` where there is no header.
fn read_alone<'a>(
    bytes: &'a [u8],
    decoder: &'a dyn Decoder,
    deep: bool,
    positions: impl FnOnce(&Header) -> Option<u32>,
) -> Option<Alone<'a>> {
    let (read, both) = Header::decode_twice(bytes);
    let HeaderRead::Good(header) = read else {
        return None;
    };
    let mut indexing = Indexing {
        bytes,
        deep,
        key: FrameKey::new(&header.uuid, header.number),
        decoder,
        known: &|_| BTreeMap::new(),
        limit: positions(&header)?,
        rows: SegmentRows::new(0, DATA_START),
        digest: SegmentDigest::new(&header),
        refused: Vec::new(),
    };
    let walk = indexing.run(Start {
        offset: DATA_START,
        next: 0,
        crc: header.crc(),
    });
    Some(Alone {
        header,
        both,
        indexing,
        walk,
    })
}

/// The digest over a segment's ids up to a position behind `first`: the same for all that
/// a history goes on with. `None` where no batch ends there, or records before it are
/// damaged.
pub fn digest_up_to(bytes: &[u8], decoder: &dyn Decoder, end: u64) -> Option<[u8; 32]> {
    let positions = |header: &Header| u32::try_from(end.checked_sub(header.first)?).ok();
    let alone = read_alone(bytes, decoder, false, positions)?;
    let rows = &alone.indexing.rows;
    let whole = alone.header.first + u64::from(rows.end()) == end && rows.holes().next().is_none();
    whole.then(|| alone.indexing.digest.value())
}

/// Checks a segment of which nothing but the bytes is at hand: frames, records, and, where
/// `deep`, what the decoder checks of each.
pub fn check_segment(bytes: &[u8], decoder: &dyn Decoder, deep: bool) -> Option<SegmentCheck> {
    let Alone {
        header,
        both,
        indexing,
        walk,
    } = read_alone(bytes, decoder, deep, |_| Some(u32::MAX))?;
    let mut findings = Vec::new();
    if !both {
        findings.push((header.first, "a copy of the header is damaged".to_owned()));
    }
    let (mut records, rows) = (0, &indexing.rows);
    for row in 0..rows.rows.len() {
        let span = rows.span(row);
        if span.row.what != What::Hole {
            records += 1;
            continue;
        }
        let refused = indexing
            .refused
            .iter()
            .find(|refused| refused.first == span.row.first);
        let why = refused.map_or_else(
            || format!("bytes at offset {} are damaged", span.row.offset),
            |refused| refused.why.clone(),
        );
        findings.push((header.first + u64::from(span.row.first), why));
    }
    let end = header.first + u64::from(rows.end());
    if let Some(tail) = walk.tail {
        let text = format!("bytes from offset {} on are damaged", tail.start);
        findings.push((end, text));
    }
    Some(SegmentCheck {
        number: header.number,
        first: header.first,
        end,
        previous: header.previous,
        digest: indexing.digest.value(),
        records,
        findings,
    })
}

/// Where a segment's file belongs, relative to the store.
pub fn segment_path(number: u32) -> String {
    path_of(number)
}
