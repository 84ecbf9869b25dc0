//! due → claimed → paid → partly refunded → refunded; in escrow due → held → released or
//! split. What is recorded is what the parties say; no money is kept here.

use serde::{Deserialize, Serialize};
use synlog_reducer::{Code, Id, Money};

use super::Order;
use super::commercial::{Commercial, DISPUTED, bodies};
use super::quote::{Offer, PaymentTerms, SUM_MISMATCH};
use crate::party::{BAD_TRANSITION, BAD_VALUE, Party, SLUG_MAX, actor, possible, short_if};

/// More than is due.
pub const OVERPAY: Code = "overpay";
/// More than was paid.
pub const OVER_REFUND: Code = "over_refund";
/// The order has no such leg.
pub const UNKNOWN_LEG: Code = "unknown_leg";

/// A payment leg, in minor units of the quote's currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentLeg {
    /// What was agreed.
    pub terms: PaymentTerms,
    /// What the client says it has paid and the provider has not answered yet.
    pub claimed: i64,
    /// How it says it has paid.
    pub method: Option<String>,
    /// Hash of the proof that it keeps of its last claim.
    pub proof_hash: Option<Id>,
    /// What the provider has, refunds not counted.
    pub paid: i64,
    /// What it gave back.
    pub refunded: i64,
    /// What the arbiter holds.
    pub held: i64,
    /// What the arbiter gave back to the client.
    pub returned: i64,
}

impl PaymentLeg {
    /// What has come from the client, by whoever has it.
    pub fn received(&self) -> i64 {
        // each is bounded by the leg's amount together with the others
        self.paid + self.held + self.returned
    }

    /// Whether all of it is paid or held.
    pub fn covered(&self) -> bool {
        self.paid + self.held - self.refunded >= self.terms.amount.minor
    }

    /// Whether nothing has happened to it.
    fn untouched(&self) -> bool {
        self.received() == 0 && self.claimed == 0
    }

    /// Its state in rows.
    pub fn state(&self) -> &'static str {
        match self {
            _ if self.held > 0 => "held",
            _ if self.returned > 0 && self.paid > 0 => "split",
            _ if self.returned > 0 => "returned",
            _ if self.refunded > 0 && self.refunded == self.paid => "refunded",
            _ if self.refunded > 0 => "partly_refunded",
            _ if self.paid == self.terms.amount.minor && self.terms.escrow => "released",
            _ if self.paid == self.terms.amount.minor => "paid",
            _ if self.claimed > 0 => "claimed",
            _ if self.paid > 0 => "partly_paid",
            _ => "due",
        }
    }
}

bodies! {
    /// Body of `pay.claim`, `pay.ack`, `pay.refund`, `pay.hold` and `pay.release`.
    Pay {
        /// The order.
        order: Id,
        /// The leg.
        leg: String,
        /// How much, above zero.
        amount: Money,
        /// How it was paid.
        method: Option<String>,
        /// Hash of a proof that the payer keeps.
        proof_hash: Option<Id>,
    }
    /// Body of `pay.split`.
    Split {
        /// The order.
        order: Id,
        /// The leg.
        leg: String,
        /// What the provider gets of what is held.
        provider: Money,
        /// What the client gets back.
        client: Money,
    }
}

impl Order {
    /// What the client is to pay, in minor units: what was agreed, or the fee of a
    /// cancellation.
    pub fn due(&self) -> i64 {
        match (&self.cancelled, &self.agreed) {
            (Some(cancelled), _) => cancelled.fee,
            (None, Some(agreed)) if self.commercial != Commercial::Declined => {
                agreed.offer.total.minor
            }
            _ => 0,
        }
    }

    /// What the client has yet to pay; below zero: what the provider has to give back.
    /// While an order stands, a refund is given for good and never asked for again; of a
    /// cancelled or declined one, the provider keeps what is due and no more. What the
    /// arbiter holds is not asked for twice.
    pub fn balance(&self) -> i64 {
        let ended = matches!(
            self.commercial,
            Commercial::Cancelled | Commercial::Declined
        );
        let legs = self.payments.iter();
        // each sum is at most that of the legs, which is the total
        let paid: i64 = match ended {
            true => legs.map(|leg| leg.paid - leg.refunded).sum(),
            false => legs.map(PaymentLeg::received).sum(),
        };
        self.due() - paid
    }

    /// The payment legs under another offer: what was paid stays. Errors: `overpay` (less
    /// than was paid), `sum_mismatch` (another currency).
    pub(crate) fn merged_payments(&self, offer: &Offer) -> Result<Vec<PaymentLeg>, Code> {
        for leg in self.payments.iter().filter(|leg| !leg.untouched()) {
            let terms = offer.legs.iter().find(|terms| terms.leg == leg.terms.leg);
            let terms = terms.ok_or(OVERPAY)?;
            if terms.amount.currency != leg.terms.amount.currency {
                return Err(SUM_MISMATCH);
            }
            if terms.amount.minor < leg.received() + leg.claimed {
                return Err(OVERPAY);
            }
            possible(terms.escrow == leg.terms.escrow && offer.arbiter == self.arbiter())?;
        }
        let merged = offer.legs.iter().map(|terms| {
            let known = self.payments.iter().find(|leg| leg.terms.leg == terms.leg);
            let mut leg = known.cloned().unwrap_or(PaymentLeg {
                terms: terms.clone(),
                claimed: 0,
                method: None,
                proof_hash: None,
                paid: 0,
                refunded: 0,
                held: 0,
                returned: 0,
            });
            leg.terms = terms.clone();
            leg
        });
        Ok(merged.collect())
    }

    fn payment(&mut self, leg: &str, amounts: &[&Money]) -> Result<&mut PaymentLeg, Code> {
        // also where it was declined or cancelled since: what came must be given back
        possible(self.agreed.is_some())?;
        let found = self
            .payments
            .iter_mut()
            .find(|known| known.terms.leg == leg);
        let found = found.ok_or(UNKNOWN_LEG)?;
        for amount in amounts {
            if amount.currency != found.terms.amount.currency {
                return Err(SUM_MISMATCH);
            }
            if amount.minor < 0 {
                return Err(BAD_VALUE);
            }
        }
        Ok(found)
    }

    fn paying(&mut self, event: &Pay) -> Result<&mut PaymentLeg, Code> {
        short_if(event.method.as_deref(), SLUG_MAX)?;
        if event.amount.minor == 0 {
            return Err(BAD_VALUE);
        }
        self.payment(&event.leg, &[&event.amount])
    }

    /// `pay.claim`: the client says that it has paid. Errors: `overpay`, `wrong_actor`, …
    pub fn pay_claim(&mut self, event: &Pay, party: Party) -> Result<(), Code> {
        actor(party == Party::Client)?;
        let leg = self.paying(event)?;
        let claimed = leg.claimed.checked_add(event.amount.minor).ok_or(OVERPAY)?;
        if claimed > leg.terms.amount.minor - leg.received() {
            return Err(OVERPAY);
        }
        leg.claimed = claimed;
        leg.method.clone_from(&event.method);
        leg.proof_hash = event.proof_hash;
        Ok(())
    }

    /// `pay.ack` (provider) and `pay.hold` (arbiter, of a leg in escrow): the money is
    /// there, claimed or not. Errors: `overpay`, `wrong_actor` (also of one's own claim), …
    pub fn pay_receive(&mut self, hold: bool, event: &Pay, party: Party) -> Result<(), Code> {
        let receiver = if hold {
            Party::Arbiter
        } else {
            Party::Provider
        };
        actor(party == receiver)?;
        let leg = self.paying(event)?;
        possible(leg.terms.escrow == hold)?;
        let open = leg.terms.amount.minor - leg.received();
        if event.amount.minor > open {
            return Err(OVERPAY);
        }
        let left = open - event.amount.minor;
        leg.claimed = leg
            .claimed
            .saturating_sub(event.amount.minor)
            .clamp(0, left);
        if hold {
            leg.held += event.amount.minor;
        } else {
            leg.paid += event.amount.minor;
        }
        Ok(())
    }

    /// `pay.refund`: the provider gave back. Errors: `over_refund`, `wrong_actor`, …
    pub fn pay_refund(&mut self, event: &Pay, party: Party) -> Result<(), Code> {
        actor(party == Party::Provider)?;
        let leg = self.paying(event)?;
        if event.amount.minor > leg.paid - leg.refunded {
            return Err(OVER_REFUND);
        }
        leg.refunded += event.amount.minor;
        Ok(())
    }

    /// `pay.release`: the arbiter gave held money to the provider. Errors: `overpay`,
    /// `disputed`, `wrong_actor`, …
    pub fn pay_release(&mut self, event: &Pay, party: Party) -> Result<(), Code> {
        actor(party == Party::Arbiter)?;
        if self.disputed() {
            return Err(DISPUTED);
        }
        let leg = self.paying(event)?;
        if event.amount.minor > leg.held {
            return Err(OVERPAY);
        }
        leg.held -= event.amount.minor;
        leg.paid += event.amount.minor;
        Ok(())
    }

    /// `pay.split`: the arbiter divided all that it held. Errors: `sum_mismatch`,
    /// `disputed`, `wrong_actor`, …
    pub fn pay_split(&mut self, event: &Split, party: Party) -> Result<(), Code> {
        actor(party == Party::Arbiter)?;
        if self.disputed() {
            return Err(DISPUTED);
        }
        let leg = self.payment(&event.leg, &[&event.provider, &event.client])?;
        if leg.held == 0 {
            return Err(BAD_TRANSITION);
        }
        if event.provider.minor.checked_add(event.client.minor) != Some(leg.held) {
            return Err(SUM_MISMATCH);
        }
        leg.paid += event.provider.minor;
        leg.returned += event.client.minor;
        leg.held = 0;
        Ok(())
    }
}
