//! A node of a bench: a data directory and a process of its own.
//!
//! A shell file: it starts processes and talks to them.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value as Json;

use super::Stage;
use super::meter::status_mb_of;
use crate::daemon::client;
use crate::failure::Failure;
use crate::home::Home;

/// How long a node may take to come up, or to answer.
const READY: Duration = Duration::from_secs(30);

/// A data directory and the node that runs on it.
pub(super) struct Station {
    pub(super) home: PathBuf,
    child: Option<Child>,
}

impl Station {
    /// With a new identity.
    pub(super) fn new(stage: &Stage, name: &str) -> Result<Self, Failure> {
        let home = stage.dir.join(name);
        let station = Self { home, child: None };
        station.run(&["init", "--name", name])?;
        Ok(station)
    }

    fn command(&self, arguments: &[&str]) -> Result<Command, Failure> {
        let program = std::env::current_exe();
        let program = program.map_err(|error| Failure::System(error.to_string()))?;
        let mut command = Command::new(program);
        command.arg("--home").arg(&self.home).args(arguments);
        command.stdin(Stdio::null());
        Ok(command)
    }

    /// Runs a command in a process of its own.
    pub(super) fn run(&self, arguments: &[&str]) -> Result<Vec<u8>, Failure> {
        let output = self.command(arguments)?.output();
        let output = output.map_err(|error| Failure::System(error.to_string()))?;
        match output.status.success() {
            true => Ok(output.stdout),
            false => Err(Failure::System(format!(
                "`synlog {}`: {}",
                arguments.join(" "),
                String::from_utf8_lossy(&output.stderr)
            ))),
        }
    }

    /// One field of what a command says.
    pub(super) fn ask(&self, arguments: &[&str], field: &str) -> Result<String, Failure> {
        let output = self.run(&[arguments, &["--json"]].concat())?;
        let json: Json = serde_json::from_slice(&output).unwrap_or_default();
        let found = json.get(field).and_then(Json::as_str).map(str::to_owned);
        found.ok_or_else(|| Failure::System(format!("no {field} in {arguments:?}")))
    }

    /// Starts the node and waits until it is ready.
    pub(super) fn up(&mut self) -> Result<(), Failure> {
        let arguments = ["up", "--bind", "127.0.0.1:0", "--no-mdns", "--no-dht"];
        let mut command = self.command(&arguments)?;
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn();
        self.child = Some(child.map_err(|error| Failure::System(error.to_string()))?);
        let begun = Instant::now();
        while !client::runs(&Home::at(&self.home))? {
            if begun.elapsed() > READY {
                return Err(Failure::System("a node of the bench is not up".into()));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// Runs a command in the node, called from this process.
    pub(super) fn call(&self, arguments: &[String]) -> Result<(), Failure> {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let arguments = typed(arguments);
        let code = client::ask(&Home::at(&self.home), &arguments, &mut out, &mut err)?;
        match code {
            Some(0) => Ok(()),
            _ => Err(Failure::System(String::from_utf8_lossy(&err).into_owned())),
        }
    }

    /// The process of the node, 0 where none runs.
    pub(super) fn pid(&self) -> u32 {
        self.child.as_ref().map_or(0, Child::id)
    }

    /// Most memory that the node has had, in megabytes.
    pub(super) fn peak_mb(&self) -> f64 {
        status_mb_of(&self.pid().to_string(), "VmHWM:")
    }
}

impl Drop for Station {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// A command line.
pub(super) fn typed(arguments: &[String]) -> Vec<OsString> {
    let program = std::iter::once(OsString::from("synlog"));
    program
        .chain(arguments.iter().map(OsString::from))
        .collect()
}
