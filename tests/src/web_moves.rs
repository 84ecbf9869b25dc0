//! Devices and nodes that change, in a real browser: a device that is added and one that
//! ends, a customer who moves to a node, a shop that comes back from a backup.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};

use crate::chromium::Browser;
use crate::cli::Desk;
use crate::guest_order::{Shop, shop};
use crate::net_daemon::Up;
use crate::web_browser::{PHONE, SCREEN, browser, check_screen};
use crate::web_client::{PATIENCE, Web, soon};
use crate::web_flows::settled;
use crate::web_guest::{go, link_at, provider, relation, says};

/// Orders bread on the guest's page; the first order makes the keys.
pub(crate) fn order_bread(page: &mut Browser, many: u64) {
    go(page, "item/bread", "Rye bread");
    page.fill("How many", &many.to_string());
    if page.value("[...document.querySelectorAll('label')].some((it) => it.textContent.startsWith('Your name'))") == json!(true) {
        page.fill("Your name, as the provider shall see it", "Mari");
    }
    page.press("Look it over");
    page.until("document.querySelector('dialog[open]')");
    page.press("Send the order");
    page.until("location.hash === '#/orders'");
    says(page, &format!("{many} × Rye bread"));
}

/// Waits until all that the guest wrote is with the provider.
pub(crate) fn all_sent(page: &mut Browser) {
    page.until("document.querySelector('.live.open') && !document.getElementById('banner').textContent.includes('Not sent yet')");
}

/// Opens the shop's page as the link does, and waits for it.
pub(crate) fn visit(page: &mut Browser, shop: &Shop) {
    page.open(&link_at(shop, &shop.url));
    page.until("document.querySelector('h1')?.textContent === 'Kallion leipä'");
    // the menu comes with the keys, and those after the catalog
    page.until("document.querySelector('nav a')");
}

/// The same, and orders so many loaves.
pub(crate) fn visit_and_order(page: &mut Browser, shop: &Shop, many: u64) {
    visit(page, shop);
    order_bread(page, many);
    all_sent(page);
}

/// Goes to a screen of the owner's.
pub(crate) fn show(page: &mut Browser, hash: &str, heading: &str) {
    page.value(&format!("location.hash = '{hash}'"));
    page.until(&format!(
        "document.querySelector('h1')?.textContent.startsWith({})",
        json!(heading)
    ));
}

/// Logs the owner's browser in.
pub(crate) fn log_in(page: &mut Browser, up: &Up) {
    page.open("about:blank");
    page.open(up.ready["web"]["login"].as_str().unwrap());
    page.until("document.querySelector('nav a')");
    settled(page);
}

/// The same by another link, of a node that runs.
pub(crate) fn log_in_again(page: &mut Browser, desk: &Desk) {
    page.open("about:blank");
    let told = desk.ok(&["web", "--json"]).json();
    page.open(told["login"].as_str().unwrap());
    page.until("document.querySelector('nav a')");
    settled(page);
}

/// The file of some kind that the browser saves into a folder.
fn saved(folder: &Path) -> String {
    let begun = Instant::now();
    loop {
        let files = std::fs::read_dir(folder).unwrap().flatten();
        let mut names = files.map(|entry| entry.path().display().to_string());
        if let Some(name) = names.find(|name| name.ends_with(".synlog")) {
            return name;
        }
        assert!(begun.elapsed() < PATIENCE, "nothing was saved");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_device_is_added_and_another_ends() {
    let Some(mut page) = browser(SCREEN) else {
        return;
    };
    let (desk, phone) = (Desk::new("counter"), Desk::empty());
    desk.ok(&["topic", "new", "shop", "--app", "space"]);
    let up = Up::start(&desk, &["--offline"]);
    log_in(&mut page, &up);
    show(&mut page, "#/devices", "Devices");
    says(&mut page, "this device");
    // what the new machine is to be told stands there whole
    says(&mut page, &format!("--for {} --name", desk.entity()));
    check_screen(&mut page);
    let entity = desk.entity();
    let words = ["device", "request", "--for", &entity, "--name", "phone"];
    let asked = phone.ok(&[&words[..], &["--json"]].concat()).json();
    let request = asked["request"].as_str().unwrap();
    // news draw the screen anew: what is asked for afterwards is shown all the same
    page.value("document.querySelector('h1').drawn = true");
    desk.ok(&["topic", "new", "news", "--app", "space"]);
    page.until("!document.querySelector('h1').drawn");
    page.fill("What it printed", "SYNLOG:DEVICE-REQUEST:NONSENSE");
    page.press("Look at it");
    page.until("document.querySelector('main form [role=alert]')");
    page.value("document.querySelector('main textarea').value = ''");
    page.fill("What it printed", request);
    page.press("Look at it");
    says(&mut page, "Is it really phone?");
    says(&mut page, asked["check"].as_str().unwrap());
    check_screen(&mut page);
    page.shoot("device-compare");
    page.press("The words are the same: add it");
    says(&mut page, "phone is a device of yours");
    page.until("document.querySelector('svg.qr')");
    check_screen(&mut page);
    page.shoot("device-answer");
    let told = page.value("[...document.querySelectorAll('pre')].pop().textContent");
    let told = told.as_str().unwrap().to_owned();
    let words: Vec<&str> = told.split(' ').skip(1).collect();
    phone.ok(&words);
    assert_eq!(phone.entity(), entity);
    page.press("It was carried over");
    page.until(
        "[...document.querySelectorAll('li.card h2')].some((it) => it.textContent === 'phone')",
    );

    // it is lost: the same page ends it
    page.press("It is lost or stolen");
    page.value(
        "[...document.querySelectorAll('details[open] input[type=checkbox]')].pop().click()",
    );
    page.value("document.querySelector('details[open] button.main, details[open] button[type=submit]').click()");
    page.until("document.querySelector('li.card .badge.bad')?.textContent === 'revoked'");
    page.shoot("device-revoked");
    let devices = desk.ok(&["device", "list", "--json"]).json();
    let revoked = devices["devices"].as_array().unwrap().iter();
    let revoked: Vec<&Json> = revoked.filter(|it| it["revoked"] == true).collect();
    assert_eq!(revoked.len(), 1);
    assert_eq!(revoked[0]["device"], phone.device());
    page.troubles
        .retain(|trouble| !trouble.contains("Failed to load resource"));
    assert!(page.troubles.is_empty(), "{:?}", page.troubles);
    up.stop();
}

#[test]
fn a_customer_moves_to_a_node() {
    let Some(mut page) = browser(PHONE) else {
        return;
    };
    let shop = shop(&[]);
    visit_and_order(&mut page, &shop, 2);
    let topic = relation(&shop.owner);
    let node = Desk::empty();
    let path = json!({ "behavior": "allow", "downloadPath": node.root.display().to_string() });
    page.call("Page.setDownloadBehavior", path);
    go(&mut page, "key", "My key");
    page.press("Show the words");
    let words = page
        .value("[...document.querySelectorAll('.words li')].map((it) => it.textContent).join(' ')");
    let device = page.value("document.querySelectorAll('dd code')[1].textContent");
    let device = device.as_str().unwrap().to_owned();
    page.press("Save my entries as a file");
    let file = saved(&node.root);

    // as the page says: the words and the file, on a machine with synlog
    let recover = ["recover", "--words-file", "-", "--from", &file];
    let recover = [&recover[..], &["--name", "laptop", "--keep-root"]].concat();
    let ended = node.fed(words.as_str().unwrap().as_bytes(), &recover);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    node.ok(&["bundle", "read", &file]);
    let orders = node.ok(&["view", "list", &topic, "orders", "--json"]);
    assert_eq!(orders.json()["columns"]["state"], "requested");
    node.ok(&["say", &topic, "--text", "from my laptop"]);
    node.carry_to(&shop.desk, &topic);
    go(&mut page, "chat", "Messages");
    says(&mut page, "from my laptop");

    // one customer, whatever it writes from
    let topics = shop.owner.ok("/topics")["topics"].clone();
    let relations = topics.as_array().unwrap().iter();
    assert_eq!(relations.filter(|it| it["app"] == "relation").count(), 1);
    let guests = shop.owner.ok("/guests");
    assert_eq!(guests["relations"].as_array().unwrap().len(), 1, "{guests}");
    let path = format!("/topics/{topic}/views/messages");
    let rows = shop.owner.ok(&path);
    page.fill("Message", "and from the phone");
    page.press("Send");
    let rows_then = soon(
        || shop.owner.ok(&path),
        |now| now["rows"].as_array().unwrap().len() == 2,
    );
    let authors: Vec<&Json> = rows_then["rows"].as_array().unwrap().iter().collect();
    assert_eq!(
        authors[0]["columns"]["author"],
        authors[1]["columns"]["author"]
    );
    assert_eq!(rows["rows"].as_array().unwrap().len(), 1);

    // from there the browser is revoked, and says so itself
    node.ok(&["device", "revoke", &device]);
    node.carry_to(&shop.desk, &topic);
    page.until(
        "document.getElementById('banner').textContent.includes('no device of yours any more')",
    );
    check_screen(&mut page);
    page.shoot("guest-revoked");
    // and after it was opened anew, too
    page.value("location.reload(); true");
    page.until(
        "document.getElementById('banner')?.textContent.includes('no device of yours any more')",
    );
    shop.up.stop();
}

#[test]
fn a_shop_comes_back_from_a_backup() {
    let (Some(mut page), Some(mut owner)) = (browser(PHONE), browser(SCREEN)) else {
        return;
    };
    let shop = shop(&[]);
    visit_and_order(&mut page, &shop, 2);
    let topic = relation(&shop.owner);
    // the page says that there is none, and how one is made
    log_in_again(&mut owner, &shop.desk);
    show(&mut owner, "#/doctor", "Doctor");
    says(&mut owner, "No backup");
    let backup = shop.desk.path("backup");
    shop.desk.ok(&["backup", &backup]);
    show(&mut owner, "#/today", "Today");
    show(&mut owner, "#/doctor", "Doctor");
    says(&mut owner, &backup);
    check_screen(&mut owner);
    owner.shoot("doctor-backup");
    show(&mut owner, "#/orders/requested", "Orders");
    let cards = "JSON.stringify([...document.querySelectorAll('main li.card h2')].map((it) => it.textContent))";
    owner.until("document.querySelector('main li.card h2')?.textContent.includes('×')");
    let before = owner.value(cards);

    // both go on; then the machine is lost
    order_bread(&mut page, 1);
    all_sent(&mut page);
    provider(
        &shop.owner,
        &topic,
        "message.post",
        &json!({ "text": "said and lost" }),
    );
    go(&mut page, "chat", "Messages");
    says(&mut page, "said and lost");
    page.fill("Message", "an answer to it");
    page.press("Send");
    all_sent(&mut page);
    let address = shop.url.trim_start_matches("http://").trim_end_matches('/');
    let root = shop.desk.home.join("keys/root.key").display().to_string();
    shop.up.stop();
    let restored = Desk::empty();
    restored.ok(&["restore", &backup]);
    restored.ok(&["recover", "--root-file", &root, "--name", "counter-2"]);
    let again = Up::start(&restored, &["--offline", "--guests", address]);
    let web = Web::login(again.ready["web"]["login"].as_str().unwrap());

    // the guest gives back what it has, without being asked
    page.until("document.getElementById('banner').textContent.includes('went back to a backup')");
    all_sent(&mut page);
    let rows = format!("/topics/{topic}/views/orders");
    let two = |rows: &Json| rows["rows"].as_array().unwrap().len() == 2;
    soon(|| web.ok(&rows), two);
    go(&mut page, "chat", "Messages");
    says(&mut page, "an answer to it");
    page.fill("Message", "going on");
    page.press("Send");
    all_sent(&mut page);
    check_screen(&mut page);
    page.shoot("guest-restored");
    go(&mut page, "audit", "History");
    let digests = || {
        // placed or not, it is the same story
        page.value("location.hash = '#/orders'; location.hash = '#/audit'; true");
        page.until("document.querySelectorAll('dd code').length >= 2");
        let here = page.value("document.querySelectorAll('dd code')[0].textContent");
        (here, web.ok(&format!("/topics/{topic}"))["digest"].clone())
    };
    soon(digests, |(here, theirs)| here == theirs);

    // the owner's pages show what they showed, and what came back
    log_in_again(&mut owner, &restored);
    show(&mut owner, "#/orders/requested", "Orders");
    owner.until("[...document.querySelectorAll('main li.card h2')].filter((it) => it.textContent.includes('×')).length === 2");
    let after = owner.value(cards);
    let before: Vec<String> = serde_json::from_str(before.as_str().unwrap()).unwrap();
    let after: Vec<String> = serde_json::from_str(after.as_str().unwrap()).unwrap();
    assert!(
        before.iter().all(|it| after.contains(it)),
        "{before:?} {after:?}"
    );
    again.stop();
}
