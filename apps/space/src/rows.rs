//! Aggregates as rows of the tables in [`crate::manifest`].

use synlog_reducer::cbor::Value;
use synlog_reducer::{Columns, Id, Rows};

use crate::ad::AdPut;
use crate::app::State;
use crate::cell::cell;
use crate::image::Image;
use crate::item::{Item, OptionGroup};
use crate::place::PlacePut;
use crate::profile::Space;
use crate::resource::Resource;
use crate::schema::Price;
use crate::slot::Slot;
use crate::take::Take;
use crate::terms::{ReturnTerms, Term};

/// Shows an aggregate.
pub(crate) fn show(key: &str, state: &State, rows: &mut Rows) {
    match state {
        State::Space(space) => show_space(space, rows),
        State::Place(place) => show_place(place, rows),
        State::Item(item) => show_item(slug(key), item, rows),
        State::Take(take) => show_take(take, rows),
        State::Resource(resource) => show_resource(slug(key), resource, rows),
        State::Slot(slot) => show_slot(slot, rows),
        State::Ad(ad) => show_ad(ad, rows),
    }
}

fn slug(key: &str) -> &str {
    key.split_once('/').map_or("", |(_, slug)| slug)
}

fn text(text: &Option<String>) -> Value {
    text.as_deref().map_or(Value::Null, Value::from)
}

fn int(value: Option<i64>) -> Value {
    value.map_or(Value::Null, Value::Int)
}

fn id(id: &Id) -> Value {
    Value::Bytes(id.0.to_vec())
}

fn texts(texts: &[String]) -> Value {
    Value::Array(texts.iter().map(|text| Value::from(&text[..])).collect())
}

fn terms(terms: &[Term]) -> Value {
    let value = |term: &Term| {
        let mut pairs = vec![
            ("stage", Value::from(&term.stage[..])),
            ("fee_bp", Value::Int(term.fee_bp)),
        ];
        pairs.extend(term.fee_minor.map(|fee| ("fee_minor", Value::Int(fee))));
        Value::map(pairs)
    };
    Value::Array(terms.iter().map(value).collect())
}

fn return_terms(terms: &Option<ReturnTerms>) -> Value {
    terms.as_ref().map_or(Value::Null, |terms| {
        Value::map([
            ("window_s", Value::Int(terms.window_s)),
            ("fee_bp", Value::Int(terms.fee_bp)),
        ])
    })
}

fn options(groups: &[OptionGroup]) -> Value {
    let value = |group: &OptionGroup| {
        let choices = group.choices.iter().map(|choice| {
            Value::map([
                ("name", Value::from(&choice.name[..])),
                ("add_minor", Value::Int(choice.add_minor)),
            ])
        });
        Value::map([
            ("name", Value::from(&group.name[..])),
            ("min", Value::Int(group.min)),
            ("max", Value::Int(group.max)),
            ("choices", Value::Array(choices.collect())),
        ])
    };
    Value::Array(groups.iter().map(value).collect())
}

fn price(columns: Columns, price: &Price) -> Columns {
    columns
        .text("price_kind", &price.kind[..])
        .value("min", int(price.min))
        .value("max", int(price.max))
        .value("currency", text(&price.currency))
        .value("per_unit", text(&price.per_unit))
}

fn show_space(space: &Space, rows: &mut Rows) {
    let columns = Columns::new()
        .text("name", &space.name[..])
        .value("category", text(&space.category))
        .value("about", text(&space.about))
        .text("zone", &space.zone[..])
        .value("currency", text(&space.currency))
        .value("colour", text(&space.colour))
        .value("logo", space.logo.as_ref().map_or(Value::Null, id))
        .value("website", text(&space.website))
        .value("cancellation_terms", terms(&space.cancellation_terms))
        .value("return_terms", return_terms(&space.return_terms))
        .value("notice_s", int(space.notice_s))
        .value("payment_types", texts(&space.payment_types));
    rows.push("space", "", columns);
    for grant in &space.grants {
        let columns = Columns::new()
            .bytes("subject", grant.subject.0)
            .text("capability", grant.capability.text())
            .value("until", int(grant.until));
        let sub = format!("{}/{}", grant.subject.hex(), grant.capability.text());
        rows.push("managers", sub, columns);
    }
}

fn show_place(place: &PlacePut, rows: &mut Rows) {
    let columns = Columns::new()
        .text("place", &place.place[..])
        .text("name", &place.name[..])
        .text("category", &place.category[..])
        .geo("geo", place.geo)
        .text("cell", cell(&place.geo))
        .value("address", text(&place.address))
        .value("opening_hours", text(&place.opening_hours))
        .text("zone", &place.zone[..])
        .value("phone", text(&place.phone))
        .value("website", text(&place.website))
        .value("email", text(&place.email))
        .value("radius_m", int(place.radius_m))
        .value("source", text(&place.source));
    rows.push("places", "", columns);
}

fn show_item(slug: &str, item: &Item, rows: &mut Rows) {
    let offer = &item.offer;
    let own_terms = offer.cancellation_terms.as_deref();
    let attributes = offer.attributes.iter();
    let attributes = attributes.map(|(name, value)| (name.clone(), value.clone()));
    let columns = Columns::new()
        .text("item", slug)
        .text("state", item.stage.text())
        .text("title", &offer.title[..])
        .text("schema", &offer.schema[..])
        .value("description", text(&offer.description))
        .value("place", text(&offer.place))
        .list("images", offer.images.iter().map(Image::value))
        .value("options", options(&offer.options))
        .map("attributes", attributes)
        .value("stock", int(item.stock()))
        .int("taken", item.taken)
        .value("revision", item.revision().as_ref().map_or(Value::Null, id))
        .int("revision_count", item.revision_count as i64)
        .value("fulfilment", texts(&offer.fulfilment))
        .value(
            "payment",
            offer.payment.as_deref().map_or(Value::Null, texts),
        )
        .value("cancellation_terms", own_terms.map_or(Value::Null, terms))
        .value("return_terms", return_terms(&offer.return_terms));
    rows.push("items", "", price(columns, &offer.price));
    for revision in &item.revisions {
        let columns = Columns::new()
            .text("item", slug)
            .bytes("revision", revision.id.0)
            .int("at", revision.at_ms)
            .text("title", &revision.title[..]);
        rows.push(
            "revisions",
            revision.id.hex(),
            price(columns, &revision.price),
        );
    }
}

fn show_take(take: &Take, rows: &mut Rows) {
    let columns = Columns::new()
        .text("item", &take.item[..])
        .bytes("revision", take.revision.0)
        .int("quantity", take.quantity)
        .bytes("c", take.c.0)
        .int("at", take.at_ms);
    rows.push("takes", "", columns);
}

fn show_resource(slug: &str, resource: &Resource, rows: &mut Rows) {
    let hours = &resource.hours;
    let rules = hours.rules.iter().map(|rule| {
        let days = rule.days.iter().map(|day| Value::Int(i64::from(*day)));
        let mut pairs = vec![
            ("days", Value::Array(days.collect())),
            ("from_s", Value::Int(rule.from_s)),
            ("to_s", Value::Int(rule.to_s)),
        ];
        pairs.extend(rule.since.map(|day| ("since", Value::Int(day))));
        pairs.extend(rule.until.map(|day| ("until", Value::Int(day))));
        Value::map(pairs)
    });
    let except = hours.except.iter().map(|except| {
        Value::map([
            ("start", Value::Int(except.start)),
            ("end", Value::Int(except.end)),
        ])
    });
    let offsets = resource.offsets.iter();
    let offsets =
        offsets.map(|(from, offset)| Value::Array(vec![Value::Int(*from), Value::Int(*offset)]));
    let columns = Columns::new()
        .text("resource", slug)
        .text("title", &resource.title[..])
        .text("zone", &resource.zone[..])
        .int("capacity", resource.capacity)
        .int("buffer_s", resource.buffer_s)
        .int("notice_s", resource.notice_s)
        .list("offsets", offsets)
        .list("rules", rules)
        .list("except", except)
        .int("booked", resource.booked.len() as i64);
    rows.push("resources", "", columns);
}

fn show_slot(slot: &Slot, rows: &mut Rows) {
    let columns = Columns::new()
        .text("resource", &slot.resource[..])
        .int("start", slot.start)
        .int("end", slot.end)
        .int("seats", slot.seats)
        .bytes("c", slot.c.0)
        .int("at", slot.at_ms);
    rows.push("slots", "", columns);
}

fn show_ad(ad: &AdPut, rows: &mut Rows) {
    let columns = Columns::new()
        .text("ad", &ad.ad[..])
        .text("terms", &ad.terms[..])
        .value("text", text(&ad.text))
        .value("item", text(&ad.item))
        .value("geo", ad.geo.map_or(Value::Null, Value::from))
        .value("cell", ad.geo.map_or(Value::Null, |geo| cell(&geo).into()))
        .int("from", ad.from)
        .int("until", ad.until);
    rows.push("ads", "", columns);
}
