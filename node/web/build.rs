//! Lists the guests' pages: all files of `guest/pages`, to be embedded in the program, as
//! they are and packed. They are another crate's, and whatever is there is served.

use std::fmt::Write;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

use flate2::{Compression, GzBuilder};

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
    "broker.js",
    "elements.js",
    "format.js",
    "words.js",
    "style.css",
    "icon.svg",
];

/// Puts a packed copy of a file beside the list.
fn packed(bytes: &[u8], out: &Path, number: usize) -> PathBuf {
    // no time and no name: the same file gives the same bytes
    let mut packer = GzBuilder::new().write(Vec::new(), Compression::best());
    packer.write_all(bytes).expect("memory takes it");
    let path = out.join(format!("guest-page-{number}.gz"));
    fs::write(&path, packer.finish().expect("memory takes it")).expect("a page is written");
    path
}

/// By what all files together are known.
fn version(files: &[PathBuf]) -> String {
    let mut hasher = blake3::Hasher::new();
    for path in files {
        let name = path.file_name().and_then(|name| name.to_str());
        let bytes = fs::read(path).expect("a page is read");
        hasher.update(blake3::hash(name.unwrap_or_default().as_bytes()).as_bytes());
        hasher.update(blake3::hash(&bytes).as_bytes());
    }
    hasher.finalize().to_hex()[..16].to_owned()
}

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
    let out = env::var("OUT_DIR").expect("cargo names the folder of what is made");
    let out = Path::new(&out);
    let mut list = "&[\n".to_owned();
    let version = version(&files);
    for (number, path) in files.into_iter().enumerate() {
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        let end = name.rsplit_once('.').map_or("", |(_, end)| end);
        let Some((_, media_type)) = TYPES.iter().find(|(known, _)| *known == end) else {
            continue;
        };
        println!("cargo:rerun-if-changed={}", path.display());
        let at = if name == "index.html" { "" } else { name };
        let mut bytes = fs::read(&path).expect("a page is read");
        let mut path = path.clone();
        if at.is_empty() {
            // its files are named in the folder of their version
            let text = String::from_utf8(bytes).expect("the first page is text");
            bytes = text.replace("=\"/", &format!("=\"/v/{version}/")).into();
            path = out.join("guest-first.html");
            fs::write(&path, &bytes).expect("the first page is written");
        }
        let (tag, packed) = (blake3::hash(&bytes).to_hex(), packed(&bytes, out, number));
        let _ = writeln!(
            list,
            "    GuestPage {{ path: {:?}, media_type: {media_type:?}, tag: {:?}, bytes: include_bytes!({path:?}), packed: include_bytes!({packed:?}) }},",
            format!("/{at}"),
            &tag[..32],
        );
    }
    list.push_str("]\n");
    fs::write(out.join("guest_pages.rs"), list).expect("the list is written");
    fs::write(out.join("guest_version"), version).expect("the version is written");
}
