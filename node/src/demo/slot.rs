//! Two clients, one slot: one wins, and both see why.

use crate::clock::now_ms;
use crate::demo::stage::Stage;
use crate::failure::Failure;
use crate::instant::to_text;

/// Milliseconds of a day and of an hour.
const DAY_MS: u64 = 86_400_000;
const HOUR_MS: u64 = 3_600_000;

/// Plays the race for a slot.
pub(super) fn play(stage: &mut Stage) -> Result<(), Failure> {
    stage.chapter("Two clients, one slot");
    // next week at nine o'clock UTC: within the hours in summer and in winter
    let start = (now_ms() / DAY_MS + 7) * DAY_MS + 9 * HOUR_MS;
    let (start, end) = (to_text(start), to_text(start + 2 * HOUR_MS));
    let mut bookings = Vec::new();
    for (home, topic) in [("aino", "aino-and-kallio"), ("bert", "bert-and-kallio")] {
        let booking = stage.id_of(
            home,
            &[
                "book",
                "request",
                topic,
                "--space",
                "helsinki",
                "--resource",
                "locksmith",
                "--start",
                &start,
                "--end",
                &end,
            ],
        )?;
        stage.carry(home, "provider", topic)?;
        bookings.push(booking);
    }
    stage.say("A request takes nothing. The shop takes the slot for Aino, in the public catalog;");
    stage.say("what others see there is that it is taken, not by whom:");
    let take = |booking: &str| {
        let words = [
            "slot",
            "take",
            "helsinki",
            "locksmith",
            "--start",
            &start,
            "--end",
            &end,
        ];
        let mut args: Vec<String> = words.map(str::to_owned).to_vec();
        args.extend(["--for".to_owned(), booking.to_owned()]);
        args
    };
    let args = take(&bookings[0]);
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let slot = stage.id_of("provider", &args)?;
    stage.say("A second take of the same slot is refused by the rules:");
    let args = take(&bookings[1]);
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    stage.synlog_fails("provider", &args, 3)?;
    stage.say("So Aino is confirmed, with the take as evidence, and Bert is declined:");
    stage.synlog(
        "provider",
        &[
            "book",
            "confirm",
            "aino-and-kallio",
            &bookings[0],
            "--take",
            &slot,
        ],
    )?;
    stage.synlog(
        "provider",
        &[
            "book",
            "decline",
            "bert-and-kallio",
            &bookings[1],
            "--reason",
            "the locksmith is taken then",
        ],
    )?;
    for (home, topic) in [("aino", "aino-and-kallio"), ("bert", "bert-and-kallio")] {
        stage.carry("provider", home, topic)?;
        stage.carry("provider", home, "helsinki")?;
    }
    stage.say("Both see it, and why:");
    stage.synlog("aino", &["explain", "aino-and-kallio", "booking/"])?;
    stage.synlog("bert", &["explain", "bert-and-kallio", "booking/"])?;
    stage.synlog("bert", &["view", "list", "helsinki", "slots"])?;
    Ok(())
}
