//! Which backup of this store was made last: `last-backup.json`, for those who look after it.
//! Nothing depends on it, so what is damaged counts as nothing.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use crate::failure::Failure;
use crate::home::Home;

/// The last backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Last {
    /// Where it is.
    pub place: String,
    /// Its number there.
    pub number: u64,
    /// When it was made, UTC ms.
    pub made_ms: u64,
    /// Whether keys are in it.
    pub keys: bool,
    /// How many are kept there.
    pub keep: u16,
}

impl Last {
    /// What is known of it.
    ///
    /// # Errors
    /// Where the file can't be read.
    pub fn of(home: &Home) -> Result<Option<Self>, Failure> {
        let text = home.read_secret(&path(home))?;
        Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
    }

    /// Remembers it.
    ///
    /// # Errors
    /// Where the file can't be written.
    pub fn remember(&self, home: &Home) -> Result<(), Failure> {
        let text = self.json().to_string() + "\n";
        home.write_secret(&path(home), text.as_bytes())
    }

    /// As it is told.
    pub fn json(&self) -> Json {
        json!({
            "place": self.place,
            "number": self.number,
            "made_ms": self.made_ms,
            "keys": self.keys,
            "keep": self.keep,
        })
    }
}

fn path(home: &Home) -> PathBuf {
    home.path().join("last-backup.json")
}
