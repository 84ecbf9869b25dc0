//! The rules of validity, asked of one run.

use std::collections::HashMap;

use crate::admission::tip::Tip;
use crate::admission::{Facts, Ledger};
use crate::fork::{Commitment, ForkProof};
use crate::identity::{Certificate, Certified};
use crate::ids::{EntryId, FeedKey, TopicId};
use crate::keys::AdmittedKeys;
use crate::limits::AHEAD_MAX_MS;
use crate::refusal::Refusal;
use crate::run::{EntryView, RunView, RunWriter};
use crate::skiplink;
use crate::topic::Genesis;

/// Feeds whose tips are remembered before the memory of them is started anew: about 32 MB.
const TIPS_MAX: usize = 1 << 16;
/// Certificates that are remembered, for they come again in each feed of a device.
const CERTIFICATES_MAX: usize = 1 << 16;

/// What becomes of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Admit {
    /// All of its entries are known.
    Known,
    /// Some of its entries are new and valid.
    Fresh(FreshRun),
    /// Ancestors are missing; none of its entries was looked at further.
    Waits {
        /// What is missing.
        missing: Vec<EntryId>,
    },
    /// It claims a time too far ahead of the clock.
    Ahead {
        /// UTC milliseconds that it claims.
        claimed_ms: u64,
    },
    /// It breaks a rule.
    Refused(Refused),
}

/// The new part of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FreshRun {
    /// How many entries at the front of the run are known already.
    pub known: usize,
    /// The seq at which the feed turns out to be forked by this run.
    pub fork: Option<u64>,
    /// What the certificate says, where the run begins the feed.
    pub certified: Option<Certified>,
}

/// Why a run is refused, and from which entry on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused {
    /// Index in the run of the first entry that is wrong; those before it are valid.
    pub index: usize,
    /// What is wrong with it.
    pub refusal: Refusal,
    /// The seq at which this proves a fork: a skiplink that contradicts the backlinks,
    /// or a wrong entry beside a right one.
    pub fork: Option<u64>,
}

/// Looks at runs one by one.
#[derive(Debug, Default)]
pub struct Admission {
    keys: AdmittedKeys,
    certificates: HashMap<[u8; 32], Certified>,
    tips: HashMap<FeedKey, Tip>,
    /// Ids of topics that are known to be derived: their feeds begin without a genesis.
    derived: std::collections::HashSet<TopicId>,
}

/// A refusal or a lookup that failed.
enum Stop<E> {
    Outcome(Box<Admit>),
    Error(E),
}

impl<E> From<Admit> for Stop<E> {
    fn from(outcome: Admit) -> Self {
        Self::Outcome(Box::new(outcome))
    }
}

fn refused(index: usize, refusal: Refusal) -> Admit {
    Admit::Refused(Refused {
        index,
        refusal,
        fork: None,
    })
}

impl Admission {
    /// Says that a topic is derived.
    pub fn allow_derived(&mut self, topic: TopicId) {
        self.derived.insert(topic);
    }

    /// Forgets what it remembers of feeds: after a commit that failed.
    pub fn forget(&mut self) {
        self.tips.clear();
    }

    /// Looks at a run. Its signature is checked apart. `now_ms` is UTC
    /// milliseconds, `None` for a verifier, which has no clock. If the outcome is
    /// [`Admit::Fresh`] the ledger must hold the run before the next question.
    pub fn admit<L: Ledger>(
        &mut self,
        run: &RunView<'_>,
        ledger: &L,
        now_ms: Option<u64>,
    ) -> Result<Admit, L::Error> {
        match self.look_at(run, ledger, now_ms) {
            Ok(fresh) => Ok(Admit::Fresh(fresh)),
            Err(Stop::Outcome(outcome)) => Ok(*outcome),
            Err(Stop::Error(error)) => Err(error),
        }
    }

    fn look_at<L: Ledger>(
        &mut self,
        run: &RunView<'_>,
        ledger: &L,
        now_ms: Option<u64>,
    ) -> Result<FreshRun, Stop<L::Error>> {
        let follows = |tip: &Tip| Some(tip.id) == run.first().backlink;
        let fast = self.tips.get(&run.feed).is_some_and(follows);
        let (known, fork) = if fast {
            (0, None)
        } else {
            compare(run, ledger)?
        };
        if let Err(refusal) = self.keys.admit(&run.feed.author.0) {
            return Err(refused(known, refusal).into());
        }
        let begins = known == 0 && run.first().seq == 0;
        let stop = |index: usize, refusal: Refusal| {
            let fork = fork.filter(|seq| *seq <= run.entries[index].seq);
            Stop::from(Admit::Refused(Refused {
                index,
                refusal,
                fork,
            }))
        };
        let mut certified = None;
        if begins {
            certified = Some(self.check_certificate(run).map_err(|why| stop(0, why))?);
        }
        self.look_for_ancestors(run, ledger, known)?;
        if let Some(now_ms) = now_ms {
            let claimed_ms = run.last().hlc >> 16;
            if claimed_ms > now_ms.saturating_add(AHEAD_MAX_MS) {
                return Err(Admit::Ahead { claimed_ms }.into());
            }
        }
        let mut tip = None;
        if begins {
            let genesis = ledger
                .facts(&EntryId(run.feed.topic.0))
                .map_err(Stop::Error)?;
            check_beginning(run, genesis).map_err(|why| stop(0, why))?;
        } else if known == 0 && fast {
            tip = self.tips.remove(&run.feed);
        } else {
            let before = match known {
                0 => run.first().backlink,
                _ => Some(run.entries[known - 1].id),
            };
            if let Some(before) = before {
                let facts = ledger.facts(&before).map_err(Stop::Error)?;
                let follows = |facts: Facts| {
                    facts.feed == run.feed && facts.seq + 1 == run.entries[known].seq
                };
                if !facts.is_some_and(follows) {
                    return Err(stop(known, Refusal::BadBacklink));
                }
                tip = Tip::load(ledger, &before).map_err(Stop::Error)?;
            }
            if tip.is_none() {
                return Err(stop(known, Refusal::InvalidAncestor));
            }
        }
        for (index, entry) in run.entries.iter().enumerate().skip(known) {
            let before = tip.as_ref().map(|tip| tip.hlc);
            match &mut tip {
                None => tip = Some(Tip::first(entry.id, entry.hlc)),
                Some(tip) => {
                    if !tip.advance(entry) {
                        // the header itself commits to two entries at its skip target
                        let target = skiplink::target(entry.seq);
                        let fork = fork.into_iter().chain(target).min();
                        let refusal = Refusal::BadSkiplink;
                        return Err(Admit::Refused(Refused {
                            index,
                            refusal,
                            fork,
                        })
                        .into());
                    }
                }
            }
            check_clock(entry, before, run, ledger)?.map_err(|why| stop(index, why))?;
        }
        if let Some(tip) = tip.filter(|_| fork.is_none()) {
            if self.tips.len() >= TIPS_MAX {
                self.tips.clear();
            }
            self.tips.insert(run.feed, tip);
        }
        Ok(FreshRun {
            known,
            fork,
            certified,
        })
    }

    /// Missing ancestors: the backlink, deps, and for a first entry the genesis.
    fn look_for_ancestors<L: Ledger>(
        &self,
        run: &RunView<'_>,
        ledger: &L,
        known: usize,
    ) -> Result<(), Stop<L::Error>> {
        let mut missing = Vec::new();
        let mut ask = |id: EntryId| -> Result<(), Stop<L::Error>> {
            let here = run.entries.iter().any(|entry| entry.id == id);
            if !here && ledger.facts(&id).map_err(Stop::Error)?.is_none() && !missing.contains(&id)
            {
                missing.push(id);
            }
            Ok(())
        };
        if known == 0
            && let Some(backlink) = run.first().backlink
            && self
                .tips
                .get(&run.feed)
                .is_none_or(|tip| tip.id != backlink)
        {
            ask(backlink)?;
        }
        for entry in &run.entries[known..] {
            for dep in entry.deps() {
                ask(dep)?;
            }
        }
        if missing.is_empty() {
            Ok(())
        } else {
            Err(Admit::Waits { missing }.into())
        }
    }

    /// What a feed's first header says by itself: a right certificate, the genesis among its deps.
    fn check_certificate(&mut self, run: &RunView<'_>) -> Result<Certified, Refusal> {
        let bytes = run.certificate.unwrap_or_default();
        let key = *blake3::hash(bytes).as_bytes();
        let known = self.certificates.get(&key);
        let certified = match known.filter(|known| known.device == run.feed.author) {
            Some(known) => known.clone(),
            None => {
                let certified = Certificate::verify_bytes(bytes, &run.feed.author)?;
                if self.certificates.len() >= CERTIFICATES_MAX {
                    self.certificates.clear();
                }
                self.certificates.insert(key, certified.clone());
                certified
            }
        };
        let genesis = EntryId(run.feed.topic.0);
        let rooted = run.genesis
            || self.derived.contains(&run.feed.topic)
            || run.first().deps().any(|dep| dep == genesis);
        if rooted {
            Ok(certified)
        } else {
            Err(Refusal::NoGenesis)
        }
    }
}

/// The beginning of a feed: a genesis says what the topic is, another first entry
/// is not by the genesis's author. `genesis` is what is known of the entry that
/// the topic is named by.
fn check_beginning(run: &RunView<'_>, genesis: Option<Facts>) -> Result<(), Refusal> {
    if run.genesis {
        let payload = run.first().payload.split();
        let genesis = payload.and_then(|payload| Genesis::parse(&payload.check()?));
        return genesis.map(drop).map_err(|_| Refusal::BadGenesis);
    }
    match genesis {
        // named by an entry that begins no topic
        Some(facts) if facts.feed.topic != run.feed.topic => Err(Refusal::NoGenesis),
        Some(facts) if facts.feed.author == run.feed.author => Err(Refusal::SecondFirst),
        _ => Ok(()),
    }
}

/// How many entries at the front are known, and where the others contradict what is known.
fn compare<L: Ledger>(
    run: &RunView<'_>,
    ledger: &L,
) -> Result<(usize, Option<u64>), Stop<L::Error>> {
    let mut known = 0;
    while known < run.entries.len()
        && ledger
            .facts(&run.entries[known].id)
            .map_err(Stop::Error)?
            .is_some()
    {
        known += 1;
    }
    let Some(first) = run.entries.get(known) else {
        return Err(Admit::Known.into());
    };
    // branches differ from some seq on; if there is nothing else at the first new one, there is nothing above
    let rivals = ledger.at_seq(&run.feed, first.seq).map_err(Stop::Error)?;
    let counts = !(first.seq == 0 && rivals.iter().any(|rival| rival.0 == run.feed.topic.0));
    let fork = (!rivals.is_empty() && counts).then_some(first.seq);
    Ok((known, fork))
}

/// Clock and topic of what the entry builds on.
#[inline]
fn check_clock<L: Ledger>(
    entry: &EntryView<'_>,
    before: Option<u64>,
    run: &RunView<'_>,
    ledger: &L,
) -> Result<Result<(), Refusal>, Stop<L::Error>> {
    if before.is_some_and(|before| entry.hlc <= before) {
        return Ok(Err(Refusal::BadHlc));
    }
    for dep in entry.deps() {
        let inside = run.entries.iter().find(|other| other.id == dep);
        let facts = match inside {
            // an entry can't cite a later one: its id would have to be known before
            Some(other) => Some(Facts {
                feed: run.feed,
                seq: other.seq,
                hlc: other.hlc,
                backlink: other.backlink,
            }),
            None => ledger.facts(&dep).map_err(Stop::Error)?,
        };
        match facts {
            Some(facts) if facts.feed.topic != run.feed.topic => return Ok(Err(Refusal::BadDep)),
            Some(facts) if entry.hlc <= facts.hlc => return Ok(Err(Refusal::BadHlc)),
            Some(_) => {}
            None => return Ok(Err(Refusal::InvalidAncestor)),
        }
    }
    Ok(Ok(()))
}

impl RunView<'_> {
    /// The run without entries at its front that are known already.
    pub fn without_known(&self, known: usize) -> Vec<u8> {
        if known == 0 {
            return self.bytes.to_vec();
        }
        let before = &self.entries[known - 1];
        let mut writer = RunWriter::after(&self.feed, before.seq + 1, &before.id);
        self.entries[known..]
            .iter()
            .for_each(|entry| writer.push_view(entry));
        writer.finish(self.signature.as_ref())
    }

    /// A signed commitment of this run at a seq that one of its headers is at or links to.
    /// `None` if it is not signed or does not reach there.
    pub fn commitment(&self, seq: u64) -> Option<Commitment> {
        let signature = self.signature?;
        let lowest = self.first().seq;
        let mut at = self.last().seq;
        let mut path = Vec::new();
        loop {
            let header = self.header(usize::try_from(at - lowest).ok()?);
            let reached = header.commits_to(seq).is_some();
            path.push(header);
            if reached {
                return Some(Commitment { path, signature });
            }
            at = skiplink::target(at)
                .filter(|to| *to >= lowest && *to >= seq)
                .or(at.checked_sub(1))?;
            if at < lowest || at < seq {
                return None;
            }
        }
    }

    /// The commitment of the one header at `from` by its skiplink to `seq`.
    pub fn commitment_by_skiplink(&self, from: u64, seq: u64) -> Option<Commitment> {
        let lowest = self.first().seq;
        let seqs = skiplink::path(self.last().seq, from);
        let path: Option<Vec<_>> = seqs
            .iter()
            .map(|at| Some(self.header(usize::try_from(at.checked_sub(lowest)?).ok()?)))
            .collect();
        let path = path?;
        path.last()?.commits_to(seq)?;
        Some(Commitment {
            path,
            signature: self.signature?,
        })
    }
}

/// The proof that two runs of a feed fork at a seq that both commit to.
pub fn fork_proof(one: &RunView<'_>, other: &RunView<'_>, seq: u64) -> Option<ForkProof> {
    ForkProof::new(seq, one.commitment(seq)?, other.commitment(seq)?)
}
