//! The distributions of active access keys by age and by last use, in days.

use std::collections::BTreeMap;

use rolecall_roll::{AccessKeyStatus, AccountRecord, Fact, Header};
use serde::Serialize;

use crate::facts::days;
use crate::last_use::NoLastUse;

/// How many active access keys there are by age and by last use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Distributions {
    /// By the age of the key in days.
    pub age: Vec<Bar>,
    /// By the days since the last use.
    pub last_use: Vec<Bar>,
}

/// A group of keys and their number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Bar {
    /// The name of the group: `45 to 89 days`, `never used`.
    pub label: String,
    /// The fewest days in the group; `None` for a group without a number of days, such as `never used`.
    pub from_days: Option<i64>,
    /// Whether the group is of keys without a recorded use.
    #[serde(skip)]
    pub(crate) is_unused: bool,
    /// The number of keys in the group.
    pub number: usize,
}

/// The fewest days of each age group. Further groups follow where there are older keys.
const AGES: [i64; 7] = [0, 31, 91, 181, 366, 731, 1096];
/// The fewest days of each group by last use. Further groups follow where the last use is longer ago.
const IDLE: [i64; 6] = [0, 7, 45, 90, 180, 365];

/// The maximum number of further groups, each of as many whole years as it takes.
const MAX_FURTHER: i64 = 6;

/// Counts active access keys by their days, which are put in groups when all are counted: the last groups depend on the oldest
/// key.
#[derive(Debug, Default)]
pub(crate) struct DistributionBuilder {
    age: Tally,
    last_use: Tally,
}

/// The numbers of keys by days, and by label where they have no days.
#[derive(Debug, Default)]
struct Tally {
    by_days: BTreeMap<i64, usize>,
    without_days: BTreeMap<WithoutDays, usize>,
}

/// Why a key has no number of days.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum WithoutDays {
    NeverUsed,
    NotUsedSinceRecorded,
    Unknown,
    Unavailable,
    NotRequested,
}

impl WithoutDays {
    fn label(self) -> String {
        match self {
            Self::NeverUsed => NoLastUse::NeverUsed.to_string(),
            // Without a creation date a key may be older than the records of AWS.
            Self::NotUsedSinceRecorded => NoLastUse::of_access_key(None).short(),
            Self::Unknown => "unknown".to_owned(),
            Self::Unavailable => "unavailable".to_owned(),
            Self::NotRequested => "not requested".to_owned(),
        }
    }
}

impl Tally {
    fn add(&mut self, days: Result<i64, WithoutDays>) {
        *match days {
            Ok(days) => self.by_days.entry(days.max(0)).or_default(),
            Err(without) => self.without_days.entry(without).or_default(),
        } += 1;
    }

    fn add_all(&mut self, other: Self) {
        for (days, number) in other.by_days {
            *self.by_days.entry(days).or_default() += number;
        }
        for (without, number) in other.without_days {
            *self.without_days.entry(without).or_default() += number;
        }
    }

    /// The groups that begin at these days and at as many further ones as the oldest key needs, then those without days.
    fn into_bars(self, edges: &[i64], without_days: &[WithoutDays]) -> Vec<Bar> {
        let oldest = self.by_days.last_key_value().map_or(0, |(days, _)| *days);
        let edges = with_further(edges, oldest);
        let next = edges.iter().skip(1).map(Some).chain([None]);
        let between = edges.iter().zip(next).map(|(from, next)| {
            let keys = self.by_days.range(from..).filter(|(days, _)| next.is_none_or(|next| *days < next));
            Bar { number: keys.map(|(_, number)| number).sum(), ..Bar::between(*from, next.copied()) }
        });
        let others = without_days.iter().map(|without| Bar {
            label: without.label(),
            from_days: None,
            is_unused: matches!(without, WithoutDays::NeverUsed | WithoutDays::NotUsedSinceRecorded),
            number: self.without_days.get(without).copied().unwrap_or_default(),
        });
        between.chain(others).collect()
    }
}

/// The first days of groups, with further ones of whole years until the last group holds `oldest`.
fn with_further(edges: &[i64], oldest: i64) -> Vec<i64> {
    let mut edges = edges.to_vec();
    let last = edges.last().copied().unwrap_or_default();
    let years = ((oldest - last) / 365).max(0);
    let step = (years + MAX_FURTHER - 1) / MAX_FURTHER;
    let step = step.max(1);
    edges.extend((1..=years / step).map(|group| last + group * step * 365));
    edges
}

impl Bar {
    fn between(from: i64, next: Option<i64>) -> Self {
        let label = match next {
            Some(next) => format!("{from} to {} days", next - 1),
            None => format!("{from} days or more"),
        };
        Self { label, from_days: Some(from), is_unused: false, number: 0 }
    }
}

impl DistributionBuilder {
    /// Adds the active keys of an account. Keys that could not be read are not counted.
    pub(crate) fn add(&mut self, header: &Header, account: &AccountRecord) {
        let keys =
            account.users().unwrap_or_default().iter().flat_map(|user| user.access_keys.iter().flatten());
        for key in keys.filter(|key| key.status == AccessKeyStatus::Active) {
            let days_since = |time| days(time, header.as_of);
            self.age.add(key.create_date.map(days_since).ok_or(WithoutDays::Unknown));
            self.last_use.add(match &key.last_used {
                Fact::Known { value: Some(last), .. } => Ok(days_since(last.date)),
                Fact::Known { value: None, .. } => Err(match NoLastUse::of_access_key(key.create_date) {
                    NoLastUse::NeverUsed => WithoutDays::NeverUsed,
                    _ => WithoutDays::NotUsedSinceRecorded,
                }),
                Fact::Unknown { .. } => Err(WithoutDays::Unknown),
                Fact::Unavailable { .. } => Err(WithoutDays::Unavailable),
                Fact::NotRequested => Err(WithoutDays::NotRequested),
            });
        }
    }

    /// Adds the keys that another builder counted.
    pub(crate) fn add_all(&mut self, other: Self) {
        self.age.add_all(other.age);
        self.last_use.add_all(other.last_use);
    }

    /// The distributions of the keys that were added.
    #[must_use]
    pub(crate) fn finish(self) -> Distributions {
        Distributions {
            age: self.age.into_bars(&AGES, &[WithoutDays::Unknown]),
            last_use: self.last_use.into_bars(
                &IDLE,
                &[
                    WithoutDays::NeverUsed,
                    WithoutDays::NotUsedSinceRecorded,
                    WithoutDays::Unknown,
                    WithoutDays::Unavailable,
                    WithoutDays::NotRequested,
                ],
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{AGES, IDLE, Tally, WithoutDays, with_further};

    #[test]
    fn the_last_groups_grow_with_the_data() {
        let further = |oldest| with_further(&AGES, oldest)[AGES.len()..].to_vec();
        assert!(further(1096).is_empty() && further(1460).is_empty());
        assert_eq!(further(1461), [1461]);
        assert_eq!(further(2200), [1461, 1826, 2191]);
        assert_eq!(further(7000), [2191, 3286, 4381, 5476, 6571], "sixteen years, three to a group");
        let mut tally = Tally::default();
        for days in [0, 400, 800, 801, 5000] {
            tally.add(Ok(days));
        }
        tally.add(Err(WithoutDays::Unknown));
        let bars = tally.into_bars(&IDLE, &[WithoutDays::Unknown]);
        assert_eq!(bars.iter().map(|bar| bar.number).sum::<usize>(), 6, "each key is in one group");
        assert!(bars.len() <= IDLE.len() + 7, "{bars:?}");
        let last = bars.iter().rfind(|bar| bar.from_days.is_some()).unwrap();
        assert_eq!((last.number, last.from_days > Some(3000)), (1, true), "{bars:?}");
    }
}
