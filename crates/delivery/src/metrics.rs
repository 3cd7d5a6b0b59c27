//! The metrics of a roll, in CloudWatch's embedded metric format: a line on the standard output of a Lambda function that CloudWatch
//! reads metrics from.
//!
//! Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>

use std::collections::BTreeMap;

use jiff::Timestamp;
use rolecall_report::count::Count;
use rolecall_report::{Report, Severity};
use rolecall_roll::{Calls, RollFile, Statistics};
use serde::{Deserialize, Serialize};
use serde_json::json;

/// The metrics of a roll, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Metrics(BTreeMap<String, u64>);

/// The only metric that is no count.
const DURATION: &str = "Duration";

/// The age in days from which on a key counts as old.
const OLD_KEY_DAYS: i64 = 91;

impl Metrics {
    /// The metrics of a roll and its report. What is unknown has no metric: it would count as zero. Where `RollComplete` is 0, the
    /// numbers of users, keys and findings are lower bounds.
    #[must_use]
    pub fn new(roll: &RollFile, report: &Report) -> Self {
        let counts = &roll.counts;
        let mut metrics = Self::default();
        let mut add = |name: &str, value: u64| metrics.0.insert(name.to_owned(), value);
        add("RollComplete", u64::from(report.coverage.is_complete));
        for (name, number) in [
            ("AccountsComplete", Some(counts.complete)),
            ("AccountsPartial", Some(counts.partial)),
            ("AccountsFailed", Some(counts.failed)),
            ("AccountsSkipped", Some(counts.skipped)),
            ("Users", report.coverage.users),
        ] {
            if let Some(number) = number {
                add(name, count(number));
            }
        }
        if let Some(distributions) = &report.distributions {
            let keys = |from: i64| {
                let bars = distributions.age.iter();
                bars.filter(|bar| bar.from_days.unwrap_or(0) >= from).map(|bar| bar.number).sum()
            };
            add("ActiveKeys", count(keys(0)));
            add("KeysOver90Days", count(keys(OLD_KEY_DAYS)));
        }
        for (name, severity) in [("OpenCritical", Severity::Critical), ("OpenHigh", Severity::High)] {
            if let Some(open) = report.open.get(&severity).filter(|open| **open != Count::NotEvaluated) {
                add(name, count(open.number()));
            }
        }
        if let Some(Statistics { elapsed_ms, calls, .. }) = &roll.statistics {
            let sum = |of: fn(&Calls) -> u64| calls.values().map(of).sum();
            add("Calls", sum(|calls| calls.attempts));
            add("ThrottledCalls", sum(|calls| calls.throttled));
            add(DURATION, *elapsed_ms);
        }
        metrics
    }

    /// The line for CloudWatch, with all metrics at this time.
    #[must_use]
    pub fn to_line(&self, now: Timestamp) -> String {
        let definition = |name: &String| {
            let unit = if name == DURATION { "Milliseconds" } else { "Count" };
            json!({"Name": name, "Unit": unit})
        };
        let definitions: Vec<_> = self.0.keys().map(definition).collect();
        let mut line = json!({
            "_aws": {
                "Timestamp": now.as_millisecond(),
                "CloudWatchMetrics": [{"Namespace": "Rolecall", "Dimensions": [[]], "Metrics": definitions}],
            },
        });
        if let Some(members) = line.as_object_mut() {
            members.extend(self.0.iter().map(|(name, value)| (name.clone(), (*value).into())));
        }
        line.to_string()
    }
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
