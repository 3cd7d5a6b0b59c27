//! The urgency score of a finding: points, each with the reason.

use rolecall_roll::{AccessKeyStatus, Fact};
use serde::Serialize;

use crate::facts::{KeyView, UserView};
use crate::finding::{Text, owned};
use crate::last_use::NoLastUse;
use crate::rules::Severity;

/// How urgent a finding is. More points are more urgent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Score<'a> {
    /// The sum of all components.
    pub points: u32,
    /// What the score is made of.
    pub components: Vec<ScoreComponent<'a>>,
}

/// A part of a score.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ScoreComponent<'a> {
    /// The points that this part adds.
    pub points: u32,
    /// Why it adds them, for people: `administrator access`.
    pub reason: Text<'a>,
}

impl Score<'_> {
    /// The score of a finding of this severity about the root user, a user or a key. Without components, it has only the points.
    #[must_use]
    pub(crate) fn new(
        severity: Severity,
        user: Option<&UserView<'_>>,
        key: Option<&KeyView<'_>>,
        with_components: bool,
    ) -> Score<'static> {
        let mut score = ScoreBuilder { score: Score::default(), with_components };
        score.add_severity(severity);
        match user {
            None => score.add(30, || "root user"),
            Some(user) => score.add_user(user),
        }
        if let Some(key) = key {
            score.add_key(key);
        }
        score.score
    }

    pub(crate) fn into_owned(self) -> Score<'static> {
        let own = |it: ScoreComponent<'_>| ScoreComponent { points: it.points, reason: owned(it.reason) };
        Score { points: self.points, components: self.components.into_iter().map(own).collect() }
    }
}

/// A score while points are added.
struct ScoreBuilder {
    score: Score<'static>,
    with_components: bool,
}

impl ScoreBuilder {
    fn add<T: Into<Text<'static>>>(&mut self, points: u32, reason: impl FnOnce() -> T) {
        self.score.points += points;
        if self.with_components {
            self.score.components.push(ScoreComponent { points, reason: reason().into() });
        }
    }

    fn add_severity(&mut self, severity: Severity) {
        let (points, reason) = match severity {
            Severity::Critical => (80, "critical severity"),
            Severity::High => (40, "high severity"),
            Severity::Medium => (20, "medium severity"),
            Severity::Low => (5, "low severity"),
            Severity::Informational => (1, "informational severity"),
        };
        self.add(points, || reason);
    }

    /// Adds points for what is known about the user.
    fn add_user(&mut self, user: &UserView<'_>) {
        if user.is_administrator() {
            self.add(25, || "administrator access");
        } else if user.policies().known().is_none() {
            self.add(5, || "the user's permissions are unknown");
        }
        let has_password = user.password().known().is_some_and(Option::is_some);
        if has_password && user.has_mfa().known() == Some(&false) {
            self.add(10, || "console password without MFA");
        }
    }

    /// Adds points for what is known about an active key.
    fn add_key(&mut self, key: &KeyView<'_>) {
        if key.key.status != AccessKeyStatus::Active {
            return;
        }
        if let Ok((_, age)) = key.created() {
            // A point for three months; past five years the age makes no more difference.
            let points = u32::try_from(age / 30).unwrap_or(0).min(60) / 3;
            if points > 0 {
                self.add(points, || format!("active key, {age} days old"));
            }
        }
        match &key.key.last_used {
            Fact::Known { value: None, .. } => match NoLastUse::of_access_key(key.key.create_date) {
                NoLastUse::NeverUsed => self.add(10, || "never used: nothing depends on the key"),
                no_use => self.add(8, || format!("{no_use}: little depends on the key")),
            },
            Fact::Known { value: Some(last), .. } => {
                let idle = key.user.days_idle(last.date);
                if idle > 90 {
                    self.add(8, || format!("not used for {idle} days: little depends on the key"));
                }
            }
            Fact::Unknown { .. } => self.add(3, || "last use unknown"),
            Fact::Unavailable { .. } => self.add(3, || "AWS has no value for the last use"),
            Fact::NotRequested => {}
        }
    }
}
