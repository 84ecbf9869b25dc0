//! A format of runs for tests: hash-linked, with a part that can be erased.
//!
//! run   = author 32, topic 32, first seq 8, backlink 32 (zero: none), entries
//! entry = hlc 8, hash of the body 32, erased 1, length 2, body

use super::super::{Decoder, OwnedRecord, RunFacts};
use crate::disk::Seeded;
use crate::ids::{DeviceId, EntryId, FeedKey, TopicId};

pub(super) struct Toy;

fn entry_id(feed: &FeedKey, seq: u64, previous: &EntryId, hlc: u64, hash: &[u8; 32]) -> EntryId {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&feed.author.0).update(&feed.topic.0);
    hasher.update(&seq.to_le_bytes()).update(&previous.0);
    hasher.update(&hlc.to_le_bytes()).update(hash);
    EntryId(*hasher.finalize().as_bytes())
}

fn take<'a>(rest: &mut &'a [u8], n: usize) -> Result<&'a [u8], String> {
    let (taken, after) = rest.split_at_checked(n).ok_or("too short")?;
    *rest = after;
    Ok(taken)
}

fn number(rest: &mut &[u8]) -> Result<u64, String> {
    Ok(u64::from_le_bytes(take(rest, 8)?.try_into().unwrap()))
}

fn id(rest: &mut &[u8]) -> Result<[u8; 32], String> {
    Ok(take(rest, 32)?.try_into().unwrap())
}

impl Decoder for Toy {
    fn run_facts(&self, record: &[u8]) -> Result<RunFacts, String> {
        let mut rest = record;
        let feed = FeedKey {
            author: DeviceId(id(&mut rest)?),
            topic: TopicId(id(&mut rest)?),
        };
        let first_seq = number(&mut rest)?;
        let backlink = EntryId(id(&mut rest)?);
        let (mut previous, mut ids, mut last_hlc) = (backlink, Vec::new(), 0);
        while !rest.is_empty() {
            last_hlc = number(&mut rest)?;
            let hash = id(&mut rest)?;
            let erased = take(&mut rest, 1)?[0];
            let length: [u8; 2] = take(&mut rest, 2)?.try_into().unwrap();
            let body = take(&mut rest, u16::from_le_bytes(length).into())?;
            if erased == 0 && blake3::hash(body) != hash {
                return Err("body does not hash".to_owned());
            }
            previous = entry_id(
                &feed,
                first_seq + ids.len() as u64,
                &previous,
                last_hlc,
                &hash,
            );
            ids.push(previous);
        }
        Ok(RunFacts {
            feed,
            first_seq,
            backlink: (backlink != EntryId::ZERO).then_some(backlink),
            ids,
            last_hlc,
        })
    }

    fn record_id(&self, kind: u8, record: &[u8]) -> Result<[u8; 32], String> {
        let mut hasher = blake3::Hasher::new();
        Ok(*hasher.update(&[kind]).update(record).finalize().as_bytes())
    }
}

pub(super) fn feed(author: u64, topic: u64) -> FeedKey {
    FeedKey {
        author: DeviceId(*blake3::hash(&author.to_le_bytes()).as_bytes()),
        topic: TopicId(*blake3::hash(&topic.to_be_bytes()).as_bytes()),
    }
}

/// A run that goes on from (seq, backlink).
pub(super) fn run(feed: FeedKey, seq: u64, backlink: EntryId, bodies: &[Vec<u8>]) -> OwnedRecord {
    let mut bytes = feed.author.0.to_vec();
    bytes.extend_from_slice(&feed.topic.0);
    bytes.extend_from_slice(&seq.to_le_bytes());
    bytes.extend_from_slice(&backlink.0);
    for (n, body) in bodies.iter().enumerate() {
        bytes.extend_from_slice(&(1000 + seq + n as u64).to_le_bytes());
        bytes.extend_from_slice(blake3::hash(body).as_bytes());
        bytes.push(0);
        bytes.extend_from_slice(&(body.len() as u16).to_le_bytes());
        bytes.extend_from_slice(body);
    }
    let facts = Toy.run_facts(&bytes).unwrap();
    OwnedRecord::run(bytes, facts)
}

/// A record of another kind.
pub(super) fn other(kind: u8, bytes: Vec<u8>) -> OwnedRecord {
    let id = Toy.record_id(kind, &bytes).unwrap();
    OwnedRecord::other(kind, bytes, id)
}

pub(super) fn bodies(random: &mut Seeded, count: u64, most_bytes: u64) -> Vec<Vec<u8>> {
    let body = |_| {
        let length = random.below(most_bytes + 1);
        (0..length).map(|_| random.bits() as u8).collect()
    };
    (0..count).map(body).collect()
}

/// The run without the bodies of its entries.
pub(super) fn erased(record: &[u8]) -> Vec<u8> {
    let (head, mut rest) = record.split_at(104);
    let mut out = head.to_vec();
    while !rest.is_empty() {
        let (entry, after) = rest.split_at(43);
        let length = u16::from_le_bytes([entry[41], entry[42]]);
        out.extend_from_slice(&entry[..40]);
        out.extend_from_slice(&[1, 0, 0]);
        rest = &after[length.into()..];
    }
    out
}
