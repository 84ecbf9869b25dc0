//! Slugs: short names of places and items that stay the same from one import to
//! the next.

/// Longest slug that is made here, bytes.
pub const SLUG_MAX: usize = 64;
/// Letters of the readable front where a hash follows.
const FRONT_MAX: usize = 48;

/// Whether a text is a slug: `a`–`z`, `0`–`9` and single `-` between them.
pub fn is_slug(text: &str) -> bool {
    let letters = text
        .bytes()
        .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'));
    letters
        && (1..=SLUG_MAX).contains(&text.len())
        && !text.starts_with('-')
        && !text.ends_with('-')
        && !text.contains("--")
}

/// The slug of a name or an address: itself if it is one, else its letters and
/// digits with the front of a hash, so that different names keep apart.
/// `None` for a text without anything in it.
pub fn slug_of(text: &str) -> Option<String> {
    let text = text.trim();
    if text.is_empty() {
        return None;
    }
    if is_slug(text) {
        return Some(text.to_owned());
    }
    let mut front = String::new();
    for letter in text.chars().flat_map(char::to_lowercase) {
        if front.len() >= FRONT_MAX {
            break;
        }
        if letter.is_ascii_alphanumeric() {
            front.push(letter);
        } else if !front.ends_with('-') && !front.is_empty() {
            front.push('-');
        }
    }
    let hash = blake3::hash(text.as_bytes());
    let mark: String = hash.to_hex().chars().take(8).collect();
    let front = front.trim_end_matches('-');
    Some(if front.is_empty() {
        format!("x-{mark}")
    } else {
        format!("{front}-{mark}")
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn slugs_of_names() {
        for (text, slug) in [
            ("osm-n12", "osm-n12"),
            ("  rye-bread ", "rye-bread"),
            ("", ""),
            (" \t", ""),
        ] {
            assert_eq!(slug_of(text).unwrap_or_default(), slug, "{text:?}");
        }
        let front = |text: &str| {
            slug_of(text).unwrap()[..]
                .rsplit_once('-')
                .unwrap()
                .0
                .to_owned()
        };
        assert_eq!(front("Rye Bread, 500 g"), "rye-bread-500-g");
        assert_eq!(front("Лавка"), "x");
        assert_ne!(slug_of("Rye Bread"), slug_of("rye bread"));
        assert_ne!(slug_of("a/b"), slug_of("a.b"));
    }

    proptest! {
        #[test]
        fn any_text_gives_a_slug(text in "\\PC{0,200}") {
            if let Some(slug) = slug_of(&text) {
                prop_assert!(is_slug(&slug), "{slug}");
                prop_assert_eq!(slug_of(&slug), Some(slug.clone()));
            } else {
                prop_assert!(text.trim().is_empty());
            }
        }
    }
}
