//! A device that tells two people two different things.

use synlog_log::bundle::{BundleWriter, RecordKind};
use synlog_log::cbor::Value;
use synlog_log::ids::{EntryId, TopicId};
use synlog_log::payload::PayloadBuilder;

use crate::clock::now_ms;
use crate::failure::Failure;
use crate::home::Home;
use crate::node::Node;

/// Two bundles in which the device of a home signs two different entries under one
/// number. The store of the home is left as it was: an honest program never does this.
pub(super) fn two_stories(
    home: Home,
    topic: &TopicId,
    order: &str,
) -> Result<[Vec<u8>; 2], Failure> {
    let mut node = Node::open(home)?;
    let wrong = |source| Failure::Bundle {
        path: "the demo's bundle".into(),
        source,
    };
    let mut bundles = Vec::new();
    let order = order.parse::<EntryId>();
    let order = order.map_err(|_| Failure::System("the order has no id".into()))?;
    for text in [
        "the lock works well, thank you",
        "the lock does not even close",
    ] {
        let body = Value::map([
            ("text", Value::Text(text.to_owned())),
            ("order", Value::Bytes(order.0.to_vec())),
        ]);
        let payload = PayloadBuilder::new("message.post", body).encode();
        let payload = payload.map_err(Failure::refused("the demo's event"))?;
        let deps = node.next_deps(topic)?;
        let mut draft = node.draft(topic)?;
        node.add_to(&mut draft, topic, now_ms(), &deps, &payload)?;
        let mut writer = BundleWriter::new(Vec::new()).map_err(wrong)?;
        if let Some((run, _)) = draft.sign() {
            writer.record(RecordKind::Run, &run).map_err(wrong)?;
        }
        bundles.push(writer.finish().map_err(wrong)?);
    }
    node.close()?;
    let [second, first] = [bundles.pop(), bundles.pop()];
    Ok([first.unwrap_or_default(), second.unwrap_or_default()])
}
