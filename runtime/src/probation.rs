//! Which calls are checked, and what becomes of a reducer that fails a check.

/// How calls are put together and how often that is checked. The defaults are for
/// everybody; tests take others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checks {
    /// So many of the first events of each kind are checked, and so many of the first
    /// calls of each function.
    pub first: u32,
    /// After that one call of so many is checked, named by the id of its first event (or
    /// by the key of its aggregate). At 1,024 it costs some 3 % of the time.
    pub sample: u32,
    /// Events that go into one call at most.
    pub events_max: usize,
    /// Bytes of events that go into one call at most.
    pub bytes_max: usize,
    /// Calls after which a new instance is taken.
    pub instance_calls: u32,
}

impl Default for Checks {
    fn default() -> Self {
        Self {
            first: 4,
            sample: 1_024,
            events_max: 64,
            bytes_max: 256 << 10,
            instance_calls: 1_024,
        }
    }
}

/// What was checked so far.
pub(crate) struct Probation {
    checks: Checks,
    /// How often each kind was checked.
    kinds: Vec<(Vec<u8>, u32)>,
    /// Kinds that still have to be checked; those that nobody has sent count.
    open: usize,
    /// Calls of route, fold and project.
    calls: [u32; 3],
}

/// Kinds beyond the manifest's that are remembered: the host gives none, but a caller could.
const KINDS_MAX: usize = 128;

impl Probation {
    pub(crate) fn new(checks: Checks, kinds: usize) -> Self {
        let kinds_max = kinds.min(KINDS_MAX);
        let open = if checks.first == 0 { 0 } else { kinds_max };
        Self {
            checks,
            kinds: Vec::new(),
            open,
            calls: [0; 3],
        }
    }

    /// Whether a call is among the first of its function.
    pub(crate) fn early(&mut self, function: usize) -> bool {
        let calls = &mut self.calls[function];
        let early = *calls < self.checks.first;
        *calls = calls.saturating_add(1);
        early
    }

    /// Whether each kind has been checked often enough, so that none needs a look.
    pub(crate) fn is_over(&self) -> bool {
        self.open == 0
    }

    /// Whether an event's kind is among those that still have to be checked.
    pub(crate) fn kind_is_new(&mut self, kind: Option<&[u8]>) -> bool {
        if self.open == 0 {
            return false;
        }
        let kind = kind.unwrap_or_default();
        let found = self.kinds.iter().position(|(known, _)| known == kind);
        match found.map(|at| &mut self.kinds[at]) {
            Some((_, times)) if *times >= self.checks.first => false,
            Some((_, times)) => {
                *times += 1;
                if *times == self.checks.first {
                    self.open -= 1;
                }
                true
            }
            None => {
                if self.kinds.len() >= KINDS_MAX {
                    return false;
                }
                self.kinds.push((kind.to_vec(), 1));
                if self.checks.first == 1 {
                    self.open -= 1;
                }
                true
            }
        }
    }

    /// Whether what has this name belongs to the sample.
    pub(crate) fn sampled(&self, name: &[u8]) -> bool {
        // FNV-1a over the end of the name: ids are hashes, keys mostly end in one.
        let tail = &name[name.len().saturating_sub(16)..];
        let hash = tail.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        self.checks.sample > 0 && (hash >> 20).is_multiple_of(u64::from(self.checks.sample))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_first_of_each_kind_are_checked() {
        let mut probation = Probation::new(
            Checks {
                first: 2,
                ..Checks::default()
            },
            2,
        );
        let seen: Vec<bool> = [&b"a"[..], b"b", b"a", b"a", b"b", b"b", b"a"]
            .map(|kind| probation.kind_is_new(Some(kind)))
            .to_vec();
        assert_eq!(seen, [true, true, true, false, true, false, false]);
        assert_eq!(probation.open, 0);
    }

    #[test]
    fn the_sample_is_about_as_large_as_asked() {
        let probation = Probation::new(
            Checks {
                sample: 64,
                ..Checks::default()
            },
            1,
        );
        let taken = (0u64..64_000)
            .filter(|n| probation.sampled(blake3::hash(&n.to_le_bytes()).as_bytes()))
            .count();
        assert!((700..1_300).contains(&taken), "{taken}");
    }
}
