//! Text of others made safe to show.

/// Text from strangers, so that nothing in it moves the cursor or turns the writing around.
pub fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        let moves = letter.is_control()
            || matches!(letter, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}');
        if moves {
            out.extend(letter.escape_unicode());
        } else {
            out.push(letter);
        }
    }
    out
}
