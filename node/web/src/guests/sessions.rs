//! Challenges and sessions of one run. Only hashes of tokens are held; all of it ends with
//! the run.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use blake3::Hash;

use crate::guests::backend::Guest;
use crate::keys::hash;

/// How long a challenge is good.
pub const CHALLENGE_MS: u64 = 60_000;
/// How long a session is.
pub const SESSION_MS: u64 = 24 * 3_600_000;
/// Challenges that wait at once; the oldest goes for a new one.
const CHALLENGES_MAX: usize = 4_096;
/// Sessions at once; the oldest goes for a new one, and its guest signs again.
const SESSIONS_MAX: usize = 10_000;
/// Sessions of one entity at once: its devices and their tabs.
const OF_ENTITY_MAX: usize = 8;
/// Sessions of those who have no relation: what they said of themselves is held meanwhile,
/// at most 64 KiB of each.
const STRANGERS_MAX: usize = 256;

/// Who is here.
#[derive(Default)]
pub struct Sessions {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    challenges: VecDeque<(Hash, u64)>,
    sessions: HashMap<Hash, Session>,
    number: u64,
}

struct Session {
    guest: Guest,
    expires_ms: u64,
    number: u64,
}

impl State {
    fn drop_oldest(&mut self, fits: impl Fn(&Session) -> bool) {
        let of = self.sessions.iter().filter(|(_, session)| fits(session));
        let oldest = of.min_by_key(|(_, session)| session.number);
        if let Some(token) = oldest.map(|(token, _)| *token) {
            self.sessions.remove(&token);
        }
    }

    fn count(&self, fits: impl Fn(&Session) -> bool) -> usize {
        self.sessions
            .values()
            .filter(|session| fits(session))
            .count()
    }
}

impl Sessions {
    fn with<T>(&self, run: impl FnOnce(&mut State) -> T) -> T {
        run(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Lets a challenge be answered, once.
    pub fn expect(&self, challenge: &[u8; 32], now_ms: u64) {
        let known = blake3::hash(challenge);
        self.with(|state| {
            if state.challenges.len() >= CHALLENGES_MAX {
                state.challenges.pop_front();
            }
            state.challenges.push_back((known, now_ms + CHALLENGE_MS));
        });
    }

    /// Uses a challenge up. Gives whether it was good.
    pub fn answer(&self, challenge: &[u8; 32], now_ms: u64) -> bool {
        let answered = blake3::hash(challenge);
        self.with(|state| {
            state.challenges.retain(|(_, until_ms)| *until_ms > now_ms);
            let at = state
                .challenges
                .iter()
                .position(|(known, _)| *known == answered);
            at.and_then(|at| state.challenges.remove(at)).is_some()
        })
    }

    /// Opens a session. Gives until when it is good.
    pub fn open(&self, token: &str, guest: Guest, now_ms: u64) -> u64 {
        let (token, expires_ms) = (hash(token), now_ms + SESSION_MS);
        self.with(|state| {
            state
                .sessions
                .retain(|_, session| session.expires_ms > now_ms);
            let own = |session: &Session| session.guest.entity == guest.entity;
            let strange = |session: &Session| session.guest.profile.is_some();
            if state.count(own) >= OF_ENTITY_MAX {
                state.drop_oldest(own);
            }
            if guest.profile.is_some() && state.count(strange) >= STRANGERS_MAX {
                state.drop_oldest(strange);
            }
            if state.sessions.len() >= SESSIONS_MAX {
                state.drop_oldest(|_| true);
            }
            state.number += 1;
            let session = Session {
                guest,
                expires_ms,
                number: state.number,
            };
            state.sessions.insert(token, session);
            expires_ms
        })
    }

    /// Whose session a token is.
    pub fn find(&self, token: &str, now_ms: u64) -> Option<Guest> {
        let token = hash(token);
        self.with(|state| {
            let session = state.sessions.get(&token)?;
            (session.expires_ms > now_ms).then(|| session.guest.clone())
        })
    }

    /// The entity has a relation now: what it said of itself is in the store.
    pub fn settle(&self, entity: &str) {
        self.with(|state| {
            let all = state.sessions.values_mut();
            for session in all.filter(|session| session.guest.entity == entity) {
                session.guest.profile = None;
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    fn guest(entity: &str, strange: bool) -> Guest {
        Guest {
            entity: entity.to_owned(),
            device: "d".to_owned(),
            profile: strange.then(|| Arc::from(&b"profile"[..])),
        }
    }

    #[test]
    fn a_challenge_is_good_once_and_for_a_minute() {
        let sessions = Sessions::default();
        sessions.expect(&[1; 32], 0);
        sessions.expect(&[2; 32], 0);
        assert!(!sessions.answer(&[3; 32], 1));
        assert!(sessions.answer(&[1; 32], 1));
        assert!(!sessions.answer(&[1; 32], 1));
        assert!(!sessions.answer(&[2; 32], CHALLENGE_MS));
        for number in 0..=CHALLENGES_MAX as u64 {
            sessions.expect(blake3::hash(&number.to_le_bytes()).as_bytes(), 0);
        }
        assert!(!sessions.answer(blake3::hash(&0u64.to_le_bytes()).as_bytes(), 1));
        assert!(sessions.answer(blake3::hash(&1u64.to_le_bytes()).as_bytes(), 1));
    }

    #[test]
    fn sessions_end_and_are_bounded() {
        let sessions = Sessions::default();
        assert_eq!(sessions.open("a", guest("ana", true), 5), 5 + SESSION_MS);
        assert_eq!(sessions.find("a", 6), Some(guest("ana", true)));
        assert_eq!(sessions.find("b", 6), None);
        sessions.settle("ana");
        assert_eq!(sessions.find("a", 6), Some(guest("ana", false)));
        assert_eq!(sessions.find("a", 5 + SESSION_MS), None);
        for number in 0..OF_ENTITY_MAX {
            sessions.open(&format!("more {number}"), guest("ana", false), 6);
        }
        assert_eq!(sessions.find("a", 7), None);
        assert!(sessions.find("more 0", 7).is_some());
        for number in 0..2 * STRANGERS_MAX {
            let who = format!("stranger {number}");
            sessions.open(&who, guest(&who, true), 7);
        }
        let strangers = sessions.with(|state| state.count(|it| it.guest.profile.is_some()));
        assert_eq!(strangers, STRANGERS_MAX);
        assert!(sessions.find("more 0", 8).is_some(), "who is known stays");
        assert!(
            sessions
                .find(&format!("stranger {STRANGERS_MAX}"), 8)
                .is_some()
        );
    }
}
