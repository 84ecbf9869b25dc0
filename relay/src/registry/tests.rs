//! What the registry must hold against liars, replays and floods.

use core::net::IpAddr;

use iroh::SecretKey;
use proptest::prelude::*;

use super::*;
use crate::dice::seeded;
use crate::limits::{REGISTERED_MS, URL_BYTES};
use crate::wellknown::relay_url;

const NOW: u64 = 1_800_000_000_000;
const HOUR: u64 = 60 * 60 * 1_000;

fn key(seed: u16) -> SecretKey {
    let mut bytes = [7; 32];
    bytes[..2].copy_from_slice(&seed.to_le_bytes());
    SecretKey::from_bytes(&bytes)
}

fn caller(number: u32) -> Caller {
    Caller::from(IpAddr::from(number.to_be_bytes()))
}

fn url(seed: u16) -> RelayUrl {
    relay_url(&format!("https://r{seed}.example")).expect("a URL")
}

fn word(seed: u16, capacity: u32, at_ms: u64) -> Registration {
    Registration::sign(&key(seed), url(seed), capacity, at_ms, at_ms + 3 * HOUR)
}

fn known(seed: u16) -> WellKnown {
    WellKnown {
        endpoint: key(seed).public(),
        relay: url(seed),
        domain: format!("r{seed}.example"),
        version: "1".into(),
    }
}

struct World {
    registry: Registry,
    source: Box<dyn FnMut() -> u64>,
    now_ms: u64,
}

impl World {
    fn new() -> Self {
        Self {
            registry: Registry::default(),
            source: Box::new(seeded(5)),
            now_ms: NOW,
        }
    }

    fn handle(&mut self, input: Input) -> Result<Vec<Output>, Refusal> {
        let mut dice = Dice::new(&mut *self.source);
        self.registry.handle(input, self.now_ms, &mut dice)
    }

    fn register(&mut self, registration: Registration) -> Result<Vec<Output>, Refusal> {
        let from = caller(u32::from(registration.endpoint.as_bytes()[0]) << 16 | rand(self));
        self.handle(Input::Register { registration, from })
    }

    fn checked(&mut self, seed: u16, found: Result<WellKnown, String>) -> Vec<Output> {
        let (endpoint, url) = (key(seed).public(), url(seed));
        let input = Input::Checked {
            endpoint,
            url,
            found,
        };
        self.handle(input).expect("a check is never refused")
    }

    fn add(&mut self, seed: u16, capacity: u32) {
        let registration = word(seed, capacity, self.now_ms);
        let outputs = self.register(registration).expect("taken");
        let check = Output::Check {
            endpoint: key(seed).public(),
            url: url(seed),
        };
        assert!(outputs.contains(&check), "{outputs:?}");
        self.checked(seed, Ok(known(seed)));
    }

    fn good(&self) -> usize {
        self.registry.good(self.now_ms).count()
    }
}

fn rand(world: &mut World) -> u32 {
    u32::try_from((world.source)() >> 48).expect("16 bits")
}

#[test]
fn a_relay_counts_once_it_was_reached() {
    let mut world = World::new();
    let registration = word(1, 100, NOW);
    assert!(world.register(registration).is_ok());
    assert_eq!(world.good(), 0);
    world.checked(1, Ok(known(1)));
    assert_eq!(world.good(), 1);
}

#[test]
fn who_says_that_he_is_another_does_not_count() {
    let mut world = World::new();
    world.register(word(1, 100, NOW)).expect("taken");
    let impostor = WellKnown {
        endpoint: key(2).public(),
        ..known(1)
    };
    world.checked(1, Ok(impostor));
    assert_eq!(world.good(), 0);
    let elsewhere = WellKnown {
        relay: url(2),
        ..known(1)
    };
    world.checked(1, Ok(elsewhere));
    assert_eq!(world.good(), 0);
}

#[test]
fn bad_signatures_and_replays_are_refused() {
    let mut world = World::new();
    world.add(1, 100);
    let mut bent = word(1, 100, NOW + 1);
    bent.capacity = 5_000;
    assert_eq!(world.register(bent), Err(Refusal::BadSignature));
    assert_eq!(world.register(word(1, 100, NOW)), Err(Refusal::Replayed));
    assert_eq!(
        world.register(word(1, 100, NOW - 1)),
        Err(Refusal::Replayed)
    );
    assert!(world.register(word(1, 200, NOW + 1)).is_ok());
    // its word is new, the relay is the same: nothing must be proven again
    assert_eq!(world.good(), 1);
}

#[test]
fn who_leaves_does_not_come_back_by_a_replay() {
    let mut world = World::new();
    world.add(1, 100);
    let later = word(1, 100, NOW + 10);
    let end = Registration::sign(&key(1), url(1), 100, NOW + 20, NOW + 20);
    assert!(end.ends());
    world.register(end).expect("taken");
    assert_eq!(world.good(), 0);
    assert_eq!(world.register(later.clone()), Err(Refusal::Replayed));
    world.now_ms += 25 * 60 * 1_000;
    world.handle(Input::Tick).expect("a tick");
    assert!(world.registry.gone.is_empty());
    assert_eq!(world.register(later), Err(Refusal::BadTime));
}

#[test]
fn relays_expire() {
    let mut world = World::new();
    world.add(1, 100);
    world.now_ms += 3 * HOUR - 1;
    world.handle(Input::Tick).expect("a tick");
    assert_eq!(world.good(), 1);
    world.now_ms += 1;
    assert_eq!(world.good(), 0);
    let outputs = world.handle(Input::Tick).expect("a tick");
    assert!(outputs.contains(&Output::Keep));
    assert_eq!(world.registry.all().count(), 0);
}

#[test]
fn checks_come_again_with_jitter_and_failures_back_off() {
    let mut world = World::new();
    world.add(1, 100);
    let at = |world: &World| world.registry.all().next().expect("it").check_ms - world.now_ms;
    let first = at(&world);
    assert!(
        (CHECK_MS * 4 / 5..=CHECK_MS * 6 / 5).contains(&first),
        "{first}"
    );
    world.now_ms += first - 1;
    assert_eq!(world.handle(Input::Tick), Ok(vec![]));
    world.now_ms += 1;
    let check = Output::Check {
        endpoint: key(1).public(),
        url: url(1),
    };
    assert_eq!(world.handle(Input::Tick), Ok(vec![check]));
    // one at a time
    assert_eq!(world.handle(Input::Tick), Ok(vec![]));
    let mut waits = Vec::new();
    for _ in 0..FAILS_MAX {
        assert_eq!(world.good(), 1);
        world.checked(1, Err("no route".into()));
        waits.push(at(&world));
        world.now_ms += at(&world);
        world.handle(Input::Tick).expect("a tick");
    }
    assert_eq!(world.good(), 0);
    assert!(waits[0] < waits[1] && waits[1] < waits[2], "{waits:?}");
    world.checked(1, Ok(known(1)));
    assert_eq!(world.good(), 1);
    assert_eq!(world.registry.all().next().expect("it").fails, 0);
}

#[test]
fn who_fails_for_long_is_forgotten() {
    let mut world = World::new();
    let long = Registration::sign(&key(1), url(1), 1, NOW, NOW + REGISTERED_MS);
    world.register(long).expect("taken");
    world.checked(1, Ok(known(1)));
    world.checked(1, Err("gone".into()));
    world.now_ms += FAILING_MS - 1;
    world.handle(Input::Tick).expect("a tick");
    assert_eq!(world.registry.all().count(), 1);
    world.now_ms += 1;
    world.handle(Input::Tick).expect("a tick");
    assert_eq!(world.registry.all().count(), 0);
}

#[test]
fn a_url_belongs_to_who_is_there() {
    let mut world = World::new();
    world.add(1, 100);
    let theft = Registration::sign(&key(2), url(1), 100, NOW, NOW + HOUR);
    assert_eq!(world.register(theft), Err(Refusal::UrlTaken));
    // but nobody keeps a URL for himself by a word alone
    let squatter = Registration::sign(&key(3), url(4), 100, NOW, NOW + HOUR);
    world.register(squatter).expect("taken");
    world.add(4, 100);
    assert_eq!(world.good(), 2);
    assert_eq!(world.registry.all().count(), 2);
}

#[test]
fn a_relay_that_moves_is_proven_again() {
    let mut world = World::new();
    world.add(1, 100);
    let moved = Registration::sign(&key(1), url(9), 100, NOW + 1, NOW + HOUR);
    let outputs = world.register(moved).expect("taken");
    assert!(
        outputs
            .iter()
            .any(|output| matches!(output, Output::Check { .. }))
    );
    assert_eq!(world.good(), 0);
    // an answer from the old place is none
    world.checked(1, Ok(known(1)));
    assert_eq!(world.good(), 0);
    assert!(world.registry.by_url.len() == 1);
}

#[test]
fn floods_stay_within_bounds() {
    let mut world = World::new();
    let from = caller(1);
    let mut taken = 0;
    for seed in 0..200 {
        let registration = word(seed, 1, NOW);
        match world.handle(Input::Register { registration, from }) {
            Ok(_) => taken += 1,
            Err(refusal) => assert_eq!(refusal, Refusal::TooMany),
        }
    }
    assert_eq!(taken, REGISTER_BURST);
    // from everywhere at once: only so many wait for a proof, and only so many are tried
    let mut full = 0;
    for seed in 200..600 {
        let from = caller(10_000 + u32::from(seed));
        let registration = word(seed, 1, NOW);
        full +=
            u32::from(world.handle(Input::Register { registration, from }) == Err(Refusal::Full));
    }
    let unproven = world.registry.all().count();
    assert_eq!(unproven, UNPROVEN_MAX);
    assert!(full > 0);
    let under_way = world.registry.all().filter(|entry| entry.checking).count();
    assert_eq!(under_way, CHECKS_MAX);
    // those who were never there are gone after some tries
    for _ in 0..200 {
        let waiting = world.registry.all().filter(|entry| entry.checking);
        let waiting: Vec<_> = waiting.map(|entry| entry.registration.clone()).collect();
        assert!(waiting.len() <= CHECKS_MAX);
        for Registration { endpoint, url, .. } in waiting {
            let found = Err("nobody".to_owned());
            let input = Input::Checked {
                endpoint,
                url,
                found,
            };
            world.handle(input).expect("never refused");
        }
        world.now_ms += RECHECK_MS;
        world.handle(Input::Tick).expect("a tick");
    }
    assert_eq!(world.registry.all().count(), 0);
}

#[test]
fn the_choice_follows_capacity() {
    let mut world = World::new();
    let capacities = [100, 200, 300, 400];
    for (seed, capacity) in (1..).zip(capacities) {
        world.add(seed, capacity);
    }
    let mut counts = [0_u32; 4];
    let mut source = seeded(99);
    let rounds = 20_000;
    for _ in 0..rounds {
        let mut dice = Dice::new(&mut source);
        let chosen = world.registry.choose(1, NOW, &mut dice);
        let at = capacities
            .iter()
            .position(|c| *c == chosen[0].registration.capacity);
        counts[at.expect("one of them")] += 1;
    }
    for (count, capacity) in counts.iter().zip(capacities) {
        let expected = rounds * capacity / 1_000;
        // five standard deviations of a binomial are below 350 here
        assert!(count.abs_diff(expected) < 350, "{counts:?}");
    }
}

#[test]
fn nobody_is_chosen_twice_and_boasting_is_bounded() {
    let mut world = World::new();
    for seed in 1..=4 {
        world.add(seed, 1_000);
    }
    world.add(5, u32::MAX);
    let mut source = seeded(3);
    let mut boaster = 0;
    for _ in 0..4_000 {
        let mut dice = Dice::new(&mut source);
        let chosen = world.registry.choose(3, NOW, &mut dice);
        let mut ids: Vec<_> = chosen
            .iter()
            .map(|entry| entry.registration.endpoint)
            .collect();
        boaster += u32::from(ids[0] == key(5).public());
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), 3);
    }
    // 10,000 of 14,000
    assert!((2_700..3_000).contains(&boaster), "{boaster}");
    let mut dice = Dice::new(&mut source);
    assert_eq!(world.registry.choose(100, NOW, &mut dice).len(), 5);
    let none = Registry::default();
    assert!(none.choose(3, NOW, &mut dice).is_empty());
}

#[test]
fn the_registry_survives_a_new_start() {
    let mut world = World::new();
    world.add(1, 100);
    world.add(2, 200);
    world.register(word(3, 1, NOW)).expect("taken");
    let end = Registration::sign(&key(2), url(2), 100, NOW + 20, NOW + 20);
    world.register(end).expect("taken");
    let state = world.registry.to_state();
    let again = Registry::from_state(&state).expect("read");
    assert_eq!(again.to_state(), state);
    world.registry = again;
    assert_eq!(world.good(), 1);
    assert_eq!(world.register(word(2, 1, NOW + 10)), Err(Refusal::Replayed));
    // all are looked at again
    let outputs = world.handle(Input::Tick).expect("a tick");
    assert_eq!(outputs.len(), 2);
    for cut in 0..state.len() {
        assert!(Registry::from_state(&state[..cut]).is_err(), "{cut}");
    }
    let newer = String::from_utf8(state)
        .expect("JSON")
        .replace("\"version\":1", "\"version\":2");
    let error = Registry::from_state(newer.as_bytes()).expect_err("newer");
    assert_eq!(error, StateError::Version(2));
}

proptest! {
    #[test]
    fn no_kept_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300), text in ".*") {
        let _ = (Registry::from_state(&bytes), Registry::from_state(text.as_bytes()));
    }

    /// Whatever comes, the books stay in order.
    #[test]
    fn the_books_are_in_order(steps in proptest::collection::vec((0_u8..6, 0_u16..6, 0_u64..HOUR), 1..80)) {
        let mut world = World::new();
        for (what, seed, passed) in steps {
            world.now_ms += passed / 8;
            match what {
                0 | 1 => { let _ = world.register(word(seed, 50, world.now_ms)); }
                2 => { world.checked(seed, Ok(known(seed))); }
                3 => { world.checked(seed, Err("x".into())); }
                4 => {
                    let at = world.now_ms;
                    let shared = Registration::sign(&key(seed), url(0), 1, at, at + HOUR);
                    let _ = world.register(shared);
                }
                _ => { let _ = world.handle(Input::Tick); }
            }
            let registry = &world.registry;
            prop_assert_eq!(registry.by_url.len(), registry.relays.len());
            for (url, endpoint) in &registry.by_url {
                prop_assert_eq!(registry.relays[endpoint].registration.url.as_str(), url.as_str());
                prop_assert!(url.len() <= URL_BYTES);
            }
        }
    }
}
