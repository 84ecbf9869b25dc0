//! The manifest of a backup: which parts make up the store as of a cut.
//!
//! ```text
//! synlog-backup               text: what this is, and of which store
//! manifests/0000000007.cbor   blake3 of the rest 32 │ CBOR map
//! objects/<blake3 in hex>     a part: 4 MiB of a segment, HEAD, a module, locked keys
//! ```

use synlog_log::cbor::Value;
use synlog_log::disk::DiskIdentity;
use synlog_log::ids::{DeviceId, EntityId, hex};

use crate::backup::BackupError;

/// The version of the format.
const FORMAT: i64 = 1;
/// Bytes of a part of a segment: small enough that a connection that breaks costs little,
/// and that the beginning of the open segment need not travel again.
pub const PART_BYTES: u64 = 4 << 20;
/// Bytes of a manifest: parts of more than ten terabytes have room.
pub const MANIFEST_MAX: u64 = 128 << 20;
/// Bytes that a segment may have (`spec/09-store.md`).
const SEGMENT_MAX: u64 = 1 << 30;
/// The file that says what a place is.
pub const MARKER: &str = "synlog-backup";

/// Something stored under the hash of its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// The hash.
    pub hash: [u8; 32],
    /// How many bytes.
    pub bytes: u64,
}

impl Part {
    /// Of some bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self {
            hash: *blake3::hash(bytes).as_bytes(),
            bytes: bytes.len() as u64,
        }
    }

    /// Where it is stored.
    pub fn name(&self) -> String {
        format!("objects/{}", hex(&self.hash))
    }
}

/// A segment in a backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// Its number.
    pub number: u32,
    /// First position in it.
    pub first: u64,
    /// Position behind the last.
    pub end: u64,
    /// Length in bytes.
    pub bytes: u64,
    /// Whether nothing is added to it any more.
    pub closed: bool,
    /// Which file it was physically.
    pub identity: DiskIdentity,
    /// Digest over its ids.
    pub digest: [u8; 32],
    /// Hashes of its parts, in order.
    pub parts: Vec<[u8; 32]>,
}

impl Segment {
    /// Its parts with their lengths.
    pub fn parts(&self) -> impl Iterator<Item = Part> + '_ {
        self.parts.iter().enumerate().map(|(at, hash)| Part {
            hash: *hash,
            bytes: PART_BYTES.min(self.bytes - at as u64 * PART_BYTES),
        })
    }
}

/// A backup as of a cut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// Counts up from 1.
    pub number: u64,
    /// When it was made, UTC ms.
    pub made_ms: u64,
    /// Whose store it is.
    pub entity: EntityId,
    /// The device that wrote it.
    pub device: DeviceId,
    /// Names the store without telling its secret id.
    pub origin: [u8; 32],
    /// Position behind the last record.
    pub end: u64,
    /// The HEAD file.
    pub head: Part,
    /// The segments, ascending.
    pub segments: Vec<Segment>,
    /// Reducers that were installed.
    pub modules: Vec<Part>,
    /// Keys under a passphrase.
    pub keys: Option<Part>,
}

/// The public name of a store.
pub fn origin_of(uuid: &[u8; 16]) -> [u8; 32] {
    blake3::derive_key("synlog backup origin v1", uuid)
}

/// The text of the marker.
pub fn marker(origin: &[u8; 32]) -> String {
    format!(
        "synlog backup 1\norigin {}\nSee `synlog restore --help`.\n",
        hex(origin)
    )
}

/// The origin that a marker names.
pub fn read_marker(text: &[u8]) -> Option<[u8; 32]> {
    let text = std::str::from_utf8(text).ok()?;
    let mut lines = text.lines();
    if lines.next()? != "synlog backup 1" {
        return None;
    }
    let origin = lines.next()?.strip_prefix("origin ")?;
    synlog_log::ids::unhex(origin)?.try_into().ok()
}

/// Name of the manifest with a number.
pub fn name_of(number: u64) -> String {
    format!("manifests/{number:010}.cbor")
}

/// Number of a manifest by its name.
pub fn number_of(name: &str) -> Option<u64> {
    let digits = name.strip_prefix("manifests/")?.strip_suffix(".cbor")?;
    let right = digits.len() == 10 && digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|number| right && *number > 0)
}

fn int(number: u64) -> Value {
    Value::Int(i64::try_from(number).unwrap_or(i64::MAX))
}

fn bytes(id: &[u8]) -> Value {
    Value::Bytes(id.to_vec())
}

fn part(part: &Part) -> Value {
    Value::map([("bytes", int(part.bytes)), ("hash", bytes(&part.hash))])
}

fn read_int(body: &Value, key: &str) -> Option<u64> {
    u64::try_from(body.get(key)?.as_int()?).ok()
}

fn read_id(body: &Value, key: &str) -> Option<[u8; 32]> {
    body.get(key)?.as_id()
}

fn read_part(body: &Value) -> Option<Part> {
    Some(Part {
        hash: read_id(body, "hash")?,
        bytes: read_int(body, "bytes")?,
    })
}

impl Segment {
    fn body(&self) -> Value {
        let parts = self.parts.iter().map(|hash| bytes(hash)).collect();
        Value::map([
            ("number", int(u64::from(self.number))),
            ("first", int(self.first)),
            ("end", int(self.end)),
            ("bytes", int(self.bytes)),
            ("closed", Value::Bool(self.closed)),
            ("identity", bytes(&self.identity.0)),
            ("digest", bytes(&self.digest)),
            ("parts", Value::Array(parts)),
        ])
    }

    fn read(body: &Value) -> Option<Self> {
        let parts = body.get("parts")?.as_array()?;
        let segment = Self {
            number: u32::try_from(read_int(body, "number")?).ok()?,
            first: read_int(body, "first")?,
            end: read_int(body, "end")?,
            bytes: read_int(body, "bytes")?,
            closed: matches!(body.get("closed")?, Value::Bool(true)),
            identity: DiskIdentity(read_id(body, "identity")?),
            digest: read_id(body, "digest")?,
            parts: parts.iter().map(Value::as_id).collect::<Option<_>>()?,
        };
        let whole = segment.bytes.div_ceil(PART_BYTES) == segment.parts.len() as u64;
        let right = (1..=SEGMENT_MAX).contains(&segment.bytes) && segment.first <= segment.end;
        (whole && right && segment.number > 0).then_some(segment)
    }
}

impl Manifest {
    /// Bytes of all that it names, a part that is in it twice counted twice.
    pub fn bytes(&self) -> u64 {
        let segments = self.segments.iter().map(|segment| segment.bytes);
        segments.sum::<u64>() + self.other_parts().map(|part| part.bytes).sum::<u64>()
    }

    /// Parts that are not of segments.
    pub fn other_parts(&self) -> impl Iterator<Item = Part> + '_ {
        let others = self.modules.iter().chain(&self.keys);
        others.copied().chain([self.head])
    }

    /// All parts.
    pub fn parts(&self) -> impl Iterator<Item = Part> + '_ {
        self.segments
            .iter()
            .flat_map(Segment::parts)
            .chain(self.other_parts())
    }

    /// The bytes that are stored.
    pub fn encode(&self) -> Vec<u8> {
        let segments = self.segments.iter().map(Segment::body).collect();
        let body = Value::map([
            ("format", Value::Int(FORMAT)),
            ("number", int(self.number)),
            ("made_ms", int(self.made_ms)),
            ("entity", bytes(&self.entity.0)),
            ("device", bytes(&self.device.0)),
            ("origin", bytes(&self.origin)),
            ("end", int(self.end)),
            ("head", part(&self.head)),
            ("segments", Value::Array(segments)),
            (
                "modules",
                Value::Array(self.modules.iter().map(part).collect()),
            ),
            ("keys", self.keys.as_ref().map_or(Value::Null, part)),
        ])
        .encode();
        let mut out = blake3::hash(&body).as_bytes().to_vec();
        out.extend_from_slice(&body);
        out
    }

    /// Reads a manifest that was stored under a number.
    pub fn decode(number: u64, stored: &[u8]) -> Result<Self, BackupError> {
        let damaged = |what: &str| BackupError::Damaged {
            part: name_of(number),
            what: what.to_owned(),
        };
        let (hash, body) = stored
            .split_at_checked(32)
            .ok_or_else(|| damaged("is cut off"))?;
        if blake3::hash(body).as_bytes() != hash {
            return Err(damaged("is damaged"));
        }
        let body = Value::decode(body).map_err(|_| damaged("is damaged"))?;
        match body.get("format").and_then(Value::as_int) {
            Some(FORMAT) => {}
            Some(_) => return Err(damaged("was made by a newer synlog")),
            None => return Err(damaged("is damaged")),
        }
        let read = Self::read(&body).ok_or_else(|| damaged("does not say what it must"))?;
        if read.number == number {
            Ok(read)
        } else {
            Err(damaged("has another number inside"))
        }
    }

    fn read(body: &Value) -> Option<Self> {
        let segments = body.get("segments")?.as_array()?;
        let modules = body.get("modules")?.as_array()?;
        let keys = match body.get("keys")? {
            Value::Null => None,
            keys => Some(read_part(keys)?),
        };
        let manifest = Self {
            number: read_int(body, "number")?,
            made_ms: read_int(body, "made_ms")?,
            entity: EntityId(read_id(body, "entity")?),
            device: DeviceId(read_id(body, "device")?),
            origin: read_id(body, "origin")?,
            end: read_int(body, "end")?,
            head: read_part(body.get("head")?)?,
            segments: segments.iter().map(Segment::read).collect::<Option<_>>()?,
            modules: modules.iter().map(read_part).collect::<Option<_>>()?,
            keys,
        };
        let ascending = manifest
            .segments
            .windows(2)
            .all(|pair| pair[0].number < pair[1].number && pair[0].end <= pair[1].first);
        ascending.then_some(manifest)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn some() -> Manifest {
        let part = |byte: u8| Part {
            hash: [byte; 32],
            bytes: u64::from(byte),
        };
        Manifest {
            number: 7,
            made_ms: 1_000,
            entity: EntityId([1; 32]),
            device: DeviceId([2; 32]),
            origin: origin_of(&[3; 16]),
            end: 90,
            head: part(4),
            segments: vec![Segment {
                number: 1,
                first: 0,
                end: 90,
                bytes: PART_BYTES + 5,
                closed: false,
                identity: DiskIdentity([5; 32]),
                digest: [6; 32],
                parts: vec![[7; 32], [8; 32]],
            }],
            modules: vec![part(9)],
            keys: Some(part(10)),
        }
    }

    #[test]
    fn it_comes_back_and_any_flipped_bit_shows() {
        let manifest = some();
        let stored = manifest.encode();
        assert_eq!(Manifest::decode(7, &stored).unwrap(), manifest);
        assert!(Manifest::decode(8, &stored).is_err());
        for bit in 0..stored.len() * 8 {
            let mut damaged = stored.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(Manifest::decode(7, &damaged).is_err(), "bit {bit}");
        }
        let lengths: Vec<u64> = manifest.segments[0]
            .parts()
            .map(|part| part.bytes)
            .collect();
        assert_eq!(lengths, [PART_BYTES, 5]);
    }

    #[test]
    fn contradictions_are_refused() {
        for change in [
            |manifest: &mut Manifest| manifest.segments[0].parts.truncate(1),
            |manifest: &mut Manifest| manifest.segments[0].bytes = 0,
            |manifest: &mut Manifest| manifest.segments[0].bytes = 1 << 40,
            |manifest: &mut Manifest| manifest.segments[0].first = 91,
            |manifest: &mut Manifest| manifest.segments.push(manifest.segments[0].clone()),
        ] {
            let mut wrong = some();
            change(&mut wrong);
            assert!(Manifest::decode(7, &wrong.encode()).is_err());
        }
    }

    #[test]
    fn markers_and_names() {
        let origin = origin_of(&[3; 16]);
        assert_eq!(read_marker(marker(&origin).as_bytes()), Some(origin));
        assert_eq!(read_marker(b"hello"), None);
        assert_eq!(number_of(&name_of(12)), Some(12));
        for name in [
            "manifests/12.cbor",
            "manifests/0000000000.cbor",
            "objects/00",
        ] {
            assert_eq!(number_of(name), None);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = Manifest::decode(1, &bytes);
            let mut stored = blake3::hash(&bytes).as_bytes().to_vec();
            stored.extend_from_slice(&bytes);
            let _ = Manifest::decode(1, &stored);
            let _ = read_marker(&bytes);
        }
    }
}
