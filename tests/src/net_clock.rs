//! A running node whose clock is not that of those it trusts.

use crate::cli::Desk;
use crate::net_daemon::Up;

#[test]
fn a_running_node_whose_clock_is_off_signs_nothing_until_it_is_right() {
    // half a day more, so that the days are the same at the end of the test
    const YEARS_10_MS: u64 = (2 * 10 * 365 + 1) * 12 * 60 * 60 * 1000;
    let (ana, mut ben) = (Desk::new("ana"), Desk::new("ben"));
    ben.ok(&["topic", "new", "board", "--app", "board"]);
    let now_ms = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let now_ms = now_ms.unwrap().as_millis() as u64;
    let local = ["--no-mdns", "--no-dht", "--bind", "127.0.0.1:0"];
    let up_ana = Up::start(&ana, &local);
    let ticket = ana.ok(&["invite", "--json"]).json();
    ben.ok(&["join", ticket["ticket"].as_str().unwrap()]);
    let writes = |ben: &Desk| ben.run(&["append", "board", "post.text", "--json"]);
    let runs = |ben: &Desk| {
        let up = Up::start(ben, &local);
        assert_eq!(up.wait("clock_offset")["event"], "clock_offset");
        up
    };
    // somebody who was not pinned stops nobody
    ben.now_ms = Some(now_ms + YEARS_10_MS);
    let up = runs(&ben);
    assert_eq!(writes(&ben).code, Some(0));
    up.stop();
    ben.ok(&["pin", ticket["node"].as_str().unwrap()]);
    for (off_ms, word) in [
        (now_ms + YEARS_10_MS, "ahead"),
        (now_ms - YEARS_10_MS, "behind"),
    ] {
        ben.now_ms = Some(off_ms);
        let up = runs(&ben);
        let refused = writes(&ben);
        assert_eq!(refused.code, Some(3), "{refused:?}");
        for part in ["\"clock_off\"", "3650 days", word, "set the clock right"] {
            assert!(refused.err.contains(part), "{part}: {refused:?}");
        }
        ben.fails(3, &["topic", "new", "shop", "--app", "space"]);
        // what is here can be read all the same
        ben.ok(&["tail"]);
        up.stop();
    }
    ben.now_ms = None;
    let up = Up::start(&ben, &local);
    up.wait("connected");
    // its feed went ahead while nobody had told it: that one is refused for its own reason
    assert!(!writes(&ben).err.contains("clock_off"));
    ben.ok(&["topic", "new", "shop", "--app", "space"]);
    up.stop();
    up_ana.stop();
}
