//! Who is logged in at the pages, so that nobody has to log in again after a restart.
//! Only hashes of what browsers show are kept.

use std::path::PathBuf;

use serde_json::{Value as Json, json};
use synlog_web::keys::Session;

use crate::failure::Failure;
use crate::formats;
use crate::home::Home;

/// Version of the file.
const VERSION: u64 = 1;

fn path(home: &Home) -> PathBuf {
    home.path().join("sessions.json")
}

/// All that were kept.
pub fn all(home: &Home) -> Result<Vec<Session>, Failure> {
    let path = path(home);
    let Some(text) = home.read_secret(&path)? else {
        return Ok(Vec::new());
    };
    let json = serde_json::from_str::<Json>(&text).unwrap_or_default();
    formats::check(&path, json["version"].as_u64().unwrap_or(VERSION), VERSION)?;
    let sessions = json["sessions"].as_array();
    let read = sessions.and_then(|sessions| sessions.iter().map(read).collect());
    read.ok_or_else(|| Failure::System(format!("{} is damaged", path.display())))
}

fn read(json: &Json) -> Option<Session> {
    Some(Session {
        hash: blake3::Hash::from_hex(json["hash"].as_str()?).ok()?,
        made_ms: json["made_ms"].as_u64()?,
        used_ms: json["used_ms"].as_u64()?,
    })
}

/// Writes them down.
pub fn keep(home: &Home, sessions: &[Session]) -> Result<(), Failure> {
    let sessions = sessions.iter().map(|session| {
        json!({
            "hash": session.hash.to_hex().as_str(),
            "made_ms": session.made_ms, "used_ms": session.used_ms,
        })
    });
    let text = json!({ "version": VERSION, "sessions": sessions.collect::<Vec<_>>() });
    home.write_secret(&path(home), text.to_string().as_bytes())
}

/// Ends all of them, where no server runs. Gives how many there were.
pub fn forget(home: &Home) -> Result<usize, Failure> {
    let known = all(home).map_or(0, |sessions| sessions.len());
    keep(home, &[])?;
    Ok(known)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn who_was_logged_in_still_is() {
        let scratch = tempfile::tempdir().unwrap();
        let home = Home::at(scratch.path());
        assert_eq!(all(&home).unwrap(), []);
        let session = |number: u8| Session {
            hash: blake3::hash(&[number]),
            made_ms: 1,
            used_ms: u64::from(number),
        };
        let sessions = [session(1), session(2)];
        keep(&home, &sessions).unwrap();
        assert_eq!(all(&home).unwrap(), sessions);
        assert_eq!(forget(&home).unwrap(), 2);
        assert_eq!(all(&home).unwrap(), []);
        for text in [
            "",
            "{",
            "[]",
            r#"{"version":1}"#,
            r#"{"version":1,"sessions":[1]}"#,
        ] {
            std::fs::write(path(&home), text).unwrap();
            assert!(all(&home).is_err(), "{text}");
        }
        std::fs::write(path(&home), r#"{"version":2,"sessions":[]}"#).unwrap();
        assert!(all(&home).unwrap_err().to_string().contains("newer"));
    }
}
