//! From JSON that a program gives to an event.

use serde_json::Value as Json;
use synlog_log::fold::EventKind;
use synlog_log::ids::TopicId;
use synlog_values::filling::Filling;

use crate::cli::daily::filling::{Filled, NodeMaker, entries};
use crate::cli::daily::values::Files;
use crate::failure::Failure;
use crate::node::Node;

/// What a program gives for an event.
pub(crate) struct Given<'a> {
    /// Its fields, a JSON object.
    pub body: &'a Json,
    /// What may be erased later.
    pub erasable: Option<&'a Json>,
    /// The order or booking for which something is taken.
    pub taken_for: Option<&'a str>,
    /// Entries of which proofs go along.
    pub prove: &'a [String],
}

/// Fills an event from JSON. Where a field is no text and a text is given, it is read as
/// the command line reads it; files are not.
pub(crate) fn fill_json(
    node: &mut Node,
    topic: &TopicId,
    kind: &EventKind,
    given: &Given<'_>,
) -> Result<Filled, Failure> {
    let refused = |_: &str| {
        let text = "files are not read here: store them as blobs, and give their hashes";
        Err(Failure::Usage(text.to_owned()))
    };
    let files = Files {
        read: &refused,
        keeps: false,
    };
    let taken_for = given.taken_for.map(|front| node.find_entry(front));
    let maker = NodeMaker {
        node,
        topic: *topic,
        files: &files,
    };
    let mut filling = Filling::of_json(maker, kind, given.body, given.erasable)?;
    filling.taken_for = taken_for.transpose()?;
    let prove = entries(filling.maker.node, given.prove.iter())?;
    Ok(Filled::of(kind, filling.finish(&prove)?))
}
