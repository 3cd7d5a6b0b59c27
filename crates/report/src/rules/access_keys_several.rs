//! A user has more than one active access key.
//!
//! Source: CIS 1.13 (3.0)

use rolecall_roll::Step;

use super::benchmark::clauses_to_6;
use super::rule::{Check, Rule};
use super::severity::Severity;
use crate::case::{Checked, Failed, OfKey, OfUser};
use crate::evidence::Evidence;

/// The rule.
pub const RULE: Rule = Rule {
    id: "access-keys-several",
    version: 1,
    title: "A user has more than one active access key",
    why: "The second one is for the days of a rotation; after them it is one more to lose.",
    severity: Severity::Medium,
    days: None,
    needs: &[&[Step::AccessKeys]],
    benchmarks: &clauses_to_6("1.13", "1.12", "2.12"),
    security_hub: &[],
    config_rule: None,
    check: Check::User(check),
};

fn check(of: &OfUser<'_>, _: u32) -> Checked {
    let (active, source) = of.active_keys()?;
    if active.len() < 2 {
        return Ok(None);
    }
    let ids: Vec<&str> = active.iter().map(|key| key.access_key_id.as_str()).collect();
    // The one that was not used for longest is the one to spare; where that is unknown, the oldest.
    let last = |key: &&&rolecall_roll::AccessKey| {
        let last = key.last_used.known().and_then(|last| last.as_ref().map(|last| last.date));
        (last, key.create_date, key.access_key_id.clone())
    };
    let spare = active.iter().min_by_key(last).map(|key| OfKey { of: *of, key });
    Ok(Some(Failed {
        message: format!("{} keys are active", active.len()),
        evidence: vec![Evidence::of(Step::AccessKeys, format!("active: {}", ids.join(", ")), source)],
        remedy: spare.map_or(String::new(), |key| key.deactivate()),
    }))
}
