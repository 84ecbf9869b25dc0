//! A compiler that makes WebAssembly modules, wherever this machine has one.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::failure::Failure;

const TARGET: &str = "wasm32-unknown-unknown";

/// A compiler, and how cargo is told of it.
pub(super) struct Toolchain {
    /// `None`: the one that cargo takes by itself.
    rustc: Option<PathBuf>,
    linker: Option<PathBuf>,
    sysroot: PathBuf,
}

/// Where a compiler keeps its libraries.
fn sysroot(rustc: &Path) -> Option<PathBuf> {
    let output = Command::new(rustc)
        .args(["--print", "sysroot"])
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| PathBuf::from(text.trim()))
}

/// The file of a name in the directories of `PATH`.
fn in_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
}

/// `folder/*/rest`.
fn below(folder: PathBuf, rest: &str) -> Option<PathBuf> {
    let entries = std::fs::read_dir(folder).ok()?;
    let mut found: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path().join(rest)))
        .filter(|file| file.is_file())
        .collect();
    found.sort();
    found.pop()
}

/// Debian's compiler with the sources of the standard library: it builds that too, so
/// that what formats panics is left out. It needs a linker from elsewhere.
fn debian() -> Option<Toolchain> {
    let rustc = PathBuf::from("/usr/bin/rustc");
    let own = sysroot(&rustc)?;
    own.join("lib/rustlib/src/rust/library/std")
        .is_dir()
        .then_some(())?;
    let other = sysroot(Path::new("rustc"));
    let linker = in_path("rust-lld")
        .or_else(|| in_path("wasm-ld"))
        .or_else(|| below(other?.join("lib/rustlib"), "bin/rust-lld"))
        .or_else(|| below("/usr/lib/rustlib".into(), "bin/rust-lld"))?;
    Some(Toolchain {
        rustc: Some(rustc),
        linker: Some(linker),
        sysroot: own,
    })
}

/// An ordinary toolchain with the target.
fn ordinary() -> Option<Toolchain> {
    let sysroot = sysroot(Path::new("rustc"))?;
    sysroot
        .join("lib/rustlib")
        .join(TARGET)
        .is_dir()
        .then_some(Toolchain {
            rustc: None,
            linker: None,
            sysroot,
        })
}

impl Toolchain {
    /// The best that is here.
    pub(super) fn find() -> Result<Self, Failure> {
        debian().or_else(ordinary).ok_or_else(|| {
            Failure::System(format!(
                "no compiler for {TARGET} is here; either of these brings one: `rustup target add {TARGET}`, or `apt-get install rustc-web rust-web-src`"
            ))
        })
    }

    /// The command that builds the project in a directory.
    pub(super) fn command(&self, directory: &Path) -> Command {
        let mut flags = vec!["-Ctarget-cpu=mvp".to_owned()];
        flags.push(
            "-Ctarget-feature=+bulk-memory,+sign-ext,+nontrapping-fptoint,+multivalue".into(),
        );
        // paths of this machine must not be in what is given out
        let cargo_home = std::env::var_os("CARGO_HOME")
            .map(PathBuf::from)
            .or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")));
        for (from, to) in [
            (Some(directory.to_path_buf()), "/app"),
            (cargo_home, "/cargo"),
            (Some(self.sysroot.clone()), "/rust"),
        ] {
            if let Some(from) = from {
                flags.push(format!("--remap-path-prefix={}={to}", from.display()));
            }
        }
        let mut command = cargo(directory);
        command.args(["build", "--quiet", "--release", "--lib", "--target", TARGET]);
        match (&self.rustc, &self.linker) {
            (Some(rustc), Some(linker)) => {
                flags.extend(
                    [
                        "-Clinker-flavor=wasm-ld",
                        "-Zunstable-options",
                        "-Cpanic=immediate-abort",
                    ]
                    .map(str::to_owned),
                );
                command
                    .arg("-Zbuild-std=std,panic_abort")
                    .env("RUSTC", rustc)
                    .env("RUSTC_BOOTSTRAP", "1")
                    .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker);
            }
            _ => flags.push("-Cpanic=abort".to_owned()),
        }
        command
            .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\u{1f}"))
            .env("CARGO_INCREMENTAL", "0");
        command
    }
}

/// Cargo in the directory of a project, which keeps what it builds there.
pub(super) fn cargo(directory: &Path) -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let mut command = Command::new(cargo);
    // the answer is on standard output, what cargo says is not part of it
    command
        .current_dir(directory)
        .env("CARGO_TARGET_DIR", directory.join("target"))
        .stdout(std::io::stderr());
    command
}

/// Where a module is after it was built.
pub(super) fn built(directory: &Path, package: &str) -> PathBuf {
    directory
        .join("target")
        .join(TARGET)
        .join("release")
        .join(format!("{}.wasm", package.replace('-', "_")))
}
