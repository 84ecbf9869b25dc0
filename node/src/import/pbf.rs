//! Elements of an `.osm.pbf` file, block by block, in bounded memory. The format:
//! <https://wiki.openstreetmap.org/wiki/PBF_Format>. Read here and not by a crate
//! because those at hand panic on corrupt deltas or pass over a cut-off end.

use std::io::{self, Read};
use std::ops::ControlFlow;

use flate2::read::ZlibDecoder;

use crate::import::listing::Geo;
use crate::import::wire::{Message, WireError, unzigzag};

/// Bytes of the header of a blob; a limit of the format.
const BLOB_HEADER_MAX: u64 = 64 * 1024;
/// Bytes of a blob, as it stands and inflated; a limit of the format.
const BLOB_MAX: u64 = 32 * 1024 * 1024;
/// Strings of a block: real blocks have some 8,000 elements with 20 strings at most.
const STRINGS_MAX: usize = 1_000_000;
/// Tags of an element; people write some dozens.
const TAGS_MAX: usize = 5_000;
/// Nodes of a way; OpenStreetMap itself stops at 2,000.
const REFS_MAX: usize = 100_000;
/// What a file may require of its reader.
const FEATURES: [&[u8]; 2] = [b"OsmSchema-V0.6", b"DenseNodes"];

/// Why a file can't be read, and where.
#[derive(Debug, thiserror::Error)]
#[error("block {block} (at byte {at}): {what}")]
pub struct PbfError {
    /// Number of the block, from 1.
    pub block: u64,
    /// Where in the file the block begins, bytes.
    pub at: u64,
    /// What is wrong.
    pub what: What,
}

/// What is wrong with a file.
#[derive(Debug, thiserror::Error)]
pub enum What {
    /// The system could not read it.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The bytes of a message.
    #[error("the file is damaged: {0}")]
    Wire(#[from] WireError),
    /// Something else about its form.
    #[error("{0}")]
    Form(&'static str),
    /// It requires what is not known here.
    #[error("it requires {0:?}, which this version can't read")]
    Feature(String),
}

/// Tags in the order of the file.
pub type Tags<'a> = [(&'a str, &'a str)];

/// An element with the parts that matter here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Element<'a> {
    /// A point.
    Node {
        /// Its id.
        id: i64,
        /// Where it is; `None` if that is not on this earth.
        geo: Option<Geo>,
        /// Its tags.
        tags: &'a Tags<'a>,
    },
    /// A line or an outline.
    Way {
        /// Its id.
        id: i64,
        /// Its nodes.
        refs: &'a [i64],
        /// Its tags.
        tags: &'a Tags<'a>,
    },
    /// A group of elements.
    Relation {
        /// Its id.
        id: i64,
        /// Its tags.
        tags: &'a Tags<'a>,
    },
}

/// Gives the elements of a file to `each` until it breaks off.
///
/// # Errors
/// The first thing that is wrong, with the block in which it stands. What came
/// before it has been given out.
pub fn read(
    mut input: impl Read,
    each: &mut dyn FnMut(Element<'_>) -> ControlFlow<()>,
) -> Result<(), PbfError> {
    let (mut at, mut block) = (0, 1);
    let (mut stored, mut inflated) = (Vec::new(), Vec::new());
    loop {
        let mut next = || -> Result<Option<(u64, bool)>, What> {
            let Some((used, kind)) = blob(&mut input, &mut stored)? else {
                return Ok(None);
            };
            if (block == 1) != (kind == Kind::Header) {
                return Err(What::Form(if block == 1 {
                    "this is no .osm.pbf file: it does not begin with a header"
                } else {
                    "a second header"
                }));
            }
            if kind == Kind::Other {
                return Ok(Some((used, true)));
            }
            let content = content(&stored, &mut inflated)?;
            let goes_on = match kind {
                Kind::Header => header(content).map(|()| true)?,
                _ => elements(content, each)?.is_continue(),
            };
            Ok(Some((used, goes_on)))
        };
        match next() {
            Ok(Some((used, true))) => (at, block) = (at + used, block + 1),
            Ok(Some((_, false))) => return Ok(()),
            Ok(None) if block == 1 => {
                let what = What::Form("the file is empty");
                return Err(PbfError { block, at, what });
            }
            Ok(None) => return Ok(()),
            Err(what) => return Err(PbfError { block, at, what }),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Header,
    Data,
    /// Readers pass over what they don't know.
    Other,
}

const CUT_OFF: What = What::Form("the file is cut off");

/// Reads exactly so many bytes; the buffer grows only as they come.
fn fill(input: &mut impl Read, buffer: &mut Vec<u8>, len: u64) -> Result<(), What> {
    buffer.clear();
    input.take(len).read_to_end(buffer)?;
    if buffer.len() as u64 == len {
        Ok(())
    } else {
        Err(CUT_OFF)
    }
}

/// The next blob into a buffer: the bytes it takes in the file and its kind.
fn blob(input: &mut impl Read, stored: &mut Vec<u8>) -> Result<Option<(u64, Kind)>, What> {
    stored.clear();
    input.take(4).read_to_end(stored)?;
    let header_len = match stored[..] {
        [] => return Ok(None),
        [a, b, c, d] => u64::from(u32::from_be_bytes([a, b, c, d])),
        _ => return Err(CUT_OFF),
    };
    if header_len > BLOB_HEADER_MAX {
        return Err(What::Form(
            "the header of a block has more than 64 KiB: no .osm.pbf file, or damaged",
        ));
    }
    fill(input, stored, header_len)?;
    let header = Message(stored);
    let kind = match header.bytes(1)? {
        Some(b"OSMHeader") => Kind::Header,
        Some(b"OSMData") => Kind::Data,
        Some(_) => Kind::Other,
        None => return Err(What::Form("a block does not say of what kind it is")),
    };
    let len = header.number(3)?.unwrap_or(0);
    if len > BLOB_MAX {
        return Err(What::Form("a block has more than 32 MiB"));
    }
    fill(input, stored, len)?;
    Ok(Some((4 + header_len + len, kind)))
}

/// What is in a blob, inflated where needed.
fn content<'a>(stored: &'a [u8], inflated: &'a mut Vec<u8>) -> Result<&'a [u8], What> {
    let blob = Message(stored);
    if let Some(raw) = blob.bytes(1)? {
        return Ok(raw);
    }
    let Some(deflated) = blob.bytes(3)? else {
        return Err(What::Form(
            "a block is not compressed with zlib: write the file anew with zlib",
        ));
    };
    let claimed = blob.number(2)?.unwrap_or(BLOB_MAX);
    if claimed > BLOB_MAX {
        return Err(What::Form("a block inflates to more than 32 MiB"));
    }
    inflated.clear();
    ZlibDecoder::new(deflated)
        .take(claimed + 1)
        .read_to_end(inflated)
        .map_err(|_| What::Form("the compressed bytes of a block are damaged"))?;
    if inflated.len() as u64 > claimed {
        return Err(What::Form("a block inflates to more than it says"));
    }
    if blob.number(2)?.is_some() && (inflated.len() as u64) < claimed {
        return Err(What::Form("a block inflates to less than it says"));
    }
    Ok(inflated)
}

fn header(content: &[u8]) -> Result<(), What> {
    for feature in Message(content).all(4) {
        let feature = feature?;
        if !FEATURES.contains(&feature) {
            let name = String::from_utf8_lossy(&feature[..feature.len().min(64)]);
            return Err(What::Feature(name.into_owned()));
        }
    }
    Ok(())
}

/// What the elements of a block have in common.
struct Block<'a> {
    strings: Vec<&'a [u8]>,
    granularity: i64,
    lat_offset: i64,
    lon_offset: i64,
}

impl<'a> Block<'a> {
    fn string(&self, index: u64) -> Result<&'a str, What> {
        let index = usize::try_from(index).unwrap_or(usize::MAX);
        let bytes = self.strings.get(index);
        let bytes = bytes.ok_or(What::Form("a tag names a string that is not there"))?;
        std::str::from_utf8(bytes).map_err(|_| What::Form("a tag is not UTF-8"))
    }

    /// A coordinate in nanodegrees to 1e-7 degree, halves upwards.
    fn e7(&self, offset: i64, value: i64) -> Option<i64> {
        let nano = self.granularity.checked_mul(value)?.checked_add(offset)?;
        Some(nano.checked_add(50)?.div_euclid(100))
    }

    fn geo(&self, lat: i64, lon: i64) -> Option<Geo> {
        Geo::new(
            self.e7(self.lat_offset, lat)?,
            self.e7(self.lon_offset, lon)?,
        )
    }

    fn tags(&self, message: Message<'a>, tags: &mut Vec<(&'a str, &'a str)>) -> Result<(), What> {
        tags.clear();
        let (mut keys, mut values) = (message.numbers(2), message.numbers(3));
        loop {
            match (keys.next(), values.next()) {
                (Some(key), Some(value)) => self.tag(key?, value?, tags)?,
                (None, None) => return Ok(()),
                _ => return Err(What::Form("keys and values of tags do not pair up")),
            }
        }
    }

    fn tag(&self, key: u64, value: u64, tags: &mut Vec<(&'a str, &'a str)>) -> Result<(), What> {
        if tags.len() >= TAGS_MAX {
            return Err(What::Form("an element has more than 5,000 tags"));
        }
        tags.push((self.string(key)?, self.string(value)?));
        Ok(())
    }
}

/// `int64` as it stands on the wire.
fn signed(value: Option<u64>, default: i64) -> i64 {
    // two's complement in 64 bits: the cast keeps all of them
    value.map_or(default, |value| value as i64)
}

fn id_of(message: Message<'_>) -> Result<u64, What> {
    let id = message.number(1)?;
    id.ok_or(What::Form("an element without an id"))
}

fn elements<'a>(
    content: &'a [u8],
    each: &mut dyn FnMut(Element<'_>) -> ControlFlow<()>,
) -> Result<ControlFlow<()>, What> {
    let block = Message(content);
    let mut strings = Vec::new();
    for string in Message(block.bytes(1)?.unwrap_or_default()).all(1) {
        if strings.len() >= STRINGS_MAX {
            return Err(What::Form("a block has more than 1,000,000 strings"));
        }
        strings.push(string?);
    }
    let shared = Block {
        strings,
        granularity: signed(block.number(17)?, 100),
        lat_offset: signed(block.number(19)?, 0),
        lon_offset: signed(block.number(20)?, 0),
    };
    let mut tags = Vec::new();
    let mut refs = Vec::new();
    for group in block.all(2) {
        let group = Message(group?);
        for node in group.all(1) {
            let node = Message(node?);
            shared.tags(node, &mut tags)?;
            let (Some(lat), Some(lon)) = (node.number(8)?, node.number(9)?) else {
                return Err(What::Form("a node without coordinates"));
            };
            let element = Element::Node {
                id: unzigzag(id_of(node)?),
                geo: shared.geo(unzigzag(lat), unzigzag(lon)),
                tags: &tags,
            };
            if each(element).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        for nodes in group.all(2) {
            if dense(&shared, Message(nodes?), &mut tags, each)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        for way in group.all(3) {
            let way = Message(way?);
            shared.tags(way, &mut tags)?;
            refs.clear();
            let mut last = 0_i64;
            for delta in way.numbers(8) {
                if refs.len() >= REFS_MAX {
                    return Err(What::Form("a way has more than 100,000 nodes"));
                }
                // wrapping: a damaged file may add up to anything
                last = last.wrapping_add(unzigzag(delta?));
                refs.push(last);
            }
            let id = signed(Some(id_of(way)?), 0);
            let element = Element::Way {
                id,
                refs: &refs,
                tags: &tags,
            };
            if each(element).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        for relation in group.all(4) {
            let relation = Message(relation?);
            shared.tags(relation, &mut tags)?;
            let id = signed(Some(id_of(relation)?), 0);
            if each(Element::Relation { id, tags: &tags }).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
    }
    Ok(ControlFlow::Continue(()))
}

/// Nodes as columns of deltas; their tags are pairs of strings, each node's ended by 0.
fn dense<'a>(
    shared: &Block<'a>,
    nodes: Message<'a>,
    tags: &mut Vec<(&'a str, &'a str)>,
    each: &mut dyn FnMut(Element<'_>) -> ControlFlow<()>,
) -> Result<ControlFlow<()>, What> {
    let (mut lats, mut lons) = (nodes.numbers(8), nodes.numbers(9));
    let mut pairs = nodes.numbers(10);
    let (mut id, mut lat, mut lon) = (0_i64, 0_i64, 0_i64);
    for delta in nodes.numbers(1) {
        let (Some(dlat), Some(dlon)) = (lats.next(), lons.next()) else {
            return Err(What::Form("nodes and coordinates do not line up"));
        };
        id = id.wrapping_add(unzigzag(delta?));
        lat = lat.wrapping_add(unzigzag(dlat?));
        lon = lon.wrapping_add(unzigzag(dlon?));
        tags.clear();
        while let Some(key) = pairs.next() {
            let key = key?;
            if key == 0 {
                break;
            }
            let value = pairs.next();
            let value = value.ok_or(What::Form("keys and values of tags do not pair up"))?;
            shared.tag(key, value?, tags)?;
        }
        let geo = shared.geo(lat, lon);
        if each(Element::Node { id, geo, tags }).is_break() {
            return Ok(ControlFlow::Break(()));
        }
    }
    Ok(ControlFlow::Continue(()))
}

#[cfg(test)]
mod tests;
