//! `config.toml`: what it says, with lines, and how it is changed without losing what its
//! owner wrote around it.

use toml_edit::{Array, Document, DocumentMut, Item, Table, TableLike, TomlError};

use crate::config::keys::{self, Key, Spec, Value};

/// Version of the file.
pub const VERSION: i64 = 1;

/// What is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// The line, from 1 on.
    pub line: Option<usize>,
    /// What.
    pub why: String,
}

/// A setting in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// Which one.
    pub key: Key,
    /// What it says.
    pub value: Value,
    /// Where.
    pub line: usize,
}

fn line_at(text: &str, at: usize) -> usize {
    let before = &text.as_bytes()[..at.min(text.len())];
    before.iter().filter(|byte| **byte == b'\n').count() + 1
}

fn no_toml(text: &str, error: &TomlError) -> Wrong {
    Wrong {
        line: error.span().map(|span| line_at(text, span.start)),
        why: error.message().lines().collect::<Vec<_>>().join("; "),
    }
}

/// Reads all that the file says.
///
/// # Errors
/// The first thing that is wrong.
pub fn read(text: &str) -> Result<Vec<Said>, Wrong> {
    let document = Document::parse(text).map_err(|error| no_toml(text, &error))?;
    let root = document.as_table();
    if let Some(version) = root.get("version") {
        check_version(text, root, version)?;
    }
    let mut said = Vec::new();
    for (section, item) in root.iter().filter(|(name, _)| *name != "version") {
        let line = line_of(text, root, section);
        let wrong = |why| Wrong { line, why };
        let inside = item.as_table_like();
        if !keys::sections().contains(&section) {
            let there = keys::sections().join("], [");
            return Err(wrong(format!("there is no {section}; there are [{there}]")));
        }
        let Some(inside) = inside else {
            let why = format!("{section} is a section, as in [{section}]");
            return Err(wrong(why));
        };
        read_section(text, section, inside, &mut said)?;
    }
    Ok(said)
}

fn check_version(text: &str, root: &dyn TableLike, version: &Item) -> Result<(), Wrong> {
    let why = match version.as_integer() {
        Some(VERSION) => return Ok(()),
        Some(newer) if newer > VERSION => {
            format!("made by a newer synlog: its version is {newer}, and this one knows {VERSION}")
        }
        _ => format!("the version is {VERSION}"),
    };
    let line = line_of(text, root, "version");
    Err(Wrong { line, why })
}

fn line_of(text: &str, table: &dyn TableLike, key: &str) -> Option<usize> {
    let (key, item) = table.get_key_value(key)?;
    let span = key.span().or_else(|| item.span())?;
    Some(line_at(text, span.start))
}

fn read_section(
    text: &str,
    section: &str,
    inside: &dyn TableLike,
    said: &mut Vec<Said>,
) -> Result<(), Wrong> {
    for (word, item) in inside.iter() {
        let line = line_of(text, inside, word);
        let wrong = |why| Wrong { line, why };
        let Some(spec) = keys::named(&format!("{section}.{word}")) else {
            let there = keys::of_section(section).join(", ");
            return Err(wrong(format!(
                "there is no setting {section}.{word}; [{section}] has {there}"
            )));
        };
        let value = value_of(spec, item).map_err(wrong)?;
        said.push(Said {
            key: spec.key,
            value,
            line: line.unwrap_or(1),
        });
    }
    Ok(())
}

fn value_of(spec: &Spec, item: &Item) -> Result<Value, String> {
    let texts = |array: &Array| {
        let texts = array.iter().map(|text| text.as_str().map(str::to_owned));
        texts.collect::<Option<Vec<String>>>()
    };
    let value = item
        .as_bool()
        .map(Value::Flag)
        .or_else(|| item.as_str().map(|text| Value::Text(text.to_owned())))
        .or_else(|| item.as_array().and_then(texts).map(Value::Texts));
    match value {
        Some(value) => spec.checked(value),
        None => Err(format!(
            "{} is {}, not {}",
            spec.name,
            spec.allowed(),
            item.to_string().trim()
        )),
    }
}

/// The file with a setting changed; all else stays as it is.
///
/// # Errors
/// Where it is no TOML, or made by a newer version.
pub fn set(text: &str, spec: &Spec, value: &Value) -> Result<String, Wrong> {
    let mut document = open(text)?;
    if text.trim().is_empty() {
        document.insert("version", toml_edit::value(VERSION));
    }
    let section = document
        .entry(spec.section())
        .or_insert_with(|| Item::Table(Table::new()));
    let Some(section) = section.as_table_like_mut() else {
        return Err(Wrong {
            line: None,
            why: format!("{0} is a section, as in [{0}]", spec.section()),
        });
    };
    let mut item = match value {
        Value::Flag(flag) => toml_edit::value(*flag),
        Value::Text(text) => toml_edit::value(text),
        Value::Texts(texts) => toml_edit::value(texts.iter().collect::<Array>()),
    };
    let old = section.get(spec.word()).and_then(Item::as_value);
    if let (Some(old), Some(new)) = (old.cloned(), item.as_value_mut()) {
        *new.decor_mut() = old.decor().clone();
    }
    match section.get_mut(spec.word()) {
        Some(place) => *place = item,
        None => {
            section.insert(spec.word(), item);
        }
    }
    Ok(document.to_string())
}

/// The file without a setting, known or not; `None`: it did not say it.
///
/// # Errors
/// Where it is no TOML, or made by a newer version.
pub fn unset(text: &str, name: &str) -> Result<Option<String>, Wrong> {
    let mut document = open(text)?;
    let removed = match name.split_once('.') {
        None => document.remove(name),
        Some((section, word)) => document
            .get_mut(section)
            .and_then(Item::as_table_like_mut)
            .and_then(|section| section.remove(word)),
    };
    Ok(removed.map(|_| document.to_string()))
}

fn open(text: &str) -> Result<DocumentMut, Wrong> {
    let document = Document::parse(text.to_owned()).map_err(|error| no_toml(text, &error))?;
    if let Some(version) = document.get("version") {
        check_version(text, document.as_table(), version)?;
    }
    Ok(document.into_mut())
}
