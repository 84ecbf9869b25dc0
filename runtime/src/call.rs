//! What goes into a call and what comes out of it, in bytes (`spec/10-reducer.md` 10.3).

use std::ops::Range;

use synlog_log::cbor::Value;
use synlog_log::fold::{
    BAD_OUTPUT, CODE_MAX, FoldInput, KEY_MAX, KEYS_MAX, ROWS_BYTES_MAX, ROWS_MAX, Routed, Row,
    STATE_FULL, STATE_MAX, code_is_right,
};
use synlog_log::ids::TopicId;
use synlog_log::refusal::Refusal;
use synlog_log::wire::{Reader, VARINT_MAX, Writer};

/// Bytes of what tells rows of one aggregate apart.
const SUB_MAX: usize = 128;
/// Bytes of the columns of one row.
const COLUMNS_MAX: usize = 16_384;

/// Aggregates and events of one call of the host, copied so that they can go to
/// another thread. Reused from call to call.
#[derive(Default)]
pub(crate) struct Batch {
    pub(crate) topic: [u8; 32],
    bytes: Vec<u8>,
    items: Vec<Item>,
    events: Vec<Range<usize>>,
}

struct Item {
    key: Range<usize>,
    state: Option<Range<usize>>,
    events: Range<usize>,
}

/// An aggregate of a batch.
#[derive(Clone, Copy)]
pub(crate) struct Aggregate<'a> {
    batch: &'a Batch,
    item: &'a Item,
}

impl Batch {
    /// Takes everything out.
    pub(crate) fn clear(&mut self, topic: &TopicId) {
        self.topic = topic.0;
        self.bytes.clear();
        self.items.clear();
        self.events.clear();
    }

    fn put(&mut self, bytes: &[u8]) -> Range<usize> {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        start..self.bytes.len()
    }

    /// Adds an aggregate without events.
    pub(crate) fn add_aggregate(&mut self, key: &str, state: Option<&[u8]>) {
        let key = self.put(key.as_bytes());
        let state = state.map(|state| self.put(state));
        let events = self.events.len()..self.events.len();
        self.items.push(Item { key, state, events });
    }

    /// Adds an event to the last aggregate.
    pub(crate) fn add_event(&mut self, event: &[u8]) {
        self.bytes.put_varint(event.len() as u64);
        let range = self.put(event);
        self.events.push(range);
        if let Some(item) = self.items.last_mut() {
            item.events.end = self.events.len();
        }
    }

    /// Adds an aggregate with its events.
    pub(crate) fn add(&mut self, input: &FoldInput<'_>) {
        self.add_aggregate(input.key, input.state);
        input.events.iter().for_each(|event| self.add_event(event));
    }

    /// The aggregates, in the order in which they were added.
    pub(crate) fn aggregates(&self) -> impl ExactSizeIterator<Item = Aggregate<'_>> {
        self.items
            .iter()
            .map(|item| Aggregate { batch: self, item })
    }
}

impl<'a> Aggregate<'a> {
    pub(crate) fn key(&self) -> &'a [u8] {
        &self.batch.bytes[self.item.key.clone()]
    }

    pub(crate) fn state(&self) -> Option<&'a [u8]> {
        self.item
            .state
            .clone()
            .map(|range| &self.batch.bytes[range])
    }

    pub(crate) fn len(&self) -> usize {
        self.item.events.len()
    }

    pub(crate) fn event(&self, index: usize) -> &'a [u8] {
        &self.batch.bytes[self.batch.events[self.item.events.start + index].clone()]
    }

    /// Several events one after the other, each with its length before it.
    pub(crate) fn listed(&self, range: Range<usize>) -> &'a [u8] {
        let events = &self.batch.events[self.item.events.start..self.item.events.end];
        let events = &events[range];
        match (events.first(), events.last()) {
            (Some(first), Some(last)) => {
                let start = first.start - varint_len(first.len());
                &self.batch.bytes[start..last.end]
            }
            _ => &[],
        }
    }

    /// Where the longest run of events from `start` on ends that keeps to the bounds of
    /// a call; at least one event.
    pub(crate) fn run_end(&self, start: usize, events_max: usize, bytes_max: usize) -> usize {
        let (mut end, mut bytes) = (start, 0);
        while end < self.len() && end - start < events_max {
            bytes += self.event(end).len();
            if bytes > bytes_max && end > start {
                break;
            }
            end += 1;
        }
        end
    }
}

fn varint_len(value: usize) -> usize {
    let bits = usize::BITS - value.leading_zeros();
    (bits.div_ceil(7) as usize).clamp(1, VARINT_MAX)
}

/// Writes what stands before the events in the input of `fold`: all but the topic.
pub(crate) fn put_fold_head(out: &mut Vec<u8>, key: &[u8], state: Option<&[u8]>, events: usize) {
    out.clear();
    out.put_bytes(key);
    match state {
        None => out.push(0),
        Some(state) => {
            out.push(1);
            out.put_bytes(state);
        }
    }
    out.put_varint(events as u64);
}

/// Writes the input of `project` after the topic.
pub(crate) fn put_project(out: &mut Vec<u8>, key: &[u8], state: &[u8]) {
    out.clear();
    out.put_bytes(key);
    out.put_bytes(state);
}

/// The kind of an encoded event.
pub(crate) fn kind_of(event: &[u8]) -> Option<&[u8]> {
    let mut reader = Reader::new(event);
    reader.take(96).ok()?;
    reader.varint().ok()?;
    reader.varint().ok()?;
    reader.byte().ok()?;
    reader.bytes(event.len()).ok()?;
    reader.bytes(event.len()).ok()
}

/// The id of an encoded event, as far as it is there.
pub(crate) fn id_of(event: &[u8]) -> &[u8] {
    event.get(..32).unwrap_or(event)
}

/// What is wrong with an output: the code of the host for it.
pub(crate) type Wrong = &'static str;

/// What `fold` gave out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FoldOutput {
    pub(crate) state: Option<Vec<u8>>,
    pub(crate) rejections: Vec<(usize, String)>,
}

fn bad(_: Refusal) -> Wrong {
    BAD_OUTPUT
}

fn code(reader: &mut Reader<'_>) -> Result<String, Wrong> {
    let code = reader.text(CODE_MAX).map_err(bad)?;
    code_is_right(code)
        .then(|| code.to_owned())
        .ok_or(BAD_OUTPUT)
}

/// Reads what `fold` gave out for so many events.
pub(crate) fn read_fold(output: &[u8], events: usize) -> Result<FoldOutput, Wrong> {
    let mut reader = Reader::new(output);
    let mut state = None;
    if reader.option().map_err(bad)? {
        let length = usize::try_from(reader.varint().map_err(bad)?).map_err(|_| BAD_OUTPUT)?;
        let bytes = reader.take(length).map_err(bad)?;
        if length > STATE_MAX {
            return Err(STATE_FULL);
        }
        state = Some(bytes.to_vec());
    }
    let mut rejections: Vec<(usize, String)> = Vec::new();
    for _ in 0..reader.length(events).map_err(bad)? {
        let index = usize::try_from(reader.varint().map_err(bad)?).map_err(|_| BAD_OUTPUT)?;
        let ascends = rejections.last().is_none_or(|(last, _)| *last < index);
        if index >= events || !ascends {
            return Err(BAD_OUTPUT);
        }
        rejections.push((index, code(&mut reader)?));
    }
    reader.end().map_err(bad)?;
    Ok(FoldOutput { state, rejections })
}

/// Reads what `route` gave out.
pub(crate) fn read_route(output: &[u8]) -> Result<Routed, Wrong> {
    let mut reader = Reader::new(output);
    let routed = if reader.option().map_err(bad)? {
        Err(code(&mut reader)?)
    } else {
        let mut keys = Vec::new();
        for _ in 0..reader.length(KEYS_MAX).map_err(bad)? {
            let key = reader.text(KEY_MAX).map_err(bad)?;
            if key.is_empty() {
                return Err(BAD_OUTPUT);
            }
            keys.push(key.to_owned());
        }
        keys.sort_unstable();
        if keys.is_empty() || keys.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(BAD_OUTPUT);
        }
        Ok(keys)
    };
    reader.end().map_err(bad)?;
    Ok(routed)
}

/// Reads what `project` gave out, for so many tables.
pub(crate) fn read_project(output: &[u8], tables: usize) -> Result<Vec<Row>, Wrong> {
    if output.len() > ROWS_BYTES_MAX {
        return Err(BAD_OUTPUT);
    }
    let mut reader = Reader::new(output);
    let mut rows: Vec<Row> = Vec::new();
    for _ in 0..reader.length(ROWS_MAX).map_err(bad)? {
        let table = usize::try_from(reader.varint().map_err(bad)?).map_err(|_| BAD_OUTPUT)?;
        let sub = reader.text(SUB_MAX).map_err(bad)?.to_owned();
        let columns = reader.bytes(COLUMNS_MAX).map_err(bad)?;
        if table >= tables {
            return Err(BAD_OUTPUT);
        }
        let columns = Value::decode_map(columns).map_err(bad)?;
        rows.push(Row {
            table,
            sub,
            columns,
        });
    }
    reader.end().map_err(bad)?;
    let mut names: Vec<(usize, &str)> = rows.iter().map(|row| (row.table, &row.sub[..])).collect();
    names.sort_unstable();
    if names.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(BAD_OUTPUT);
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn outputs_of_fold() {
        let reject = |rest: &[u8]| [&[1, 2, 7, 7][..], rest].concat();
        let code = |index: u8| [&[index, 3][..], b"bad"].concat();
        type Case = (Vec<u8>, Result<Option<usize>, Wrong>);
        let cases: Vec<Case> = vec![
            (reject(&[0]), Ok(None)),
            (reject(&[&[1][..], &code(1)].concat()), Ok(Some(1))),
            (reject(&[&[1][..], &code(2)].concat()), Err(BAD_OUTPUT)),
            (
                reject(&[&[2][..], &code(1), &code(0)].concat()),
                Err(BAD_OUTPUT),
            ),
            (
                reject(&[&[2][..], &code(1), &code(1)].concat()),
                Err(BAD_OUTPUT),
            ),
            (reject(&[1, 0, 2, b'B', b'a']), Err(BAD_OUTPUT)),
            (reject(&[1, 0, 0]), Err(BAD_OUTPUT)),
            (reject(&[0, 0]), Err(BAD_OUTPUT)),
            (vec![2, 0], Err(BAD_OUTPUT)),
            (vec![], Err(BAD_OUTPUT)),
            // a length that nothing backs
            (vec![1, 0xff, 0xff, 0xff, 0xff, 0x0f], Err(BAD_OUTPUT)),
        ];
        for (output, wanted) in cases {
            let read = read_fold(&output, 2).map(|out| out.rejections.first().map(|(at, _)| *at));
            assert_eq!(read, wanted, "{output:?}");
        }
    }

    #[test]
    fn states_end_at_the_limit() {
        for (length, wanted) in [(STATE_MAX, Ok(STATE_MAX)), (STATE_MAX + 1, Err(STATE_FULL))] {
            let mut output = Vec::new();
            output.push(1);
            output.put_bytes(&vec![0; length]);
            output.push(0);
            let read = read_fold(&output, 1).map(|out| out.state.unwrap().len());
            assert_eq!(read, wanted);
        }
    }

    #[test]
    fn keys_are_sorted_and_each_is_there_once() {
        let routed = |bytes: &[u8]| read_route(bytes);
        assert_eq!(
            routed(&[0, 2, 1, b'b', 1, b'a']),
            Ok(Ok(vec!["a".into(), "b".into()]))
        );
        for wrong in [
            &[0, 2, 1, b'a', 1, b'a'][..],
            &[0, 0],
            &[0, 1, 0],
            &[0, 9],
            &[1, 1, b'-'],
        ] {
            assert_eq!(routed(wrong), Err(BAD_OUTPUT));
        }
        assert_eq!(routed(&[1, 1, b'x']), Ok(Err("x".into())));
    }

    #[test]
    fn rows_have_a_table_and_a_name_of_their_own() {
        assert_eq!(read_project(&[1, 0, 0, 1, 0xa0], 1).unwrap().len(), 1);
        for wrong in [
            &[1, 1, 0, 1, 0xa0][..],
            &[2, 0, 0, 1, 0xa0, 0, 0, 1, 0xa0],
            &[1, 0, 0, 1, 0],
        ] {
            assert_eq!(read_project(wrong, 1), Err(BAD_OUTPUT));
        }
    }

    proptest! {
        #[test]
        fn arbitrary_outputs_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = read_fold(&bytes, 3);
            let _ = read_route(&bytes);
            let _ = read_project(&bytes, 2);
            let _ = kind_of(&bytes);
        }

        #[test]
        fn runs_of_events_are_as_encoded(sizes in proptest::collection::vec(0usize..300, 1..20), at: u8) {
            let mut batch = Batch::default();
            batch.clear(&TopicId([0; 32]));
            batch.add_aggregate("k", None);
            for size in &sizes {
                batch.add_event(&vec![7; *size]);
            }
            let aggregate = batch.aggregates().next().unwrap();
            let start = usize::from(at) % sizes.len();
            let mut wanted = Vec::new();
            for size in &sizes[start..] {
                wanted.put_bytes(&vec![7; *size]);
            }
            prop_assert_eq!(aggregate.listed(start..sizes.len()), &wanted[..]);
            let end = aggregate.run_end(start, 4, 500);
            prop_assert!(end > start && end - start <= 4);
        }
    }
}
