//! Keys and signatures: who may sign, and when a signature holds.

mod admission;
mod secret;
mod signature;

pub use admission::{AdmittedKeys, admit};
pub use secret::{KeyFileError, SecretKey};
pub use signature::{Batch, Signature, verify};
