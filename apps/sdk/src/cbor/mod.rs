//! The CBOR of bodies, manifests and rows (`spec/01-encoding.md` 1.3): one encoding for
//! each value, no floats.

mod reader;
mod serde_impl;
mod value;

pub use reader::BadCbor;
pub use serde_impl::from_slice;
pub(crate) use value::key_order;
pub use value::{Value, put_head, put_text};
