//! What offers of schema.org say: price, stock, delivery; and what else is known
//! of a thing. <https://schema.org/Offer>.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use crate::import::json_ld::{Object, name_of, property, term, text, types, values};
use crate::import::listing::{
    ATTRIBUTES_MAX, Attribute, LIST_MAX, Price, Remark, VALUE_MAX, bounded, line_of,
};
use crate::import::money::{currency, minor};
use crate::import::schema_org::term_text;

/// Pictures that are named.
const IMAGES_MAX: usize = 8;
/// Bytes of the name of an attribute.
const ATTRIBUTE_NAME_MAX: usize = 64;
/// Properties that become attributes.
const COPIED: [(&str, &str); 14] = [
    ("brand", "brand"),
    ("color", "color"),
    ("size", "size"),
    ("material", "material"),
    ("category", "category"),
    ("model", "model"),
    ("sku", "sku"),
    ("gtin13", "gtin13"),
    ("mpn", "mpn"),
    ("itemCondition", "condition"),
    ("priceRange", "price_range"),
    ("paymentAccepted", "payment"),
    ("areaServed", "area_served"),
    ("serviceType", "service_type"),
];
/// Properties with several values that become lists.
const LISTED: [(&str, &str); 3] = [
    ("servesCuisine", "cuisine"),
    ("suitableForDiet", "diet"),
    ("keywords", "keywords"),
];

/// An amount, or two, as an offer says it.
struct Said<'a> {
    min: &'a str,
    max: &'a str,
    currency: Option<&'a str>,
    unit: Option<String>,
}

fn said(object: &Object) -> Option<Said<'_>> {
    let low = ["price", "lowPrice", "minPrice"];
    let high = ["highPrice", "maxPrice"];
    let min = low.iter().find_map(|name| property(object, name));
    let max = high.iter().find_map(|name| property(object, name));
    let unit = ["unitCode", "unitText"]
        .iter()
        .find_map(|name| property(object, name));
    let quantity = values(object.get("referenceQuantity")).find_map(Json::as_object);
    let unit = unit.or_else(|| {
        let quantity = quantity?;
        property(quantity, "unitCode").or_else(|| property(quantity, "unitText"))
    });
    Some(Said {
        min: min.or(max)?,
        max: max.or(min)?,
        currency: property(object, "priceCurrency"),
        unit: unit.map(unit_of).and_then(|unit| line_of(&unit)),
    })
}

/// Codes of UN/CEFACT for units, and words for an hour, in one spelling.
fn unit_of(text: &str) -> String {
    match &term(text).to_lowercase()[..] {
        "hur" | "h" | "hr" | "hour" | "hourly" | "per hour" => "hour".to_owned(),
        "kgm" | "kilogram" => "kg".to_owned(),
        "grm" => "g".to_owned(),
        "ltr" | "litre" | "liter" => "l".to_owned(),
        "mtr" | "metre" | "meter" => "m".to_owned(),
        "day" => "day".to_owned(),
        // one piece: the plain price
        "c62" | "ea" | "piece" | "pce" => String::new(),
        other => other.chars().take(32).collect(),
    }
}

/// The price of some offers: one amount, or from the lowest to the highest.
pub(super) fn price(
    offers: &[&Object],
    default: Option<&str>,
    notes: &mut Vec<Remark>,
) -> Result<Option<Price>, Remark> {
    let mut amounts: Vec<Said<'_>> = Vec::new();
    for offer in offers {
        let outer = property(offer, "priceCurrency");
        let specifications = values(offer.get("priceSpecification")).filter_map(Json::as_object);
        let own: Vec<Said<'_>> = match said(offer) {
            Some(own) => {
                // a unit may stand in the specification beside a plain price
                let unit = specifications.filter_map(said).find_map(|inner| inner.unit);
                vec![Said {
                    unit: own.unit.clone().or(unit),
                    ..own
                }]
            }
            None => specifications.filter_map(said).collect(),
        };
        amounts.extend(own.into_iter().map(|own| Said {
            currency: own.currency.or(outer),
            ..own
        }));
    }
    let Some(first) = amounts.first() else {
        return Ok(None);
    };
    let code = first.currency.or(default);
    let code = code.ok_or_else(|| {
        Remark::new(
            "no_currency",
            "the price has no priceCurrency; name one with --currency",
        )
    })?;
    let wrong =
        |error: crate::import::money::MoneyError| Remark::new("bad_price", error.to_string());
    let code = currency(code).map_err(wrong)?.0.code();
    let unit = first.unit.clone();
    let (mut bounds, mut others): (Option<(i64, i64)>, bool) = (None, false);
    for amount in &amounts {
        let same = amount
            .currency
            .is_none_or(|other| other.eq_ignore_ascii_case(code));
        if !same || amount.unit != unit {
            others = true;
            continue;
        }
        let (min, max) = (
            minor(amount.min, code).map_err(wrong)?,
            minor(amount.max, code).map_err(wrong)?,
        );
        if min > max {
            let why = "the lowest price is above the highest";
            return Err(Remark::new("bad_price", why));
        }
        let (low, high) = bounds.unwrap_or((min, max));
        bounds = Some((low.min(min), high.max(max)));
    }
    if others {
        let why = "prices in other currencies or units are left out";
        notes.push(Remark::new("other_prices", why));
    }
    Ok(bounds.map(|bounds| Price::between(code.to_owned(), bounds, unit.as_deref())))
}

/// How many there are, as far as the offers say.
pub(super) fn stock(offers: &[&Object]) -> Result<Option<i64>, Remark> {
    let mut stock: Option<i64> = None;
    for offer in offers {
        let availability = term_text(offer.get("availability")).unwrap_or_default();
        if availability == "Discontinued" {
            return Err(Remark::new("closed", "it is not sold any more"));
        }
        let level = values(offer.get("inventoryLevel")).find_map(|value| {
            let inner = value.as_object().and_then(|level| property(level, "value"));
            inner.or_else(|| text(Some(value)))
        });
        let level = match level {
            Some(level) => {
                let number = level.parse::<i64>().ok().filter(|number| *number >= 0);
                let why = "its inventoryLevel is no whole number";
                Some(number.ok_or_else(|| Remark::new("bad_stock", why))?)
            }
            None => matches!(availability, "OutOfStock" | "SoldOut").then_some(0),
        };
        if let Some(level) = level {
            stock = Some(stock.unwrap_or(0).saturating_add(level));
        }
    }
    Ok(stock)
}

/// How it comes to people.
pub(super) fn fulfilment(offers: &[&Object]) -> Vec<String> {
    let methods = offers.iter().flat_map(|offer| {
        values(offer.get("availableDeliveryMethod")).filter_map(|value| term_text(Some(value)))
    });
    let mut words: Vec<String> = Vec::new();
    for method in methods {
        let word = match method {
            "OnSitePickup" | "LockerDelivery" | "DeliveryModePickUp" => "pickup",
            "DeliveryModeDirectDownload" => "digital",
            "ParcelService"
            | "DeliveryModeOwnFleet"
            | "DeliveryModeMail"
            | "DeliveryModeFreight" => "delivery",
            _ => continue,
        };
        if !words.iter().any(|known| known == word) {
            words.push(word.to_owned());
        }
    }
    words
}

/// What else is known of a business, goods or a service.
pub(super) fn attributes(object: &Object, notes: &mut Vec<Remark>) -> BTreeMap<String, Attribute> {
    let mut attributes = BTreeMap::new();
    let images: Vec<String> = values(object.get("image"))
        .filter_map(|image| {
            let inner = image
                .as_object()
                .and_then(|image| property(image, "contentUrl").or_else(|| property(image, "url")));
            inner.or_else(|| text(Some(image))).and_then(line_of)
        })
        .filter_map(|image| bounded("image", Some(image), VALUE_MAX, notes))
        .take(IMAGES_MAX)
        .collect();
    if !images.is_empty() {
        attributes.insert("image".to_owned(), Attribute::List(images));
    }
    for (name, attribute) in COPIED {
        let value = name_of(object.get(name)).map(term).and_then(line_of);
        if let Some(value) = bounded(name, value, VALUE_MAX, notes) {
            attributes.insert(attribute.to_owned(), Attribute::Text(value));
        }
    }
    for (name, attribute) in LISTED {
        let parts = values(object.get(name))
            .filter_map(|value| text(Some(value)))
            .flat_map(|text| text.split(','))
            .filter_map(|part| line_of(term(part)));
        let parts: Vec<String> = parts
            .filter_map(|part| bounded(name, Some(part), VALUE_MAX, notes))
            .take(LIST_MAX)
            .collect();
        if !parts.is_empty() {
            attributes.insert(attribute.to_owned(), Attribute::List(parts));
        }
    }
    for extra in values(object.get("additionalProperty")).filter_map(Json::as_object) {
        if !types(extra).is_empty() && !types(extra).contains(&"PropertyValue") {
            continue;
        }
        let name = property(extra, "name").and_then(line_of);
        let name = bounded("the name of a property", name, ATTRIBUTE_NAME_MAX, notes);
        let value = match extra.get("value") {
            Some(Json::Bool(value)) => Some(Attribute::Bool(*value)),
            value => bounded(
                "a property",
                text(value).and_then(line_of),
                VALUE_MAX,
                notes,
            )
            .map(Attribute::Text),
        };
        if let (Some(name), Some(value)) = (name, value)
            && attributes.len() < ATTRIBUTES_MAX
        {
            attributes.entry(name).or_insert(value);
        }
    }
    attributes
}
