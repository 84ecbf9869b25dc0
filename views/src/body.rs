//! A look into the body of an event, or the columns of a row, without decoding it.
//!
//! Both are canonical (`spec/01-encoding.md` 1.3): that was checked. What looks unusual
//! here is left to the decoder.

/// Maps and arrays in each other. Deeper ones are left to the decoder.
const DEPTH_MAX: usize = 16;

/// The id that a field of a map holds: `Some(None)` where the field is not there or
/// null, `None` where that can't be told without decoding all.
pub(crate) fn id_in(body: &[u8], field: &str) -> Option<Option<[u8; 32]>> {
    let Some(mut item) = item_in(body, field)? else {
        return Some(None);
    };
    match head(&mut item)? {
        (2, 32) => Some(item.try_into().ok()),
        (7, 22) => Some(None),
        _ => None,
    }
}

/// The encoded value of a field of a map: `Some(None)` where the field is not there,
/// `None` where that can't be told without decoding all.
pub(crate) fn item_in<'a>(map: &'a [u8], field: &str) -> Option<Option<&'a [u8]>> {
    let mut rest = map;
    let (5, count) = head(&mut rest)? else {
        return None;
    };
    let mut found = None;
    for _ in 0..count {
        let (3, length) = head(&mut rest)? else {
            return None;
        };
        let name = take(&mut rest, length)?;
        let before = rest;
        skip(&mut rest, DEPTH_MAX)?;
        if name == field.as_bytes() {
            found = before.get(..before.len() - rest.len());
        }
    }
    rest.is_empty().then_some(found)
}

/// Major type and number at the front of an item.
fn head(rest: &mut &[u8]) -> Option<(u8, u64)> {
    let (first, after) = rest.split_first()?;
    let (major, short) = (first >> 5, first & 31);
    let length = match short {
        0..24 => 0,
        24 => 1,
        25 => 2,
        26 => 4,
        27 => 8,
        _ => return None,
    };
    let (bytes, after) = after.split_at_checked(length)?;
    *rest = after;
    let number = bytes.iter().fold(0, |n, byte| n << 8 | u64::from(*byte));
    Some((
        major,
        if length == 0 {
            u64::from(short)
        } else {
            number
        },
    ))
}

fn take<'a>(rest: &mut &'a [u8], length: u64) -> Option<&'a [u8]> {
    let (taken, after) = rest.split_at_checked(usize::try_from(length).ok()?)?;
    *rest = after;
    Some(taken)
}

fn skip(rest: &mut &[u8], depth: usize) -> Option<()> {
    let depth = depth.checked_sub(1)?;
    let (major, number) = head(rest)?;
    match major {
        0 | 1 | 7 => {}
        2 | 3 => drop(take(rest, number)?),
        4 | 5 => {
            for _ in 0..number {
                skip(rest, depth)?;
                if major == 5 {
                    skip(rest, depth)?;
                }
            }
        }
        _ => return None,
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use synlog_log::cbor::Value;

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(Value::Int),
            proptest::collection::vec(any::<u8>(), 30..34).prop_map(Value::Bytes),
            "[a-z]{0,30}".prop_map(Value::Text),
        ];
        leaf.prop_recursive(3, 20, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
                proptest::collection::btree_map("[a-c]", inner, 0..4)
                    .prop_map(|map| Value::map(map.iter().map(|(k, v)| (k.as_str(), v.clone())))),
            ]
        })
    }

    proptest! {
        #[test]
        fn it_finds_what_the_decoder_finds(
            map in proptest::collection::btree_map("[a-e]", value(), 0..5),
            id: [u8; 32],
            with_id: bool,
        ) {
            let mut map = map;
            if with_id {
                map.insert("c".into(), Value::Bytes(id.to_vec()));
            }
            let value = Value::map(map.iter().map(|(k, v)| (k.as_str(), v.clone())));
            let wanted = match value.get("c") {
                None | Some(Value::Null) => Some(None),
                Some(one) => one.as_id().map(Some),
            };
            prop_assert_eq!(id_in(&value.encode(), "c"), wanted);
            let item = item_in(&value.encode(), "c").map(|item| item.map(<[u8]>::to_vec));
            prop_assert_eq!(item, Some(value.get("c").map(Value::encode)));
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            let _ = id_in(&bytes, "a");
            let _ = item_in(&bytes, "a");
        }
    }
}
