//! How often something is done, by address and in all.

use core::net::IpAddr;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// Addresses that are told apart within one window; beyond, all others are one.
const SOURCES_MAX: usize = 4_096;

/// Who is counted: an address, or the gateway that says none.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Source {
    /// An address, or a network of IPv6.
    Address(IpAddr),
    /// Somebody whom a gateway tells apart by a word of its own.
    Caller(String),
    /// All who come through a gateway that does not tell them apart.
    Gateway(String),
    /// An entity that has a session.
    Entity(String),
    /// Those that there is no room to tell apart.
    Others,
}

/// How often something may be done within a window of time.
#[derive(Debug)]
pub struct Rate {
    window_ms: u64,
    of_all: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    begun_ms: u64,
    count: usize,
    by_source: HashMap<Source, usize>,
}

impl Rate {
    /// At most so often in all.
    pub fn new(window_ms: u64, of_all: usize) -> Self {
        Self {
            window_ms,
            of_all,
            state: Mutex::default(),
        }
    }

    /// Counts one, unless there were as many as may be of one source or of all: then in how
    /// many seconds it may be tried again.
    ///
    /// # Errors
    /// The seconds.
    pub fn take(&self, source: &Source, of_one: usize, now_ms: u64) -> Result<(), u64> {
        self.take_some(source, 1, of_one, now_ms)
    }

    /// The same for several at once.
    ///
    /// # Errors
    /// The seconds.
    pub fn take_some(
        &self,
        source: &Source,
        some: usize,
        of_one: usize,
        now_ms: u64,
    ) -> Result<(), u64> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        // a window begins with the first; a clock that was put back begins anew
        let elapsed_ms = now_ms.checked_sub(state.begun_ms);
        if state.count == 0 || elapsed_ms.is_none_or(|elapsed_ms| elapsed_ms >= self.window_ms) {
            *state = State {
                begun_ms: now_ms,
                ..State::default()
            };
        }
        let known = state.by_source.contains_key(source);
        let source = match known || state.by_source.len() < SOURCES_MAX {
            true => source,
            false => &Source::Others,
        };
        let of_source = state.by_source.get(source).copied().unwrap_or(0);
        if of_source.saturating_add(some) > of_one || state.count.saturating_add(some) > self.of_all
        {
            let left_ms = (state.begun_ms + self.window_ms).saturating_sub(now_ms);
            return Err(left_ms.div_ceil(1_000).max(1));
        }
        state.count += some;
        state.by_source.insert(source.clone(), of_source + some);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(number: u32) -> Source {
        Source::Address(IpAddr::from(number.to_be_bytes()))
    }

    #[test]
    fn one_is_counted_and_all_are() {
        let rate = Rate::new(60_000, 5);
        for _ in 0..2 {
            assert_eq!(rate.take(&source(1), 2, 1_000), Ok(()));
        }
        assert_eq!(rate.take(&source(1), 2, 31_000), Err(30));
        for number in 2..5 {
            assert_eq!(rate.take(&source(number), 2, 31_000), Ok(()));
        }
        assert_eq!(rate.take(&source(9), 2, 60_999), Err(1));
        assert_eq!(rate.take(&source(1), 2, 61_000), Ok(()));
        // the clock was put back
        assert_eq!(rate.take(&source(1), 1, 5), Ok(()));
        assert_eq!(rate.take(&source(1), 1, 6), Err(60));
    }

    #[test]
    fn memory_is_bounded() {
        let rate = Rate::new(60_000, usize::MAX);
        for number in 0..SOURCES_MAX as u32 {
            assert_eq!(rate.take(&source(number), 1, 0), Ok(()));
        }
        assert_eq!(rate.take(&source(u32::MAX), 1, 0), Ok(()));
        assert!(rate.take(&source(u32::MAX - 1), 1, 0).is_err());
        let state = rate.state.lock().unwrap_or_else(PoisonError::into_inner);
        assert_eq!(state.by_source.len(), SOURCES_MAX + 1);
    }
}
