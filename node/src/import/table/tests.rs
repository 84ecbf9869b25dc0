#![allow(clippy::unwrap_used)]
use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::*;
use crate::json::to_json;

fn defaults() -> Defaults {
    Defaults {
        zone: "UTC".to_owned(),
        ..Defaults::default()
    }
}

fn run(text: &[u8], defaults: &Defaults) -> Result<(Vec<Found>, Vec<String>), TableError> {
    let mut found = Vec::new();
    let unknown = read::<TableError>(text, defaults, &mut |one| {
        found.push(one);
        Ok(())
    })?;
    Ok((found, unknown))
}

/// Bodies of what is taken, codes of what is refused, with their lines.
fn rows(text: &[u8], defaults: &Defaults) -> Vec<(String, Result<Vec<Json>, &'static str>)> {
    let (found, _) = run(text, defaults).unwrap();
    let row = |found: Found| match found {
        Found::Taken(listing) => {
            let bodies = listing
                .puts()
                .iter()
                .map(|put| to_json(&put.body))
                .collect();
            (listing.origin, Ok(bodies))
        }
        Found::Refused { origin, why } => (origin, Err(why.code)),
    };
    found.into_iter().map(row).collect()
}

fn code(header: &str, row: &str) -> Result<(), &'static str> {
    let text = format!("{header}\n{row}\n");
    let (_, outcome) = rows(text.as_bytes(), &defaults()).remove(0);
    outcome.map(drop)
}

#[test]
fn a_row_becomes_an_item_a_place_or_both() {
    let text = "\u{feff}item,title,price,currency,stock,schema,per_unit,lat,lon,category,place,attributes.colour,fulfilment,image\n\
        rye,Rye bread,\"4,50\",EUR,12,,,,,,,brown|dark,pickup|delivery,https://a.example/r.jpg\n\
        ,Wiring,40-60,eur,,service/1,h,,,,,,visit,\n\
        shop,Shop,,,,service/1,,60.17,24.94,shop/bakery,,,,\n";
    let want = [
        json!([{"item": "rye", "schema": "goods/1", "title": "Rye bread", "stock": 12,
            "price": {"kind": "fixed", "currency": "EUR", "min": 450, "max": 450},
            "attributes": {"colour": ["brown", "dark"], "image": ["https://a.example/r.jpg"]},
            "fulfilment": ["pickup", "delivery"]}]),
        json!([{"item": slug_of("Wiring"), "schema": "service/1", "title": "Wiring", "fulfilment": ["visit"],
            "price": {"kind": "hourly", "currency": "EUR", "min": 4000, "max": 6000, "per_unit": "hour"}}]),
        json!([{"place": "shop", "name": "Shop", "category": "shop/bakery", "zone": "UTC",
                "geo": {"lat": 601_700_000, "lon": 249_400_000}},
            {"item": "shop", "schema": "service/1", "title": "Shop", "price": {"kind": "quote"}}]),
    ];
    let got = rows(text.as_bytes(), &defaults());
    for (index, (origin, bodies)) in got.into_iter().enumerate() {
        assert_eq!(origin, format!("line {}", index + 2));
        assert_eq!(json!(bodies.unwrap()), want[index]);
    }
}

#[test]
fn a_name_alone_is_that_of_an_item() {
    let told = rows(b"name,price,currency\nRye bread,4.50,EUR\n", &defaults());
    let events = told[0].1.as_ref().unwrap();
    assert_eq!(events.len(), 1);
    assert_eq!(events[0]["title"], "Rye bread");
    // beside a point on earth it is the place's
    let told = rows(
        b"name,lat,lon,category\nKallion leip\xc3\xa4,60.18,24.95,shop/bakery\n",
        &defaults(),
    );
    let events = told[0].1.as_ref().unwrap();
    assert_eq!(events.len(), 1);
    assert!(events[0]["title"].is_null(), "{}", events[0]);
}

#[test]
fn bad_rows_are_named() {
    for (header, row, want) in [
        ("title,price,currency", "a,1.50,EUR", Ok(())),
        ("title,price,currency", "a,1.50,", Err("no_currency")),
        ("title,price,currency", "a,x,EUR", Err("bad_price")),
        ("title,price,currency", "a,1,EURO", Err("bad_price")),
        ("title,price,currency", "a,5-3,EUR", Err("bad_price")),
        ("title,price,currency", "a,-3,EUR", Err("bad_price")),
        ("title,price,currency", "a,,", Err("no_price")),
        ("title,price,currency", ",1,EUR", Err("bad_row")),
        ("title,price,currency", "a,1,EUR,extra", Err("bad_row")),
        ("title,schema", "a,service/1", Ok(())),
        ("title,schema,stock", "a,service/1,-1", Err("bad_stock")),
        (
            "title,schema,fulfilment",
            "a,service/1,by owl",
            Err("bad_fulfilment"),
        ),
        ("name,lat,lon,category", "a,60,24,shop/tea", Ok(())),
        ("name,lat,lon,category", "a,60,,shop/tea", Err("no_place")),
        (
            "name,lat,lon,category",
            "a,60,999,shop/tea",
            Err("no_place"),
        ),
        ("name,lat,lon,category", ",60,24,shop/tea", Err("no_name")),
        ("name,lat,lon,category", "a,60,24,", Err("no_category")),
        (
            "name,lat,lon,category,zone",
            "a,60,24,shop/tea,+2",
            Err("bad_zone"),
        ),
    ] {
        assert_eq!(code(header, row), want, "{header}: {row}");
    }
    let long = "x".repeat(201);
    assert_eq!(
        code("title,schema", &format!("{long},service/1")),
        Err("too_long")
    );
    let text = b"title;schema\nok;service/1\nb\xe4d;service/1\nok;service/1\n";
    let codes: Vec<_> = rows(text, &defaults())
        .into_iter()
        .map(|(origin, outcome)| (origin, outcome.map(drop)))
        .collect();
    let want = [
        ("line 2", Ok(())),
        ("line 3", Err("not_utf8")),
        ("line 4", Err("twice")),
    ];
    assert_eq!(
        codes,
        want.map(|(origin, outcome)| (origin.to_owned(), outcome))
    );
}

#[test]
fn headers_are_mapped_or_refused() {
    let mapped = |maps: &[(&str, &str)]| Defaults {
        columns: maps
            .iter()
            .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()))
            .collect(),
        currency: Some("EUR".to_owned()),
        ..defaults()
    };
    let text = b"Nimi;Hinta;Muu\nRuis;4,50;x\n";
    let right = mapped(&[("nimi", "title"), ("Hinta", "price")]);
    let (found, unknown) = run(text, &right).unwrap();
    assert!(matches!(&found[..], [Found::Taken(_)]), "{found:?}");
    assert_eq!(unknown, ["Muu"]);
    for (text, maps, what) in [
        (&b""[..], &[][..], "empty"),
        (text, &[], "--map"),
        (text, &[("Name", "title")], "no column"),
        (text, &[("Nimi", "titel")], "no field"),
        (
            text,
            &[("Nimi", "title"), ("Hinta", "title")],
            "two columns",
        ),
        (b"t\xe4tle\n", &[], "UTF-8"),
    ] {
        let error = run(text, &mapped(maps)).unwrap_err().to_string();
        assert!(
            error.contains(what) && error.contains("line 1"),
            "{what}: {error}"
        );
    }
}

#[test]
fn a_quote_that_does_not_end_is_seen() {
    let mut text = b"title,schema\na,service/1\n\"b".to_vec();
    text.resize(4 << 20, b'x');
    let error = run(&text, &defaults()).unwrap_err().to_string();
    assert!(
        error.contains("quote") && error.contains("line 3"),
        "{error}"
    );
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200), text in "title,price,lat,lon,category\n([-0-9.,;\"a\n |]|\\PC){0,120}") {
        let _ = run(&bytes, &defaults());
        let defaults = Defaults { currency: Some("EUR".to_owned()), ..defaults() };
        let _ = run(text.as_bytes(), &defaults);
    }

    #[test]
    fn prices_come_back(cents in 0_i64..100_000_000) {
        let text = format!("title,price,currency\na,{}.{:02},EUR\n", cents / 100, cents % 100);
        let (_, bodies) = rows(text.as_bytes(), &defaults()).remove(0);
        prop_assert_eq!(&bodies.unwrap()[0]["price"]["min"], &json!(cents));
    }
}

#[test]
fn lines_are_counted_alike_however_they_end() {
    let text = "item,title,price,currency\nrye,Rye,nothing,EUR\nbun,\"Bun\nsoft\",1,EUR\nroll,Roll,none,EUR\n\ncake,Cake,some,EUR";
    for ends in ["\n", "\r\n"] {
        let rows = rows(text.replace('\n', ends).as_bytes(), &defaults());
        let lines: Vec<&str> = rows.iter().map(|(origin, _)| &origin[..]).collect();
        assert_eq!(lines[..3], ["line 2", "line 3", "line 5"], "{ends:?}");
        assert_eq!(lines[3], "line 7", "{ends:?}");
    }
}
