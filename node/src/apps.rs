//! The apps that this node knows: those that come with synlog, and modules that somebody
//! here installed. Nothing that only came over a wire runs.

use std::sync::{Arc, LazyLock};

use synlog_apps::{ALL, Pinned};
use synlog_log::fold::Manifest;

/// An app that comes with synlog.
pub struct App {
    /// Its module.
    pub pinned: &'static Pinned,
    /// The hash that names the module.
    pub hash: [u8; 32],
    /// What it says of itself.
    pub manifest: Arc<Manifest>,
}

static PINNED: LazyLock<Vec<App>> = LazyLock::new(|| {
    let app = |pinned: &'static Pinned| {
        let manifest = Manifest::decode(&(pinned.manifest)()).ok()?;
        Some(App {
            pinned,
            hash: pinned.hash(),
            manifest: Arc::new(manifest),
        })
    };
    // a test holds that all of them decode
    ALL.iter().filter_map(app).collect()
});

/// The apps that come with synlog.
pub fn pinned() -> &'static [App] {
    &PINNED
}

/// The app whose module has a hash, if it comes with synlog.
pub fn named(hash: &[u8; 32]) -> Option<&'static App> {
    pinned().iter().find(|known| known.hash == *hash)
}

/// The app of a name and major version that comes with synlog.
pub fn find(app: &str, major: u16) -> Option<&'static App> {
    let mut apps = pinned().iter();
    apps.find(|known| known.pinned.app == app && known.pinned.major == major)
}
