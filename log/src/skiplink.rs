//! Which earlier entry an entry links to beside the one before it.
//!
//! The link function of Bamboo (github.com/AljoschaMeyer/bamboo), after
//! Lipmaa's anti-monotone binary linking scheme: from a head of height n any
//! earlier entry is reached in O(log n) steps.

/// (3^k − 1) / 2 for k = 1, 2, …, all that fit in 64 bits.
const STEPS: [u64; 41] = {
    let mut steps = [0; 41];
    let (mut k, mut power) = (0, 3u128);
    while k < 41 {
        steps[k] = ((power - 1) / 2) as u64;
        power *= 3;
        k += 1;
    }
    steps
};

/// The seq that the skiplink of `seq` points to, or `None` where it would be
/// the backlink again (or there is nothing before).
#[inline]
pub fn target(seq: u64) -> Option<u64> {
    // three of ten seqs have one; decide the common case without the loop
    if seq < 3 {
        return None;
    }
    // no entry has the highest number there is
    let n = seq.checked_add(1)?;
    let k = STEPS.partition_point(|step| *step < n);
    let to = if STEPS.get(k) == Some(&n) {
        // n − 3^(k), and 3^k = 2·STEPS[k−1] + 1
        n - (2 * STEPS[k - 1] + 1)
    } else {
        let (mut left, mut step) = (n, 0);
        for candidate in STEPS[..k].iter().rev() {
            step = *candidate;
            left %= step;
            if left == 0 {
                break;
            }
        }
        n - step
    };
    (to != seq).then(|| to - 1)
}

/// The seqs from `head` down to `goal`, both included, along the shortest links.
pub fn path(head: u64, goal: u64) -> Vec<u64> {
    let (mut at, mut seqs) = (head, vec![head]);
    while at > goal {
        at = target(at).filter(|to| *to >= goal).unwrap_or(at - 1);
        seqs.push(at);
    }
    seqs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_targets() {
        // by hand from the definition: 4 → 1, 8 → 4, 12 → 8, 13 → 4, 40 → 13
        let expected = [
            (3, Some(0)),
            (4, None),
            (7, Some(3)),
            (11, Some(7)),
            (12, Some(3)),
            (13, None),
            (39, Some(12)),
        ];
        for (seq, to) in expected {
            assert_eq!(target(seq), to, "seq {seq}");
        }
    }

    #[test]
    fn paths_are_short_and_links_never_cross() {
        for head in [1_000u64, 99_999, 1 << 33] {
            for goal in [0, 1, 7, 500, head / 2, head - 1, head] {
                assert!(
                    path(head, goal).len() <= 64,
                    "{head} → {goal}: {}",
                    path(head, goal).len()
                );
            }
        }
        // anti-monotone: a later entry never links below the target of an earlier one between
        for seq in 1..2_000u64 {
            for later in seq + 1..(seq + 60) {
                if let (Some(a), Some(b)) = (target(seq), target(later)) {
                    assert!(!(b > a && b < seq), "{seq}→{a} crosses {later}→{b}");
                }
            }
        }
    }
}
