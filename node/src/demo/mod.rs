//! `synlog demo`: a catalog of a real town, a race for a slot, orders between people
//! who meet with a stick, an audit, and everything that can go wrong, by real commands.
//!
//! Each line that begins with `$` is a command that runs as it stands; what
//! follows is what it printed. The few steps that no command offers (tampering,
//! a dishonest device, a disk that dies) are done here, and said so.

mod deal;
mod devices;
mod dishonest;
mod network;
mod slot;
mod stage;
mod tamper;
mod town;

use std::path::{Path, PathBuf};

use crate::failure::Failure;
use stage::Stage;

/// What the demo is asked for.
#[derive(Debug, Clone)]
pub struct DemoOptions {
    /// Where it leaves its files.
    pub dir: PathBuf,
}

/// Plays the whole story. Everything is left in the directory.
pub fn run(options: &DemoOptions) -> Result<(), Failure> {
    let mut stage = Stage::open(&options.dir)?;
    town::play(&mut stage)?;
    slot::play(&mut stage)?;
    let order = deal::play(&mut stage)?;
    deal::cancelled(&mut stage)?;
    network::play(&mut stage)?;
    devices::play(&mut stage)?;
    let topic = stranger(&mut stage)?;
    tampering(&mut stage)?;
    fork(&mut stage, &topic, &order)?;
    restore(&mut stage, &topic)?;
    curtain(&mut stage)
}

/// Somebody who knows neither of them checks the file, and replays it. Gives the topic.
fn stranger(stage: &mut Stage) -> Result<String, Failure> {
    stage.chapter("A mediator replays the history");
    stage
        .say("The shop writes down all of its history with Aino. Whoever finds the stick sees who");
    stage.say("signed when, and that nothing was changed; what it says is sealed:");
    stage.synlog(
        "provider",
        &["bundle", "write", "found.synlog", "aino-and-kallio"],
    )?;
    stage.synlog("", &["verify", "found.synlog"])?;
    stage.say("\nThe two let a mediator read, who may write nothing. She tells the key to which");
    stage.say("things are sealed for her, and gets the history from its first entry on:");
    stage.synlog("mediator", &["init", "--name", "desk"])?;
    stage.introduce("mediator", "provider")?;
    let mediator = stage.ask("mediator", &["whoami", "--json"], "entity")?;
    stage.synlog(
        "provider",
        &["topic", "role", "aino-and-kallio", "mediator"],
    )?;
    stage.synlog(
        "provider",
        &["topic", "grant", "aino-and-kallio", &mediator, "mediator"],
    )?;
    stage.synlog(
        "provider",
        &["bundle", "write", "order.synlog", "aino-and-kallio"],
    )?;
    stage.synlog("mediator", &["verify", "order.synlog", "--unseal"])?;
    stage.say("\nThe audit, as one page to read and print, made from nothing but file and key:");
    stage.synlog(
        "mediator",
        &[
            "audit",
            "--bundle",
            "order.synlog",
            "--unseal",
            "--html",
            "audit.html",
        ],
    )?;
    stage.say("\nTo the court goes one entry alone, with the key of that entry:");
    let quote = stage.ask_line(
        "provider",
        &["tail", "aino-and-kallio", "--kind", "order.quote", "--json"],
        "id",
    )?;
    stage.synlog(
        "provider",
        &["entry", "disclose", &quote, "-o", "quote.disclosure"],
    )?;
    stage.synlog("", &["entry", "check", "quote.disclosure"])?;
    stage.leave(
        "quote.disclosure",
        "one entry, disclosed: `synlog entry check` it",
    );
    stage.leave("order.synlog", "Aino's order: `synlog verify` it");
    stage.leave("audit.html", "its history as a page: open it in a browser");
    stage.ask(
        "provider",
        &["topic", "show", "aino-and-kallio", "--json"],
        "topic",
    )
}

/// What happens to a bundle that was changed.
fn tampering(stage: &mut Stage) -> Result<(), Failure> {
    stage.chapter("Tampering");
    let good = stage.read("order.synlog")?;
    stage.say("One bit flipped on the stick (done here by the demo):");
    stage.file("flipped.synlog", &tamper::flip(&good))?;
    stage.synlog_fails("", &["verify", "flipped.synlog"], 1)?;
    stage.say("\nWhat is sealed changed, and every checksum, hash and link computed anew:");
    stage.file("forged.synlog", &tamper::change_event(&good)?)?;
    stage.synlog_fails("", &["verify", "forged.synlog"], 1)?;
    stage.leave("forged.synlog", "the order with a forged event: refused");
    Ok(())
}

/// A device that signs two histories.
fn fork(stage: &mut Stage, topic: &str, order: &str) -> Result<(), Failure> {
    stage.chapter("A device that tells two stories");
    stage.say("Aino's phone is broken into. The thief tells two stories under one number:");
    stage.say("to the shop that all is well, to the court that nothing works (done by the demo).");
    let id = topic
        .parse()
        .map_err(|_| Failure::System("the topic has no id".into()))?;
    let [one, other] =
        dishonest::two_stories(crate::home::Home::at(&stage.path("aino")), &id, order)?;
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
    stage.say("Whoever reads it, here the mediator, comes to the same cut:");
    stage.synlog("mediator", &["bundle", "read", "fork.synlog"])?;
    stage.synlog(
        "mediator",
        &["tail", "aino-and-kallio", "--order", "--status", "void"],
    )?;
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
    let words = [
        "say",
        "aino-and-kallio",
        "--text",
        "the lock is guaranteed for a year",
    ];
    stage.synlog("provider", &words)?;
    stage.synlog(
        "provider",
        &["bundle", "write", "last.synlog", "aino-and-kallio"],
    )?;
    stage.remove("provider")?;
    stage.copy("backup", "provider")?;
    stage.say("The backup does not know the last entry. Signing now would make a second story:");
    stage.synlog_fails(
        "provider",
        &["say", "aino-and-kallio", "--text", "hello"],
        5,
    )?;
    stage.say("So it gets back what others have of it, and a new device key that takes over:");
    stage.synlog("provider", &["bundle", "read", "last.synlog"])?;
    stage.synlog("provider", &["device", "renew", "--name", "shop-counter-2"])?;
    stage.synlog(
        "provider",
        &["say", "aino-and-kallio", "--text", "we are back"],
    )?;
    stage.synlog(
        "provider",
        &["bundle", "write", "after-restore.synlog", "aino-and-kallio"],
    )?;
    stage.synlog("mediator", &["bundle", "read", "after-restore.synlog"])?;
    stage.synlog("mediator", &["view", "list", "aino-and-kallio", "messages"])?;
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
