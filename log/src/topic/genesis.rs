//! The first entry of a topic.

use std::collections::BTreeMap;

use crate::cbor::Value;
use crate::hash::Context;
use crate::ids::{EntityId, TopicId};
use crate::payload::Event;
use crate::refusal::Refusal;
use crate::topic::Setup;

/// Kind of a genesis.
pub const GENESIS_KIND: &str = "topic.genesis";

/// How the entries of a topic are ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// The sequencer's feed says what comes after what.
    Ordered,
    /// By clock and causality.
    Causal,
}

/// Who may read a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Visibility {
    /// Everybody.
    Public,
    /// Members and keepers; entries are sealed.
    Private,
}

/// What a genesis says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Genesis {
    /// What the topic is for.
    pub app: String,
    /// Major version of the app.
    pub major: u16,
    /// How entries are ordered.
    pub mode: Mode,
    /// Who may read.
    pub visibility: Visibility,
    /// Random, so that ids differ.
    pub nonce: [u8; 16],
    /// A name for people.
    pub name: Option<String>,
    /// First members and their roles.
    pub members: BTreeMap<EntityId, String>,
    /// Role of whoever is not a member.
    pub open: Option<String>,
    /// What roles may write.
    pub roles: BTreeMap<String, Vec<String>>,
}

impl Genesis {
    /// Reads the event of a genesis. Everything wrong is `bad_genesis`.
    pub fn parse(event: &Event<'_>) -> Result<Self, Refusal> {
        if event.kind == GENESIS_KIND {
            Self::read(&event.body)
        } else {
            None
        }
        .ok_or(Refusal::BadGenesis)
    }

    fn read(body: &Value) -> Option<Self> {
        let nonce = body.get("nonce")?.as_bytes()?.try_into().ok()?;
        match body.get("visibility")?.as_text()? {
            "public" => {}
            // what else there is to say is sealed
            "private" => return Some(Self::private(nonce)),
            _ => return None,
        }
        let mode = match body.get("mode")?.as_text()? {
            "ordered" => Mode::Ordered,
            "causal" => Mode::Causal,
            _ => return None,
        };
        let public = Self {
            mode,
            visibility: Visibility::Public,
            ..Self::private(nonce)
        };
        Some(public.with_setup(&Setup::read(body)?))
    }

    /// What the genesis of a private topic says to who can't read more.
    pub fn private(nonce: [u8; 16]) -> Self {
        Self {
            app: String::new(),
            major: 0,
            mode: Mode::Ordered,
            visibility: Visibility::Private,
            nonce,
            name: None,
            members: BTreeMap::new(),
            open: None,
            roles: BTreeMap::new(),
        }
    }

    /// Whether members and keepers alone may fetch it.
    pub fn is_private(&self) -> bool {
        self.visibility == Visibility::Private
    }

    /// What a private topic says of itself in a sealed event.
    pub fn setup(&self) -> Setup {
        Setup {
            app: self.app.clone(),
            major: self.major,
            name: self.name.clone(),
            members: self.members.clone(),
            open: self.open.clone(),
            roles: self.roles.clone(),
        }
    }

    /// The genesis with what a setup says.
    pub fn with_setup(&self, setup: &Setup) -> Self {
        let setup = setup.clone();
        Self {
            app: setup.app,
            major: setup.major,
            mode: self.mode,
            visibility: self.visibility,
            nonce: self.nonce,
            name: setup.name,
            members: setup.members,
            open: setup.open,
            roles: setup.roles,
        }
    }

    /// The body of the event.
    pub fn body(&self) -> Value {
        let text = |text: &str| Value::Text(text.to_owned());
        let nonce = ("nonce", Value::Bytes(self.nonce.to_vec()));
        if self.is_private() {
            return Value::map([("visibility", text("private")), nonce]);
        }
        let mode = match self.mode {
            Mode::Ordered => "ordered",
            Mode::Causal => "causal",
        };
        let mut pairs = vec![("mode", text(mode)), ("visibility", text("public")), nonce];
        pairs.extend(self.setup().pairs());
        Value::map(pairs)
    }
}

/// Id of a topic that has no genesis: reviews of an entity, for example.
pub fn derived_topic(app: &str, major: u32, entity: &EntityId) -> TopicId {
    let mut bytes = Vec::new();
    crate::wire::Writer::put_bytes(&mut bytes, app.as_bytes());
    bytes.extend_from_slice(&major.to_le_bytes());
    bytes.extend_from_slice(&entity.0);
    TopicId(Context::DerivedTopic.hash(&bytes))
}
