//! An order's whole life: counter-offer, stock, visit, payment, completion; and one
//! that is cancelled with its fee.

use crate::demo::stage::Stage;
use crate::failure::Failure;

const AINO: &str = "aino-and-kallio";
const BERT: &str = "bert-and-kallio";

/// What a cancellation costs, by how far the work is.
const TERMS: [&str; 2] = [
    r#"{"stage":"pending","fee_bp":2000}"#,
    r#"{"stage":"in_transit","fee_bp":5000}"#,
];

/// Plays the order that is completed. Gives its id.
pub(super) fn play(stage: &mut Stage) -> Result<String, Failure> {
    stage.chapter("Two people trade, offline");
    stage.say("Aino orders the lock. Until the shop has seen it, her order is tentative (○).");
    stage.say("Her address goes into a part that can be erased later without breaking anything.");
    let order = stage.id_of(
        "aino",
        &[
            "order",
            "request",
            AINO,
            "--line",
            "space=helsinki,item=door-lock,quantity=1",
            "--address",
            "Vaasankatu 10",
        ],
    )?;
    stage.synlog("aino", &["view", "get", AINO, "orders", "order/"])?;
    stage.carry("aino", "provider", AINO)?;
    quote(stage, AINO, &order, "1", "189.00 EUR")?;
    stage.carry("provider", "aino", AINO)?;
    stage.synlog(
        "aino",
        &[
            "order",
            "counter",
            AINO,
            &order,
            "--total",
            "170.00 EUR",
            "--note",
            "the neighbour paid 170",
        ],
    )?;
    stage.carry("aino", "provider", AINO)?;
    quote(stage, AINO, &order, "2", "175.00 EUR")?;
    stage.carry("provider", "aino", AINO)?;
    stage.synlog("aino", &["order", "agree", AINO, &order])?;
    stage.carry("aino", "provider", AINO)?;
    stage.say("\nThe shop reserves its last lock in the catalog and confirms; the confirmation");
    stage.say("carries the reservation, and the right to review that can't be withheld later.");
    let take = stage.id_of(
        "provider",
        &["item", "take", "helsinki", "door-lock", "--for", &order],
    )?;
    let line = format!("line=0,take={take}");
    stage.synlog(
        "provider",
        &["order", "confirm", AINO, &order, "--take", &line],
    )?;
    stage.say("\nThe visit. At the door Aino shows the code to whose hash her order committed.");
    for state in ["in_transit", "at_location"] {
        stage.synlog(
            "provider",
            &[
                "fulfil", "state", AINO, &order, "--leg", "visit", "--state", state,
            ],
        )?;
    }
    let code = stage.ask(
        "aino",
        &["entry", "secret", &order, "--label", "handover", "--json"],
        "secret",
    )?;
    stage.synlog(
        "provider",
        &[
            "fulfil",
            "proof",
            AINO,
            &order,
            "--leg",
            "visit",
            "--preimage",
            &code,
        ],
    )?;
    for state in ["started", "completed"] {
        stage.quietly(
            "provider",
            &[
                "fulfil", "state", AINO, &order, "--leg", "visit", "--state", state,
            ],
        )?;
    }
    stage.carry("provider", "aino", AINO)?;
    stage.synlog(
        "aino",
        &[
            "pay",
            "claim",
            AINO,
            &order,
            "--leg",
            "all",
            "--amount",
            "175.00 EUR",
            "--method",
            "cash",
        ],
    )?;
    stage.say("Nobody acknowledges a payment to oneself. With --force it is written all the same,");
    stage.say("signed for ever, and every reader shows it as rejected:");
    let ack = [
        "pay",
        "ack",
        AINO,
        &order,
        "--leg",
        "all",
        "--amount",
        "175.00 EUR",
    ];
    stage.synlog_fails("aino", &ack, 3)?;
    let forced = [&ack[..], &["--force"]].concat();
    stage.synlog("aino", &forced)?;
    stage.carry("aino", "provider", AINO)?;
    stage.synlog("provider", &ack)?;
    stage.carry("provider", "aino", AINO)?;
    stage.synlog("aino", &["order", "complete", AINO, &order])?;
    stage.carry("aino", "provider", AINO)?;
    stage.carry("provider", "aino", AINO)?;
    stage.say("\nThe order at the end, and the entries that made it so:");
    stage.synlog("provider", &["view", "get", AINO, "orders", "order/"])?;
    stage.synlog("provider", &["explain", AINO, "order/"])?;
    stage.same_digest(AINO, &["provider", "aino"])?;
    Ok(order)
}

fn quote(
    stage: &mut Stage,
    topic: &str,
    order: &str,
    revision: &str,
    total: &str,
) -> Result<(), Failure> {
    let part = format!("title=lock and visit,amount={total}");
    let leg = format!("leg=all,amount={total},trigger=after");
    let taken = if topic == AINO { "[0]" } else { "[]" };
    stage.synlog(
        "provider",
        &[
            "order",
            "quote",
            topic,
            order,
            "--revision",
            revision,
            "--breakup",
            &part,
            "--total",
            total,
            "--leg",
            &leg,
            "--fulfilment",
            r#"{"leg":"visit","kind":"visit","lines":[{"line":0,"quantity":1}]}"#,
            "--takes",
            taken,
            "--term",
            TERMS[0],
            "--term",
            TERMS[1],
            "--valid-until",
            "2099-12-31",
        ],
    )?;
    Ok(())
}

/// Plays the order that is cancelled.
pub(super) fn cancelled(stage: &mut Stage) -> Result<(), Failure> {
    stage.chapter("An order is cancelled, with the fee that was agreed");
    let order = stage.id_of(
        "bert",
        &[
            "order",
            "request",
            BERT,
            "--line",
            "space=helsinki,item=door-lock,quantity=1",
        ],
    )?;
    stage.carry("bert", "provider", BERT)?;
    stage.say("The last lock is Aino's: a second reservation is refused by the catalog's rules.");
    stage.synlog_fails(
        "provider",
        &["item", "take", "helsinki", "door-lock", "--for", &order],
        3,
    )?;
    stage.say("The shop offers a lock that it has yet to buy, so nothing is taken from stock.");
    quote(stage, BERT, &order, "1", "180.00 EUR")?;
    stage.carry("provider", "bert", BERT)?;
    stage.quietly("bert", &["order", "agree", BERT, &order])?;
    stage.carry("bert", "provider", BERT)?;
    stage.synlog("provider", &["order", "confirm", BERT, &order])?;
    stage.carry("provider", "bert", BERT)?;
    stage.say("Bert cancels. The terms were frozen when he agreed: 20 % once it is confirmed.");
    stage.synlog(
        "bert",
        &["order", "cancel", BERT, &order, "--reason", "moving away"],
    )?;
    stage.carry("bert", "provider", BERT)?;
    stage.carry("provider", "bert", BERT)?;
    stage.synlog("bert", &["view", "get", BERT, "orders", "order/"])?;
    stage.same_digest(BERT, &["provider", "bert"])?;
    Ok(())
}
