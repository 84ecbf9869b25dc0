//! A new device joins by two texts: it asks, and a device with the root answers
//! (`spec/02-identity.md` 2.5). Works without any network; a network may carry the same
//! bytes.

use synlog_log::cbor::Value;
use synlog_log::identity::{DeviceAnswer, DeviceRequest, IdentityLog, SignedRequest, Ticket};
use synlog_log::ids::{DeviceId, EntityId, TopicId};
use synlog_log::keys::{EncryptionSecret, KeyFileError, SecretKey, seal_to};

use crate::devices::fresh_key;
use crate::entropy::random;
use crate::failure::Failure;
use crate::home::Home;
use crate::identity::words::check_words;
use crate::node::Node;

/// What the sealed part of an answer is for.
const PURPOSE: &str = "device answer";
/// First line of the file of a request that waits.
const HEADING: &str = "synlog device request 1";
/// Topics that are named to a new device; more come with the entries.
const TOPICS_MAX: usize = 500;

/// A request as it is passed on.
#[derive(Debug, Clone)]
pub struct Asked {
    /// What is asked for.
    pub request: DeviceRequest,
    /// The text to pass on.
    pub text: String,
    /// Words to compare by.
    pub check: String,
}

/// An answer as it is passed on.
#[derive(Debug, Clone)]
pub struct Answered {
    /// The device that was certified.
    pub device: DeviceId,
    /// Its name.
    pub name: String,
    /// Number of the statement.
    pub number: u64,
    /// It had been certified before; the answer is made again.
    pub again: bool,
    /// The text to pass on.
    pub text: String,
    /// Whether the entity's encryption keys are in it.
    pub encryption: bool,
    /// Topics that are named in it.
    pub topics: u64,
}

/// A topic that the entity is in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedTopic {
    /// Its id.
    pub topic: TopicId,
    /// What its genesis calls it.
    pub name: Option<String>,
}

/// What a new device got.
#[derive(Debug, Clone)]
pub struct Joined {
    /// The entity.
    pub entity: EntityId,
    /// The new device.
    pub device: DeviceId,
    /// Its name.
    pub name: String,
    /// Topics to be fetched.
    pub topics: Vec<NamedTopic>,
    /// Whether the entity's encryption keys came along.
    pub encryption: bool,
}

/// A request that waits for its answer, with the secrets that belong to it.
struct Pending {
    entity: EntityId,
    name: String,
    device: SecretKey,
    sealing: EncryptionSecret,
}

impl Pending {
    fn request(&self) -> DeviceRequest {
        DeviceRequest::new(self.entity, &self.device, self.sealing.public(), &self.name)
    }

    fn to_file(&self) -> String {
        format!(
            "{HEADING}\nentity {}\nname {}\n\n{}\n{}",
            self.entity,
            self.name,
            self.device.to_file(),
            self.sealing.to_file()
        )
    }

    fn from_file(text: &str) -> Result<Self, KeyFileError> {
        let mut parts = text.splitn(3, "\n\n");
        let head = parts.next().unwrap_or_default();
        let mut lines = head.lines();
        let heading = lines.next().unwrap_or_default();
        if heading != HEADING {
            return Err(KeyFileError::of_heading(heading, HEADING));
        }
        let mut line = |name: &'static str| {
            let line = lines.next().and_then(|line| line.strip_prefix(name));
            let value = line.and_then(|line| line.strip_prefix(' '));
            value.map(str::to_owned).ok_or(KeyFileError::BadLine(name))
        };
        let entity = line("entity")?;
        let entity = entity.parse();
        let name = line("name")?;
        Ok(Self {
            entity: entity.map_err(|_| KeyFileError::BadLine("entity"))?,
            name,
            device: SecretKey::from_file(parts.next().unwrap_or_default())?,
            sealing: EncryptionSecret::from_file(parts.next().unwrap_or_default())?,
        })
    }
}

/// Whether a file is a request that waits; for those who feed decoders.
pub fn check_pending(text: &str) -> Result<(), KeyFileError> {
    Pending::from_file(text).map(drop)
}

fn asked(pending: &Pending) -> Asked {
    let request = pending.request();
    let signed = request.clone().sign(&pending.device);
    Asked {
        text: Ticket::DeviceRequest.encode(&signed.encode()),
        check: check_words(&request.hash()),
        request,
    }
}

fn pending(home: &Home) -> Result<Option<Pending>, Failure> {
    let path = home.request_path();
    let Some(text) = home.read_secret(&path)? else {
        return Ok(None);
    };
    Pending::from_file(&text)
        .map(Some)
        .map_err(|source| Failure::KeyFile { path, source })
}

/// Makes the key of a new device and its request. Asked again for the same entity and
/// name, it gives the same request.
pub fn request(home: &Home, entity: EntityId, name: &str) -> Result<Asked, Failure> {
    if home.exists() {
        return Err(Failure::HomeExists(home.path().to_path_buf()));
    }
    home.create()?;
    let waiting = pending(home)?.filter(|waiting| waiting.entity == entity && waiting.name == name);
    if let Some(waiting) = waiting {
        return Ok(asked(&waiting));
    }
    let fresh = Pending {
        entity,
        name: name.to_owned(),
        device: fresh_key()?,
        sealing: EncryptionSecret::from_bytes(0, random()?),
    };
    home.write_secret(&home.request_path(), fresh.to_file().as_bytes())?;
    Ok(asked(&fresh))
}

/// Reads the text of a request.
pub fn read_request(text: &str) -> Result<(SignedRequest, String), Failure> {
    let bytes = Ticket::DeviceRequest
        .decode(text)
        .map_err(|error| Failure::Usage(error.to_string()))?;
    let signed = SignedRequest::decode(&bytes).map_err(Failure::refused("the request"))?;
    let check = check_words(&signed.request.hash());
    Ok((signed, check))
}

/// What is sealed to a new device.
fn secrets_body(encryption: Option<&str>, topics: &[NamedTopic]) -> Value {
    let topics = topics.iter().map(|named| {
        let name = named.name.clone().map_or(Value::Null, Value::Text);
        Value::map([("id", Value::Bytes(named.topic.0.to_vec())), ("name", name)])
    });
    let encryption = encryption.map_or(Value::Null, |text| Value::Text(text.to_owned()));
    Value::map([
        ("encryption", encryption),
        ("topics", Value::Array(topics.collect())),
    ])
}

/// The file of encryption keys, and the topics.
type Secrets = (Option<String>, Vec<NamedTopic>);

/// Reads what was sealed to this device.
pub fn read_secrets(bytes: &[u8]) -> Option<Secrets> {
    let body = Value::decode(bytes).ok()?;
    let encryption = match body.get("encryption")? {
        Value::Null => None,
        text => Some(text.as_text()?.to_owned()),
    };
    let mut topics = Vec::new();
    for named in body.get("topics")?.as_array()? {
        let name = match named.get("name")? {
            Value::Null => None,
            text => Some(text.as_text()?.to_owned()),
        };
        topics.push(NamedTopic {
            topic: TopicId(named.get("id")?.as_id()?),
            name,
        });
    }
    Some((encryption, topics))
}

impl Node {
    /// Certifies the device that asked, and makes the answer. Needs the root key.
    pub fn answer(&mut self, signed: &SignedRequest, now_ms: u64) -> Result<Answered, Failure> {
        let request = &signed.request;
        if request.entity != self.entity {
            return Err(Failure::NoEffect(format!(
                "the request is for the entity {}, this node is of {}",
                request.entity.short(),
                self.entity.short()
            )));
        }
        self.check_guard()?;
        let log = self.identities.get(&self.entity);
        if log.is_some_and(|log| log.is_revoked(&request.device)) {
            return Err(Failure::NoEffect(
                "this device was revoked: its key can't come back".into(),
            ));
        }
        let known = log.and_then(|log| log.certificate(&request.device));
        let again = known.is_some();
        let number = match known {
            Some(known) => known.certify.statement.number,
            None => self.state(request.action(), now_ms)?.statement.number,
        };
        let path = self.home.encryption_key_path();
        let encryption = self.home.read_secret(&path)?;
        let topics = self.named_topics()?;
        let body = secrets_body(encryption.as_deref(), &topics).encode();
        let hash = request.hash();
        let sealed = seal_to(&request.sealing, PURPOSE, &hash, &body, &random()?)
            .map_err(Failure::refused("the request's key"))?;
        let log = self.identities.get(&self.entity);
        let statements = log.into_iter().flat_map(IdentityLog::statements);
        let answer = DeviceAnswer {
            request: hash,
            issuer: self.device(),
            statements: statements.cloned().collect(),
            sealed,
        };
        Ok(Answered {
            device: request.device,
            name: request.name.clone(),
            number,
            again,
            text: Ticket::DeviceAnswer.encode(&answer.encode(&self.key)),
            encryption: encryption.is_some(),
            topics: topics.len() as u64,
        })
    }

    /// The topics that are here, as far as they are named to a new device.
    fn named_topics(&mut self) -> Result<Vec<NamedTopic>, Failure> {
        let mut named = Vec::new();
        for topic in self.store.topics().into_iter().take(TOPICS_MAX) {
            let name = match self.order(&topic) {
                Ok(order) => order.genesis().and_then(|genesis| genesis.name.clone()),
                Err(Failure::NoTopic(_)) => continue,
                Err(failure) => return Err(failure),
            };
            named.push(NamedTopic { topic, name });
        }
        Ok(named)
    }
}

/// Takes up an answer: the directory has a device from then on.
pub fn accept(home: Home, text: &str) -> Result<(Node, Joined), Failure> {
    if home.exists() {
        return Err(Failure::HomeExists(home.path().to_path_buf()));
    }
    let waiting = pending(&home)?.ok_or_else(|| {
        Failure::Usage("no request was made here: `synlog device request` makes one".into())
    })?;
    let bytes = Ticket::DeviceAnswer
        .decode(text)
        .map_err(|error| Failure::Usage(error.to_string()))?;
    let answer = DeviceAnswer::decode(&bytes).map_err(Failure::refused("the answer"))?;
    let request = waiting.request();
    if answer.request != request.hash() {
        return Err(Failure::NoEffect(
            "this is the answer to another request".into(),
        ));
    }
    let log = answer
        .check(&request)
        .map_err(Failure::refused("the answer"))?;
    let unreadable = || Failure::refused("the answer")(synlog_log::refusal::Refusal::Unsealable);
    let secrets = waiting
        .sealing
        .open(PURPOSE, &answer.request, &answer.sealed)
        .map_err(Failure::refused("the answer"))?;
    let (encryption, topics) = read_secrets(&secrets).ok_or_else(unreadable)?;
    let mut node = Node::open_with(home.clone(), waiting.device.clone())?;
    for signed in log.statements() {
        node.take_in_statement(signed)?;
    }
    node.entity = waiting.entity;
    node.store.clear_guard(request.device)?;
    if let Some(encryption) = &encryption {
        home.write_secret(&home.encryption_key_path(), encryption.as_bytes())?;
        node.load_secrets()?;
    }
    // the device key comes last: a directory with one is whole
    home.write_key(&home.device_key_path(), &waiting.device)?;
    home.remove_secret(&home.request_path())?;
    home.remove_secret(&home.restored_path())?;
    let joined = Joined {
        entity: waiting.entity,
        device: request.device,
        name: request.name,
        topics,
        encryption: encryption.is_some(),
    };
    Ok((node, joined))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_request_that_waits_comes_back() {
        let pending = Pending {
            entity: EntityId([7; 32]),
            name: "my phone".into(),
            device: SecretKey::from_seed([1; 32]),
            sealing: EncryptionSecret::from_bytes(0, [2; 32]),
        };
        let text = pending.to_file();
        let again = Pending::from_file(&text).unwrap();
        assert_eq!(again.request(), pending.request());
        assert!(check_pending(&text[..text.len() - 20]).is_err());
        assert!(check_pending("").is_err());
    }

    #[test]
    fn secrets_come_back() {
        let topics = vec![
            NamedTopic {
                topic: TopicId([1; 32]),
                name: Some("orders".into()),
            },
            NamedTopic {
                topic: TopicId([2; 32]),
                name: None,
            },
        ];
        for encryption in [None, Some("key\n")] {
            let bytes = secrets_body(encryption, &topics).encode();
            let (key, named) = read_secrets(&bytes).unwrap();
            assert_eq!((key.as_deref(), &named), (encryption, &topics));
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = read_secrets(&bytes);
            let _ = check_pending(&String::from_utf8_lossy(&bytes));
        }
    }
}
