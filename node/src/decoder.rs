//! Lets the store read its records again: runs, fork proofs, statements, receipts.

use synlog_log::attestation::check_receipt;
use synlog_log::bundle::RecordKind;
use synlog_log::fork::ForkProof;
use synlog_log::identity::SignedStatement;
use synlog_log::run::RunView;
use synlog_log::store::{Decoder, RunFacts};

/// The decoder of a node's store. Records have the kinds that they have in bundles.
#[derive(Debug, Clone, Copy, Default)]
pub struct EntryDecoder;

/// What the store must know of a run.
pub fn facts_of(run: &RunView<'_>) -> RunFacts {
    run.facts()
}

impl Decoder for EntryDecoder {
    fn run_facts(&self, record: &[u8]) -> Result<RunFacts, String> {
        let run = RunView::decode(record).map_err(|refusal| refusal.to_string())?;
        Ok(run.facts())
    }

    fn record_id(&self, kind: u8, record: &[u8]) -> Result<[u8; 32], String> {
        let text = |refusal: synlog_log::refusal::Refusal| refusal.to_string();
        match RecordKind::from_number(kind) {
            Some(RecordKind::ForkProof) => Ok(ForkProof::decode(record).map_err(text)?.id()),
            Some(RecordKind::Statement) => Ok(SignedStatement::decode(record)
                .map_err(text)?
                .statement
                .hash()),
            Some(RecordKind::Receipt) => {
                check_receipt(record).map_err(text)?;
                Ok(*blake3::hash(record).as_bytes())
            }
            _ => Err(format!(
                "a record of kind {kind} does not belong in the store"
            )),
        }
    }

    fn check(&self, kind: u8, record: &[u8]) -> Result<(), String> {
        if RecordKind::from_number(kind) != Some(RecordKind::Run) {
            return self.record_id(kind, record).map(drop);
        }
        let run = RunView::decode(record).map_err(|refusal| refusal.to_string())?;
        run.verify().map_err(|refusal| refusal.to_string())
    }
}
