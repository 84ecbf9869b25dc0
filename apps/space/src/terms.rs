//! Terms on which a provider lets an order be cancelled or goods be returned.

use serde::{Deserialize, Serialize};
use synlog_reducer::Code;

use crate::field::{AMOUNT_MAX, BP_MAX, require};

/// Stages of an order that a fee can be tied to: where it stands when it is cancelled.
pub const STAGES: [&str; 10] = [
    "requested",
    "agreed",
    "confirmed",
    "assigned",
    "packed",
    "picked_up",
    "out_for_delivery",
    "in_transit",
    "at_location",
    "started",
];

/// Seconds within which goods may be returned, at most: ten years, so that a guarantee fits.
const WINDOW_MAX_S: i64 = 10 * 366 * 86_400;

/// What cancelling costs from a stage on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Term {
    /// The stage, one of [`STAGES`].
    pub stage: String,
    /// Fee in basis points of the total, 0 to 10,000.
    pub fee_bp: i64,
    /// Fee in minor units of the order's currency, on top.
    #[serde(default)]
    pub fee_minor: Option<i64>,
}

/// Until when goods may be returned, and at which fee.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReturnTerms {
    /// Seconds after delivery.
    pub window_s: i64,
    /// Fee in basis points of what is returned, 0 to 10,000.
    #[serde(default)]
    pub fee_bp: i64,
}

/// Checks a list of terms: known stages, each once, fees within their limits.
pub(crate) fn check_terms(terms: &[Term]) -> Result<(), Code> {
    require(terms.len() <= STAGES.len())?;
    for (index, term) in terms.iter().enumerate() {
        require(STAGES.contains(&&term.stage[..]))?;
        require(terms[..index].iter().all(|other| other.stage != term.stage))?;
        require((0..=BP_MAX).contains(&term.fee_bp))?;
        require((0..=AMOUNT_MAX).contains(&term.fee_minor.unwrap_or(0)))?;
    }
    Ok(())
}

/// Checks terms of return.
pub(crate) fn check_return(terms: &Option<ReturnTerms>) -> Result<(), Code> {
    require(terms.as_ref().is_none_or(|terms| {
        (0..=WINDOW_MAX_S).contains(&terms.window_s) && (0..=BP_MAX).contains(&terms.fee_bp)
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn term(stage: &str, fee_bp: i64, fee_minor: Option<i64>) -> Term {
        Term {
            stage: stage.to_owned(),
            fee_bp,
            fee_minor,
        }
    }

    #[test]
    fn terms_have_known_stages_each_once() {
        for (terms, right) in [
            (vec![], true),
            (
                STAGES.map(|stage| term(stage, 10_000, Some(0))).to_vec(),
                true,
            ),
            (
                vec![term("agreed", 0, None), term("agreed", 1, None)],
                false,
            ),
            (vec![term("dreaming", 0, None)], false),
            (vec![term("agreed", -1, None)], false),
            (vec![term("agreed", 10_001, None)], false),
            (vec![term("agreed", 0, Some(-1))], false),
        ] {
            assert_eq!(check_terms(&terms).is_ok(), right, "{terms:?}");
        }
    }
}
