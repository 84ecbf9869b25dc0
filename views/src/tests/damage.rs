//! Damage and crashes: noticed or harmless, and the same again from the log.

use std::fs;
use std::path::{Path, PathBuf};

use synlog_log::scenario::Node;
use synlog_log::topic::Mode;

use super::reducer::Shop;
use super::world::{Fixture, Lcg, Source, Whole, node, options, random_world, whole};
use crate::{Opened, Views};

fn copy(from: &Path, to: &Path) {
    let _ = fs::remove_dir_all(to);
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            // sled renames its snapshots while we copy, as a crash would find them
            let _ = fs::copy(entry.path(), target);
        }
    }
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Opens what is left, brings it up to date; all must be as it should.
fn recovered(directory: &Path, node: &mut Node, source: &mut Source, expected: &Whole) -> Opened {
    let (mut views, opened) = Views::open(directory, options(100)).unwrap();
    let mut shop = Shop::new();
    let update = views.update(node.order(), source, &mut shop, &mut |_| true);
    if update.is_err() {
        // noticed late: thrown away by the caller
        drop(views);
        Views::discard(directory).unwrap();
        (views, _) = Views::open(directory, options(100)).unwrap();
        views
            .update(node.order(), source, &mut shop, &mut |_| true)
            .unwrap();
    }
    let topic = node.order().topic();
    assert_eq!(&whole(&views, &topic), expected);
    opened
}

#[test]
fn damage_is_noticed_or_harmless() {
    let world = random_world(Mode::Ordered, 250, 1);
    let mut all = node(&world);
    let place = tempfile::tempdir().unwrap();
    let (old, good, bad) = (
        place.path().join("old"),
        place.path().join("good"),
        place.path().join("bad"),
    );
    let mut fixture = Fixture::new(Source::of(&world), 20);
    let live = fixture.directory.path().join("v");
    let mut part = Node::new();
    for written in &world.written[..150] {
        part.receive_verified(&written.run);
    }
    part.order().settle();
    fixture.update(part.order());
    fixture.views.flush().unwrap();
    copy(&live, &old);
    fixture.update(all.order());
    fixture.views.flush().unwrap();
    copy(&live, &good);
    let expected = fixture.whole(&world.topic);
    let names: Vec<PathBuf> = files(&good)
        .iter()
        .map(|path| path.strip_prefix(&good).unwrap().to_owned())
        .collect();
    let mut source = Source::of(&world);
    assert_eq!(
        recovered(&good.clone(), &mut all, &mut source, &expected),
        Opened::Whole
    );
    copy(&old, &bad);
    assert_eq!(
        recovered(&bad, &mut all, &mut source, &expected),
        Opened::Whole
    );
    let mut rebuilt = 0;
    for seed in 0..120 {
        let mut random = Lcg(seed);
        copy(&good, &bad);
        let name = &names[random.below(names.len())];
        let file = bad.join(name);
        let mut bytes = fs::read(&file).unwrap();
        let used = bytes
            .iter()
            .rposition(|byte| *byte != 0)
            .map_or(0, |at| at + 1);
        match seed % 6 {
            0 => {
                for _ in 0..1 + random.below(3) {
                    if let Some(byte) = bytes.get_mut(random.below(used)) {
                        *byte ^= 1 << random.below(8);
                    }
                }
                fs::write(&file, bytes).unwrap();
            }
            1 => fs::write(&file, &bytes[..random.below(used)]).unwrap(),
            2 => {
                let at = random.below(used);
                let end = (at + 1 + random.below(2_000)).min(bytes.len());
                bytes[at.min(end)..end].fill(0);
                fs::write(&file, bytes).unwrap();
            }
            3 => fs::remove_file(&file).unwrap(),
            4 if old.join(name).exists() => {
                fs::copy(old.join(name), &file).unwrap();
            }
            _ => fs::write(&file, vec![random.below(256) as u8; bytes.len()]).unwrap(),
        }
        let opened = recovered(&bad, &mut all, &mut source, &expected);
        rebuilt += usize::from(matches!(opened, Opened::Rebuilt { .. }));
    }
    assert!(rebuilt > 20, "{rebuilt}");
}

#[test]
fn a_crash_at_any_moment_leaves_what_can_go_on() {
    for (mode, seed) in [(Mode::Ordered, 1), (Mode::Causal, 2)] {
        let world = random_world(mode, 250, seed);
        let mut all = node(&world);
        let mut fresh = Fixture::new(Source::of(&world), 1_000);
        fresh.update(all.order());
        let expected = fresh.whole(&world.topic);
        let place = tempfile::tempdir().unwrap();
        let mut random = Lcg(seed + 7);
        let mut fixture = Fixture::new(Source::of(&world), 3);
        let live = fixture.directory.path().join("v");
        let mut part = Node::new();
        let mut copies = 0;
        for written in &world.written {
            part.receive_verified(&written.run);
            if random.below(5) > 0 {
                continue;
            }
            part.order().settle();
            fixture.update(part.order());
            if random.below(3) == 0 {
                copies += 1;
                copy(&live, &place.path().join(copies.to_string()));
            }
        }
        assert!(copies > 5);
        let mut source = Source::of(&world);
        for number in 1..=copies {
            let crashed = place.path().join(number.to_string());
            recovered(&crashed, &mut all, &mut source, &expected);
        }
    }
}
