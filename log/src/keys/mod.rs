//! Keys: who may sign, when a signature holds, and what is sealed to whom.

mod admission;
mod encryption;
mod secret;
mod signature;

pub use admission::{AdmittedKeys, admit};
pub use encryption::{
    EncryptionSecret, PUBLIC_LEN, SEAL_OVERHEAD, SUITE_X25519, WRAP_LEN, WrapBinding,
    admit_encryption_key, seal_to, wrap_key,
};
pub use secret::{KeyFileError, SecretKey};
pub use signature::{Batch, Signature, verify};
