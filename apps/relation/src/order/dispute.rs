//! Disputes: open → ruled by the arbiter, or accepted by the other side, or withdrawn.

use serde::{Deserialize, Serialize};
use synlog_reducer::{Code, Id, Money};

use super::Order;
use super::commercial::{Commercial, DISPUTED, bodies};
use super::quote::SUM_MISMATCH;
use crate::party::{NOTE_MAX, Party, actor, possible, short_if, sound};

/// How far a dispute is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the names of the states say it")]
pub enum State {
    Open,
    Ruled,
    Accepted,
    Withdrawn,
}

impl State {
    /// Its name in rows.
    pub fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Ruled => "ruled",
            Self::Accepted => "accepted",
            Self::Withdrawn => "withdrawn",
        }
    }
}

/// A dispute.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dispute {
    /// Who opened it.
    pub by: Party,
    /// Why.
    pub reason: Option<String>,
    /// How far it is.
    pub state: State,
    /// What the arbiter gave to the provider and to the client: minor units.
    pub split: Option<(i64, i64)>,
}

bodies! {
    /// Body of `dispute.open`.
    Open {
        /// The order.
        order: Id,
        /// Why.
        reason: Option<String>,
    }
    /// Body of `dispute.rule`.
    Rule {
        /// The order.
        order: Id,
        /// What the provider gets of all that is held.
        provider: Money,
        /// What the client gets back.
        client: Money,
    }
}

impl Order {
    /// `dispute.open`. Errors: `disputed` (one at a time), `bad_transition`, `wrong_actor`.
    pub fn open_dispute(&mut self, event: &Open, party: Party) -> Result<(), Code> {
        actor(matches!(party, Party::Client | Party::Provider))?;
        let over = matches!(
            self.commercial,
            Commercial::Completed | Commercial::Cancelled
        );
        possible(self.confirmed.is_some() && (over || self.running()))?;
        if self.disputed() {
            return Err(DISPUTED);
        }
        short_if(event.reason.as_deref(), NOTE_MAX)?;
        self.dispute = Some(Dispute {
            by: party,
            reason: event.reason.clone(),
            state: State::Open,
            split: None,
        });
        Ok(())
    }

    fn open_one(&mut self) -> Result<&mut Dispute, Code> {
        possible(self.disputed())?;
        self.dispute.as_mut().ok_or(crate::party::BAD_TRANSITION)
    }

    /// `dispute.rule`: divides all that is held, leg by leg, the provider's share first.
    /// Errors: `sum_mismatch`, `bad_transition`, `wrong_actor`, `bad_value`.
    pub fn rule(&mut self, event: &Rule, party: Party) -> Result<(), Code> {
        actor(party == Party::Arbiter)?;
        possible(self.disputed())?;
        let currency = &self.agreement()?.offer.total.currency;
        // each leg holds no more than its amount, and these add up to the total
        let held: i64 = self.payments.iter().map(|leg| leg.held).sum();
        let (provider, client) = (event.provider.minor, event.client.minor);
        sound(provider >= 0 && client >= 0)?;
        let fits = event.provider.currency == *currency
            && event.client.currency == *currency
            && provider.checked_add(client) == Some(held);
        if !fits {
            return Err(SUM_MISMATCH);
        }
        let mut left = provider;
        for leg in &mut self.payments {
            let part = leg.held.min(left);
            left -= part;
            leg.paid += part;
            leg.returned += leg.held - part;
            leg.held = 0;
        }
        let dispute = self.open_one()?;
        dispute.state = State::Ruled;
        dispute.split = Some((provider, client));
        Ok(())
    }

    /// `dispute.accept`: the other side gives in, or who opened it withdraws. Errors:
    /// `bad_transition`, `wrong_actor`.
    pub fn accept_dispute(&mut self, party: Party) -> Result<(), Code> {
        actor(matches!(party, Party::Client | Party::Provider))?;
        let dispute = self.open_one()?;
        dispute.state = match dispute.by == party {
            true => State::Withdrawn,
            false => State::Accepted,
        };
        Ok(())
    }
}
