//! The registry as it is kept over a new start.

use serde_json::{Value, json};

use super::{Entry, Registry};
use crate::limits::RELAYS_MAX;
use crate::name;
use crate::registration::Registration;

/// The form in which it is kept.
const VERSION: u64 = 1;

/// Why what was kept is not read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    /// It is nothing of ours.
    #[error("this is no registry of relays")]
    Malformed,
    /// A newer program wrote it.
    #[error("it is of version {0}, which this program does not know")]
    Version(u64),
}

impl Registry {
    /// What is to be kept.
    pub fn to_state(&self) -> Vec<u8> {
        let relays = self.relays.values().map(|entry| {
            json!({
                "registration": entry.registration.to_json(),
                "domain": entry.domain,
                "seen_ms": entry.seen_ms,
            })
        });
        let gone = self
            .gone
            .iter()
            .map(|(endpoint, at_ms)| json!({ "endpoint": name::hex(endpoint), "at_ms": at_ms }));
        json!({
            "version": VERSION,
            "relays": relays.collect::<Vec<_>>(),
            "gone": gone.collect::<Vec<_>>(),
        })
        .to_string()
        .into_bytes()
    }

    /// Reads what was kept. Everybody is checked anew; who was proven stays so meanwhile.
    pub fn from_state(bytes: &[u8]) -> Result<Self, StateError> {
        let value: Value = serde_json::from_slice(bytes).map_err(|_| StateError::Malformed)?;
        match value.get("version").and_then(Value::as_u64) {
            Some(VERSION) => {}
            Some(other) => return Err(StateError::Version(other)),
            None => return Err(StateError::Malformed),
        }
        let list = |key: &str| value.get(key).and_then(Value::as_array);
        let (Some(relays), Some(gone)) = (list("relays"), list("gone")) else {
            return Err(StateError::Malformed);
        };
        let mut registry = Self::default();
        for kept in relays.iter().take(RELAYS_MAX) {
            let entry = entry(kept).ok_or(StateError::Malformed)?;
            registry.insert(entry);
        }
        for kept in gone.iter().take(2 * RELAYS_MAX) {
            let endpoint = kept.get("endpoint").and_then(Value::as_str);
            let endpoint = endpoint.and_then(name::read);
            let at_ms = kept.get("at_ms").and_then(Value::as_u64);
            let (Some(endpoint), Some(at_ms)) = (endpoint, at_ms) else {
                return Err(StateError::Malformed);
            };
            registry.remember_gone(endpoint, at_ms);
        }
        Ok(registry)
    }
}

fn entry(kept: &Value) -> Option<Entry> {
    let registration = Registration::from_json(kept.get("registration")?)?;
    let domain = match kept.get("domain")? {
        Value::Null => None,
        Value::String(domain) if name::is_domain(domain) => Some(domain.clone()),
        _ => return None,
    };
    Some(Entry {
        registration,
        domain,
        seen_ms: kept.get("seen_ms").and_then(Value::as_u64),
        fails: 0,
        why: None,
        failing_since_ms: None,
        check_ms: 0,
        checking: false,
    })
}
