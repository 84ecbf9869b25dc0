//! The apps that come with synlog: released reducers, pinned by the hash of their bytes.
//!
//! A node runs the WebAssembly. The same rules as native code are in [`native`], for
//! tests and measurements that hold one against the other.

pub mod native;
pub mod template;
pub mod uis;

use synlog_app_relation::RelationApp;
use synlog_app_space::SpaceApp;
use synlog_app_tally::Tally;
use synlog_reducer::describe;

/// A released reducer.
#[derive(Debug, Clone, Copy)]
pub struct Pinned {
    /// The app.
    pub app: &'static str,
    /// Its major version.
    pub major: u16,
    /// The module.
    pub wasm: &'static [u8],
    /// What the module says of itself, without running it.
    pub manifest: fn() -> Vec<u8>,
}

/// All of them.
pub static ALL: [Pinned; 3] = [
    Pinned {
        app: "space",
        major: 1,
        wasm: include_bytes!("../space/space.wasm"),
        manifest: describe::<SpaceApp>,
    },
    Pinned {
        app: "relation",
        major: 1,
        wasm: include_bytes!("../relation/relation.wasm"),
        manifest: describe::<RelationApp>,
    },
    Pinned {
        app: "tally",
        major: 1,
        wasm: include_bytes!("../tally/tally.wasm"),
        manifest: describe::<Tally>,
    },
];

/// The reducer of `tally` once more, written in C (`apps/tally-c`): another module, so
/// another hash, with the same states, rejections and rows.
pub static TALLY_IN_C: &[u8] = include_bytes!("../tally-c/tally-c.wasm");

impl Pinned {
    /// The hash that names it.
    pub fn hash(&self) -> [u8; 32] {
        *blake3::hash(self.wasm).as_bytes()
    }

    /// The released reducer of an app.
    pub fn find(app: &str, major: u16) -> Option<&'static Self> {
        ALL.iter()
            .find(|pinned| pinned.app == app && pinned.major == major)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use synlog_log::fold::Manifest;

    /// Bytes of a released module.
    const SIZE_MAX: usize = 200 * 1024;

    #[test]
    fn what_is_released_is_what_is_pinned() {
        let pins = include_str!("../PINS");
        let released = ALL.iter().map(|pinned| (pinned.app, pinned.wasm));
        for (name, wasm) in released.chain([("tally-c", TALLY_IN_C)]) {
            let hash = blake3::hash(wasm).to_hex();
            let line = format!("{name} {hash} {}", wasm.len());
            assert!(pins.lines().any(|pin| pin == line), "{line}");
            assert!(wasm.len() <= SIZE_MAX, "{line}");
        }
    }

    #[test]
    fn manifests_decode() {
        for pinned in &ALL {
            let manifest = Manifest::decode(&(pinned.manifest)()).unwrap();
            assert_eq!(
                (&manifest.app[..], manifest.major),
                (pinned.app, pinned.major)
            );
        }
    }
}
