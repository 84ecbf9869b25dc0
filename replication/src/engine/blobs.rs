//! Blobs go over the same links as entries, behind them.

use std::collections::BTreeMap;

use synlog_log::ids::{BlobHash, TopicId};

use crate::blobs::{Around, BlobKey, BlobWord, Exchange, Reach, Said};
use crate::engine::{Engine, Line, Now, Output};
use crate::peer::{LinkId, Peer};
use crate::repo::Repo;
use crate::schedule::Cost;

/// The links as the exchange of blobs sees them.
struct Lines<'a>(&'a BTreeMap<LinkId, Line>);

impl Reach for Lines<'_> {
    fn peer(&self, link: LinkId) -> Option<Peer> {
        self.0.get(&link).map(|line| line.peer)
    }

    fn links(&self, topic: &TopicId) -> Vec<LinkId> {
        let sharing = self.0.iter().filter(|(_, it)| it.session.speaks_of(topic));
        sharing.map(|(link, _)| *link).collect()
    }

    fn topics(&self, link: LinkId) -> Vec<TopicId> {
        let line = self.0.get(&link);
        line.map_or(Vec::new(), |line| {
            line.session.topics().iter().copied().collect()
        })
    }
}

impl Engine {
    fn with_blobs<R: Repo, T>(
        &mut self,
        now: Now,
        repo: &mut R,
        out: &mut Vec<Output>,
        act: impl FnOnce(&mut Exchange, &mut Around<'_, R>) -> Result<T, R::Error>,
    ) -> Result<T, R::Error> {
        let mut said = Vec::new();
        let mut around = Around {
            repo,
            reach: &Lines(&self.lines),
            now_ms: now.monotonic_ms,
            said: &mut said,
        };
        let done = act(&mut self.blobs, &mut around)?;
        for it in said {
            match it {
                Said::Word { link, key, word } => self.say_of_blob(link, &key, word, now, out),
                Said::Whole { key, size } => out.push(Output::Blob { key, size }),
                Said::Waste { link, amount } => self.count_waste(link, amount, now, out),
            }
        }
        Ok(done)
    }

    fn say_of_blob(
        &mut self,
        link: LinkId,
        key: &BlobKey,
        word: BlobWord,
        now: Now,
        out: &mut Vec<Output>,
    ) {
        let line = self.lines.get_mut(&link);
        let bytes = line.and_then(|line| line.session.blob_word(key, word));
        if let Some(bytes) = bytes {
            self.send(link, bytes, now, out);
        }
    }

    /// Counts work for nothing; who makes too much of it is left.
    fn count_waste(&mut self, link: LinkId, amount: u64, now: Now, out: &mut Vec<Output>) {
        let Some(line) = self.lines.get(&link) else {
            return;
        };
        let (node, standing, now_ms) = (line.peer.node, line.standing, now.monotonic_ms);
        if !self.costs.take(node, standing, Cost::Waste, amount, now_ms) {
            self.close(link, "enough for now", now, out);
        }
    }

    pub(super) fn want_blob<R: Repo>(
        &mut self,
        key: BlobKey,
        size: Option<u64>,
        now: Now,
        repo: &mut R,
        out: &mut Vec<Output>,
    ) -> Result<(), R::Error> {
        self.with_blobs(now, repo, out, |blobs, around| {
            blobs.want(key, size, around)
        })
    }

    pub(super) fn blob_is_here<R: Repo>(
        &mut self,
        hash: BlobHash,
        now: Now,
        repo: &mut R,
        out: &mut Vec<Output>,
    ) -> Result<(), R::Error> {
        self.with_blobs(now, repo, out, |blobs, around| blobs.whole(&hash, around))
    }

    pub(super) fn heard_of_blob<R: Repo>(
        &mut self,
        link: LinkId,
        key: BlobKey,
        word: BlobWord,
        now: Now,
        repo: &mut R,
        out: &mut Vec<Output>,
    ) -> Result<(), R::Error> {
        self.with_blobs(now, repo, out, |blobs, around| {
            blobs.heard(link, key, word, around)
        })
    }

    /// A link has come in step: what is looked for is asked of it.
    pub(super) fn blobs_met<R: Repo>(
        &mut self,
        link: LinkId,
        now: Now,
        repo: &mut R,
        out: &mut Vec<Output>,
    ) -> Result<(), R::Error> {
        self.with_blobs(now, repo, out, |blobs, around| blobs.met(link, around))
    }

    pub(super) fn tick_blobs<R: Repo>(
        &mut self,
        now: Now,
        repo: &mut R,
        out: &mut Vec<Output>,
    ) -> Result<(), R::Error> {
        self.with_blobs(now, repo, out, |blobs, around| blobs.tick(around))
    }

    /// Sends pieces over links on which no entry waits.
    pub(super) fn send_pieces<R: Repo>(
        &mut self,
        now: Now,
        repo: &mut R,
        out: &mut Vec<Output>,
    ) -> Result<(), R::Error> {
        for link in self.blobs.waiting_links() {
            loop {
                let line = self.lines.get(&link);
                if !line.is_some_and(|line| line.session.has_room_for_piece()) {
                    break;
                }
                let next = self.with_blobs(now, repo, out, |blobs, around| {
                    blobs.next_piece(link, around)
                })?;
                match next {
                    Some((key, word)) => self.say_of_blob(link, &key, word, now, out),
                    None => break,
                }
            }
        }
        Ok(())
    }
}
