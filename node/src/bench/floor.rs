//! The least that any verifier has to do: two hashes an entry, one signature a run.

use synlog_log::hash::Context;
use synlog_log::keys::{Batch, Signature};
use synlog_log::payload::Payload;
use synlog_log::run::{PayloadForm, RunView};

use crate::failure::Failure;

/// The hashes and signatures of some runs, with nothing left to find out.
#[derive(Default)]
pub(super) struct Floor {
    /// Parts and headers, one behind the other.
    bytes: Vec<u8>,
    /// Lengths of part and header of each entry.
    entries: Vec<(u32, u32)>,
    signatures: Vec<([u8; 32], [u8; 32], Signature)>,
}

impl Floor {
    /// Notes what has to be hashed and checked of a run.
    pub(super) fn add(&mut self, run: &[u8]) -> Result<(), Failure> {
        let refused = |refusal| Failure::refused("a run of the bench")(refusal);
        let view = RunView::decode(run).map_err(refused)?;
        for (index, entry) in view.entries.iter().enumerate() {
            let part = match entry.payload {
                PayloadForm::Whole(bytes) => Payload::split(bytes).map_err(refused)?.part,
                PayloadForm::Erased { part, .. } => part,
            };
            let header = view.header(index).encode();
            self.bytes.extend_from_slice(part);
            self.bytes.extend_from_slice(&header);
            self.entries.push((part.len() as u32, header.len() as u32));
        }
        let signature = view.signature.unwrap_or([0; 64]);
        self.signatures
            .push((view.feed.author.0, view.last().id.0, signature));
        Ok(())
    }

    /// Hashes and checks. Gives a number that depends on all of it, so that none
    /// of it can be left out, and whether all signatures are right.
    pub(super) fn work(&self) -> (u8, bool) {
        let (mut rest, mut sum) = (&self.bytes[..], 0);
        for (part, header) in &self.entries {
            let (bytes, after) = rest.split_at(*part as usize);
            sum ^= Context::Body.hash(bytes)[0];
            let (bytes, after) = after.split_at(*header as usize);
            sum ^= Context::Entry.hash(bytes)[0];
            rest = after;
        }
        let mut batch = Batch::default();
        for (key, message, signature) in &self.signatures {
            batch.push(key, message, signature);
        }
        (sum, batch.failures().is_empty())
    }
}
