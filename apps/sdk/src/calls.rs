//! The calls of the interface, bytes in and bytes out (`spec/10-reducer.md` 10.3). Pure:
//! the module exports them, and native code runs the same.

use crate::app::{App, Code, Event};
use crate::columns::Rows;
use crate::event::Raw;
use crate::wire::{Reader, put_bytes, put_varint};

pub use crate::wire::BadInput;

/// `describe`: the manifest.
pub fn describe<A: App>() -> Vec<u8> {
    A::manifest().encode()
}

/// `route`: which aggregates an event touches.
pub fn route<A: App>(input: &[u8]) -> Result<Vec<u8>, BadInput> {
    let mut reader = Reader::new(input);
    let topic = reader.array()?;
    let raw = Raw::read(reader.bytes()?)?;
    reader.end()?;
    let keys =
        A::Event::decode(raw.kind, raw.body).and_then(|event| A::keys(&event, &raw.meta(&topic)));
    let mut out = Vec::with_capacity(96);
    match keys {
        Ok(keys) => {
            out.push(0);
            put_varint(&mut out, keys.as_slice().len() as u64);
            for key in keys.as_slice() {
                put_bytes(&mut out, key.as_bytes());
            }
        }
        Err(code) => {
            out.push(1);
            put_bytes(&mut out, code.as_bytes());
        }
    }
    Ok(out)
}

/// A state that this reducer has not written; it can't happen.
fn state_of<A: App>(bytes: Option<&[u8]>) -> Result<Option<A::State>, BadInput> {
    match bytes {
        None => Ok(None),
        Some(bytes) => match postcard::from_bytes(bytes) {
            Ok(state) => Ok(Some(state)),
            Err(_) => Err(BadInput),
        },
    }
}

fn bytes_of<A: App>(state: &Option<A::State>) -> Result<Option<Vec<u8>>, BadInput> {
    match state {
        None => Ok(None),
        Some(state) => match postcard::to_extend(state, Vec::with_capacity(256)) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(_) => Err(BadInput),
        },
    }
}

/// The state of an aggregate while events are folded into it.
struct Folding<'a, A: App> {
    topic: [u8; 32],
    key: &'a str,
    state: Option<A::State>,
    /// A state that is certain, and the events that were accepted after it. What a
    /// rejected event has half done is undone by folding these again.
    certain: Option<Vec<u8>>,
    since: Vec<&'a [u8]>,
}

impl<'a, A: App> Folding<'a, A> {
    fn apply(&mut self, event: &'a [u8]) -> Result<Result<(), Code>, BadInput> {
        let raw = Raw::read(event)?;
        Ok(A::Event::decode(raw.kind, raw.body)
            .and_then(|event| A::apply(&mut self.state, self.key, &event, &raw.meta(&self.topic))))
    }

    fn restore(&mut self) -> Result<(), BadInput> {
        self.state = state_of::<A>(self.certain.as_deref())?;
        if self.since.is_empty() {
            return Ok(());
        }
        for event in core::mem::take(&mut self.since) {
            // it was accepted before, on the same state
            if self.apply(event)?.is_err() {
                return Err(BadInput);
            }
        }
        // so that the next rejection has nothing to fold again
        self.certain = bytes_of::<A>(&self.state)?;
        Ok(())
    }
}

/// `fold`: the state after some events, and which of them were rejected.
pub fn fold<A: App>(input: &[u8]) -> Result<Vec<u8>, BadInput> {
    let mut reader = Reader::new(input);
    let topic = reader.array()?;
    let key = reader.text()?;
    let before = match reader.byte()? {
        0 => None,
        1 => Some(reader.bytes()?),
        _ => return Err(BadInput),
    };
    let mut folding = Folding::<A> {
        topic,
        key,
        state: state_of::<A>(before)?,
        certain: before.map(<[u8]>::to_vec),
        since: Vec::new(),
    };
    let mut rejections: Vec<(u64, Code)> = Vec::new();
    let mut changed = false;
    let count = reader.varint()?;
    for index in 0..count {
        let event = reader.bytes()?;
        match folding.apply(event)? {
            Ok(()) => {
                changed = true;
                folding.since.push(event);
            }
            Err(code) => {
                rejections.push((index, code));
                folding.restore()?;
            }
        }
    }
    reader.end()?;
    let after = if changed {
        bytes_of::<A>(&folding.state)?
    } else {
        folding.certain
    };
    let mut out = Vec::with_capacity(16 + after.as_ref().map_or(0, Vec::len));
    match after {
        None => out.push(0),
        Some(bytes) => {
            out.push(1);
            put_bytes(&mut out, &bytes);
        }
    }
    put_varint(&mut out, rejections.len() as u64);
    for (index, code) in rejections {
        put_varint(&mut out, index);
        put_bytes(&mut out, code.as_bytes());
    }
    Ok(out)
}

/// `project`: the rows of an aggregate.
pub fn project<A: App>(input: &[u8]) -> Result<Vec<u8>, BadInput> {
    let mut reader = Reader::new(input);
    reader.array::<32>()?;
    let key = reader.text()?;
    let state = state_of::<A>(Some(reader.bytes()?))?;
    reader.end()?;
    let mut rows = match A::TABLES {
        [] => Rows::new(&A::manifest().table_names()),
        tables => Rows::new(tables),
    };
    if let Some(state) = &state {
        A::rows(key, state, &mut rows);
    }
    Ok(rows.finish())
}
