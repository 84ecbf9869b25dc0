//! The house rules that a machine can hold: who may touch the outside world, how
//! long files are, and that the map names what is there.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Files that may touch files, clocks or randomness, and what each may touch. Nobody else may (invariant 12).
const SHELL: &[(&str, &[&str])] = &[
    ("log/src/disk/real.rs", &["std::fs"]),
    ("node/src/backup/place.rs", &["std::fs"]),
    ("node/src/bench/", &["std::fs", "std::net", "Instant::now"]),
    ("node/src/blobs/files.rs", &["std::fs"]),
    ("node/src/carrying.rs", &["std::fs"]),
    ("node/src/cli/", &["std::fs", "std::net", "Instant::now"]),
    ("node/src/clock.rs", &["SystemTime::now"]),
    (
        "node/src/daemon/",
        &["std::fs", "std::net", "UnixStream", "Instant::now"],
    ),
    ("node/src/demo/stage.rs", &["std::fs", "Instant::now"]),
    ("node/src/entropy.rs", &["getrandom"]),
    ("node/src/home.rs", &["std::fs"]),
    ("node/src/replay.rs", &["std::fs"]),
    ("node/web/src/disk.rs", &["std::fs"]),
    (
        "node/web/src/server.rs",
        &["std::net", "tokio::net", "Instant::now"],
    ),
    ("node/web/build.rs", &["std::fs"]),
    ("node/web/src/guests/server.rs", &["std::net", "tokio::net"]),
    ("node/web/src/serving.rs", &["std::net", "tokio::net"]),
    ("apps/sdk/examples/hash.rs", &["std::fs"]),
    (
        "replication/net/src/",
        &["std::net", "tokio::net", "UnixStream"],
    ),
    (
        "relay/src/serve/",
        &[
            "std::fs",
            "std::net",
            "tokio::net",
            "SystemTime::now",
            "Instant::now",
            "getrandom",
        ],
    ),
    ("runtime/src/cache.rs", &["std::fs"]),
    ("views/src/driver.rs", &["std::fs"]),
    ("views/src/store/open.rs", &["std::fs"]),
];

/// What code must not do unless it is in the list above.
const GUARDED: &[&str] = &[
    "std::fs",
    "std::net",
    "tokio::net",
    "SystemTime::now",
    "Instant::now",
    "getrandom",
    "rand::rng",
    "thread_rng",
    "OsRng",
    "UnixStream",
];

/// Longest file of a crate: one subject fits.
const LINES_MAX: usize = 500;
/// Longest file of tests: tables grow.
const TEST_LINES_MAX: usize = 850;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_path_buf()
}

/// All files under the root with one of some endings, as paths from the root.
fn files(endings: &[&str]) -> Vec<String> {
    let root = root();
    let (mut found, mut folders) = (Vec::new(), vec![root.clone()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() {
                let ours = !name.starts_with('.') && name != "target" && name != "node_modules";
                if ours && !name.starts_with("synlog-demo") {
                    folders.push(path);
                }
            } else if endings.iter().any(|ending| name.ends_with(ending)) {
                found.push(
                    path.strip_prefix(&root)
                        .unwrap()
                        .to_string_lossy()
                        .into_owned(),
                );
            }
        }
    }
    found.sort();
    found
}

fn is_test(path: &str) -> bool {
    path.starts_with("tests/")
        || path.starts_with("spec/test")
        || path.contains("/tests/")
        || path.ends_with("/tests.rs")
}

/// The code of a file without comments and without its unit tests.
fn code(path: &str) -> String {
    let text = std::fs::read_to_string(root().join(path)).unwrap();
    let text = text
        .split("#[cfg(test)]\nmod tests {")
        .next()
        .unwrap_or_default();
    let lines = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn only_shell_files_touch_the_outside_world() {
    let mut wrong = Vec::new();
    for path in files(&[".rs"]).iter().filter(|path| !is_test(path)) {
        let allowed = SHELL
            .iter()
            .find(|(shell, _)| path.starts_with(shell))
            .map_or(&[][..], |(_, allowed)| allowed);
        let code = code(path);
        let touched = GUARDED
            .iter()
            .filter(|guarded| code.contains(**guarded) && !allowed.contains(guarded));
        wrong.extend(touched.map(|guarded| format!("{path}: {guarded}")));
    }
    assert!(
        wrong.is_empty(),
        "outside of the shell files:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn the_list_of_shell_files_is_true() {
    for (shell, _) in SHELL {
        assert!(
            root().join(shell).exists(),
            "{shell} is listed and not there"
        );
    }
}

#[test]
fn files_have_one_subject() {
    let mut wrong = Vec::new();
    for path in files(&[".rs", ".py"]) {
        let lines = std::fs::read_to_string(root().join(&path))
            .unwrap()
            .lines()
            .count();
        let limit = if is_test(&path) {
            TEST_LINES_MAX
        } else {
            LINES_MAX
        };
        if lines > limit {
            wrong.push(format!("{path}: {lines} lines, at most {limit}"));
        }
        let name = Path::new(&path)
            .file_stem()
            .unwrap()
            .to_string_lossy()
            .into_owned();
        if ["utils", "util", "helpers", "common", "misc"].contains(&name.as_str()) {
            wrong.push(format!("{path}: name it after what it holds"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn nothing_is_left_open() {
    let mut wrong = Vec::new();
    for path in files(&[".rs"]) {
        if path == "tests/src/tidy.rs" {
            continue;
        }
        let code = code(&path);
        for mark in ["todo!(", "unimplemented!(", "FIXME", "dbg!("] {
            if code.contains(mark) {
                wrong.push(format!("{path}: {mark}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What stands between backticks and looks like a path of ours.
fn named_paths(text: &str) -> BTreeSet<String> {
    let inside = text.split('`').skip(1).step_by(2);
    let folders = [
        "log/",
        "node/",
        "spec/",
        "tests/",
        "docs/",
        ".ci/",
        "apps/",
        "relay/",
        "replication/",
        "runtime/",
        "views/",
        "packages/",
    ];
    let paths = inside.filter(|inside| folders.iter().any(|folder| inside.starts_with(folder)));
    paths
        .filter(|path| !path.contains([' ', '*', '<', '{', '…']))
        .map(str::to_owned)
        .collect()
}

#[test]
fn the_documents_name_what_is_there() {
    let mut wrong = Vec::new();
    for path in files(&[".md"]) {
        let text = std::fs::read_to_string(root().join(&path)).unwrap();
        for named in named_paths(&text) {
            if !root().join(&named).exists() {
                wrong.push(format!("{path} names {named}"));
            }
        }
        let folder = root().join(&path).parent().unwrap().to_path_buf();
        for link in text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split(')').next())
        {
            let target = link.split('#').next().unwrap_or_default();
            let outside =
                target.is_empty() || target.contains("://") || target.starts_with("mailto:");
            if !outside && !folder.join(target).exists() {
                wrong.push(format!("{path} links to {link}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(
        !named_paths(&std::fs::read_to_string(root().join("docs/ARCHITECTURE.md")).unwrap())
            .is_empty()
    );
}

#[test]
fn crates_depend_only_downwards() {
    // log ← node ← tests; siblings don't know each other
    let manifest =
        |name: &str| std::fs::read_to_string(root().join(name).join("Cargo.toml")).unwrap();
    for above in ["synlog-node", "synlog-tests"] {
        assert!(!manifest("log").contains(above), "log knows {above}");
    }
    assert!(
        !manifest("node").contains("synlog-tests"),
        "node knows the tests"
    );
}
