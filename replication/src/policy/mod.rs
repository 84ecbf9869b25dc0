//! Who gets what: what this node follows, whom it shuts out, and one function that says
//! whether somebody may connect, be called, be served, have entries stored, be told.

mod circle;
mod interests;
mod quota;
mod rule;

pub use circle::{Circle, Standing};
pub use interests::{Follow, HOPS_MAX, Interests, InterestsError, Mode};
pub use quota::{Charge, QuotaLimits, Quotas};
pub use rule::{Act, Answer, Why, authorise};
