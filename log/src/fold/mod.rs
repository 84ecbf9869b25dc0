//! The vocabulary of folding (`spec/10-reducer.md`): what a reducer is given and
//! what it gives back. No engine is here, and no rows: `runtime` runs reducers,
//! `views` drives them; both know only these types.

pub mod calls;
mod event;
mod manifest;
mod misfit;
mod reading;
mod reducer;

pub use event::{Fact, FoldEvent};
pub use manifest::{Column, EventKind, Field, FieldType, Index, Manifest, ManifestError, Table};
pub use misfit::{Misfit, Wrong};
pub use reading::{event_of, fields};
pub use reducer::{FoldInput, Folded, Halt, Projected, Reducer, Routed, Row, code_is_right};

/// Version of the interface between a node and a reducer.
pub const ABI_VERSION: i64 = 1;
/// Bytes of an aggregate's state: what a phone can read and write for each event.
pub const STATE_MAX: usize = 1 << 20;
/// Bytes of an aggregate's key.
pub const KEY_MAX: usize = 128;
/// Aggregates that one event may touch.
pub const KEYS_MAX: usize = 8;
/// Bytes of a rejection code.
pub const CODE_MAX: usize = 32;
/// Rows that one aggregate may show.
pub const ROWS_MAX: usize = 256;
/// Bytes of all rows of one aggregate, as encoded.
pub const ROWS_BYTES_MAX: usize = 256 * 1024;
/// Bytes of a manifest.
pub const MANIFEST_MAX: usize = 64 * 1024;
/// Bytes of a reducer module, as it travels in a bundle.
pub const MODULE_MAX: usize = 1 << 20;

/// The reducer trapped.
pub const TRAPPED: &str = "trapped";
/// The event used up its gas, stack or pages.
pub const OVER_BUDGET: &str = "over_budget";
/// The state would be larger than [`STATE_MAX`].
pub const STATE_FULL: &str = "state_full";
/// What the reducer gave back does not decode or breaks a limit.
pub const BAD_OUTPUT: &str = "bad_output";
/// The event names an entry that is not among its ancestors.
pub const MISSING_REFERENCE: &str = "missing_reference";
/// The kind is not one of the app's.
pub const UNKNOWN_KIND: &str = "unknown_kind";
