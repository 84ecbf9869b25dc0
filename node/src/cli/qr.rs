//! Texts as QR codes in the terminal.

use qrcode::render::unicode::Dense1x2;
use qrcode::{EcLevel, QrCode, Version};

use crate::cli::screen::Screen;
use crate::failure::Failure;

/// The largest code that fits a screen: 93 squares wide, 47 lines.
const VERSION_MAX: i16 = 18;

/// The code of a text, if it is small enough to be seen at once.
pub(super) fn code(text: &str) -> Option<String> {
    let code = QrCode::with_error_correction_level(text, EcLevel::L).ok()?;
    match code.version() {
        Version::Normal(version) if version <= VERSION_MAX => {
            // light squares are drawn: most terminals are dark
            let code = code
                .render::<Dense1x2>()
                .dark_color(Dense1x2::Light)
                .light_color(Dense1x2::Dark)
                .build();
            Some(code)
        }
        _ => None,
    }
}

/// The squares of the code of a ticket, a line for each row: `#` is dark.
pub(crate) fn squares(ticket: &str) -> Result<Vec<String>, Failure> {
    // capital letters take half the room, and a ticket may be written in them
    squares_of(&ticket.to_uppercase())
}

/// The squares of the code of any text.
pub(crate) fn squares_of(text: &str) -> Result<Vec<String>, Failure> {
    let code = QrCode::with_error_correction_level(text, EcLevel::L);
    let code = code.map_err(|error| Failure::System(format!("no QR code: {error}")))?;
    let squares: Vec<char> = code
        .to_colors()
        .into_iter()
        .map(|color| color.select('#', '.'))
        .collect();
    let rows = squares.chunks(code.width());
    Ok(rows.map(|row| row.iter().collect()).collect())
}

/// Shows the code of a text to a person; to nobody else.
pub(super) fn show(text: &str, wanted: bool, screen: &Screen) {
    if screen.is_json() || !(wanted || screen.is_terminal()) {
        return;
    }
    match code(text) {
        Some(code) => screen.note(code),
        None if wanted => screen.note("The text is too long for a QR code on a screen."),
        None => {}
    }
}
