//! Random numbers that are the same each time, and the dates that are made of them.

use jiff::{SignedDuration, Timestamp};

/// The random numbers of an account, or of a user in it. They are the same each time for the same seed and purpose, in
/// whatever order they are asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Dice {
    pub(super) seed: u64,
    /// The account's number.
    pub(super) account: u32,
    /// The user's number; 0 for what is the account's.
    pub(super) user: u32,
}

impl Dice {
    /// Any number.
    pub(super) fn number(self, purpose: &str) -> u64 {
        let text = purpose.bytes().fold(0, |sum: u64, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
        let parts = [self.seed, self.account.into(), self.user.into(), text];
        parts.iter().fold(0, |state: u64, part| splitmix64(state ^ splitmix64(*part)))
    }

    /// Whether something is so that is so as often in a hundred.
    pub(super) fn chance(self, purpose: &str, percent: u64) -> bool {
        self.number(purpose) % 100 < percent
    }

    /// One of several texts, each as likely as the others.
    pub(super) fn pick(self, purpose: &str, texts: &[&'static str]) -> &'static str {
        let index = usize::try_from(self.number(purpose)).unwrap_or_default() % texts.len().max(1);
        texts.get(index).copied().unwrap_or_default()
    }
}

/// Ages are counted from here.
const TODAY_S: i64 = 1_793_491_200; // 2026-11-01

/// So many days before the day that ages are counted from, at some time of that day.
pub(super) fn date(days: u64) -> Timestamp {
    let today = Timestamp::from_second(TODAY_S).unwrap_or(Timestamp::UNIX_EPOCH);
    let seconds = i64::try_from(days * 86_400 + splitmix64(days) % 86_400).unwrap_or_default();
    today.saturating_sub(SignedDuration::from_secs(seconds)).unwrap_or(today)
}

/// Written here and not taken from a library, whose next version may make other worlds of the same seed.
///
/// Source: <https://prng.di.unimi.it/splitmix64.c>
pub(crate) fn splitmix64(state: u64) -> u64 {
    let mut z = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
