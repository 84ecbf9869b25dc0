//! Random numbers that are handed in.

/// A source of random numbers.
pub struct Dice<'a>(&'a mut dyn FnMut() -> u64);

impl<'a> Dice<'a> {
    /// Over something that gives 64 even bits at a time.
    pub fn new(source: &'a mut dyn FnMut() -> u64) -> Self {
        Self(source)
    }

    /// A number below a bound, each as likely; 0 where the bound is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        if bound == 0 {
            return 0;
        }
        // numbers from the last, broken round would make the low ones likelier
        let fair = u64::MAX - u64::MAX % bound;
        loop {
            let number = (self.0)();
            if number < fair {
                return number % bound;
            }
        }
    }

    /// A time, give or take a fifth.
    pub fn about(&mut self, ms: u64) -> u64 {
        ms - ms / 5 + self.below(ms / 5 * 2 + 1)
    }
}

/// Numbers that follow from a seed, for tests.
#[cfg(test)]
pub(crate) fn seeded(mut state: u64) -> impl FnMut() -> u64 {
    move || {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}
