//! The released module with the modules of the pages, as a browser runs them: under Node.js
//! where it is there.

use std::path::Path;
use std::process::Command;

use serde_json::json;
use synlog_log::ids::hex;

use super::scene::{Native, Scene};

fn has_node() -> bool {
    let version = Command::new("node").arg("--version").output();
    version.is_ok_and(|it| it.status.success())
}

#[test]
fn it_does_under_node_as_natively() {
    if !has_node() {
        eprintln!("SKIPPED: there is no `node` here to run guest.wasm with");
        return;
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = std::env::temp_dir().join(format!("synlog-guest-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let write = |name: &str, bytes: &[u8]| std::fs::write(folder.join(name), bytes).unwrap();
    // by the browser's clock, so that what is written now may build on it
    let mut scene = Scene::new();
    scene.say("good morning");
    write("older.synlog", &scene.bundle());
    scene.say("what can I do for you?");
    let mut guest = scene.guest();
    let topic = scene.world.topic;
    let (sequenced, _) = guest.fold(&mut Native, &topic).unwrap().0.roots();
    write("provider.synlog", &scene.bundle());
    write("keys.json", scene.keys().to_string().as_bytes());
    write(
        "relation.wasm",
        include_bytes!("../../../../../apps/relation/relation.wasm"),
    );
    let expected = json!({
        "provider": scene.owner.id().to_string(),
        "device": scene.client.device(0).to_string(),
        "topic": topic.to_string(),
        "sequenced": hex(&sequenced),
        "messages": 2,
        "entries": scene.world.written.len(),
    });
    write("expected.json", expected.to_string().as_bytes());
    let ended = Command::new("node")
        .arg(root.join("checks/module.mjs"))
        .args([&root.join("pages"), &folder])
        .arg(root.join("../../../spec/vectors"))
        .output()
        .unwrap();
    let (out, err) = (
        String::from_utf8_lossy(&ended.stdout),
        String::from_utf8_lossy(&ended.stderr),
    );
    assert!(
        ended.status.success() && out.ends_with("ok\n"),
        "{out}\n{err}"
    );
    // what the module signed is right here, and comes to the same rows
    let mut other = scene.guest();
    let written = std::fs::read(folder.join("written.synlog")).unwrap();
    let took = other.load(&written).unwrap();
    assert_eq!((took.entries, took.refused.len(), took.waiting), (4, 0, 0));
    let roots = other.fold(&mut Native, &topic).unwrap().0.roots();
    let tentative = std::fs::read_to_string(folder.join("tentative.txt")).unwrap();
    assert_eq!((hex(&roots.0), hex(&roots.1)), (hex(&sequenced), tentative));
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn the_pages_apply_the_released_rules() {
    let pins = include_str!("../../../../../apps/PINS");
    let relation = pins.lines().find(|line| line.starts_with("relation "));
    let hash = relation.unwrap().split(' ').nth(1).unwrap();
    assert!(include_str!("../../pages/pins.js").contains(hash));
}

/// Bytes of script of all pages in all languages, without the module. What is loaded before anything is shown is
/// less, and held in `node/web/src/pages.rs`.
const SCRIPT_MAX: u64 = 240 * 1024;

#[test]
fn pages_bring_no_code_inline_and_nothing_from_elsewhere() {
    let pages = Path::new(env!("CARGO_MANIFEST_DIR")).join("pages");
    let mut script = 0;
    for entry in std::fs::read_dir(pages).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if name == "guest.wasm" {
            continue;
        }
        // the name of a namespace, which nobody asks for
        let text = std::fs::read_to_string(&path).unwrap();
        let text = text.replace("'http://www.w3.org/2000/svg'", "");
        for bad in [
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
            "new Function",
            "http://",
            "https://",
            "style=",
            "javascript:",
            " onclick=",
        ] {
            assert!(!text.contains(bad), "{name}: {bad}");
        }
        if name.ends_with(".js") {
            script += text.len() as u64;
        }
        if name == "index.html" {
            assert!(!text.contains("<style"));
            for script in text.split("<script").skip(1) {
                let (tag, inside) = script.split_once('>').unwrap();
                assert!(
                    tag.contains(" src=\"/") && inside.starts_with("</script>"),
                    "{tag}"
                );
            }
        }
    }
    assert!(script <= SCRIPT_MAX, "{script}");
}
