//! The owner's pages from another machine: only where the settings say so, with TLS alone.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::json;

use crate::cli::Desk;
use crate::net_daemon::Up;
use crate::web_browser::{SCREEN, browser, check_screen};
use crate::web_client::Web;

/// Settings of a door with a certificate of its own making, and what is lacking of them.
fn settings(desk: &Desk, names: &str) -> Vec<String> {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let [chain, key] = ["cert.pem", "key.pem"].map(|name| desk.root.join(name));
    std::fs::write(&chain, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let mut settings = vec![
        "web.remote=127.0.0.1:0".to_owned(),
        format!("web.names={names}"),
    ];
    settings.push(format!("web.certificate={}", chain.display()));
    settings.push(format!("web.key={}", key.display()));
    settings
}

fn up(desk: &Desk, settings: &[String]) -> Up {
    let mut arguments = vec!["--offline"];
    arguments.extend(settings.iter().flat_map(|said| ["--set", said.as_str()]));
    Up::start(desk, &arguments)
}

#[test]
fn what_is_lacking_is_said() {
    let desk = Desk::new("counter");
    let settings = settings(&desk, "localhost");
    for lacking in 1..settings.len() {
        let mut arguments = vec!["up", "--offline"];
        let said = settings.iter().enumerate();
        let said = said.filter(|(at, _)| *at != lacking);
        arguments.extend(said.flat_map(|(_, said)| ["--set", said.as_str()]));
        let ended = desk.run(&arguments);
        let name = settings[lacking].split('=').next().unwrap();
        assert_eq!(ended.code, Some(2), "{name}");
        assert!(ended.err.contains(name), "{}", ended.err);
    }
    for (setting, exit) in [
        ("web.names=https://x", 2),
        ("web.certificate=/nowhere.pem", 6),
        ("web.remote=elsewhere", 2),
        ("web.key=key.pem", 2),
    ] {
        let mut arguments = vec!["up", "--offline"];
        arguments.extend(settings.iter().flat_map(|said| ["--set", said.as_str()]));
        arguments.extend(["--set", setting]);
        let ended = desk.run(&arguments);
        assert_eq!(ended.code, Some(exit), "{setting}: {}", ended.err);
    }
}

#[test]
fn an_owner_elsewhere_has_the_pages_by_tls() {
    let desk = Desk::new("counter");
    desk.ok(&["topic", "new", "shop", "--app", "space"]);
    let up = up(&desk, &settings(&desk, "localhost, counter.example:443"));
    let remote = &up.ready["web"]["remote"];
    let url = remote["url"].as_str().unwrap();
    let at = url.trim_start_matches("https://").trim_end_matches('/');
    assert!(at.starts_with("localhost:"), "{url}");
    let port = at.split(':').next_back().unwrap();

    // without TLS nobody is heard
    let mut plain = TcpStream::connect(format!("127.0.0.1:{port}")).unwrap();
    let asked = format!("GET /healthz HTTP/1.1\r\nHost: {at}\r\n\r\n");
    plain.write_all(asked.as_bytes()).unwrap();
    let mut heard = Vec::new();
    let _ = plain.read_to_end(&mut heard);
    assert!(!heard.starts_with(b"HTTP"), "{heard:?}");

    // the door of this machine is what it was, and links for both are printed
    let local = Web::login(up.ready["web"]["login"].as_str().unwrap());
    assert_eq!(local.ok("/topics")["topics"][0]["name"], "shop");
    let again = desk.ok(&["web", "--remote"]);
    assert!(again.out.starts_with(url), "{}", again.out);

    if let Some(mut page) = browser(SCREEN) {
        page.call("Security.enable", json!({}));
        page.call(
            "Security.setIgnoreCertificateErrors",
            json!({ "ignore": true }),
        );
        page.open(remote["login"].as_str().unwrap());
        page.until("document.querySelector('.live.open')");
        page.value("location.hash = '#/settings'; true");
        page.until("document.querySelector('h1')?.textContent === 'Settings'");
        check_screen(&mut page);
        // out of reach of scripts, and of no use without TLS
        assert_eq!(page.value("document.cookie"), "");
        let asks = "fetch('/api/v1/root/words', { method: 'POST', body: '{}', headers: { 'Content-Type': 'application/json' } })";
        let refused = page.value(&format!("{asks}.then((it) => it.json())"));
        assert_eq!(refused["code"], "only_at_the_machine");
        let expected = page.troubles.iter().all(|it| it.contains("root/words"));
        assert!(expected, "{:?}", page.troubles);
    }
    up.stop();
}
