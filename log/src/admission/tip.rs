//! The head of a feed with what checking its next skiplinks takes.

use crate::admission::Ledger;
use crate::ids::EntryId;
use crate::run::EntryView;
use crate::skiplink;

/// A feed's head and its spine: the ids that a later skiplink can still point
/// to. Skiplinks never cross, so what lies between an entry and its target is
/// never a target again, and the spine has O(log n) ids.
#[derive(Debug, Clone)]
pub struct Tip {
    /// Its number.
    pub seq: u64,
    /// Its id.
    pub id: EntryId,
    /// Its clock.
    pub hlc: u64,
    spine: Vec<(u64, EntryId)>,
}

impl Tip {
    /// The tip of a feed whose first entry is this.
    pub fn first(id: EntryId, hlc: u64) -> Self {
        Self {
            seq: 0,
            id,
            hlc,
            spine: vec![(0, id)],
        }
    }

    /// The tip at an admitted entry.
    pub fn load<L: Ledger>(ledger: &L, id: &EntryId) -> Result<Option<Self>, L::Error> {
        let Some(facts) = ledger.facts(id)? else {
            return Ok(None);
        };
        let mut spine = Vec::new();
        for seq in skiplink::path(facts.seq, 0) {
            match ledger.ancestor(id, seq)? {
                Some(ancestor) => spine.push((seq, ancestor)),
                None => return Ok(None),
            }
        }
        spine.reverse();
        Ok(Some(Self {
            seq: facts.seq,
            id: *id,
            hlc: facts.hlc,
            spine,
        }))
    }

    /// Goes on to the next entry; `false` if its skiplink contradicts the backlinks.
    /// That it is the next entry is known, and that it has a skiplink where its
    /// number asks for one: decoding sees to that. So most need no look at the spine.
    #[inline]
    pub(super) fn advance(&mut self, entry: &EntryView<'_>) -> bool {
        let target = match entry.skiplink {
            None => None,
            Some(skiplink) => {
                let target = skiplink::target(entry.seq);
                if target.and_then(|target| self.spine_at(target)) != Some(skiplink) {
                    return false;
                }
                target
            }
        };
        debug_assert_eq!(target, skiplink::target(entry.seq));
        self.push_linked(entry.id, entry.hlc, target);
        true
    }

    /// The lowest id of the spine that is not below a seq.
    #[inline]
    fn spine_at(&self, target: u64) -> Option<EntryId> {
        let at = self.spine.partition_point(|(seq, _)| *seq < target);
        self.spine.get(at).map(|(_, id)| *id)
    }

    /// The skiplink that the next entry of the feed must have.
    #[inline]
    pub fn next_skiplink(&self) -> Option<EntryId> {
        self.spine_at(skiplink::target(self.seq + 1)?)
    }

    /// Goes on to the next entry, whose links are right.
    #[inline]
    pub fn push(&mut self, id: EntryId, hlc: u64) {
        self.push_linked(id, hlc, skiplink::target(self.seq + 1));
    }

    /// Goes on to the next entry, whose skiplink points to `target`.
    #[inline]
    fn push_linked(&mut self, id: EntryId, hlc: u64, target: Option<u64>) {
        self.seq += 1;
        if let Some(target) = target {
            let at = self.spine.partition_point(|(seq, _)| *seq <= target);
            self.spine.truncate(at);
        }
        self.spine.push((self.seq, id));
        (self.id, self.hlc) = (id, hlc);
    }
}
