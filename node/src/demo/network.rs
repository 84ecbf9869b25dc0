//! Two machines that find each other, work apart, and come together again.
//!
//! Both run on this one machine here, over the loopback: the connections are as real as
//! between two.

use crate::demo::stage::Stage;
use crate::failure::Failure;

const TOPIC: &str = "sanna-and-kallio";

/// Plays it.
pub(super) fn play(stage: &mut Stage) -> Result<(), Failure> {
    meet(stage)?;
    apart(stage)?;
    stage.down("sanna")?;
    stage.down("provider")
}

/// The shop's node runs; Sanna takes its ticket and has the catalog, then a place of
/// their own.
fn meet(stage: &mut Stage) -> Result<(), Failure> {
    stage.chapter("Over the network");
    stage.say("The shop leaves its node running. Sanna's phone scans the ticket in the window");
    stage.say("and has the catalog: the connection is encrypted, every entry is checked.");
    stage.up("provider")?;
    stage.synlog("sanna", &["init", "--name", "phone"])?;
    stage.up("sanna")?;
    let ticket = stage.ticket("provider", "helsinki")?;
    stage.synlog_as("sanna", &["join", &ticket], &["join", "synlog1…"])?;
    stage.synlog("sanna", &["sync", "--once"])?;
    stage.synlog(
        "sanna",
        &["view", "list", "helsinki", "items", "--limit", "3"],
    )?;
    stage.say("\nThe shop opens a topic for the two of them. What is said there goes to Sanna's");
    stage.say("node as it is written; commands on both sides run in the running nodes.");
    let sanna = stage.ask("sanna", &["whoami", "--json"], "entity")?;
    let member = format!("{sanna}=client");
    stage.synlog(
        "provider",
        &[
            "topic", "new", TOPIC, "--app", "relation", "--member", &member,
        ],
    )?;
    let ticket = stage.ticket("provider", TOPIC)?;
    stage.synlog_as("sanna", &["join", &ticket], &["join", "synlog1…"])?;
    stage.synlog("sanna", &["sync", "--once"])?;
    stage.synlog(
        "sanna",
        &["say", TOPIC, "--text", "is the door lock in stock?"],
    )?;
    stage.synlog("sanna", &["sync", "--once"])?;
    stage.synlog("provider", &["view", "list", TOPIC, "messages"])?;
    stage.synlog("provider", &["peers"])?;
    Ok(())
}

/// Both write while they can't reach each other; nobody does anything for them to meet.
fn apart(stage: &mut Stage) -> Result<(), Failure> {
    stage.chapter("Apart, and together again");
    stage.say("Sanna is in the metro; both go on writing. What the other can't know yet is");
    stage.say("tentative (○).");
    stage.down("sanna")?;
    stage.synlog("sanna", &["say", TOPIC, "--text", "then I come by at five"])?;
    stage.synlog("provider", &["say", TOPIC, "--text", "one is left"])?;
    stage.synlog("sanna", &["view", "list", TOPIC, "messages"])?;
    stage.say("\nBack above ground: the nodes find each other without being told.");
    stage.up("sanna")?;
    stage.synlog("sanna", &["sync", "--once"])?;
    stage.synlog("sanna", &["view", "list", TOPIC, "messages"])?;
    stage.say("Both hold the same, in the same order, with the same rows:");
    stage.same_digest(TOPIC, &["provider", "sanna"])
}
