//! BLAKE3 in derive-key mode with the contexts of `spec/11-views.md`.

use std::sync::LazyLock;

use blake3::Hasher;
use blake3::hazmat::{ContextKey, HasherExt, hash_derive_key_context};

/// What a hash is of.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Purpose {
    /// The events folded into an aggregate, one after the other.
    Input,
    /// The lines folded in a topic, one after the other.
    Lines,
    /// A state.
    State,
    /// The rows of an aggregate.
    Rows,
    /// A leaf: one aggregate.
    Leaf,
    /// Two nodes of the tree.
    Node,
    /// A leaf: one rejection.
    Rejection,
    /// A place in the sequence of commits.
    Commit,
    /// Where the entries of an index lie.
    Space,
}

const TEXTS: [&str; 9] = [
    "synlog v1 view input",
    "synlog v1 view lines",
    "synlog v1 view state",
    "synlog v1 view rows",
    "synlog v1 view leaf",
    "synlog v1 view node",
    "synlog v1 view rejection",
    "synlog v1 view commit",
    "synlog v1 view space",
];

impl Purpose {
    /// Hash of several pieces, one after the other.
    pub(crate) fn hash(self, parts: &[&[u8]]) -> [u8; 32] {
        // hashing the context each time would double the work for short inputs
        static KEYS: LazyLock<[ContextKey; 9]> =
            LazyLock::new(|| TEXTS.map(hash_derive_key_context));
        let mut hasher = Hasher::new_from_context_key(&KEYS[self as usize]);
        for part in parts {
            hasher.update(part);
        }
        *hasher.finalize().as_bytes()
    }
}
