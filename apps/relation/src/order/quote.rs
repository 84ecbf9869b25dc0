//! What a provider offers: the price in its parts, how it is paid and fulfilled, and what
//! a cancellation costs. Frozen once the client agrees.

use serde::{Deserialize, Serialize};
use synlog_reducer::{Code, Id, Meta, Money};

use super::Line;
use super::fulfilment::Stage;
use crate::party::{BAD_VALUE, TITLE_MAX, few, short, slug, sound};

/// Amounts do not add up, or are not in the quote's currency.
pub const SUM_MISMATCH: Code = "sum_mismatch";

/// Parts of a price.
pub const BREAKUP_MAX: usize = 32;
/// Payment legs, and fulfilment legs. With the lines, returns, links and a dispute an order
/// then shows at most 98 rows.
pub const LEGS_MAX: usize = 16;
/// Cancellation terms: more than there are stages.
pub const TERMS_MAX: usize = 24;
/// Bytes of a currency: ISO 4217 has 3, the id of a ledger in hexadecimal 64.
pub const CURRENCY_MAX: usize = 64;
/// 100 %: a fee is in hundredths of a percent.
pub const BASIS_POINTS: i64 = 10_000;

/// A part of the price; below zero it is a discount.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// What it is for.
    pub title: String,
    /// How much.
    pub amount: Money,
}

/// When a payment leg is to be paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trigger {
    /// When the client agrees.
    OnAgree,
    /// Before fulfilment begins, which waits for it.
    Before,
    /// At the door.
    On,
    /// After fulfilment.
    After,
    /// At the instant `due`.
    Date,
}

/// A payment leg.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentTerms {
    /// Its name.
    pub leg: String,
    /// How much, above zero.
    pub amount: Money,
    /// When.
    pub trigger: Trigger,
    /// For [`Trigger::Date`]: UTC ms.
    pub due: Option<i64>,
    /// Whether the arbiter holds it until it is released.
    #[serde(default)]
    pub escrow: bool,
}

/// What a fulfilment leg is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Goods brought to the client.
    Goods,
    /// Goods that the client fetches.
    Pickup,
    /// A visit to the client's home.
    Visit,
    /// Something digital.
    Digital,
}

/// How many of an ordered line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    /// Index into the order's lines, from 0.
    pub line: i64,
    /// How many, above zero.
    pub quantity: i64,
}

/// A fulfilment leg.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FulfilmentTerms {
    /// Its name.
    pub leg: String,
    /// What it is.
    pub kind: Kind,
    /// What it brings.
    #[serde(default)]
    pub lines: Vec<Share>,
}

/// What a cancellation by the client costs from a stage of fulfilment on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeeTerm {
    /// The stage from which on it holds.
    pub stage: Stage,
    /// Hundredths of a percent of the total, 0 to 10,000.
    #[serde(default)]
    pub fee_bp: i64,
    /// And so much, in the quote's currency.
    #[serde(default)]
    pub fee_minor: i64,
}

/// What is offered: body of `order.quote` and `order.revise`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    /// The order.
    pub order: Id,
    /// 1, 2, …: each offer counts one up.
    pub revision: i64,
    /// The parts of the total.
    #[serde(default)]
    pub breakup: Vec<Part>,
    /// What it costs.
    pub total: Money,
    /// How it is paid.
    #[serde(default)]
    pub legs: Vec<PaymentTerms>,
    /// How it is fulfilled.
    #[serde(default)]
    pub fulfilment: Vec<FulfilmentTerms>,
    /// What cancelling costs.
    #[serde(default)]
    pub terms: Vec<FeeTerm>,
    /// Lines whose stock is taken by the time of the confirm, which proves it.
    #[serde(default)]
    pub takes: Vec<i64>,
    /// Who holds money in escrow and rules disputes.
    pub arbiter: Option<Id>,
    /// Until when the client can agree: UTC ms.
    pub valid_until: i64,
    /// Seconds after the last fulfilment from when on the provider may complete.
    pub silence_s: Option<i64>,
    /// Seconds after a delivery in which the client may ask to return; none: no returns.
    pub return_s: Option<i64>,
}

impl Offer {
    /// Whether it is complete and adds up for these lines. Errors: `sum_mismatch`,
    /// `wrong_actor` (an arbiter who is a party), `bad_value`, `too_many`, `too_long`.
    pub fn check(&self, lines: &[Line], client: &Id, meta: &Meta<'_>) -> Result<(), Code> {
        few(&self.breakup, BREAKUP_MAX)?;
        few(&self.legs, LEGS_MAX)?;
        few(&self.fulfilment, LEGS_MAX)?;
        few(&self.terms, TERMS_MAX)?;
        few(&self.takes, lines.len())?;
        slug(&self.total.currency)?;
        short(&self.total.currency, CURRENCY_MAX)?;
        sound(self.total.minor >= 0 && self.valid_until >= 0)?;
        sound(self.silence_s.unwrap_or(0) >= 0 && self.return_s.unwrap_or(0) >= 0)?;
        if let Some(arbiter) = &self.arbiter {
            crate::party::actor(arbiter != client && arbiter.0 != meta.entity)?;
        }
        for part in &self.breakup {
            short(&part.title, TITLE_MAX)?;
        }
        self.adds_up(self.breakup.iter().map(|part| &part.amount))?;
        self.adds_up(self.legs.iter().map(|leg| &leg.amount))?;
        self.check_legs()?;
        self.check_fulfilment(lines)?;
        for term in &self.terms {
            sound((0..=BASIS_POINTS).contains(&term.fee_bp) && term.fee_minor >= 0)?;
        }
        for (index, line) in self.takes.iter().enumerate() {
            sound(known_line(*line, lines).is_some() && !self.takes[..index].contains(line))?;
        }
        Ok(())
    }

    fn adds_up<'a>(&self, amounts: impl Iterator<Item = &'a Money>) -> Result<(), Code> {
        let mut sum = 0_i64;
        for amount in amounts {
            if amount.currency != self.total.currency {
                return Err(SUM_MISMATCH);
            }
            sum = sum.checked_add(amount.minor).ok_or(SUM_MISMATCH)?;
        }
        if sum == self.total.minor {
            Ok(())
        } else {
            Err(SUM_MISMATCH)
        }
    }

    fn check_legs(&self) -> Result<(), Code> {
        for (index, leg) in self.legs.iter().enumerate() {
            slug(&leg.leg)?;
            let twice = self.legs[..index].iter().any(|other| other.leg == leg.leg);
            sound(!twice && leg.amount.minor > 0)?;
            sound((leg.trigger == Trigger::Date) == leg.due.is_some())?;
            // money in escrow needs somebody who holds it
            sound(!leg.escrow || self.arbiter.is_some())?;
        }
        Ok(())
    }

    fn check_fulfilment(&self, lines: &[Line]) -> Result<(), Code> {
        let mut left: Vec<i64> = lines.iter().map(|line| line.quantity).collect();
        for (index, leg) in self.fulfilment.iter().enumerate() {
            slug(&leg.leg)?;
            few(&leg.lines, lines.len())?;
            let mut before = self.fulfilment[..index].iter();
            sound(!before.any(|other| other.leg == leg.leg))?;
            for share in &leg.lines {
                let line = known_line(share.line, lines).ok_or(BAD_VALUE)?;
                sound(share.quantity > 0)?;
                // both are above zero, so this cannot overflow
                left[line] -= share.quantity;
                if left[line] < 0 {
                    return Err(SUM_MISMATCH);
                }
            }
        }
        Ok(())
    }
}

/// The index of a line, if there is such a line.
pub(crate) fn known_line(line: i64, lines: &[Line]) -> Option<usize> {
    usize::try_from(line)
        .ok()
        .filter(|line| *line < lines.len())
}
