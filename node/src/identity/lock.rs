//! Secrets under a passphrase: age files that the standard `age` tool opens, too.

use age::secrecy::SecretString;
use age::{DecryptError, scrypt};

/// Work for one try of a passphrase, as a power of two: a quarter of a second and
/// 128 MB on an ordinary machine, the same on all of them.
const WORK: u8 = 17;
/// More work than this is not done for a file, whoever wrote it.
const WORK_MAX: u8 = 21;

/// Why a locked file does not open.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LockError {
    /// Another passphrase locked it.
    #[error("the passphrase is not the one that locked it")]
    WrongPassphrase,
    /// It is no locked file, or damaged.
    #[error("it is damaged, or not an age file: {0}")]
    Damaged(String),
}

/// Locks bytes. The result is text.
pub fn lock(plain: &[u8], passphrase: &SecretString) -> Result<Vec<u8>, LockError> {
    let mut recipient = scrypt::Recipient::new(passphrase.clone());
    recipient.set_work_factor(WORK);
    age::encrypt_and_armor(&recipient, plain)
        .map(String::into_bytes)
        .map_err(|error| LockError::Damaged(error.to_string()))
}

/// Opens what was locked.
pub fn unlock(locked: &[u8], passphrase: &SecretString) -> Result<Vec<u8>, LockError> {
    let mut identity = scrypt::Identity::new(passphrase.clone());
    identity.set_max_work_factor(WORK_MAX);
    age::decrypt(&identity, locked).map_err(|error| match error {
        DecryptError::DecryptionFailed
        | DecryptError::KeyDecryptionFailed
        | DecryptError::NoMatchingKeys => LockError::WrongPassphrase,
        other => LockError::Damaged(other.to_string()),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn only_the_passphrase_opens_it() {
        let right = SecretString::from("correct horse".to_owned());
        let wrong = SecretString::from("battery staple".to_owned());
        let locked = lock(b"secret", &right).unwrap();
        assert!(locked.starts_with(b"-----BEGIN AGE ENCRYPTED FILE-----"));
        assert_eq!(unlock(&locked, &right).unwrap(), b"secret");
        assert_eq!(unlock(&locked, &wrong), Err(LockError::WrongPassphrase));
        let cut = unlock(&locked[..locked.len() - 60], &right);
        assert!(matches!(cut, Err(LockError::Damaged(_))), "{cut:?}");
        assert!(matches!(
            unlock(b"synlog secret key 1", &right),
            Err(LockError::Damaged(_))
        ));
    }
}
