//! Who a node belongs to: the root key and its recovery words, devices that come and
//! go, and what is told to topics about them (`docs/IDENTITY.md`).

pub mod enrolment;
pub mod lock;
pub mod passphrase;
pub mod profile;
pub mod recovery;
pub mod retirement;
pub mod root;

pub use synlog_values::words;
