//! Real nodes on bad wires: they come to hold the same once the trouble ends, and lose
//! nothing.

use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use synlog_log::disk::Seeded;
use synlog_net::Ticket;

use crate::net_circle::Circle;
use crate::net_daemon::Up;
use crate::udp_proxy::{Proxy, Weather};

/// How long the weather is bad.
const TROUBLE: Duration = Duration::from_secs(15);
/// How long they may take afterwards: a connection that has died is noticed after half a
/// minute, and calls wait longer each time they come to nothing.
const PEACE: Duration = Duration::from_secs(150);

/// Worlds that are lived: `SYNLOG_FAULTS=n` for more than one, `SYNLOG_SEED=x` for another.
fn seeds() -> std::ops::Range<u64> {
    let number = |name| std::env::var(name).ok().and_then(|v| v.parse::<u64>().ok());
    let first = number("SYNLOG_SEED").unwrap_or(1);
    first..first + number("SYNLOG_FAULTS").unwrap_or(1)
}

fn ticket(circle: &Circle, desk: usize) -> Ticket {
    let invited = circle.desks[desk].ok(&["invite", "--json"]).json();
    invited["ticket"].as_str().unwrap().parse().unwrap()
}

/// The address at which a desk's link to somebody goes, for each link that is up.
fn ways(circle: &Circle, desk: usize) -> Vec<String> {
    let peers = circle.desks[desk].ok(&["peers", "--json"]).json();
    let peers = peers["peers"].as_array().unwrap().clone();
    let up = peers.iter().filter(|peer| peer["connected"] == true);
    up.map(|peer| peer["address"].as_str().unwrap().to_owned())
        .collect()
}

/// The node in the middle hears on IPv4 alone and the two at the ends on IPv6 alone, so
/// that they reach each other through the wires between and in no other way.
fn live(seed: u64) {
    let circle = Circle::found(&["ana", "ben", "cleo"]);
    let mut random = Seeded::new(seed);
    let local = |bind| ["--no-mdns", "--no-dht", "--no-gossip", "--bind", bind];
    let ups = [
        Up::start(&circle.desks[0], &local("[::1]:0")),
        Up::start(&circle.desks[1], &local("127.0.0.1:0")),
        Up::start(&circle.desks[2], &local("[::1]:0")),
    ];
    let ben = ticket(&circle, 1);
    let target = ben.addresses[0];
    let wires = [0, 1].map(|_| Proxy::start("[::1]:0", target, random.bits()));
    for (wire, desk) in wires.iter().zip([0, 2]) {
        circle.introduce(desk, &ben, vec![wire.address]);
        // whom it can't call, but knows
        circle.introduce(1, &ticket(&circle, desk), Vec::new());
    }
    circle.agree(PEACE);
    for (wire, desk) in wires.iter().zip([0, 2]) {
        assert_eq!(ways(&circle, desk), [wire.address.to_string()]);
    }
    let over = AtomicBool::new(false);
    let written = std::thread::scope(|scope| {
        let writers = [0, 1, 2].map(|writer| {
            let (circle, over) = (&circle, &over);
            scope.spawn(move || {
                let mut number = 0;
                while !over.load(Ordering::Relaxed) {
                    number += 1;
                    let done = match number % 12 {
                        0 => circle.import(writer, number),
                        _ => circle.append(writer, number),
                    };
                    assert!(done, "a node that is up takes what is written");
                    std::thread::sleep(Duration::from_millis(100));
                }
                number
            })
        });
        let begun = Instant::now();
        while begun.elapsed() < TROUBLE {
            for wire in &wires {
                wire.set(Weather::bad(&mut random));
            }
            std::thread::sleep(Duration::from_millis(500 + random.below(2_000)));
        }
        over.store(true, Ordering::Relaxed);
        writers.map(|writer| writer.join().unwrap())
    });
    assert!(written.iter().all(|number| *number > 0));
    for wire in &wires {
        wire.set(Weather::default());
    }
    let took = circle.agree(PEACE);
    for (wire, desk) in wires.iter().zip([0, 2]) {
        assert_eq!(ways(&circle, desk), [wire.address.to_string()]);
        println!("{:?}", wire.counts);
        let counts = &wire.counts;
        // all the others wrote came by the wire
        assert!(counts.passed_bytes.load(Ordering::Relaxed) > 100_000);
    }
    let sum = |count: fn(&crate::udp_proxy::Counts) -> &std::sync::atomic::AtomicU64| {
        let counts = wires
            .iter()
            .map(|it| count(&it.counts).load(Ordering::Relaxed));
        counts.sum::<u64>()
    };
    assert!(sum(|it| &it.lost) > 0 && sum(|it| &it.overtaken) > 0);
    circle.check();
    ups.into_iter().for_each(Up::stop);
    circle.check_stores();
    println!(
        "SYNLOG_SEED={seed}: {} entries, agreed {took:?} after the trouble",
        circle.count()
    );
}

#[test]
fn nodes_on_bad_wires_agree_and_lose_nothing() {
    let v6: SocketAddr = "[::1]:0".parse().unwrap();
    if UdpSocket::bind(v6).is_err() {
        println!("SKIPPED: this machine has no IPv6 loopback, and nodes would meet past the wire");
        return;
    }
    seeds().for_each(live);
}
