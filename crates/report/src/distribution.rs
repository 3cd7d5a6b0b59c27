//! How old active access keys are, and how long ago they were used: how many of them, by days.

use rolecall_roll::{AccessKeyStatus, AccountRecord, Fact, Header};
use serde::Serialize;

use crate::facts::days;

/// How many active keys, by days.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Distributions {
    /// By the age of the key.
    pub age: Vec<Bar>,
    /// By its last use.
    pub last_use: Vec<Bar>,
}

/// How many keys are of a kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Bar {
    /// The kind: `30 to 89 days`, `never`.
    pub label: String,
    /// The fewest days of it; `None` where it is of no number of days.
    pub from_days: Option<i64>,
    /// How many.
    pub number: usize,
}

const AGES: [i64; 7] = [0, 31, 91, 181, 366, 731, 1096];
const IDLE: [i64; 6] = [0, 7, 45, 90, 180, 365];

impl Default for Distributions {
    fn default() -> Self {
        let bars = |edges: &[i64]| -> Vec<Bar> {
            let next = edges.iter().skip(1).map(Some).chain([None]);
            edges.iter().zip(next).map(|(from, next)| Bar::between(*from, next.copied())).collect()
        };
        let named = |label: &str| Bar { label: label.to_owned(), from_days: None, number: 0 };
        let (mut age, mut last_use) = (bars(&AGES), bars(&IDLE));
        age.push(named("unknown"));
        last_use.extend(["never used", "unknown", "not asked for"].map(named));
        Self { age, last_use }
    }
}

impl Bar {
    fn between(from: i64, next: Option<i64>) -> Self {
        let label = match next {
            Some(next) => format!("{from} to {} days", next - 1),
            None => format!("{from} days and more"),
        };
        Self { label, from_days: Some(from), number: 0 }
    }
}

impl Distributions {
    /// Adds the keys of an account.
    pub(crate) fn add(&mut self, header: &Header, account: &AccountRecord) {
        let keys =
            account.users().unwrap_or_default().iter().flat_map(|user| user.access_keys.iter().flatten());
        for key in keys.filter(|key| key.status == AccessKeyStatus::Active) {
            let since = |moment| days(moment, header.as_of).max(0);
            count(&mut self.age, key.create_date.map(since).ok_or("unknown"));
            count(
                &mut self.last_use,
                match &key.last_used {
                    Fact::Known { value: Some(last), .. } => Ok(since(last.date)),
                    Fact::Known { value: None, .. } => Err("never used"),
                    Fact::Unknown { .. } => Err("unknown"),
                    Fact::NotRequested => Err("not asked for"),
                },
            );
        }
    }
}

fn count(bars: &mut [Bar], of: Result<i64, &str>) {
    let bar = match of {
        Ok(days) => bars.iter_mut().filter(|bar| bar.from_days.is_some_and(|from| from <= days)).last(),
        Err(label) => bars.iter_mut().find(|bar| bar.label == label),
    };
    if let Some(bar) = bar {
        bar.number += 1;
    }
}
