//! A customer's browser that reaches a shop through `synlog relay` alone: real processes and
//! a real Chromium of the size of a phone; skipped, with a word, where there is none.

use serde_json::json;

use crate::cli::Desk;
use crate::guest_order::open;
use crate::net_daemon::Up;
use crate::net_relay::{metric, serve, until};
use crate::web_browser::{PHONE, browser};
use crate::web_client::Web;
use crate::web_guest::{act, go, link_at, provider, relation, says};
use crate::web_kept::await_worker;

#[test]
fn a_customer_orders_through_a_relay() {
    let Some(mut page) = browser(PHONE) else {
        return;
    };
    let server = Desk::empty();
    let relay = serve(&server, &["relay", "--listen", "127.0.0.1:0"]);
    let gateway = relay.ready["relay"].as_str().unwrap().to_owned();
    let arguments = [
        "--bind",
        "127.0.0.1:0",
        "--no-mdns",
        "--no-dht",
        "--guests",
        "127.0.0.1:0",
        "--gateway",
        &gateway,
    ];
    let shop = open(&arguments);
    let url = shop.up.ready["guests"]["url"].as_str().unwrap().to_owned();
    let port = gateway.trim_end_matches('/').rsplit_once(':').unwrap().1;
    assert!(url.ends_with(&format!(".localhost:{port}/")), "{url}");

    let before = metric(&gateway, "synlog_relay_bytes_sent_total");
    page.open(&link_at(&shop, &url));
    page.until("document.querySelector('h1')?.textContent === 'Kallion leipä'");
    page.press("Rye bread");
    page.until("document.querySelector('h1')?.textContent === 'Rye bread'");
    page.fill("How many", "2");
    page.fill("Your name, as the provider shall see it", "Mari");
    page.press("Look it over");
    page.until("document.querySelector('dialog[open]')");
    page.press("Send the order");
    page.until("location.hash === '#/orders'");
    says(&mut page, "2 × Rye bread");
    page.until("!document.getElementById('banner').textContent");
    let topic = relation(&shop.owner);
    let path = format!("/topics/{topic}/views/orders");
    let order = until("the order is there", || {
        let row = shop.owner.ok(&path)["rows"].get(0)?.clone();
        Some(row["columns"]["order"]["$hex"].as_str()?.to_owned())
    });
    let amount = json!({ "currency": "EUR", "minor": 900 });
    provider(
        &shop.owner,
        &topic,
        "order.quote",
        &json!({
            "order": order, "revision": 1, "total": amount,
            "breakup": [{ "title": "Bread", "amount": amount }],
            "legs": [{ "leg": "all", "amount": amount, "trigger": "after" }],
            "fulfilment": [{ "leg": "go", "kind": "pickup", "lines": [{ "line": 0, "quantity": 2 }] }],
            "valid_until": 4_070_908_800_000_u64,
        }),
    );
    // what is new comes by itself: the stream passes the gateway
    says(&mut page, "quoted");
    page.value(&format!("location.hash = '#/order/{order}'; true"));
    says(&mut page, "€9.00");
    act(&mut page, "Agree to the offer");
    says(&mut page, "agreed");
    let through = metric(&gateway, "synlog_relay_bytes_sent_total") - before;
    assert!(through > 10_000, "{through} bytes went through the relay");

    // the shop closes, and what is written waits until it is open again
    let port = shop.url.trim_end_matches('/').rsplit_once(':').unwrap().1;
    let at = format!("127.0.0.1:{port}");
    let (desk, owner_topic) = (&shop.desk, topic);
    await_worker(&mut page);
    shop.up.stop();
    // the gateway has no page to give, and the browser has kept the shop's own
    page.value("window.__old = true; location.reload(); true");
    page.until(
        "!window.__old && document.getElementById('banner')?.textContent.includes('not reached')",
    );
    go(&mut page, "chat", "Messages");
    page.fill("Message", "while you were closed");
    page.press("Send");
    page.until("document.getElementById('banner').textContent.includes('Not sent yet: 1')");
    let mut arguments = arguments;
    arguments[5] = &at;
    let again = Up::start(desk, &arguments);
    page.until("!document.getElementById('banner').textContent");
    let owner = Web::login(again.ready["web"]["login"].as_str().unwrap());
    let path = format!("/topics/{owner_topic}/views/messages");
    until("the message comes", || {
        let rows = owner.ok(&path).to_string();
        rows.contains("while you were closed").then_some(())
    });
    again.stop();
    relay.stop();
}
