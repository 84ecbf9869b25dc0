//! A real town's catalog, and what one shop offers in it.

use crate::demo::stage::Stage;
use crate::failure::Failure;

/// The places of Helsinki: © OpenStreetMap contributors, ODbL 1.0 (see `tests/data/README.md`).
const PLACES: &[u8] = include_bytes!("../../../tests/data/helsinki-places.osm.pbf");

/// Makes the catalog and hands it to the clients.
pub(super) fn play(stage: &mut Stage) -> Result<(), Failure> {
    stage.chapter("A town's catalog, signed by one of its people");
    stage.say("Kallio Hardware keeps the list of the shops, eateries and crafts of Helsinki.");
    stage.say("Data: © OpenStreetMap contributors, ODbL 1.0, as of April 2019.");
    stage.file("helsinki.osm.pbf", PLACES)?;
    stage.synlog("provider", &["init", "--name", "shop-counter"])?;
    stage.say("The topic names the reducer whose rules apply: a WebAssembly module, by its hash.");
    stage.synlog("provider", &["topic", "new", "helsinki", "--app", "space"])?;
    stage.synlog(
        "provider",
        &[
            "space",
            "create",
            "helsinki",
            "Kallio Hardware",
            "--zone",
            "Europe/Helsinki",
            "--currency",
            "EUR",
        ],
    )?;
    stage.synlog(
        "provider",
        &[
            "import",
            "osm",
            "helsinki",
            "helsinki.osm.pbf",
            "--zone",
            "Europe/Helsinki",
        ],
    )?;
    stage.say("Each place is now an entry, folded into rows with indexes:");
    stage.synlog(
        "provider",
        &[
            "view",
            "query",
            "helsinki",
            "places",
            "by_category",
            "--equal",
            "craft/shoemaker",
            "--limit",
            "1",
        ],
    )?;
    stage.say("\nThe shop's own offer: one lock in stock, and visits by its only locksmith.");
    stage.synlog(
        "provider",
        &[
            "item",
            "put",
            "helsinki",
            "door-lock",
            "--schema",
            "goods/1",
            "--title",
            "Door lock, fitted",
            "--price-kind",
            "range",
            "--price-currency",
            "EUR",
            "--price-min",
            "15000",
            "--price-max",
            "19000",
            "--stock",
            "1",
        ],
    )?;
    stage.synlog(
        "provider",
        &[
            "resource",
            "put",
            "helsinki",
            "locksmith",
            "--title",
            "Visits by the locksmith",
            "--zone",
            "Europe/Helsinki",
            "--buffer-s",
            "30m",
        ],
    )?;
    stage.synlog(
        "provider",
        &[
            "availability",
            "put",
            "helsinki",
            "locksmith",
            "--rule",
            r#"{"days":[0,1,2,3,4,5,6],"from_s":28800,"to_s":64800}"#,
        ],
    )?;
    stage.say("An offer that breaks the rules of the app is refused before it is signed:");
    stage.synlog_fails(
        "provider",
        &["item", "stock", "helsinki", "door-lock", "--delta", "-5"],
        3,
    )?;
    stage.synlog(
        "provider",
        &["bundle", "write", "catalog.synlog", "helsinki"],
    )?;
    stage.leave("catalog.synlog", "the town's catalog, signed");
    stage.say("\nAino and Bert have keys of their own on machines of their own, and take it home.");
    for (home, name) in [("aino", "aino-phone"), ("bert", "bert-laptop")] {
        stage.synlog(home, &["init", "--name", name])?;
        stage.quietly(home, &["bundle", "read", "catalog.synlog"])?;
    }
    stage.say("What each of them agrees on with the shop is sealed: only the two can read it. So");
    stage.say("they tell the shop the keys to which things are sealed for them.");
    for (home, topic) in [("aino", "aino-and-kallio"), ("bert", "bert-and-kallio")] {
        let entity = stage.ask(home, &["whoami", "--json"], "entity")?;
        let member = format!("{entity}=client");
        stage.introduce(home, "provider")?;
        stage.synlog(
            "provider",
            &[
                "topic", "new", topic, "--app", "relation", "--member", &member,
            ],
        )?;
        stage.carry("provider", home, topic)?;
    }
    Ok(())
}
