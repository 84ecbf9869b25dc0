//! Cells of the globe: the first five letters of a geohash, from whole numbers alone.

use synlog_reducer::Geo;

/// Letters of a cell. Five are about 4.9 km × 4.9 km at the equator: near enough for
/// "near me", few enough for a town to be a handful of cells.
pub(crate) const LETTERS: u32 = 5;
/// The letters of geohashes, which leave out those that look like others.
const ALPHABET: &[u8; 32] = b"0123456789bcdefghjkmnpqrstuvwxyz";
/// 180 degrees in 1e-7.
const HALF_TURN: i64 = 1_800_000_000;

/// The cell of a point.
pub fn cell(point: &Geo) -> String {
    let bits = LETTERS * 5;
    let lon = part(
        i64::from(point.lon) + HALF_TURN,
        2 * HALF_TURN,
        bits.div_ceil(2),
    );
    let lat = part(i64::from(point.lat) + HALF_TURN / 2, HALF_TURN, bits / 2);
    // Bits alternate, the first is one of longitude.
    let (mut lon_left, mut lat_left) = (bits.div_ceil(2), bits / 2);
    let mut code = 0u32;
    for place in 0..bits {
        let (value, left) = if place % 2 == 0 {
            (lon, &mut lon_left)
        } else {
            (lat, &mut lat_left)
        };
        *left -= 1;
        code = code << 1 | (value >> *left & 1);
    }
    (0..LETTERS)
        .rev()
        .map(|letter| char::from(ALPHABET[(code >> (letter * 5) & 31) as usize]))
        .collect()
}

/// Which of 2^bits equal parts of `whole` holds `at`; the end belongs to the last.
fn part(at: i64, whole: i64, bits: u32) -> u32 {
    let parts = 1i64 << bits;
    (at.clamp(0, whole) * parts / whole).min(parts - 1) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_cells() {
        // Each can be looked up in any geohash tool.
        for (lat, lon, name) in [
            (601_699_000, 249_384_000, "ud9wr"),
            (576_491_100, 104_074_400, "u4pru"),
            (426_050_000, -56_030_000, "ezs42"),
            (0, 0, "s0000"),
            (-1, -1, "7zzzz"),
            (900_000_000, 1_800_000_000, "zzzzz"),
            (-900_000_000, -1_800_000_000, "00000"),
        ] {
            assert_eq!(cell(&Geo { lat, lon }), name);
        }
    }

    proptest! {
        #[test]
        fn halving_gives_the_same(lat in -900_000_000i32..900_000_000, lon in -1_800_000_000i32..1_800_000_000) {
            // The way geohashes are defined: halve the interval again and again.
            // Doubled coordinates keep the halves whole for 25 bits' worth of steps.
            let (mut lats, mut lons) = ((-90i128 << 60, 90i128 << 60), (-180i128 << 60, 180i128 << 60));
            let scale = |value: i32| (i128::from(value) << 60) / 10_000_000;
            let mut letters = String::new();
            let (mut letter, mut count) = (0usize, 0);
            for step in 0..25 {
                let (interval, value) = if step % 2 == 0 { (&mut lons, scale(lon)) } else { (&mut lats, scale(lat)) };
                let middle = (interval.0 + interval.1) / 2;
                letter = letter << 1 | usize::from(value >= middle);
                if value >= middle { interval.0 = middle } else { interval.1 = middle }
                count += 1;
                if count % 5 == 0 {
                    letters.push(char::from(ALPHABET[letter]));
                    letter = 0;
                }
            }
            prop_assert_eq!(cell(&Geo { lat, lon }), letters);
        }
    }
}
