//! Write a reducer for synlog: what the events of a topic mean, as a WebAssembly
//! module that gives the same result on every machine.
//!
//! An app has a state for each **aggregate** (an order, a poll, a thread), events, and
//! a function that applies one event to one state. Everything else (encodings, exports,
//! undoing what a rejected event had begun) is done here. See `docs/APPS.md` for a guide
//! and `spec/10-reducer.md` for the interface.
//!
//! A reducer has no clock, no randomness, no files and no memory but the state. Use
//! `BTreeMap`, never `HashMap`, in a state: the order of its items must be the same
//! everywhere.

mod app;
mod calls;
pub mod cbor;
mod columns;
mod event;
mod fact;
mod hash;
mod manifest;
mod values;
#[cfg(target_arch = "wasm32")]
pub mod wasm;
mod wire;

pub use app::{App, Code, Event, Keys};
pub use calls::{BadInput, describe, fold, project, route};
pub use columns::{Columns, Rows};
pub use event::Meta;
pub use fact::Fact;
pub use hash::{hash, hex};
pub use manifest::{EventKind, Field, Manifest, Table, Type};
pub use values::{Bytes, Geo, Hash16, Id, Money, Quantity};

/// The kind of an event is not one of the app's.
pub const UNKNOWN_KIND: Code = "unknown_kind";
/// The body of an event does not decode as what its kind asks for.
pub const BAD_EVENT: Code = "bad_event";

/// Declares the events of an app: the kind of each, and the struct that its body is.
///
/// ```ignore
/// events! {
///     /// What happens to an order.
///     pub enum Event {
///         "order.request" => Request(Request),
///         "order.quote" => Quote(Quote),
///     }
/// }
/// ```
///
/// Each struct derives `serde::Deserialize`. A body that is not such a struct is
/// rejected with `bad_event`; keys of a body that the struct has not are passed over.
#[macro_export]
macro_rules! events {
    ($(#[$meta:meta])* $visible:vis enum $name:ident {
        $($kind:literal => $variant:ident($body:ty)),+ $(,)?
    }) => {
        $(#[$meta])*
        $visible enum $name {
            $(#[doc = concat!("`", $kind, "`")] $variant($body)),+
        }

        impl $crate::Event for $name {
            const KINDS: &'static [&'static str] = &[$($kind),+];

            fn decode(kind: &str, body: &[u8]) -> ::core::result::Result<Self, $crate::Code> {
                match kind {
                    $($kind => match $crate::cbor::from_slice(body) {
                        Ok(event) => Ok(Self::$variant(event)),
                        Err(_) => Err($crate::BAD_EVENT),
                    },)+
                    _ => Err($crate::UNKNOWN_KIND),
                }
            }
        }
    };
}

/// Exports an app from a WebAssembly module. On other targets it does nothing.
#[macro_export]
macro_rules! reducer {
    ($app:ty) => {
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            #[unsafe(no_mangle)]
            extern "C" fn input(len: u32) -> u32 {
                $crate::wasm::input(len)
            }

            #[unsafe(no_mangle)]
            extern "C" fn describe() -> u64 {
                $crate::wasm::describe::<$app>()
            }

            #[unsafe(no_mangle)]
            extern "C" fn route(len: u32) -> u64 {
                $crate::wasm::call(len, $crate::route::<$app>)
            }

            #[unsafe(no_mangle)]
            extern "C" fn fold(len: u32) -> u64 {
                $crate::wasm::call(len, $crate::fold::<$app>)
            }

            #[unsafe(no_mangle)]
            extern "C" fn project(len: u32) -> u64 {
                $crate::wasm::call(len, $crate::project::<$app>)
            }
        };
    };
}
