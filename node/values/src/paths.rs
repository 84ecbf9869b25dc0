//! Places in a value by name: `price.min`, or `takes[].take` for each of a list.

use synlog_log::cbor::Value;

/// The value at a path without lists.
pub fn get<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(value, |value, key| value.get(key))
}

/// All values at a path, in which `name[]` stands for each item of a list. A path
/// that leads to a list gives its items.
pub fn all(value: &Value, path: &str) -> Vec<Value> {
    let found = match path.split_once("[].") {
        None => get(value, path).into_iter().collect::<Vec<_>>(),
        Some((list, rest)) => {
            let items = get(value, list).and_then(Value::as_array).unwrap_or(&[]);
            return items.iter().flat_map(|item| all(item, rest)).collect();
        }
    };
    let items = found.into_iter().flat_map(|value| match value {
        Value::Array(items) => items.clone(),
        other => vec![other.clone()],
    });
    items.collect()
}

/// Puts a value at a path, making the maps on the way.
pub fn put(value: &mut Value, path: &str, new: Value) {
    let Value::Map(pairs) = value else {
        return;
    };
    let mut kept = std::mem::take(pairs);
    let (key, rest) = path.split_once('.').unwrap_or((path, ""));
    let old = kept.iter().position(|(name, _)| name == key);
    let old = old.map(|at| kept.swap_remove(at).1);
    let inner = if rest.is_empty() {
        new
    } else {
        let mut inner = match old {
            Some(map @ Value::Map(_)) => map,
            _ => Value::Map(Vec::new()),
        };
        put(&mut inner, rest, new);
        inner
    };
    kept.push((key.to_owned(), inner));
    *value = Value::map(kept);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_is_there() {
        let mut value = Value::Map(Vec::new());
        put(&mut value, "price.min", Value::Int(5));
        put(&mut value, "price.max", Value::Int(9));
        put(&mut value, "price.min", Value::Int(6));
        assert_eq!(get(&value, "price.min"), Some(&Value::Int(6)));
        assert_eq!(get(&value, "price.max"), Some(&Value::Int(9)));
        assert_eq!(get(&value, "price.max.x"), None);
        let take = |n| Value::map([("take", Value::Int(n))]);
        put(&mut value, "takes", Value::Array(vec![take(1), take(2)]));
        assert_eq!(all(&value, "takes[].take"), [Value::Int(1), Value::Int(2)]);
        assert_eq!(all(&value, "price.min"), [Value::Int(6)]);
        assert!(all(&value, "gone[].x").is_empty());
        assert_eq!(Value::decode(&value.encode()), Ok(value));
    }
}
