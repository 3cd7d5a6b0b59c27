//! Reproducible random numbers, and dates made from them.

use jiff::{SignedDuration, Timestamp};

/// The random numbers of an account, or of a user in it. The same seed and purpose always give the same number, in
/// whatever order the numbers are read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Dice {
    pub(super) seed: u64,
    /// The number of the account.
    pub(super) account: u32,
    /// The number of the user; 0 for the account itself.
    pub(super) user: u32,
}

impl Dice {
    /// Any number, evenly distributed.
    pub(super) fn number(self, purpose: &str) -> u64 {
        let text = purpose.bytes().fold(0, |sum: u64, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
        let parts = [self.seed, self.account.into(), self.user.into(), text];
        parts.iter().fold(0, |state: u64, part| splitmix64(state ^ splitmix64(*part)))
    }

    /// `true` with this probability.
    pub(super) fn chance(self, purpose: &str, percent: u64) -> bool {
        self.number(purpose) % 100 < percent
    }

    /// One of several texts, each with the same probability.
    pub(super) fn pick(self, purpose: &str, texts: &[&'static str]) -> &'static str {
        let index = usize::try_from(self.number(purpose)).unwrap_or_default() % texts.len().max(1);
        texts.get(index).copied().unwrap_or_default()
    }
}

/// The day that generated dates are counted back from, as a Unix time.
const TODAY_S: i64 = 1_793_491_200; // 2026-11-01

/// A time on the day that is `days_ago` days before that day.
pub(super) fn date(days_ago: u64) -> Timestamp {
    let today = Timestamp::from_second(TODAY_S).unwrap_or(Timestamp::UNIX_EPOCH);
    let seconds = i64::try_from(days_ago * 86_400 + splitmix64(days_ago) % 86_400).unwrap_or_default();
    today.saturating_sub(SignedDuration::from_secs(seconds)).unwrap_or(today)
}

/// The `SplitMix64` generator. It is written here because the next version of a library might make another world from
/// the same seed.
///
/// Source: <https://prng.di.unimi.it/splitmix64.c>
pub(crate) fn splitmix64(state: u64) -> u64 {
    let mut z = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
