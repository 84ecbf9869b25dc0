//! Parts of a blob: the Range header (RFC 9110, 14.2).

use std::ops::Range;

/// What a Range header asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// All of it: there is no header, or one that may be passed over.
    Whole,
    /// Some of it.
    Some(Range<u64>),
    /// Nothing that is there.
    Nowhere,
}

/// Reads the header for something of a size. Several ranges at once are passed over, as
/// is what is no range of bytes.
pub fn part(header: Option<&str>, size: u64) -> Part {
    let Some(text) = header.and_then(|header| header.strip_prefix("bytes=")) else {
        return Part::Whole;
    };
    let Some((first, last)) = text.trim().split_once('-') else {
        return Part::Whole;
    };
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| text.parse::<u64>().unwrap_or(u64::MAX))
    };
    let range = match (first, last) {
        ("", last) => match number(last) {
            Some(count) => size.saturating_sub(count)..size,
            None => return Part::Whole,
        },
        (first, "") => match number(first) {
            Some(first) => first..size,
            None => return Part::Whole,
        },
        (first, last) => match (number(first), number(last)) {
            (Some(first), Some(last)) if first <= last => first..last.saturating_add(1).min(size),
            _ => return Part::Whole,
        },
    };
    if range.start >= range.end {
        return Part::Nowhere;
    }
    Part::Some(range)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts() {
        let cases = [
            (None, Part::Whole),
            (Some("bytes=0-9"), Part::Some(0..10)),
            (Some("bytes=90-"), Part::Some(90..100)),
            (Some("bytes=-5"), Part::Some(95..100)),
            (Some("bytes=-500"), Part::Some(0..100)),
            (Some("bytes=0-18446744073709551615"), Part::Some(0..100)),
            (Some("bytes=0-99999999999999999999999"), Part::Some(0..100)),
            (Some("bytes=100-"), Part::Nowhere),
            (Some("bytes=99999999999999999999999-"), Part::Nowhere),
            (Some("bytes=-0"), Part::Nowhere),
            (Some("bytes=9-1"), Part::Whole),
            (Some("bytes=0-1,4-5"), Part::Whole),
            (Some("bytes=a-b"), Part::Whole),
            (Some("bytes=+1-2"), Part::Whole),
            (Some("bytes=--"), Part::Whole),
            (Some("items=0-1"), Part::Whole),
        ];
        for (header, wanted) in cases {
            assert_eq!(part(header, 100), wanted, "{header:?}");
        }
        assert_eq!(part(Some("bytes=0-0"), 0), Part::Nowhere);
    }
}
