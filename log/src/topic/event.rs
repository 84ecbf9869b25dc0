//! Events by which a topic governs itself.

use crate::cbor::Value;
use crate::identity::{Action, SignedStatement};
use crate::ids::{DeviceId, EntityId, EntryId};
use crate::limits::{POLICY_LIST_MAX, ROTATIONS_MAX, WRAPS_MAX};
use crate::payload::Event;
use crate::refusal::Refusal;
use crate::sealed::access::SealedAccess;
use crate::sealed::{KeyOffer, Wrap};
use crate::topic::Setup;
use crate::topic::setup::{patterns, role_is_right};

/// Where a removal ends a feed of a causal topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cut {
    /// The device whose feed ends.
    pub device: DeviceId,
    /// The last entry that counts, and its id; `None` where none does.
    pub last: Option<(u64, EntryId)>,
}

/// A statement of an entity's root that an entry carries, checked from its own bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RootStatement {
    /// The entity whose root said it.
    pub entity: EntityId,
    /// Its number in the identity log.
    pub number: u64,
    /// Its hash.
    pub hash: [u8; 32],
    /// What was said.
    pub action: Action,
}

/// An event of the kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PolicyEvent {
    /// The topic begins.
    Genesis,
    /// Adds a member or changes its role.
    Member {
        /// Who.
        entity: EntityId,
        /// The role.
        role: String,
    },
    /// Removes a member.
    Remove {
        /// Who.
        entity: EntityId,
        /// Where its feeds end (causal topics).
        cuts: Vec<Cut>,
    },
    /// Says what a role may write.
    Role {
        /// The role.
        role: String,
        /// Patterns of kinds.
        kinds: Vec<String>,
    },
    /// Another device sequences from here on.
    Handover {
        /// The device.
        next: DeviceId,
        /// The last entry of its feed that was seen.
        head: Option<EntryId>,
    },
    /// Places what it cites.
    Ack,
    /// A new key epoch, or more wraps of the key of this one.
    Key(KeyOffer),
    /// What a private topic is (private topics).
    Setup(Setup),
    /// Whether an entity keeps the topic for its members (private topics).
    Keeper {
        /// Who.
        entity: EntityId,
        /// Whether it does from here on.
        keeps: bool,
    },
    /// Who may fetch, sealed for keepers (private topics).
    Access(SealedAccess),
    /// Activates a reducer.
    Reducer {
        /// Hash of its bytes.
        hash: [u8; 32],
        /// Its version for people.
        version: String,
    },
    /// Carries a statement of an entity's root.
    Identity {
        /// The statement.
        statement: RootStatement,
        /// Where feeds end (causal topics).
        cuts: Vec<Cut>,
    },
    /// Carries a takeover.
    Takeover {
        /// The statement.
        statement: RootStatement,
    },
    /// Drops the erasable part of an entry.
    Tombstone {
        /// The entry.
        target: EntryId,
    },
}

impl PolicyEvent {
    /// Whether only the sequencer's feed may hold it.
    pub fn is_the_sequencers(&self) -> bool {
        use PolicyEvent as E;
        match self {
            E::Member { .. } | E::Remove { .. } | E::Role { .. } | E::Handover { .. } => true,
            E::Ack | E::Key(_) | E::Reducer { .. } | E::Genesis => true,
            E::Setup(_) | E::Keeper { .. } | E::Access(_) => true,
            E::Identity { .. } | E::Takeover { .. } | E::Tombstone { .. } => false,
        }
    }

    /// Whether it stands for everybody to read in a private topic: what order, erasing
    /// and keepers ask for. All else is sealed there.
    pub fn is_clear(&self) -> bool {
        use PolicyEvent as E;
        match self {
            E::Genesis | E::Ack | E::Handover { .. } | E::Takeover { .. } | E::Key(_) => true,
            E::Access(_) | E::Identity { .. } | E::Tombstone { .. } => true,
            E::Member { .. } | E::Remove { .. } | E::Role { .. } | E::Reducer { .. } => false,
            E::Setup(_) | E::Keeper { .. } => false,
        }
    }

    /// Whether only private topics know it.
    pub fn is_for_private_topics(&self) -> bool {
        matches!(self, Self::Setup(_) | Self::Keeper { .. } | Self::Access(_))
    }
}

/// Bytes of the sealed key of the epoch before: the key and a tag.
const PREVIOUS_LEN: usize = 48;

/// Kinds that only the sequencer writes, so that a wrong body of theirs by somebody else is `not_sequencer` first.
const SEQUENCER_KINDS: [&str; 11] = [
    "topic.genesis",
    "topic.member",
    "topic.remove",
    "topic.role",
    "topic.handover",
    "topic.ack",
    "topic.key",
    "topic.reducer",
    "topic.setup",
    "topic.keeper",
    "topic.access",
];

/// Kind of a tombstone.
pub const TOMBSTONE_KIND: &str = "topic.tombstone";

/// Whether entries of a kind may change who is a member of a public topic. Where there are
/// none, its members are those of its genesis.
pub fn may_change_members(kind: &str) -> bool {
    const NEVER: [&str; 5] = [
        "topic.genesis",
        "topic.ack",
        "topic.reducer",
        "topic.setup",
        TOMBSTONE_KIND,
    ];
    kind.starts_with("topic.") && !NEVER.contains(&kind)
}

/// What a `topic.` event turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ParsedPolicy {
    /// It fits.
    Event(Box<PolicyEvent>),
    /// Its kind is known, its body does not fit.
    BadEvent {
        /// Whether only the sequencer may write the kind.
        sequencers: bool,
        /// What is wrong with the keys and signatures of a statement that it carries.
        refusal: Option<Refusal>,
    },
    /// No such kind.
    UnknownKind,
}

/// Reads a `topic.` event of an author.
pub fn parse_policy_event(event: &Event<'_>, author: &DeviceId) -> ParsedPolicy {
    let sequencers = SEQUENCER_KINDS.contains(&event.kind);
    let others = ["topic.identity", "topic.takeover", "topic.tombstone"];
    if !sequencers && !others.contains(&event.kind) {
        return ParsedPolicy::UnknownKind;
    }
    match read(event, author) {
        Some(event) => ParsedPolicy::Event(Box::new(event)),
        None => ParsedPolicy::BadEvent {
            sequencers,
            refusal: statement_refusal(event),
        },
    }
}

fn read(event: &Event<'_>, author: &DeviceId) -> Option<PolicyEvent> {
    let body = &event.body;
    let id = |key: &str| body.get(key).and_then(Value::as_id);
    let role = || {
        body.get("role")
            .and_then(Value::as_text)
            .filter(|role| role_is_right(role))
            .map(str::to_owned)
    };
    Some(match event.kind {
        "topic.genesis" => PolicyEvent::Genesis,
        "topic.member" => PolicyEvent::Member {
            entity: EntityId(id("entity")?),
            role: role()?,
        },
        "topic.remove" => PolicyEvent::Remove {
            entity: EntityId(id("entity")?),
            cuts: cuts(body)?,
        },
        "topic.role" => PolicyEvent::Role {
            role: role()?,
            kinds: patterns(body.get("kinds")?)?,
        },
        "topic.handover" => {
            let head = match body.get("head")? {
                Value::Null => None,
                head => Some(EntryId(head.as_id()?)),
            };
            let next = DeviceId(id("next")?);
            if next == *author {
                return None;
            }
            PolicyEvent::Handover { next, head }
        }
        "topic.ack" => PolicyEvent::Ack,
        "topic.key" => PolicyEvent::Key(key_offer(body)?),
        "topic.setup" => PolicyEvent::Setup(Setup::read(body)?),
        "topic.keeper" => PolicyEvent::Keeper {
            entity: EntityId(id("entity")?),
            keeps: match body.get("keeps")? {
                Value::Bool(keeps) => *keeps,
                _ => return None,
            },
        },
        "topic.access" => PolicyEvent::Access(SealedAccess::read(body)?),
        "topic.reducer" => {
            let version = body
                .get("version")?
                .as_text()
                .filter(|version| version.len() <= 32)?;
            PolicyEvent::Reducer {
                hash: id("hash")?,
                version: version.to_owned(),
            }
        }
        "topic.identity" => PolicyEvent::Identity {
            statement: root_statement(body).ok()?,
            cuts: cuts(body)?,
        },
        "topic.takeover" => {
            let statement = root_statement(body).ok()?;
            if !matches!(statement.action, Action::Takeover { .. }) {
                return None;
            }
            PolicyEvent::Takeover { statement }
        }
        "topic.tombstone" => PolicyEvent::Tombstone {
            target: EntryId(id("target")?),
        },
        _ => return None,
    })
}

fn key_offer(body: &Value) -> Option<KeyOffer> {
    let previous = match body.get("previous") {
        None => None,
        Some(sealed) => Some(
            sealed
                .as_bytes()
                .filter(|sealed| sealed.len() == PREVIOUS_LEN)?
                .to_vec(),
        ),
    };
    Some(KeyOffer {
        epoch: body.get("epoch")?.as_int().filter(|epoch| *epoch >= 1)?,
        key_hash: body.get("key_hash")?.as_id()?,
        wraps: wraps(body)?,
        previous,
    })
}

/// The wrapped keys of a body.
pub(crate) fn wraps(body: &Value) -> Option<Vec<Wrap>> {
    let items = body.get("wraps")?.as_array();
    let items = items.filter(|items| items.len() <= WRAPS_MAX)?;
    items.iter().map(Wrap::read).collect()
}

fn cuts(body: &Value) -> Option<Vec<Cut>> {
    let Some(list) = body.get("cuts") else {
        return Some(Vec::new());
    };
    let items = list
        .as_array()
        .filter(|items| items.len() <= POLICY_LIST_MAX)?;
    let cut = |item: &Value| -> Option<Cut> {
        let device = DeviceId(item.get("device")?.as_id()?);
        let last = match (item.get("last_seq")?.as_int()?, item.get("head")?) {
            (-1, Value::Null) => None,
            (seq, head) => Some((u64::try_from(seq).ok()?, EntryId(head.as_id()?))),
        };
        Some(Cut { device, last })
    };
    items.iter().map(cut).collect()
}

/// The statement of a body, checked from its own bytes (`spec/05-topic.md` 5.4).
/// Everything that does not decode is `bad_statement`.
fn root_statement(body: &Value) -> Result<RootStatement, Refusal> {
    let signed = |value: &Value| -> Result<SignedStatement, Refusal> {
        let bytes = value.as_bytes().ok_or(Refusal::BadStatement)?;
        SignedStatement::decode(bytes)
    };
    let rotations: Vec<SignedStatement> = match body.get("rotations") {
        None => Vec::new(),
        Some(list) => {
            let items = list.as_array().filter(|items| items.len() <= ROTATIONS_MAX);
            let items = items.ok_or(Refusal::BadStatement)?;
            items.iter().map(signed).collect::<Result<_, _>>()?
        }
    };
    let carried = signed(body.get("statement").ok_or(Refusal::BadStatement)?)?;
    let entity = carried.statement.entity;
    let (root, last) = crate::identity::follow_rotations(&entity, &rotations)?;
    if last.is_some_and(|last| carried.statement.number <= last) {
        return Err(Refusal::BadStatement);
    }
    carried.verify(&root)?;
    let hash = carried.statement.hash();
    Ok(RootStatement {
        entity,
        number: carried.statement.number,
        hash,
        action: carried.statement.action,
    })
}

/// What is wrong with the keys and signatures of the statement that an event carries.
fn statement_refusal(event: &Event<'_>) -> Option<Refusal> {
    let carries = match event.kind {
        "topic.identity" => cuts(&event.body).is_some(),
        "topic.takeover" => true,
        _ => false,
    };
    let signed = [
        Refusal::BadKey,
        Refusal::BadSignature,
        Refusal::BadAcceptance,
    ];
    let refusal = root_statement(&event.body).err().filter(|_| carries)?;
    signed.contains(&refusal).then_some(refusal)
}
