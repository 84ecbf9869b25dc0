//! Rows of synlog: what reducers make of ordered events, kept in sled, and how to ask
//! for it (`spec/10-reducer.md` 10.1, `spec/11-views.md`).
//!
//! All here can be thrown away and comes back the same from the log. The crate knows
//! no engine: it drives [`synlog_log::fold::Reducer`], reads the order from
//! [`synlog_log::order::TopicOrder`] and gets events from an [`EventSource`]. Files are
//! touched in `store/open.rs` and by sled alone; no clock and no randomness is read.

mod body;
mod causal;
mod digest;
mod driver;
mod error;
mod explain;
mod folding;
mod hashing;
mod index_entry;
mod overlay;
mod preview;
mod query;
mod routing;
mod sequenced;
mod snapshots;
mod source;
mod store;
mod watch;
mod work;

pub use digest::{Digest, DigestName};
pub use driver::{Progress, RULES_VERSION, Stats, Update, Views};
pub use error::{SourceError, ViewsError};
pub use explain::{Explained, Rejection, Rejections};
pub use preview::Preview;
pub use query::{Filter, LIMIT_MAX, Page, PageToken, Query, RowView, Shown};
pub use source::{EventSource, Events, FoldLine};
pub use store::{Opened, Options};
pub use watch::{ChangedRows, Changes, Cursor, WatchFilter};

#[cfg(test)]
mod tests;
