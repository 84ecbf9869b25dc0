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
