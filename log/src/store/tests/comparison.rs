//! What a store must hold, compared with what it does.

use super::super::*;
use super::life::Life;
use crate::disk::Disk;

/// Asking the index for everything takes most of the time of a life.
const CHECK_INDEX_ONE_IN: u64 = 4;

/// Feeds, positions by id, positions by sequence number.
type Answers = (Vec<FeedState>, Vec<Option<u64>>, Vec<Vec<u64>>);

impl Life {
    /// Reads everything and compares it with the model.
    pub(super) fn check(&mut self) {
        let store = self.store.as_ref().unwrap();
        let end = store.end();
        let mut position = 0;
        let mut readable = Vec::new();
        while position < end {
            match store.read(position) {
                Ok(Some(record)) => {
                    assert_eq!(record.first_position, position, "misaligned");
                    if !self.known.contains_key(&position) {
                        let tried = self.tried.iter().find(|tried| {
                            tried.kind == record.kind && tried.versions.contains(&record.bytes)
                        });
                        let tried = tried.unwrap_or_else(|| panic!("who wrote {position}?"));
                        self.known.insert(position, tried.clone());
                    }
                    let known = &self.known[&position];
                    assert_eq!(known.kind, record.kind);
                    assert!(known.versions.contains(&record.bytes), "rot at {position}");
                    assert_eq!(known.ids.len() as u32, record.positions);
                    readable.push((position, record.bytes));
                    position += u64::from(record.positions);
                }
                Ok(None) => panic!("nothing at {position} of {end}"),
                Err(StoreError::Missing { end, .. }) => {
                    assert!(self.damaged, "{position} is missing without damage");
                    position = end.max(position + 1);
                }
                Err(error) => panic!("reading {position}: {error:?}"),
            }
        }
        let missing = store.missing().unwrap();
        let is_missing = |p: u64| missing.iter().any(|r| r.first <= p && p < r.end);
        let mut next = 0;
        for (first, _) in &readable {
            assert!(
                (next..*first).all(is_missing),
                "{next}..{first} is not reported"
            );
            next = first + self.known[first].ids.len() as u64;
        }
        assert!((next..end).all(is_missing), "{next}..{end} is not reported");
        let scanned: Vec<(u64, Vec<u8>)> = store
            .scan(0)
            .filter_map(Result::ok)
            .map(|record| (record.first_position, record.bytes))
            .collect();
        if scanned != readable {
            // Where an index is found damaged and made again, records that were
            // readable one by one go down with the damaged batch around them.
            assert!(self.damaged, "a scan gives something else");
            return self.check();
        }
        if !self.random.one_in(CHECK_INDEX_ONE_IN) {
            return;
        }
        for (first, _) in &readable {
            let known = &self.known[first];
            for (n, id) in known.ids.iter().enumerate() {
                let position = first + n as u64;
                let at = store.locate(id).unwrap();
                let mut found = at.is_some_and(|at| at <= position);
                if let Some((feed, seq)) = known.run {
                    let there = store.at_seq(&feed, seq + n as u64).unwrap();
                    found = found && there.contains(&position);
                }
                // As above: the index may be found damaged only now.
                let gone = || matches!(store.read(position), Err(StoreError::Missing { .. }));
                assert!(found || (self.damaged && gone()), "{position} not found");
            }
        }
        // What cannot be read is not said to be there, so that it is fetched again.
        for known in self.known.values() {
            for id in &known.ids {
                if let Some(at) = store.locate(id).unwrap() {
                    assert!(matches!(store.read(at), Ok(Some(_))), "{at} is not there");
                }
            }
        }
    }

    /// All that the index answers, for comparison.
    fn answers(&self) -> Answers {
        let store = self.store.as_ref().unwrap();
        let feeds: Vec<FeedState> = store.feeds().collect();
        let ids = self.known.values().flat_map(|known| &known.ids);
        let located = ids.map(|id| store.locate(id).unwrap()).collect();
        let at_seqs = feeds
            .iter()
            .flat_map(|f| (0..f.height + 3).map(|seq| store.at_seq(&f.key, seq).unwrap()))
            .collect();
        (feeds, located, at_seqs)
    }

    /// Incremental = reopened = rebuilt = made again from nothing.
    pub(super) fn end_with_rebuild(&mut self) {
        let store = self.store.as_ref().unwrap();
        let found = store.scrub(&mut |_, _| {}).unwrap().findings;
        assert!(self.damaged || found.is_empty(), "{found:?}");
        let answers = self.answers();
        self.reopen("compare");
        if !self.damaged {
            assert!(self.answers() == answers, "reopened differs");
        }
        self.change("rebuild", |store| store.rebuild(&mut |_, _| {}));
        self.check();
        if !self.damaged {
            assert!(self.answers() == answers, "rebuilt differs");
        }
        let rebuilt = self.answers();
        self.store = None;
        for (path, _) in self.disk.files() {
            if path.starts_with("index/") && !path.ends_with("missing") {
                self.disk.remove(&path).unwrap();
            }
        }
        self.open();
        if !self.damaged {
            assert!(self.answers() == rebuilt, "made from nothing differs");
        }
    }
}
