//! What people type and the files they name, read with care.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde_json::Value as Json;
use synlog_log::cbor::Value;
use synlog_log::limits::{KIND_MAX, NAME_MAX};
use synlog_log::payload::{kind_is_right, name_is_right};

use crate::failure::Failure;
use crate::instant::from_rfc3339;
use crate::json::from_json;

/// Bytes of JSON for one event: far more than the CBOR of it may have.
pub(super) const JSON_MAX: u64 = 1 << 20;

/// Whether a path means standard input.
pub(super) fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// Reads a whole file, or standard input of this process for `-`, up to a limit.
pub(super) fn read_up_to(path: &Path, max: u64) -> Result<Vec<u8>, Failure> {
    if is_stdin(path) {
        return read_all(&mut std::io::stdin(), path, max);
    }
    let mut file = File::open(path).map_err(Failure::file(path))?;
    read_all(&mut file, path, max)
}

/// Reads what is there, up to a limit; the path is what failures name.
pub(super) fn read_all(input: &mut dyn Read, path: &Path, max: u64) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    input
        .take(max + 1)
        .read_to_end(&mut bytes)
        .map_err(Failure::file(path))?;
    if bytes.len() as u64 > max {
        let path = path.display();
        return Err(Failure::Usage(format!("{path} has more than {max} bytes")));
    }
    Ok(bytes)
}

/// A JSON object as the CBOR map of an event.
pub(super) fn object(what: &str, text: &[u8]) -> Result<Value, Failure> {
    let json: Json = serde_json::from_slice(text)
        .map_err(|error| Failure::Usage(format!("the {what} is not JSON: {error}")))?;
    if !json.is_object() {
        return Err(Failure::Usage(format!(
            "the {what} must be a JSON object, as in '{{\"item\":\"bread\"}}'"
        )));
    }
    match from_json(&json) {
        Ok(map @ Value::Map(_)) => Ok(map),
        Ok(_) => Err(Failure::Usage(format!(
            "the {what} must be more than a byte string"
        ))),
        Err(error) => Err(Failure::Usage(format!(
            "the {what} can't be signed, {error}"
        ))),
    }
}

/// A kind, for clap.
pub(crate) fn kind(text: &str) -> Result<String, String> {
    if kind_is_right(text) {
        return Ok(text.to_owned());
    }
    Err(format!(
        "a kind is two or more lower-case names joined by dots, at most {KIND_MAX} bytes, as in order.request"
    ))
}

/// A kind or the front of one followed by `*`, for clap.
pub(super) fn pattern(text: &str) -> Result<String, String> {
    let front = text.strip_suffix('*').unwrap_or(text);
    let letters = front
        .bytes()
        .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'.'));
    if letters && !text.is_empty() && text.len() <= KIND_MAX {
        Ok(text.to_owned())
    } else {
        Err("a pattern is a kind, or the front of one and *, as in order.*".to_owned())
    }
}

/// A role, for clap.
pub(super) fn role(text: &str) -> Result<String, String> {
    if text.len() <= 32 && name_is_right(text) {
        Ok(text.to_owned())
    } else {
        Err("a role is at most 32 of a-z, 0-9, _ and -, and begins with a letter".to_owned())
    }
}

/// The name of a device, for clap.
pub(super) fn device_name(text: &str) -> Result<String, String> {
    if (1..=NAME_MAX).contains(&text.len()) && !text.chars().any(char::is_control) {
        Ok(text.to_owned())
    } else {
        Err(format!("a name has 1 to {NAME_MAX} bytes"))
    }
}

/// An instant as UTC milliseconds, for clap.
pub(super) fn instant(text: &str) -> Result<u64, String> {
    let right = from_rfc3339(text).filter(|ms| *ms > 0);
    right.ok_or_else(|| "an instant is written 2027-01-31 or 2027-01-31T12:00:00Z".to_owned())
}

/// A path with `.synlog` at its end.
pub(super) fn bundle_path(path: &Path) -> PathBuf {
    if path
        .extension()
        .is_some_and(|extension| extension == "synlog")
    {
        return path.to_path_buf();
    }
    let mut name = path.as_os_str().to_owned();
    name.push(".synlog");
    PathBuf::from(name)
}

/// Whether a kind fits a pattern.
pub(super) fn fits(pattern: &str, kind: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(front) => kind.starts_with(front),
        None => pattern == kind,
    }
}
