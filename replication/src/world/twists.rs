//! Well-formed messages that say what isn't so.

use synlog_log::disk::Seeded;
use synlog_log::ids::EntryId;

use crate::message::{Message, Part, PartBody, Shape, Short, Wish};

fn short(random: &mut Seeded) -> Short {
    random.bits().to_le_bytes()
}

fn shorts(random: &mut Seeded, count: u64) -> Vec<Short> {
    let mut shorts: Vec<Short> = (0..count).map(|_| short(random)).collect();
    shorts.sort_unstable();
    shorts.dedup();
    shorts
}

fn id(random: &mut Seeded) -> EntryId {
    EntryId(*blake3::hash(&random.bits().to_le_bytes()).as_bytes())
}

/// A number that is small, in the middle, or as large as can be.
fn number(random: &mut Seeded) -> u64 {
    match random.below(4) {
        0 => random.below(8),
        1 => random.below(1 << 20),
        2 => u64::MAX - random.below(3),
        _ => random.bits(),
    }
}

/// A message with something else in it; as it was where it doesn't decode.
pub(super) fn twist(bytes: &[u8], random: &mut Seeded) -> Vec<u8> {
    let Ok(mut message) = Message::decode(bytes) else {
        return bytes.to_vec();
    };
    match &mut message {
        Message::Hello(hello) => {
            hello.cursor = Some((hello.epoch, number(random)));
            hello.clock_ms = number(random);
        }
        Message::Topics { added, .. } => {
            added.extend(shorts(random, 50));
            added.sort_unstable();
            added.dedup();
        }
        Message::Matched(matched) => matched.iter_mut().for_each(|bit| *bit = !*bit),
        Message::Reconcile(parts) => twist_parts(parts, random),
        Message::Runs { left, .. } => *left = number(random),
        Message::Heads(heads) => {
            for head in heads {
                head.line.height = number(random).max(1);
                head.line.head = short(random);
            }
        }
        Message::Want(wishes) => {
            let feed = wishes.first().map_or(short(random), |wish| wish.feed);
            *wishes = vec![Wish {
                feed,
                from: number(random).max(1),
                head: short(random),
            }];
        }
        Message::WantEntries(wanted) => {
            let topic = wanted.first().map_or(short(random), |(topic, _)| *topic);
            *wanted = (0..20).map(|_| (topic, id(random))).collect();
        }
        Message::Check(check) => {
            if random.one_in(2) {
                check.rows = short(random);
            }
            if random.one_in(4) {
                check.position = number(random);
            }
            if random.one_in(4) {
                check.seen = number(random);
            }
        }
        Message::Credit(total) => *total = number(random),
        Message::Known(known) => *known = shorts(random, 20),
        _ => {}
    }
    message.encode()
}

fn twist_parts(parts: &mut Vec<Part>, random: &mut Seeded) {
    let question = parts.first().map_or(0, |part| part.question);
    let body = match random.below(4) {
        0 => PartBody::Nothing,
        1 => PartBody::Listed(shorts(random, 20)),
        // ranges that go on and on
        2 => PartBody::Shape(Shape::Fork {
            skip: 0,
            bits: Box::default(),
            halves: Box::new([Shape::Leaf(short(random)), Shape::Leaf(short(random))]),
        }),
        _ => {
            if let Some(Part {
                body: PartBody::Told { missing, .. },
                ..
            }) = parts.first_mut()
            {
                missing.iter_mut().for_each(|bit| *bit = !*bit);
            }
            return;
        }
    };
    *parts = vec![Part { question, body }];
}
