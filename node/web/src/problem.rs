//! What went wrong, as `application/problem+json` tells it (RFC 9457).

use serde_json::{Value as Json, json};

/// Something that was refused or failed. The code and the hint are those of the command
/// line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Problem {
    /// The HTTP status.
    pub status: u16,
    /// A stable word.
    pub code: String,
    /// What happened, for people.
    pub message: String,
    /// What can be done about it.
    pub hint: Option<String>,
    /// More members, as the code of a rule that refused an event.
    pub more: Vec<(&'static str, Json)>,
}

impl Problem {
    /// A problem without a hint.
    pub fn new(status: u16, code: &str, message: impl Into<String>) -> Self {
        Self {
            status,
            code: code.to_owned(),
            message: message.into(),
            hint: None,
            more: Vec::new(),
        }
    }

    /// With what can be done about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// With one more member.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<Json>) -> Self {
        self.more.push((name, value.into()));
        self
    }

    /// A request that says something wrong.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(400, "usage", message)
    }

    /// As it goes over the wire.
    pub fn json(&self) -> Json {
        let mut object = json!({
            "type": format!("urn:synlog:problem:{}", self.code),
            "title": self.message,
            "status": self.status,
            "code": self.code,
            "hint": self.hint,
        });
        for (name, value) in &self.more {
            object[*name] = value.clone();
        }
        object
    }
}
