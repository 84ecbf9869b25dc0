#![allow(clippy::unwrap_used)]
use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::*;
use crate::json::to_json;

fn defaults() -> Defaults {
    Defaults {
        zone: "Europe/Helsinki".to_owned(),
        currency: None,
    }
}

fn found(file: &Json) -> Vec<Found> {
    read(file.to_string().as_bytes(), &defaults()).unwrap()
}

/// Slugs of what is taken, codes of what is refused, with where it stands.
fn outcome(file: &Json) -> Vec<String> {
    let row = |found: &Found| match found {
        Found::Taken(listing) => {
            let item = listing.item.as_ref().unwrap();
            format!("{} {}", listing.origin, item.title)
        }
        Found::Refused { origin, why } => format!("{origin} !{}", why.code),
    };
    found(file).iter().map(row).collect()
}

/// The body of the only item of a file.
fn item(object: Json) -> Result<Json, &'static str> {
    match &found(&object)[..] {
        [Found::Taken(listing)] => Ok(to_json(&listing.item.as_ref().unwrap().body())),
        [Found::Refused { why, .. }] => Err(why.code),
        other => panic!("{other:?}"),
    }
}

#[test]
fn prices_of_offers() {
    let product = |offers: Json| {
        let product = json!({"@type": "Product", "name": "P", "sku": "p", "offers": offers});
        item(product).map(|item| item["price"].clone())
    };
    let fixed =
        |minor: i64| json!({"kind": "fixed", "currency": "EUR", "min": minor, "max": minor});
    for (offers, want) in [
        (
            json!({"price": 12.1, "priceCurrency": "EUR"}),
            Ok(fixed(1210)),
        ),
        (
            json!({"price": "12,10", "priceCurrency": "EUR"}),
            Ok(fixed(1210)),
        ),
        (
            json!([{"price": "5", "priceCurrency": "EUR"}, {"price": 7, "priceCurrency": "eur"}]),
            Ok(json!({"kind": "range", "currency": "EUR", "min": 500, "max": 700})),
        ),
        (
            json!({"@type": "AggregateOffer", "lowPrice": 1, "highPrice": 2.5, "priceCurrency": "EUR"}),
            Ok(json!({"kind": "range", "currency": "EUR", "min": 100, "max": 250})),
        ),
        (
            json!({"priceSpecification": {"price": 3, "priceCurrency": "EUR", "unitCode": "KGM"}}),
            Ok(
                json!({"kind": "fixed", "currency": "EUR", "min": 300, "max": 300, "per_unit": "kg"}),
            ),
        ),
        (
            json!({"price": 0.1, "priceCurrency": "EUR", "availability": "https://schema.org/InStock"}),
            Ok(fixed(10)),
        ),
        (json!({"price": 3}), Err("no_currency")),
        (
            json!({"price": 3, "priceCurrency": "???"}),
            Err("bad_price"),
        ),
        (
            json!({"price": "cheap", "priceCurrency": "EUR"}),
            Err("bad_price"),
        ),
        (
            json!({"price": 1e300, "priceCurrency": "EUR"}),
            Err("bad_price"),
        ),
        (
            json!({"lowPrice": 3, "highPrice": 2, "priceCurrency": "EUR"}),
            Err("bad_price"),
        ),
        (
            json!({"price": 3, "priceCurrency": "EUR", "availability": "Discontinued"}),
            Err("closed"),
        ),
        (
            json!({"price": 3, "priceCurrency": "EUR", "inventoryLevel": {"value": 1.5}}),
            Err("bad_stock"),
        ),
        (json!([]), Err("no_price")),
    ] {
        assert_eq!(product(offers.clone()), want, "{offers}");
    }
}

#[test]
fn a_business_with_all_that_belongs_to_it() {
    let file = json!({"@context": "https://schema.org", "@graph": [
        {"@type": "WebPage", "name": "Home"},
        {"@type": "Menu", "@id": "#menu", "hasMenuSection": {"@type": "MenuSection", "hasMenuItem": [
            {"@type": "MenuItem", "name": "Soup", "offers": {"price": "8.50", "priceCurrency": "EUR"}},
            {"@type": "MenuItem", "name": "Water"}]}},
        {"@type": ["LocalBusiness", "Restaurant"], "@id": "#us", "name": "Rye",
         "geo": {"latitude": 60.17, "longitude": "24.94"},
         "address": {"streetAddress": "A 1", "postalCode": "00100", "addressLocality": "Helsinki"},
         "openingHours": "Mo-Fr 10:00-18:00", "servesCuisine": "Finnish, Pizza",
         "hasMenu": {"@id": "#menu"},
         "makesOffer": [{"@type": "Offer", "price": "40", "priceCurrency": "EUR", "unitCode": "HUR",
            "itemOffered": {"@type": "Service", "name": "Catering"}}]},
        {"@type": "Offer", "itemOffered": {"@id": "#bread"}, "price": 4, "priceCurrency": "EUR", "seller": {"@id": "#us"}},
        {"@type": "Product", "@id": "#bread", "name": "Bread"},
        {"name": "what?"}
    ]});
    let mut rows = outcome(&file);
    rows.sort();
    let want = [
        "$.@graph[0] !unknown_type",
        "$.@graph[2] Rye",
        "$.@graph[2].hasMenu[0].hasMenuSection[0].hasMenuItem[0] Soup",
        "$.@graph[2].hasMenu[0].hasMenuSection[0].hasMenuItem[1] !no_price",
        "$.@graph[2].makesOffer[0].itemOffered[0] Catering",
        "$.@graph[4] Bread",
        "$.@graph[5] !no_type",
    ];
    assert_eq!(rows, want);
    for one in found(&file) {
        let Found::Taken(listing) = one else { continue };
        let item = listing.item.unwrap();
        assert!(item.place.unwrap().starts_with("us-"), "{}", item.title);
        match &item.title[..] {
            "Rye" => {
                let place = listing.place.unwrap();
                assert_eq!(place.category, "amenity/restaurant");
                assert_eq!((place.geo.lat, place.geo.lon), (601_700_000, 249_400_000));
                assert_eq!(place.address.as_deref(), Some("A 1, 00100 Helsinki"));
            }
            "Catering" => assert_eq!(
                item.price,
                Price::Hourly {
                    currency: "EUR".into(),
                    min: 4000,
                    max: 4000
                }
            ),
            "Bread" => assert_eq!(item.price, Price::between("EUR".into(), (400, 400), None)),
            _ => {}
        }
    }
}

#[test]
fn what_can_not_be_taken_is_refused_with_its_reason() {
    for (object, code) in [
        (json!({"@type": "Bakery", "name": "B"}), "no_place"),
        (
            json!({"@type": "Bakery", "name": "B", "geo": {"latitude": 99, "longitude": 0}}),
            "no_place",
        ),
        (
            json!({"@type": "Bakery", "geo": {"latitude": 9, "longitude": 0}}),
            "no_name",
        ),
        (
            json!({"@type": "Product", "name": "x".repeat(201)}),
            "too_long",
        ),
        (json!({"@type": "Offer", "price": 3}), "no_item"),
        (json!({"@type": "Person", "name": "P"}), "unknown_type"),
        (json!({}), "no_type"),
    ] {
        assert_eq!(item(object.clone()), Err(code), "{object}");
    }
    let twice = json!([{"@type": "Service", "name": "S"}, {"@type": "Service", "name": "S"}]);
    assert_eq!(outcome(&twice), ["$[0] S", "$[1] !twice"]);
}

#[test]
fn circles_end() {
    let file = json!([
        {"@type": "Menu", "@id": "#a", "hasMenuSection": {"@id": "#b"}},
        {"@type": "MenuSection", "@id": "#b", "hasMenuSection": [{"@id": "#a"}, {"@id": "#b"}]},
        {"@id": "#c"},
    ]);
    assert_eq!(outcome(&file), ["$[2] !no_type"]);
}

fn value() -> impl Strategy<Value = Json> {
    let word = prop::sample::select(vec![
        "Product",
        "Bakery",
        "Service",
        "Offer",
        "Menu",
        "EUR",
        "12.50",
        "#a",
        "#b",
        "60.1",
        "Mo-Fr 09:00-17:00",
        "Monday",
        "09:00",
        "x",
    ]);
    let key = prop::sample::select(vec![
        "@type",
        "@id",
        "name",
        "offers",
        "price",
        "priceCurrency",
        "itemOffered",
        "geo",
        "latitude",
        "longitude",
        "hasMenu",
        "hasMenuItem",
        "makesOffer",
        "openingHours",
        "openingHoursSpecification",
        "dayOfWeek",
        "opens",
        "closes",
        "image",
        "additionalProperty",
        "value",
        "priceSpecification",
        "sku",
        "seller",
        "@graph",
    ]);
    let leaf = prop_oneof![
        word.prop_map(Json::from),
        any::<i32>().prop_map(Json::from),
        Just(Json::Null)
    ];
    leaf.prop_recursive(5, 60, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Json::from),
            prop::collection::vec((key.clone(), inner), 0..8).prop_map(|pairs| Json::Object(
                pairs
                    .into_iter()
                    .map(|(key, value)| (key.to_owned(), value))
                    .collect()
            )),
        ]
    })
}

proptest! {
    #[test]
    fn any_file_is_read_or_refused(file in value()) {
        if let Ok(found) = read(file.to_string().as_bytes(), &defaults()) {
            let mut slugs = BTreeSet::new();
            for one in found {
                if let Found::Taken(listing) = one {
                    for put in listing.puts() {
                        prop_assert!(slugs.insert((put.kind, put.slug.clone())), "{} twice", put.slug);
                        prop_assert!(crate::import::slug::is_slug(&put.slug));
                    }
                }
            }
        }
    }
}
