//! Logins: one-time tokens, sessions, and how often somebody guessed wrongly.
//!
//! Only hashes are held, and compared in constant time. Sessions outlast the run; all else
//! ends with it.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use blake3::Hash;

/// One-time tokens that wait at once; the oldest goes for a new one.
const WAITING_MAX: usize = 16;
/// Sessions at once; the oldest goes for a new one.
const SESSIONS_MAX: usize = 64;
/// Wrong logins within [`WINDOW_MS`], after which none is looked at any more.
const FAILURES_MAX: usize = 10;
/// How long a one-time token waits: time enough to open a link, not to find it later.
const PATIENCE_MS: u64 = 10 * 60_000;
/// How long a wrong login counts.
const WINDOW_MS: u64 = 60_000;

/// A session that nobody used for so long is over.
const IDLE_MS: u64 = 14 * DAY_MS;
/// No session lasts longer.
pub const SESSION_MS: u64 = 90 * DAY_MS;
const DAY_MS: u64 = 24 * 60 * 60_000;

/// Purpose of the hashes.
const CONTEXT: &str = "synlog web 1 login secret";

/// What became of a login.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Login {
    /// The token was right, and is used up. The session is open.
    Opened,
    /// It was not, or has been used.
    Wrong,
    /// Too many were wrong; the next is looked at after so many seconds.
    TooMany(u64),
}

/// A browser that is logged in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Session {
    /// The hash of what it shows.
    pub hash: Hash,
    /// When it logged in, UTC milliseconds.
    pub made_ms: u64,
    /// When it was seen, to the day.
    pub used_ms: u64,
}

impl Session {
    fn is_over(&self, now_ms: u64) -> bool {
        now_ms >= self.made_ms.saturating_add(SESSION_MS)
            || now_ms >= self.used_ms.saturating_add(IDLE_MS)
    }
}

/// Who may log in, and who is.
#[derive(Default)]
pub struct Keys {
    state: Mutex<State>,
    writing: Mutex<()>,
}

#[derive(Default)]
struct State {
    /// With when they were made.
    waiting: VecDeque<(Hash, u64)>,
    sessions: VecDeque<Session>,
    failures: VecDeque<u64>,
}

/// The hash under which a secret of a browser or program is known.
pub fn hash(secret: &str) -> Hash {
    Hash::from_bytes(blake3::derive_key(CONTEXT, secret.as_bytes()))
}

/// Random bytes as they stand in links, cookies and headers.
pub fn text(bytes: &[u8; 32]) -> String {
    Hash::from_bytes(*bytes).to_hex().to_string()
}

/// Adds one, and lets the oldest go where there are too many.
fn push<T>(list: &mut VecDeque<T>, new: T, max: usize) {
    if list.len() >= max {
        list.pop_front();
    }
    list.push_back(new);
}

impl Keys {
    /// Those who were logged in when the server ended.
    pub fn of(sessions: Vec<Session>) -> Self {
        let keys = Self::default();
        keys.with(|state| {
            let mut sessions = sessions;
            sessions.sort_by_key(|session| session.used_ms);
            for session in sessions {
                push(&mut state.sessions, session, SESSIONS_MAX);
            }
        });
        keys
    }

    /// Has the sessions as they are now written down, one writer after the other.
    pub fn keep<T>(&self, write: impl FnOnce(&[Session]) -> T) -> T {
        let _alone = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let sessions = self.with(|state| state.sessions.iter().copied().collect::<Vec<_>>());
        write(&sessions)
    }

    fn with<T>(&self, run: impl FnOnce(&mut State) -> T) -> T {
        run(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Lets a one-time token in, once, and not for long.
    pub fn expect(&self, token: &str, now_ms: u64) {
        let token = (hash(token), now_ms);
        self.with(|state| push(&mut state.waiting, token, WAITING_MAX));
    }

    /// Uses a one-time token up and opens a session.
    pub fn login(&self, token: &str, session: &str, now_ms: u64) -> Login {
        let token = hash(token);
        let session = Session {
            hash: hash(session),
            made_ms: now_ms,
            used_ms: now_ms,
        };
        self.with(|state| {
            state.sessions.retain(|session| !session.is_over(now_ms));
            while state
                .failures
                .front()
                .is_some_and(|at| at + WINDOW_MS <= now_ms)
            {
                state.failures.pop_front();
            }
            state
                .waiting
                .retain(|(_, made_ms)| now_ms < made_ms.saturating_add(PATIENCE_MS));
            // the hashes compare in constant time; who has the right token is let in however
            // many wrong ones others try
            let Some(at) = state.waiting.iter().position(|(known, _)| *known == token) else {
                if state.failures.len() >= FAILURES_MAX
                    && let Some(first) = state.failures.front()
                {
                    let left_ms = (first + WINDOW_MS).saturating_sub(now_ms);
                    return Login::TooMany(left_ms.div_ceil(1000).max(1));
                }
                state.failures.push_back(now_ms);
                return Login::Wrong;
            };
            state.waiting.remove(at);
            push(&mut state.sessions, session, SESSIONS_MAX);
            Login::Opened
        })
    }

    /// Whether a session is open; `Some(true)` where that it was used is to be kept.
    pub fn is_open(&self, session: &str, now_ms: u64) -> Option<bool> {
        let session = hash(session);
        self.with(|state| {
            // the hashes compare in constant time
            let mut known = state.sessions.iter_mut();
            let known = known.find(|known| known.hash == session)?;
            if known.is_over(now_ms) {
                return None;
            }
            let is_new_day = now_ms >= known.used_ms.saturating_add(DAY_MS);
            if is_new_day {
                known.used_ms = now_ms;
            }
            Some(is_new_day)
        })
    }

    /// Whether a session is open, without using it.
    pub fn is_known(&self, session: &str, now_ms: u64) -> bool {
        let session = hash(session);
        self.with(|state| {
            // the hashes compare in constant time
            let mut known = state.sessions.iter();
            known.any(|known| known.hash == session && !known.is_over(now_ms))
        })
    }

    /// Ends a session.
    pub fn logout(&self, session: &str) {
        let session = hash(session);
        self.with(|state| state.sessions.retain(|known| known.hash != session));
    }

    /// Ends all sessions, and forgets the tokens that wait. Gives how many were open.
    pub fn logout_all(&self, now_ms: u64) -> usize {
        self.with(|state| {
            state.waiting.clear();
            let ended = std::mem::take(&mut state.sessions);
            ended.iter().filter(|it| !it.is_over(now_ms)).count()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_opens_one_session() {
        let keys = Keys::default();
        keys.expect("token", 0);
        assert_eq!(keys.login("other", "s", 0), Login::Wrong);
        assert_eq!(keys.is_open("s", 0), None);
        assert_eq!(keys.login("token", "s", 0), Login::Opened);
        assert_eq!(keys.login("token", "t", 0), Login::Wrong);
        assert_eq!(
            ["s", "t", ""].map(|it| keys.is_open(it, 0).is_some()),
            [true, false, false]
        );
        keys.logout("s");
        assert_eq!(keys.is_open("s", 0), None);
    }

    #[test]
    fn sessions_last_while_they_are_used_and_not_for_ever() {
        const DAY: u64 = 24 * 60 * 60_000;
        let keys = Keys::default();
        for session in ["used", "idle"] {
            keys.expect(session, 0);
            assert_eq!(keys.login(session, session, 0), Login::Opened);
        }
        assert_eq!(keys.is_open("used", DAY - 1), Some(false));
        for day in 1..90 {
            // what is kept in between is the same for those who start again
            let keys = Keys::of(keys.keep(<[Session]>::to_vec));
            assert_eq!(keys.is_open("idle", day * DAY).is_some(), day < 14, "{day}");
        }
        for day in 1..90 {
            assert_eq!(keys.is_open("used", day * DAY), Some(true), "{day}");
            assert_eq!(keys.is_open("used", day * DAY + 1), Some(false), "{day}");
        }
        // who only stays is not one who uses it
        assert!(keys.is_known("used", 90 * DAY - 1));
        assert!(keys.is_known("idle", 14 * DAY - 1) && !keys.is_known("idle", 14 * DAY));
        assert_eq!(keys.is_open("used", 90 * DAY), None);
        assert!(!keys.is_known("used", 90 * DAY));
        assert_eq!(keys.logout_all(89 * DAY), 1);
        assert_eq!(keys.is_open("used", 0), None);
        assert_eq!(keys.keep(<[Session]>::len), 0);
    }

    #[test]
    fn a_token_is_good_for_ten_minutes() {
        let keys = Keys::default();
        keys.expect("early", 0);
        keys.expect("late", 1_000);
        assert_eq!(keys.login("early", "s", 600_000), Login::Wrong);
        assert_eq!(keys.login("late", "s", 600_999), Login::Opened);
        // a clock that was put back lets nobody in for longer
        keys.expect("future", 2_000_000);
        assert_eq!(keys.login("future", "s", 1_000_000), Login::Opened);
    }

    #[test]
    fn guessing_ends_and_begins_again() {
        let keys = Keys::default();
        keys.expect("token", 0);
        for at in 0..10 {
            assert_eq!(keys.login("guess", "s", at), Login::Wrong);
        }
        assert_eq!(keys.login("guess", "s", 10_000), Login::TooMany(50));
        // nobody is kept out by the guesses of others
        assert_eq!(keys.login("token", "s", 10_000), Login::Opened);
        assert_eq!(keys.login("guess", "s", 60_000), Login::Wrong);
    }

    #[test]
    fn what_waits_and_what_is_open_is_bounded() {
        let keys = Keys::default();
        for number in 0..200 {
            keys.expect(&format!("token {number}"), 0);
            let login = keys.login(&format!("token {number}"), &format!("session {number}"), 0);
            assert_eq!(login, Login::Opened);
        }
        assert_eq!(keys.is_open("session 0", 0), None);
        assert!(keys.is_open("session 199", 0).is_some());
        for number in 0..17 {
            keys.expect(&format!("token {number}"), 0);
        }
        assert_eq!(keys.login("token 0", "s", 0), Login::Wrong);
        assert_eq!(keys.login("token 1", "s", 0), Login::Opened);
    }
}
