//! What binds a public take to a private order or booking without naming it.

/// The derive-key context of the commitment of a take.
pub const CONTEXT: &str = "synlog v1 commitment of a take";

/// The field `c` of a take: BLAKE3 in derive-key mode over a secret of 32 random
/// bytes, the topic of the relation and the id of the order's or booking's entry.
///
/// The space shows that something is taken and not by whom; whoever is given `r`
/// checks that the take is this order's.
pub fn take_commitment(r: &[u8; 32], relation: &[u8; 32], order: &[u8; 32]) -> [u8; 32] {
    synlog_reducer::hash(Some(CONTEXT), &[r, relation, order])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_commitment() {
        // Computed with another implementation of BLAKE3.
        let known = "e39e6480e2f159de7465fb1862b58bb5314ff2bbf6340d0e7ae6bc0b7553ccc1";
        let commitment = take_commitment(&[1; 32], &[2; 32], &[3; 32]);
        assert_eq!(synlog_reducer::hex(&commitment), known);
    }
}
