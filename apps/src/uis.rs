//! The user interfaces of the apps that come with synlog: the files of `apps/<app>/ui`.

/// A file: its name, and what is in it.
pub type File = (&'static str, &'static [u8]);

macro_rules! files {
    ($app:literal: $($name:literal),+) => {
        ($app, &[$(($name, include_bytes!(concat!("../", $app, "/ui/", $name)))),+])
    };
}

/// All of them: the app, and its files.
pub static UIS: &[(&str, &[File])] = &[
    files!("relation": "index.html", "money.js", "ui.json", "words.js"),
    files!("tally": "index.html", "tallies.js", "ui.json", "words.js"),
];

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::collections::BTreeSet;
    use std::path::Path;

    #[test]
    fn no_file_is_left_out() {
        for (app, files) in UIS {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(app).join("ui");
            let there: BTreeSet<String> = std::fs::read_dir(folder)
                .unwrap()
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect();
            let listed = files.iter().map(|(name, _)| (*name).to_owned()).collect();
            assert_eq!(there, listed, "{app}");
        }
    }

    #[test]
    fn what_is_text_never_becomes_markup() {
        for (app, files) in UIS {
            for (name, bytes) in *files {
                let text = std::str::from_utf8(bytes).unwrap();
                for bad in [
                    "innerHTML",
                    "outerHTML",
                    "document.write",
                    "eval(",
                    "<script>",
                    " onclick=",
                    "https://",
                ] {
                    assert!(!text.contains(bad), "{app}/{name}: {bad}");
                }
            }
        }
    }
}
