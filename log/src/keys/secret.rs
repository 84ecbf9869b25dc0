//! Secret keys: signing, and the text of key files.

use ed25519_dalek::{Signer, SigningKey};

use crate::ids::{hex, unhex};
use crate::keys::Signature;

/// A secret ed25519 key, of a device or of an entity's root. Wiped when dropped.
#[derive(Clone)]
pub struct SecretKey(SigningKey);

/// Why the text of a key file is not a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyFileError {
    /// The first line is not the one that key files begin with.
    #[error("not a synlog key file (it begins with {0:?})")]
    NotAKey(String),
    /// Made by a version that is not known yet.
    #[error("made by a newer synlog: its format has version {0}")]
    Newer(u32),
    /// A line is missing or is not 64 hex digits.
    #[error("the key file has no good `{0}` line")]
    BadLine(&'static str),
    /// Secret and public key don't belong together.
    #[error("the secret key in the file does not belong to the public key beside it")]
    Mismatch,
}

/// First line of a key file.
const HEADING: &str = "synlog secret key 1";

impl KeyFileError {
    /// What is wrong with a first line that is not the one expected, which ends in a version.
    pub fn of_heading(found: &str, expected: &str) -> Self {
        let (front, known) = expected.rsplit_once(' ').unwrap_or((expected, ""));
        let version = found
            .strip_prefix(front)
            .and_then(|rest| rest.strip_prefix(' '));
        let number = |text: &str| text.parse::<u32>().ok();
        let newer = version
            .and_then(number)
            .filter(|it| Some(*it) > number(known));
        match newer {
            Some(version) => Self::Newer(version),
            None => Self::NotAKey(found.chars().take(40).collect()),
        }
    }
}

impl SecretKey {
    /// The key of a 32-byte seed (RFC 8032's secret key).
    pub fn from_seed(seed: [u8; 32]) -> Self {
        Self(SigningKey::from_bytes(&seed))
    }

    /// The seed: who has it has the key.
    pub fn seed(&self) -> [u8; 32] {
        self.0.to_bytes()
    }

    /// The public key.
    pub fn public(&self) -> [u8; 32] {
        self.0.verifying_key().to_bytes()
    }

    /// Signs a 32-byte hash.
    pub fn sign(&self, hash: &[u8; 32]) -> Signature {
        self.0.sign(hash).to_bytes()
    }

    /// Signs bytes that begin with what they are for, and are longer than a hash.
    pub fn sign_bytes(&self, message: &[u8]) -> Signature {
        self.0.sign(message).to_bytes()
    }

    /// The text of a key file that holds this key.
    pub fn to_file(&self) -> String {
        format!(
            "{HEADING}\npublic {}\nsecret {}\n",
            hex(&self.public()),
            hex(self.0.as_bytes())
        )
    }

    /// Reads the text of a key file.
    pub fn from_file(text: &str) -> Result<Self, KeyFileError> {
        let mut lines = text.lines();
        let heading = lines.next().unwrap_or_default();
        if heading != HEADING {
            return Err(KeyFileError::of_heading(heading, HEADING));
        }
        let mut field = |name: &'static str| -> Result<[u8; 32], KeyFileError> {
            let value = lines
                .next()
                .and_then(|line| line.strip_prefix(name))
                .map(str::trim);
            let bytes = value
                .and_then(unhex)
                .and_then(|bytes| bytes.try_into().ok());
            bytes.ok_or(KeyFileError::BadLine(name))
        };
        let public = field("public")?;
        let key = Self::from_seed(field("secret")?);
        if key.public() == public {
            Ok(key)
        } else {
            Err(KeyFileError::Mismatch)
        }
    }
}

impl std::fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SecretKey(of {})", hex(&self.public()[..5]))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn key_files_come_back_and_damage_is_told() {
        let key = SecretKey::from_seed([7; 32]);
        let text = key.to_file();
        assert_eq!(SecretKey::from_file(&text).unwrap().public(), key.public());
        assert!(matches!(
            SecretKey::from_file("hello"),
            Err(KeyFileError::NotAKey(_))
        ));
        let newer = text.replacen("key 1", "key 12", 1);
        assert_eq!(
            SecretKey::from_file(&newer).unwrap_err(),
            KeyFileError::Newer(12)
        );
        let cut = &text[..text.len() - 9];
        assert_eq!(
            SecretKey::from_file(cut).unwrap_err(),
            KeyFileError::BadLine("secret")
        );
        let other = text.replace(&hex(&[7; 32]), &hex(&[8; 32]));
        assert_eq!(
            SecretKey::from_file(&other).unwrap_err(),
            KeyFileError::Mismatch
        );
    }
}
