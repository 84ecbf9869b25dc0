//! The catalog of a space as people look through it: what can be had first, by kind and
//! category, then by title, whatever its case and accents. No index of the app has that order,
//! so it is made here, once for each change of the space.

use std::sync::Arc;

use serde_json::{Value as Json, json};
use synlog_log::ids::TopicId;
use synlog_web::Problem;
use synlog_web::backend::Rows;
use synlog_web::guests::backend::Heights;

use crate::guests::search::{folded, has, through, words_of};
use crate::guests::spaces::problem;
use crate::guests::state::Guests;
use crate::guests::{exchange, spaces};
use crate::node::Node;

/// Rows that are read with one question of the store.
const PAGE: usize = 250;
/// Rows that are put in order; what a larger catalog has beyond follows as its index has it.
const READ_MAX: usize = 2_000;
/// With what places in this order begin; those of an index are hex digits.
const MARK: &str = "at:";
/// Digits of a number within a title, so that 10 comes behind 9.
const DIGITS: usize = 9;

/// A catalog in order.
pub(super) struct Catalog {
    /// The space, and how far it went.
    pub(super) of: (TopicId, Heights),
    /// Rows with their places.
    rows: Vec<(String, Json)>,
    /// Where the index goes on behind them.
    beyond: Option<String>,
}

/// A text as it is compared with others of its kind.
fn compared(value: &Json) -> String {
    let text = folded(value.as_str().unwrap_or_default());
    let mut out = String::new();
    let mut digits = String::new();
    for letter in text.chars().chain(['\n']) {
        if letter.is_ascii_digit() {
            digits.push(letter);
            continue;
        }
        if !digits.is_empty() {
            out.push_str(&format!("{:0>DIGITS$}", digits.trim_start_matches('0')));
            digits.clear();
        }
        // what parts the texts of a place stands in none of them
        out.push(if letter.is_control() { ' ' } else { letter });
    }
    out.pop();
    out
}

/// The place of a row: compared as a text it is that of the row.
fn place(row: &Json) -> String {
    let columns = &row["columns"];
    let is_out = columns["stock"].as_i64().is_some_and(|stock| stock <= 0);
    let texts = ["schema", "category", "title", "item"].map(|name| match name {
        "category" => compared(&columns["attributes"][name]),
        "item" => columns[name].as_str().unwrap_or_default().to_owned(),
        name => compared(&columns[name]),
    });
    format!("{}\n{}", u8::from(is_out), texts.join("\n"))
}

impl Catalog {
    fn of(of: (TopicId, Heights), rows: Vec<Json>, beyond: Option<String>) -> Self {
        let mut rows: Vec<(String, Json)> =
            rows.into_iter().map(|row| (place(&row), row)).collect();
        rows.sort_by(|(a, _), (b, _)| a.cmp(b));
        Self { of, rows, beyond }
    }

    /// So many rows behind a place, of those in which all of some words stand.
    fn page(&self, after: &str, limit: usize, words: &[String]) -> Json {
        let from = self.rows.partition_point(|(place, _)| &place[..] <= after);
        let left = self.rows.get(from..).unwrap_or_default();
        let (mut found, mut read) = (Vec::new(), 0_usize);
        for (_, row) in left {
            if found.len() == limit {
                break;
            }
            read += 1;
            if words.is_empty() || has(row, words) {
                found.push(row);
            }
        }
        let last = read.checked_sub(1).and_then(|last| left.get(last));
        let next = match last.filter(|_| read < left.len()) {
            Some((place, _)) => Some(format!("{MARK}{place}")),
            None => self.beyond.clone(),
        };
        json!({ "rows": found, "next": next })
    }
}

/// What is asked of the index that lists what is offered.
fn indexed(rows: &Rows, limit: usize, after: Option<String>) -> Rows {
    Rows {
        view: "items".to_owned(),
        index: Some("by_state".to_owned()),
        equal: vec!["active".to_owned()],
        limit,
        after,
        ..rows.clone()
    }
}

/// The catalog of an offered space, as it is now.
fn current(node: &mut Node, guests: &Guests, rows: &Rows) -> Result<Arc<Catalog>, Problem> {
    let topic = spaces::space(node, guests, rows.topic.as_deref().unwrap_or_default())?;
    let heights = exchange::heights(node, &topic).map_err(|failure| problem(&failure))?;
    let of = (topic, heights);
    if let Some(known) = guests.catalog(&of) {
        return Ok(known);
    }
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let mut told = spaces::query(node, guests, &indexed(rows, PAGE, after))?;
        if let Json::Array(listed) = told["rows"].take() {
            all.extend(listed);
        }
        after = told["next"].as_str().map(str::to_owned);
        if after.is_none() || all.len() >= READ_MAX {
            break;
        }
    }
    let catalog = Arc::new(Catalog::of(of, all, after));
    guests.remember_catalog(&catalog);
    Ok(catalog)
}

/// A page of it, perhaps of those alone in which all of some words stand.
///
/// # Errors
/// Where the space is not offered, or the words are none.
pub(super) fn page(
    node: &mut Node,
    guests: &Guests,
    rows: &Rows,
    asked: Option<&str>,
) -> Result<Json, Problem> {
    let words = asked.map(words_of).transpose().map_err(Problem::usage)?;
    let words = words.unwrap_or_default();
    let after = rows.after.as_deref().unwrap_or(MARK);
    if let Some(after) = after.strip_prefix(MARK) {
        let catalog = current(node, guests, rows)?;
        return Ok(catalog.page(after, rows.limit, &words));
    }
    // behind what is put in order
    let rows = indexed(rows, rows.limit, rows.after.clone());
    match words.is_empty() {
        true => spaces::query(node, guests, &rows),
        false => through(&rows, &words, |page| spaces::query(node, guests, page)),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::home::Home;

    fn item(slug: &str, title: &str, more: &Json) -> Json {
        let mut columns = json!({ "item": slug, "title": title, "schema": "goods/1" });
        for (name, value) in more.as_object().unwrap() {
            columns[name] = value.clone();
        }
        json!({ "columns": columns })
    }

    fn catalog(beyond: Option<&str>) -> Catalog {
        let none = json!({});
        let rows = vec![
            item("z", "zebra", &none),
            item("a", "Äpfel", &json!({ "stock": 3 })),
            item("b", "Birnen", &json!({ "stock": 0 })),
            item("t10", "Tee 10", &none),
            item("t9", "tee 9", &none),
            item("s", "Angeln", &json!({ "schema": "service/1" })),
            item(
                "c",
                "Ananas",
                &json!({ "attributes": { "category": "Konserven" } }),
            ),
            item("a2", "äpfel", &none),
        ];
        let of = (TopicId([1; 32]), Vec::new());
        Catalog::of(of, rows, beyond.map(str::to_owned))
    }

    fn slugs(page: &Json) -> Vec<&str> {
        let rows = page["rows"].as_array().unwrap().iter();
        rows.map(|row| row["columns"]["item"].as_str().unwrap())
            .collect()
    }

    const ORDER: [&str; 8] = ["a", "a2", "t9", "t10", "z", "c", "s", "b"];

    #[test]
    fn what_can_be_had_comes_first_by_kind_category_and_title() {
        assert_eq!(slugs(&catalog(None).page("", 100, &[])), ORDER);
    }

    #[test]
    fn pages_follow_each_other_and_end() {
        for limit in 1..10 {
            let (mut all, mut after) = (Vec::new(), String::new());
            loop {
                let told = catalog(Some("0f")).page(&after, limit, &[]);
                all.extend(slugs(&told).into_iter().map(str::to_owned));
                let next = told["next"].as_str().unwrap();
                match next.strip_prefix(MARK) {
                    Some(place) => after = place.to_owned(),
                    None => {
                        assert_eq!(next, "0f", "there the index goes on");
                        break;
                    }
                }
            }
            assert_eq!(all, ORDER, "{limit}");
        }
        assert_eq!(catalog(None).page("", 8, &[])["next"], Json::Null);
    }

    #[test]
    fn a_page_goes_on_where_it_was_though_its_last_row_is_gone() {
        let mut all = catalog(None);
        let after = all.page("", 3, &[])["next"].as_str().unwrap().to_owned();
        all.rows.remove(2);
        let told = all.page(after.strip_prefix(MARK).unwrap(), 2, &[]);
        assert_eq!(slugs(&told), ["t10", "z"]);
    }

    #[test]
    fn each_space_has_its_order_until_it_changes() {
        let dir = tempfile::tempdir().unwrap();
        let guests = Guests::open(&Home::at(dir.path())).unwrap();
        let of = |space: u8, height: u64| (TopicId([space; 32]), vec![(String::new(), height)]);
        let remember = |space, height| {
            let catalog = Catalog::of(of(space, height), Vec::new(), None);
            guests.remember_catalog(&Arc::new(catalog));
        };
        remember(1, 5);
        remember(2, 5);
        let known = |space, height| guests.catalog(&of(space, height)).is_some();
        assert!(known(1, 5) && known(2, 5) && !known(3, 5));
        // one that changed has only the new one
        remember(1, 6);
        assert!(known(1, 6) && !known(1, 5) && known(2, 5));
        // those that nobody asks for go
        for space in 3..100 {
            remember(space, 1);
            assert!(known(2, 5), "{space}");
        }
        assert!(!known(1, 6) && !known(3, 1) && known(99, 1));
    }

    #[test]
    fn words_leave_the_order() {
        let words = words_of("TEE").unwrap();
        let told = catalog(None).page("", 1, &words);
        assert_eq!(slugs(&told), ["t9"]);
        let after = told["next"].as_str().unwrap().strip_prefix(MARK).unwrap();
        let told = catalog(None).page(after, 2, &words);
        assert_eq!((slugs(&told), &told["next"]), (vec!["t10"], &Json::Null));
    }
}
