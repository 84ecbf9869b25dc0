//! Settings as a user has them: the file, the environment, the command line.

use std::os::unix::fs::PermissionsExt;

use serde_json::{Value as Json, json};

use crate::cli::{Desk, Ended};
use crate::net_daemon::Up;

fn setting(shown: &Json, key: &str) -> Json {
    let settings = shown["settings"].as_array().unwrap();
    let found = settings.iter().find(|setting| setting["key"] == key);
    found.unwrap().clone()
}

#[test]
fn a_setting_is_shown_with_who_says_it() {
    let desk = Desk::new("counter");
    let file = desk.home.join("config.toml");
    let path = desk.ok(&["config", "path", "--json"]).json();
    assert_eq!(path, json!({ "path": file, "exists": false }));
    assert_eq!(desk.ok(&["config", "path"]).word(), file.to_str().unwrap());

    let shown = desk.ok(&["config", "show", "--json"]).json();
    let all = shown["settings"].as_array().unwrap();
    assert!(
        all.iter()
            .all(|it| it["origin"] == "default" && it["value"] == it["default"])
    );

    let relay = "https://relay.example.org";
    let set = desk
        .ok(&["config", "set", "net.relay", relay, "--json"])
        .json();
    assert_eq!(
        (&set["value"], &set["origin"]),
        (&json!(relay), &json!("file"))
    );
    desk.ok(&["config", "set", "net.neighbours", "/a b", "/c:d"]);
    let mode = std::fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let shown = desk.ok(&["config", "show", "--json"]).json();
    let found = setting(&shown, "net.relay");
    assert_eq!(found["value"], relay);
    assert_eq!(found["place"], format!("{}:4", file.display()));
    assert_eq!(
        setting(&shown, "net.neighbours")["value"],
        json!(["/a b", "/c:d"])
    );

    let mut command = desk.command(&["config", "show", "net.relay", "--origin"]);
    command.env("SYNLOG_NET_RELAY", "https://other.example");
    let told = Ended::of(command.output().unwrap());
    assert_eq!(told.out.lines().count(), 1);
    assert!(told.out.contains("https://other.example"), "{told:?}");
    assert!(
        told.out.contains("environment, SYNLOG_NET_RELAY"),
        "{told:?}"
    );
    let mut command = desk.command(&["config", "set", "net.relay", relay]);
    command.env("SYNLOG_NET_RELAY", "https://other.example");
    let told = Ended::of(command.output().unwrap());
    assert!(
        told.err.contains("SYNLOG_NET_RELAY says something else"),
        "{told:?}"
    );

    desk.ok(&["config", "unset", "net.relay"]);
    let gone = desk.fails(1, &["config", "unset", "net.relay"]);
    assert!(gone.err.contains("does not say net.relay"), "{gone:?}");
    let shown = desk.ok(&["config", "show", "net.relay", "--json"]).json();
    assert_eq!(setting(&shown, "net.relay")["origin"], "default");
}

#[test]
fn what_is_wrong_is_named_and_nothing_starts() {
    let desk = Desk::new("counter");
    let file = desk.home.join("config.toml");
    for arguments in [
        &["config", "set", "net.mdsn", "true"][..],
        &["config", "set", "net.mdns", "yes"],
        &["config", "set", "net.mdns", "true", "false"],
        &["config", "show", "mdns"],
        &["up", "--set", "net.mdns"],
        &["up", "--log", "loud"],
        &["up", "--log-format", "xml"],
        &["up", "--set", "net.offline=true", "--announce"],
    ] {
        let ended = desk.fails(2, arguments);
        assert!(ended.err.contains("error:"), "{ended:?}");
        assert!(!file.exists());
    }
    std::fs::write(&file, "# mine\n[net]\nmdns = true\nmdsn = true\n").unwrap();
    for arguments in [&["up"][..], &["config", "show"]] {
        let ended = desk.fails(2, arguments);
        let place = format!("{}:4: there is no setting net.mdsn", file.display());
        assert!(ended.err.contains(&place), "{ended:?}");
        assert!(ended.err.contains("offline, mdns, gossip"), "{ended:?}");
        assert!(ended.err.contains("config unset"), "{ended:?}");
    }
    let told = desk.fails(2, &["config", "show", "--json"]);
    assert_eq!(
        serde_json::from_str::<Json>(&told.err).unwrap()["error"]["code"],
        "config"
    );
    // what is wrong is taken out, and the rest stays
    desk.ok(&["config", "unset", "net.mdsn"]);
    assert_eq!(
        std::fs::read_to_string(&file).unwrap(),
        "# mine\n[net]\nmdns = true\n"
    );
    desk.ok(&["config", "show"]);
    let mut command = desk.command(&["up"]);
    command.env("SYNLOG_WEB_SERV", "false");
    let told = Ended::of(command.output().unwrap());
    assert_eq!(told.code, Some(2));
    assert!(told.err.contains("SYNLOG_WEB_SERV: ") && told.err.contains("SYNLOG_WEB_SERVE"));
}

#[test]
fn a_node_runs_as_the_ladder_says() {
    let desk = Desk::new("counter");
    desk.ok(&["config", "set", "net.offline", "true"]);
    desk.ok(&["config", "set", "web.serve", "false"]);
    let up = Up::start(&desk, &[]);
    assert_eq!(up.ready["online"], false);
    assert_eq!(up.ready["web"], Json::Null);
    up.stop();
    // the environment is heard over the file, the command line over both
    let mut command = desk.command(&["up", "--json", "--set", "web.serve=false"]);
    command.env("SYNLOG_WEB_SERVE", "true");
    let up = Up::spawn(command).unwrap();
    assert_eq!(up.ready["web"], Json::Null);
    up.stop();
    let mut command = desk.command(&["up", "--json"]);
    command.env("SYNLOG_WEB_SERVE", "true");
    let up = Up::spawn(command).unwrap();
    assert!(up.ready["web"]["url"].is_string());
    up.stop();
    let up = Up::start(&desk, &["--web", "127.0.0.1:0"]);
    assert!(up.ready["web"]["url"].is_string());
    up.stop();
}
