//! One blob that is looked for.

use std::collections::{BTreeMap, BTreeSet};

use super::{Groups, Partial, Span};
use crate::peer::{LinkId, NodeId};

/// A piece that was asked for and has not come.
#[derive(Debug, Clone, Copy)]
pub(super) struct Read {
    pub link: LinkId,
    pub span: Span,
    pub at_ms: u64,
}

/// A blob that is looked for.
#[derive(Debug, Default)]
pub(super) struct Wish {
    /// Whether it is wanted here, not only for a peer.
    pub own: bool,
    pub since_ms: u64,
    /// How often peers may pass on the want.
    pub hops: u8,
    /// The size that an entry says.
    pub said_size: Option<u64>,
    /// The size that is tried, and whether a last group has proven it.
    pub size: Option<u64>,
    pub proven: bool,
    pub groups: Option<Groups>,
    /// Who has all of it, and the size that each says.
    pub sources: BTreeMap<LinkId, u64>,
    /// Who was asked, and when.
    pub asked: BTreeMap<LinkId, u64>,
    /// Who had nothing, and when that was said.
    pub refused: BTreeMap<LinkId, u64>,
    /// Who sent what was wrong: nodes, for another link changes nothing.
    pub liars: BTreeSet<NodeId>,
    pub reads: Vec<Read>,
    /// Whether there was no room for it when it was last looked at.
    pub no_room: bool,
    /// Whether there was room when its first piece was asked for.
    pub has_room: bool,
}

impl Wish {
    /// Goes on where an earlier search ended.
    pub(super) fn resume(&mut self, partial: Option<Partial>) {
        let fits = |partial: &Partial| self.said_size.is_none_or(|size| size == partial.size);
        if let Some(partial) = partial.filter(fits) {
            // only groups whose size was proven are stored
            self.proven = true;
            self.size = Some(partial.size);
            self.groups = Some(partial.groups);
        }
    }

    /// Nobody speaks over this link any more.
    pub(super) fn closed(&mut self, link: LinkId) {
        self.asked.remove(&link);
        self.refused.remove(&link);
        self.drop_source(link);
    }

    /// Nothing more comes of this source for now.
    pub(super) fn drop_source(&mut self, link: LinkId) {
        self.sources.remove(&link);
        self.reads.retain(|read| read.link != link);
        if !self.proven && self.reads.is_empty() {
            self.size = None;
            self.groups = None;
        }
    }

    /// The next piece to ask of a source; where the size isn't proven the last group comes
    /// first, and alone.
    pub(super) fn next_read(&mut self, link: LinkId) -> Option<Span> {
        let size = *self.sources.get(&link)?;
        if !self.proven {
            if !self.reads.is_empty() {
                return None;
            }
            self.size = Some(size);
            let groups = Groups::none(size);
            let last = groups.last();
            self.groups = Some(groups);
            return Some(last);
        }
        let groups = self.groups.as_ref()?;
        groups.next_missing(|group| {
            let reads = self.reads.iter();
            reads
                .map(|read| read.span)
                .any(|span| (span.first..span.end()).contains(&group))
        })
    }

    /// How many pieces are asked for over a link.
    pub(super) fn reads_of(&self, link: LinkId) -> usize {
        self.reads.iter().filter(|read| read.link == link).count()
    }

    /// Takes out a read that is answered.
    pub(super) fn answered(&mut self, link: LinkId, span: Span) -> bool {
        let mut reads = self.reads.iter();
        match reads.position(|read| read.link == link && read.span == span) {
            Some(at) => {
                self.reads.swap_remove(at);
                true
            }
            None => false,
        }
    }

    /// Whether nobody who was asked has it or still looks.
    pub(super) fn is_hopeless(&self) -> bool {
        let refused = |link: &LinkId| self.refused.contains_key(link);
        self.sources.is_empty() && self.asked.keys().all(refused)
    }
}
