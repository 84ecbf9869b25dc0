//! Handing out a file about an entry: to a file, to standard output, or in hexadecimal.

use std::fmt::Display;
use std::path::Path;

use serde_json::{Value as Json, json};
use synlog_log::ids::hex;

use crate::cli::screen::size;
use crate::cli::setting::Setting;
use crate::failure::Failure;

/// What is handed out, and where to.
pub(super) struct Handing<'a> {
    /// What it is, in one word.
    what: &'static str,
    output: Option<&'a Path>,
    setting: &'a Setting,
}

impl<'a> Handing<'a> {
    /// Refused where bytes would go to a terminal.
    pub(super) fn new(
        what: &'static str,
        output: Option<&'a Path>,
        setting: &'a Setting,
    ) -> Result<Self, Failure> {
        let screen = &setting.screen;
        if output.is_none() && screen.is_terminal() && !screen.is_json() {
            return Err(Failure::Usage(format!(
                "a {what} is not for reading: name a file with -o FILE"
            )));
        }
        Ok(Self {
            what,
            output,
            setting,
        })
    }

    /// Writes it, and says so with some fields or in words.
    pub(super) fn hand_out(
        &self,
        bytes: &[u8],
        mut fields: Json,
        words: impl Display,
    ) -> Result<(), Failure> {
        if let Some(path) = self.output {
            let path = self.setting.path(path);
            std::fs::write(&path, bytes).map_err(Failure::file(path))?;
        }
        let screen = &self.setting.screen;
        if screen.is_json() {
            fields["bytes"] = json!(bytes.len());
            fields["file"] = json!(self.output);
            fields[self.what] = json!(self.output.is_none().then(|| hex(bytes)));
            return screen.json(&fields);
        }
        if self.output.is_none() {
            screen.bytes(bytes)?;
            screen.flush()?;
        }
        screen.note(format_args!("{words}, {}", size(bytes.len() as u64)));
        Ok(())
    }
}
