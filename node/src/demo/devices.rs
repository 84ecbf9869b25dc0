//! A stall with two devices: one joins over the network, a member is removed, and the
//! device that decided the order is lost. All of it between running nodes.

use crate::demo::stage::Stage;
use crate::failure::Failure;

const TOPIC: &str = "garden";

/// Plays it.
pub(super) fn play(stage: &mut Stage) -> Result<(), Failure> {
    joins(stage)?;
    removed(stage)?;
    lost(stage)?;
    for home in ["otso", "ilse", "office"] {
        stage.down(home)?;
    }
    Ok(())
}

fn entity(stage: &Stage, home: &str) -> Result<String, Failure> {
    stage.ask(home, &["whoami", "--json"], "entity")
}

/// Lets somebody have the topic from another's node.
fn join(stage: &mut Stage, who: &str, from: &str, topic: &str) -> Result<(), Failure> {
    let ticket = stage.ticket(from, topic)?;
    stage.synlog_as(who, &["join", &ticket], &["join", "synlog1…"])?;
    stage.synlog(who, &["sync", "--once", from])?;
    Ok(())
}

/// Ruut's second machine becomes a device of hers and has all she has.
fn joins(stage: &mut Stage) -> Result<(), Failure> {
    stage.chapter("A second device");
    stage.say("Ruut sells soil at the market. Ilse and Otso called her node before, so that");
    stage.say("she can invite them; what the three write only they can read.");
    stage.synlog("stall", &["init", "--name", "stall"])?;
    stage.quietly("ilse", &["init", "--name", "phone"])?;
    stage.quietly("otso", &["init", "--name", "laptop"])?;
    for home in ["stall", "ilse", "otso"] {
        stage.up(home)?;
    }
    let ticket = stage.ask("stall", &["invite", "--json"], "ticket")?;
    for home in ["ilse", "otso"] {
        stage.synlog_as(home, &["join", &ticket], &["join", "synlog1…"])?;
        stage.synlog(home, &["sync", "--once"])?;
    }
    let members = [entity(stage, "ilse")?, entity(stage, "otso")?].map(|id| format!("{id}=client"));
    stage.synlog(
        "stall",
        &[
            "topic",
            "new",
            TOPIC,
            "--app",
            "relation",
            "--member",
            &members[0],
            "--member",
            &members[1],
        ],
    )?;
    join(stage, "ilse", "stall", TOPIC)?;
    join(stage, "otso", "stall", TOPIC)?;
    stage.synlog(
        "ilse",
        &["say", TOPIC, "--text", "two bags of soil, please"],
    )?;
    stage.say("\nHer PC at home asks to be a device of hers. She compares four words on both");
    stage.say("screens; the answer brings it her keys, sealed, and the network the rest:");
    let ruut = entity(stage, "stall")?;
    let request = ["device", "request", "--for", &ruut, "--name", "office"];
    stage.synlog("office", &request)?;
    let request = stage.ask("office", &[&request[..], &["--json"]].concat(), "request")?;
    let add = ["device", "add", &request, "--yes"];
    let answer = stage.ask("stall", &[&add[..], &["--json"]].concat(), "answer")?;
    stage.synlog_as(
        "office",
        &["device", "accept", &answer],
        &["device", "accept", "SYNLOG:DEVICE-ANSWER:…"],
    )?;
    stage.up("office")?;
    join(stage, "office", "stall", TOPIC)?;
    stage.synlog("office", &["view", "list", TOPIC, "messages"])?;
    Ok(())
}

/// Otso leaves the topic, and reads nothing that comes after.
fn removed(stage: &mut Stage) -> Result<(), Failure> {
    stage.chapter("A member who is removed reads nothing new");
    let otso = entity(stage, "otso")?;
    stage.synlog("stall", &["topic", "revoke", TOPIC, &otso])?;
    stage.synlog("stall", &["say", TOPIC, "--text", "nine euros a bag"])?;
    stage.synlog("ilse", &["sync", "--once"])?;
    stage.say("Ilse reads it. Otso's node is not given it; nor would it have the key:");
    stage.synlog("ilse", &["view", "list", TOPIC, "messages"])?;
    let told = stage.synlog("otso", &["view", "list", TOPIC, "messages"])?;
    match told.contains("nine euros") {
        true => Err(Failure::System(
            "who was removed reads what came after".into(),
        )),
        false => Ok(()),
    }
}

/// The stall's machine falls into the harbour; the PC decides the order from then on.
fn lost(stage: &mut Stage) -> Result<(), Failure> {
    stage.chapter("The device that decided the order is lost");
    stage.synlog("office", &["sync", "--once"])?;
    stage.say("The root key lies on the machine at the stall; Ruut copied it to a stick in time:");
    let stick = stage.path("stick.age");
    let stick = stick.to_string_lossy().into_owned();
    stage.synlog_as(
        "stall",
        &["root", "export", &stick],
        &["root", "export", "stick.age"],
    )?;
    stage.vanish("stall")?;
    stage.say("Ilse writes; nobody places it (○):");
    stage.synlog("ilse", &["say", TOPIC, "--text", "a third one, please"])?;
    join(stage, "ilse", "office", TOPIC)?;
    stage.synlog("ilse", &["view", "list", TOPIC, "messages"])?;
    stage.say("\nRuut's PC takes over, by a statement of her root that everybody can check:");
    stage.synlog_as(
        "office",
        &["root", "import", &stick],
        &["root", "import", "stick.age"],
    )?;
    stage.synlog("office", &["device", "lost", "stall"])?;
    stage.synlog("ilse", &["sync", "--once", "office"])?;
    stage.synlog("ilse", &["view", "list", TOPIC, "messages"])?;
    stage.same_digest(TOPIC, &["office", "ilse"])
}
