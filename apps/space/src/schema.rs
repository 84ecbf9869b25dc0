//! Schemas of items: which prices and attributes an item of a kind may have.
//!
//! - `goods/1` a thing: a fixed price or a range.
//! - `service/1` work: any kind of price.
//! - `osm/<key>=<value>` a shop or service by its OpenStreetMap tag: any kind of price.
//!
//! Attributes have any name; those listed in [`ATTRIBUTES`] have the type that stands
//! there wherever they are used. A new schema or type is a new major version of the app.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use synlog_reducer::Code;
use synlog_reducer::cbor::Value;

use crate::code::BAD_SCHEMA;
use crate::field::{AMOUNT_MAX, WORD_MAX, is_currency, is_line};

/// Attributes of one item.
pub const ATTRIBUTES_MAX: usize = 64;
/// Texts of an attribute that is a list.
const LIST_MAX: usize = 64;
/// Bytes of an attribute's text: what OpenStreetMap allows in a tag, in letters of four bytes.
const TEXT_MAX: usize = 1_020;

/// A price, or how it comes about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Price {
    /// `fixed`, `range`, `hourly` or `quote`.
    pub kind: String,
    /// ISO 4217 or a ledger's id in hex; must be there if there is an amount.
    #[serde(default)]
    pub currency: Option<String>,
    /// The price, or the least, in minor units.
    #[serde(default)]
    pub min: Option<i64>,
    /// The most, in minor units.
    #[serde(default)]
    pub max: Option<i64>,
    /// What it is for: `piece`, `kg`, `h`, …
    #[serde(default)]
    pub per_unit: Option<String>,
}

/// What an attribute holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// One line.
    Text,
    /// A whole number that is not negative.
    Count,
    /// Yes or no.
    Flag,
    /// Lines.
    Texts,
    /// A number of 8, 12, 13 or 14 digits of which the last checks the others.
    Gtin,
}

/// The family of a schema, and the version where it has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// `goods/1`.
    Goods,
    /// `service/1`.
    Service,
    /// `osm/<key>=<value>`.
    Osm,
}

/// Attributes whose type is known, by the family that they belong to.
pub const ATTRIBUTES: [(Family, &str, Shape); 16] = [
    (Family::Goods, "age_min", Shape::Count),
    (Family::Goods, "allergens", Shape::Texts),
    (Family::Goods, "brand", Shape::Text),
    (Family::Goods, "gtin", Shape::Gtin),
    (Family::Goods, "ingredients", Shape::Texts),
    (Family::Goods, "organic", Shape::Flag),
    (Family::Goods, "origin", Shape::Text),
    (Family::Goods, "volume_ml", Shape::Count),
    (Family::Goods, "weight_g", Shape::Count),
    (Family::Service, "certificates", Shape::Texts),
    (Family::Service, "duration_s", Shape::Count),
    (Family::Service, "emergency", Shape::Flag),
    (Family::Service, "insured", Shape::Flag),
    (Family::Service, "languages", Shape::Texts),
    (Family::Service, "trade", Shape::Text),
    (Family::Service, "warranty_s", Shape::Count),
];

/// Checks a price and attributes against a schema. Error: `bad_schema`.
pub(crate) fn check(
    schema: &str,
    price: &Price,
    attributes: &BTreeMap<String, Value>,
) -> Result<(), Code> {
    let family = family(schema).ok_or(BAD_SCHEMA)?;
    let right = price_is_right(price)
        && (family != Family::Goods || matches!(&price.kind[..], "fixed" | "range"))
        && attributes.len() <= ATTRIBUTES_MAX
        && attributes
            .iter()
            .all(|(name, value)| attribute_is_right(family, name, value));
    if right { Ok(()) } else { Err(BAD_SCHEMA) }
}

fn family(schema: &str) -> Option<Family> {
    match schema {
        "goods/1" => Some(Family::Goods),
        "service/1" => Some(Family::Service),
        _ => {
            let (key, value) = schema.strip_prefix("osm/")?.split_once('=')?;
            let letter = |byte: u8| {
                byte.is_ascii_lowercase()
                    || byte.is_ascii_digit()
                    || matches!(byte, b'_' | b':' | b'-')
            };
            let key_right = (1..=64).contains(&key.len()) && key.bytes().all(letter);
            (key_right && is_line(value, WORD_MAX)).then_some(Family::Osm)
        }
    }
}

/// Kinds of price that are known, amounts where the kind needs them, min ≤ max.
fn price_is_right(price: &Price) -> bool {
    let amounts = [price.min, price.max];
    let in_limits = amounts
        .iter()
        .flatten()
        .all(|amount| (0..=AMOUNT_MAX).contains(amount));
    let currency = match &price.currency {
        Some(currency) => is_currency(currency),
        None => amounts == [None, None],
    };
    let unit = price
        .per_unit
        .as_ref()
        .is_none_or(|unit| is_line(unit, WORD_MAX));
    let ordered = match amounts {
        [Some(min), Some(max)] => min <= max,
        _ => true,
    };
    let complete = match &price.kind[..] {
        // one price: a maximum that says otherwise would be a range
        "fixed" => price.min.is_some() && price.max.is_none_or(|max| Some(max) == price.min),
        "range" => price.min.is_some() && price.max.is_some(),
        "hourly" => price.min.is_some(),
        "quote" => true,
        _ => false,
    };
    in_limits && currency && unit && ordered && complete
}

fn attribute_is_right(family: Family, name: &str, value: &Value) -> bool {
    let known = ATTRIBUTES
        .iter()
        .find(|(of, known, _)| *of == family && *known == name);
    let shape_right = match known {
        Some((_, _, shape)) => fits(*shape, value),
        None => match value {
            Value::Text(_) => fits(Shape::Text, value),
            Value::Array(_) => fits(Shape::Texts, value),
            Value::Int(_) | Value::Bool(_) => true,
            Value::Null | Value::Bytes(_) | Value::Map(_) => false,
        },
    };
    is_line(name, WORD_MAX) && shape_right
}

fn fits(shape: Shape, value: &Value) -> bool {
    match (shape, value) {
        (Shape::Text, Value::Text(text)) => text.len() <= TEXT_MAX,
        (Shape::Count, Value::Int(count)) => (0..=AMOUNT_MAX).contains(count),
        (Shape::Flag, Value::Bool(_)) => true,
        (Shape::Texts, Value::Array(items)) => {
            items.len() <= LIST_MAX && items.iter().all(|item| fits(Shape::Text, item))
        }
        (Shape::Gtin, Value::Text(digits)) => gtin_is_right(digits),
        _ => false,
    }
}

/// GS1's check digit: the digits from the right, times 1 and 3 in turn, add up to tens.
fn gtin_is_right(digits: &str) -> bool {
    let sum: u32 = digits
        .bytes()
        .rev()
        .zip([1, 3].into_iter().cycle())
        .map(|(digit, weight)| u32::from(digit.wrapping_sub(b'0')) * weight)
        .sum();
    matches!(digits.len(), 8 | 12 | 13 | 14)
        && digits.bytes().all(|digit| digit.is_ascii_digit())
        && sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn price(kind: &str, min: Option<i64>, max: Option<i64>, currency: Option<&str>) -> Price {
        Price {
            kind: kind.to_owned(),
            currency: currency.map(str::to_owned),
            min,
            max,
            per_unit: None,
        }
    }

    #[test]
    fn prices_fit_their_schema() {
        let eur = Some("EUR");
        for (schema, price, right) in [
            ("goods/1", price("fixed", Some(250), None, eur), true),
            ("goods/1", price("fixed", Some(250), Some(250), eur), true),
            ("goods/1", price("fixed", Some(250), Some(300), eur), false),
            ("goods/1", price("fixed", None, None, eur), false),
            ("goods/1", price("fixed", Some(250), None, None), false),
            (
                "goods/1",
                price("fixed", Some(250), None, Some("eur")),
                false,
            ),
            ("goods/1", price("fixed", Some(-1), None, eur), false),
            ("goods/1", price("range", Some(1), Some(1), eur), true),
            ("goods/1", price("range", Some(2), Some(1), eur), false),
            ("goods/1", price("range", Some(2), None, eur), false),
            ("goods/1", price("hourly", Some(2), None, eur), false),
            ("goods/1", price("quote", None, None, None), false),
            ("goods/2", price("fixed", Some(250), None, eur), false),
            ("service/1", price("hourly", Some(6_000), None, eur), true),
            (
                "service/1",
                price("hourly", Some(6_000), Some(8_000), eur),
                true,
            ),
            ("service/1", price("hourly", None, None, eur), false),
            ("service/1", price("quote", None, None, None), true),
            ("service/1", price("barter", None, None, None), false),
            (
                "osm/amenity=restaurant",
                price("quote", None, None, None),
                true,
            ),
            (
                "osm/amenity=restaurant",
                price("range", Some(1), Some(9), eur),
                true,
            ),
            ("osm/=restaurant", price("quote", None, None, None), false),
            ("osm/amenity", price("quote", None, None, None), false),
            ("osm/amenity=", price("quote", None, None, None), false),
            ("", price("quote", None, None, None), false),
        ] {
            assert_eq!(
                check(schema, &price, &BTreeMap::new()).is_ok(),
                right,
                "{schema} {price:?}"
            );
        }
    }

    #[test]
    fn attributes_fit_their_schema() {
        let texts = |texts: &[&str]| Value::Array(texts.iter().map(|&text| text.into()).collect());
        for (schema, name, value, right) in [
            ("goods/1", "weight_g", Value::Int(400), true),
            ("goods/1", "weight_g", Value::Int(-1), false),
            ("goods/1", "weight_g", Value::from("400"), false),
            ("service/1", "weight_g", Value::from("400"), true),
            ("goods/1", "organic", Value::Bool(true), true),
            ("goods/1", "organic", Value::from("yes"), false),
            ("goods/1", "allergens", texts(&["milk", "wheat"]), true),
            (
                "goods/1",
                "allergens",
                Value::Array(vec![Value::Int(1)]),
                false,
            ),
            ("goods/1", "gtin", Value::from("4006381333931"), true),
            ("goods/1", "gtin", Value::from("4006381333932"), false),
            ("goods/1", "gtin", Value::from("96385074"), true),
            ("goods/1", "gtin", Value::from("0"), false),
            ("goods/1", "gtin", Value::from("40063813339\u{e4}"), false),
            ("goods/1", "colour", Value::from("red"), true),
            ("goods/1", "colour", Value::Bytes(vec![1]), false),
            ("goods/1", "colour", Value::Map(vec![]), false),
            ("goods/1", "colour", Value::Null, false),
            ("goods/1", "", Value::from("red"), false),
            ("service/1", "duration_s", Value::Int(3_600), true),
            ("service/1", "duration_s", Value::Bool(true), false),
            (
                "osm/shop=bakery",
                "cuisine",
                Value::from("pizza;kebab"),
                true,
            ),
            (
                "osm/shop=bakery",
                "cuisine",
                Value::from("x".repeat(1_021)),
                false,
            ),
        ] {
            let attributes = BTreeMap::from([(name.to_owned(), value)]);
            let price = price("fixed", Some(1), None, Some("EUR"));
            assert_eq!(
                check(schema, &price, &attributes).is_ok(),
                right,
                "{schema} {attributes:?}"
            );
        }
    }
}
