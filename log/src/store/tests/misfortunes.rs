//! What can happen to a store in its life, and what must come of it.

use super::super::*;
use super::life::{Known, Life};
use super::toy::{Toy, erased, feed, other};
use crate::disk::{Disk, Faults};
use std::sync::Arc;

impl Life {
    /// Some work until the power goes in the middle of it.
    pub(super) fn crash_within(&mut self) {
        let after = self.random.below(12);
        self.say(|| format!("power goes after {after}"));
        self.disk.set_faults(Faults {
            power_lost_after: Some(after),
            ..Faults::default()
        });
        self.work_until_failure();
        self.crash_maybe_within_opening();
    }

    pub(super) fn crash_maybe_within_opening(&mut self) {
        self.disk = self.disk.crash();
        self.store = None;
        while self.random.one_in(2) {
            let after = self.random.below(15);
            self.say(|| format!("power goes after {after} of opening"));
            self.disk.set_faults(Faults {
                power_lost_after: Some(after),
                ..Faults::default()
            });
            let opened = Store::open(self.disk.clone(), Arc::new(Toy), self.options());
            if let Ok((store, report)) = opened {
                self.disk.set_faults(Faults::default());
                self.opened(store, &report);
                return;
            }
            self.disk = self.disk.crash();
        }
        self.open();
    }

    /// True where something failed.
    pub(super) fn work_until_failure(&mut self) -> bool {
        for _ in 0..20 {
            let failed = match self.random.below(8) {
                0 => self.store.as_mut().unwrap().idle().is_err(),
                1 => {
                    let mut rewrite =
                        |kind: u8, _, bytes: &[u8]| (kind == KIND_RUN).then(|| erased(bytes));
                    let store = self.store.as_mut().unwrap();
                    store.prune(&mut rewrite, &mut |_, _| {}).is_err()
                }
                2 if self.random.one_in(3) => {
                    let store = self.store.as_mut().unwrap();
                    store.rebuild(&mut |_, _| {}).is_err()
                }
                _ => {
                    let records = self.records();
                    self.try_commit(&records).is_err()
                }
            };
            if failed {
                return true;
            }
        }
        false
    }

    /// Writes, reads or syncs fail; then the store has stopped.
    pub(super) fn failing_disk(&mut self) {
        let faults = match self.random.below(3) {
            0 => Faults {
                write_error_one_in: 6,
                ..Faults::default()
            },
            1 => Faults {
                read_error_one_in: 30,
                ..Faults::default()
            },
            _ => Faults {
                sync_error_one_in: 6,
                ..Faults::default()
            },
        };
        self.say(|| format!("{faults:?}"));
        let reads_fail = faults.read_error_one_in > 0;
        self.disk.set_faults(faults);
        let failed = self.work_until_failure();
        self.disk.set_faults(Faults::default());
        if failed && !reads_fail {
            let store = self.store.as_mut().unwrap();
            assert!(matches!(store.idle(), Err(StoreError::Poisoned)));
            assert!(matches!(store.commit(&[]), Err(StoreError::Poisoned)));
        }
        if self.random.one_in(2) {
            self.reopen("after failures");
        } else {
            self.crash();
        }
    }

    pub(super) fn full_disk(&mut self) {
        let used: u64 = self.disk.files().iter().map(|f| f.1).sum();
        let capacity = used + self.random.below(8_000);
        self.say(|| format!("{} bytes left", capacity - used));
        self.disk.set_faults(Faults {
            capacity_bytes: Some(capacity),
            ..Faults::default()
        });
        for _ in 0..10 {
            let records = self.records();
            match self.try_commit(&records) {
                Ok(()) => {}
                Err(StoreError::Full { .. }) => break,
                Err(error) => panic!("not full but {error:?}"),
            }
        }
        self.disk.set_faults(Faults::default());
        self.check();
        // What was refused may be there in part: the store says where.
        let store = self.store.as_ref().unwrap();
        assert!(store.running().is_ok());
        self.commit();
    }

    pub(super) fn prune(&mut self) {
        self.say(|| "prune".to_owned());
        let choice = self.random.below(3);
        let mut rewrite = |kind: u8, position: u64, bytes: &[u8]| {
            (kind == KIND_RUN && position % 3 == choice).then(|| erased(bytes))
        };
        let store = self.store.as_mut().unwrap();
        let report = store.prune(&mut rewrite, &mut |_, _| {}).unwrap();
        assert!(self.damaged || report.damaged.is_empty());
        assert_eq!(report.refused, 0);
        self.check();
    }

    pub(super) fn lose_derived(&mut self) {
        self.say(|| "derived files are gone".to_owned());
        self.store = None;
        for (path, _) in self.disk.files() {
            if path.starts_with("index/") && self.random.one_in(2) {
                self.disk.remove(&path).unwrap();
            }
        }
        self.open();
    }

    /// Bytes change while nobody looks. Above the watermark only flipped bits:
    /// whole sectors that vanish there look like a write that never happened.
    pub(super) fn damage(&mut self) {
        let mut store = self.store.take().unwrap();
        let flips_only = self.random.one_in(2);
        if !flips_only {
            store.idle().unwrap();
        }
        if self.random.one_in(3) {
            store.close().unwrap();
        } else {
            drop(store);
        }
        let files = self.disk.files();
        let random = &mut self.random;
        // Often where it hurts most: in what was written last.
        let at_the_end = random.one_in(3);
        let mut segments = files.iter().filter(|file| file.0.ends_with(".seg"));
        let (path, length) = match segments.next_back() {
            Some(last) if at_the_end => last.clone(),
            _ => files[random.below(files.len() as u64) as usize].clone(),
        };
        let used = |bytes: &[u8]| bytes.iter().rposition(|b| *b != 0).map_or(0, |n| n + 1);
        let what = if flips_only { 0 } else { random.below(4) };
        let whole = self
            .trace
            .then(|| format!("damage {what} of {path}, {length} bytes"));
        self.disk.rot(&path, |bytes| {
            let used = used(bytes);
            if used == 0 {
                return;
            }
            let back = if at_the_end { 600 } else { used };
            let at = used - 1 - random.below(back.min(used) as u64) as usize;
            match what {
                0 => bytes[at] ^= 1 << random.below(8),
                1 => {
                    let from = at / 512 * 512;
                    let to = bytes.len().min(from + 512);
                    bytes[from..to].fill(0);
                }
                2 => bytes.truncate(at),
                _ => {
                    let to = bytes.len().min(at + random.below(700) as usize);
                    bytes[at..to]
                        .iter_mut()
                        .for_each(|b| *b = random.bits() as u8);
                }
            }
        });
        self.damaged = true;
        if let Some(whole) = whole {
            self.say(|| whole);
        }
        if !flips_only && self.random.one_in(10) {
            self.say(|| format!("{path} is gone"));
            let _ = self.disk.remove(&path);
        }
        self.open();
    }

    /// A write lands elsewhere. The watermark is synced before anything else
    /// happens: below it every loss shows.
    pub(super) fn misdirect(&mut self) {
        self.say(|| "misdirected write".to_owned());
        self.disk.set_faults(Faults {
            misdirected_one_in: 2,
            ..Faults::default()
        });
        let records = self.records();
        self.try_commit(&records).unwrap();
        self.disk.set_faults(Faults::default());
        self.damaged = true;
        self.store.as_mut().unwrap().idle().unwrap();
        self.reopen("after a misdirected write");
    }

    pub(super) fn copy(&mut self) {
        self.say(|| "copied".to_owned());
        self.store = None;
        self.disk = self.disk.copy();
        self.copied = true;
        self.open();
        if self.guard.is_some() {
            let store = self.store.as_mut().unwrap();
            store.clear_guard(feed(99, 0).author).unwrap();
            self.own.clear();
            self.guard = None;
        }
    }

    /// Supplies again what is missing.
    pub(super) fn heal(&mut self) {
        let missing = self.store.as_ref().unwrap().missing().unwrap();
        for range in missing {
            let again: Vec<OwnedRecord> = self
                .known
                .range(range.first..range.end)
                .map(|(_, known)| match known.run {
                    Some(_) => {
                        let facts = Toy.run_facts(&known.versions[0]).unwrap();
                        OwnedRecord::run(known.versions[0].clone(), facts)
                    }
                    None => other(known.kind, known.versions[0].clone()),
                })
                .collect();
            self.say(|| format!("heal {}..{}", range.first, range.end));
            self.try_commit(&again).unwrap();
            let store = self.store.as_ref().unwrap();
            for record in again {
                for id in Known::new(&record).ids {
                    assert!(store.contains(&id).unwrap());
                }
            }
            if range.ids.len() as u64 == range.end - range.first {
                let now = store.missing().unwrap();
                let healed = now.iter().find(|r| r.first <= range.first).unwrap();
                assert!(healed.healed || healed.first < range.first || healed.end > range.end);
            }
        }
    }
}
