//! `import osm|schema-org|csv`: real places and small tables into a topic of the
//! app `space`, once and again.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value as Json, json};

use crate::cli::Desk;

const ZONE: [&str; 3] = ["--zone", "Europe/Helsinki", "--json"];

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("data")
        .join(name)
}

fn desk() -> Desk {
    let desk = Desk::new("laptop");
    desk.ok(&["topic", "new", "town", "--app", "space"]);
    desk
}

fn import(desk: &Desk, format: &str, file: &str, more: &[&str]) -> Json {
    let arguments = [&["import", format, "town", file][..], &ZONE, more].concat();
    desk.ok(&arguments).json()
}

/// Bodies by slug, of one kind; each slug may be put once.
fn puts(desk: &Desk, kind: &str, field: &str) -> BTreeMap<String, Json> {
    let mut bodies = BTreeMap::new();
    for row in desk.ok(&["tail", "--kind", kind, "--json"]).json_lines() {
        let slug = row["body"][field].as_str().unwrap().to_owned();
        assert!(
            bodies.insert(slug.clone(), row["body"].clone()).is_none(),
            "{slug} twice"
        );
    }
    bodies
}

/// The shipped places by slug.
fn shipped() -> BTreeMap<String, Json> {
    let text = std::fs::read_to_string(data("helsinki-places.jsonl")).unwrap();
    let rows = text
        .lines()
        .map(|line| serde_json::from_str::<Json>(line).unwrap());
    rows.map(|row| {
        let osm = row["osm"].as_str().unwrap();
        let slug = osm.replace("node/", "osm-n").replace("way/", "osm-w");
        (slug, row)
    })
    .collect()
}

#[test]
fn the_places_of_helsinki() {
    let desk = desk();
    let file = data("helsinki-places.osm.pbf");
    let file = file.to_str().unwrap();
    let report = import(&desk, "osm", file, &[]);
    let mut shipped = shipped();
    // two of them say themselves that they are closed
    let closed: Vec<String> = shipped
        .iter()
        .filter(|(_, row)| row["opening_hours"] == json!("closed"))
        .map(|(slug, _)| slug.clone())
        .collect();
    assert_eq!(closed.len(), 2);
    assert_eq!(report["refused"][0]["code"], json!("closed"));
    assert_eq!(report["refused"][0]["count"], json!(2));
    assert_eq!(report["refused"].as_array().unwrap().len(), 1);
    closed.iter().for_each(|slug| drop(shipped.remove(slug)));
    assert_eq!(report["taken"], json!(904));
    assert_eq!(report["written"], json!(2 * 904));

    let places = puts(&desk, "place.put", "place");
    let items = puts(&desk, "item.put", "item");
    assert!(places.keys().eq(shipped.keys()) && items.keys().eq(shipped.keys()));
    for (slug, row) in &shipped {
        let (place, item) = (&places[slug], &items[slug]);
        assert_eq!(place["name"], row["name"], "{slug}");
        assert_eq!(
            place["geo"],
            json!({"lat": row["lat"], "lon": row["lon"]}),
            "{slug}"
        );
        assert_eq!(place["zone"], json!("Europe/Helsinki"));
        if let Some(website) = row.get("website") {
            assert_eq!(&place["website"], website, "{slug}");
        }
        let has_hours = row.get("opening_hours").is_some();
        assert_eq!(place.get("opening_hours").is_some(), has_hours, "{slug}");
        // "Store" and "deli; kitchen" are brought into the letters of a tag
        let tag = row["category"].as_str().unwrap().to_lowercase();
        let tag = tag.split(';').next().unwrap();
        let schema = item["schema"].as_str().unwrap();
        assert_eq!(schema.strip_prefix("osm/"), Some(tag), "{slug}");
        assert_eq!(place["category"].as_str().unwrap(), tag.replace('=', "/"));
        assert_eq!(
            (&item["place"], &item["title"]),
            (&json!(slug), &row["name"])
        );
        assert_eq!(item["price"], json!({"kind": "quote"}));
    }

    let again = import(&desk, "osm", file, &[]);
    assert_eq!(
        (&again["written"], &again["skipped"]),
        (&json!(0), &json!(2 * 904))
    );

    // a place that changed here is brought back to what the file says; only it
    let (slug, place) = places.iter().next().unwrap();
    let mut other = place.clone();
    other["name"] = json!("Another name");
    desk.ok(&["append", "town", "place.put", "--body", &other.to_string()]);
    // one that was removed stays away
    let removed = json!({"place": places.keys().last().unwrap()}).to_string();
    desk.ok(&["append", "town", "place.remove", "--body", &removed]);
    let third = import(&desk, "osm", file, &[]);
    assert_eq!(third["written"], json!(1), "{third}");
    assert_eq!(
        third["places"],
        json!({"new": 0, "changed": 1, "same": 902})
    );
    let rows = desk.ok(&["tail", "--last", "1", "--json"]).json_lines();
    assert_eq!(
        (&rows[0]["kind"], &rows[0]["body"]),
        (&json!("place.put"), place)
    );
    assert_eq!(&rows[0]["body"]["place"], &json!(slug));
    let codes: Vec<&Json> = third["refused"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| &row["code"])
        .collect();
    assert_eq!(codes, [&json!("closed"), &json!("removed")]);
    // another zone changes every place and no item
    let moved = desk
        .ok(&[
            "import",
            "osm",
            "town",
            file,
            "--zone",
            "Europe/Tallinn",
            "--json",
        ])
        .json();
    assert_eq!(moved["written"], json!(903));
    desk.ok(&["doctor", "scrub"]);
}

#[test]
fn an_import_that_was_killed_goes_on() {
    let file = data("helsinki-places.osm.pbf");
    let file = file.to_str().unwrap();
    let desk = desk();
    let mut halfway = 0;
    for round in 0..12_u64 {
        let mut command = desk.command(&["import", "osm", "town", file, "--zone", "UTC"]);
        let mut child = command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(8 * round));
        let _ = child.kill();
        child.wait().unwrap();
        let places = puts(&desk, "place.put", "place").len();
        halfway += usize::from((1..904).contains(&places));
    }
    println!("{halfway} of 12 were killed halfway");
    desk.ok(&["import", "osm", "town", file, "--zone", "UTC"]);
    let (places, items) = (
        puts(&desk, "place.put", "place"),
        puts(&desk, "item.put", "item"),
    );
    assert_eq!((places.len(), items.len()), (904, 904));
}

#[test]
fn part_of_an_extract() {
    let desk = desk();
    let file = data("helsinki-places.osm.pbf");
    let file = file.to_str().unwrap();
    let dry = [
        &[
            "import",
            "osm",
            "town",
            file,
            "--only",
            "craft",
            "--dry-run",
        ][..],
        &ZONE,
    ]
    .concat();
    let lines = desk.ok(&dry).json_lines();
    let (summary, events) = lines.split_last().unwrap();
    assert_eq!(
        (&summary["written"], &summary["dry_run"]),
        (&json!(0), &json!(true))
    );
    assert_eq!(
        desk.ok(&["tail", "--kind", "place.put", "--json"])
            .json_lines()
            .len(),
        0
    );
    // what a dry run prints can be written as it is
    let text: String = events.iter().map(|event| format!("{event}\n")).collect();
    let written = desk.fed(
        text.as_bytes(),
        &["import", "jsonl", "-", "--topic", "town", "--json"],
    );
    assert_eq!(written.json()["written"], json!(events.len()));
    let after = import(&desk, "osm", file, &["--only", "craft"]);
    assert_eq!(
        (&after["written"], &after["skipped"]),
        (&json!(0), &json!(events.len()))
    );
    let places = puts(&desk, "place.put", "place");
    assert!(
        places
            .values()
            .all(|place| place["category"].as_str().unwrap().starts_with("craft/"))
    );
    assert!(!places.is_empty());

    let limited = import(
        &desk,
        "osm",
        file,
        &["--only", "shop,amenity", "--limit", "10"],
    );
    assert_eq!(
        (&limited["taken"], &limited["written"]),
        (&json!(10), &json!(20))
    );
}

#[test]
fn products_and_tables() {
    let desk = desk();
    for (format, name, taken, refused) in [
        (
            "schema-org",
            "shop.jsonld",
            4,
            &["no_price", "unknown_type"][..],
        ),
        ("csv", "items.csv", 4, &["bad_price"]),
    ] {
        let file = data(name);
        let arguments = [
            &["import", format, "town", file.to_str().unwrap()][..],
            &ZONE,
        ]
        .concat();
        let report = desk.fails(1, &arguments).json();
        assert_eq!(report["taken"], json!(taken), "{report}");
        assert_eq!(report["written"], json!(taken + 1), "{report}");
        let codes: Vec<&Json> = report["refused"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| &row["code"])
            .collect();
        assert_eq!(json!(codes), json!(refused));
        let again = desk.fails(1, &arguments).json();
        assert_eq!(
            (&again["written"], &again["skipped"]),
            (&json!(0), &json!(taken + 1))
        );
    }
    let items = puts(&desk, "item.put", "item");
    assert_eq!(
        items["rye-500"]["price"],
        json!({"kind": "fixed", "currency": "EUR", "min": 490, "max": 490})
    );
    assert_eq!(items["rye-500"]["stock"], json!(24));
    assert_eq!(items["kettle"]["price"]["min"], json!(2990));
    assert_eq!(items["wiring"]["price"]["kind"], json!("hourly"));
    let places = puts(&desk, "place.put", "place");
    assert_eq!(
        places["workshop"]["geo"],
        json!({"lat": 601_841_000, "lon": 249_498_000})
    );
    let hours = places
        .values()
        .map(|place| place["opening_hours"].as_str().unwrap());
    assert_eq!(
        hours.collect::<Vec<_>>(),
        ["Tu-Fr 07:00-17:00; Sa 08:00-14:00", "Mo-Fr 09:00-17:00"]
    );
    let rye = items["rye-500"]["place"].as_str().unwrap();
    assert!(places.contains_key(rye));

    // only the row that changed is written
    let text = std::fs::read_to_string(data("items.csv")).unwrap();
    let text = text.replace("29,90", "31,00").replace("a lot", "1");
    let path = desk.path("items.csv");
    std::fs::write(&path, text).unwrap();
    let changed = import(&desk, "csv", &path, &[]);
    assert_eq!(changed["items"], json!({"new": 1, "changed": 1, "same": 3}));
}

#[test]
fn broken_files_write_nothing_and_say_where() {
    let desk = desk();
    let whole = std::fs::read(data("helsinki-places.osm.pbf")).unwrap();
    let mut damaged = whole.clone();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 0x55;
    let deep = "[".repeat(50_000) + &"]".repeat(50_000);
    let cases: [(&str, &str, &[u8], &str); 6] = [
        ("osm", "cut.osm.pbf", &whole[..whole.len() - 1], "block 3"),
        ("osm", "damaged.osm.pbf", &damaged, "block 2"),
        ("osm", "empty.osm.pbf", b"", "empty"),
        ("schema-org", "deep.json", deep.as_bytes(), "recursion"),
        (
            "schema-org",
            "cut.json",
            b"[{\"@type\":\"Service\",\"name\":\"S\"}",
            "line 1",
        ),
        ("csv", "latin.csv", b"t\xe4tle\nx\n", "UTF-8"),
    ];
    for (format, name, bytes, what) in cases {
        let path = desk.path(name);
        std::fs::write(&path, bytes).unwrap();
        let ended = desk.fails(1, &["import", format, "town", &path, "--zone", "UTC"]);
        assert!(
            ended.err.contains(what) && ended.err.contains(name),
            "{what}: {ended:?}"
        );
    }
    assert_eq!(desk.ok(&["tail", "--kind", "place.*", "--json"]).out, "");
    let missing = desk.path("missing.osm.pbf");
    desk.fails(6, &["import", "osm", "town", &missing]);
    desk.fails(2, &["import", "osm", "town", desk.root.to_str().unwrap()]);
    desk.fails(2, &["import", "csv", "town", "x.csv", "--zone", "+2"]);
    desk.fails(2, &["import", "csv", "town", "x.csv", "--currency", "gold"]);
    desk.ok(&["topic", "new", "other", "--app", "map"]);
    let path = desk.path("items.csv");
    std::fs::write(&path, "title,schema\nx,service/1\n").unwrap();
    let ended = desk.fails(2, &["import", "csv", "other", &path]);
    assert!(ended.err.contains("--app space"), "{ended:?}");
}

#[test]
fn who_may_not_write_is_told_before_anything_is_written() {
    let (anna, ben) = (desk(), Desk::new("phone"));
    let bundle = anna.path("town.synlog");
    anna.ok(&["bundle", "write", &bundle, "town"]);
    ben.ok(&["bundle", "read", &bundle]);
    let path = data("items.csv");
    let path = path.to_str().unwrap();
    let ended = ben.fails(3, &["import", "csv", "town", path, "--zone", "UTC"]);
    assert!(ended.err.contains("not_permitted"), "{ended:?}");
    let kinds: Vec<Json> = ben.ok(&["tail", "--json"]).json_lines();
    assert_eq!(kinds.len(), 2, "only the genesis and the reducer");
    // a member may, and what another member wrote is not written again
    let entity = ben.entity();
    anna.ok(&["topic", "grant", "town", &entity, "manager"]);
    anna.fails(1, &["import", "csv", "town", path, "--zone", "UTC"]);
    anna.ok(&["bundle", "write", &bundle, "town"]);
    ben.ok(&["bundle", "read", &bundle]);
    let report = ben
        .fails(
            1,
            &["import", "csv", "town", path, "--zone", "UTC", "--json"],
        )
        .json();
    assert_eq!(
        (&report["written"], &report["skipped"]),
        (&json!(0), &json!(5))
    );
}
