#![allow(clippy::unwrap_used)]
use proptest::prelude::*;

use super::*;

fn of(tags: &Tags<'_>) -> Result<Listing, Remark> {
    let kind = kind(tags, &Group::ALL).unwrap();
    let geo = Geo::new(600_000_000, 250_000_000).unwrap();
    listing("osm-n1", "https://osm.example/1", geo, tags, kind, "UTC")
}

#[test]
fn categories_and_schemas() {
    for (tags, category, schema) in [
        (
            &[("shop", "bakery"), ("name", "A")][..],
            "shop/bakery",
            "osm/shop=bakery",
        ),
        (
            &[("amenity", "fast_food"), ("name", "A")],
            "amenity/fast_food",
            "osm/amenity=fast_food",
        ),
        (
            &[("craft", "carpenter"), ("name", "A")],
            "craft/carpenter",
            "osm/craft=carpenter",
        ),
        (
            &[("amenity", "cafe"), ("shop", "tea"), ("name", "A")],
            "shop/tea",
            "osm/shop=tea",
        ),
        (
            &[("shop", "Deli; kitchen"), ("name", "A")],
            "shop/deli",
            "osm/shop=deli",
        ),
        (
            &[("shop", "; x"), ("name", "A")],
            "shop/yes",
            "osm/shop=yes",
        ),
    ] {
        let listing = of(tags).unwrap();
        assert_eq!(listing.place.unwrap().category, category);
        assert_eq!(listing.item.unwrap().schema, schema);
    }
    assert_eq!(kind(&[("shop", "tea")], &[Group::Craft]), None);
    assert_eq!(kind(&[("amenity", "Cafe")], &Group::ALL), None);
    assert_eq!(kind(&[("shop", " ")], &Group::ALL), None);
}

#[test]
fn all_that_is_known_is_taken_over() {
    let listing = of(&[
        ("amenity", "restaurant"),
        ("name", "Rye \n& Co"),
        ("addr:street", "Mikonkatu"),
        ("addr:housenumber", "18"),
        ("addr:postcode", "00100"),
        ("addr:city", "Helsinki"),
        ("opening_hours", "Mo-Fr 10:00-18:00"),
        ("contact:phone", "+358 1"),
        ("url", "rye.example"),
        ("email", "a@rye.example"),
        ("description", "Good"),
        ("cuisine", "finnish; pizza;"),
        ("takeaway", "yes"),
        ("delivery", "no"),
        ("diet:vegan", "yes"),
        ("diet:meat", "no"),
        ("payment:cash", "only"),
        ("wheelchair", "limited"),
        ("name:sv", "Råg"),
    ])
    .unwrap();
    let (place, item) = (listing.place.unwrap(), listing.item.unwrap());
    assert_eq!(place.name, "Rye & Co");
    assert_eq!(
        place.address.as_deref(),
        Some("Mikonkatu 18, 00100 Helsinki")
    );
    assert_eq!(place.phone.as_deref(), Some("+358 1"));
    assert_eq!(place.website.as_deref(), Some("rye.example"));
    assert_eq!(place.email.as_deref(), Some("a@rye.example"));
    assert!(place.source.unwrap().contains("OpenStreetMap contributors"));
    assert_eq!(item.description.as_deref(), Some("Good"));
    assert_eq!(item.place.as_deref(), Some("osm-n1"));
    assert_eq!(item.fulfilment, ["pickup"]);
    let list = |words: &[&str]| Attribute::List(words.iter().map(|word| (*word).into()).collect());
    let want = [
        ("cuisine", list(&["finnish", "pizza"])),
        ("delivery", Attribute::Bool(false)),
        ("diet", list(&["vegan"])),
        ("name:sv", Attribute::Text("Råg".into())),
        ("payment", list(&["cash"])),
        ("takeaway", Attribute::Bool(true)),
        ("wheelchair", Attribute::Text("limited".into())),
    ];
    let want: BTreeMap<String, Attribute> = want
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
    assert_eq!(item.attributes, want);
    assert!(listing.notes.is_empty());
}

#[test]
fn what_is_odd_is_noted_and_kept() {
    let long = "x".repeat(2000);
    let listing = of(&[
        ("shop", "tea"),
        ("name", "A"),
        ("opening_hours", "only in summer"),
        ("phone", &long),
    ])
    .unwrap();
    let codes: Vec<&str> = listing.notes.iter().map(|note| note.code).collect();
    assert_eq!(codes, ["bad_hours", "too_long_value"]);
    let place = listing.place.unwrap();
    assert_eq!(place.opening_hours.as_deref(), Some("only in summer"));
    assert_eq!(place.phone, None);
    let listing = of(&[("shop", "tea"), ("name", "A"), ("opening_hours", &long)]).unwrap();
    assert_eq!(listing.place.unwrap().opening_hours, None);
}

proptest! {
    #[test]
    fn any_tags_give_bodies_that_can_be_written(values in prop::collection::vec((prop::sample::select(vec![
        "shop", "name", "amenity", "opening_hours", "phone", "cuisine", "description", "diet:x", "name:fi", "addr:full", "brand",
    ]), "\\PC{0,700}"), 0..12)) {
        let tags: Vec<(&str, &str)> = values.iter().map(|(key, value)| (*key, &value[..])).collect();
        if kind(&tags, &Group::ALL).is_some() && let Ok(listing) = of(&tags) {
            for put in listing.puts() {
                let bytes = put.body.encode();
                prop_assert!(bytes.len() <= synlog_log::limits::BODY_MAX, "{}", bytes.len());
                prop_assert_eq!(synlog_log::cbor::Value::decode(&bytes).unwrap(), put.body);
            }
        }
    }
}
