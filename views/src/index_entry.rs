//! Entries of indexes as queries read them.

use synlog_log::cbor::Value;
use synlog_log::ids::TopicId;

use crate::store::keys::{self, Layer};

/// What an entry of an index names.
pub(crate) struct Place<'a> {
    pub topic: TopicId,
    pub key: &'a str,
    pub sub: &'a str,
    pub tentative: bool,
}

impl<'a> Place<'a> {
    /// Reads an entry, of which `end` says where its columns end: what is before that,
    /// and what it names.
    pub(crate) fn read(entry: &'a [u8], end: &[u8]) -> Option<(&'a [u8], Self)> {
        let end = u32::from_le_bytes(end.try_into().ok()?) as usize;
        let (values, rest) = entry.split_at_checked(end)?;
        let (topic, rest) = rest.split_at_checked(32)?;
        let (len, rest) = rest.split_first()?;
        let (key, rest) = rest.split_at_checked(usize::from(*len))?;
        let (layer, sub) = rest.split_last()?;
        let place = Self {
            topic: TopicId(topic.try_into().ok()?),
            key: std::str::from_utf8(key).ok()?,
            sub: std::str::from_utf8(sub).ok()?,
            tentative: *layer == Layer::Overlay as u8,
        };
        Some((values, place))
    }
}

/// Whether a row has the values, also where the index holds only the front of them.
pub(crate) fn holds(
    row: &Value,
    names: &[String],
    equal: &[Value],
    from: &Option<Value>,
    to: &Option<Value>,
) -> bool {
    let any = |name: &String, fits: &dyn Fn(&Value) -> bool| match row.get(name) {
        Some(Value::Array(items)) => items.iter().any(fits),
        Some(one) => fits(one),
        None => fits(&Value::Null),
    };
    let encoded = |value: &Value| {
        let mut out = Vec::new();
        keys::put_value(&mut out, value);
        out
    };
    let in_range = |value: &Value| {
        let value = encoded(value);
        from.as_ref().is_none_or(|from| value >= encoded(from))
            && to.as_ref().is_none_or(|to| value < encoded(to))
    };
    let mut names = names.iter();
    equal
        .iter()
        .zip(names.by_ref())
        .all(|(value, name)| any(name, &|item| item == value))
        && names.next().is_none_or(|name| any(name, &in_range))
}
