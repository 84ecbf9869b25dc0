//! A reducer as native code, with the meaning of `spec/10-reducer.md`, for tests and
//! measurements. Nodes run the released modules.

use std::marker::PhantomData;

use synlog_log::cbor::Value;
use synlog_log::fold::{FoldInput, Folded, Halt, Manifest, Projected, Reducer, Routed, Row};
use synlog_log::ids::TopicId;
use synlog_log::wire::{Reader, Writer};
use synlog_reducer::{App, describe, fold, project, route};

/// An app that runs natively.
pub struct Native<A: App> {
    manifest: Manifest,
    hash: [u8; 32],
    app: PhantomData<fn() -> A>,
}

/// Bytes of anything that is read back: native code is trusted.
const ANY: usize = usize::MAX;

fn wrong<T>(_: T) -> Halt {
    Halt::Host("the native reducer gave something that does not decode".to_owned())
}

impl<A: App> Native<A> {
    /// The app, named by a hash: that of its module, so that digests can be compared.
    pub fn new(hash: [u8; 32]) -> Result<Self, Halt> {
        Ok(Self {
            manifest: Manifest::decode(&describe::<A>()).map_err(wrong)?,
            hash,
            app: PhantomData,
        })
    }
}

fn text(reader: &mut Reader<'_>) -> Result<String, Halt> {
    Ok(reader.text(ANY).map_err(wrong)?.to_owned())
}

impl<A: App> Reducer for Native<A> {
    fn hash(&self) -> [u8; 32] {
        self.hash
    }

    fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    fn route(&mut self, topic: &TopicId, events: &[&[u8]]) -> Result<Vec<Routed>, Halt> {
        let one = |event: &&[u8]| {
            let mut input = topic.0.to_vec();
            input.put_bytes(event);
            let output = route::<A>(&input).map_err(wrong)?;
            let mut reader = Reader::new(&output);
            if reader.byte().map_err(wrong)? == 1 {
                return Ok(Err(text(&mut reader)?));
            }
            let count = reader.length(ANY).map_err(wrong)?;
            let keys: Result<Vec<String>, Halt> = (0..count).map(|_| text(&mut reader)).collect();
            let mut keys = keys?;
            keys.sort();
            Ok(Ok(keys))
        };
        events.iter().map(one).collect()
    }

    fn fold(&mut self, topic: &TopicId, batch: &[FoldInput<'_>]) -> Result<Vec<Folded>, Halt> {
        let one = |aggregate: &FoldInput<'_>| {
            let mut input = topic.0.to_vec();
            input.put_bytes(aggregate.key.as_bytes());
            match aggregate.state {
                None => input.push(0),
                Some(state) => {
                    input.push(1);
                    input.put_bytes(state);
                }
            }
            input.put_varint(aggregate.events.len() as u64);
            aggregate
                .events
                .iter()
                .for_each(|event| input.put_bytes(event));
            let output = fold::<A>(&input).map_err(wrong)?;
            let mut reader = Reader::new(&output);
            let state = match reader.option().map_err(wrong)? {
                true => Some(reader.bytes(ANY).map_err(wrong)?.to_vec()),
                false => None,
            };
            let mut rejections = Vec::new();
            for _ in 0..reader.length(ANY).map_err(wrong)? {
                let index = reader.length(ANY).map_err(wrong)?;
                rejections.push((index, text(&mut reader)?));
            }
            Ok(Folded { state, rejections })
        };
        batch.iter().map(one).collect()
    }

    fn project(
        &mut self,
        topic: &TopicId,
        batch: &[(&str, &[u8])],
    ) -> Result<Vec<Projected>, Halt> {
        let one = |(key, state): &(&str, &[u8])| {
            let mut input = topic.0.to_vec();
            input.put_bytes(key.as_bytes());
            input.put_bytes(state);
            let output = project::<A>(&input).map_err(wrong)?;
            let mut reader = Reader::new(&output);
            let mut rows = Vec::new();
            for _ in 0..reader.length(ANY).map_err(wrong)? {
                rows.push(Row {
                    table: reader.length(ANY).map_err(wrong)?,
                    sub: text(&mut reader)?,
                    columns: Value::decode_map(reader.bytes(ANY).map_err(wrong)?).map_err(wrong)?,
                });
            }
            Ok(Ok(rows))
        };
        batch.iter().map(one).collect()
    }
}
