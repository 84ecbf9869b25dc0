//! A host by the letter of `spec/10-reducer.md`, in an engine that shares nothing with the
//! one of nodes: the module as it is released, nothing inserted, each event alone in a
//! fresh instance. Budgets aren't charged: what is folded here stays far below them.

use synlog_log::cbor::Value;
use synlog_log::fold::{FoldInput, Folded, Halt, Manifest, Projected, Reducer, Routed, Row};
use synlog_log::ids::TopicId;
use synlog_log::wire::{Reader, Writer};
use wasmi::{Engine, Linker, Module, Store};

/// No output is larger: a state, and what goes with it.
const OUTPUT_MAX: usize = 2 << 20;

pub(super) struct Letter {
    engine: Engine,
    module: Module,
    hash: [u8; 32],
    manifest: Manifest,
}

impl Letter {
    pub(super) fn new(wasm: &[u8]) -> Self {
        let engine = Engine::default();
        let module = Module::new(&engine, wasm).unwrap();
        let hash = *blake3::hash(wasm).as_bytes();
        let manifest = {
            let output = call(&engine, &module, "describe", None);
            Manifest::decode(&output).unwrap()
        };
        Self {
            engine,
            module,
            hash,
            manifest,
        }
    }

    fn call(&self, function: &str, input: &[u8]) -> Vec<u8> {
        call(&self.engine, &self.module, function, Some(input))
    }
}

fn call(engine: &Engine, module: &Module, function: &str, input: Option<&[u8]>) -> Vec<u8> {
    let mut store = Store::new(engine, ());
    let instance = Linker::new(engine)
        .instantiate_and_start(&mut store, module)
        .unwrap();
    let memory = instance.get_memory(&store, "memory").unwrap();
    let packed = match input {
        None => {
            let run = instance.get_typed_func::<(), i64>(&store, function);
            run.unwrap().call(&mut store, ())
        }
        Some(input) => {
            let length = input.len() as i32;
            let room = instance.get_typed_func::<i32, i32>(&store, "input");
            let address = room.unwrap().call(&mut store, length).unwrap();
            memory
                .write(&mut store, address as u32 as usize, input)
                .unwrap();
            let run = instance.get_typed_func::<i32, i64>(&store, function);
            run.unwrap().call(&mut store, length)
        }
    };
    let packed = packed.unwrap() as u64;
    let (address, length) = ((packed >> 32) as usize, packed as u32 as usize);
    memory.data(&store)[address..][..length].to_vec()
}

fn text(reader: &mut Reader<'_>) -> String {
    reader.text(OUTPUT_MAX).unwrap().to_owned()
}

impl Reducer for Letter {
    fn hash(&self) -> [u8; 32] {
        self.hash
    }

    fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    fn route(&mut self, topic: &TopicId, events: &[&[u8]]) -> Result<Vec<Routed>, Halt> {
        let route = |event: &&[u8]| {
            let mut input = topic.0.to_vec();
            input.put_bytes(event);
            let output = self.call("route", &input);
            let mut reader = Reader::new(&output);
            let routed = match reader.byte().unwrap() {
                0 => {
                    let count = reader.varint().unwrap();
                    let mut keys: Vec<String> = (0..count).map(|_| text(&mut reader)).collect();
                    keys.sort();
                    Ok(keys)
                }
                _ => Err(text(&mut reader)),
            };
            reader.end().unwrap();
            routed
        };
        Ok(events.iter().map(route).collect())
    }

    fn fold(&mut self, topic: &TopicId, batch: &[FoldInput<'_>]) -> Result<Vec<Folded>, Halt> {
        let fold = |given: &FoldInput<'_>| {
            let mut folded = Folded {
                state: given.state.map(<[u8]>::to_vec),
                rejections: Vec::new(),
            };
            for (index, event) in given.events.iter().enumerate() {
                let mut input = topic.0.to_vec();
                input.put_bytes(given.key.as_bytes());
                input.push(u8::from(folded.state.is_some()));
                if let Some(state) = &folded.state {
                    input.put_bytes(state);
                }
                input.put_varint(1);
                input.put_bytes(event);
                let output = self.call("fold", &input);
                let mut reader = Reader::new(&output);
                let state = match reader.option().unwrap() {
                    true => Some(reader.bytes(OUTPUT_MAX).unwrap().to_vec()),
                    false => None,
                };
                match reader.varint().unwrap() {
                    0 => folded.state = state,
                    _ => {
                        assert_eq!(reader.varint().unwrap(), 0);
                        folded.rejections.push((index, text(&mut reader)));
                    }
                }
                reader.end().unwrap();
            }
            folded
        };
        Ok(batch.iter().map(fold).collect())
    }

    fn project(
        &mut self,
        topic: &TopicId,
        batch: &[(&str, &[u8])],
    ) -> Result<Vec<Projected>, Halt> {
        let project = |(key, state): &(&str, &[u8])| {
            let mut input = topic.0.to_vec();
            input.put_bytes(key.as_bytes());
            input.put_bytes(state);
            let output = self.call("project", &input);
            let mut reader = Reader::new(&output);
            let rows = (0..reader.varint().unwrap())
                .map(|_| Row {
                    table: reader.varint().unwrap() as usize,
                    sub: text(&mut reader),
                    columns: Value::decode(reader.bytes(OUTPUT_MAX).unwrap()).unwrap(),
                })
                .collect();
            reader.end().unwrap();
            Ok(rows)
        };
        Ok(batch.iter().map(project).collect())
    }
}
