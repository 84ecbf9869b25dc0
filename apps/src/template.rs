//! A new reducer project, with the kit that it is written with: it builds without
//! anything else of synlog.

/// A file of a new project: where it goes, and its text.
pub type File = (&'static str, &'static str);

/// Stands for the name of the app.
const NAME: &str = "{{name}}";
/// Stands for the version of the kit.
const VERSION: &str = "{{version}}";

/// Every file, the placeholders still in it.
static FILES: [File; 24] = [
    ("Cargo.toml", include_str!("../template/project.toml")),
    (".gitignore", include_str!("../template/ignore")),
    ("README.md", include_str!("../template/README.md")),
    ("events.jsonl", include_str!("../template/events.jsonl")),
    ("src/lib.rs", include_str!("../template/src/lib.rs")),
    ("ui/ui.json", include_str!("../template/ui/ui.json")),
    ("ui/index.html", include_str!("../template/ui/index.html")),
    ("ui/page.js", include_str!("../template/ui/page.js")),
    (
        "synlog-reducer/Cargo.toml",
        include_str!("../template/sdk.toml"),
    ),
    (
        "synlog-reducer/src/app.rs",
        include_str!("../sdk/src/app.rs"),
    ),
    (
        "synlog-reducer/src/calls.rs",
        include_str!("../sdk/src/calls.rs"),
    ),
    (
        "synlog-reducer/src/cbor/mod.rs",
        include_str!("../sdk/src/cbor/mod.rs"),
    ),
    (
        "synlog-reducer/src/cbor/reader.rs",
        include_str!("../sdk/src/cbor/reader.rs"),
    ),
    (
        "synlog-reducer/src/cbor/serde_impl.rs",
        include_str!("../sdk/src/cbor/serde_impl.rs"),
    ),
    (
        "synlog-reducer/src/cbor/value.rs",
        include_str!("../sdk/src/cbor/value.rs"),
    ),
    (
        "synlog-reducer/src/columns.rs",
        include_str!("../sdk/src/columns.rs"),
    ),
    (
        "synlog-reducer/src/event.rs",
        include_str!("../sdk/src/event.rs"),
    ),
    (
        "synlog-reducer/src/fact.rs",
        include_str!("../sdk/src/fact.rs"),
    ),
    (
        "synlog-reducer/src/hash.rs",
        include_str!("../sdk/src/hash.rs"),
    ),
    (
        "synlog-reducer/src/lib.rs",
        include_str!("../sdk/src/lib.rs"),
    ),
    (
        "synlog-reducer/src/manifest.rs",
        include_str!("../sdk/src/manifest.rs"),
    ),
    (
        "synlog-reducer/src/values.rs",
        include_str!("../sdk/src/values.rs"),
    ),
    (
        "synlog-reducer/src/wasm.rs",
        include_str!("../sdk/src/wasm.rs"),
    ),
    (
        "synlog-reducer/src/wire.rs",
        include_str!("../sdk/src/wire.rs"),
    ),
];

/// The files of a new project for an app of this name: paths and texts.
pub fn files(name: &str) -> impl Iterator<Item = (&'static str, String)> {
    FILES.iter().map(move |(path, text)| {
        let text = text.replace(NAME, name);
        (*path, text.replace(VERSION, env!("CARGO_PKG_VERSION")))
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::path::Path;

    #[test]
    fn no_file_of_the_kit_is_left_out() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("sdk/src");
        let mut folders = vec![root.clone()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                    continue;
                }
                let inner = path.strip_prefix(&root).unwrap().to_str().unwrap();
                let there = format!("synlog-reducer/src/{inner}");
                assert!(FILES.iter().any(|(path, _)| *path == there), "{there}");
            }
        }
    }

    #[test]
    fn no_placeholder_is_left() {
        for (path, text) in files("errand") {
            assert!(!text.contains(NAME) && !text.contains(VERSION), "{path}");
        }
    }
}
