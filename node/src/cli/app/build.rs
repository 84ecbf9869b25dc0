//! `synlog app build`.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::cli::app::toolchain::{Toolchain, built};
use crate::cli::app::{engine, module_json, refused, show_module};
use crate::cli::setting::Setting;
use crate::failure::Failure;

/// Build a project into NAME.wasm, and check it
///
/// Needs a Rust toolchain for wasm32-unknown-unknown; where there is none it
/// says what to install.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
EXAMPLES
  synlog app build
  synlog app build ~/src/errands")]
pub(super) struct Args {
    /// Directory of the project
    #[arg(value_name = "DIR", default_value = ".")]
    dir: PathBuf,
}

/// A project on this disk.
pub(super) struct Project {
    /// Its directory, absolute.
    pub(super) directory: PathBuf,
    /// Name of its crate.
    package: String,
}

impl Project {
    /// The project in a directory.
    pub(super) fn open(directory: &Path) -> Result<Self, Failure> {
        let manifest = directory.join("Cargo.toml");
        let text = fs::read_to_string(&manifest).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => Failure::Usage(format!(
                "{} has no Cargo.toml: say where the project is, or begin one with `synlog app new NAME`",
                directory.display()
            )),
            _ => Failure::file(&manifest)(error),
        })?;
        let package = package_name(&text)
            .ok_or_else(|| Failure::Usage(format!("{} names no package", manifest.display())))?;
        Ok(Self {
            package: package.to_owned(),
            directory: fs::canonicalize(directory).map_err(Failure::file(directory))?,
        })
    }

    /// Where the module is put.
    pub(super) fn module_path(&self) -> PathBuf {
        let name = self.package.strip_prefix("synlog-app-");
        let name = name.unwrap_or(&self.package);
        self.directory.join(format!("{name}.wasm"))
    }
}

/// The `name` of `[package]`.
fn package_name(manifest: &str) -> Option<&str> {
    let mut lines = manifest.lines().map(str::trim);
    lines.find(|line| *line == "[package]")?;
    let mut inside = lines.take_while(|line| !line.starts_with('['));
    inside.find_map(|line| {
        let (key, value) = line.split_once('=')?;
        (key.trim() == "name").then(|| value.trim().trim_matches('"'))
    })
}

/// Runs the command.
pub(super) fn run(args: &Args, setting: &Setting) -> Result<(), Failure> {
    let project = Project::open(&args.dir)?;
    let toolchain = Toolchain::find()?;
    let status = toolchain.command(&project.directory).status();
    let status = status.map_err(|error| Failure::System(format!("cargo can't be run: {error}")))?;
    if !status.success() {
        return Err(Failure::Findings("the project does not build".into()));
    }
    let from = built(&project.directory, &project.package);
    let wasm = fs::read(&from).map_err(Failure::file(&from))?;
    let path = project.module_path();
    let module = engine(None)?.load(&wasm).map_err(refused(&wasm))?;
    fs::write(&path, &wasm).map_err(Failure::file(&path))?;
    let screen = &setting.screen;
    if screen.is_json() {
        let mut json = module_json(&module, wasm.len());
        json["file"] = json!(path);
        return screen.json(&json);
    }
    show_module(&module, wasm.len(), screen)?;
    screen.line(format_args!("file   {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_package_is_found() {
        let table = [
            ("[package]\nname = \"a-b\"\n", Some("a-b")),
            (
                "[lib]\nname = \"x\"\n[package]\nversion = \"1\"\nname=\"y\"",
                Some("y"),
            ),
            ("[package]\nversion = \"1\"\n[lib]\nname = \"x\"", None),
            ("", None),
        ];
        for (text, name) in table {
            assert_eq!(package_name(text), name, "{text}");
        }
    }
}
