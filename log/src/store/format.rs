//! Bytes of a segment file.
//!
//! ```text
//! segments/00000001.seg                                (integers little-endian)
//!
//! header, 76 bytes, twice: at 0 and at 4096, in two pages of the disk
//!    0  magic "SYNLOGSG"            8
//!    8  format version              4   = 1
//!   12  segment number              4   counted from 1
//!   16  store uuid                 16   secret: it keys all checksums
//!   32  first position              8
//!   40  digest of the previous     32   zero in segment 1
//!   72  CRC32C of bytes 0..72       4
//!
//! batch frame, one after the other from byte 4172 on
//!    0  body length in bytes        4 ┐
//!    4  first position − segment's  4 │ stored XOR a mask made from the uuid
//!    8  CRC of the previous frame   4 ┘ (of the header, in the first frame)
//!   12  CRC32C over: uuid, segment number, offset of the frame, the 12 bytes
//!       above without mask, the body
//!   16  body: records
//!
//! record
//!    kind                           1
//!    number of entries, varint      only in kind 1 (a run)
//!    length of the bytes, varint
//!    bytes
//! ```
//!
//! After damage the reader searches for the next valid frame byte by byte.
//! Records carry bytes that strangers chose, so checksum and mask are keyed
//! with the uuid, which never leaves the store: nobody can hide a frame in a
//! payload. The offset in the checksum makes a frame valid at its place only.
//!
//! **Digest of a segment**: blake3 (derive-key "synlog segment digest v1")
//! over its number, first position, the digest of the previous segment and,
//! per record, first position, kind and ids. It is made of ids, not of bytes,
//! so pruning what may be erased does not change it.

use crate::ids::hex;

/// Format version of segments, HEAD and derived files.
pub(crate) const FORMAT_VERSION: u32 = 1;
/// Length of a segment header in bytes.
pub(crate) const HEADER_BYTES: u32 = 76;
/// Where the second copy of the header lies: positions hang on it, so one
/// lost page must not take it.
const HEADER_COPY_AT: u32 = 4096;
/// Where batches begin.
pub(crate) const DATA_START: u32 = HEADER_COPY_AT + HEADER_BYTES;
/// Length of a batch frame without body, in bytes.
pub(crate) const FRAME_BYTES: u32 = 16;
/// A batch collects records up to this many bytes; a larger record is a batch
/// of its own. Small enough that a sync stays short, large enough to amortise it.
pub const MAX_BATCH_BYTES: u32 = 1 << 20;
/// Largest record in bytes: what is larger is a blob and lives elsewhere.
pub const MAX_RECORD_BYTES: u32 = 16 << 20;
/// Largest body: one largest record with its prefix.
pub(crate) const MAX_BODY_BYTES: u32 = MAX_RECORD_BYTES + 16;
/// Most entries of one run; runs that travel have 256.
pub const MAX_RUN_ENTRIES: u32 = 4096;
/// Largest segment file: offsets are 31 bits in the index.
pub(crate) const MAX_SEGMENT_BYTES: u64 = 1 << 30;
/// Kind of a record that holds a run of entries.
pub const KIND_RUN: u8 = 1;

const MAGIC: &[u8; 8] = b"SYNLOGSG";

/// Name of a segment file in its directory.
pub(crate) fn segment_name(number: u32) -> String {
    format!("{number:08}.seg")
}

/// Number of a segment from a file name with the given ending.
pub(crate) fn number_of(name: &str, ending: &str) -> Option<u32> {
    let digits = name.strip_suffix(ending)?;
    let number: u32 = digits.parse().ok()?;
    (digits.len() == 8 && number > 0).then_some(number)
}

pub(crate) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let mut four = [0; 4];
    four.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(four)
}

pub(crate) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let mut eight = [0; 8];
    eight.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(eight)
}

pub(crate) fn array_at<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut array = [0; N];
    array.copy_from_slice(&bytes[at..at + N]);
    array
}

/// Header of a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) number: u32,
    pub(crate) uuid: [u8; 16],
    pub(crate) first: u64,
    pub(crate) previous: [u8; 32],
}

/// What the bytes of a header are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum HeaderRead {
    Good(Header),
    Damaged,
    OtherVersion(u32),
}

impl Header {
    pub(crate) fn encode(&self) -> [u8; HEADER_BYTES as usize] {
        let mut bytes = [0; HEADER_BYTES as usize];
        bytes[..8].copy_from_slice(MAGIC);
        bytes[8..12].copy_from_slice(&FORMAT_VERSION.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.number.to_le_bytes());
        bytes[16..32].copy_from_slice(&self.uuid);
        bytes[32..40].copy_from_slice(&self.first.to_le_bytes());
        bytes[40..72].copy_from_slice(&self.previous);
        let crc = crc32c::crc32c(&bytes[..72]);
        bytes[72..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    pub(crate) fn crc(&self) -> u32 {
        u32_at(&self.encode(), 72)
    }

    /// Both copies, as a segment begins with them.
    pub(crate) fn encode_twice(&self) -> Vec<u8> {
        let mut bytes = vec![0; DATA_START as usize];
        bytes[..HEADER_BYTES as usize].copy_from_slice(&self.encode());
        bytes[HEADER_COPY_AT as usize..].copy_from_slice(&self.encode());
        bytes
    }

    /// The header at the beginning of a segment, and whether both copies are good.
    pub(crate) fn decode_twice(bytes: &[u8]) -> (HeaderRead, bool) {
        let first = Self::decode(bytes);
        let second = Self::decode(bytes.get(HEADER_COPY_AT as usize..).unwrap_or_default());
        let both = matches!(first, HeaderRead::Good(_)) && first == second;
        match first {
            HeaderRead::Damaged => (second, both),
            _ => (first, both),
        }
    }

    fn decode(bytes: &[u8]) -> HeaderRead {
        if bytes.len() < HEADER_BYTES as usize
            || &bytes[..8] != MAGIC
            || crc32c::crc32c(&bytes[..72]) != u32_at(bytes, 72)
        {
            return HeaderRead::Damaged;
        }
        let version = u32_at(bytes, 8);
        if version != FORMAT_VERSION {
            return HeaderRead::OtherVersion(version);
        }
        HeaderRead::Good(Self {
            number: u32_at(bytes, 12),
            uuid: array_at(bytes, 16),
            first: u64_at(bytes, 32),
            previous: array_at(bytes, 40),
        })
    }
}

/// What keys the frames of one segment.
#[derive(Clone)]
pub(crate) struct FrameKey {
    seed: u32,
    mask: [u8; 12],
}

/// A frame whose checksum is right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) body_bytes: u32,
    pub(crate) first: u32,
    pub(crate) previous: u32,
    pub(crate) crc: u32,
}

impl FrameKey {
    pub(crate) fn new(uuid: &[u8; 16], number: u32) -> Self {
        let seed = crc32c::crc32c_append(crc32c::crc32c(uuid), &number.to_le_bytes());
        let key = blake3::derive_key("synlog frame mask v1", uuid);
        Self {
            seed,
            mask: array_at(&key, 0),
        }
    }

    fn crc(&self, offset: u32, words: &[u8; 12], body: &[u8]) -> u32 {
        let crc = crc32c::crc32c_append(self.seed, &offset.to_le_bytes());
        crc32c::crc32c_append(crc32c::crc32c_append(crc, words), body)
    }

    fn masked(&self, mut words: [u8; 12]) -> [u8; 12] {
        for (byte, mask) in words.iter_mut().zip(self.mask) {
            *byte ^= mask;
        }
        words
    }

    /// Fills in the frame in front of a body: `batch` starts with 16 spare
    /// bytes. Returns the CRC.
    pub(crate) fn seal(&self, batch: &mut [u8], offset: u32, first: u32, previous: u32) -> u32 {
        let (frame, body) = batch.split_at_mut(FRAME_BYTES as usize);
        let mut words = [0; 12];
        words[..4].copy_from_slice(&(body.len() as u32).to_le_bytes());
        words[4..8].copy_from_slice(&first.to_le_bytes());
        words[8..].copy_from_slice(&previous.to_le_bytes());
        let crc = self.crc(offset, &words, body);
        frame[..12].copy_from_slice(&self.masked(words));
        frame[12..].copy_from_slice(&crc.to_le_bytes());
        crc
    }

    /// The words of a frame, unchecked: (body length, first, previous).
    pub(crate) fn words(&self, frame: &[u8]) -> (u32, u32, u32) {
        let words = self.masked(array_at(frame, 0));
        (u32_at(&words, 0), u32_at(&words, 4), u32_at(&words, 8))
    }

    /// The frame at an offset of a segment's bytes, if it is valid there.
    pub(crate) fn open(&self, segment: &[u8], offset: u32) -> Option<Frame> {
        let start = offset as usize;
        let body_start = start + FRAME_BYTES as usize;
        if segment.len() < body_start {
            return None;
        }
        let (body_bytes, first, previous) = self.words(&segment[start..]);
        if body_bytes == 0
            || body_bytes > MAX_BODY_BYTES
            || segment.len() - body_start < body_bytes as usize
        {
            return None;
        }
        let crc = u32_at(segment, start + 12);
        let words = self.masked(array_at(segment, start));
        let body = &segment[body_start..body_start + body_bytes as usize];
        (self.crc(offset, &words, body) == crc).then_some(Frame {
            body_bytes,
            first,
            previous,
            crc,
        })
    }
}

/// A record as it lies in a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RawRecord<'a> {
    pub(crate) kind: u8,
    /// Positions that it takes.
    pub(crate) count: u32,
    pub(crate) bytes: &'a [u8],
    /// Length with kind, count and length field.
    pub(crate) encoded_bytes: u32,
}

pub(crate) fn push_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Takes a varint off the front.
pub(crate) fn take_varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        let bits = u64::from(first & 0x7f);
        if shift == 63 && bits > 1 {
            return None;
        }
        value |= bits << shift;
        if first & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// Appends a record to a body.
pub(crate) fn push_record(out: &mut Vec<u8>, kind: u8, count: u32, bytes: &[u8]) {
    out.push(kind);
    if kind == KIND_RUN {
        push_varint(out, u64::from(count));
    }
    push_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Parses the record at the front of some bytes.
pub(crate) fn parse_record(bytes: &[u8]) -> Option<RawRecord<'_>> {
    let (&kind, mut rest) = bytes.split_first()?;
    let count = if kind == KIND_RUN {
        take_varint(&mut rest)?
    } else {
        1
    };
    if count == 0 || count > u64::from(MAX_RUN_ENTRIES) {
        return None;
    }
    let length = take_varint(&mut rest)?;
    if length > u64::from(MAX_RECORD_BYTES) || length > rest.len() as u64 {
        return None;
    }
    let prefix = bytes.len() - rest.len();
    Some(RawRecord {
        kind,
        count: count as u32,
        bytes: &rest[..length as usize],
        encoded_bytes: (prefix + length as usize) as u32,
    })
}

/// Splits a body; `None` where it is not a sequence of records.
pub(crate) fn parse_body(body: &[u8]) -> Option<Vec<RawRecord<'_>>> {
    let mut records = Vec::new();
    let mut rest = body;
    while !rest.is_empty() {
        let record = parse_record(rest)?;
        rest = &rest[record.encoded_bytes as usize..];
        records.push(record);
    }
    Some(records)
}

/// The running digest of a segment.
#[derive(Clone)]
pub(crate) struct SegmentDigest(blake3::Hasher);

impl SegmentDigest {
    pub(crate) fn new(header: &Header) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key("synlog segment digest v1");
        hasher.update(&header.number.to_le_bytes());
        hasher.update(&header.first.to_le_bytes());
        hasher.update(&header.previous);
        Self(hasher)
    }

    pub(crate) fn push(&mut self, first: u64, is_run: bool, ids: &[[u8; 32]]) {
        self.0.update(&first.to_le_bytes());
        self.0.update(&[u8::from(is_run)]);
        self.0.update(ids.as_flattened());
    }

    pub(crate) fn value(&self) -> [u8; 32] {
        *self.0.finalize().as_bytes()
    }
}

impl std::fmt::Debug for SegmentDigest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&hex(&self.value()[..5]))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_header_survives_and_any_flipped_bit_shows() {
        let header = Header {
            number: 7,
            uuid: [3; 16],
            first: 1 << 40,
            previous: [9; 32],
        };
        let bytes = header.encode();
        assert_eq!(Header::decode(&bytes), HeaderRead::Good(header));
        for bit in 0..bytes.len() * 8 {
            let mut damaged = bytes;
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Header::decode(&damaged), HeaderRead::Damaged);
        }
    }

    #[test]
    fn a_frame_is_valid_in_its_place_only() {
        let key = FrameKey::new(&[1; 16], 1);
        let mut batch = vec![0; 16];
        push_record(&mut batch, 2, 1, b"hello");
        key.seal(&mut batch, 100, 5, 77);
        let mut segment = vec![0; 100];
        segment.extend_from_slice(&batch);
        let frame = key.open(&segment, 100).unwrap();
        assert_eq!((frame.first, frame.previous), (5, 77));
        segment.insert(0, 0);
        assert!(key.open(&segment, 101).is_none());
        segment.remove(0);
        assert!(FrameKey::new(&[1; 16], 2).open(&segment, 100).is_none());
        assert!(FrameKey::new(&[2; 16], 1).open(&segment, 100).is_none());
        for bit in 100 * 8..segment.len() * 8 {
            segment[bit / 8] ^= 1 << (bit % 8);
            assert!(key.open(&segment, 100).is_none());
            segment[bit / 8] ^= 1 << (bit % 8);
        }
    }

    #[test]
    fn a_lone_run_costs_little_more_than_its_bytes() {
        let mut batch = vec![0; FRAME_BYTES as usize];
        push_record(&mut batch, KIND_RUN, 1, &[5; 386]);
        assert_eq!(batch.len(), 386 + 20);
    }

    proptest! {
        #[test]
        fn records_survive(records in proptest::collection::vec(
            (0u8..5, 1u32..4097, proptest::collection::vec(any::<u8>(), 0..400)), 0..8)) {
            let mut body = Vec::new();
            for (kind, count, bytes) in &records {
                push_record(&mut body, *kind, *count, bytes);
            }
            let parsed = parse_body(&body).unwrap();
            prop_assert_eq!(parsed.len(), records.len());
            for (raw, (kind, count, bytes)) in parsed.iter().zip(&records) {
                prop_assert_eq!((raw.kind, raw.bytes), (*kind, &bytes[..]));
                prop_assert_eq!(raw.count, if *kind == KIND_RUN { *count } else { 1 });
            }
        }

        #[test]
        fn any_bytes_are_parsed_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = parse_body(&bytes);
            let _ = Header::decode(&bytes);
            let _ = FrameKey::new(&[0; 16], 1).open(&bytes, 0);
            let mut rest = &bytes[..];
            let _ = take_varint(&mut rest);
        }

        #[test]
        fn varints_survive(value in any::<u64>()) {
            let mut bytes = Vec::new();
            push_varint(&mut bytes, value);
            let mut rest = &bytes[..];
            prop_assert_eq!(take_varint(&mut rest), Some(value));
            prop_assert!(rest.is_empty());
        }
    }
}
