//! Runs commands as a user would and shows what they print.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use crate::failure::Failure;

/// Marks a directory as made by the demo, so that only such a one is removed.
const MARKER: &str = ".synlog-demo";

/// Lines of a command's output that are shown before the rest is left out.
const SHOWN_LINES: usize = 24;

/// Where the demo happens.
pub(super) struct Stage {
    dir: PathBuf,
    program: PathBuf,
    chapters: u32,
    left_behind: Vec<(String, &'static str)>,
    started: Instant,
    /// Nodes that run, by directory.
    nodes: Vec<(String, Child)>,
}

/// How long a node may take until it says that it is ready.
const READY: Duration = Duration::from_secs(30);

impl Drop for Stage {
    fn drop(&mut self) {
        for (_, node) in &mut self.nodes {
            let _ = node.kill();
            let _ = node.wait();
        }
    }
}

impl Stage {
    /// An empty directory; what an earlier demo left there is removed.
    pub(super) fn open(dir: &Path) -> Result<Self, Failure> {
        if dir.exists() {
            let empty = fs::read_dir(dir)
                .map_err(Failure::file(dir))?
                .next()
                .is_none();
            if !empty && !dir.join(MARKER).exists() {
                let what = format!("{} is there already and is not a demo's", dir.display());
                return Err(Failure::Usage(format!("{what}: name another with --dir")));
            }
            fs::remove_dir_all(dir).map_err(Failure::file(dir))?;
        }
        fs::create_dir_all(dir).map_err(Failure::file(dir))?;
        fs::write(dir.join(MARKER), "made by `synlog demo`\n").map_err(Failure::file(dir))?;
        let program = std::env::current_exe().map_err(Failure::file("this program"))?;
        Ok(Self {
            dir: dir.to_path_buf(),
            program,
            chapters: 0,
            left_behind: Vec::new(),
            started: Instant::now(),
            nodes: Vec::new(),
        })
    }

    /// A path in the directory.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// The directory as it is shown.
    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Seconds since the curtain rose.
    pub(super) fn elapsed_s(&self) -> f64 {
        self.started.elapsed().as_secs_f64()
    }

    /// A heading.
    pub(super) fn chapter(&mut self, title: &str) {
        self.chapters += 1;
        println!("\n== {}. {title}\n", self.chapters);
    }

    /// A sentence.
    pub(super) fn say(&self, text: &str) {
        println!("{text}");
    }

    /// Writes a file.
    pub(super) fn file(&self, name: &str, bytes: &[u8]) -> Result<(), Failure> {
        let path = self.path(name);
        fs::write(&path, bytes).map_err(Failure::file(path))
    }

    /// Reads a file.
    pub(super) fn read(&self, name: &str) -> Result<Vec<u8>, Failure> {
        let path = self.path(name);
        fs::read(&path).map_err(Failure::file(path))
    }

    /// Keeps a file in mind for the end.
    pub(super) fn leave(&mut self, name: &str, what: &'static str) {
        self.left_behind.push((name.to_owned(), what));
    }

    /// What is left behind.
    pub(super) fn left_behind(&self) -> &[(String, &'static str)] {
        &self.left_behind
    }

    /// Runs a command that must succeed and shows it.
    pub(super) fn synlog(&mut self, home: &str, args: &[&str]) -> Result<String, Failure> {
        let output = self.play(home, args)?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        Err(Failure::System(format!(
            "`synlog {}` should have succeeded",
            args.join(" ")
        )))
    }

    /// Runs a command that must fail with an exit code and shows it.
    pub(super) fn synlog_fails(
        &mut self,
        home: &str,
        args: &[&str],
        code: i32,
    ) -> Result<(), Failure> {
        let output = self.play(home, args)?;
        if output.status.code() == Some(code) {
            println!("    (exit code {code})");
            return Ok(());
        }
        Err(Failure::System(format!(
            "`synlog {}` should have failed with exit code {code}",
            args.join(" ")
        )))
    }

    /// Runs a command that must succeed, shows it, and gives the id that it printed.
    pub(super) fn id_of(&mut self, home: &str, args: &[&str]) -> Result<String, Failure> {
        let output = self.synlog(home, args)?;
        Ok(output.lines().next().unwrap_or_default().to_owned())
    }

    /// Runs a command that must succeed, and shows only that it ran.
    pub(super) fn quietly(&mut self, home: &str, args: &[&str]) -> Result<(), Failure> {
        println!("$ {}", shown_command(home, args));
        let output = self.execute(home, args)?;
        if output.status.success() {
            return Ok(());
        }
        Err(Failure::System(format!(
            "`synlog {}` failed: {}",
            args.join(" "),
            String::from_utf8_lossy(&output.stderr)
        )))
    }

    /// Starts the node of a directory, for other nodes of this machine only, and waits
    /// until it is ready.
    pub(super) fn up(&mut self, home: &str) -> Result<(), Failure> {
        let args = ["up", "--bind", "127.0.0.1:0", "--no-mdns", "--no-dht"];
        println!("$ {} &", shown_command(home, &args));
        let log = self.path(&format!("{home}-node.log"));
        let file = fs::File::create(&log).map_err(Failure::file(&log))?;
        let errors = file.try_clone().map_err(Failure::file(&log))?;
        let child = self
            .command(home, &args)
            .stdin(Stdio::null())
            .stdout(file)
            .stderr(errors)
            .spawn()
            .map_err(Failure::file(&self.program))?;
        self.nodes.push((home.to_owned(), child));
        let begun = Instant::now();
        loop {
            let said = fs::read_to_string(&log).map_err(Failure::file(&log))?;
            if said.lines().any(|line| line.starts_with("ready")) {
                return Ok(());
            }
            if begun.elapsed() >= READY {
                let what = format!("the node of {home} did not come up: {said}");
                return Err(Failure::System(what));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Ends the node of a directory as Ctrl-C does.
    pub(super) fn down(&mut self, home: &str) -> Result<(), Failure> {
        let Some(at) = self.nodes.iter().position(|(name, _)| name == home) else {
            return Ok(());
        };
        println!("(Ctrl-C: the node of {home} stops)");
        let (_, mut node) = self.nodes.swap_remove(at);
        let pid = rustix::process::Pid::from_child(&node);
        let asked = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        asked.map_err(|error| Failure::System(format!("the node can't be stopped: {error}")))?;
        let ended = node.wait().map_err(Failure::file(&self.program))?;
        if ended.success() {
            return Ok(());
        }
        Err(Failure::System(format!(
            "the node of {home} ended with {ended}"
        )))
    }

    /// The machine of a directory is gone from one moment to the next, with all it had.
    pub(super) fn vanish(&mut self, home: &str) -> Result<(), Failure> {
        println!("(the machine of {home} falls into the harbour)");
        if let Some(at) = self.nodes.iter().position(|(name, _)| name == home) {
            let (_, mut node) = self.nodes.swap_remove(at);
            node.kill().map_err(Failure::file(&self.program))?;
            node.wait().map_err(Failure::file(&self.program))?;
        }
        let path = self.path(home);
        fs::remove_dir_all(&path).map_err(Failure::file(path))
    }

    /// The ticket of a running node for a topic.
    pub(super) fn ticket(&self, home: &str, topic: &str) -> Result<String, Failure> {
        println!("$ {}", shown_command(home, &["invite", topic]));
        let ticket = self.ask(home, &["invite", topic, "--json"], "ticket")?;
        println!(
            "    {}… ({} characters)",
            &ticket[..24.min(ticket.len())],
            ticket.len()
        );
        Ok(ticket)
    }

    /// Runs a command that must succeed, and shows it in a shorter form.
    pub(super) fn synlog_as(
        &mut self,
        home: &str,
        args: &[&str],
        shown: &[&str],
    ) -> Result<(), Failure> {
        println!("$ {}", shown_command(home, shown));
        let output = self.execute(home, args)?;
        let text = [&output.stdout[..], &output.stderr[..]].concat();
        for line in String::from_utf8_lossy(&text).lines() {
            println!("    {line}");
        }
        if output.status.success() {
            return Ok(());
        }
        let command = shown.join(" ");
        Err(Failure::System(format!(
            "`synlog {command}` should have succeeded"
        )))
    }

    /// Carries a topic from one to another by stick.
    pub(super) fn carry(&mut self, from: &str, to: &str, topic: &str) -> Result<(), Failure> {
        self.quietly(from, &["bundle", "write", "stick.synlog", topic])?;
        self.quietly(to, &["bundle", "read", "stick.synlog"])
    }

    /// Tells one the key with which things are sealed to another.
    pub(super) fn introduce(&mut self, who: &str, to: &str) -> Result<(), Failure> {
        let file = format!("{who}-identity.synlog");
        self.quietly(who, &["bundle", "write", &file, "--identity"])?;
        self.quietly(to, &["bundle", "read", &file])
    }

    /// Runs a command without showing it and picks one field of the last line of its JSON.
    pub(super) fn ask_line(
        &self,
        home: &str,
        args: &[&str],
        field: &str,
    ) -> Result<String, Failure> {
        let output = self.execute(home, args)?;
        let text = String::from_utf8_lossy(&output.stdout);
        let last = text.lines().last().unwrap_or_default();
        let json: serde_json::Value = serde_json::from_str(last).unwrap_or_default();
        let found = json.get(field).and_then(serde_json::Value::as_str);
        found.map(str::to_owned).ok_or_else(|| {
            Failure::System(format!(
                "`synlog {}` did not tell its {field:?}",
                args.join(" ")
            ))
        })
    }

    /// Runs a command without showing it and picks one field of its JSON.
    pub(super) fn ask(&self, home: &str, args: &[&str], field: &str) -> Result<String, Failure> {
        let output = self.execute(home, args)?;
        let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        let found = json
            .get(field)
            .and_then(serde_json::Value::as_str)
            .map(str::to_owned);
        found.ok_or_else(|| {
            Failure::System(format!(
                "`synlog {}` did not tell its {field:?}",
                args.join(" ")
            ))
        })
    }

    /// Copies a directory as a backup program would.
    pub(super) fn copy(&self, from: &str, to: &str) -> Result<(), Failure> {
        println!("$ cp -r {from} {to}");
        copy_tree(&self.path(from), &self.path(to))
    }

    /// Removes a directory.
    pub(super) fn remove(&self, name: &str) -> Result<(), Failure> {
        println!("$ rm -r {name}");
        let path = self.path(name);
        fs::remove_dir_all(&path).map_err(Failure::file(path))
    }

    /// Shows that several nodes have the same order and the same rows of a topic.
    pub(super) fn same_digest(&self, topic: &str, homes: &[&str]) -> Result<(), Failure> {
        let begun = Instant::now();
        let digests = loop {
            let digests = homes
                .iter()
                .map(|home| self.digests(home, topic))
                .collect::<Result<Vec<_>, _>>()?;
            let same = digests.windows(2).all(|pair| pair[0] == pair[1]);
            // running nodes may just be telling each other what was placed
            if same || begun.elapsed() >= READY {
                break digests;
            }
            std::thread::sleep(Duration::from_millis(100));
        };
        for (home, (digest, rows)) in homes.iter().zip(&digests) {
            println!("    {home:<10} order {digest}");
            println!("    {:<10} rows  {rows}", "");
        }
        if digests.windows(2).all(|pair| pair[0] == pair[1]) {
            return Ok(());
        }
        Err(Failure::System(format!("the digests of {topic} differ")))
    }

    /// The digests of order and rows of a topic.
    fn digests(&self, home: &str, topic: &str) -> Result<(String, String), Failure> {
        let show = ["topic", "show", topic, "--json"];
        Ok((
            self.ask(home, &show, "digest")?,
            self.ask(home, &show, "rows")?,
        ))
    }

    fn play(&self, home: &str, args: &[&str]) -> Result<Output, Failure> {
        println!("$ {}", shown_command(home, args));
        let output = self.execute(home, args)?;
        let text = [&output.stdout[..], &output.stderr[..]].concat();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        for line in lines.iter().take(SHOWN_LINES) {
            println!("    {line}");
        }
        if lines.len() > SHOWN_LINES {
            println!("    … {} more lines", lines.len() - SHOWN_LINES);
        }
        Ok(output)
    }

    fn execute(&self, home: &str, args: &[&str]) -> Result<Output, Failure> {
        let mut command = self.command(home, args);
        command.output().map_err(Failure::file(&self.program))
    }

    fn command(&self, home: &str, args: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        if !home.is_empty() {
            command.arg("--home").arg(home);
        }
        command
            .args(args)
            .current_dir(&self.dir)
            .env_remove("SYNLOG_HOME")
            .env("NO_COLOR", "1");
        command
    }
}

/// A command as it would be typed.
fn shown_command(home: &str, args: &[&str]) -> String {
    let shown: Vec<String> = args.iter().map(|arg| quoted(arg)).collect();
    let home = match home {
        "" => String::new(),
        home => format!("--home {home} "),
    };
    format!("synlog {home}{}", shown.join(" "))
}

/// An argument as a shell would need it.
fn quoted(arg: &str) -> String {
    let plain = !arg.is_empty()
        && arg
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-_./=,:".contains(c));
    if plain {
        arg.to_owned()
    } else {
        format!("'{arg}'")
    }
}

fn copy_tree(from: &Path, to: &Path) -> Result<(), Failure> {
    fs::create_dir_all(to).map_err(Failure::file(to))?;
    for entry in fs::read_dir(from).map_err(Failure::file(from))? {
        let entry = entry.map_err(Failure::file(from))?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if source.is_dir() {
            copy_tree(&source, &target)?;
        } else {
            fs::copy(&source, &target).map_err(Failure::file(&source))?;
        }
    }
    Ok(())
}
