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
    "zones.js",
    "style.css",
    "icon.svg",
];

/// The first page.
const FIRST: &str = "index.html";

/// The worker that keeps the pages in a browser: which files these are stands before its text,
/// so it is another one when any of them is, or when it is itself.
const WORKER: &str = "worker.js";

/// The worker with what it keeps: the first page, and files in the folder of a version.
fn worker(text: &[u8], names: &[String], version: &str) -> Vec<u8> {
    let mut list = "\"/\", ".to_owned();
    for name in names {
        let _ = write!(list, "\"/v/{version}/{name}\", ");
    }
    let mut made = format!("const VERSION = {version:?};\nconst FILES = [{list}];\n").into_bytes();
    made.extend_from_slice(text);
    made
}

/// Puts a packed copy of a file beside the list.
fn packed(bytes: &[u8], out: &Path, number: usize) -> PathBuf {
    // no time and no name: the same file gives the same bytes
    let mut packer = GzBuilder::new().write(Vec::new(), Compression::best());
    packer.write_all(bytes).expect("memory takes it");
    let path = out.join(format!("guest-page-{number}.gz"));
    fs::write(&path, packer.finish().expect("memory takes it")).expect("a page is written");
    path
}

/// What a file is, if it is served.
fn media_type(name: &str) -> Option<&'static str> {
    let (_, end) = name.rsplit_once('.')?;
    let mut known = TYPES.iter();
    known.find_map(|(known, media_type)| (*known == end).then_some(*media_type))
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
    let kept: Vec<String> = files
        .iter()
        .filter_map(|path| Some(path.file_name()?.to_str()?.to_owned()))
        .filter(|name| media_type(name).is_some() && name != WORKER && name != FIRST)
        .collect();
    for (number, path) in files.into_iter().enumerate() {
        let name = path.file_name().and_then(|name| name.to_str());
        let name = name.unwrap_or_default().to_owned();
        let Some(media_type) = media_type(&name) else {
            continue;
        };
        println!("cargo:rerun-if-changed={}", path.display());
        let bytes = fs::read(&path).expect("a page is read");
        let (at, path, bytes) = match &name[..] {
            FIRST => {
                // its files are named in the folder of their version
                let text = String::from_utf8(bytes).expect("the first page is text");
                let text = text.replace("=\"/", &format!("=\"/v/{version}/"));
                ("/".to_owned(), out.join(FIRST), text.into_bytes())
            }
            WORKER => {
                let bytes = worker(&bytes, &kept, &version);
                (format!("/{WORKER}"), out.join(WORKER), bytes)
            }
            _ => (format!("/{name}"), path.clone(), bytes),
        };
        if path.starts_with(out) {
            fs::write(&path, &bytes).expect("a page is written");
        }
        let (tag, packed) = (blake3::hash(&bytes).to_hex(), packed(&bytes, out, number));
        let _ = writeln!(
            list,
            "    GuestPage {{ path: {at:?}, media_type: {media_type:?}, tag: {:?}, bytes: include_bytes!({path:?}), packed: include_bytes!({packed:?}) }},",
            &tag[..32],
        );
    }
    list.push_str("]\n");
    fs::write(out.join("guest_pages.rs"), list).expect("the list is written");
    fs::write(out.join("guest_version"), version).expect("the version is written");
}
