//! Text of others made safe to show.

/// Text from strangers, so that nothing in it moves the cursor, turns the writing around or
/// hides: such letters are shown by their numbers.
pub fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        if letter.is_control() || is_unseen(letter) {
            out.extend(letter.escape_unicode());
        } else {
            out.push(letter);
        }
    }
    out
}

/// Whether a letter takes no room or turns the writing around, and is no part of how a
/// language or a picture is written: two texts that look the same should be the same.
fn is_unseen(letter: char) -> bool {
    matches!(letter,
        // soft hyphen, grapheme joiner, Arabic letter mark
        '\u{ad}' | '\u{34f}' | '\u{61c}'
        // fillers that are blank letters
        | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{3164}' | '\u{ffa0}'
        // Mongolian selectors
        | '\u{180b}'..='\u{180f}'
        // no width, marks of direction; line and paragraph, embeddings; isolates
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        // selectors, but those of text and of picture that people type without knowing
        | '\u{fe00}'..='\u{fe0d}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
        // shorthand, music, tags, more selectors
        | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_seen_is_shown() {
        let table = [
            ("Ana\u{1b}[2J", "Ana\\u{1b}[2J"),
            ("two\nlines\ttab", "two\\u{a}lines\\u{9}tab"),
            ("C1\u{9b}31m", "C1\\u{9b}31m"),
            ("abc\u{202e}gpj.exe", "abc\\u{202e}gpj.exe"),
            ("\u{2066}isolated\u{2069}", "\\u{2066}isolated\\u{2069}"),
            ("\u{61c}mark", "\\u{61c}mark"),
            ("An\u{200b}a", "An\\u{200b}a"),
            ("An\u{ad}a", "An\\u{ad}a"),
            ("An\u{2060}a\u{feff}", "An\\u{2060}a\\u{feff}"),
            ("An\u{3164}a", "An\\u{3164}a"),
            ("An\u{e0041}a", "An\\u{e0041}a"),
            ("An\u{e0100}a\u{fe01}", "An\\u{e0100}a\\u{fe01}"),
            // these are how people write
            ("Käse für 3 €", "Käse für 3 €"),
            ("שלום עולם", "שלום עולם"),
            ("مرحبا", "مرحبا"),
            ("日本語 ", "日本語 "),
            ("❤\u{fe0f} e\u{301}", "❤\u{fe0f} e\u{301}"),
        ];
        for (written, shown) in table {
            assert_eq!(plain(written), shown, "{written:?}");
        }
    }
}
