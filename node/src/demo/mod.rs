//! `synlog demo`: a catalog of a real town, an order between two people who meet
//! with a stick, and everything that can go wrong, shown by real commands.
//!
//! Each line that begins with `$` is a command that runs as it stands; what
//! follows is what it printed. The few steps that no command offers (tampering,
//! a dishonest device, a disk that dies) are done here, and said so.

mod dishonest;
mod stage;
mod tamper;

use std::path::{Path, PathBuf};

use crate::failure::Failure;
use stage::Stage;

/// The places of Helsinki: © OpenStreetMap contributors, ODbL 1.0 (see `tests/data/README.md`).
const PLACES: &str = include_str!("../../../tests/data/helsinki-places.jsonl");

/// What the demo is asked for.
#[derive(Debug, Clone)]
pub struct DemoOptions {
    /// Where it leaves its files.
    pub dir: PathBuf,
}

/// Plays the whole story. Everything is left in the directory.
pub fn run(options: &DemoOptions) -> Result<(), Failure> {
    let mut stage = Stage::open(&options.dir)?;
    town(&mut stage)?;
    let topic = order(&mut stage)?;
    stranger(&mut stage)?;
    tampering(&mut stage)?;
    fork(&mut stage, &topic)?;
    restore(&mut stage, &topic)?;
    curtain(&mut stage)
}

/// A town's catalog, signed.
fn town(stage: &mut Stage) -> Result<(), Failure> {
    stage.chapter("A town's catalog, signed by one of its people");
    stage.say("Kallio Hardware keeps the list of the shops, eateries and crafts of Helsinki.");
    stage.say("Data: © OpenStreetMap contributors, ODbL 1.0, as of April 2019.");
    stage.file("places.jsonl", PLACES.as_bytes())?;
    stage.synlog("provider", &["init", "--name", "shop-counter"])?;
    stage.synlog(
        "provider",
        &["topic", "new", "helsinki", "--app", "catalog"],
    )?;
    stage.synlog(
        "provider",
        &[
            "import",
            "jsonl",
            "places.jsonl",
            "--topic",
            "helsinki",
            "--kind",
            "place.put",
        ],
    )?;
    stage.say("Each place is now an entry: signed, linked to the one before it, on disk.");
    stage.synlog("provider", &["tail", "helsinki", "--last", "2"])?;
    stage.synlog(
        "provider",
        &["bundle", "write", "catalog.synlog", "helsinki"],
    )?;
    Ok(())
}

/// An order between two people, carried by stick. Gives the topic.
fn order(stage: &mut Stage) -> Result<String, Failure> {
    stage.chapter("Two people trade, offline");
    stage.say("Aino has her own keys on her own machine. She takes the catalog home on a stick.");
    stage.synlog("client", &["init", "--name", "aino-phone"])?;
    stage.synlog("client", &["bundle", "read", "catalog.synlog"])?;
    let aino = stage.ask("client", &["whoami", "--json"], "entity")?;
    stage.say(
        "The shop opens a topic for the two of them. Its feed will decide the order of events.",
    );
    let member = format!("{aino}=client");
    stage.synlog(
        "provider",
        &[
            "topic",
            "new",
            "aino-and-kallio",
            "--app",
            "relation",
            "--member",
            &member,
            "--role",
            "client=order.*,pay.*",
        ],
    )?;
    stage.synlog(
        "provider",
        &["bundle", "write", "stick-1.synlog", "aino-and-kallio"],
    )?;
    stage.synlog("client", &["bundle", "read", "stick-1.synlog"])?;
    stage.say("Aino orders. Until the shop has seen it, her entry is tentative (○, not ●).");
    stage.synlog(
        "client",
        &[
            "append",
            "aino-and-kallio",
            "order.request",
            "--body",
            r#"{"item":"door lock, fitted","quantity":1}"#,
            "--erasable",
            r#"{"street":"Vaasankatu 10","phone":"+358 40 555 0100"}"#,
        ],
    )?;
    stage.synlog("client", &["tail", "aino-and-kallio", "--order"])?;
    stage.synlog(
        "client",
        &["bundle", "write", "stick-2.synlog", "aino-and-kallio"],
    )?;
    stage.say("At the shop: reading the stick places her entry in the sequence.");
    stage.synlog("provider", &["bundle", "read", "stick-2.synlog"])?;
    stage.synlog(
        "provider",
        &[
            "append",
            "aino-and-kallio",
            "order.quote",
            "--body",
            r#"{"price":{"currency":"EUR","minor":18900},"valid_days":14}"#,
        ],
    )?;
    stage.say("An event that Aino's role may not write is refused before it is signed.");
    stage.synlog_fails(
        "client",
        &["append", "aino-and-kallio", "shop.close", "--body", "{}"],
        3,
    )?;
    stage.synlog(
        "provider",
        &["bundle", "write", "stick-3.synlog", "aino-and-kallio"],
    )?;
    stage.synlog("client", &["bundle", "read", "stick-3.synlog"])?;
    stage.say("Both now see the same sequence; one digest says so.");
    stage.synlog("provider", &["tail", "aino-and-kallio", "--order"])?;
    stage.same_digest("aino-and-kallio", &["provider", "client"])?;
    stage.ask(
        "provider",
        &["topic", "show", "aino-and-kallio", "--json"],
        "topic",
    )
}

/// Somebody who knows neither of them checks the file.
fn stranger(stage: &mut Stage) -> Result<(), Failure> {
    stage.chapter("A stranger checks the file");
    stage.say("A mediator gets only stick-3.synlog: no keys, no network, no store.");
    stage.synlog("", &["verify", "stick-3.synlog"])?;
    stage.leave("stick-3.synlog", "the order: `synlog verify` it");
    stage.leave("catalog.synlog", "the town's catalog, signed");
    Ok(())
}

/// What happens to a bundle that was changed.
fn tampering(stage: &mut Stage) -> Result<(), Failure> {
    stage.chapter("Tampering");
    let good = stage.read("stick-3.synlog")?;
    stage.say("One bit flipped on the stick (done here by the demo):");
    stage.file("flipped.synlog", &tamper::flip(&good))?;
    stage.synlog_fails("", &["verify", "flipped.synlog"], 1)?;
    stage.say("\nThe price changed from 189.00 to 18.90, and every checksum, hash and link computed anew:");
    stage.file("cheaper.synlog", &tamper::change_price(&good, 1_890)?)?;
    stage.synlog_fails("", &["verify", "cheaper.synlog"], 1)?;
    stage.leave("cheaper.synlog", "the order with a forged price: refused");
    Ok(())
}

/// A device that signs two histories.
fn fork(stage: &mut Stage, topic: &str) -> Result<(), Failure> {
    stage.chapter("A device that tells two stories");
    stage.say("Aino's phone is broken into. The thief signs two payment claims under one number,");
    stage.say("189.00 for the shop and 18.90 for the tax office (done here by the demo).");
    let id = topic
        .parse()
        .map_err(|_| Failure::System("the topic has no id".into()))?;
    let [one, other] = dishonest::two_stories(crate::home::Home::at(&stage.path("client")), &id)?;
    stage.file("story-1.synlog", &one)?;
    stage.file("story-2.synlog", &other)?;
    stage.synlog("provider", &["bundle", "read", "story-1.synlog"])?;
    stage.say(
        "Sooner or later both stories meet. The pair of signatures is the proof. The story that",
    );
    stage.say("the shop placed first stays, the other is void:");
    stage.synlog("provider", &["bundle", "read", "story-2.synlog"])?;
    stage.synlog(
        "provider",
        &["bundle", "write", "fork.synlog", "aino-and-kallio"],
    )?;
    stage.say("Whoever reads it, here one with new keys, comes to the same cut:");
    stage.synlog("mediator", &["init", "--name", "desk"])?;
    stage.synlog("mediator", &["bundle", "read", "fork.synlog"])?;
    stage.synlog("mediator", &["tail", "aino-and-kallio", "--order"])?;
    stage.same_digest("aino-and-kallio", &["provider", "mediator"])?;
    stage.leave("fork.synlog", "the same order with the proof of the fork");
    Ok(())
}

/// A disk that dies, and the backup.
fn restore(stage: &mut Stage, topic: &str) -> Result<(), Failure> {
    stage.chapter("A disk dies, a backup is restored");
    stage.say(
        "The shop backs its data up, goes on working, hands out a bundle; then its disk dies.",
    );
    stage.copy("provider", "backup")?;
    let body = r#"{"note":"lock fitted on Tuesday"}"#;
    stage.synlog(
        "provider",
        &["append", "aino-and-kallio", "visit.done", "--body", body],
    )?;
    stage.synlog(
        "provider",
        &["bundle", "write", "last.synlog", "aino-and-kallio"],
    )?;
    stage.remove("provider")?;
    stage.copy("backup", "provider")?;
    stage.say("The backup does not know the last entry. Signing now would make a second story:");
    stage.synlog_fails(
        "provider",
        &["append", "aino-and-kallio", "visit.done", "--body", "{}"],
        5,
    )?;
    stage.say("So it gets back what others have of it, and a new device key that takes over:");
    stage.synlog("provider", &["bundle", "read", "last.synlog"])?;
    stage.synlog("provider", &["device", "renew", "--name", "shop-counter-2"])?;
    stage.synlog(
        "provider",
        &[
            "append",
            "aino-and-kallio",
            "order.complete",
            "--body",
            "{}",
        ],
    )?;
    stage.synlog(
        "provider",
        &["bundle", "write", "after-restore.synlog", "aino-and-kallio"],
    )?;
    stage.synlog("mediator", &["bundle", "read", "after-restore.synlog"])?;
    stage.synlog("mediator", &["tail", "aino-and-kallio", "--order"])?;
    stage.same_digest(topic, &["provider", "mediator"])?;
    stage.leave(
        "after-restore.synlog",
        "the whole history: fork, restored backup, new device",
    );
    Ok(())
}

fn curtain(stage: &mut Stage) -> Result<(), Failure> {
    stage.chapter("What this proves, and what it can't");
    stage
        .say("Proven: who signed what, in which order the shop placed it, that nothing in between");
    stage.say("was changed or left out, and that a device told two stories.");
    stage.say(
        "Not proven: that a feed has no later entries (a tail can be withheld), that a claimed",
    );
    stage.say("time is true, that what somebody signed is so.\n");
    println!(
        "Left in {} ({:.1} s):",
        shown(stage.dir()),
        stage.elapsed_s()
    );
    for (name, what) in stage.left_behind() {
        println!("  {name:<22} {what}");
    }
    println!(
        "Go on by hand: cd {}; synlog verify after-restore.synlog",
        shown(stage.dir())
    );
    Ok(())
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}
