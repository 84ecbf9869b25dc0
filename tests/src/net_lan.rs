//! Two machines on one network, made of namespaces: they find each other without being told
//! where they are.

use std::process::{Command, Stdio};
use std::time::Duration;

use synlog_net::Ticket;

use crate::cli::Desk;
use crate::net_circle::Circle;
use crate::net_daemon::Up;

const PEACE: Duration = Duration::from_secs(90);

/// Two namespaces with a cable between them; gone when it is dropped.
struct Lan {
    names: [String; 2],
}

fn ip(arguments: &str) -> Result<(), String> {
    let words = arguments.split_whitespace();
    let output = Command::new("ip")
        .args(words)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("ip: {error}"))?;
    match output.status.success() {
        true => Ok(()),
        false => Err(format!(
            "ip {arguments}: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        )),
    }
}

impl Lan {
    /// Lays it; says why not where this machine does not allow it.
    fn lay() -> Result<Self, String> {
        let number = std::process::id();
        let lan = Self {
            names: [0, 1].map(|end| format!("synlog-{number}-{end}")),
        };
        let [one, other] = &lan.names;
        ip(&format!("netns add {one}"))?;
        ip(&format!("netns add {other}"))?;
        ip(&format!(
            "link add cable netns {one} type veth peer name cable netns {other}"
        ))?;
        for (end, name) in lan.names.iter().enumerate() {
            ip(&format!("-n {name} link set lo up"))?;
            ip(&format!(
                "-n {name} addr add 10.99.7.{}/24 dev cable",
                end + 1
            ))?;
            ip(&format!("-n {name} link set cable up multicast on"))?;
            // what has no gateway has no way for multicast, either
            ip(&format!("-n {name} route add 224.0.0.0/4 dev cable"))?;
        }
        Ok(lan)
    }
}

impl Drop for Lan {
    fn drop(&mut self) {
        for name in &self.names {
            let _ = ip(&format!("netns del {name}"));
        }
    }
}

fn start(desk: &Desk, namespace: &str) -> Up {
    let inner = desk.command(&["up", "--json", "--no-dht"]);
    let mut command = Command::new("ip");
    command.args(["netns", "exec", namespace]);
    command.arg(inner.get_program()).args(inner.get_args());
    for (name, value) in inner.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    Up::spawn(command).expect("a node that starts")
}

#[test]
fn nodes_of_one_network_find_each_other_by_mdns() {
    let lan = match Lan::lay() {
        Ok(lan) => lan,
        Err(why) => {
            println!("SKIPPED: no network namespaces here ({why})");
            return;
        }
    };
    let circle = Circle::found(&["ana", "ben"]);
    let ups = [0, 1].map(|end| start(&circle.desks[end], &lan.names[end]));
    // they know of each other, and not where the other one is
    for (one, other) in [(0, 1), (1, 0)] {
        let invited = circle.desks[other].ok(&["invite", "--json"]).json();
        let ticket: Ticket = invited["ticket"].as_str().unwrap().parse().unwrap();
        circle.introduce(one, &ticket, Vec::new());
    }
    let took = circle.agree(PEACE);
    println!("agreed after {took:?}");
    assert!(circle.append(0, 1) && circle.append(1, 2));
    circle.agree(PEACE);
    circle.check();
    for end in [0, 1] {
        let peers = circle.desks[end].ok(&["peers", "--json"]).json();
        let peer = &peers["peers"][0];
        assert_eq!(peer["via"], "lan", "{peers}");
        let address = peer["address"].as_str().unwrap();
        assert!(!address.contains("127.0.0.1"), "{peers}");
    }
    ups.into_iter().for_each(Up::stop);
    circle.check_stores();
}
