//! Receipts for what links brought: a little later, so that what comes in a row is
//! confirmed once, and nobody waits for a signature to see a new entry.

use std::collections::BTreeSet;

use synlog_log::ids::FeedKey;

use super::{Engine, Now, Output};
use crate::peer::LinkId;
use crate::repo::Repo;
use crate::row::Advance;

/// How long more may come that one receipt confirms too.
const CONFIRM_MS: u64 = 250;
/// How long at most, while more is announced.
const PATIENCE_MS: u64 = 5_000;

/// What a link brought.
#[derive(Debug)]
pub(super) struct Brought {
    since_ms: u64,
    feeds: BTreeSet<FeedKey>,
}

impl Engine {
    /// A link brought feeds on.
    pub(super) fn brought(&mut self, link: LinkId, advances: &[Advance], now: Now) {
        if advances.is_empty() {
            return;
        }
        let brought = self.unconfirmed.entry(link).or_insert_with(|| Brought {
            since_ms: now.monotonic_ms,
            feeds: BTreeSet::new(),
        });
        brought
            .feeds
            .extend(advances.iter().map(|advance| advance.row.feed));
        self.confirms_at_ms
            .get_or_insert(now.monotonic_ms + CONFIRM_MS);
    }

    /// Confirms what links brought, where no more of it is announced.
    pub(super) fn confirm<R: Repo>(
        &mut self,
        now: Now,
        repo: &mut R,
        out: &mut Vec<Output>,
    ) -> Result<(), R::Error> {
        self.confirms_at_ms = None;
        for (link, brought) in std::mem::take(&mut self.unconfirmed) {
            let line = self.lines.get(&link);
            let more = line.is_some_and(|line| line.session.progress().to_receive_entries > 0);
            // how much is to come the other side says: it must not keep receipts back
            let waited_ms = now.monotonic_ms.saturating_sub(brought.since_ms);
            let feeds = &brought.feeds;
            if more && waited_ms < PATIENCE_MS {
                self.unconfirmed.insert(link, brought);
                self.confirms_at_ms = Some(now.monotonic_ms + CONFIRM_MS);
            } else if line.is_some() {
                self.with_session(link, now, repo, out, |session, context, events| {
                    session.confirm(feeds, context, events)
                })?;
            } else {
                // nobody is there to be told, but it is kept
                self.keep_receipts(feeds, now, repo)?;
            }
        }
        Ok(())
    }

    /// The node ends: what was not confirmed yet is, for later.
    pub fn part<R: Repo>(&mut self, now: Now, repo: &mut R) -> Result<(), R::Error> {
        for (_, brought) in std::mem::take(&mut self.unconfirmed) {
            self.keep_receipts(&brought.feeds, now, repo)?;
        }
        Ok(())
    }

    fn keep_receipts<R: Repo>(
        &self,
        feeds: &BTreeSet<FeedKey>,
        now: Now,
        repo: &mut R,
    ) -> Result<(), R::Error> {
        let own = repo.device();
        for feed in feeds.iter().filter(|feed| feed.author != own) {
            if let Some(head) = self.frontier.row(feed).and_then(|row| row.head) {
                repo.receipt(feed, &head, now.utc_ms)?;
            }
        }
        Ok(())
    }
}
