//! Where the text of a page comes from: the program itself; while pages are worked on
//! (`SYNLOG_UI=node/web/ui`, debug builds only) the files as they are now.
//!
//! A shell file: it reads files.

use std::borrow::Cow;

use axum::body::Bytes;

use crate::pages::Page;
use crate::uis::Package;

/// The text of a page.
#[cfg(not(debug_assertions))]
pub(crate) fn text(page: &'static Page) -> Cow<'static, str> {
    Cow::Borrowed(page.text)
}

/// The text of a page.
#[cfg(debug_assertions)]
pub(crate) fn text(page: &'static Page) -> Cow<'static, str> {
    let name = match page.path {
        "/" => "index.html",
        path => path.trim_start_matches('/'),
    };
    let directory = std::env::var_os("SYNLOG_UI").map(std::path::PathBuf::from);
    let text = directory.and_then(|directory| std::fs::read_to_string(directory.join(name)).ok());
    text.map_or(Cow::Borrowed(page.text), Cow::Owned)
}

/// Whether files may be others in a moment.
#[cfg(not(debug_assertions))]
pub(crate) fn is_worked_on() -> bool {
    false
}

/// Whether files may be others in a moment.
#[cfg(debug_assertions)]
pub(crate) fn is_worked_on() -> bool {
    std::env::var_os("SYNLOG_UI").is_some()
}

/// A file of a user interface.
#[cfg(not(debug_assertions))]
pub(crate) fn file(_: &Package, _: &str, bytes: &[u8]) -> Bytes {
    Bytes::copy_from_slice(bytes)
}

/// A file of a user interface; of those that come along as it is now.
#[cfg(debug_assertions)]
pub(crate) fn file(package: &Package, name: &str, bytes: &[u8]) -> Bytes {
    let pages = std::env::var_os("SYNLOG_UI").filter(|_| package.comes_along);
    let now = pages.and_then(|pages| {
        let apps = std::path::Path::new(&pages).join("../../../apps");
        std::fs::read(apps.join(&package.manifest.app).join("ui").join(name)).ok()
    });
    now.map_or_else(|| Bytes::copy_from_slice(bytes), Bytes::from)
}
