//! Where the text of a page comes from: the program itself; while pages are worked on
//! (`SYNLOG_UI=node/web/ui`, debug builds only) the files as they are now.
//!
//! A shell file: it reads files.

use std::borrow::Cow;

use crate::pages::Page;

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
