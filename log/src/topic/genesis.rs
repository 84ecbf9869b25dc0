//! The first entry of a topic.

use std::collections::BTreeMap;

use crate::cbor::Value;
use crate::hash::Context;
use crate::ids::{EntityId, TopicId};
use crate::limits::{KIND_MAX, MEMBERS_MAX, POLICY_LIST_MAX};
use crate::payload::{Event, name_is_right};
use crate::refusal::Refusal;

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

/// Bytes of an app's name.
const APP_MAX: usize = 64;
/// Bytes of a topic's name.
const TOPIC_NAME_MAX: usize = 128;
/// Bytes of a role.
const ROLE_MAX: usize = 32;

/// Whether a text can be a role.
pub(super) fn role_is_right(role: &str) -> bool {
    role.len() <= ROLE_MAX && name_is_right(role)
}

/// A list of patterns, if it is one.
pub(super) fn patterns(value: &Value) -> Option<Vec<String>> {
    let items = value
        .as_array()
        .filter(|items| items.len() <= POLICY_LIST_MAX)?;
    let pattern = |item: &Value| {
        let text = item.as_text();
        text.filter(|text| (1..=KIND_MAX).contains(&text.len()))
            .map(str::to_owned)
    };
    items.iter().map(pattern).collect()
}

/// An optional key: absent is fine, `None` where it is there but wrong.
fn optional<T>(body: &Value, key: &str, read: impl Fn(&Value) -> Option<T>) -> Option<Option<T>> {
    match body.get(key) {
        None => Some(None),
        Some(value) => read(value).map(Some),
    }
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
        let app = body
            .get("app")?
            .as_text()
            .filter(|app| (1..=APP_MAX).contains(&app.len()))?;
        let mode = match body.get("mode")?.as_text()? {
            "ordered" => Mode::Ordered,
            "causal" => Mode::Causal,
            _ => return None,
        };
        let visibility = match body.get("visibility")?.as_text()? {
            "public" => Visibility::Public,
            "private" => Visibility::Private,
            _ => return None,
        };
        let role = |value: &Value| {
            value
                .as_text()
                .filter(|role| role_is_right(role))
                .map(str::to_owned)
        };
        let name = |value: &Value| {
            value
                .as_text()
                .filter(|name| name.len() <= TOPIC_NAME_MAX)
                .map(str::to_owned)
        };
        let member = |value: &Value| {
            Some((
                EntityId(value.get("entity")?.as_id()?),
                role(value.get("role")?)?,
            ))
        };
        let members = |value: &Value| -> Option<BTreeMap<EntityId, String>> {
            let items = value
                .as_array()
                .filter(|items| items.len() <= MEMBERS_MAX)?;
            items.iter().map(member).collect()
        };
        let roles = |value: &Value| -> Option<BTreeMap<String, Vec<String>>> {
            let Value::Map(pairs) = value else {
                return None;
            };
            let role = |(role, list): &(String, Value)| {
                Some((
                    role.clone(),
                    patterns(list).filter(|_| role_is_right(role))?,
                ))
            };
            pairs.iter().map(role).collect()
        };
        Some(Self {
            app: app.to_owned(),
            major: u16::try_from(body.get("major")?.as_int()?).ok()?,
            mode,
            visibility,
            nonce: body.get("nonce")?.as_bytes()?.try_into().ok()?,
            name: optional(body, "name", name)?,
            members: optional(body, "members", members)?.unwrap_or_default(),
            open: optional(body, "open", role)?,
            roles: optional(body, "roles", roles)?.unwrap_or_default(),
        })
    }

    /// The body of the event.
    pub fn body(&self) -> Value {
        let text = |text: &str| Value::Text(text.to_owned());
        let mut pairs = vec![
            ("app", text(&self.app)),
            ("major", Value::Int(i64::from(self.major))),
            (
                "mode",
                text(if self.mode == Mode::Ordered {
                    "ordered"
                } else {
                    "causal"
                }),
            ),
            (
                "visibility",
                text(if self.visibility == Visibility::Public {
                    "public"
                } else {
                    "private"
                }),
            ),
            ("nonce", Value::Bytes(self.nonce.to_vec())),
        ];
        if let Some(name) = &self.name {
            pairs.push(("name", text(name)));
        }
        if let Some(open) = &self.open {
            pairs.push(("open", text(open)));
        }
        if !self.members.is_empty() {
            let member = |(entity, role): (&EntityId, &String)| {
                Value::map([
                    ("entity", Value::Bytes(entity.0.to_vec())),
                    ("role", text(role)),
                ])
            };
            pairs.push((
                "members",
                Value::Array(self.members.iter().map(member).collect()),
            ));
        }
        if !self.roles.is_empty() {
            let role = |(role, kinds): (&String, &Vec<String>)| {
                (
                    role.clone(),
                    Value::Array(kinds.iter().map(|kind| text(kind)).collect()),
                )
            };
            pairs.push(("roles", Value::map(self.roles.iter().map(role))));
        }
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
