//! What the guests' door asks of a node. Ids are hex digits.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value as Json, json};

use crate::backend::{BlobInfo, Rows};
use crate::problem::Problem;
use crate::uis::Package;

/// With what a guest shows which device it has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// The device.
    pub device: String,
    /// What it was to sign.
    pub challenge: [u8; 32],
    /// Its signature.
    pub signature: Vec<u8>,
    /// What it says of itself: a bundle of its profile and identity statements.
    pub bundle: Option<Vec<u8>>,
}

/// A guest whose device signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guest {
    /// Whose device it is.
    pub entity: String,
    /// The device.
    pub device: String,
    /// What a stranger said of itself, checked, as long as there is no relation.
    pub profile: Option<Arc<[u8]>>,
}

/// What a proof gave.
#[derive(Debug, Clone, PartialEq)]
pub struct Proven {
    /// Who it is.
    pub guest: Guest,
    /// Its relations: `[{"topic": …, "app": …, "heights": […]}]`, with how far they go here.
    pub relations: Json,
}

/// What became of the wish for a relation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Founded {
    /// It is there.
    Topic(String),
    /// The owner is asked.
    Asked,
}

/// Some of a relation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pulled {
    /// A bundle.
    pub bundle: Vec<u8>,
    /// Whether more is left.
    pub more: bool,
}

/// How far feeds go: author and height.
pub type Heights = Vec<(String, u64)>;

/// Heights as JSON.
pub fn told_heights(heights: &Heights) -> Json {
    let told = heights.iter();
    told.map(|(author, height)| json!({ "author": author, "height": height }))
        .collect()
}

/// A node as its guests see it. Calls may block; they are made where that harms nobody.
pub trait GuestBackend: Send + Sync + 'static {
    /// Whose node it is, what it offers, whom it accepts.
    ///
    /// # Errors
    /// Where the store can't be read.
    fn here(&self) -> Result<Json, Problem>;

    /// Rows of a space that is offered.
    ///
    /// # Errors
    /// Where it is not, or has no such rows.
    fn rows(&self, rows: &Rows) -> Result<Json, Problem>;

    /// The topic of a space that is offered, in small digits.
    ///
    /// # Errors
    /// Where it is not offered.
    fn space(&self, space: &str) -> Result<String, Problem>;

    /// Those in which all of some words stand. It reads a part of the rows; `next` says
    /// where to go on, also where nothing was found in it.
    ///
    /// # Errors
    /// Where it is not offered, or the words are none.
    fn search(&self, rows: &Rows, words: &str) -> Result<Json, Problem>;

    /// What a space offers as people look through it, perhaps only those items in which all
    /// of some words stand.
    ///
    /// # Errors
    /// Where it is not offered, or the words are none.
    fn catalog(&self, rows: &Rows, words: Option<&str>) -> Result<Json, Problem>;

    /// What the app of an offered space says of itself.
    ///
    /// # Errors
    /// Where it is not offered.
    fn manifest(&self, space: &str) -> Result<Json, Problem>;

    /// The user interfaces of apps that guests get.
    fn uis(&self) -> Vec<Arc<Package>> {
        Vec::new()
    }

    /// What is known of an image of an offered space.
    ///
    /// # Errors
    /// Where there is none.
    fn image(&self, hash: &str) -> Result<BlobInfo, Problem>;

    /// Bytes of an image of an offered space.
    ///
    /// # Errors
    /// Where there is none.
    fn image_bytes(&self, hash: &str, range: Range<u64>) -> Result<Vec<u8>, Problem>;

    /// The module of a reducer that guests need.
    ///
    /// # Errors
    /// Where it is another one.
    fn module(&self, hash: &str) -> Result<Vec<u8>, Problem>;

    /// Checks whose device signed.
    ///
    /// # Errors
    /// Where nothing proves it, or the owner shuts the entity out.
    fn prove(&self, proof: &Proof) -> Result<Proven, Problem>;

    /// Founds the guest's relation, or gives the one that there is.
    ///
    /// # Errors
    /// Where the owner wants none, or too many were founded.
    fn found(&self, guest: &Guest, space: &str) -> Result<Founded, Problem>;

    /// Whether it has wished for one, and the owner has not answered yet or declined.
    fn waits(&self, guest: &Guest) -> bool;

    /// What of a relation goes beyond some heights.
    ///
    /// # Errors
    /// Where it is not the guest's.
    fn pull(&self, guest: &Guest, topic: &str, have: &Heights) -> Result<Pulled, Problem>;

    /// Takes in entries of the guest's relation and profile. Gives how many were new; they
    /// are durable.
    ///
    /// # Errors
    /// Where anything of it is not the guest's to bring, or is refused.
    fn push(&self, guest: &Guest, topic: &str, bundle: &[u8]) -> Result<u64, Problem>;

    /// How far the feeds of a relation go.
    ///
    /// # Errors
    /// Where it is not the guest's.
    fn heights(&self, guest: &Guest, topic: &str) -> Result<Heights, Problem>;

    /// Topics that went on behind a cursor, and where to go on.
    ///
    /// # Errors
    /// Where the store can't be read.
    fn grown(&self, after: u64) -> Result<(Vec<String>, u64), Problem>;

    /// Where the store ends.
    fn end(&self) -> u64;

    /// Waits until the store ends elsewhere, or some time has passed.
    fn wait(&self, seen: u64, patience: Duration);

    /// The node's id.
    fn node(&self) -> [u8; 32];

    /// Names that the owner gave this server, beside its addresses.
    fn names(&self) -> Vec<String>;

    /// Wishes for a relation that one address may make in an hour.
    fn hourly(&self) -> usize;

    /// Fresh random bytes.
    ///
    /// # Errors
    /// Where the system has none.
    fn random(&self) -> Result<[u8; 32], Problem>;

    /// The time, UTC milliseconds.
    fn now_ms(&self) -> u64;
}
