//! The program as a user has it: real processes on real directories.

use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use serde_json::Value as Json;

/// The binary, built once beside the test executable.
pub(crate) fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        // another one, for those that measure
        if let Some(named) = std::env::var_os("SYNLOG_PROGRAM") {
            return PathBuf::from(named);
        }
        let test = std::env::current_exe().unwrap();
        let profile_dir = test.ancestors().nth(2).unwrap();
        let profile = match profile_dir.file_name().and_then(OsStr::to_str).unwrap() {
            "debug" => "dev",
            other => other,
        };
        let mut build = Command::new(env!("CARGO"));
        // what cargo tells this test of its package would be taken for a change by the build
        // scripts of others, and half of the dependencies built again, here and afterwards
        for (name, _) in std::env::vars_os() {
            let name = name.to_string_lossy();
            let of_package = [
                "CARGO_PKG_",
                "CARGO_MANIFEST_",
                "CARGO_CRATE_",
                "CARGO_BIN_",
            ];
            if of_package.iter().any(|front| name.starts_with(front)) {
                build.env_remove(&*name);
            }
        }
        let built = build
            .args(["build", "--quiet", "--workspace", "--bin", "synlog"])
            .args(["--profile", profile, "--target-dir"])
            .arg(profile_dir.parent().unwrap())
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .status()
            .unwrap();
        assert!(built.success());
        profile_dir.join("synlog")
    })
}

/// A data directory and whoever uses it.
pub(crate) struct Desk {
    _dir: tempfile::TempDir,
    pub(crate) root: PathBuf,
    pub(crate) home: PathBuf,
    /// The time that its commands are told.
    pub(crate) now_ms: Option<u64>,
}

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ended {
    pub(crate) fn of(output: Output) -> Self {
        Self {
            code: output.status.code(),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// The answer, where it is one JSON object.
    pub(crate) fn json(&self) -> Json {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The answer, where each line is a JSON object.
    pub(crate) fn json_lines(&self) -> Vec<Json> {
        let lines = self.out.lines();
        lines
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// The first word of the answer: an id, mostly.
    pub(crate) fn word(&self) -> String {
        self.out.split_whitespace().next().unwrap().to_owned()
    }

    /// The code for the door that was told beside the answer.
    pub(crate) fn door_code(&self) -> String {
        let mut words = self.err.split_whitespace();
        let is_code = |word: &&str| word.len() == 19 && word.matches('-').count() == 3;
        words.rfind(is_code).unwrap().to_owned()
    }
}

/// The program, without what the environment of the test says.
pub(crate) fn program() -> Command {
    let mut command = Command::new(binary());
    for name in [
        "SYNLOG_HOME",
        "SYNLOG_NOW_MS",
        "SYNLOG_PASSPHRASE",
        "XDG_DATA_HOME",
    ] {
        command.env_remove(name);
    }
    for (name, _) in std::env::vars_os() {
        let fronts = ["SYNLOG_NET_", "SYNLOG_WEB_", "SYNLOG_LOG_"];
        let text = name.to_string_lossy();
        if fronts.iter().any(|front| text.starts_with(front)) {
            command.env_remove(&name);
        }
    }
    command.env("COLUMNS", "100").stdin(Stdio::null());
    command
}

impl Desk {
    /// An empty place.
    pub(crate) fn empty() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().to_path_buf();
        let home = root.join("home");
        Self {
            _dir: dir,
            root,
            home,
            now_ms: None,
        }
    }

    /// A place with keys.
    pub(crate) fn new(name: &str) -> Self {
        let desk = Self::empty();
        desk.ok(&["init", "--name", name]);
        desk
    }

    /// The command, to be run or spawned.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = program();
        command
            .arg("--home")
            .arg(&self.home)
            .args(arguments)
            .current_dir(&self.root);
        if let Some(now_ms) = self.now_ms {
            command.env("SYNLOG_NOW_MS", now_ms.to_string());
        }
        command
    }

    /// Runs it, however it ends.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ended {
        Ended::of(self.command(arguments).output().unwrap())
    }

    /// Runs it; it must succeed.
    pub(crate) fn ok(&self, arguments: &[&str]) -> Ended {
        let ended = self.run(arguments);
        assert_eq!(ended.code, Some(0), "{arguments:?}: {ended:?}");
        ended
    }

    /// Runs it; it must fail with a code.
    pub(crate) fn fails(&self, code: i32, arguments: &[&str]) -> Ended {
        let ended = self.run(arguments);
        assert_eq!(ended.code, Some(code), "{arguments:?}: {ended:?}");
        ended
    }

    /// Runs it with something to read.
    pub(crate) fn fed(&self, input: &[u8], arguments: &[&str]) -> Ended {
        let mut command = self.command(arguments);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut pipe = child.stdin.take().unwrap();
        let input = input.to_vec();
        // it may stop reading before all is written
        let writer = std::thread::spawn(move || pipe.write_all(&input));
        let ended = Ended::of(child.wait_with_output().unwrap());
        let _ = writer.join().unwrap();
        ended
    }

    /// A file of this desk.
    pub(crate) fn path(&self, name: &str) -> String {
        self.root.join(name).to_str().unwrap().to_owned()
    }

    /// The id of its entity.
    pub(crate) fn entity(&self) -> String {
        self.ok(&["whoami", "--json"]).json()["entity"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    /// Tells another the key with which things are sealed to this one.
    pub(crate) fn introduce_to(&self, other: &Desk) {
        let file = self.path("me.synlog");
        self.ok(&["bundle", "write", &file, "--identity"]);
        other.ok(&["bundle", "read", &file]);
    }

    /// Hands a topic to another.
    pub(crate) fn carry_to(&self, other: &Desk, topic: &str) -> PathBuf {
        let file = self.path("stick.synlog");
        self.ok(&["bundle", "write", &file, topic]);
        other.ok(&["bundle", "read", &file]);
        PathBuf::from(file)
    }

    /// The id of its device.
    pub(crate) fn device(&self) -> String {
        self.ok(&["whoami", "--json"]).json()["device"]
            .as_str()
            .unwrap()
            .to_owned()
    }
}

/// Copies a directory, as `cp -r` does.
pub(crate) fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}
