//! Bytes as text that people pass on: by hand, by mail, as a QR code
//! (`spec/02-identity.md` 2.5).
//!
//! Upper-case letters, digits, `:` and `-` only: a QR code holds nearly twice as many
//! of these. When read, case and white space don't matter.

/// What a text stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ticket {
    /// A new device asks to be certified.
    DeviceRequest,
    /// It is, and gets what it needs.
    DeviceAnswer,
}

/// Why a text is not what was expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TicketError {
    /// It does not begin as it should.
    #[error("the text does not begin with {0}")]
    OtherKind(&'static str),
    /// A letter that can't be in it.
    #[error("{0:?} can't be in such a text")]
    BadLetter(char),
    /// It ends in the middle.
    #[error("the text is cut off")]
    Cut,
}

const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

impl Ticket {
    /// What the text begins with.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::DeviceRequest => "SYNLOG:DEVICE-REQUEST:",
            Self::DeviceAnswer => "SYNLOG:DEVICE-ANSWER:",
        }
    }

    /// Whether a text looks like a ticket of any kind.
    pub fn is_one(text: &str) -> bool {
        let front = text.trim_start().get(.."SYNLOG:".len());
        front.is_some_and(|front| front.eq_ignore_ascii_case("SYNLOG:"))
    }

    /// The text of some bytes: base32 of RFC 4648 without padding.
    pub fn encode(self, bytes: &[u8]) -> String {
        let mut text = String::with_capacity(self.prefix().len() + bytes.len().div_ceil(5) * 8);
        text.push_str(self.prefix());
        let (mut held, mut bits) = (0u32, 0u32);
        for byte in bytes {
            held = (held << 8) | u32::from(*byte);
            bits += 8;
            while bits >= 5 {
                bits -= 5;
                text.push(char::from(ALPHABET[(held >> bits) as usize & 31]));
            }
        }
        if bits > 0 {
            text.push(char::from(ALPHABET[(held << (5 - bits)) as usize & 31]));
        }
        text
    }

    /// The bytes of a text.
    pub fn decode(self, text: &str) -> Result<Vec<u8>, TicketError> {
        let letters: String = text.split_whitespace().collect();
        let letters = letters.to_ascii_uppercase();
        let other = TicketError::OtherKind(self.prefix());
        let letters = letters.strip_prefix(self.prefix()).ok_or(other)?;
        let mut bytes = Vec::with_capacity(letters.len() / 8 * 5);
        let (mut held, mut bits) = (0u32, 0u32);
        for letter in letters.chars() {
            let value = match letter {
                'A'..='Z' => letter as u32 - 'A' as u32,
                '2'..='7' => letter as u32 - '2' as u32 + 26,
                other => return Err(TicketError::BadLetter(other)),
            };
            held = (held << 5) | value;
            bits += 5;
            if bits >= 8 {
                bits -= 8;
                bytes.push((held >> bits) as u8);
            }
        }
        // one text for some bytes: no letter too many, and nothing in the bits that are left
        if bits >= 5 || held & ((1 << bits) - 1) != 0 {
            return Err(TicketError::Cut);
        }
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn it_is_the_base32_that_everybody_has() {
        let text = |bytes| {
            Ticket::DeviceRequest.encode(bytes)[Ticket::DeviceRequest.prefix().len()..].to_owned()
        };
        for (bytes, expected) in [
            (&b"f"[..], "MY"),
            (b"fo", "MZXQ"),
            (b"foo", "MZXW6"),
            (b"foob", "MZXW6YQ"),
            (b"fooba", "MZXW6YTB"),
            (b"foobar", "MZXW6YTBOI"),
        ] {
            assert_eq!(text(bytes), expected);
        }
    }

    proptest! {
        #[test]
        fn tickets_come_back(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let text = Ticket::DeviceAnswer.encode(&bytes);
            prop_assert_eq!(Ticket::DeviceAnswer.decode(&text).unwrap(), &bytes[..]);
            let broken: String = text.to_lowercase().chars().flat_map(|letter| [letter, '\n']).collect();
            prop_assert_eq!(Ticket::DeviceAnswer.decode(&broken).unwrap(), bytes);
            prop_assert!(Ticket::DeviceRequest.decode(&text).is_err());
        }

        #[test]
        fn a_text_stands_for_its_bytes_alone(text in "[A-Z2-7]{0,40}") {
            let text = format!("{}{text}", Ticket::DeviceRequest.prefix());
            if let Ok(bytes) = Ticket::DeviceRequest.decode(&text) {
                prop_assert_eq!(Ticket::DeviceRequest.encode(&bytes), text);
            }
        }
    }
}
