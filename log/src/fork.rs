//! Fork proofs: two ids at one seq of a feed, both signed for (`spec/04-validity.md` 4.4).

use crate::hash::Context;
use crate::header::Header;
use crate::ids::{EntryId, FeedKey};
use crate::keys::{Signature, admit, verify};
use crate::limits::FORK_PROOF_MAX;
use crate::proof::{check_path, read_path, write_path};
use crate::refusal::Refusal;
use crate::wire::{Reader, Writer};

/// One branch's commitment: headers from a signed one down to one that is at
/// the seq or links to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commitment {
    /// The headers.
    pub path: Vec<Header>,
    /// Over the id of the first of them.
    pub signature: Signature,
}

impl Commitment {
    fn id_at(&self, seq: u64) -> Option<EntryId> {
        self.path.last()?.commits_to(seq)
    }

    /// The feed and the id at a seq, by links alone.
    fn links(&self, seq: u64) -> Result<(FeedKey, EntryId), Refusal> {
        check_path(&self.path).map_err(|_| Refusal::BadForkProof)?;
        let id = self.id_at(seq).ok_or(Refusal::BadForkProof)?;
        Ok((self.path[0].feed(), id))
    }

    fn check_signature(&self) -> Result<(), Refusal> {
        let signed = self.path.first().ok_or(Refusal::BadForkProof)?;
        verify(&signed.author.0, &signed.id().0, &self.signature)
    }
}

/// A proof that a device signed two branches of one feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForkProof {
    /// The seq at which the branches differ.
    pub seq: u64,
    /// The branches, the one with the smaller id at the seq first.
    pub sides: [Commitment; 2],
}

impl ForkProof {
    /// Puts two commitments in order. `None` if they don't differ at the seq.
    pub fn new(seq: u64, one: Commitment, other: Commitment) -> Option<Self> {
        let (a, b) = (one.id_at(seq)?, other.id_at(seq)?);
        match a.cmp(&b) {
            std::cmp::Ordering::Less => Some(Self {
                seq,
                sides: [one, other],
            }),
            std::cmp::Ordering::Greater => Some(Self {
                seq,
                sides: [other, one],
            }),
            std::cmp::Ordering::Equal => None,
        }
    }

    /// The one encoding.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        out.put_varint(self.seq);
        for side in &self.sides {
            write_path(&mut out, &side.path);
            out.extend_from_slice(&side.signature);
        }
        out
    }

    /// Decodes; [`ForkProof::verify`] says whether it proves a fork. Every fault is `bad_fork_proof`.
    pub fn decode(bytes: &[u8]) -> Result<Self, Refusal> {
        Self::read(bytes).map_err(|_| Refusal::BadForkProof)
    }

    fn read(bytes: &[u8]) -> Result<Self, Refusal> {
        if bytes.len() > FORK_PROOF_MAX {
            return Err(Refusal::TooLarge);
        }
        let mut reader = Reader::new(bytes);
        let seq = reader.varint()?;
        let mut side = || -> Result<Commitment, Refusal> {
            Ok(Commitment {
                path: read_path(&mut reader)?,
                signature: reader.array()?,
            })
        };
        let sides = [side()?, side()?];
        reader.end()?;
        Ok(Self { seq, sides })
    }

    /// Its id.
    pub fn id(&self) -> [u8; 32] {
        Context::ForkProof.hash(&self.encode())
    }

    /// Whether it says anything of a feed: where the feed begins with the genesis, the
    /// topic's id fixes seq 0 (`spec/04-validity.md` 4.4).
    pub fn counts(&self, feed: &FeedKey) -> bool {
        let genesis = EntryId(feed.topic.0);
        self.seq > 0 || self.sides.iter().all(|side| side.id_at(0) != Some(genesis))
    }

    /// Checks it from its bytes alone. Gives the feed that forked.
    pub fn verify(&self) -> Result<FeedKey, Refusal> {
        let (feed, first) = self.sides[0].links(self.seq)?;
        let (other_feed, second) = self.sides[1].links(self.seq)?;
        if feed != other_feed || first >= second {
            return Err(Refusal::BadForkProof);
        }
        admit(&feed.author.0)?;
        self.sides[0].check_signature()?;
        self.sides[1].check_signature()?;
        Ok(feed)
    }
}
