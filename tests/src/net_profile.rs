//! Nodes that are found by what profiles announce.

use crate::cli::Desk;
use crate::net_daemon::Up;

#[test]
fn whoever_follows_finds_a_node_by_what_its_profile_announces() {
    let [ana, ben, cleo] = ["ana", "ben", "cleo"].map(Desk::new);
    let local = ["--no-mdns", "--no-dht", "--bind", "127.0.0.1:0"];
    ana.ok(&["profile", "set", "--name", "Ana"]);
    let profile = ana.ok(&["profile", "show", "--json"]).json();
    let topic = profile["topic"].as_str().unwrap();
    let up_ana = Up::start(&ana, &[&local[..], &["--announce"]].concat());
    let told = up_ana.wait("announced");
    let announced = ana.ok(&["profile", "show", "--json"]).json();
    let at = &announced["addresses"][0];
    assert_eq!(at["addresses"], told["addresses"]);
    assert!(
        !at["addresses"].as_array().unwrap().is_empty(),
        "{announced}"
    );
    // cleo knows ana, ben knows cleo alone
    let invite = |desk: &Desk| desk.ok(&["invite", topic, "--json"]).json();
    cleo.ok(&["join", invite(&ana)["ticket"].as_str().unwrap()]);
    let up_cleo = Up::start(&cleo, &local);
    up_cleo.wait("connected");
    assert_eq!(cleo.ok(&["sync", "--once", "--json"]).json()["ok"], true);
    ben.ok(&["join", invite(&cleo)["ticket"].as_str().unwrap()]);
    let up_ben = Up::start(&ben, &local);
    assert_eq!(up_ben.wait("connected")["device_name"], "cleo");
    assert_eq!(ben.ok(&["sync", "--once", "--json"]).json()["ok"], true);
    // from when it follows ana it calls her
    ben.ok(&["follow", &ana.entity()]);
    assert_eq!(up_ben.wait("connected")["device_name"], "ana");
    // erased, the address is read no more
    let lines = ana.ok(&["tail", topic, "--json"]).json_lines();
    let line = lines.iter().find(|line| line["kind"] == "profile.address");
    ana.ok(&["erase", line.unwrap()["id"].as_str().unwrap()]);
    let shown = ana.ok(&["profile", "show", "--json"]).json();
    assert_eq!(shown["addresses"][0]["addresses"], serde_json::json!([]));
    for up in [up_ana, up_ben, up_cleo] {
        up.stop();
    }
}
