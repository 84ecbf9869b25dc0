//! What a running node announces of itself in its entity's profile, and when: pure, given
//! the time and where the node is.

use synlog_net::Ticket;

use crate::identity::profile::Address;

/// How long an announcement holds: a node that is off for a week is found by other ways.
pub const LIFE_MS: u64 = 7 * 24 * 60 * 60 * 1000;
/// Between two announcements of one node: each is an entry in a log that others keep.
pub const PAUSE_MS: u64 = 10 * 60 * 1000;
/// Where a node is must have stayed the same so long: addresses and relays come one by
/// one when it starts.
pub const SETTLE_MS: u64 = 3_000;
/// How often is looked.
pub const LOOK_MS: u64 = 1_000;

/// Decides when to announce.
#[derive(Debug, Default)]
pub struct Announcer {
    /// Where the node was last, and since when, monotonic milliseconds.
    seen: Option<(Ticket, u64)>,
    /// When to look again.
    looks_ms: u64,
}

impl Announcer {
    /// Where the node is, once that has not changed for a while.
    pub fn settled(&mut self, mut ticket: Ticket, monotonic_ms: u64) -> Option<&Ticket> {
        ticket.addresses.sort_unstable();
        self.looks_ms = monotonic_ms.saturating_add(LOOK_MS);
        if self.seen.as_ref().is_none_or(|(seen, _)| *seen != ticket) {
            self.seen = Some((ticket, monotonic_ms));
        }
        let (ticket, since_ms) = self.seen.as_ref()?;
        (monotonic_ms.saturating_sub(*since_ms) >= SETTLE_MS).then_some(ticket)
    }

    /// Whether it is time to look.
    pub fn looks(&self, monotonic_ms: u64) -> bool {
        monotonic_ms >= self.looks_ms
    }

    /// An attempt failed: not again for a while.
    pub fn failed(&mut self, monotonic_ms: u64) {
        self.looks_ms = monotonic_ms.saturating_add(PAUSE_MS);
    }
}

/// What is to be announced now of a node that is there, given what the profile says.
pub fn due(ticket: &Ticket, said: Option<&Address>, now_ms: u64) -> Option<Address> {
    if ticket.relay.is_none() && ticket.addresses.is_empty() {
        return None;
    }
    let mut sockets = ticket.addresses.clone();
    sockets.sort_unstable();
    let fresh = Address {
        relay: ticket.relay.clone(),
        until_ms: now_ms.saturating_add(LIFE_MS),
        sockets,
    };
    let Some(said) = said else {
        return Some(fresh);
    };
    let written_ms = said.until_ms.saturating_sub(LIFE_MS);
    // what is from the future was written by a clock that was wrong
    if written_ms <= now_ms {
        let same = (&said.relay, &said.sockets) == (&fresh.relay, &fresh.sockets);
        let pause_ms = if same { LIFE_MS / 2 } else { PAUSE_MS };
        if now_ms - written_ms < pause_ms {
            return None;
        }
    }
    Some(fresh)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use synlog_replication::peer::NodeId;

    const NOW_MS: u64 = 1_800_000_000_000;

    fn at(port: u16) -> Ticket {
        let mut ticket = Ticket::new(NodeId([1; 32]));
        ticket.addresses = vec![([192, 168, 1, 5], port).into()];
        ticket
    }

    #[test]
    fn it_waits_until_addresses_stay() {
        let mut announcer = Announcer::default();
        assert_eq!(announcer.settled(at(1), 0), None);
        assert_eq!(announcer.settled(at(2), SETTLE_MS), None);
        assert!(!announcer.looks(SETTLE_MS) && announcer.looks(SETTLE_MS + LOOK_MS));
        assert_eq!(announcer.settled(at(2), 2 * SETTLE_MS - 1), None);
        assert_eq!(announcer.settled(at(2), 2 * SETTLE_MS), Some(&at(2)));
        announcer.failed(10_000);
        assert!(!announcer.looks(10_000 + PAUSE_MS - 1));
    }

    #[test]
    fn it_says_what_is_new_and_not_too_often() {
        assert_eq!(due(&Ticket::new(NodeId([1; 32])), None, NOW_MS), None);
        let said = due(&at(1), None, NOW_MS).unwrap();
        assert_eq!(said.until_ms, NOW_MS + LIFE_MS);
        for (port, later_ms, expected) in [
            (1, 0, false),
            (2, 0, false),
            (2, PAUSE_MS - 1, false),
            (2, PAUSE_MS, true),
            (1, PAUSE_MS, false),
            (1, LIFE_MS / 2 - 1, false),
            (1, LIFE_MS / 2, true),
            (1, 2 * LIFE_MS, true),
        ] {
            let due = due(&at(port), Some(&said), NOW_MS + later_ms);
            assert_eq!(due.is_some(), expected, "{port} {later_ms}");
        }
        // a clock that was ahead is set right
        assert!(due(&at(1), Some(&said), NOW_MS - LIFE_MS).is_some());
    }

    #[test]
    fn moving_every_second_writes_six_times_an_hour() {
        let (mut said, mut written) = (None, 0);
        for second in 0..86_400u64 {
            let now_ms = NOW_MS + second * 1000;
            if let Some(fresh) = due(&at(second as u16), said.as_ref(), now_ms) {
                (said, written) = (Some(fresh), written + 1);
            }
        }
        assert_eq!(written, 6 * 24);
    }
}
