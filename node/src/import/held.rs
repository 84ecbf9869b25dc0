//! What a topic holds already, so that an import writes only what is new or changed.

use std::collections::BTreeMap;

use synlog_log::cbor::Value;

use crate::import::listing::{ITEM_KIND, PLACE_KIND, Put, Remark};

/// Last known state of each place and item.
#[derive(Debug, Clone, Default)]
pub struct Held {
    states: BTreeMap<(&'static str, String), State>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// The hash of the body that put it last.
    Put([u8; 32]),
    /// It was taken out on purpose; an import does not bring it back.
    Gone,
}

/// What an event would do to what is held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judgement {
    /// It is not there yet.
    New,
    /// It is there with another content.
    Changed,
    /// It is there as it is.
    Same,
    /// It was taken out on purpose.
    Gone(Remark),
}

impl Held {
    /// Takes in an event of the topic; they come in the topic's order.
    pub fn learn(&mut self, kind: &str, body: &Value) {
        let named = |field: &str| body.get(field).and_then(Value::as_text).map(str::to_owned);
        match kind {
            PLACE_KIND => self.set(PLACE_KIND, named("place"), State::Put(hash(body))),
            "place.remove" => self.set(PLACE_KIND, named("place"), State::Gone),
            ITEM_KIND => {
                // what is retired stays so, whatever is put later
                let slug = named("item").filter(|slug| !self.is_gone(ITEM_KIND, slug));
                self.set(ITEM_KIND, slug, State::Put(hash(body)));
            }
            "item.state" if named("state").as_deref() == Some("retired") => {
                self.set(ITEM_KIND, named("item"), State::Gone);
            }
            _ => {}
        }
    }

    /// What an event would do.
    pub fn judge(&self, put: &Put) -> Judgement {
        match self.states.get(&(put.kind, put.slug.clone())) {
            None => Judgement::New,
            Some(State::Put(held)) if *held == hash(&put.body) => Judgement::Same,
            Some(State::Put(_)) => Judgement::Changed,
            Some(State::Gone) if put.kind == PLACE_KIND => Judgement::Gone(Remark::new(
                "removed",
                "the place was removed in this topic; put it by hand to have it back",
            )),
            Some(State::Gone) => Judgement::Gone(Remark::new(
                "final",
                "the item was retired in this topic, which is for good",
            )),
        }
    }

    /// Whether there is a place of this slug.
    pub fn has_place(&self, slug: &str) -> bool {
        let state = self.states.get(&(PLACE_KIND, slug.to_owned()));
        state.is_some_and(|state| *state != State::Gone)
    }

    fn is_gone(&self, kind: &'static str, slug: &str) -> bool {
        self.states.get(&(kind, slug.to_owned())) == Some(&State::Gone)
    }

    fn set(&mut self, kind: &'static str, slug: Option<String>, state: State) {
        if let Some(slug) = slug {
            self.states.insert((kind, slug), state);
        }
    }
}

fn hash(body: &Value) -> [u8; 32] {
    *blake3::hash(&body.encode()).as_bytes()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn body(pairs: &[(&str, &str)]) -> Value {
        Value::map(
            pairs
                .iter()
                .map(|(key, value)| (*key, Value::Text((*value).to_owned()))),
        )
    }

    fn put(kind: &'static str, field: &str, name: &str) -> Put {
        Put {
            kind,
            slug: "a".to_owned(),
            body: body(&[(field, "a"), ("name", name)]),
        }
    }

    #[test]
    fn only_what_differs_is_news() {
        let mut held = Held::default();
        let (first, second) = (put(PLACE_KIND, "place", "x"), put(PLACE_KIND, "place", "y"));
        assert_eq!(held.judge(&first), Judgement::New);
        held.learn(first.kind, &first.body);
        assert_eq!(held.judge(&first), Judgement::Same);
        assert_eq!(held.judge(&second), Judgement::Changed);
        assert_eq!(held.judge(&put(ITEM_KIND, "item", "x")), Judgement::New);
        held.learn(second.kind, &second.body);
        assert_eq!(held.judge(&first), Judgement::Changed);
        held.learn("order.request", &first.body);
        held.learn(PLACE_KIND, &body(&[("name", "no slug")]));
        assert_eq!(held.judge(&second), Judgement::Same);
    }

    #[test]
    fn what_was_taken_out_stays_out() {
        let mut held = Held::default();
        let (place, item) = (put(PLACE_KIND, "place", "x"), put(ITEM_KIND, "item", "x"));
        held.learn("place.remove", &body(&[("place", "a")]));
        held.learn("item.state", &body(&[("item", "a"), ("state", "paused")]));
        assert!(matches!(held.judge(&place), Judgement::Gone(why) if why.code == "removed"));
        assert_eq!(held.judge(&item), Judgement::New);
        held.learn("item.state", &body(&[("item", "a"), ("state", "retired")]));
        held.learn(item.kind, &item.body);
        assert!(matches!(held.judge(&item), Judgement::Gone(why) if why.code == "final"));
        // a place may come back, by hand
        held.learn(place.kind, &place.body);
        assert_eq!(held.judge(&place), Judgement::Same);
    }
}
