//! The distributions of active access keys by age and by last use, in days.

use rolecall_roll::{AccessKeyStatus, AccountRecord, Fact, Header};
use serde::Serialize;

use crate::facts::days;

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
    /// The number of keys in the group.
    pub number: usize,
}

/// The fewest days of each age group.
const AGES: [i64; 7] = [0, 31, 91, 181, 366, 731, 1096];
/// The fewest days of each group by last use.
const IDLE: [i64; 6] = [0, 7, 45, 90, 180, 365];

impl Default for Distributions {
    fn default() -> Self {
        let bars = |edges: &[i64]| -> Vec<Bar> {
            let next = edges.iter().skip(1).map(Some).chain([None]);
            edges.iter().zip(next).map(|(from, next)| Bar::between(*from, next.copied())).collect()
        };
        let without_days = |label: &str| Bar { label: label.to_owned(), from_days: None, number: 0 };
        let (mut age, mut last_use) = (bars(&AGES), bars(&IDLE));
        age.push(without_days("unknown"));
        last_use.extend(["never used", "unknown", "not requested"].map(without_days));
        Self { age, last_use }
    }
}

impl Bar {
    fn between(from: i64, next: Option<i64>) -> Self {
        let label = match next {
            Some(next) => format!("{from} to {} days", next - 1),
            None => format!("{from} days or more"),
        };
        Self { label, from_days: Some(from), number: 0 }
    }
}

impl Distributions {
    /// Adds the active keys of an account. Keys that could not be read are not counted.
    pub(crate) fn add(&mut self, header: &Header, account: &AccountRecord) {
        let keys =
            account.users().unwrap_or_default().iter().flat_map(|user| user.access_keys.iter().flatten());
        for key in keys.filter(|key| key.status == AccessKeyStatus::Active) {
            let days_since = |time| days(time, header.as_of).max(0);
            count(&mut self.age, key.create_date.map(days_since).ok_or("unknown"));
            count(
                &mut self.last_use,
                match &key.last_used {
                    Fact::Known { value: Some(last), .. } => Ok(days_since(last.date)),
                    Fact::Known { value: None, .. } => Err("never used"),
                    Fact::Unknown { .. } | Fact::Unavailable { .. } => Err("unknown"),
                    Fact::NotRequested => Err("not requested"),
                },
            );
        }
    }
}

/// Counts a key in the group for its days, or where it has none, in the group of this label.
fn count(bars: &mut [Bar], days_or_label: Result<i64, &str>) {
    let bar = match days_or_label {
        Ok(days) => bars.iter_mut().filter(|bar| bar.from_days.is_some_and(|from| from <= days)).last(),
        Err(label) => bars.iter_mut().find(|bar| bar.label == label),
    };
    if let Some(bar) = bar {
        bar.number += 1;
    }
}
