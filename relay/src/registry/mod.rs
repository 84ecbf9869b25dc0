//! The registry of relays: who is in it, who is checked when, who is chosen.
//!
//! Pure: time and random numbers are handed in. A relay's word counts once the relay was
//! reached at its URL and said there that it is the endpoint that signed.

mod state;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};

use iroh::{EndpointId, RelayUrl};

pub use self::state::StateError;
use crate::dice::Dice;
use crate::limits::{
    CALLERS_MAX, CHECK_MS, CHECKS_MAX, CHOICE_MAX, FAILING_MS, FAILS_MAX, RECHECK_MS,
    REGISTER_BURST, REGISTER_SECONDS, REGISTER_SKEW_MS, RELAYS_MAX, UNPROVEN_MAX,
};
use crate::quota::{Caller, Quota};
use crate::registration::{Refusal, Registration};
use crate::wellknown::WellKnown;

/// A relay in the registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its last word.
    pub registration: Registration,
    /// The domain of its gateway; `None` until it was reached once.
    pub domain: Option<String>,
    /// When it was reached last.
    pub seen_ms: Option<u64>,
    /// Failed checks since.
    pub fails: u32,
    /// Why the last one failed.
    pub why: Option<String>,
    /// Since when it fails.
    pub failing_since_ms: Option<u64>,
    /// When it is checked next.
    check_ms: u64,
    /// A check is on its way.
    checking: bool,
}

impl Entry {
    /// Whether it is chosen.
    pub fn is_good(&self, now_ms: u64) -> bool {
        self.domain.is_some() && self.fails < FAILS_MAX && self.registration.until_ms > now_ms
    }

    /// What it said of itself, as far as it is known.
    pub fn known(&self) -> Option<WellKnown> {
        Some(WellKnown {
            endpoint: self.registration.endpoint,
            relay: self.registration.url.clone(),
            domain: self.domain.clone()?,
            version: String::new(),
        })
    }
}

/// What happens to the registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// Somebody sent a registration.
    Register {
        /// It.
        registration: Registration,
        /// Who.
        from: Caller,
    },
    /// A check has ended.
    Checked {
        /// Of whom.
        endpoint: EndpointId,
        /// Where.
        url: RelayUrl,
        /// What the relay said of itself, or why it could not be reached.
        found: Result<WellKnown, String>,
    },
    /// Time has passed.
    Tick,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Reach this relay and tell what it says.
    Check {
        /// Who it should be.
        endpoint: EndpointId,
        /// Where.
        url: RelayUrl,
    },
    /// Something changed that should be kept.
    Keep,
}

/// The registry.
#[derive(Debug)]
pub struct Registry {
    relays: BTreeMap<EndpointId, Entry>,
    by_url: HashMap<String, EndpointId>,
    /// The newest words of relays that are gone, so that they don't come back by a replay.
    gone: BTreeMap<EndpointId, u64>,
    quota: Quota<Caller>,
    relays_max: usize,
}

impl Default for Registry {
    fn default() -> Self {
        Self::with_room(RELAYS_MAX)
    }
}

impl Registry {
    /// With room for some relays.
    pub fn with_room(relays_max: usize) -> Self {
        Self {
            relays: BTreeMap::new(),
            by_url: HashMap::new(),
            gone: BTreeMap::new(),
            quota: Quota::new(REGISTER_BURST, 1, REGISTER_SECONDS, CALLERS_MAX),
            relays_max,
        }
    }

    /// Takes what happened; gives what is to be done.
    pub fn handle(
        &mut self,
        input: Input,
        now_ms: u64,
        dice: &mut Dice<'_>,
    ) -> Result<Vec<Output>, Refusal> {
        let changed = match input {
            Input::Register { registration, from } => self.register(registration, from, now_ms)?,
            Input::Checked {
                endpoint,
                url,
                found,
            } => self.checked(endpoint, &url, found, now_ms, dice),
            Input::Tick => false,
        };
        let mut outputs = Vec::new();
        if self.forget(now_ms) || changed {
            outputs.push(Output::Keep);
        }
        self.ask(now_ms, &mut outputs);
        Ok(outputs)
    }

    fn register(
        &mut self,
        registration: Registration,
        from: Caller,
        now_ms: u64,
    ) -> Result<bool, Refusal> {
        // before the signature: checking it costs more than counting
        if !self.quota.takes(from, now_ms) {
            return Err(Refusal::TooMany);
        }
        registration.check(now_ms)?;
        let endpoint = registration.endpoint;
        let known = self.relays.get(&endpoint);
        let newest = known.map(|known| known.registration.at_ms);
        let newest = newest.max(self.gone.get(&endpoint).copied());
        if newest.is_some_and(|newest| registration.at_ms <= newest) {
            return Err(Refusal::Replayed);
        }
        if registration.ends() {
            self.remove(&endpoint);
            self.remember_gone(endpoint, registration.at_ms);
            return Ok(true);
        }
        let holder = self.by_url.get(registration.url.as_str());
        if let Some(holder) = holder.filter(|holder| **holder != endpoint) {
            // who never was there holds nothing
            let proven = |entry: &Entry| entry.domain.is_some();
            if self.relays.get(holder).is_some_and(proven) {
                return Err(Refusal::UrlTaken);
            }
        }
        if known.is_none() {
            let unproven = self.relays.values();
            let unproven = unproven.filter(|entry| entry.domain.is_none()).count();
            if self.relays.len() >= self.relays_max || unproven >= UNPROVEN_MAX {
                return Err(Refusal::Full);
            }
        }
        if let Some(holder) = self.by_url.get(registration.url.as_str()).copied()
            && holder != endpoint
        {
            self.remove(&holder);
        }
        let before = self.remove(&endpoint);
        let moved = before
            .as_ref()
            .is_some_and(|before| before.registration.url != registration.url);
        let kept = before.filter(|_| !moved);
        let entry = Entry {
            domain: kept.as_ref().and_then(|kept| kept.domain.clone()),
            seen_ms: kept.as_ref().and_then(|kept| kept.seen_ms),
            fails: kept.as_ref().map_or(0, |kept| kept.fails),
            why: kept.as_ref().and_then(|kept| kept.why.clone()),
            failing_since_ms: kept.as_ref().and_then(|kept| kept.failing_since_ms),
            check_ms: kept.as_ref().map_or(now_ms, |kept| kept.check_ms),
            checking: kept.is_some_and(|kept| kept.checking),
            registration,
        };
        self.gone.remove(&endpoint);
        self.insert(entry);
        Ok(true)
    }

    fn checked(
        &mut self,
        endpoint: EndpointId,
        url: &RelayUrl,
        found: Result<WellKnown, String>,
        now_ms: u64,
        dice: &mut Dice<'_>,
    ) -> bool {
        let Some(entry) = self.relays.get_mut(&endpoint) else {
            return false;
        };
        if entry.registration.url != *url {
            // it moved while it was looked for
            return false;
        }
        entry.checking = false;
        let found = found.and_then(|known| {
            let same = known.endpoint == endpoint && known.relay == *url;
            same.then_some(known)
                .ok_or_else(|| "it says that it is another relay".to_owned())
        });
        match found {
            Ok(known) => {
                let changed = entry.domain.as_deref() != Some(&known.domain) || entry.fails > 0;
                entry.domain = Some(known.domain);
                entry.seen_ms = Some(now_ms);
                (entry.fails, entry.why, entry.failing_since_ms) = (0, None, None);
                entry.check_ms = now_ms.saturating_add(dice.about(CHECK_MS));
                changed
            }
            Err(why) => {
                entry.fails = entry.fails.saturating_add(1);
                entry.why = Some(why.chars().take(200).collect());
                entry.failing_since_ms.get_or_insert(now_ms);
                let wait = RECHECK_MS.saturating_mul(1 << (entry.fails - 1).min(10));
                entry.check_ms = now_ms.saturating_add(dice.about(wait.min(CHECK_MS)));
                entry.fails == FAILS_MAX
            }
        }
    }

    /// Removes who is gone.
    fn forget(&mut self, now_ms: u64) -> bool {
        let is_gone = |entry: &Entry| {
            let since = entry.failing_since_ms;
            let failing = since.is_some_and(|since| now_ms.saturating_sub(since) >= FAILING_MS);
            // who never was there has a few tries
            let hopeless = entry.domain.is_none() && entry.fails >= FAILS_MAX;
            entry.registration.until_ms <= now_ms || failing || hopeless
        };
        let gone = self.relays.values().filter(|entry| is_gone(entry));
        let gone: Vec<_> = gone
            .map(|entry| (entry.registration.endpoint, entry.registration.at_ms))
            .collect();
        for (endpoint, at_ms) in &gone {
            self.remove(endpoint);
            self.remember_gone(*endpoint, *at_ms);
        }
        // a word that old is refused for its time
        self.gone
            .retain(|_, at_ms| at_ms.saturating_add(2 * REGISTER_SKEW_MS) > now_ms);
        !gone.is_empty()
    }

    fn remember_gone(&mut self, endpoint: EndpointId, at_ms: u64) {
        if self.gone.len() < 2 * self.relays_max {
            self.gone.insert(endpoint, at_ms);
        }
    }

    /// Asks for the checks that are due, longest overdue first.
    fn ask(&mut self, now_ms: u64, outputs: &mut Vec<Output>) {
        let under_way = self.relays.values().filter(|entry| entry.checking).count();
        let due = self.relays.values();
        let due = due.filter(|entry| !entry.checking && entry.check_ms <= now_ms);
        let mut due: Vec<_> = due
            .map(|entry| (entry.check_ms, entry.registration.endpoint))
            .collect();
        due.sort();
        for (_, endpoint) in due.into_iter().take(CHECKS_MAX.saturating_sub(under_way)) {
            if let Some(entry) = self.relays.get_mut(&endpoint) {
                entry.checking = true;
                let url = entry.registration.url.clone();
                outputs.push(Output::Check { endpoint, url });
            }
        }
    }

    fn insert(&mut self, entry: Entry) {
        let endpoint = entry.registration.endpoint;
        let url = entry.registration.url.as_str().to_owned();
        self.by_url.insert(url, endpoint);
        self.relays.insert(endpoint, entry);
    }

    fn remove(&mut self, endpoint: &EndpointId) -> Option<Entry> {
        let entry = self.relays.remove(endpoint)?;
        self.by_url.remove(entry.registration.url.as_str());
        Some(entry)
    }

    /// Some relays by chance, each as likely as its capacity says, none twice.
    pub fn choose(&self, count: usize, now_ms: u64, dice: &mut Dice<'_>) -> Vec<&Entry> {
        let mut open: Vec<_> = self.good(now_ms).collect();
        let mut chosen = Vec::new();
        while chosen.len() < count.min(CHOICE_MAX) && !open.is_empty() {
            let weights = open.iter().map(|entry| entry.registration.weight());
            let mut mark = dice.below(weights.sum());
            let at = open.iter().position(|entry| {
                let weight = entry.registration.weight();
                let hit = mark < weight;
                mark = mark.saturating_sub(weight);
                hit
            });
            chosen.push(open.swap_remove(at.unwrap_or(0)));
        }
        chosen
    }

    /// The relays that may be chosen.
    pub fn good(&self, now_ms: u64) -> impl Iterator<Item = &Entry> {
        self.relays
            .values()
            .filter(move |entry| entry.is_good(now_ms))
    }

    /// All relays.
    pub fn all(&self) -> impl Iterator<Item = &Entry> {
        self.relays.values()
    }

    /// The relay at a URL, if it may be chosen.
    pub fn at(&self, url: &RelayUrl, now_ms: u64) -> Option<&Entry> {
        let endpoint = self.by_url.get(url.as_str())?;
        self.relays
            .get(endpoint)
            .filter(|entry| entry.is_good(now_ms))
    }
}
