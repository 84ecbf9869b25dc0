//! Cancelling, and what it costs: the frozen term for the stage at which the sequencer
//! places the cancel, or for the earlier stage that a receipt proves.

use serde::{Deserialize, Serialize};
use synlog_reducer::{Code, Id, Meta};

use super::Order;
use super::commercial::{Commercial, Reason, bodies};
use super::fulfilment::{FulfilmentLeg, Stage, Step, stages};
use super::quote::{BASIS_POINTS, Offer};
use crate::evidence::{Receipt, receipt};
use crate::party::{NOTE_MAX, Party, actor, possible, short_if};

/// How an order was cancelled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cancelled {
    /// The entry.
    pub entry: Id,
    /// Who.
    pub by: Party,
    /// The device that wrote it.
    pub device: Id,
    /// Its number in that feed.
    pub seq: u64,
    /// Why.
    pub reason: Option<String>,
    /// What the client owes, in minor units of the quote's currency.
    pub fee: i64,
    /// Whether a receipt was brought.
    pub receipt: bool,
}

bodies! {
    /// Body of `order.receipt`.
    Delivered {
        /// The order.
        order: Id,
        /// The entry `order.cancel`.
        cancel: Id,
    }
}

/// The fee at a stage: the term of that stage, else of the nearest one before it.
fn fee(offer: &Offer, leg: &FulfilmentLeg, stage: Stage) -> i64 {
    let order = stages(leg.terms.kind);
    // what failed had come no further than its last stage
    let reached = order.iter().position(|known| *known == stage).unwrap_or(0);
    let term = order[..=reached]
        .iter()
        .rev()
        .find_map(|stage| offer.terms.iter().find(|term| term.stage == *stage));
    let Some(term) = term else { return 0 };
    let total = i128::from(offer.total.minor);
    let fee = total * i128::from(term.fee_bp) / i128::from(BASIS_POINTS);
    let fee = (fee + i128::from(term.fee_minor)).min(total);
    // at most the total
    i64::try_from(fee).unwrap_or(offer.total.minor)
}

/// The stage of a leg without the steps that this device made after its receipt.
fn stage_at(leg: &FulfilmentLeg, receipt: Option<&Receipt>) -> Stage {
    let known = |step: &&Step| match receipt {
        Some(receipt) => step.device != receipt.device || step.seq < receipt.height,
        None => true,
    };
    let steps = leg.steps.iter().take_while(known);
    let ways = steps.filter(|step| !matches!(step.stage, Stage::Failed | Stage::Returned));
    ways.last().map_or(Stage::Pending, |step| step.stage)
}

impl Order {
    /// What cancelling costs the client now, or at a receipt: minor units. Nothing before
    /// the confirm.
    pub fn cancel_fee(&self, receipt: Option<&Receipt>) -> i64 {
        let (Some(agreed), Some(confirmed)) = (&self.agreed, &self.confirmed) else {
            return 0;
        };
        let before = |receipt: &Receipt| {
            confirmed.device == receipt.device && confirmed.seq >= receipt.height
        };
        if receipt.is_some_and(before) {
            return 0;
        }
        let fees = self.fulfilments.iter();
        let fees = fees.map(|leg| fee(&agreed.offer, leg, stage_at(leg, receipt)));
        fees.max().unwrap_or(0)
    }

    /// `order.cancel`. Costs nothing before the confirm and where the provider cancels.
    /// Errors: `bad_transition` (also after a delivery), `wrong_actor`, `too_long`.
    pub fn cancel(&mut self, event: &Reason, party: Party, meta: &Meta<'_>) -> Result<(), Code> {
        actor(matches!(party, Party::Client | Party::Provider))?;
        possible(
            self.commercial.open() || self.commercial == Commercial::Agreed || self.running(),
        )?;
        possible(!self.fulfilments.iter().any(|leg| leg.stage().done()))?;
        short_if(event.reason.as_deref(), NOTE_MAX)?;
        let fee = match party {
            Party::Client => self.cancel_fee(None),
            _ => 0,
        };
        self.cancelled = Some(Cancelled {
            entry: Id(meta.id),
            by: party,
            device: Id(meta.author),
            seq: meta.seq,
            reason: event.reason.clone(),
            fee,
            receipt: false,
        });
        self.offered = None;
        self.commercial = Commercial::Cancelled;
        Ok(())
    }

    /// `order.receipt`: the provider's device had the cancel earlier than the sequencer
    /// placed it. Errors: `no_receipt`, `bad_transition`, `wrong_actor`.
    pub fn receipt(
        &mut self,
        event: &Delivered,
        party: Party,
        meta: &Meta<'_>,
    ) -> Result<(), Code> {
        actor(party == Party::Client)?;
        let cancelled = self.cancelled.clone();
        let mut cancelled = cancelled.ok_or(crate::party::BAD_TRANSITION)?;
        possible(cancelled.by == Party::Client && cancelled.entry == event.cancel)?;
        let provider = self.provider.ok_or(crate::evidence::NO_RECEIPT)?;
        let receipt = receipt(
            meta,
            &provider,
            &cancelled.entry,
            &cancelled.device,
            cancelled.seq,
        )?;
        cancelled.fee = cancelled.fee.min(self.cancel_fee(Some(&receipt)));
        cancelled.receipt = true;
        self.cancelled = Some(cancelled);
        Ok(())
    }
}
