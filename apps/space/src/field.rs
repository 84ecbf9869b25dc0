//! Limits of fields that several events share. All of them count bytes of UTF-8.

use synlog_reducer::{Code, Geo};

use crate::code::BAD_FIELD;

/// Names and titles: a line on a phone, with room for long scripts.
pub(crate) const TITLE_MAX: usize = 200;
/// Descriptions: half of what a body can hold, so that the rest fits beside it.
pub(crate) const DESCRIPTION_MAX: usize = 4_000;
/// Slugs: with the prefix of its aggregate a slug stays below the 128 bytes of a key.
pub(crate) const SLUG_MAX: usize = 100;
/// Small texts: categories, methods of payment, names of attributes.
pub(crate) const WORD_MAX: usize = 100;
/// Addresses of all sorts: web, mail, street, telephone; some list several numbers.
pub(crate) const ADDRESS_MAX: usize = 500;
/// Instants: UTC milliseconds up to the year 10000, so that sums never overflow.
pub(crate) const INSTANT_MAX: i64 = 253_402_300_800_000;
/// Amounts and counts: a million millions, far below where sums overflow.
pub(crate) const AMOUNT_MAX: i64 = 1_000_000_000_000;
/// Basis points of the whole.
pub(crate) const BP_MAX: i64 = 10_000;
/// Latitude of a pole, 1e-7 degree.
const LAT_MAX: i32 = 900_000_000;
/// Longitude of the date line, 1e-7 degree.
const LON_MAX: i32 = 1_800_000_000;

/// `BAD_FIELD` where a condition does not hold.
pub(crate) fn require(holds: bool) -> Result<(), Code> {
    if holds { Ok(()) } else { Err(BAD_FIELD) }
}

/// Whether a text is one line, not empty, of at most `max` bytes.
pub(crate) fn is_line(text: &str, max: usize) -> bool {
    !text.is_empty() && text.len() <= max && !text.bytes().any(|byte| byte < b' ' || byte == 0x7f)
}

/// One line that must be there.
pub(crate) fn line(text: &str, max: usize) -> Result<(), Code> {
    require(is_line(text, max))
}

/// One line, where there is one.
pub(crate) fn line_if(text: &Option<String>, max: usize) -> Result<(), Code> {
    text.as_ref().map_or(Ok(()), |text| line(text, max))
}

/// Any text, where there is one.
pub(crate) fn text_if(text: &Option<String>, max: usize) -> Result<(), Code> {
    require(text.as_ref().is_none_or(|text| text.len() <= max))
}

/// A list of lines: at most `count` of them.
pub(crate) fn lines(texts: &[String], count: usize, max: usize) -> Result<(), Code> {
    require(texts.len() <= count && texts.iter().all(|text| is_line(text, max)))
}

/// Whether a text can name something in the space: `[a-z0-9][a-z0-9._-]*`.
pub(crate) fn is_slug(text: &str) -> bool {
    let bytes = text.as_bytes();
    let small = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    bytes.len() <= SLUG_MAX
        && bytes.first().is_some_and(small)
        && bytes
            .iter()
            .all(|byte| small(byte) || matches!(byte, b'.' | b'_' | b'-'))
}

/// A slug that must be there.
pub(crate) fn slug(text: &str) -> Result<(), Code> {
    require(is_slug(text))
}

/// A slug, where there is one.
pub(crate) fn slug_if(text: &Option<String>) -> Result<(), Code> {
    text.as_ref().map_or(Ok(()), |text| slug(text))
}

/// The name of an IANA time zone. Only its letters are looked at: a reducer has no
/// time zone database.
pub(crate) fn zone(text: &str) -> Result<(), Code> {
    let right =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'_' | b'-' | b'+');
    require(!text.is_empty() && text.len() <= 64 && text.bytes().all(right))
}

/// Whether a text names a currency: three capitals (ISO 4217), or a ledger's id in hex.
pub(crate) fn is_currency(text: &str) -> bool {
    let iso = text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_uppercase());
    let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    iso || (text.len() == 64 && text.bytes().all(hex))
}

/// An instant, UTC milliseconds from 1970 on.
pub(crate) fn instant(at_ms: i64) -> Result<(), Code> {
    require((0..=INSTANT_MAX).contains(&at_ms))
}

/// A point on the globe.
pub(crate) fn geo(point: &Geo) -> Result<(), Code> {
    require((-LAT_MAX..=LAT_MAX).contains(&point.lat) && (-LON_MAX..=LON_MAX).contains(&point.lon))
}

/// Milliseconds of some seconds that were checked to be few.
pub(crate) fn ms(seconds: i64) -> i64 {
    seconds.saturating_mul(1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs() {
        for (text, right) in [
            ("bread", true),
            ("osm-n123.4_5", true),
            ("9", true),
            ("", false),
            ("-a", false),
            ("A", false),
            ("a/b", false),
            ("ä", false),
            (&"a".repeat(100), true),
            (&"a".repeat(101), false),
        ] {
            assert_eq!(is_slug(text), right, "{text}");
        }
    }

    #[test]
    fn currencies() {
        for (text, right) in [
            ("EUR", true),
            ("eur", false),
            ("EURO", false),
            (&"0a".repeat(32), true),
            (&"0A".repeat(32), false),
            ("", false),
        ] {
            assert_eq!(is_currency(text), right, "{text}");
        }
    }

    #[test]
    fn lines_have_no_breaks() {
        assert!(is_line("Näkkileipä 4 €", 20));
        for text in ["", "a\nb", "a\u{7f}", &"x".repeat(21)] {
            assert!(!is_line(text, 20), "{text:?}");
        }
    }
}
