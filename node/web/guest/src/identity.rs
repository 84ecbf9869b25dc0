//! Keys of a customer, made in its browser as `synlog init` makes them, and what they say.

use serde_json::{Value as Json, json};
use synlog_log::cbor::Value;
use synlog_log::draft::Draft;
use synlog_log::identity::{Action, IdentityLog, SignedStatement, Statement};
use synlog_log::ids::{DeviceId, EntityId, TopicId, hex, unhex};
use synlog_log::keys::{EncryptionSecret, SecretKey};
use synlog_log::payload::PayloadBuilder;
use synlog_log::sealed::Secrets;
use synlog_log::topic::{GENESIS_KIND, Genesis, Mode, Visibility};
use synlog_values::words::{seed_of, words_of};

use crate::wrong::Wrong;

/// What a device is called that is a browser.
pub const DEVICE_NAME: &str = "browser";
/// The app of profile topics (`spec/14-profile.md`).
const PROFILE: &str = "profile";
/// Bytes of a name in a profile.
const NAME_MAX: usize = 128;
/// What a challenge is signed for.
const SESSION: &[u8] = b"synlog guest session v1\0";

/// Random bytes that follow from a seed which the browser drew.
pub struct Random(blake3::OutputReader);

impl Random {
    /// From 32 random bytes.
    pub fn new(seed: &[u8; 32]) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key("synlog guest randomness v1");
        hasher.update(seed);
        Self(hasher.finalize_xof())
    }

    /// The next bytes.
    pub fn fill(&mut self, bytes: &mut [u8]) {
        self.0.fill(bytes);
    }

    /// The next bytes.
    pub fn draw<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.fill(&mut bytes);
        bytes
    }
}

/// The keys of one device, and what its entity's root has said.
pub struct Keys {
    /// The root, as long as it is kept here.
    root: Option<SecretKey>,
    /// The device's key.
    pub device: SecretKey,
    /// From which secrets are derived that are shown later.
    pub app_secrets: SecretKey,
    encryption: EncryptionSecret,
    log: IdentityLog,
    /// The profile topic.
    pub profile: TopicId,
}

/// New keys, with the run by which the profile begins.
pub struct Made {
    /// The keys.
    pub keys: Keys,
    /// The run of the profile topic.
    pub run: Vec<u8>,
}

impl Keys {
    /// Makes an entity with this browser as its first device.
    pub fn make(name: &str, random: &mut Random, now_ms: u64) -> Result<Made, Wrong> {
        let name = name.trim();
        if name.len() > NAME_MAX {
            return Err(Wrong::Usage(format!("a name has at most {NAME_MAX} bytes")));
        }
        let root = SecretKey::from_seed(random.draw());
        let device = SecretKey::from_seed(random.draw());
        let app_secrets = SecretKey::from_seed(random.draw());
        let entity = EntityId(root.public());
        let encryption = EncryptionSecret::of_root(&root, 0);
        let mut log = IdentityLog::new(entity);
        let refused = || Wrong::refused("the statement");
        let certify = Action::Certify {
            device: DeviceId(device.public()),
            acceptance: Statement::acceptance(&entity, &device),
            name: DEVICE_NAME.to_owned(),
        };
        log.issue(certify, now_ms, &root).map_err(refused())?;
        let announcement = log.announcement(&encryption, None, &random.draw());
        let announcement = announcement.map_err(refused())?;
        log.issue(announcement, now_ms, &root).map_err(refused())?;
        let mut keys = Self {
            root: Some(root),
            device,
            app_secrets,
            encryption,
            log,
            profile: TopicId::ZERO,
        };
        let run = keys.begin_profile(name, random.draw(), now_ms)?;
        Ok(Made { keys, run })
    }

    fn begin_profile(
        &mut self,
        name: &str,
        nonce: [u8; 16],
        now_ms: u64,
    ) -> Result<Vec<u8>, Wrong> {
        let genesis = Genesis {
            app: PROFILE.to_owned(),
            major: 1,
            mode: Mode::Ordered,
            visibility: Visibility::Public,
            nonce,
            name: Some(PROFILE.to_owned()),
            members: Default::default(),
            open: None,
            roles: Default::default(),
        };
        let body = Value::map([
            ("name", Value::Text(name.to_owned())),
            ("about", Value::Text(String::new())),
        ]);
        let mut draft = Draft::first(&self.device, TopicId::ZERO, self.certificate()?);
        let payloads = [(GENESIS_KIND, genesis.body()), ("profile.set", body)];
        for (index, (kind, body)) in payloads.into_iter().enumerate() {
            let payload = PayloadBuilder::new(kind, body).encode();
            let payload = payload.map_err(Wrong::refused("the profile"))?;
            let id = draft
                .add(now_ms, &[], &payload)
                .map_err(|error| Wrong::Unsigned(error.to_string()))?;
            if index == 0 {
                self.profile = TopicId(id.0);
            }
        }
        let signed = draft.sign().map(|(run, _)| run);
        signed.ok_or_else(|| Wrong::Unsigned("nothing was written".to_owned()))
    }

    /// The entity.
    pub fn entity(&self) -> EntityId {
        self.log.entity()
    }

    /// This device.
    pub fn device_id(&self) -> DeviceId {
        DeviceId(self.device.public())
    }

    /// The certificate of this device.
    pub fn certificate(&self) -> Result<Vec<u8>, Wrong> {
        let certificate = self.log.certificate(&self.device_id());
        let certificate = certificate.ok_or(Wrong::NoKeys)?;
        Ok(certificate.encode())
    }

    /// What the root has said, by number.
    pub fn statements(&self) -> impl Iterator<Item = &SignedStatement> {
        self.log.statements()
    }

    /// With which private topics are read.
    pub fn secrets(&self) -> Secrets {
        let entity = self.entity();
        let found = self.log.secrets_from(self.encryption.clone());
        Secrets::new(found.into_iter().map(|secret| (entity, secret)).collect())
    }

    /// The recovery words, as long as the root is here.
    pub fn words(&self) -> Option<Vec<&'static str>> {
        self.root.as_ref().map(|root| words_of(&root.seed()))
    }

    /// Whether words are those of this entity's root.
    pub fn is_root(&self, words: &str) -> bool {
        seed_of(words).is_ok_and(|seed| SecretKey::from_seed(seed).public() == self.log.root())
    }

    /// Whether the root is here.
    pub fn holds_root(&self) -> bool {
        self.root.is_some()
    }

    /// Takes the root off this browser: orders go on without it.
    pub fn drop_root(&mut self) {
        self.root = None;
    }

    /// Signs a node's challenge.
    pub fn answer(&self, challenge: &[u8; 32], node: &[u8; 32]) -> [u8; 64] {
        let message = [SESSION, challenge, node, &self.entity().0].concat();
        self.device.sign_bytes(&message)
    }

    /// What the browser keeps.
    pub fn to_json(&self) -> Json {
        let secret = |key: &SecretKey| hex(&key.seed());
        json!({
            "version": 1,
            "root": self.root.as_ref().map(secret),
            "device": secret(&self.device),
            "secrets": secret(&self.app_secrets),
            "encryption": {
                "generation": self.encryption.generation(),
                "secret": hex(&self.encryption.to_bytes()[..]),
            },
            "statements": self.statements().map(|it| hex(&it.encode())).collect::<Vec<_>>(),
            "profile": self.profile.to_string(),
        })
    }

    /// What the browser kept, read again and checked.
    pub fn of_json(json: &Json) -> Result<Self, Wrong> {
        Self::read(json).ok_or_else(|| Wrong::Usage("the stored keys are damaged".to_owned()))
    }

    fn read(json: &Json) -> Option<Self> {
        if json.get("version")?.as_u64()? != 1 {
            return None;
        }
        let key = |of: &Json| array(of).map(SecretKey::from_seed);
        let mut statements = Vec::new();
        for text in json.get("statements")?.as_array()? {
            statements.push(SignedStatement::decode(&unhex(text.as_str()?)?).ok()?);
        }
        let mut log = IdentityLog::new(statements.first()?.statement.entity);
        for signed in statements {
            log.add(signed).ok()?;
        }
        let encryption = json.get("encryption")?;
        let generation = u32::try_from(encryption.get("generation")?.as_u64()?).ok()?;
        let root = match json.get("root")? {
            Json::Null => None,
            root => Some(key(root)?),
        };
        let keys = Self {
            root,
            device: key(json.get("device")?)?,
            app_secrets: key(json.get("secrets")?)?,
            encryption: EncryptionSecret::from_bytes(generation, array(encryption.get("secret")?)?),
            log,
            profile: TopicId(array(json.get("profile")?)?),
        };
        let root_fits = |root: &SecretKey| root.public() == keys.log.root();
        let fits = keys.log.certificate(&keys.device_id()).is_some()
            && keys.root.as_ref().is_none_or(root_fits);
        fits.then_some(keys)
    }
}

/// So many bytes as hexadecimal digits.
pub fn array<const N: usize>(json: &Json) -> Option<[u8; N]> {
    unhex(json.as_str()?)?.try_into().ok()
}
