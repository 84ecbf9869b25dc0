//! Whom to call and when, how many links to keep and with whom, and how much each peer
//! may ask for.

mod backoff;
mod bucket;
mod contacts;
mod costs;
mod scheduler;

pub use backoff::Backoff;
pub use bucket::{Bucket, Buckets, Rate};
pub use contacts::{Contact, Contacts, State};
pub use costs::{Cost, CostLimits, Costs};
pub use scheduler::{Scheduler, Slots};
