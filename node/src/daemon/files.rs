//! What a running node keeps beside the store: its transport key, what its owner wants,
//! and the nodes that were named to it.
//!
//! A shell file.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use synlog_log::keys::SecretKey;
use synlog_log::refusal::Refusal;
use synlog_log::wire::{Reader, Writer};
use synlog_replication::peer::NodeId;
use synlog_replication::policy::Interests;
use synlog_replication::session::PeerMemory;

use crate::contacts::Contacts;
use crate::entropy::random;
use crate::failure::Failure;
use crate::home::Home;

/// Version of the file of memories.
const MEMORIES_VERSION: u8 = 1;

/// File of the transport key. It is made on the machine and never leaves it: who copies
/// a data directory makes two nodes with one address.
pub fn transport_key_path(home: &Home) -> PathBuf {
    home.path().join("keys/transport.key")
}

/// The transport key; it is made where there is none.
pub fn transport_key(home: &Home) -> Result<SecretKey, Failure> {
    let path = transport_key_path(home);
    if !path.exists() {
        let key = SecretKey::from_seed(random()?);
        home.write_key(&path, &key)?;
    }
    home.read_key(path)
}

/// File of the interests.
pub fn interests_path(home: &Home) -> PathBuf {
    home.path().join("interests")
}

/// What the owner wants of the network; nothing special where nothing was ever said.
pub fn interests(home: &Home) -> Result<Interests, Failure> {
    let path = interests_path(home);
    match bytes_of(&path)? {
        Some(bytes) => {
            Interests::decode(&bytes).map_err(|source| Failure::Interests { path, source })
        }
        None => Ok(Interests::default()),
    }
}

/// Writes the interests down.
pub fn save_interests(home: &Home, interests: &Interests) -> Result<(), Failure> {
    save(home, interests_path(home), &interests.encode())
}

/// File of the contacts.
pub fn contacts_path(home: &Home) -> PathBuf {
    home.path().join("contacts")
}

/// The nodes that were named to this one.
pub fn contacts(home: &Home) -> Result<Contacts, Failure> {
    let path = contacts_path(home);
    match fs::read_to_string(&path) {
        Ok(text) => text
            .parse()
            .map_err(|source| Failure::Contacts { path, source }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Contacts::default()),
        Err(error) => Err(Failure::file(path)(error)),
    }
}

/// Writes the contacts down.
pub fn save_contacts(home: &Home, contacts: &Contacts) -> Result<(), Failure> {
    save(home, contacts_path(home), contacts.to_string().as_bytes())
}

/// File of the port on which this node listened last.
fn port_path(home: &Home) -> PathBuf {
    home.path().join("port")
}

/// The port on which this node listened last: what others know of it holds as long as it
/// can have that one again.
pub fn usual_port(home: &Home) -> Option<u16> {
    let text = fs::read_to_string(port_path(home)).ok()?;
    text.trim().parse().ok().filter(|port| *port != 0)
}

/// Writes the port down, if it is another one.
pub fn save_usual_port(home: &Home, port: u16) -> Result<(), Failure> {
    if usual_port(home) == Some(port) {
        return Ok(());
    }
    save(home, port_path(home), format!("{port}\n").as_bytes())
}

fn relay_path(home: &Home) -> PathBuf {
    home.path().join("relay.url")
}

/// The relay that a registry chose last.
pub fn last_relay(home: &Home) -> Option<String> {
    let text = fs::read_to_string(relay_path(home)).ok()?;
    Some(text.trim().to_owned())
}

/// Writes it down, if it is another one.
pub fn save_last_relay(home: &Home, relay: &str) -> Result<(), Failure> {
    if last_relay(home).as_deref() == Some(relay) {
        return Ok(());
    }
    save(home, relay_path(home), format!("{relay}\n").as_bytes())
}

/// File of what was matched with peers, so that meeting again is short.
fn memories_path(home: &Home) -> PathBuf {
    home.path().join("memories")
}

/// What is remembered of peers; nothing where the file is damaged or of another version,
/// since all of it comes again.
pub fn memories(home: &Home) -> BTreeMap<NodeId, PeerMemory> {
    let bytes = fs::read(memories_path(home)).unwrap_or_default();
    decode_memories(&bytes).unwrap_or_default()
}

/// Writes down what is worth remembering of peers.
pub fn save_memories(home: &Home, memories: &BTreeMap<NodeId, PeerMemory>) -> Result<(), Failure> {
    let mut bytes = vec![MEMORIES_VERSION];
    bytes.put_varint(memories.len() as u64);
    for (node, memory) in memories {
        bytes.extend_from_slice(&node.0);
        bytes.put_bytes(&memory.encode());
    }
    save(home, memories_path(home), &bytes)
}

fn decode_memories(bytes: &[u8]) -> Result<BTreeMap<NodeId, PeerMemory>, Refusal> {
    let mut reader = Reader::new(bytes);
    if reader.byte()? != MEMORIES_VERSION {
        return Err(Refusal::NotCanonical);
    }
    let mut memories = BTreeMap::new();
    for _ in 0..reader.length(bytes.len())? {
        let node = NodeId(reader.array()?);
        memories.insert(node, PeerMemory::decode(reader.bytes(bytes.len())?)?);
    }
    reader.end()?;
    Ok(memories)
}

/// By what a file is told from another one in its place.
pub(crate) type Stamp = (u64, Option<std::time::SystemTime>);

/// Which file is at a path: with its number in the file system, since one that is put in place
/// of another may be as long. `None`: there is none.
pub(crate) type Which = Option<(u64, Stamp)>;

/// Which file is at a path.
pub(crate) fn which(path: &Path) -> Result<Which, Failure> {
    match fs::metadata(path) {
        Ok(known) => Ok(Some((known.ino(), (known.len(), known.modified().ok())))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Failure::file(path)(error)),
    }
}

/// Where user interfaces of apps are that somebody here installed.
fn ui_path(home: &Home, app: &str) -> PathBuf {
    home.path().join("uis").join(format!("{app}.ui"))
}

/// The files of those, in the order of their names.
pub(crate) fn ui_files(home: &Home) -> Result<Vec<(PathBuf, Stamp)>, Failure> {
    let directory = home.path().join("uis");
    let entries = match fs::read_dir(&directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Failure::file(directory)(error)),
    };
    let mut files = Vec::new();
    for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
        let Ok(known) = fs::metadata(&path) else {
            continue;
        };
        if known.is_file() && path.extension().is_some_and(|end| end == "ui") {
            files.push((path, (known.len(), known.modified().ok())));
        }
    }
    files.sort();
    Ok(files)
}

/// Puts one there, in place of that of the same app.
pub(crate) fn save_ui(home: &Home, app: &str, packed: &[u8]) -> Result<(), Failure> {
    let path = ui_path(home, app);
    let directory = home.path().join("uis");
    fs::create_dir_all(&directory).map_err(Failure::file(&directory))?;
    save(home, path, packed)
}

/// Takes one away; false where there is none.
pub(crate) fn remove_ui(home: &Home, app: &str) -> Result<bool, Failure> {
    let path = ui_path(home, app);
    match fs::remove_file(&path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(Failure::file(path)(error)),
    }
}

/// What is in a file, if there is one.
pub(crate) fn bytes_of(path: &Path) -> Result<Option<Vec<u8>>, Failure> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Failure::file(path)(error)),
    }
}

/// Durably and in one step, for the owner alone: whoever looks sees the old or the new.
pub(crate) fn save(home: &Home, path: PathBuf, bytes: &[u8]) -> Result<(), Failure> {
    home.write_secret(&path, bytes)
}
