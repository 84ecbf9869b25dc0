//! Returns: requested → approved → received, or declined.

use serde::{Deserialize, Serialize};
use synlog_reducer::{Code, Id, Meta};

use super::Order;
use super::commercial::{Commercial, bodies};
use super::payment::UNKNOWN_LEG;
use super::quote::Share;
use crate::party::{NOTE_MAX, Party, TOO_MANY, actor, at_ms, few, possible, short_if, sound};

/// The time in which this is possible has passed, or was never agreed.
pub const OUT_OF_WINDOW: Code = "out_of_window";
/// More than was delivered and not yet asked back.
pub const OVER_RETURN: Code = "over_return";
/// The order has no such return.
pub const UNKNOWN_RETURN: Code = "unknown_return";

/// Returns of one order.
pub const RETURNS_MAX: usize = 16;

/// What the client wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Money back for what comes back.
    Refund,
    /// Another one for what comes back.
    Replace,
    /// Money back; nothing comes back.
    RefundOnly,
}

impl Outcome {
    /// Its name in events and rows.
    pub fn name(self) -> &'static str {
        match self {
            Self::Refund => "refund",
            Self::Replace => "replace",
            Self::RefundOnly => "refund_only",
        }
    }
}

/// How far a return is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the names of the states say it")]
pub enum State {
    Requested,
    Approved,
    Declined,
    Received,
}

/// A return.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Return {
    /// The entry that asked for it.
    pub id: Id,
    /// The fulfilment leg.
    pub leg: String,
    /// What.
    pub lines: Vec<Share>,
    /// What for.
    pub outcome: Outcome,
    /// Why.
    pub reason: Option<String>,
    /// How far it is.
    pub state: State,
}

bodies! {
    /// Body of `return.request`.
    ReturnRequest {
        /// The order.
        order: Id,
        /// The fulfilment leg.
        leg: String,
        /// What.
        lines: Vec<Share>,
        /// What for.
        outcome: Outcome,
        /// Why.
        reason: Option<String>,
    }
    /// Body of `return.approve`, `return.decline` and `return.received`.
    ReturnAnswer {
        /// The order.
        order: Id,
        /// The entry `return.request`.
        #[serde(rename = "return")]
        request: Id,
    }
}

impl Order {
    /// `return.request`. Errors: `out_of_window`, `over_return`, `unknown_leg`,
    /// `bad_transition`, `bad_value`, `too_many`, `wrong_actor`.
    pub fn ask_return(
        &mut self,
        event: &ReturnRequest,
        party: Party,
        meta: &Meta<'_>,
    ) -> Result<(), Code> {
        actor(party == Party::Client)?;
        possible(self.running() || self.commercial == Commercial::Completed)?;
        few(&event.lines, super::LINES_MAX)?;
        sound(!event.lines.is_empty())?;
        short_if(event.reason.as_deref(), NOTE_MAX)?;
        let mut legs = self.fulfilments.iter();
        let leg = legs.find(|leg| leg.terms.leg == event.leg);
        let leg = leg.ok_or(UNKNOWN_LEG)?;
        let done_ms = leg.done_ms().ok_or(crate::party::BAD_TRANSITION)?;
        let window_s = self.agreement()?.offer.return_s.ok_or(OUT_OF_WINDOW)?;
        let ends_ms = window_s.saturating_mul(1_000).saturating_add(done_ms);
        if at_ms(meta) > ends_ms {
            return Err(OUT_OF_WINDOW);
        }
        for (index, share) in event.lines.iter().enumerate() {
            let mut before = event.lines[..index].iter();
            sound(share.quantity > 0 && !before.any(|other| other.line == share.line))?;
            let delivered = quantity(&leg.terms.lines, share.line);
            let asked = self.returns.iter();
            let asked =
                asked.filter(|other| other.leg == event.leg && other.state != State::Declined);
            // never more than was delivered, so the sum cannot overflow
            let asked: i64 = asked.map(|other| quantity(&other.lines, share.line)).sum();
            if share.quantity > delivered - asked {
                return Err(OVER_RETURN);
            }
        }
        if self.returns.len() == RETURNS_MAX {
            return Err(TOO_MANY);
        }
        self.returns.push(Return {
            id: Id(meta.id),
            leg: event.leg.clone(),
            lines: event.lines.clone(),
            outcome: event.outcome,
            reason: event.reason.clone(),
            state: State::Requested,
        });
        Ok(())
    }

    /// `return.approve|decline|received`. Errors: `unknown_return`, `bad_transition`,
    /// `wrong_actor`.
    pub fn answer_return(
        &mut self,
        to: State,
        event: &ReturnAnswer,
        party: Party,
    ) -> Result<(), Code> {
        actor(party == Party::Provider)?;
        let found = self
            .returns
            .iter_mut()
            .find(|known| known.id == event.request);
        let found = found.ok_or(UNKNOWN_RETURN)?;
        possible(match to {
            State::Received => {
                found.state == State::Approved && found.outcome != Outcome::RefundOnly
            }
            _ => found.state == State::Requested,
        })?;
        found.state = to;
        Ok(())
    }
}

fn quantity(shares: &[Share], line: i64) -> i64 {
    let shares = shares.iter().filter(|share| share.line == line);
    shares.map(|share| share.quantity).sum()
}
