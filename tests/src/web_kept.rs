//! The guests' page without its provider: a real browser opens it from what it keeps, reads
//! and writes, and lets it go where the provider is another one.

use std::io::{Read, Write};
use std::net::TcpListener;

use serde_json::json;

use crate::chromium::Browser;
use crate::guest_order::shop;
use crate::net_daemon::Up;
use crate::web_browser::{PHONE, browser, check_screen};
use crate::web_guest::{go, provider, relation, says};
use crate::web_moves::{all_sent, visit, visit_and_order};

/// What of the page the browser keeps.
fn kept(page: &mut Browser) -> String {
    let files = "caches.keys().then((names) => Promise.all(names.map(async (name) => (await (await caches.open(name)).keys()).map(({ url }) => new URL(url).pathname)))).then((all) => all.flat().sort().join(' '))";
    page.value(files).as_str().unwrap().to_owned()
}

pub(crate) fn await_worker(page: &mut Browser) {
    page.until("navigator.serviceWorker.controller?.state === 'activated'");
}

fn reload(page: &mut Browser) {
    page.value("window.__old = true; location.reload(); true");
    page.until("!window.__old && document.querySelector('h1')");
}

/// Of three messages this one alone is marked as on its way.
fn only_marked(page: &mut Browser, text: &str) {
    page.until("document.querySelectorAll('.talk li').length === 3");
    let marked = "[...document.querySelectorAll('.talk li:has(.badge.warn) > p:first-child')].map((it) => it.textContent).join(', ')";
    page.until(&format!("{marked} === {}", json!(text)));
}

#[test]
fn the_page_opens_without_its_provider() {
    let Some(mut page) = browser(PHONE) else {
        return;
    };
    let shop = shop(&[]);
    visit_and_order(&mut page, &shop, 2);
    let topic = relation(&shop.owner);
    await_worker(&mut page);
    go(&mut page, "key", "My key");
    page.press("Without a connection");
    says(&mut page, "Your browser keeps this page");
    check_screen(&mut page);
    let files = kept(&mut page);
    assert!(
        files.starts_with("/ ") && files.contains("/guest.wasm"),
        "{files}"
    );
    assert!(
        !files.contains("/api/") && !files.contains("worker"),
        "{files}"
    );

    // a message is marked until it was on the screen
    let badge = "document.querySelector('#nav a[href=\"#/chat\"] .badge')?.textContent";
    let text = json!({ "text": "Ready at noon" });
    provider(&shop.owner, &topic, "message.post", &text);
    page.until(&format!("{badge} === '1'"));
    go(&mut page, "chat", "Messages");
    says(&mut page, "Ready at noon");
    page.until(&format!("{badge} === undefined"));
    page.fill("Message", "I am on my way");
    page.press("Send");
    says(&mut page, "I am on my way");
    all_sent(&mut page);

    let port = shop.url.trim_end_matches('/').rsplit_once(':').unwrap().1;
    let at = format!("127.0.0.1:{port}");
    shop.up.stop();
    // from the beginning, as from an icon on the phone's screen
    page.open("about:blank");
    page.until("location.href === 'about:blank'");
    page.open(&shop.url);
    page.until("document.querySelector('h1')?.textContent === 'Kallion leipä'");
    page.until("document.getElementById('banner').textContent.includes('not reached')");
    says(&mut page, "Rye bread");
    go(&mut page, "orders", "My orders");
    says(&mut page, "2 × Rye bread");
    check_screen(&mut page);
    page.shoot("guest-kept");
    page.value("document.getElementById('skip').click()");
    page.until("document.activeElement.tagName === 'H1'");
    assert_eq!(page.value("location.hash"), "#/orders");
    go(&mut page, "audit", "History");
    says(&mut page, "rightly signed");
    go(&mut page, "chat", "Messages");
    page.fill("Message", "from the train");
    page.press("Send");
    page.until("document.getElementById('banner').textContent.includes('Not sent yet: 1')");
    // that one alone is on its way: the shop has all others
    only_marked(&mut page, "from the train");
    reload(&mut page);
    page.until("document.getElementById('banner').textContent.includes('Not sent yet: 1')");
    go(&mut page, "chat", "Messages");
    says(&mut page, "from the train");
    only_marked(&mut page, "from the train");
    go(&mut page, "orders", "My orders");
    page.until("!document.querySelector('main .badge.warn')");

    let again = Up::start(&shop.desk, &["--offline", "--guests", &at]);
    reload(&mut page);
    page.until("document.querySelector('.live.open')");
    all_sent(&mut page);
    let owner = crate::web_client::Web::login(again.ready["web"]["login"].as_str().unwrap());
    let path = format!("/topics/{topic}/views/messages");
    crate::web_client::soon(
        || owner.ok(&path).to_string(),
        |rows| rows.contains("from the train"),
    );

    // who does not want it is rid of it, and it does not come back by itself
    go(&mut page, "key", "My key");
    page.press("Without a connection");
    page.press("Do not keep the page");
    says(&mut page, "Your browser does not keep this page.");
    assert_eq!(kept(&mut page), "");
    reload(&mut page);
    page.until("document.querySelector('.live.open')");
    page.value("import(new URL('./keeping.js', document.querySelector('script').src)).then(({ keep }) => keep())");
    let none = "navigator.serviceWorker.getRegistrations().then((all) => all.length)";
    assert_eq!(page.value(none), json!(0));
    page.value("import(new URL('./keeping.js', document.querySelector('script').src)).then(({ again }) => again())");
    await_worker(&mut page);
    again.stop();

    // another server is at the address now, which knows nothing of this
    let listener = TcpListener::bind(&at).unwrap();
    std::thread::spawn(move || {
        // each by itself: one that says nothing holds up nobody
        for mut stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                let mut head = [0; 4096];
                let _ = stream.read(&mut head);
                let answer = "HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\nContent-Length: 16\r\nConnection: close\r\n\r\n<h1>Other</h1>  ";
                let _ = stream.write_all(answer.as_bytes());
            });
        }
    });
    page.value("window.__old = true; location.reload(); true");
    page.until("!window.__old && document.querySelector('h1')?.textContent === 'Other'");
    page.until("window.__gone = true, caches.keys().then((names) => { window.__names = names.length; }), window.__names === 0");
    assert_eq!(page.value(none), json!(0));
}

#[test]
fn where_there_is_no_tls_the_settings_say_so() {
    let Some(mut page) = browser(PHONE) else {
        return;
    };
    let shop = shop(&[]);
    // as at an address of a local network
    page.before_each("Object.defineProperty(window, 'isSecureContext', { value: false })");
    visit(&mut page, &shop);
    page.until("document.querySelector('.live.open')");
    go(&mut page, "key", "My key");
    page.press("Without a connection");
    says(
        &mut page,
        "This page opens only while the provider is reached",
    );
    // all screens have come all the same: what is open stays usable
    page.until(
        "performance.getEntriesByType('resource').some(({ name }) => name.endsWith('/chat.js'))",
    );
    page.until("performance.getEntriesByType('resource').some(({ name }) => name.endsWith('/checkout.js'))");
    let none = "navigator.serviceWorker.getRegistrations().then((all) => all.length)";
    assert_eq!(page.value(none), json!(0));
    // one language was loaded
    let words = "performance.getEntriesByType('resource').filter(({ name }) => /words-/.test(name)).map(({ name }) => name.split('/').pop()).join(' ')";
    assert_eq!(page.value(words), json!("words-en.js"));
    shop.up.stop();
}

#[test]
fn earlier_messages_come_a_page_at_a_time() {
    let Some(mut page) = browser(PHONE) else {
        return;
    };
    let shop = shop(&[]);
    visit_and_order(&mut page, &shop, 1);
    page.value(
        "(async () => { const { app } = await import(new URL('./app.js', document.querySelector('script').src)); for (let n = 0; n < 110; n += 1) { \
         if (n === 3) await app.link.write('message.post', {}, { erasable: { private: 'number 3' }, space: app.space }); \
         else await app.link.write('message.post', { text: `number ${n}` }, { space: app.space }); } })()",
    );
    go(&mut page, "chat", "Messages");
    let shown = |page: &mut Browser, first: &str, many: usize| {
        page.until(&format!(
            "document.querySelectorAll('.talk li').length === {many} && document.querySelector('.talk li p').textContent === '{first}'"
        ));
    };
    page.until("document.querySelectorAll('.talk li').length === 50");
    page.press("Earlier messages");
    shown(&mut page, "number 10", 100);
    check_screen(&mut page);
    // what is new does not close them
    let topic = relation(&shop.owner);
    let post = json!({ "body": { "text": "welcome" } });
    shop.owner
        .done(&format!("/topics/{topic}/events/message.post"), &post);
    says(&mut page, "welcome");
    page.until("document.querySelectorAll('.talk li').length === 100");
    page.press("Earlier messages");
    shown(&mut page, "number 0", 111);
    page.until("![...document.querySelectorAll('button')].some((it) => it.textContent === 'Earlier messages' && it.checkVisibility())");
    says(&mut page, "number 3");
    check_screen(&mut page);
    go(&mut page, "orders", "My orders");
    go(&mut page, "chat", "Messages");
    page.until("document.querySelectorAll('.talk li').length === 50");
    shop.up.stop();
}
