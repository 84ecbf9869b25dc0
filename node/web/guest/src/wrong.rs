//! What goes wrong, with a code that the pages know.

/// Why something can't be done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Wrong {
    /// What was said is wrong.
    #[error("{0}")]
    Usage(String),
    /// There are no keys here yet.
    #[error("there are no keys here")]
    NoKeys,
    /// A topic that is not here.
    #[error("the topic is not here")]
    NoTopic,
    /// An entry that is not here.
    #[error("the entry is not here")]
    NoEntry,
    /// The reducer of the topic's app is not here.
    #[error("the rules of the topic's app are not here")]
    NoRules,
    /// The kernel or the app's rules refuse an event.
    #[error("the rules refuse it: {0}")]
    Rejected(String),
    /// Bytes that are not what they should be.
    #[error("{what} is refused: {code}")]
    Refused {
        /// What.
        what: &'static str,
        /// The code of the protocol.
        code: &'static str,
    },
    /// The epoch key with which to seal is not here yet.
    #[error("the key of the topic is not here yet")]
    Locked,
    /// An entry can't be signed: the clock, or its size.
    #[error("{0}")]
    Unsigned(String),
    /// What was signed last was not kept yet.
    #[error("an entry that was signed is not stored yet")]
    Unkept,
    /// The engine that runs reducers failed.
    #[error("the rules could not be run: {0}")]
    Halted(String),
}

impl Wrong {
    /// The stable code.
    pub fn code(&self) -> &str {
        match self {
            Self::Usage(_) => "usage",
            Self::NoKeys => "no_keys",
            Self::NoTopic => "no_topic",
            Self::NoEntry => "no_entry",
            Self::NoRules => "no_rules",
            Self::Rejected(_) => "rejected",
            Self::Refused { .. } => "refused",
            Self::Locked => "locked",
            Self::Unsigned(_) => "unsigned",
            Self::Unkept => "unkept",
            Self::Halted(_) => "halted",
        }
    }

    /// The rule that refuses, or the code of the protocol.
    pub fn rule(&self) -> Option<&str> {
        match self {
            Self::Rejected(code) => Some(code),
            Self::Refused { code, .. } => Some(code),
            _ => None,
        }
    }

    /// Something is refused by the protocol.
    pub fn refused(what: &'static str) -> impl Fn(synlog_log::refusal::Refusal) -> Self {
        move |refusal| Self::Refused {
            what,
            code: refusal.code(),
        }
    }
}
