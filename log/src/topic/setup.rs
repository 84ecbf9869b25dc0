//! What a topic is for and who may do what at its beginning: part of a public genesis,
//! an event of its own, sealed, in a private topic.

use std::collections::BTreeMap;

use crate::cbor::Value;
use crate::ids::EntityId;
use crate::limits::{KIND_MAX, MEMBERS_MAX, POLICY_LIST_MAX};
use crate::payload::name_is_right;

/// Kind of the event by which a private topic says what it is.
pub const SETUP_KIND: &str = "topic.setup";

/// What a topic says of itself at its beginning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setup {
    /// What the topic is for.
    pub app: String,
    /// Major version of the app.
    pub major: u16,
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

fn role(value: &Value) -> Option<String> {
    let role = value.as_text().filter(|role| role_is_right(role));
    role.map(str::to_owned)
}

fn members(value: &Value) -> Option<BTreeMap<EntityId, String>> {
    let items = value
        .as_array()
        .filter(|items| items.len() <= MEMBERS_MAX)?;
    let member = |value: &Value| {
        Some((
            EntityId(value.get("entity")?.as_id()?),
            role(value.get("role")?)?,
        ))
    };
    items.iter().map(member).collect()
}

fn roles(value: &Value) -> Option<BTreeMap<String, Vec<String>>> {
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
}

impl Setup {
    /// Reads it from the body of its event.
    pub(super) fn read(body: &Value) -> Option<Self> {
        let app = body
            .get("app")?
            .as_text()
            .filter(|app| (1..=APP_MAX).contains(&app.len()))?;
        let name = |value: &Value| {
            let name = value.as_text().filter(|name| name.len() <= TOPIC_NAME_MAX);
            name.map(str::to_owned)
        };
        Some(Self {
            app: app.to_owned(),
            major: u16::try_from(body.get("major")?.as_int()?).ok()?,
            name: optional(body, "name", name)?,
            members: optional(body, "members", members)?.unwrap_or_default(),
            open: optional(body, "open", role)?,
            roles: optional(body, "roles", roles)?.unwrap_or_default(),
        })
    }

    /// The body of its event.
    pub fn body(&self) -> Value {
        Value::map(self.pairs())
    }

    /// The pairs of a body that say it.
    pub(super) fn pairs(&self) -> Vec<(&'static str, Value)> {
        let text = |text: &str| Value::Text(text.to_owned());
        let mut pairs = vec![
            ("app", text(&self.app)),
            ("major", Value::Int(i64::from(self.major))),
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
            let members = self.members.iter().map(member).collect();
            pairs.push(("members", Value::Array(members)));
        }
        if !self.roles.is_empty() {
            let role = |(role, kinds): (&String, &Vec<String>)| {
                let kinds = kinds.iter().map(|kind| text(kind)).collect();
                (role.clone(), Value::Array(kinds))
            };
            pairs.push(("roles", Value::map(self.roles.iter().map(role))));
        }
        pairs
    }
}
