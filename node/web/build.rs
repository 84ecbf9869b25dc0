//! Lists the guests' pages: all files of `guest/pages`, to be embedded in the program. They
//! are another crate's, and whatever is there is served.

use std::fmt::Write;
use std::path::Path;
use std::{env, fs};

/// What a file is, by the end of its name; others are not served.
const TYPES: &[(&str, &str)] = &[
    ("html", "text/html; charset=utf-8"),
    ("js", "text/javascript; charset=utf-8"),
    ("css", "text/css; charset=utf-8"),
    ("svg", "image/svg+xml"),
    ("png", "image/png"),
    ("wasm", "application/wasm"),
    ("webmanifest", "application/manifest+json"),
];

/// Modules of the owner's pages that the guests' use, too.
const SHARED: &[&str] = &[
    "elements.js",
    "format.js",
    "words.js",
    "style.css",
    "icon.svg",
];

fn main() {
    let root = env::var("CARGO_MANIFEST_DIR").expect("cargo names the folder");
    let (pages, shared) = (
        Path::new(&root).join("guest/pages"),
        Path::new(&root).join("ui"),
    );
    let watched = if pages.is_dir() { "guest/pages" } else { "src" };
    println!("cargo:rerun-if-changed={watched}");
    println!("cargo:rerun-if-changed=build.rs");
    let mut files: Vec<_> = fs::read_dir(&pages)
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect();
    let has = |name: &str| pages.join(name).is_file();
    files.extend(
        SHARED
            .iter()
            .filter(|name| !has(name))
            .map(|name| shared.join(name)),
    );
    files.sort();
    let mut list = "&[\n".to_owned();
    for path in files {
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        let end = name.rsplit_once('.').map_or("", |(_, end)| end);
        let Some((_, media_type)) = TYPES.iter().find(|(known, _)| *known == end) else {
            continue;
        };
        let at = if name == "index.html" { "" } else { name };
        let _ = writeln!(
            list,
            "    GuestPage {{ path: {:?}, media_type: {media_type:?}, bytes: include_bytes!({path:?}) }},",
            format!("/{at}"),
        );
    }
    list.push_str("]\n");
    let out = env::var("OUT_DIR").expect("cargo names the folder of what is made");
    fs::write(Path::new(&out).join("guest_pages.rs"), list).expect("the list is written");
}
