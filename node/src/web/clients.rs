//! Clients over HTTP: relations by what came last, each with its orders, what is due, the
//! last message and missed visits, in one answer for a page of them.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

use serde_json::{Value as Json, json};
use synlog_log::ids::{EntityId, EntryId, TopicId};
use synlog_web::backend::{Clients, Rows};

use crate::cli::view::Content;
use crate::clock::now_ms;
use crate::daemon::session::Service;
use crate::failure::Failure;
use crate::guests::search;
use crate::node::Node;
use crate::web::rows;

/// The app of relations.
const RELATION: &str = "relation";
/// Orders and bookings of one client that are looked at; of more it is told that there are.
const LOOKED_AT: usize = 1_000;
/// States in which nothing is to be done with an order any more.
const OVER: [&str; 4] = ["completed", "cancelled", "declined", "expired"];
/// Clients that are told of before others may use the store.
const IN_A_TURN: usize = 8;

/// A relation, before it is looked into.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Head {
    last_ms: u64,
    topic: TopicId,
    name: String,
}

impl Head {
    /// Those of which something came last come first.
    fn place(&self) -> (Reverse<u64>, TopicId) {
        (Reverse(self.last_ms), self.topic)
    }

    /// By which the next page is asked for.
    fn token(&self) -> String {
        format!("{}.{}", self.last_ms, self.topic)
    }
}

/// The place that a token names.
fn place_of(token: &str) -> Result<(Reverse<u64>, TopicId), Failure> {
    let parts = token.split_once('.');
    let place = parts.and_then(|(last_ms, topic)| {
        let topic = topic.parse().ok()?;
        Some((Reverse(last_ms.parse().ok()?), topic))
    });
    place.ok_or_else(|| Failure::Usage("after wants what `next` said".to_owned()))
}

/// A page of those that fit, and by what the next one is asked for.
fn page(
    mut heads: Vec<Head>,
    asked: &Clients,
) -> Result<(usize, Vec<Head>, Option<String>), Failure> {
    if let Some(words) = &asked.words {
        let words = search::words_of(words).map_err(Failure::Usage)?;
        heads.retain(|head| search::stand_in(&words, &head.name));
    }
    let all = heads.len();
    heads.sort_unstable_by_key(Head::place);
    if let Some(after) = &asked.after {
        let after = place_of(after)?;
        heads.retain(|head| head.place() > after);
    }
    let has_more = heads.len() > asked.limit;
    heads.truncate(asked.limit);
    let next = heads.last().filter(|_| has_more).map(Head::token);
    Ok((all, heads, next))
}

/// All relations that can be read here.
fn heads(node: &mut Node) -> Result<Vec<Head>, Failure> {
    let mut heads = Vec::new();
    for topic in node.store.topics() {
        let genesis = match node.opened_genesis(&topic) {
            Ok(genesis) => genesis,
            // the first entry is damaged
            Err(Failure::NoTopic(_)) => continue,
            Err(failure) => return Err(failure),
        };
        let Some(genesis) = genesis.filter(|it| it.app == RELATION) else {
            continue;
        };
        let last = node.order(&topic)?.lines().last();
        heads.push(Head {
            last_ms: last.map_or(Ok(0), |line| written_ms(node, &line.id))?,
            topic,
            name: genesis.name.unwrap_or_default(),
        });
    }
    Ok(heads)
}

/// When an entry was written, by its writer's clock.
fn written_ms(node: &mut Node, id: &EntryId) -> Result<u64, Failure> {
    match node.entry(id) {
        Ok(entry) => Ok(entry.header.hlc >> 16),
        Err(Failure::NoEntry(_)) => Ok(0),
        Err(failure) => Err(failure),
    }
}

/// Rows of a client, and whether there are more.
fn listed(node: &mut Node, rows: Rows) -> Result<(Vec<Json>, bool), Failure> {
    let mut told = rows::query(node, &rows)?;
    let has_more = !told["next"].is_null();
    let list = match told["rows"].take() {
        Json::Array(list) => list,
        _ => Vec::new(),
    };
    Ok((list, has_more))
}

/// Orders of a client: how many, how many are open, what is due to either side.
fn orders(list: &[Json], has_more: bool) -> Json {
    let (mut open, mut due, mut back) = (0, BTreeMap::new(), BTreeMap::new());
    for row in list {
        let columns = &row["columns"];
        let state = columns["state"].as_str().unwrap_or_default();
        open += usize::from(!OVER.contains(&state));
        let (Some(currency), Some(balance)) =
            (columns["currency"].as_str(), columns["balance"].as_i64())
        else {
            continue;
        };
        let side: &mut BTreeMap<String, i64> = if balance > 0 { &mut due } else { &mut back };
        if balance != 0 {
            let sum = side.entry(currency.to_owned()).or_default();
            *sum = sum.saturating_add(balance.saturating_abs());
        }
    }
    let sums = |sums: BTreeMap<String, i64>| {
        let sums = sums.into_iter();
        let sums = sums.map(|(currency, minor)| json!({ "currency": currency, "minor": minor }));
        sums.collect::<Vec<_>>()
    };
    json!({
        "open": open, "all": list.len(), "more": has_more,
        "due": sums(due), "back": sums(back),
    })
}

/// The last message: who said what, and when.
fn last_line(node: &mut Node, row: &Json) -> Result<Json, Failure> {
    let columns = &row["columns"];
    let mut erased = false;
    let mut text = columns["text"].as_str().map(str::to_owned);
    let id = columns["entry"]["$hex"].as_str().unwrap_or_default();
    if let (None, Ok(id)) = (&text, id.parse()) {
        // what can be erased is in the entry alone
        text = match node.entry(&id) {
            Ok(entry) => {
                erased = entry.erased;
                let hidden = Content::of(&entry, now_ms()).erasable;
                hidden.and_then(|part| part["private"].as_str().map(str::to_owned))
            }
            Err(Failure::NoEntry(_)) => None,
            Err(failure) => return Err(failure),
        };
    }
    let author = &columns["author"]["$hex"];
    let at_ms = &columns["at"];
    Ok(json!({ "text": text, "erased": erased, "author": author, "at_ms": at_ms }))
}

/// What is known of a client by the rows of its topic; nothing where they can't be made here.
fn known(node: &mut Node, topic: &TopicId) -> Result<Json, Failure> {
    let of = |view: &str, index: Option<&str>, limit: usize| Rows {
        topic: Some(topic.to_string()),
        view: view.to_owned(),
        index: index.map(str::to_owned),
        limit,
        ..Rows::default()
    };
    let (list, has_more) = match listed(node, of("orders", None, LOOKED_AT)) {
        Ok(found) => found,
        Err(
            Failure::NoReducer(_)
            | Failure::BadReducer { .. }
            | Failure::Halted(_)
            | Failure::Usage(_),
        ) => return Ok(json!({ "orders": null, "line": null, "missed": null })),
        Err(failure) => return Err(failure),
    };
    let missed = Rows {
        equal: vec!["no_show".to_owned()],
        ..of("bookings", Some("by_state"), LOOKED_AT)
    };
    let (missed, _) = listed(node, missed)?;
    let newest = Rows {
        descending: true,
        ..of("messages", Some("by_at"), 1)
    };
    let (newest, _) = listed(node, newest)?;
    let line = newest.first().map(|row| last_line(node, row)).transpose()?;
    Ok(json!({ "orders": orders(&list, has_more), "line": line, "missed": missed.len() }))
}

/// Those with whom there is a relation.
///
/// # Errors
/// What the node says, or that what is asked for makes no sense.
pub(super) fn list(service: &Service, asked: &Clients) -> Result<Json, Failure> {
    let (of_topic, blocked) = service.guests.read(|book| {
        let relations = book.relations.iter();
        let of_topic = relations.filter_map(|(entity, it)| Some((it.topic?, *entity)));
        (
            of_topic.collect::<HashMap<TopicId, EntityId>>(),
            book.blocked.clone(),
        )
    });
    let mut lent = service.desk.lend()?;
    let mut told = || -> Result<Json, Failure> {
        let (all, found, next) = page(heads(&mut lent)?, asked)?;
        let mut clients = Vec::with_capacity(found.len());
        for (at, head) in found.iter().enumerate() {
            if at % IN_A_TURN == IN_A_TURN - 1 {
                lent.step_aside()?;
            }
            let begun = EntryId(head.topic.0);
            let founder = lent.order(&head.topic)?.entity_of(&begun);
            let guest = of_topic.get(&head.topic);
            let mut client = known(&mut lent, &head.topic)?;
            client["topic"] = json!(head.topic.to_string());
            client["name"] = json!(head.name);
            client["since_ms"] = json!(written_ms(&mut lent, &begun)?);
            client["last_ms"] = json!(head.last_ms);
            client["is_provider"] = json!(founder == Some(lent.entity()));
            client["guest"] = json!(guest.map(EntityId::to_string));
            client["blocked"] = json!(guest.is_some_and(|guest| blocked.contains(guest)));
            clients.push(client);
        }
        Ok(json!({ "clients": clients, "all": all, "next": next }))
    };
    let told = told();
    lent.close()?;
    told
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn head(number: u8, last_ms: u64, name: &str) -> Head {
        Head {
            last_ms,
            topic: TopicId([number; 32]),
            name: name.to_owned(),
        }
    }

    #[test]
    fn pages_have_each_client_once_the_last_one_first() {
        let heads: Vec<Head> = (0..23)
            .map(|number| head(number, u64::from(number % 4), &format!("Näme {number}")))
            .collect();
        let mut asked = Clients {
            limit: 5,
            ..Clients::default()
        };
        let mut seen = Vec::new();
        loop {
            let (all, found, next) = page(heads.clone(), &asked).unwrap();
            assert_eq!(all, 23);
            assert!(found.len() <= 5);
            seen.extend(found);
            asked.after = next;
            if asked.after.is_none() {
                break;
            }
        }
        assert_eq!(seen.len(), 23);
        assert!(seen.windows(2).all(|two| two[0].place() < two[1].place()));
        assert_eq!(seen[0].last_ms, 3);

        let words = Clients {
            words: Some("NAME 1".to_owned()),
            limit: 50,
            ..Clients::default()
        };
        let (all, found, next) = page(heads, &words).unwrap();
        assert_eq!((all, found.len(), next), (12, 12, None));
    }

    #[test]
    fn what_is_no_place_or_word_is_refused() {
        for after in ["", ".", "1", "1.zz", "x.00", "-1.00"] {
            let asked = Clients {
                after: Some(after.to_owned()),
                ..Clients::default()
            };
            assert!(page(Vec::new(), &asked).is_err(), "{after}");
        }
        let asked = Clients {
            words: Some(" ".to_owned()),
            ..Clients::default()
        };
        assert!(page(Vec::new(), &asked).is_err());
    }

    #[test]
    fn sums_are_by_currency_and_side() {
        let row = |state: &str, currency: &str, balance: i64| json!({ "columns": { "state": state, "currency": currency, "balance": balance } });
        let list = [
            row("requested", "EUR", 0),
            row("agreed", "EUR", 900),
            row("confirmed", "EUR", 50),
            row("completed", "SEK", 70),
            row("cancelled", "EUR", -300),
            json!({ "columns": { "state": "requested", "currency": null, "balance": i64::MAX } }),
            row("agreed", "XTS", i64::MAX),
            row("agreed", "XTS", i64::MAX),
        ];
        let told = orders(&list, true);
        assert_eq!((&told["open"], &told["all"]), (&json!(6), &json!(8)));
        let euros = json!({ "currency": "EUR", "minor": 950 });
        assert_eq!(told["due"][0], euros);
        assert_eq!(told["back"], json!([{ "currency": "EUR", "minor": 300 }]));
        assert_eq!(told["due"][2]["minor"], json!(i64::MAX));
    }
}
