//! Which first: points that are explained line by line.

use rolecall_roll::{AccessKeyStatus, Fact};
use serde::Serialize;

use crate::facts::{KeyView, UserView};
use crate::rules::Severity;

/// How urgent something is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Score {
    /// All lines together.
    pub points: u32,
    /// What adds to it.
    pub components: Vec<ScoreComponent>,
}

/// A line of a score.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ScoreComponent {
    /// How much.
    pub points: u32,
    /// Why.
    pub reason: String,
}

impl Score {
    /// That of something of this severity.
    #[must_use]
    pub(crate) fn new(severity: Severity) -> Self {
        let points = match severity {
            Severity::Critical => 80,
            Severity::High => 40,
            Severity::Medium => 20,
            Severity::Low => 5,
            Severity::Informational => 1,
        };
        let mut score = Self::default();
        score.add(points, format!("{severity} severity"));
        score
    }

    fn add(&mut self, points: u32, because: impl Into<String>) {
        self.points += points;
        self.components.push(ScoreComponent { points, reason: because.into() });
    }

    /// The root user may do everything, and no policy takes it away.
    pub(crate) fn add_root(&mut self) {
        self.add(30, "root user");
    }

    /// What is known of the user.
    pub(crate) fn add_user(&mut self, of: &UserView<'_>) {
        if of.is_administrator() {
            self.add(25, "administrator access");
        } else if of.policies().known().is_none() {
            self.add(5, "what the user may do is unknown");
        }
        let has_password = of.password().known().is_some_and(Option::is_some);
        if has_password && of.has_mfa().known() == Some(&false) {
            self.add(10, "console password without MFA");
        }
    }

    /// What is known of the key.
    pub(crate) fn add_key(&mut self, of: &KeyView<'_>) {
        if of.key.status != AccessKeyStatus::Active {
            return;
        }
        if let Ok((_, age)) = of.created() {
            // A point a month: past five years it makes no more difference.
            let points = u32::try_from(age / 30).unwrap_or(0).min(60) / 3;
            if points > 0 {
                self.add(points, format!("active for {age} days"));
            }
        }
        match &of.key.last_used {
            Fact::Known { value: None, .. } => self.add(10, "never used: nothing breaks without it"),
            Fact::Known { value: Some(last), .. } => {
                let idle = of.of.days_idle(last.date);
                if idle > 90 {
                    self.add(8, format!("not used for {idle} days: little breaks without it"));
                }
            }
            Fact::Unknown { .. } => self.add(3, "its last use is unknown"),
            Fact::NotRequested => {}
        }
    }
}
