//! The header of an entry: what is hashed to give its id (`spec/03-entry.md` 3.1).

use crate::hash::Context;
use crate::ids::{DeviceId, EntryId, FeedKey, TopicId};
use crate::limits::{CERTIFICATE_MAX, DEPS_MAX, HEADER_MAX, PAYLOAD_MAX};
use crate::refusal::Refusal;
use crate::skiplink;
use crate::wire::{Reader, Writer};

/// The format version in the first byte.
pub const VERSION: u8 = 1;

/// A header, owned. Runs work on borrowed entries; this is for writing, proofs and display.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// The device that wrote it.
    pub author: DeviceId,
    /// Its topic; zero in a genesis.
    pub topic: TopicId,
    /// Its number in the feed.
    pub seq: u64,
    /// The entry before it in the feed.
    pub backlink: Option<EntryId>,
    /// An earlier entry of the feed (see [`crate::skiplink`]).
    pub skiplink: Option<EntryId>,
    /// Hybrid logical clock.
    pub hlc: u64,
    /// Entries of the topic that the writer had seen.
    pub deps: Vec<EntryId>,
    /// Hash of the payload.
    pub payload_hash: [u8; 32],
    /// Bytes of the payload.
    pub payload_len: u32,
    /// Device certificate, in a feed's first entry.
    pub certificate: Option<Vec<u8>>,
}

/// Borrowed fields of a header, from which its encoding is written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fields<'a> {
    pub author: &'a DeviceId,
    pub topic: &'a TopicId,
    pub seq: u64,
    pub backlink: Option<&'a EntryId>,
    pub skiplink: Option<&'a EntryId>,
    pub hlc: u64,
    /// The deps, 32 bytes each.
    pub deps: &'a [u8],
    pub payload_hash: &'a [u8; 32],
    pub payload_len: u32,
    pub certificate: Option<&'a [u8]>,
}

impl Fields<'_> {
    /// The encoding from version to deps, which is also what sealing binds to.
    #[inline]
    pub(crate) fn encode_front(&self, out: &mut Vec<u8>) {
        out.push(VERSION);
        out.extend_from_slice(&self.author.0);
        out.extend_from_slice(&self.topic.0);
        out.put_varint(self.seq);
        out.put_option(self.backlink.map(|id| &id.0[..]));
        out.put_option(self.skiplink.map(|id| &id.0[..]));
        out.put_varint(self.hlc);
        out.put_varint((self.deps.len() / 32) as u64);
        out.extend_from_slice(self.deps);
    }

    #[inline]
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        self.encode_front(out);
        out.extend_from_slice(self.payload_hash);
        out.put_varint(u64::from(self.payload_len));
        match self.certificate {
            None => out.push(0),
            Some(certificate) => {
                out.push(1);
                out.put_bytes(certificate);
            }
        }
    }
}

/// Reads deps: at most 16 ids, strictly ascending. Gives their bytes.
#[inline]
pub(crate) fn read_deps<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8], Refusal> {
    let count = reader.length(DEPS_MAX)?;
    let deps = reader.take(32 * count)?;
    let ascending = deps
        .chunks_exact(32)
        .zip(deps.chunks_exact(32).skip(1))
        .all(|(a, b)| a < b);
    if ascending {
        Ok(deps)
    } else {
        Err(Refusal::BadHeader)
    }
}

impl Header {
    /// Whether it begins a topic.
    pub fn is_genesis(&self) -> bool {
        self.topic == TopicId::ZERO
    }

    /// The one encoding.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(256);
        self.with_fields(|fields| fields.encode(&mut out));
        out
    }

    /// What a sealed payload is bound to: the encoding from version to deps.
    pub fn encode_front(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(256);
        self.with_fields(|fields| fields.encode_front(&mut out));
        out
    }

    fn with_fields(&self, run: impl FnOnce(Fields<'_>)) {
        let deps: Vec<u8> = self.deps.iter().flat_map(|id| id.0).collect();
        run(Fields {
            author: &self.author,
            topic: &self.topic,
            seq: self.seq,
            backlink: self.backlink.as_ref(),
            skiplink: self.skiplink.as_ref(),
            hlc: self.hlc,
            deps: &deps,
            payload_hash: &self.payload_hash,
            payload_len: self.payload_len,
            certificate: self.certificate.as_deref(),
        });
    }

    /// Decodes and checks all that the header alone can say.
    pub fn decode(bytes: &[u8]) -> Result<Self, Refusal> {
        if bytes.len() > HEADER_MAX {
            return Err(Refusal::TooLarge);
        }
        let mut reader = Reader::new(bytes);
        if reader.byte()? != VERSION {
            return Err(Refusal::BadHeader);
        }
        let author = DeviceId(reader.array()?);
        let topic = TopicId(reader.array()?);
        let seq = reader.varint()?;
        let backlink = if reader.option()? {
            Some(EntryId(reader.array()?))
        } else {
            None
        };
        let skiplink = if reader.option()? {
            Some(EntryId(reader.array()?))
        } else {
            None
        };
        let hlc = reader.varint()?;
        let deps = read_deps(&mut reader)?;
        let payload_hash = reader.array()?;
        let payload_len = reader.length(PAYLOAD_MAX)? as u32;
        let certificate = if reader.option()? {
            Some(reader.bytes(CERTIFICATE_MAX)?.to_vec())
        } else {
            None
        };
        reader.end()?;
        let genesis = topic == TopicId::ZERO;
        let wrong = backlink.is_some() != (seq > 0)
            || skiplink.is_some() != skiplink::target(seq).is_some()
            || seq == u64::MAX
            || certificate.is_some() != (seq == 0)
            || genesis && (seq > 0 || !deps.is_empty());
        if wrong {
            return Err(Refusal::BadHeader);
        }
        let deps = deps.chunks_exact(32).map(entry_id).collect();
        Ok(Self {
            author,
            topic,
            seq,
            backlink,
            skiplink,
            hlc,
            deps,
            payload_hash,
            payload_len,
            certificate,
        })
    }

    /// The id: a hash of the encoding.
    pub fn id(&self) -> EntryId {
        EntryId(Context::Entry.hash(&self.encode()))
    }

    /// The topic to which it belongs: its own id for a genesis.
    pub fn topic_id(&self) -> TopicId {
        if self.is_genesis() {
            TopicId(self.id().0)
        } else {
            self.topic
        }
    }

    /// The feed to which it belongs.
    pub fn feed(&self) -> FeedKey {
        FeedKey {
            author: self.author,
            topic: self.topic_id(),
        }
    }

    /// The id that it commits to at a seq: its own, or that of a link there.
    pub fn commits_to(&self, seq: u64) -> Option<EntryId> {
        if seq == self.seq {
            Some(self.id())
        } else if self.seq.checked_sub(1) == Some(seq) {
            self.backlink
        } else if skiplink::target(self.seq) == Some(seq) {
            self.skiplink
        } else {
            None
        }
    }
}

/// An id from 32 bytes of a slice that is known to have them.
#[inline]
pub(crate) fn entry_id(chunk: &[u8]) -> EntryId {
    let mut id = [0; 32];
    id.copy_from_slice(chunk);
    EntryId(id)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;
    use serde::Serialize;

    /// The same header for the `postcard` crate.
    #[derive(Serialize)]
    struct Mirror {
        version: u8,
        author: [u8; 32],
        topic: [u8; 32],
        seq: u64,
        backlink: Option<[u8; 32]>,
        skiplink: Option<[u8; 32]>,
        hlc: u64,
        deps: Vec<[u8; 32]>,
        payload_hash: [u8; 32],
        payload_len: u32,
        certificate: Option<Vec<u8>>,
    }

    fn headers() -> impl Strategy<Value = Header> {
        let deps = proptest::collection::btree_set(any::<[u8; 32]>(), 0..16);
        let rest = proptest::collection::vec(any::<u8>(), 0..500);
        (
            any::<[[u8; 32]; 5]>(),
            0u64..200,
            any::<u64>(),
            deps,
            0u32..65_536,
            rest,
        )
            .prop_map(|(ids, seq, hlc, deps, payload_len, certificate)| Header {
                author: DeviceId(ids[0]),
                topic: TopicId(ids[1]),
                seq,
                backlink: (seq > 0).then_some(EntryId(ids[2])),
                skiplink: skiplink::target(seq).map(|_| EntryId(ids[3])),
                hlc,
                deps: deps.into_iter().map(EntryId).collect(),
                payload_hash: ids[4],
                payload_len,
                certificate: (seq == 0).then_some(certificate),
            })
    }

    proptest! {
        #[test]
        fn the_encoding_is_postcard_and_comes_back(header in headers()) {
            let bytes = header.encode();
            let mirror = Mirror {
                version: VERSION,
                author: header.author.0,
                topic: header.topic.0,
                seq: header.seq,
                backlink: header.backlink.map(|id| id.0),
                skiplink: header.skiplink.map(|id| id.0),
                hlc: header.hlc,
                deps: header.deps.iter().map(|id| id.0).collect(),
                payload_hash: header.payload_hash,
                payload_len: header.payload_len,
                certificate: header.certificate.clone(),
            };
            prop_assert_eq!(&bytes, &postcard::to_stdvec(&mirror).unwrap());
            prop_assert_eq!(Header::decode(&bytes).unwrap(), header);
        }

        #[test]
        fn a_changed_byte_gives_another_header_or_none(header in headers(), at: prop::sample::Index, bit in 0u8..8) {
            let mut bytes = header.encode();
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            if let Ok(other) = Header::decode(&bytes) {
                prop_assert_eq!(other.encode(), bytes);
                prop_assert_ne!(other.id(), header.id());
            }
        }
    }
}
