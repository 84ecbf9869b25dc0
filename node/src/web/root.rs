//! The root key and its recovery words, for the owner's own browser.

use std::io::Cursor;

use serde_json::{Value as Json, json};
use synlog_web::Problem;

use crate::daemon::session::Service;
use crate::web::{hosted, steps};

/// Words that somebody must know to show that they have all of them.
const CHECKED: usize = 3;

fn words_of(line: &[&str]) -> Vec<String> {
    line.iter().map(|&word| word.to_owned()).collect()
}

/// How it is kept.
pub(super) fn shown(service: &Service) -> Result<Json, Problem> {
    hosted::one(service, &words_of(&["root", "show"]))
}

/// The words, of a key that lies open or opens with a passphrase.
pub(super) fn words(service: &Service, passphrase: Option<&str>) -> Result<Json, Problem> {
    let Some(passphrase) = passphrase else {
        return hosted::one(service, &words_of(&["root", "words"]));
    };
    let arguments = words_of(&["root", "words", "--passphrase-file", "-"]);
    let given = hosted::given(service, &arguments, line(passphrase)?)?;
    let first = given.into_iter().next();
    first.ok_or_else(|| Problem::new(500, "system", "there was no answer"))
}

/// A line of standard input.
pub(super) fn line(text: &str) -> Result<Box<Cursor<Vec<u8>>>, Problem> {
    if text.is_empty() || text.contains(['\n', '\r']) {
        return Err(Problem::usage("a passphrase is one line of text"));
    }
    Ok(Box::new(Cursor::new(text.as_bytes().to_vec())))
}

/// Whether all of some numbered words are right. Enough of them must be named.
fn are_right(words: &[&str], named: &[(String, String)]) -> Result<bool, Problem> {
    let mut known: Vec<usize> = Vec::new();
    let mut right = true;
    for (number, word) in named {
        let at = number.parse::<usize>().ok();
        let at = at.filter(|at| (1..=words.len()).contains(at));
        let at = at.ok_or_else(|| {
            let last = words.len();
            Problem::usage(format!(
                "{number:?} is not the number of a word: 1 to {last}"
            ))
        })?;
        if !known.contains(&at) {
            known.push(at);
        }
        right &= words[at - 1] == word.trim().to_lowercase();
    }
    match known.len() >= CHECKED {
        true => Ok(right),
        false => Err(Problem::usage(format!("{CHECKED} words are asked for"))),
    }
}

fn has_words(service: &Service, named: &[(String, String)]) -> Result<bool, Problem> {
    let told = words(service, None)?;
    let all = told["words"].as_array().into_iter().flatten();
    let all: Vec<&str> = all.filter_map(Json::as_str).collect();
    are_right(&all, named)
}

/// Whether somebody has the words; if so that step of the first run is done.
pub(super) fn check(service: &Service, named: &[(String, String)]) -> Result<Json, Problem> {
    let right = has_words(service, named)?;
    if right {
        steps::set(&service.home, "words", "done")?;
    }
    Ok(json!({ "right": right }))
}

/// Locks it.
pub(super) fn lock(service: &Service, passphrase: &str) -> Result<Json, Problem> {
    let arguments = words_of(&["root", "lock", "--passphrase-file", "-"]);
    let given = hosted::given(service, &arguments, line(passphrase)?)?;
    steps::set(&service.home, "key", "done")?;
    Ok(given.into_iter().next().unwrap_or_else(|| json!({})))
}

/// Takes it off this machine.
pub(super) fn remove(service: &Service, named: &[(String, String)]) -> Result<Json, Problem> {
    if !has_words(service, named)? {
        let text = "these are not the words of this root key: nothing was removed";
        return Err(Problem::new(422, "wrong_words", text).hint("look at the numbers again"));
    }
    let removed = hosted::one(service, &words_of(&["root", "remove", "--yes"]))?;
    steps::set(&service.home, "key", "done")?;
    Ok(removed)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn three_words_must_be_right() {
        let words = ["one", "two", "three", "four"];
        let named = |pairs: &[(&str, &str)]| {
            let pairs = pairs.iter();
            let pairs: Vec<_> = pairs
                .map(|(number, word)| ((*number).to_owned(), (*word).to_owned()))
                .collect();
            are_right(&words, &pairs)
        };
        assert!(named(&[("1", "one"), ("4", " FOUR "), ("2", "two")]).unwrap());
        assert!(!named(&[("1", "one"), ("4", "for"), ("2", "two")]).unwrap());
        assert!(!named(&[("1", ""), ("4", ""), ("2", "")]).unwrap());
        // the same word three times is one word
        assert!(named(&[("1", "one"), ("01", "one"), ("1", "one")]).is_err());
        for wrong in ["0", "5", "x", "-1", "99999999999999999999"] {
            assert!(named(&[(wrong, "one"), ("2", "two"), ("3", "three")]).is_err());
        }
        assert!(named(&[]).is_err());
    }
}
