//! Recovery words as commands read and show them.

use std::io::BufRead;
use std::path::{Path, PathBuf};

use synlog_log::keys::SecretKey;

use crate::cli::screen::{Screen, Tone};
use crate::cli::setting::Setting;
use crate::failure::Failure;
use crate::home::write_secret;
use crate::identity::words::{WORDS, seed_of, words_of, written};

/// Bytes of a file of words, with whatever else stands around them.
const FILE_MAX: u64 = 16 * 1024;

/// The root key of words in a file, or typed at the terminal.
pub(super) fn read(file: Option<&Path>, setting: &Setting) -> Result<SecretKey, Failure> {
    let text = match file {
        Some(path) => String::from_utf8_lossy(&setting.read_up_to(path, FILE_MAX)?).into_owned(),
        None if setting.has_terminal() => typed(&setting.screen)?,
        None => {
            return Err(Failure::Usage(
                "the recovery words are needed: --words-file FILE, or - for standard input".into(),
            ));
        }
    };
    let seed = seed_of(&text).map_err(|error| Failure::Usage(error.to_string()))?;
    Ok(SecretKey::from_seed(seed))
}

fn typed(screen: &Screen) -> Result<String, Failure> {
    screen.note(format_args!(
        "Type the {WORDS} recovery words, on as many lines as you like:"
    ));
    let mut text = String::new();
    for line in std::io::stdin().lock().lines() {
        let line = line.map_err(|error| Failure::System(error.to_string()))?;
        text.push_str(&line);
        text.push('\n');
        let words = text.split(|letter: char| !letter.is_alphabetic());
        if words.filter(|word| !word.is_empty()).count() >= WORDS {
            break;
        }
    }
    Ok(text)
}

/// Refuses to write secrets over a file that is there.
pub(super) fn new_file(file: &Path, setting: &Setting) -> Result<PathBuf, Failure> {
    let path = setting.path(file);
    if file.as_os_str() == "-" || path.exists() {
        let text = format!("{} is there already", file.display());
        return Err(Failure::Usage(text));
    }
    Ok(path)
}

/// Writes the words of a key to a new file.
pub(super) fn write(root: &SecretKey, file: &Path, setting: &Setting) -> Result<(), Failure> {
    write_secret(&new_file(file, setting)?, text(root).as_bytes())
}

/// The words of a key, as they are written down.
pub(super) fn text(root: &SecretKey) -> String {
    written(&words_of(&root.seed()))
}

/// The words of a key, for programs.
pub(super) fn list(root: &SecretKey) -> Vec<&'static str> {
    words_of(&root.seed())
}

/// Shows the words to whoever just got a key, beside the answer.
pub(super) fn show(root: &SecretKey, screen: &Screen) {
    screen.note("");
    screen.note(screen.tone(Tone::Bold, "Your recovery words. Write them on paper, now:"));
    screen.note("");
    for line in text(root).lines() {
        screen.note(format_args!("    {line}"));
    }
    screen.note("");
    screen.note("They are your root key: with them you make a device again when all others");
    screen.note("are lost (`synlog recover`), and so does whoever else reads them.");
}
