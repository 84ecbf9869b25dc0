//! Codes that people read out or type at a door: how a secret is written (`spec/10-reducer.md` 10.7.1).
//!
//! Ten bytes are sixteen symbols of [Crockford's base 32](https://www.crockford.com/base32.html),
//! which has no letters that look like digits; they stand in groups of four.

use synlog_log::ids::unhex;

/// Bytes of a secret that are not zero: 80 bits can't be found from their hash by trying.
pub const LEN: usize = 10;

const SYMBOLS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// Symbols in a code.
const COUNT: usize = LEN * 8 / 5;

/// A secret that can be written as a code.
pub fn shortened(mut secret: [u8; 32]) -> [u8; 32] {
    secret[LEN..].fill(0);
    secret
}

/// How a secret is shown: in four groups of four, or as 64 digits where it is longer.
pub fn written(secret: &[u8; 32]) -> String {
    if secret[LEN..].iter().any(|byte| *byte != 0) {
        return synlog_log::ids::hex(secret);
    }
    let mut text = String::with_capacity(COUNT + COUNT / 4);
    for place in 0..COUNT {
        if place > 0 && place % 4 == 0 {
            text.push('-');
        }
        let value = (0..5).fold(0, |value, bit| {
            let at = place * 5 + bit;
            value << 1 | (secret[at / 8] >> (7 - at % 8) & 1)
        });
        text.push(char::from(SYMBOLS[usize::from(value)]));
    }
    text
}

/// What was read out or typed, as a secret: however it is parted, in whatever case, with
/// letters for the digits that they look like. Also 64 digits.
pub fn read(text: &str) -> Option<[u8; 32]> {
    // nobody types more than 64 digits and what parts them
    let typed = text.bytes().take(257);
    let symbols: Vec<u8> = typed.filter(|byte| !b" -\t\n\r".contains(byte)).collect();
    if symbols.len() == 64 {
        return unhex(core::str::from_utf8(&symbols).ok()?)?.try_into().ok();
    }
    if symbols.len() != COUNT {
        return None;
    }
    let mut secret = [0; 32];
    for (place, symbol) in symbols.iter().enumerate() {
        let value = value_of(*symbol)?;
        for bit in 0..5 {
            let at = place * 5 + bit;
            secret[at / 8] |= (value >> (4 - bit) & 1) << (7 - at % 8);
        }
    }
    Some(secret)
}

fn value_of(symbol: u8) -> Option<u8> {
    let symbol = match symbol.to_ascii_uppercase() {
        b'O' => b'0',
        b'I' | b'L' => b'1',
        other => other,
    };
    let at = SYMBOLS.iter().position(|known| *known == symbol)?;
    u8::try_from(at).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_code_as_people_type_it() {
        let secret = shortened([0x5a; 32]);
        assert_eq!(written(&secret), "B9D5-MPJT-B9D5-MPJT");
        for typed in [
            "B9D5-MPJT-B9D5-MPJT",
            "b9d5mpjtb9d5mpjt",
            " b9d5 mpjt  b9d5 mpjt\n",
        ] {
            assert_eq!(read(typed), Some(secret), "{typed}");
        }
        let alike = read("0011-AAAA-AAAA-AAAA").unwrap();
        assert_eq!(read("oOlI-aaaa-aaaa-aaaa"), Some(alike));
        for wrong in [
            "",
            "B9D5-MPJT-B9D5-MPJ",
            "B9D5-MPJT-B9D5-MPJT-B",
            "U9D5-MPJT-B9D5-MPJT",
            "é9D5-MPJT-B9D5-MPJT",
        ] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(secret in any::<[u8; 32]>()) {
            prop_assert_eq!(read(&written(&secret)), Some(secret));
            let short = shortened(secret);
            prop_assert_eq!(written(&short).len(), 19);
            prop_assert_eq!(read(&written(&short)), Some(short));
        }

        #[test]
        fn no_text_is_too_much(text in ".{0,400}") {
            let _ = read(&text);
        }
    }
}
