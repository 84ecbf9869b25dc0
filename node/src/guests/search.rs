//! Words in the catalog of a space: rows are read a part at a time, so that no question costs
//! more than one part, however large the catalog is.

use serde_json::{Value as Json, json};
use synlog_web::Problem;
use synlog_web::backend::Rows;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use crate::guests::spaces;
use crate::guests::state::Guests;
use crate::node::Node;

/// Rows that are read with one question of the store.
const PAGE: usize = 250;
/// Rows that one question reads at most.
const READ_MAX: usize = 2_000;
/// Bytes of what is asked for, and words of it.
const ASKED_MAX: usize = 200;
const WORDS_MAX: usize = 8;
/// Where words are looked for.
const COLUMNS: &[&str] = &["title", "item", "description", "attributes"];

/// A text as it is compared: without case and accents.
pub(super) fn folded(text: &str) -> String {
    let letters = text.nfd().filter(|letter| !is_combining_mark(*letter));
    letters.flat_map(char::to_lowercase).collect()
}

/// The words that are asked for.
///
/// # Errors
/// Where there is none, or they are too many or too long.
pub(crate) fn words_of(asked: &str) -> Result<Vec<String>, String> {
    if asked.len() > ASKED_MAX {
        return Err(format!("words has more than {ASKED_MAX} bytes"));
    }
    let words: Vec<String> = folded(asked)
        .split_whitespace()
        .map(str::to_owned)
        .collect();
    match words.len() {
        0 => Err("words has no word in it".to_owned()),
        1..=WORDS_MAX => Ok(words),
        _ => Err(format!("words has more than {WORDS_MAX} words")),
    }
}

/// Whether each word stands anywhere in a text.
pub(crate) fn stand_in(words: &[String], text: &str) -> bool {
    let text = folded(text);
    words.iter().all(|word| text.contains(&word[..]))
}

/// All texts of a value, one after the other.
fn texts(value: &Json, into: &mut String) {
    match value {
        Json::String(text) => {
            into.push_str(text);
            into.push('\n');
        }
        Json::Array(items) => items.iter().for_each(|item| texts(item, into)),
        Json::Object(items) => items.values().for_each(|item| texts(item, into)),
        _ => {}
    }
}

/// Whether each word stands anywhere in a row.
pub(super) fn has(row: &Json, words: &[String]) -> bool {
    let mut all = String::new();
    for column in COLUMNS {
        texts(&row["columns"][*column], &mut all);
    }
    stand_in(words, &all)
}

/// Rows of an offered space in which all of some words stand.
///
/// # Errors
/// Where the space is not offered, or the words are none.
pub(super) fn search(
    node: &mut Node,
    guests: &Guests,
    rows: &Rows,
    asked: &str,
) -> Result<Json, Problem> {
    let words = words_of(asked).map_err(Problem::usage)?;
    through(rows, &words, |page| spaces::query(node, guests, page))
}

/// Rows in which all of some words stand, where `query` answers for a page. There may be
/// fewer than are asked for, or none, and `next` all the same: so far was looked.
///
/// # Errors
/// Those of the query.
pub(crate) fn through<E>(
    rows: &Rows,
    words: &[String],
    mut query: impl FnMut(&Rows) -> Result<Json, E>,
) -> Result<Json, E> {
    let mut page = Rows {
        limit: PAGE,
        ..rows.clone()
    };
    let (mut found, mut read) = (Vec::new(), 0);
    loop {
        let told = query(&page)?;
        let listed = told["rows"].as_array().map_or(&[][..], Vec::as_slice);
        read += listed.len();
        found.extend(listed.iter().filter(|row| has(row, words)).cloned());
        page.after = told["next"].as_str().map(str::to_owned);
        if page.after.is_none() || found.len() >= rows.limit || read >= READ_MAX {
            return Ok(json!({ "rows": found, "next": page.after }));
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn case_and_accents_do_not_matter() {
        let row = json!({ "columns": {
            "title": "Crème brûlée", "item": "creme", "description": "mit STRAẞENSTAUB",
            "attributes": { "allergens": ["Ei", "Milch"] }, "state": "active",
        } });
        for (asked, fits) in [
            ("creme", true),
            ("BRÛLÉE crème", true),
            ("rulee", true),
            ("straßen", true),
            ("milch ei", true),
            ("milch soja", false),
            ("active", false),
        ] {
            let words = words_of(asked).unwrap();
            assert_eq!(has(&row, &words), fits, "{asked}");
        }
    }

    #[test]
    fn what_is_no_word_is_refused() {
        for wrong in ["", "  ", &"x".repeat(201), "a b c d e f g h i"] {
            assert!(words_of(wrong).is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn who_types_a_title_finds_it(text in "\\PC{1,40}") {
            if let Ok(words) = words_of(&text) {
                let row = json!({ "columns": { "title": text } });
                prop_assert!(has(&row, &words));
                let elsewhere = has(&json!({ "columns": { "state": text } }), &words);
                prop_assert!(!elsewhere);
            }
        }
    }
}
