//! Recovery words: the root's seed as 24 English words (BIP-39), and a few words by
//! which two people see that they look at the same thing.

use bip39::{Error, Language, Mnemonic};

/// How many words a root key has.
pub const WORDS: usize = 24;
/// How many words two screens are compared by: 44 bits.
const CHECK_WORDS: usize = 4;

/// Why words are not those of a root key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WordsError {
    /// Another number of them.
    #[error("a root key has {WORDS} words, here are {0}")]
    Count(usize),
    /// One that is not in the list.
    #[error("word {0}, {1:?}, is none of the recovery words")]
    Unknown(usize, String),
    /// The last word holds a check of the others.
    #[error(
        "the words are all known, but not these in this order: one is wrong, or two are swapped"
    )]
    Checksum,
}

/// The words of a seed.
pub fn words_of(seed: &[u8; 32]) -> Vec<&'static str> {
    // 32 bytes are always right
    let mnemonic = Mnemonic::from_entropy_in(Language::English, seed);
    mnemonic.map_or_else(|_| Vec::new(), |mnemonic| mnemonic.words().collect())
}

/// The words as they are written down: four on a line, each line with its first number.
pub fn written(words: &[&str]) -> String {
    let lines = words.chunks(4).enumerate().map(|(line, words)| {
        let words: Vec<String> = words.iter().map(|word| format!("{word:<10}")).collect();
        format!("{:>2}  {}\n", line * 4 + 1, words.join("").trim_end())
    });
    lines.collect()
}

/// The seed of words as somebody wrote them: numbers, dots and line breaks don't matter.
pub fn seed_of(text: &str) -> Result<[u8; 32], WordsError> {
    let words = text.split(|letter: char| !letter.is_alphabetic());
    let words: Vec<String> = words
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect();
    if words.len() != WORDS {
        return Err(WordsError::Count(words.len()));
    }
    let mnemonic = Mnemonic::parse_in_normalized(Language::English, &words.join(" "));
    let mnemonic = mnemonic.map_err(|error| match error {
        Error::UnknownWord(at) => {
            WordsError::Unknown(at + 1, words.get(at).cloned().unwrap_or_default())
        }
        Error::BadWordCount(count) => WordsError::Count(count),
        _ => WordsError::Checksum,
    })?;
    let entropy = mnemonic.to_entropy();
    entropy.try_into().map_err(|_| WordsError::Checksum)
}

/// A few words for a hash: the same on two screens if both show the same thing.
pub fn check_words(hash: &[u8; 32]) -> String {
    let list = Language::English.word_list();
    let mut bits = u64::from_be_bytes([
        hash[0], hash[1], hash[2], hash[3], hash[4], hash[5], hash[6], hash[7],
    ]);
    let mut words = Vec::new();
    for _ in 0..CHECK_WORDS {
        bits = bits.rotate_left(11);
        words.push(list[(bits & 0x7ff) as usize]);
    }
    words.join(" ")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn they_are_the_words_that_others_have() {
        // from the vectors of BIP-39
        assert_eq!(words_of(&[0; 32])[..23], ["abandon"; 23]);
        assert_eq!(words_of(&[0; 32])[23], "art");
        let zoo = words_of(&[0xff; 32]);
        assert_eq!((zoo[22], zoo[23]), ("zoo", "vote"));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let words = words_of(&[7; 32]);
        assert_eq!(seed_of(&words[..23].join(" ")), Err(WordsError::Count(23)));
        let mut typo = words.clone();
        typo[4] = "synlog";
        assert_eq!(
            seed_of(&typo.join(" ")),
            Err(WordsError::Unknown(5, "synlog".into()))
        );
        let mut swapped = words_of(&[0; 32]);
        swapped.swap(0, 23);
        assert_eq!(seed_of(&swapped.join(" ")), Err(WordsError::Checksum));
    }

    #[test]
    fn check_words_follow_the_hash() {
        let mut hash = [0; 32];
        assert_eq!(check_words(&hash), "abandon abandon abandon abandon");
        hash[5] = 0b0001_0000;
        assert_eq!(check_words(&hash), "abandon abandon abandon ability");
    }

    proptest! {
        #[test]
        fn words_come_back(seed: [u8; 32]) {
            let words = words_of(&seed);
            prop_assert_eq!(words.len(), WORDS);
            prop_assert_eq!(seed_of(&written(&words)).unwrap(), seed);
            prop_assert_eq!(seed_of(&words.join(" ").to_uppercase()).unwrap(), seed);
        }

        #[test]
        fn any_text_is_read(text in ".{0,300}") {
            let _ = seed_of(&text);
        }
    }
}
