//! Reading a segment's bytes from front to end, over damage and zeros.
//!
//! A pure function of bytes. What it finds is told in terms of the segment:
//! offsets in bytes from its start, positions relative to its first.

use super::format::{FRAME_BYTES, FrameKey, MAX_BODY_BYTES, parse_body};

/// Disks tear writes at the borders of these.
const SECTOR_BYTES: usize = 512;

/// Where a walk starts: behind the header, or behind a batch known to be good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Start {
    pub(crate) offset: u32,
    pub(crate) next: u32,
    pub(crate) crc: u32,
}

/// A valid batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Batch {
    pub(crate) offset: u32,
    pub(crate) end: u32,
    pub(crate) first: u32,
    pub(crate) crc: u32,
}

/// Damaged bytes in front of a valid batch, and the positions lost with them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Gap {
    pub(crate) start: u32,
    pub(crate) end: u32,
    pub(crate) first: u32,
    pub(crate) next: u32,
}

/// Bytes behind the last valid batch that are not all zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BadTail {
    pub(crate) start: u32,
    /// Behind the last byte that is not zero.
    pub(crate) end: u32,
    /// They look like one write of which sectors never reached the disk, and
    /// so was never acknowledged; otherwise acknowledged bytes may be damaged.
    pub(crate) torn: bool,
}

/// What a segment holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Walk {
    pub(crate) batches: Vec<Batch>,
    pub(crate) gaps: Vec<Gap>,
    /// Behind the last valid batch.
    pub(crate) end: Start,
    pub(crate) tail: Option<BadTail>,
}

/// Walks a segment. `limit` is the number of positions that it can have at most.
pub(crate) fn walk(segment: &[u8], key: &FrameKey, start: Start, limit: u32) -> Walk {
    let used = used_bytes(segment);
    let mut walk = Walk {
        batches: Vec::new(),
        gaps: Vec::new(),
        end: start,
        tail: None,
    };
    loop {
        let at = walk.end;
        let in_order = valid_at(segment, key, at.offset, limit)
            .filter(|(batch, previous, _)| batch.first == at.next && *previous == at.crc);
        let found = in_order.or_else(|| {
            let found = search(segment, key, at, limit, used)?;
            walk.gaps.push(Gap {
                start: at.offset,
                end: found.0.offset,
                first: at.next,
                next: found.0.first,
            });
            Some(found)
        });
        let Some((batch, _, next)) = found else {
            break;
        };
        walk.end = Start {
            offset: batch.end,
            next,
            crc: batch.crc,
        };
        walk.batches.push(batch);
    }
    if used > walk.end.offset as usize {
        walk.tail = Some(BadTail {
            start: walk.end.offset,
            end: used as u32,
            torn: is_torn(segment, key, walk.end, used),
        });
    }
    walk
}

/// The batch at an offset with the CRC that it follows and the position behind it.
fn valid_at(segment: &[u8], key: &FrameKey, offset: u32, limit: u32) -> Option<(Batch, u32, u32)> {
    let frame = key.open(segment, offset)?;
    let start = (offset + FRAME_BYTES) as usize;
    let end = start + frame.body_bytes as usize;
    let records = parse_body(&segment[start..end])?;
    let positions: u64 = records.iter().map(|r| u64::from(r.count)).sum();
    let next = u64::from(frame.first) + positions;
    if next > u64::from(limit) {
        return None;
    }
    let batch = Batch {
        offset,
        end: end as u32,
        first: frame.first,
        crc: frame.crc,
    };
    Some((batch, frame.previous, next as u32))
}

/// The first valid batch at or behind `at` that does not repeat a position.
fn search(
    segment: &[u8],
    key: &FrameKey,
    at: Start,
    limit: u32,
    used: usize,
) -> Option<(Batch, u32, u32)> {
    // The cheap test on the words comes first: they are masked, so nobody can
    // make many offsets pass it and have a checksum computed at each.
    (at.offset as usize..used).find_map(|offset| {
        let frame = segment.get(offset..offset + FRAME_BYTES as usize)?;
        let (body_bytes, first, _) = key.words(frame);
        if body_bytes == 0 || body_bytes > MAX_BODY_BYTES || first < at.next || first >= limit {
            return None;
        }
        valid_at(segment, key, offset as u32, limit)
    })
}

/// Length up to the last byte that is not zero.
pub(crate) fn used_bytes(bytes: &[u8]) -> usize {
    const STEP: usize = 4096;
    const ZEROS: [u8; STEP] = [0; STEP];
    let mut end = bytes.len();
    while end >= STEP && bytes[end - STEP..end] == ZEROS {
        end -= STEP;
    }
    let from = end.saturating_sub(STEP);
    let last = bytes[from..end].iter().rposition(|byte| *byte != 0);
    last.map_or(from, |at| from + at + 1)
}

/// Whether the bytes behind the last valid batch can be a single torn write.
///
/// Space behind the last batch is zero before a batch is written, and only one
/// batch is ever unsynced. So after a crash every sector of it is either whole
/// or zero. If no sector is zero all of it reached the disk, and its checksum
/// must have been right once: then it is damage, perhaps of an acknowledged
/// batch, and so are bytes behind the one batch that can be under way.
fn is_torn(segment: &[u8], key: &FrameKey, end: Start, used: usize) -> bool {
    let start = end.offset as usize;
    let header_end = start + FRAME_BYTES as usize;
    let claimed = segment.get(start..header_end).and_then(|frame| {
        let (body_bytes, first, previous) = key.words(frame);
        let plausible = body_bytes > 0
            && body_bytes <= MAX_BODY_BYTES
            && first == end.next
            && previous == end.crc;
        plausible.then_some(header_end + body_bytes as usize)
    });
    match claimed {
        Some(frame_end) => used <= frame_end && any_sector_zero(segment, start, frame_end),
        None => {
            used <= header_end + MAX_BODY_BYTES as usize
                && any_sector_zero(segment, start, header_end)
        }
    }
}

/// Whether the part of any sector that lies in a range is zero or behind the file.
fn any_sector_zero(segment: &[u8], start: usize, end: usize) -> bool {
    let mut at = start;
    while at < end {
        let next = end.min(at - at % SECTOR_BYTES + SECTOR_BYTES);
        let there = segment.get(at.min(segment.len())..next.min(segment.len()));
        if there.is_none_or(|part| part.iter().all(|byte| *byte == 0)) {
            return true;
        }
        at = next;
    }
    false
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::format::push_record;
    use super::*;
    use proptest::prelude::*;

    const START: Start = Start {
        offset: 76,
        next: 0,
        crc: 42,
    };

    /// A segment of batches with one record of each given length.
    fn segment(lengths: &[usize]) -> (Vec<u8>, FrameKey, Vec<Batch>) {
        let key = FrameKey::new(&[1; 16], 1);
        let mut bytes = vec![1; 76];
        let mut batches = Vec::new();
        let mut crc = START.crc;
        for (first, length) in lengths.iter().enumerate() {
            let mut batch = vec![0; 16];
            push_record(&mut batch, 2, 1, &vec![first as u8 + 1; *length]);
            let offset = bytes.len() as u32;
            crc = key.seal(&mut batch, offset, first as u32, crc);
            bytes.extend_from_slice(&batch);
            batches.push(Batch {
                offset,
                end: bytes.len() as u32,
                first: first as u32,
                crc,
            });
        }
        (bytes, key, batches)
    }

    #[test]
    fn zeros_in_the_middle_are_not_the_end() {
        let (mut bytes, key, batches) = segment(&[100, 3000, 100]);
        bytes.resize(20_000, 0);
        bytes[batches[1].offset as usize..batches[1].end as usize].fill(0);
        let found = walk(&bytes, &key, START, u32::MAX);
        assert_eq!(found.batches, [batches[0], batches[2]]);
        assert_eq!((found.gaps[0].first, found.gaps[0].next), (1, 2));
        assert_eq!(found.end.next, 3);
        assert_eq!(found.tail, None);
    }

    #[test]
    fn a_lost_sector_is_torn_and_a_flipped_bit_is_not() {
        let (mut bytes, key, batches) = segment(&[100, 3000]);
        bytes.resize(20_000, 0);
        let mut torn = bytes.clone();
        torn[1024..1536].fill(0);
        let tail = walk(&torn, &key, START, u32::MAX).tail.unwrap();
        assert!(tail.torn);
        assert_eq!(tail.start, batches[1].offset);
        let mut headless = bytes.clone();
        headless[batches[1].offset as usize..512].fill(0);
        assert!(walk(&headless, &key, START, u32::MAX).tail.unwrap().torn);
        for at in [batches[1].offset as usize, 1000, 3000] {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1;
            assert!(!walk(&flipped, &key, START, u32::MAX).tail.unwrap().torn);
        }
    }

    #[test]
    fn a_batch_written_twice_counts_once() {
        let (bytes, key, batches) = segment(&[100, 100]);
        let mut doubled = bytes.clone();
        doubled.extend_from_slice(&bytes[batches[1].offset as usize..]);
        let found = walk(&doubled, &key, START, u32::MAX);
        assert_eq!(found.batches, batches);
        assert!(found.tail.is_some());
    }

    proptest! {
        #[test]
        fn damage_never_invents_and_never_hides_what_lies_elsewhere(
            lengths in proptest::collection::vec(1usize..900, 1..8),
            damage in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 0..6)) {
            let (clean, key, batches) = segment(&lengths);
            let mut bytes = clean.clone();
            bytes.resize(clean.len() + 700, 0);
            for (at, value) in damage {
                let at = 76 + at.index(bytes.len() - 76);
                bytes[at] = value;
            }
            let found = walk(&bytes, &key, START, u32::MAX);
            let intact: Vec<Batch> = batches.iter().copied()
                .filter(|b| bytes[b.offset as usize..b.end as usize] == clean[b.offset as usize..b.end as usize])
                .collect();
            prop_assert_eq!(&found.batches, &intact);
            let mut covered = 0;
            for batch in &found.batches {
                let gap = found.gaps.iter().find(|g| g.next == batch.first && g.end == batch.offset);
                prop_assert_eq!(gap.map_or(batch.first, |g| g.first), covered);
                covered = batch.first + 1;
            }
        }
    }
}
