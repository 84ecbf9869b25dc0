//! Tokens of programs: named, listed, revocable; only their hashes are kept.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use serde_json::{Value as Json, json};
use synlog_web::access::Scope;
use synlog_web::keys;

use crate::clock::now_ms;
use crate::daemon::files::{self, Which};
use crate::entropy::random;
use crate::failure::Failure;
use crate::formats;
use crate::home::Home;

/// Version of the file.
const VERSION: u64 = 1;
/// Tokens at once.
const TOKENS_MAX: usize = 100;
/// Letters of a name.
const NAME_MAX: usize = 64;

/// A program's token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// What its owner calls it.
    pub name: String,
    /// What it allows.
    pub scope: Scope,
    /// When it was made.
    pub made_ms: u64,
    hash: blake3::Hash,
}

impl Token {
    /// For programs, without what it is compared with.
    pub fn json(&self) -> Json {
        json!({ "name": self.name, "scope": self.scope.word(), "made_ms": self.made_ms })
    }
}

/// File of the tokens.
pub fn path(home: &Home) -> PathBuf {
    home.path().join("tokens.json")
}

/// All tokens.
pub fn all(home: &Home) -> Result<Vec<Token>, Failure> {
    let path = path(home);
    let Some(text) = home.read_secret(&path)? else {
        return Ok(Vec::new());
    };
    let tokens = serde_json::from_str::<Json>(&text).ok();
    // the first ones did not say it
    let version = tokens.as_ref().and_then(|json| json["version"].as_u64());
    formats::check(&path, version.unwrap_or(VERSION), VERSION)?;
    let tokens = tokens.as_ref().and_then(|json| json["tokens"].as_array());
    let read = tokens.and_then(|tokens| tokens.iter().map(read).collect());
    let wrong = || {
        Failure::System(format!(
            "{} is damaged: remove it, and make new tokens",
            path.display()
        ))
    };
    read.ok_or_else(wrong)
}

fn read(json: &Json) -> Option<Token> {
    Some(Token {
        name: json["name"].as_str()?.to_owned(),
        scope: Scope::read(json["scope"].as_str()?)?,
        made_ms: json["made_ms"].as_u64()?,
        hash: blake3::Hash::from_hex(json["hash"].as_str()?).ok()?,
    })
}

fn save(home: &Home, tokens: &[Token]) -> Result<(), Failure> {
    let tokens = tokens.iter().map(|token| {
        let mut json = token.json();
        json["hash"] = json!(token.hash.to_hex().as_str());
        json
    });
    let text = json!({ "version": VERSION, "tokens": tokens.collect::<Vec<_>>() }).to_string();
    home.write_secret(&path(home), text.as_bytes())
}

/// Makes one. Gives its secret, which is kept nowhere.
pub fn make(home: &Home, name: &str, scope: Scope) -> Result<String, Failure> {
    if name.is_empty() || name.len() > NAME_MAX || name.chars().any(char::is_control) {
        return Err(Failure::Usage(format!(
            "the name of a token has 1 to {NAME_MAX} bytes"
        )));
    }
    let mut tokens = all(home)?;
    if tokens.iter().any(|token| token.name == name) {
        return Err(Failure::Usage(format!(
            "there is a token {name:?} already; revoke it first"
        )));
    }
    if tokens.len() >= TOKENS_MAX {
        return Err(Failure::Usage(format!(
            "there are {TOKENS_MAX} tokens already; revoke some"
        )));
    }
    let secret = keys::text(&random()?);
    tokens.push(Token {
        name: name.to_owned(),
        scope,
        made_ms: now_ms(),
        hash: keys::hash(&secret),
    });
    save(home, &tokens)?;
    Ok(secret)
}

/// Ends one, at once. `false`: there is none of the name.
pub fn revoke(home: &Home, name: &str) -> Result<bool, Failure> {
    let mut tokens = all(home)?;
    let before = tokens.len();
    tokens.retain(|token| token.name != name);
    if tokens.len() == before {
        return Ok(false);
    }
    save(home, &tokens)?;
    Ok(true)
}

/// The tokens as a running node asks for them: with each request and each event of a stream.
/// The file is read when it is another one than before.
#[derive(Default)]
pub struct Known(Mutex<Option<(Which, Vec<Token>)>>);

impl Known {
    /// What a secret allows; `None`: it is no token.
    pub fn scope_of(&self, home: &Home, secret: &str) -> Option<Scope> {
        let hash = keys::hash(secret);
        let which = files::which(&path(home)).ok()?;
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.as_ref().is_none_or(|(of, _)| *of != which) {
            // what can't be read lets nobody in, and is tried again
            *known = None;
            *known = Some((which, all(home).ok()?));
        }
        let tokens = known.as_ref().map_or(&[][..], |(_, tokens)| tokens);
        // hashes compare in constant time
        let mut tokens = tokens.iter();
        tokens.find(|token| token.hash == hash).map(|it| it.scope)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::fs;
    use std::time::SystemTime;

    use super::*;

    #[test]
    fn tokens_are_made_found_and_revoked() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::at(dir.path());
        let reader = make(&home, "reader", Scope::Read).unwrap();
        let writer = make(&home, "writer", Scope::Write).unwrap();
        let known = Known::default();
        let scope_of = |home: &Home, secret: &str| known.scope_of(home, secret);
        assert_eq!(scope_of(&home, &reader), Some(Scope::Read));
        assert_eq!(scope_of(&home, &writer), Some(Scope::Write));
        assert_eq!(scope_of(&home, "guess"), None);
        assert!(make(&home, "reader", Scope::Read).is_err());
        assert!(make(&home, "", Scope::Read).is_err());
        let kept = std::fs::read_to_string(path(&home)).unwrap();
        assert!(!kept.contains(&reader) && !kept.contains(&writer));
        assert!(revoke(&home, "reader").unwrap());
        assert!(!revoke(&home, "reader").unwrap());
        assert_eq!(scope_of(&home, &reader), None);
        assert_eq!(all(&home).unwrap().len(), 1);
    }

    #[test]
    fn a_damaged_file_lets_nobody_in() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::at(dir.path());
        std::fs::write(path(&home), "{\"tokens\":[{}]}").unwrap();
        assert!(all(&home).is_err());
        let known = Known::default();
        assert_eq!(known.scope_of(&home, ""), None);
        std::fs::remove_file(path(&home)).unwrap();
        let reader = make(&home, "reader", Scope::Read).unwrap();
        assert_eq!(known.scope_of(&home, &reader), Some(Scope::Read));
    }

    #[test]
    fn a_file_is_read_once() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::at(dir.path());
        let known = Known::default();
        assert_eq!(known.scope_of(&home, "none yet"), None);
        let reader = make(&home, "reader", Scope::Read).unwrap();
        assert_eq!(known.scope_of(&home, &reader), Some(Scope::Read));
        // other bytes in a file that is the same by all that is looked at
        let file = fs::OpenOptions::new().write(true).open(path(&home));
        let file = file.unwrap();
        let made = file.metadata().unwrap();
        let spaces = " ".repeat(usize::try_from(made.len()).unwrap());
        fs::write(path(&home), spaces).unwrap();
        file.set_modified(made.modified().unwrap()).unwrap();
        assert_eq!(known.scope_of(&home, &reader), Some(Scope::Read));
        file.set_modified(SystemTime::UNIX_EPOCH).unwrap();
        assert_eq!(known.scope_of(&home, &reader), None);
        fs::remove_file(path(&home)).unwrap();
        assert_eq!(known.scope_of(&home, &reader), None);
    }
}
