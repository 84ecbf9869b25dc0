//! Cancelling, and what it costs: the frozen term for the stage at which the sequencer
//! places the cancel, or for the earlier stage that receipts prove.
//!
//! A receipt counts the entries of the device that gave it, so it dates that device's steps
//! exactly. What other devices did (a second one of the provider, the deliverer's) it dates
//! by the clocks, theirs and that of the receipt: a step with a later clock came after. So a
//! provider gains nothing by letting another device do the work, unless that device signs a
//! false time; a receipt from that device as well (an event carries up to three beside the
//! proof) dates its steps exactly, too.

use serde::{Deserialize, Serialize};
use synlog_reducer::{Code, Fact, Id, Meta};

use super::commercial::{Commercial, Reason, bodies};
use super::fulfilment::{FulfilmentLeg, NO_PROOF, Stage, Step, stages};
use super::quote::{BASIS_POINTS, Offer};
use super::{Order, dispute};
use crate::evidence::{NO_RECEIPT, Receipt, own_cancel, receipts};
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

/// Whether any of the receipts came before what a device wrote.
fn after(receipts: &[Receipt], device: &Id, seq: u64, at_ms: i64) -> bool {
    let mut receipts = receipts.iter();
    receipts.any(|receipt| receipt.precedes(device, seq, at_ms))
}

/// The stage of a leg without the steps that were made after a receipt.
fn stage_at(leg: &FulfilmentLeg, receipts: &[Receipt]) -> Stage {
    let known = |step: &&Step| !after(receipts, &step.device, step.seq, step.at_ms);
    // a step that was placed after a later one is later itself
    let steps = leg.steps.iter().take_while(known);
    let ways = steps.filter(|step| !matches!(step.stage, Stage::Failed | Stage::Returned));
    ways.last().map_or(Stage::Pending, |step| step.stage)
}

impl Order {
    /// What cancelling costs the client now, or at the earliest of some receipts: minor
    /// units. Nothing before the confirm.
    pub fn cancel_fee(&self, receipts: &[Receipt]) -> i64 {
        let (Some(agreed), Some(confirmed)) = (&self.agreed, &self.confirmed) else {
            return 0;
        };
        if after(receipts, &confirmed.device, confirmed.seq, confirmed.at_ms) {
            return 0;
        }
        let fees = self.fulfilments.iter();
        let fees = fees.map(|leg| fee(&agreed.offer, leg, stage_at(leg, receipts)));
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
            Party::Client => self.cancel_fee(&[]),
            _ => 0,
        };
        self.end(Cancelled {
            entry: Id(meta.id),
            by: party,
            device: Id(meta.author),
            seq: meta.seq,
            reason: event.reason.clone(),
            fee,
            receipt: false,
        });
        Ok(())
    }

    fn end(&mut self, cancelled: Cancelled) {
        self.cancelled = Some(cancelled);
        self.offered = None;
        self.countered = None;
        self.commercial = Commercial::Cancelled;
    }

    /// `order.receipt`: devices of the provider had the cancel earlier than the sequencer
    /// placed it. Where the cancel took effect, this lowers the fee. Where it was rejected
    /// because it was placed after a delivery or the provider's `order.complete`, a proof of
    /// it beside the receipt lets it take effect now, at the stage that the receipt shows.
    /// Errors: `no_receipt`, `no_proof`, `bad_transition` (also where it came too late by
    /// the receipt, or the client has agreed or completed since), `wrong_actor`,
    /// `too_long`.
    pub fn receipt(
        &mut self,
        event: &Delivered,
        party: Party,
        meta: &Meta<'_>,
    ) -> Result<(), Code> {
        actor(party == Party::Client)?;
        let standing = self.cancelled.as_ref();
        possible(standing.is_none_or(|one| one.by == Party::Client))?;
        let mut cancelled = match standing {
            Some(one) if one.entry == event.cancel => one.clone(),
            _ => self.proven(event, meta)?,
        };
        let provider = self.provider.ok_or(NO_RECEIPT)?;
        let (entry, device) = (&cancelled.entry, &cancelled.device);
        let receipts = receipts(meta, &provider, entry, device, cancelled.seq)?;
        if standing.is_none() {
            self.still_possible(&receipts)?;
        }
        let fee = self.cancel_fee(&receipts);
        cancelled.fee = standing.map_or(fee, |one| one.fee.min(fee));
        cancelled.receipt = true;
        self.end(cancelled);
        Ok(())
    }

    /// The client's cancel that the evidence proves. Errors: `no_proof`, `bad_transition`
    /// (the client has agreed to another offer after it), `too_long`.
    fn proven(&self, event: &Delivered, meta: &Meta<'_>) -> Result<Cancelled, Code> {
        let fact = own_cancel(meta, &event.cancel).ok_or(NO_PROOF)?;
        let Fact::Entry {
            device, seq, hlc, ..
        } = fact
        else {
            return Err(NO_PROOF);
        };
        let body: Reason = fact.entry_body().ok_or(NO_PROOF)?;
        if body.order != self.id {
            return Err(NO_PROOF);
        }
        possible(self.agreement()?.hlc < *hlc)?;
        short_if(body.reason.as_deref(), NOTE_MAX)?;
        Ok(Cancelled {
            entry: event.cancel,
            by: Party::Client,
            device: Id(*device),
            seq: *seq,
            reason: body.reason,
            fee: 0,
            receipt: true,
        })
    }

    /// Whether a cancel was possible when these receipts were given, and nobody has decided
    /// otherwise since. Error: `bad_transition`.
    fn still_possible(&self, receipts: &[Receipt]) -> Result<(), Code> {
        let ended = match &self.completed {
            Some(one) => {
                one.by == Party::Provider && after(receipts, &one.device, one.seq, one.at_ms)
            }
            None => self.running(),
        };
        possible(ended)?;
        let mut legs = self.fulfilments.iter();
        possible(!legs.any(|leg| stage_at(leg, receipts).done()))?;
        let dispute = self.dispute.as_ref().map(|dispute| dispute.state);
        possible(dispute != Some(dispute::State::Ruled))
    }
}
