//! Writing to a private topic: what must be sealed is sealed for the place where it
//! stands, with the key of the latest epoch.

use synlog_log::draft::{Draft, DraftError};
use synlog_log::ids::{EntryId, TopicId};
use synlog_log::order::Content;
use synlog_log::payload::Payload;
use synlog_log::run::PayloadForm;
use synlog_log::sealed::{Nonces, seal_front};

use crate::entropy::random;
use crate::failure::Failure;
use crate::node::Node;

/// With what an entry is sealed.
#[derive(Clone, Copy)]
pub(crate) struct Sealing {
    pub epoch: i64,
    pub key: [u8; 32],
}

impl Node {
    /// With what an event is sealed in a topic; `None` where it stands for everybody.
    pub(crate) fn sealing(
        &mut self,
        topic: &TopicId,
        payload: &[u8],
    ) -> Result<Option<Sealing>, Failure> {
        let device = self.device();
        let order = self.order(topic)?;
        if !order.is_private() {
            return Ok(None);
        }
        let content = Content::of(&PayloadForm::Whole(payload), &device, false);
        if matches!(&content, Content::Policy(event) if event.is_clear()) {
            return Ok(None);
        }
        let epoch = order.policy().epoch();
        let missing = Failure::EpochMissing {
            topic: *topic,
            epoch: order.locked().map_or(epoch, |locked| locked.epoch),
        };
        if order.locked().is_some() {
            return Err(missing);
        }
        let key = order.epoch_key(epoch).ok_or(missing)?;
        Ok(Some(Sealing { epoch, key }))
    }

    /// Adds an event to a draft in a topic, sealed where it has to be.
    pub(crate) fn add_to(
        &mut self,
        draft: &mut Draft,
        topic: &TopicId,
        now_ms: u64,
        deps: &[(EntryId, u64)],
        payload: &[u8],
    ) -> Result<EntryId, Failure> {
        match self.sealing(topic, payload)? {
            None => Ok(draft.add(now_ms, deps, payload)?),
            Some(sealing) => Ok(add_sealed(draft, now_ms, deps, payload, sealing)??),
        }
    }
}

/// Adds an event, sealed. The outer error is one of this machine.
pub(crate) fn add_sealed(
    draft: &mut Draft,
    now_ms: u64,
    deps: &[(EntryId, u64)],
    payload: &[u8],
    sealing: Sealing,
) -> Result<Result<EntryId, DraftError>, Failure> {
    let nonces = Nonces {
        body: random()?,
        erasable: random()?,
        salt: random()?,
    };
    let plain = Payload::split(payload).map_err(Failure::refused("the event"))?;
    Ok(draft.add_sealed(now_ms, deps, |front, author, seq| {
        let key = (sealing.epoch, &sealing.key);
        seal_front(front, (author, seq), &plain, key, &nonces)
    }))
}
