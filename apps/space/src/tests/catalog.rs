//! Profile, capabilities, places, items and ads.

use synlog_reducer::cbor::Value;

use super::host::{DAY, Host, MANAGER, NOW, OWNER, VISITOR, Who, b, entity, map, n, t, with};
use crate::State;

pub(super) fn created() -> Host {
    let mut host = Host::default();
    let body = map([("name", t("Leipomo")), ("zone", t("Europe/Helsinki"))]);
    host.write(OWNER, "space.create", &body).unwrap();
    host
}

pub(super) fn bread() -> Value {
    map([
        ("item", t("bread")),
        ("schema", t("goods/1")),
        ("title", t("Ruisleipä")),
        (
            "price",
            map([
                ("kind", t("fixed")),
                ("currency", t("EUR")),
                ("min", n(350)),
            ]),
        ),
        ("stock", n(5)),
    ])
}

pub(super) fn grant(capability: &str, until: Option<i64>) -> Value {
    let body = map([
        ("subject", b(entity(MANAGER.1))),
        ("capability", t(capability)),
    ]);
    with(&body, &[("until", until.map(n))])
}

pub(super) fn take(revision: [u8; 32], quantity: i64) -> Value {
    map([
        ("item", t("bread")),
        ("revision", b(revision)),
        ("quantity", n(quantity)),
        ("c", b([7; 32])),
    ])
}

pub(super) fn free(take: [u8; 32], quantity: i64) -> Value {
    map([
        ("item", t("bread")),
        ("take", b(take)),
        ("quantity", n(quantity)),
    ])
}

fn state(state: &str) -> Value {
    map([("item", t("bread")), ("state", t(state))])
}

pub(super) fn stock(delta: i64) -> Value {
    map([("item", t("bread")), ("delta", n(delta))])
}

pub(super) fn code(outcome: Result<[u8; 32], String>) -> String {
    outcome.err().unwrap_or_else(|| "ok".to_owned())
}

#[test]
fn a_profile_is_created_once_and_changed_in_parts() {
    let mut host = Host::default();
    let name = map([("name", t("Uusi"))]);
    assert_eq!(
        code(host.write(OWNER, "space.brand", &name)),
        "unknown_space"
    );
    let create = map([("name", t("Vanha")), ("zone", t("Europe/Helsinki"))]);
    assert_eq!(
        code(host.write(MANAGER, "space.create", &create)),
        "no_capability"
    );
    assert_eq!(code(host.write(OWNER, "space.create", &create)), "ok");
    assert_eq!(code(host.write(OWNER, "space.create", &create)), "exists");
    for (kind, body, expected) in [
        ("space.brand", name, "ok"),
        ("space.brand", map([("colour", t("#10a0Ff"))]), "ok"),
        ("space.brand", map([("colour", t("red"))]), "bad_field"),
        ("space.brand", map([("name", t(""))]), "bad_field"),
        ("space.brand", map([("logo", b([1; 32]))]), "ok"),
        (
            "space.brand",
            map([("logo", Value::Bytes(vec![1; 31]))]),
            "bad_event",
        ),
        ("space.policy", map([("notice_s", n(3_600))]), "ok"),
        ("space.policy", map([("notice_s", n(-1))]), "bad_field"),
        (
            "space.policy",
            map([(
                "return_terms",
                map([("window_s", n(86_400)), ("fee_bp", n(0))]),
            )]),
            "ok",
        ),
        (
            "space.policy",
            map([(
                "cancellation_terms",
                Value::Array(vec![map([("stage", t("packed")), ("fee_bp", n(5_000))])]),
            )]),
            "ok",
        ),
        (
            "space.policy",
            map([(
                "cancellation_terms",
                Value::Array(vec![map([("stage", t("packed")), ("fee_bp", n(10_001))])]),
            )]),
            "bad_field",
        ),
        (
            "space.payment_types",
            map([("types", Value::Array(vec![t("cash"), t("card")]))]),
            "ok",
        ),
        (
            "space.payment_types",
            map([("types", t("cash"))]),
            "bad_event",
        ),
    ] {
        assert_eq!(
            code(host.write(OWNER, kind, &body)),
            expected,
            "{kind} {body:?}"
        );
    }
    let row = host.table("space").remove(0);
    for (column, value) in [
        ("name", t("Uusi")),
        ("zone", t("Europe/Helsinki")),
        ("colour", t("#10a0Ff")),
        ("logo", b([1; 32])),
        ("notice_s", n(3_600)),
        ("payment_types", Value::Array(vec![t("cash"), t("card")])),
    ] {
        assert_eq!(row.get(column), Some(&value), "{column}");
    }
}

#[test]
fn managers_do_what_they_were_let() {
    // (capability, until, instant of the event, kind, may)
    for (capability, until, at, kind, may) in [
        ("catalog", None, NOW, "item.put", true),
        ("catalog", None, NOW, "item.stock", false),
        ("stock", None, NOW, "item.put", false),
        ("stock", None, NOW, "item.stock", true),
        ("booking", None, NOW, "item.put", false),
        ("all", None, NOW, "item.put", true),
        ("all", None, NOW, "space.brand", true),
        ("catalog", None, NOW, "space.brand", false),
        ("all", None, NOW, "space.grant", false),
        ("all", Some(NOW + DAY), NOW + DAY, "item.put", true),
        ("all", Some(NOW + DAY), NOW + DAY + 1, "item.put", false),
    ] {
        let mut host = created();
        host.write(OWNER, "item.put", &bread()).unwrap();
        host.write(OWNER, "space.grant", &grant(capability, until))
            .unwrap();
        let body = match kind {
            "item.put" => bread(),
            "item.stock" => stock(1),
            "space.grant" => grant("stock", None),
            _ => map([("about", t("Hyvää leipää"))]),
        };
        let expected = if may { "ok" } else { "no_capability" };
        assert_eq!(
            code(host.at(at, MANAGER, kind, &body)),
            expected,
            "{capability} {kind}"
        );
        assert_eq!(code(host.at(at, VISITOR, kind, &body)), "no_capability");
        host.write(
            OWNER,
            "space.revoke",
            &map([("subject", b(entity(2))), ("capability", t(capability))]),
        )
        .unwrap();
        assert_eq!(
            code(host.at(at, MANAGER, kind, &body)),
            "no_capability",
            "{kind} after"
        );
    }
}

#[test]
fn capabilities_are_replaced_and_bounded() {
    let mut host = created();
    host.write(OWNER, "space.grant", &grant("stock", Some(NOW)))
        .unwrap();
    host.write(OWNER, "space.grant", &grant("stock", Some(NOW + 1)))
        .unwrap();
    assert_eq!(host.table("managers").len(), 1);
    assert_eq!(
        code(host.write(OWNER, "space.grant", &grant("everything", None))),
        "bad_field"
    );
    let unknown = map([("subject", b(entity(8))), ("capability", t("stock"))]);
    assert_eq!(
        code(host.write(OWNER, "space.revoke", &unknown)),
        "unknown_grant"
    );
    let other = |number: u8| with(&grant("all", None), &[("subject", Some(b(entity(number))))]);
    for number in 0..127 {
        host.write(OWNER, "space.grant", &other(number + 10))
            .unwrap();
    }
    assert_eq!(code(host.write(OWNER, "space.grant", &other(200))), "full");
    // What has lapsed makes room.
    assert_eq!(
        code(host.at(NOW + 2, OWNER, "space.grant", &other(200))),
        "ok"
    );
    assert_eq!(host.table("managers").len(), 128);
}

#[test]
fn an_item_goes_its_way_and_ends() {
    let stages = ["draft", "active", "paused", "retired"];
    // The way to each stage, and where it can go from there.
    for (way, goes_to) in [
        (&["draft"][..], &["active", "retired"][..]),
        (&["active"], &["paused", "retired"]),
        (&["active", "paused"], &["active", "retired"]),
    ] {
        for next in stages {
            let mut host = created();
            let put = with(&bread(), &[("state", Some(t(way[0])))]);
            host.write(OWNER, "item.put", &put).unwrap();
            for stage in &way[1..] {
                host.write(OWNER, "item.state", &state(stage)).unwrap();
            }
            let expected = if goes_to.contains(&next) {
                "ok"
            } else {
                "bad_transition"
            };
            assert_eq!(
                code(host.write(OWNER, "item.state", &state(next))),
                expected,
                "{way:?} {next}"
            );
        }
    }
    let mut host = created();
    assert_eq!(
        code(host.write(OWNER, "item.state", &state("active"))),
        "unknown_item"
    );
    let paused = with(&bread(), &[("state", Some(t("paused")))]);
    assert_eq!(
        code(host.write(OWNER, "item.put", &paused)),
        "bad_transition"
    );
    let draft = with(&bread(), &[("state", Some(t("draft")))]);
    let put = host.write(OWNER, "item.put", &draft).unwrap();
    assert_eq!(
        code(host.write(OWNER, "item.take", &take(put, 1))),
        "not_available"
    );
    host.write(OWNER, "item.state", &state("active")).unwrap();
    assert_eq!(
        code(host.write(OWNER, "item.put", &draft)),
        "bad_transition"
    );
    let taken = host.write(OWNER, "item.take", &take(put, 1)).unwrap();
    assert_eq!(
        code(host.write(OWNER, "item.state", &state("sold"))),
        "bad_field"
    );
    host.write(OWNER, "item.state", &state("retired")).unwrap();
    let before = host.states.clone();
    for (kind, body) in [
        ("item.put", bread()),
        ("item.state", state("active")),
        ("item.stock", stock(1)),
        ("item.take", take(put, 1)),
        ("item.free", free(taken, 1)),
    ] {
        assert_eq!(code(host.write(OWNER, kind, &body)), "final", "{kind}");
    }
    assert_eq!(host.states, before);
}

#[test]
fn wrong_items_are_refused() {
    let price = |kind: &str| map([("kind", t(kind)), ("currency", t("EUR")), ("min", n(1))]);
    let group = |min: i64, max: i64, choices: usize| {
        let choice = map([("name", t("large")), ("add_minor", n(-50))]);
        Value::Array(vec![map([
            ("name", t("size")),
            ("min", n(min)),
            ("max", n(max)),
            ("choices", Value::Array(vec![choice; choices])),
        ])])
    };
    let images = |count: usize, size: i64, media_type: &str| {
        let image = map([
            ("blob", b([1; 32])),
            ("size", n(size)),
            ("type", t(media_type)),
        ]);
        Value::Array(vec![image; count])
    };
    for (field, value, expected) in [
        ("title", Some(t("")), "bad_schema"),
        ("title", None, "bad_event"),
        ("schema", Some(t("goods/9")), "bad_schema"),
        ("price", Some(price("hourly")), "bad_schema"),
        ("price", None, "bad_event"),
        ("item", Some(t("Bread")), "bad_field"),
        ("item", Some(n(1)), "bad_event"),
        ("place", Some(t("no place")), "bad_schema"),
        ("images", Some(images(16, 5_000, "image/webp")), "ok"),
        (
            "images",
            Some(images(17, 5_000, "image/webp")),
            "bad_schema",
        ),
        ("images", Some(images(1, 16 << 20, "image/avif")), "ok"),
        ("images", Some(images(1, 1, "image/png")), "ok"),
        (
            "images",
            Some(images(1, (16 << 20) + 1, "image/jpeg")),
            "bad_image",
        ),
        ("images", Some(images(1, 0, "image/jpeg")), "bad_image"),
        ("images", Some(images(1, 9, "image/svg+xml")), "bad_image"),
        ("images", Some(images(1, 9, "video/mp4")), "bad_image"),
        ("images", Some(Value::Array(vec![b([1; 32])])), "bad_event"),
        (
            "fulfilment",
            Some(Value::Array(vec![t("pickup"), t("delivery")])),
            "ok",
        ),
        (
            "fulfilment",
            Some(Value::Array(vec![t("telepathy")])),
            "bad_schema",
        ),
        ("options", Some(group(0, 1, 1)), "ok"),
        ("options", Some(group(1, 2, 1)), "bad_schema"),
        ("options", Some(group(2, 1, 3)), "bad_schema"),
        ("options", Some(group(0, 0, 3)), "bad_schema"),
        ("attributes", Some(map([("weight_g", n(400))])), "ok"),
        (
            "attributes",
            Some(map([("weight_g", t("400 g"))])),
            "bad_schema",
        ),
        ("state", Some(t("lost")), "bad_field"),
        ("description", Some(t(&"x".repeat(4_001))), "bad_schema"),
        ("description", Some(Value::Null), "ok"),
        ("something", Some(t("else")), "ok"),
    ] {
        let body = with(&bread(), &[(field, value.clone())]);
        let outcome = code(created().write(OWNER, "item.put", &body));
        assert_eq!(outcome, expected, "{field} {value:?}");
    }
}

#[test]
fn places_and_ads_come_and_go() {
    let place = map([
        ("place", t("kallio")),
        ("name", t("Kallion leipomo")),
        ("category", t("shop/bakery")),
        (
            "geo",
            map([("lat", n(601_699_000)), ("lon", n(249_384_000))]),
        ),
        ("zone", t("Europe/Helsinki")),
    ]);
    let ad = map([
        ("ad", t("summer")),
        ("terms", t("leipä pulla")),
        ("from", n(NOW)),
        ("until", n(NOW + DAY)),
    ]);
    let mut host = created();
    for (who, kind, body, expected) in [
        (
            OWNER,
            "place.remove",
            map([("place", t("kallio"))]),
            "unknown_place",
        ),
        (OWNER, "place.put", place.clone(), "ok"),
        (
            OWNER,
            "place.put",
            with(
                &place,
                &[("geo", Some(map([("lat", n(900_000_001)), ("lon", n(0))])))],
            ),
            "bad_field",
        ),
        (
            OWNER,
            "place.put",
            with(
                &place,
                &[("geo", Some(map([("lat", n(1 << 40)), ("lon", n(0))])))],
            ),
            "bad_event",
        ),
        (
            OWNER,
            "place.put",
            with(&place, &[("radius_m", Some(n(-1)))]),
            "bad_field",
        ),
        (
            OWNER,
            "place.put",
            with(&place, &[("opening_hours", Some(t(&"x".repeat(1_001))))]),
            "bad_field",
        ),
        (
            OWNER,
            "place.put",
            with(&place, &[("opening_hours", Some(t("Mo-Fr 07:00-17:00")))]),
            "ok",
        ),
        (OWNER, "ad.put", ad.clone(), "ok"),
        (
            OWNER,
            "ad.put",
            with(&ad, &[("until", Some(n(NOW)))]),
            "bad_field",
        ),
        (OWNER, "ad.remove", map([("ad", t("winter"))]), "unknown_ad"),
    ] {
        let who: Who = who;
        assert_eq!(
            code(host.write(who, kind, &body)),
            expected,
            "{kind} {body:?}"
        );
    }
    let row = host.table("places").remove(0);
    assert_eq!(row.get("cell"), Some(&t("ud9wr")));
    assert_eq!(row.get("opening_hours"), Some(&t("Mo-Fr 07:00-17:00")));
    assert!(matches!(host.state("ad/summer"), Some(State::Ad(_))));
    host.write(OWNER, "place.remove", &map([("place", t("kallio"))]))
        .unwrap();
    host.write(OWNER, "ad.remove", &map([("ad", t("summer"))]))
        .unwrap();
    assert_eq!(host.states.len(), 1);
}
