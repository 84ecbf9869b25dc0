//! Which runs may be stored (`spec/04-validity.md`).
//!
//! [`Admission`] looks at a decoded run, asks a [`Ledger`] what is known
//! already, and says what is new in it, what it waits for, or why it is refused.
//! It does no I/O and reads no clock.

mod check;
mod ledger;
mod tip;
mod waiting;

pub use check::{Admission, Admit, FreshRun, Refused, fork_proof};
pub use ledger::{Facts, Ledger, MemoryLedger};
pub use tip::Tip;
pub use waiting::{Parked, Waiting, WaitingLimits};
