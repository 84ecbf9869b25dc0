//! What a module is given for a call and what it gives out, in bytes
//! (`spec/10-reducer.md` 10.3).

use crate::cbor::Value;
use crate::fold::{
    BAD_OUTPUT, CODE_MAX, KEY_MAX, KEYS_MAX, ROWS_BYTES_MAX, ROWS_MAX, Routed, Row, STATE_FULL,
    STATE_MAX, code_is_right,
};
use crate::refusal::Refusal;
use crate::wire::{Reader, Writer};

/// Bytes of what tells rows of one aggregate apart.
const SUB_MAX: usize = 128;
/// Bytes of the columns of one row.
const COLUMNS_MAX: usize = 16_384;

/// Writes what stands before the events in the input of `fold`: all but the topic.
pub fn put_fold_head(out: &mut Vec<u8>, key: &[u8], state: Option<&[u8]>, events: usize) {
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
pub fn put_project(out: &mut Vec<u8>, key: &[u8], state: &[u8]) {
    out.clear();
    out.put_bytes(key);
    out.put_bytes(state);
}

/// What is wrong with an output: the code of the host for it.
pub type Wrong = &'static str;

/// What `fold` gave out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoldOutput {
    /// The state after the events that were accepted.
    pub state: Option<Vec<u8>>,
    /// Which were rejected, with their codes.
    pub rejections: Vec<(usize, String)>,
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
pub fn read_fold(output: &[u8], events: usize) -> Result<FoldOutput, Wrong> {
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
pub fn read_route(output: &[u8]) -> Result<Routed, Wrong> {
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
pub fn read_project(output: &[u8], tables: usize) -> Result<Vec<Row>, Wrong> {
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
}
