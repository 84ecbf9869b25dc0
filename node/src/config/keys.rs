//! What can be set, and what each setting may say: one table.

use core::net::SocketAddr;

use crate::config::filter;

/// A setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// No connections to other machines.
    NetOffline,
    /// Be found, and find, on the local network.
    NetMdns,
    /// Swarms of public topics.
    NetGossip,
    /// The DHT.
    NetDht,
    /// A relay.
    NetRelay,
    /// A registry of relays.
    NetBootstrap,
    /// Where to listen.
    NetBind,
    /// Say in the profile where this node is.
    NetAnnounce,
    /// Data directories of other nodes on this machine.
    NetNeighbours,
    /// Pages and the local API.
    WebServe,
    /// Where they are.
    WebAddress,
    /// Who may read the metrics.
    WebMetrics,
    /// Where the owner's other machines reach the pages.
    WebRemote,
    /// By which names.
    WebNames,
    /// The certificate for that.
    WebCertificate,
    /// Its key.
    WebKey,
    /// Who is told what needs an answer.
    NotifyHook,
    /// What is logged.
    LogFilter,
    /// How it is written.
    LogFormat,
}

/// What a setting may say.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// True or false.
    Flag,
    /// One of some words.
    Word(&'static [&'static str]),
    /// A text that is right by some rule, or nothing.
    Text {
        /// What is right, for people.
        right: &'static str,
        /// Whether one is.
        check: fn(&str) -> bool,
    },
    /// Any number of texts, with this between them where they are one.
    Texts(char),
}

/// What a setting says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// True or false.
    Flag(bool),
    /// A text; nothing is an empty one.
    Text(String),
    /// Texts.
    Texts(Vec<String>),
}

/// All about a setting.
#[derive(Debug)]
pub struct Spec {
    /// Which one.
    pub key: Key,
    /// Its name, with the section before the dot.
    pub name: &'static str,
    /// What it may say.
    pub kind: Kind,
    /// What counts where nobody says anything, as it would be typed.
    pub default: &'static str,
    /// What it is for.
    pub about: &'static str,
}

const fn spec(
    key: Key,
    name: &'static str,
    kind: Kind,
    default: &'static str,
    about: &'static str,
) -> Spec {
    Spec {
        key,
        name,
        kind,
        default,
        about,
    }
}

const RELAY: Kind = Kind::Text {
    right: "an address as in https://relay.example.org, or \"\"",
    check: |text| text.starts_with("https://") || text.starts_with("http://"),
};
const ADDRESS: Kind = Kind::Text {
    right: "an address with a port, as in 192.168.1.5:4455, or \"\"",
    check: |text| text.parse::<SocketAddr>().is_ok(),
};
const FILE: Kind = Kind::Text {
    right: "a file, as in /etc/ssl/counter.pem, or \"\"",
    check: |text| text.starts_with('/'),
};
const HOOK: Kind = Kind::Text {
    right: "a program with its arguments, an address as in https://ring.example.org, or \"\"",
    check: |text| match text.starts_with("http://") || text.starts_with("https://") {
        true => !text.contains(char::is_whitespace) && !text.ends_with("//"),
        false => !text.trim().is_empty(),
    },
};
const FILTER: Kind = Kind::Text {
    right: "off, error, warn, info, debug or trace, or parts like iroh=debug with commas between",
    check: |text| filter::read(text).is_some(),
};

/// All settings, by sections.
pub static SPECS: &[Spec] = &[
    spec(
        Key::NetOffline,
        "net.offline",
        Kind::Flag,
        "false",
        "no connections to other machines",
    ),
    spec(
        Key::NetMdns,
        "net.mdns",
        Kind::Flag,
        "true",
        "find nodes on the local network, and be found there",
    ),
    spec(
        Key::NetGossip,
        "net.gossip",
        Kind::Flag,
        "true",
        "meet those who follow the same public topics",
    ),
    spec(
        Key::NetDht,
        "net.dht",
        Kind::Flag,
        "true",
        "look up nodes in the DHT, and be published there",
    ),
    spec(
        Key::NetRelay,
        "net.relay",
        RELAY,
        "",
        "be reachable through this relay",
    ),
    spec(
        Key::NetBootstrap,
        "net.bootstrap",
        RELAY,
        "",
        "a registry of relays: gives one where none is named, and tells where nodes are",
    ),
    spec(
        Key::NetBind,
        "net.bind",
        ADDRESS,
        "",
        "listen at this address only; port 0 is any",
    ),
    spec(
        Key::NetAnnounce,
        "net.announce",
        Kind::Flag,
        "false",
        "say in your public profile where this node is",
    ),
    spec(
        Key::NetNeighbours,
        "net.neighbours",
        Kind::Texts(':'),
        "",
        "data directories of other nodes on this machine to connect to",
    ),
    spec(
        Key::WebServe,
        "web.serve",
        Kind::Flag,
        "true",
        "serve pages and the local API",
    ),
    spec(
        Key::WebAddress,
        "web.address",
        ADDRESS,
        "",
        "where, on this machine; \"\" is the port of the last time",
    ),
    spec(
        Key::WebMetrics,
        "web.metrics",
        Kind::Word(&["token", "loopback"]),
        "token",
        "who may read /metrics: programs with a token, or all of this machine",
    ),
    spec(
        Key::WebRemote,
        "web.remote",
        ADDRESS,
        "",
        "serve the pages with TLS at this address too, to your browsers elsewhere",
    ),
    spec(
        Key::WebNames,
        "web.names",
        Kind::Texts(','),
        "",
        "what they call it, as in counter.example.org:4443",
    ),
    spec(
        Key::WebCertificate,
        "web.certificate",
        FILE,
        "",
        "file of its certificate chain (PEM)",
    ),
    spec(
        Key::WebKey,
        "web.key",
        FILE,
        "",
        "file of its private key (PEM)",
    ),
    spec(
        Key::NotifyHook,
        "notify.hook",
        HOOK,
        "",
        "a program or an address that is told what needs an answer",
    ),
    spec(
        Key::LogFilter,
        "log.filter",
        FILTER,
        "warn",
        "what is logged to standard error",
    ),
    spec(
        Key::LogFormat,
        "log.format",
        Kind::Word(&["text", "json"]),
        "text",
        "how it is written",
    ),
];

/// Of a setting.
pub fn of(key: Key) -> &'static Spec {
    // a test holds that each is there
    SPECS
        .iter()
        .find(|spec| spec.key == key)
        .unwrap_or(&SPECS[0])
}

/// By its name.
pub fn named(name: &str) -> Option<&'static Spec> {
    SPECS.iter().find(|spec| spec.name == name)
}

/// The sections, as they come.
pub fn sections() -> Vec<&'static str> {
    let mut sections: Vec<&str> = SPECS.iter().map(Spec::section).collect();
    sections.dedup();
    sections
}

/// Names of the settings of a section, without it.
pub fn of_section(section: &str) -> Vec<&'static str> {
    let specs = SPECS.iter().filter(|spec| spec.section() == section);
    specs.map(Spec::word).collect()
}

impl Spec {
    /// The part before the dot.
    pub fn section(&self) -> &'static str {
        self.name.split_once('.').map_or("", |(section, _)| section)
    }

    /// The part after it.
    pub fn word(&self) -> &'static str {
        self.name
            .split_once('.')
            .map_or(self.name, |(_, word)| word)
    }

    /// The environment variable that says it.
    pub fn variable(&self) -> String {
        format!("SYNLOG_{}", self.name.to_uppercase().replace('.', "_"))
    }

    /// What it may say, for people.
    pub fn allowed(&self) -> String {
        match self.kind {
            Kind::Flag => "true or false".to_owned(),
            Kind::Word(words) => words.join(" or "),
            Kind::Text { right, .. } => right.to_owned(),
            Kind::Texts(_) => "a list of texts".to_owned(),
        }
    }

    /// What counts where nobody says anything.
    pub fn fallback(&self) -> Value {
        let empty = match self.kind {
            Kind::Texts(_) => Value::Texts(Vec::new()),
            _ => Value::Text(self.default.to_owned()),
        };
        self.typed(&[self.default]).unwrap_or(empty)
    }

    /// A value as it was typed, or stands in a variable. A list may be one text: of
    /// directories with colons between, as in `PATH`, of names with commas.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn typed(&self, texts: &[&str]) -> Result<Value, String> {
        if let Kind::Texts(between) = self.kind {
            let parts = texts.iter().flat_map(|text| text.split(between));
            let parts = parts
                .map(str::trim)
                .filter(|part| !part.is_empty())
                .map(str::to_owned);
            return Ok(Value::Texts(parts.collect()));
        }
        let [text] = texts else {
            return Err(format!("{} has one value", self.name));
        };
        let value = match (self.kind, *text) {
            (Kind::Flag, "true") => Value::Flag(true),
            (Kind::Flag, "false") => Value::Flag(false),
            _ => Value::Text((*text).to_owned()),
        };
        self.checked(value)
    }

    /// A value, if it is one that this setting may have.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn checked(&self, value: Value) -> Result<Value, String> {
        let right = match (&value, self.kind) {
            (Value::Flag(_), Kind::Flag) | (Value::Texts(_), Kind::Texts(_)) => true,
            (Value::Text(text), Kind::Word(words)) => words.contains(&text.as_str()),
            (Value::Text(text), Kind::Text { check, .. }) => {
                (text.is_empty() && self.default.is_empty()) || check(text)
            }
            _ => false,
        };
        match right {
            true => Ok(value),
            false => Err(format!("{} is {}, not {value}", self.name, self.allowed())),
        }
    }
}

impl std::fmt::Display for Value {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Flag(flag) => write!(out, "{flag}"),
            Self::Text(text) => write!(out, "{text:?}"),
            Self::Texts(texts) => write!(out, "{texts:?}"),
        }
    }
}
