//! The rehearsal of an event: what the rules would say of it, before it is signed.

use synlog_log::attestation::checked_facts;
use synlog_log::fold::FoldEvent;
use synlog_log::ids::{EntryId, TopicId};
use synlog_log::order::{ChainState, Status, Verdict};
use synlog_log::payload::Payload;
use synlog_views::Preview;

use crate::clock::now_ms;
use crate::failure::Failure;
use crate::node::Node;
use crate::writing::Event;

/// An event that was written.
pub struct WrittenEvent {
    /// The topic.
    pub topic: TopicId,
    /// Its entry.
    pub id: EntryId,
    /// Where it stands.
    pub status: Option<Status>,
    /// The code by which the app's rules reject it, which `force` allowed.
    pub rejected: Option<String>,
    /// Whether the app's rules were not asked: its reducer is not here.
    pub unchecked: bool,
}

impl Node {
    /// What the app's rules would say of an event of this device, placed next.
    pub fn rehearse(&mut self, topic: &TopicId, event: &Event) -> Result<Preview, Failure> {
        if event.kind.starts_with("topic.") {
            return Ok(Preview::Accepted);
        }
        match self.fold(topic, &mut |_| true) {
            Ok(Some(_)) => {}
            // an app without rules
            Ok(None) => return Ok(Preview::Accepted),
            Err(failure) => return Err(failure),
        }
        let event = self.as_it_would_be(topic, event)?;
        self.with_reducer(topic, |views, order, _, reducer| {
            views.preview(order, reducer, &event)
        })
    }

    /// An event as the reducer would be given it.
    fn as_it_would_be(&mut self, topic: &TopicId, event: &Event) -> Result<FoldEvent, Failure> {
        let bytes = self.payload(event)?;
        let payload = Payload::split(&bytes).map_err(Failure::refused("the event"))?;
        let (author, entity) = (self.device(), self.entity());
        let seq = self.own_tip(topic)?.map_or(0, |tip| tip.seq + 1);
        let order = self.order(topic)?;
        let sequences =
            matches!(order.state(), ChainState::Open { sequencer } if sequencer == author);
        let policy = order.policy();
        let role = policy
            .role(&entity)
            .unwrap_or(if sequences { "owner" } else { "" });
        Ok(FoldEvent {
            // it has no id before it is signed; any that nothing else has will do
            id: EntryId(*blake3::hash(&bytes).as_bytes()),
            author,
            entity,
            seq,
            hlc: now_ms() << 16,
            sequenced: sequences && !order.is_causal(),
            role: role.to_owned(),
            kind: payload.kind.to_owned(),
            body: payload.body.to_vec(),
            erasable_hash: payload.erasable.map(|part| part.hash()),
            facts: checked_facts(&payload).map_err(Failure::refused("the evidence"))?,
        })
    }

    /// Writes an event, unless the kernel or the app's rules would reject it and
    /// `force` does not say to write it all the same.
    pub fn write_checked(
        &mut self,
        topic: &TopicId,
        event: &Event,
        force: bool,
    ) -> Result<WrittenEvent, Failure> {
        let payload = self.payload(event)?;
        let (mut rejected, mut unchecked) = (None, false);
        if self.preview(topic, &payload)? == Verdict::Accepted {
            match self.rehearse(topic, event) {
                Err(Failure::NoReducer(_)) => unchecked = true,
                Ok(Preview::Accepted) => {}
                Ok(Preview::Rejected { code, met, .. }) if !force => {
                    let manifest = self.manifest(topic)?;
                    let kind = manifest.as_ref().and_then(|it| it.event(&event.kind));
                    let fields = kind.map_or_else(Vec::new, |kind| kind.misfits(&event.body));
                    return Err(Failure::AgainstRules { code, fields, met });
                }
                Ok(Preview::Rejected { code, .. }) => rejected = Some(code),
                Err(failure @ (Failure::Halted(_) | Failure::BadReducer { .. })) if !force => {
                    return Err(failure);
                }
                Err(Failure::Halted(_) | Failure::BadReducer { .. }) => {}
                Err(failure) => return Err(failure),
            }
        }
        let id = self.append(topic, &payload, now_ms(), force)?;
        let status = self.order(topic)?.status(&id);
        Ok(WrittenEvent {
            topic: *topic,
            id,
            status,
            rejected,
            unchecked,
        })
    }
}
