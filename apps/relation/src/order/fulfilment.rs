//! Goods: pending → assigned → packed → picked up → out for delivery → delivered; fetched
//! by the client: packed → delivered. A visit: pending → in transit → at location →
//! started → completed. Digital: pending → available → accessed. Each may fail, and what
//! failed may come back.

use serde::{Deserialize, Serialize};
use synlog_reducer::{Code, Id, Meta};

use super::Order;
use super::commercial::{Commercial, bodies};
use super::payment::UNKNOWN_LEG;
use super::quote::{FulfilmentTerms, Kind, Offer, Trigger};
use crate::evidence::handover_hash;
use crate::party::{Party, actor, at_ms, possible};

/// A payment that comes before fulfilment is missing.
pub const UNPAID: Code = "unpaid";
/// The client's handover secret is missing or another.
pub const NO_PROOF: Code = "no_proof";

/// How far a leg is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the names of the stages say it")]
pub enum Stage {
    Pending,
    Assigned,
    Packed,
    PickedUp,
    OutForDelivery,
    Delivered,
    InTransit,
    AtLocation,
    Started,
    Completed,
    Available,
    Accessed,
    Failed,
    Returned,
}

impl Stage {
    /// Its name in events and rows.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Assigned => "assigned",
            Self::Packed => "packed",
            Self::PickedUp => "picked_up",
            Self::OutForDelivery => "out_for_delivery",
            Self::Delivered => "delivered",
            Self::InTransit => "in_transit",
            Self::AtLocation => "at_location",
            Self::Started => "started",
            Self::Completed => "completed",
            Self::Available => "available",
            Self::Accessed => "accessed",
            Self::Failed => "failed",
            Self::Returned => "returned",
        }
    }

    /// Whether the client has it.
    pub fn done(self) -> bool {
        matches!(self, Self::Delivered | Self::Completed | Self::Accessed)
    }

    /// Whether nothing more is to be done for it.
    pub fn over(self) -> bool {
        self.done() || matches!(self, Self::Failed | Self::Returned)
    }
}

/// The stages of a kind in their order.
pub fn stages(kind: Kind) -> &'static [Stage] {
    use Stage::*;
    match kind {
        Kind::Goods => &[
            Pending,
            Assigned,
            Packed,
            PickedUp,
            OutForDelivery,
            Delivered,
        ],
        Kind::Pickup => &[Pending, Assigned, Packed, Delivered],
        Kind::Visit => &[Pending, InTransit, AtLocation, Started, Completed],
        Kind::Digital => &[Pending, Available, Accessed],
    }
}

/// Whether a leg may go from one stage to another. Nobody need be assigned to pack.
pub fn edge(kind: Kind, from: Stage, to: Stage) -> bool {
    if to == Stage::Failed {
        return !from.over();
    }
    if from == Stage::Failed {
        return to == Stage::Returned;
    }
    let next = stages(kind).windows(2).any(|pair| pair == [from, to]);
    next || (from == Stage::Pending && to == Stage::Packed && stages(kind).contains(&to))
}

/// A step of a leg, and how far the device that wrote it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// What it came to.
    pub stage: Stage,
    /// Who wrote it.
    pub device: Id,
    /// Its number in that feed.
    pub seq: u64,
    /// UTC ms by its clock.
    pub at_ms: i64,
}

/// A fulfilment leg.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FulfilmentLeg {
    /// What was agreed.
    pub terms: FulfilmentTerms,
    /// How it went: at most one step for each stage.
    pub steps: Vec<Step>,
    /// Whether the client's secret was shown.
    pub proved: bool,
}

impl FulfilmentLeg {
    /// How far it is.
    pub fn stage(&self) -> Stage {
        self.steps.last().map_or(Stage::Pending, |step| step.stage)
    }

    /// When it was delivered: UTC ms.
    pub fn done_ms(&self) -> Option<i64> {
        let done = self.steps.last().filter(|step| step.stage.done());
        done.map(|step| step.at_ms)
    }
}

bodies! {
    /// Body of `fulfil.state`.
    Progress {
        /// The order.
        order: Id,
        /// The leg.
        leg: String,
        /// What it came to.
        state: Stage,
    }
    /// Body of `fulfil.proof`.
    Proof {
        /// The order.
        order: Id,
        /// The leg.
        leg: String,
        /// What the client gave at the door.
        preimage: Id,
    }
}

impl Order {
    /// The fulfilment legs under another offer: what has begun stays as it is. Error:
    /// `bad_transition`.
    pub(crate) fn merged_fulfilments(&self, offer: &Offer) -> Result<Vec<FulfilmentLeg>, Code> {
        for leg in self.fulfilments.iter().filter(|leg| !leg.steps.is_empty()) {
            possible(offer.fulfilment.contains(&leg.terms))?;
        }
        let merged = offer.fulfilment.iter().map(|terms| {
            let known = self.fulfilments.iter().find(|leg| leg.terms == *terms);
            known.cloned().unwrap_or(FulfilmentLeg {
                terms: terms.clone(),
                steps: Vec::new(),
                proved: false,
            })
        });
        Ok(merged.collect())
    }

    fn fulfilment(&mut self, leg: &str) -> Result<&mut FulfilmentLeg, Code> {
        possible(self.running())?;
        let found = self
            .fulfilments
            .iter_mut()
            .find(|known| known.terms.leg == leg);
        found.ok_or(UNKNOWN_LEG)
    }

    /// `fulfil.state`. Errors: `unpaid`, `no_proof`, `bad_transition`, `unknown_leg`,
    /// `wrong_actor`.
    pub fn fulfil(&mut self, event: &Progress, party: Party, meta: &Meta<'_>) -> Result<(), Code> {
        actor(matches!(party, Party::Provider | Party::Deliverer))?;
        let committed = self.handover_hash.is_some();
        let mut before = self.payments.iter();
        let unpaid = before.any(|leg| leg.terms.trigger == Trigger::Before && !leg.covered());
        let leg = self.fulfilment(&event.leg)?;
        possible(edge(leg.terms.kind, leg.stage(), event.state))?;
        if unpaid && !matches!(event.state, Stage::Failed | Stage::Returned) {
            return Err(UNPAID);
        }
        let at_door = matches!(event.state, Stage::Delivered | Stage::Completed);
        if at_door && committed && !leg.proved {
            return Err(NO_PROOF);
        }
        leg.steps.push(Step {
            stage: event.state,
            device: Id(meta.author),
            seq: meta.seq,
            at_ms: at_ms(meta),
        });
        self.commercial = Commercial::InProgress;
        Ok(())
    }

    /// `fulfil.proof`. Errors: `no_proof`, `bad_transition`, `unknown_leg`, `wrong_actor`.
    pub fn prove(&mut self, event: &Proof, party: Party) -> Result<(), Code> {
        actor(matches!(party, Party::Provider | Party::Deliverer))?;
        let committed = self.handover_hash;
        let leg = self.fulfilment(&event.leg)?;
        possible(!leg.proved && !leg.stage().over())?;
        if committed != Some(handover_hash(&event.preimage)) {
            return Err(NO_PROOF);
        }
        leg.proved = true;
        Ok(())
    }

    /// Whether every leg is over.
    pub fn all_fulfilled(&self) -> bool {
        self.fulfilments.iter().all(|leg| leg.stage().over())
    }

    /// When the last step was made, or the confirm: UTC ms.
    pub fn fulfilled_ms(&self) -> i64 {
        let steps = self.fulfilments.iter().flat_map(|leg| &leg.steps);
        let confirmed = self.confirmed.map_or(0, |confirmed| confirmed.at_ms);
        steps.map(|step| step.at_ms).fold(confirmed, i64::max)
    }
}
