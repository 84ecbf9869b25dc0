//! Runs: consecutive entries of a feed under one signature (`spec/03-entry.md` 3.4).
//!
//! This is the form in which feeds travel and are stored. Decoding a run
//! computes what was left out (backlinks, payload hashes, ids), so a decoded
//! run is linked by construction; that it is authentic is said by its signature.

use crate::decoded::Hashes;
use crate::hash::Context;
use crate::header::{Fields, Header, entry_id, read_deps};
use crate::ids::{DeviceId, EntryId, FeedKey, TopicId};
use crate::keys::{Signature, verify};
use crate::limits::{
    CERTIFICATE_MAX, PAYLOAD_MAX, RUN_BYTES_MAX, RUN_ENTRIES_MAX, RUN_READ_BYTES_MAX,
};
use crate::payload::{Payload, erased_payload_hash, payload_hash};
use crate::refusal::Refusal;
use crate::skiplink;
use crate::store::RunFacts;
use crate::wire::{Reader, Writer};

const FORM_WHOLE: u8 = 0;
const FORM_ERASED: u8 = 1;
/// The least bytes of an entry in a run: form, clock, deps, payload.
const ENTRY_BYTES_MIN: usize = 4;

/// A payload as it stands in a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PayloadForm<'a> {
    /// All of it.
    Whole(&'a [u8]),
    /// Its erasable part was dropped.
    Erased {
        /// Bytes that it had.
        len: u32,
        /// Kind, body and evidence.
        part: &'a [u8],
        /// What was dropped.
        erasable_hash: [u8; 32],
    },
}

impl<'a> PayloadForm<'a> {
    /// The fields of the payload. `bad_payload` where it doesn't split.
    pub fn split(&self) -> Result<Payload<'a>, Refusal> {
        let split = match self {
            Self::Whole(bytes) => Payload::split(bytes),
            Self::Erased { part, .. } => Payload::split_erased(part),
        };
        split.map_err(|_| Refusal::BadPayload)
    }

    /// Bytes that the whole payload has or had.
    pub fn payload_len(&self) -> u32 {
        match self {
            Self::Whole(bytes) => bytes.len() as u32,
            Self::Erased { len, .. } => *len,
        }
    }

    /// Whether the erasable part was dropped.
    pub fn is_erased(&self) -> bool {
        matches!(self, Self::Erased { .. })
    }

    fn hash(&self) -> [u8; 32] {
        match self {
            Self::Whole(bytes) => payload_hash(bytes),
            Self::Erased {
                part,
                erasable_hash,
                ..
            } => erased_payload_hash(part, erasable_hash),
        }
    }
}

/// One entry of a decoded run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryView<'a> {
    /// Its id.
    pub id: EntryId,
    /// Its number in the feed.
    pub seq: u64,
    /// The entry before it.
    pub backlink: Option<EntryId>,
    /// Its skiplink.
    pub skiplink: Option<EntryId>,
    /// Hybrid logical clock.
    pub hlc: u64,
    /// Its deps, 32 bytes each.
    pub deps: &'a [u8],
    /// Its payload.
    pub payload: PayloadForm<'a>,
    /// Hash of the payload.
    pub payload_hash: [u8; 32],
}

impl EntryView<'_> {
    /// Its deps, ascending.
    pub fn deps(&self) -> impl ExactSizeIterator<Item = EntryId> + '_ {
        self.deps.chunks_exact(32).map(entry_id)
    }
}

/// A decoded run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunView<'a> {
    /// The feed.
    pub feed: FeedKey,
    /// Whether it begins with a genesis.
    pub genesis: bool,
    /// Certificate of the device, where it begins with seq 0.
    pub certificate: Option<&'a [u8]>,
    /// The entries, one at least.
    pub entries: Vec<EntryView<'a>>,
    /// Signature over the id of the last entry.
    pub signature: Option<Signature>,
    /// The run's bytes.
    pub bytes: &'a [u8],
}

impl<'a> RunView<'a> {
    /// What a store must know of it.
    pub fn facts(&self) -> RunFacts {
        RunFacts {
            feed: self.feed,
            first_seq: self.first().seq,
            backlink: self.first().backlink,
            ids: self.entries.iter().map(|entry| entry.id).collect(),
            last_hlc: self.last().hlc,
        }
    }

    /// Decodes a run and computes the ids of its entries.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, Refusal> {
        Self::read(bytes, None)
    }

    /// The same, with what hashing the entries of these very bytes gave before.
    pub(crate) fn read(bytes: &'a [u8], hashes: Option<&[Hashes]>) -> Result<Self, Refusal> {
        if bytes.len() > RUN_READ_BYTES_MAX {
            return Err(Refusal::TooLarge);
        }
        let mut reader = Reader::new(bytes);
        let author = DeviceId(reader.array()?);
        let mut topic = TopicId(reader.array()?);
        let genesis = topic == TopicId::ZERO;
        let first_seq = reader.varint()?;
        let (mut certificate, mut backlink) = (None, None);
        if first_seq == 0 {
            certificate = Some(reader.bytes(CERTIFICATE_MAX)?);
        } else if genesis {
            return Err(Refusal::BadRun);
        } else {
            backlink = Some(EntryId(reader.array()?));
        }
        let count = reader.length(RUN_ENTRIES_MAX)?;
        if count == 0 || first_seq.checked_add(count as u64).is_none() {
            return Err(Refusal::BadRun);
        }
        // a count is only a claim: no more room than what follows could fill
        let fitting = (bytes.len() - reader.position()) / ENTRY_BYTES_MIN;
        let mut entries = Vec::with_capacity(count.min(fitting));
        let mut header = Vec::with_capacity(512);
        for seq in first_seq..first_seq + count as u64 {
            let entry_topic = match seq {
                0 if genesis => TopicId::ZERO,
                _ => topic,
            };
            let entry = read_entry(
                &mut reader,
                &mut header,
                &author,
                &entry_topic,
                seq,
                backlink,
                certificate,
                hashes.and_then(|hashes| hashes.get(entries.len())),
            )?;
            if genesis && seq == 0 {
                if !entry.deps.is_empty() {
                    return Err(Refusal::BadHeader);
                }
                topic = TopicId(entry.id.0);
            }
            backlink = Some(entry.id);
            entries.push(entry);
        }
        let signature = if reader.option()? {
            Some(reader.array()?)
        } else {
            None
        };
        reader.end()?;
        Ok(Self {
            feed: FeedKey { author, topic },
            genesis,
            certificate,
            entries,
            signature,
            bytes,
        })
    }

    /// The feed of an encoded run, without hashing its entries unless it holds a genesis.
    pub fn feed_of(bytes: &'a [u8]) -> Result<FeedKey, Refusal> {
        let mut reader = Reader::new(bytes);
        let author = DeviceId(reader.array()?);
        let topic = TopicId(reader.array()?);
        if topic == TopicId::ZERO {
            return Self::decode(bytes).map(|run| run.feed);
        }
        Ok(FeedKey { author, topic })
    }

    /// Its first entry.
    pub fn first(&self) -> &EntryView<'a> {
        &self.entries[0]
    }

    /// Its last entry, which is the one that is signed.
    pub fn last(&self) -> &EntryView<'a> {
        &self.entries[self.entries.len() - 1]
    }

    /// Checks the signature. `bad_signature` also where there is none.
    pub fn verify(&self) -> Result<(), Refusal> {
        let signature = self.signature.as_ref().ok_or(Refusal::BadSignature)?;
        verify(&self.feed.author.0, &self.last().id.0, signature)
    }

    /// The header of one of its entries.
    pub fn header(&self, index: usize) -> Header {
        let entry = &self.entries[index];
        let topic = if self.genesis && entry.seq == 0 {
            TopicId::ZERO
        } else {
            self.feed.topic
        };
        Header {
            author: self.feed.author,
            topic,
            seq: entry.seq,
            backlink: entry.backlink,
            skiplink: entry.skiplink,
            hlc: entry.hlc,
            deps: entry.deps().collect(),
            payload_hash: entry.payload_hash,
            payload_len: entry.payload.payload_len(),
            certificate: self
                .certificate
                .filter(|_| entry.seq == 0)
                .map(<[u8]>::to_vec),
        }
    }
}

#[inline]
#[expect(
    clippy::too_many_arguments,
    reason = "one pass over the bytes of a run"
)]
fn read_entry<'a>(
    reader: &mut Reader<'a>,
    header: &mut Vec<u8>,
    author: &DeviceId,
    topic: &TopicId,
    seq: u64,
    backlink: Option<EntryId>,
    certificate: Option<&'a [u8]>,
    hashes: Option<&Hashes>,
) -> Result<EntryView<'a>, Refusal> {
    let form = reader.byte()?;
    let skiplink = match skiplink::target(seq) {
        Some(_) => Some(EntryId(reader.array()?)),
        None => None,
    };
    let hlc = reader.varint()?;
    let deps = read_deps(reader)?;
    let payload = match form {
        FORM_WHOLE => PayloadForm::Whole(reader.bytes(PAYLOAD_MAX)?),
        FORM_ERASED => {
            let len = reader.length(PAYLOAD_MAX)? as u32;
            let part = reader.bytes(PAYLOAD_MAX)?;
            Payload::split_erased(part).map_err(|_| Refusal::BadPayload)?;
            PayloadForm::Erased {
                len,
                part,
                erasable_hash: reader.array()?,
            }
        }
        _ => return Err(Refusal::NotCanonical),
    };
    let hashes = match hashes {
        Some(hashes) => *hashes,
        None => {
            let payload_hash = payload.hash();
            header.clear();
            let fields = Fields {
                author,
                topic,
                seq,
                backlink: backlink.as_ref(),
                skiplink: skiplink.as_ref(),
                hlc,
                deps,
                payload_hash: &payload_hash,
                payload_len: payload.payload_len(),
                certificate: certificate.filter(|_| seq == 0),
            };
            fields.encode(header);
            Hashes {
                id: EntryId(Context::Entry.hash(header)),
                payload: payload_hash,
            }
        }
    };
    Ok(EntryView {
        id: hashes.id,
        seq,
        backlink,
        skiplink,
        hlc,
        deps,
        payload,
        payload_hash: hashes.payload,
    })
}

/// Writes a run entry by entry.
#[derive(Debug, Clone)]
pub struct RunWriter {
    front: Vec<u8>,
    entries: Vec<u8>,
    count: usize,
    next_seq: u64,
}

impl RunWriter {
    /// A run that begins a feed. For a genesis `topic` is zero.
    pub fn first(author: &DeviceId, topic: &TopicId, certificate: &[u8]) -> Self {
        let mut front = [&author.0[..], &topic.0[..]].concat();
        front.put_varint(0);
        front.put_bytes(certificate);
        Self {
            front,
            entries: Vec::new(),
            count: 0,
            next_seq: 0,
        }
    }

    /// A run that goes on after an entry.
    pub fn after(feed: &FeedKey, seq: u64, backlink: &EntryId) -> Self {
        let mut front = [&feed.author.0[..], &feed.topic.0[..]].concat();
        front.put_varint(seq);
        front.extend_from_slice(&backlink.0);
        Self {
            front,
            entries: Vec::new(),
            count: 0,
            next_seq: seq,
        }
    }

    /// A run that begins as another one does.
    pub fn like(run: &RunView<'_>) -> Self {
        match run.first().backlink {
            Some(backlink) => Self::after(&run.feed, run.first().seq, &backlink),
            None => {
                let topic = if run.genesis {
                    TopicId::ZERO
                } else {
                    run.feed.topic
                };
                Self::first(
                    &run.feed.author,
                    &topic,
                    run.certificate.unwrap_or_default(),
                )
            }
        }
    }

    /// How many entries were added.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether none was added.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Whether an entry with a payload of so many bytes still fits.
    pub fn has_room(&self, payload_len: usize) -> bool {
        // 640: 16 deps, a skiplink and the lengths; 128: count and signature
        let len = self.front.len() + self.entries.len() + payload_len + 640 + 128;
        self.count < RUN_ENTRIES_MAX && len <= RUN_BYTES_MAX
    }

    /// Adds the next entry.
    pub fn push(
        &mut self,
        skiplink: Option<&EntryId>,
        hlc: u64,
        deps: &[u8],
        payload: &PayloadForm<'_>,
    ) {
        debug_assert_eq!(
            skiplink.is_some(),
            skiplink::target(self.next_seq).is_some()
        );
        let out = &mut self.entries;
        out.push(if payload.is_erased() {
            FORM_ERASED
        } else {
            FORM_WHOLE
        });
        if let Some(skiplink) = skiplink {
            out.extend_from_slice(&skiplink.0);
        }
        out.put_varint(hlc);
        out.put_varint((deps.len() / 32) as u64);
        out.extend_from_slice(deps);
        match payload {
            PayloadForm::Whole(bytes) => out.put_bytes(bytes),
            PayloadForm::Erased {
                len,
                part,
                erasable_hash,
            } => {
                out.put_varint(u64::from(*len));
                out.put_bytes(part);
                out.extend_from_slice(erasable_hash);
            }
        }
        self.count += 1;
        self.next_seq += 1;
    }

    /// Adds an entry of another run.
    pub fn push_view(&mut self, entry: &EntryView<'_>) {
        self.push(
            entry.skiplink.as_ref(),
            entry.hlc,
            entry.deps,
            &entry.payload,
        );
    }

    /// Adds an entry of another run without its erasable part.
    pub fn push_erased(&mut self, entry: &EntryView<'_>) {
        let erased = erase(&entry.payload);
        self.push(
            entry.skiplink.as_ref(),
            entry.hlc,
            entry.deps,
            &erased.unwrap_or(entry.payload),
        );
    }

    /// The bytes of the run.
    pub fn finish(mut self, signature: Option<&Signature>) -> Vec<u8> {
        self.front.put_varint(self.count as u64);
        self.front.extend_from_slice(&self.entries);
        self.front.put_option(signature.map(|bytes| &bytes[..]));
        self.front
    }
}

/// Two runs as one under the signature of the second, if it follows on the first and
/// both fit. A run that nobody signed does not get a signature that it had not.
pub fn join(first: &RunView<'_>, second: &RunView<'_>) -> Option<Vec<u8>> {
    let follows = first.feed == second.feed && second.first().backlink == Some(first.last().id);
    let signature = second.signature.as_ref().filter(|_| follows)?;
    let bytes = first.bytes.len() + second.bytes.len();
    let entries = first.entries.len() + second.entries.len();
    if bytes > RUN_BYTES_MAX || entries > RUN_ENTRIES_MAX {
        return None;
    }
    let mut writer = RunWriter::like(first);
    let all = first.entries.iter().chain(&second.entries);
    all.for_each(|entry| writer.push_view(entry));
    Some(writer.finish(Some(signature)))
}

/// The form of a payload without its erasable part; `None` where it has none to drop.
pub fn erase<'a>(payload: &PayloadForm<'a>) -> Option<PayloadForm<'a>> {
    let PayloadForm::Whole(bytes) = payload else {
        return None;
    };
    let split = Payload::split(bytes).ok()?;
    let erasable_hash = split.erasable?.hash();
    Some(PayloadForm::Erased {
        len: bytes.len() as u32,
        part: split.part,
        erasable_hash,
    })
}
