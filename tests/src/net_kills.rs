//! `kill -9` of nodes while they sync: nothing acknowledged is lost, and all end alike.

use std::net::UdpSocket;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use synlog_log::disk::Seeded;

use crate::net_circle::Circle;
use crate::net_daemon::Up;

/// How long they may take in the end: a connection to a killed node is noticed to be dead
/// after half a minute where nobody says so.
const PEACE: Duration = Duration::from_secs(150);

/// How many nodes are killed: `SYNLOG_KILLS=n` for more.
fn kills() -> u64 {
    let named = std::env::var("SYNLOG_KILLS").ok();
    named.and_then(|text| text.parse().ok()).unwrap_or(50)
}

fn seed() -> u64 {
    let named = std::env::var("SYNLOG_SEED").ok();
    named.and_then(|text| text.parse().ok()).unwrap_or(1)
}

/// An address that nobody else listens at, on a loopback address of its own.
fn address(random: &mut Seeded) -> String {
    let (a, b) = (1 + random.below(250), 1 + random.below(250));
    let address = format!("127.{a}.{b}.1");
    let socket = UdpSocket::bind((&address[..], 0)).unwrap();
    socket.local_addr().unwrap().to_string()
}

fn start(circle: &Circle, desk: usize, bind: &str) -> Up {
    let arguments = ["--no-mdns", "--no-dht", "--bind", bind];
    let begun = Instant::now();
    loop {
        // a command that found no node may have the store just now
        if let Some(up) = Up::attempt(&circle.desks[desk], &arguments) {
            return up;
        }
        assert!(begun.elapsed() < PEACE, "desk {desk} can't be started");
    }
}

#[test]
fn nodes_that_are_killed_in_sync_lose_nothing_and_agree() {
    let seed = seed();
    println!("SYNLOG_SEED={seed}");
    let mut random = Seeded::new(seed);
    // which address is free is not of the seed
    let mut free = Seeded::new(u64::from(std::process::id()));
    let circle = Circle::found(&["ana", "ben", "cleo"]);
    let binds = [0, 1, 2].map(|_| address(&mut free));
    let mut ups: Vec<Option<Up>> = (0..3)
        .map(|desk| Some(start(&circle, desk, &binds[desk])))
        .collect();
    for (one, other) in [(0, 1), (1, 2), (2, 0)] {
        let invited = circle.desks[other].ok(&["invite", "--json"]).json();
        let ticket = invited["ticket"].as_str().unwrap().parse().unwrap();
        circle.introduce(one, &ticket, vec![binds[other].parse().unwrap()]);
    }
    circle.agree(PEACE);
    let over = AtomicBool::new(false);
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for writer in [0, 1] {
            let (circle, over) = (&circle, &over);
            scope.spawn(move || {
                let mut number = 0;
                while !over.load(Ordering::Relaxed) {
                    number += 1;
                    // what ends badly was not acknowledged
                    match number % 6 {
                        0 => circle.import(writer, number),
                        _ => circle.append(writer, number),
                    };
                    std::thread::sleep(Duration::from_millis(60));
                }
            });
        }
        for _ in 0..kills() {
            std::thread::sleep(Duration::from_millis(random.below(500)));
            let victim = random.below(3) as usize;
            ups[victim].take().unwrap().kill();
            std::thread::sleep(Duration::from_millis(random.below(100)));
            ups[victim] = Some(start(&circle, victim, &binds[victim]));
        }
        over.store(true, Ordering::Relaxed);
    });
    let killed = begun.elapsed();
    let took = circle.agree(PEACE);
    circle.check();
    ups.into_iter().flatten().for_each(Up::stop);
    circle.check_stores();
    println!(
        "{} entries, {} kills in {killed:?}, agreed {took:?} after the last",
        circle.count(),
        kills()
    );
}
