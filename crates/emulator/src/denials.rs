//! The authorization details of denied requests, for `GetRequestAuthorizationDetails`: what was evaluated, policy by policy,
//! as it was when the request was denied.
//!
//! Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied-authorization-id.html>

use std::collections::{BTreeMap, VecDeque};

use jiff::{SignedDuration, Timestamp};
use rolecall_policy::Decision;
use serde_json::{Value, json};

use crate::authorization::{AuthenticatedCaller, AuthorizationRequest, Verdict};
use crate::evaluated_policies::{Check, EvaluatedPolicy, checks};
use crate::world::World;

/// A denied request, as `GetRequestAuthorizationDetails` and `GetRequestAuthorizationPolicy` return it.
#[derive(Debug, Clone)]
pub(crate) struct DenialRecord {
    time: Timestamp,
    /// The region in which the request was denied; its details exist in no other.
    region: String,
    /// The account of the principal that was denied.
    account_id: String,
    /// The response of `GetRequestAuthorizationDetails`.
    pub(crate) details: Value,
    /// The documents of the policies in the response, by URI.
    pub(crate) documents: BTreeMap<String, Value>,
}

/// The denied requests of the last day, by authorization id.
#[derive(Debug, Default)]
pub(crate) struct Denials(VecDeque<(String, DenialRecord)>);

impl Denials {
    /// How long a record is kept. At AWS, it is at least as long.
    const KEPT: SignedDuration = SignedDuration::from_hours(24);
    /// How many records are kept; older ones are dropped.
    const MAX_RECORDS: usize = 10_000;

    /// Keeps a record, and returns its new authorization id.
    pub(crate) fn record(&mut self, record: DenialRecord) -> String {
        let is_old = |time: Timestamp| record.time.duration_since(time) > Self::KEPT;
        while self.0.front().is_some_and(|(_, oldest)| is_old(oldest.time))
            || self.0.len() >= Self::MAX_RECORDS
        {
            self.0.pop_front();
        }
        let id: String = uuid::Uuid::new_v4().simple().to_string().chars().take(27).collect();
        self.0.push_back((id.clone(), record));
        id
    }

    /// The record of an authorization id, if it is of a region and of the caller's organization, or of the caller's account.
    pub(crate) fn find(
        &self,
        id: &str,
        region: &str,
        account_id: &str,
        (world, now): (&World, Timestamp),
    ) -> Option<&DenialRecord> {
        let (_, record) = self.0.iter().find(|(other, _)| other == id)?;
        let is_kept = now.duration_since(record.time) <= Self::KEPT;
        let is_readable = record.region == region && world.is_same_owner(&record.account_id, account_id);
        (is_kept && is_readable).then_some(record)
    }
}

impl DenialRecord {
    /// The details of a request that was denied.
    pub(crate) fn new(
        caller: &AuthenticatedCaller,
        request: &AuthorizationRequest<'_>,
        verdict: &Verdict,
        (region, world, now): (&str, &World, Timestamp),
    ) -> Self {
        let policy_request = caller.policy_request(request, world);
        let checks = checks(caller, request, &policy_request, world);
        let evaluated_effect = match verdict.decision {
            Decision::ExplicitlyDenied(_) => "EXPLICIT_DENY",
            _ => "IMPLICIT_DENY",
        };
        let policies = merged_policies(&checks);
        let details = json!({
            "requestContext": caller.keys().iter().map(context_value).collect::<serde_json::Map<_, _>>(),
            "evaluations": [{
                "action": request.action,
                "resource": request.resource,
                "context": request_keys(caller, request, world),
                "evaluatedEffect": evaluated_effect,
                "matchedPolicies": deciding_policies(&checks, evaluated_effect),
                "checks": checks.iter().map(Check::to_json).collect::<Vec<_>>(),
            }],
            "policies": policies.iter().map(EvaluatedPolicy::to_json).collect::<Vec<_>>(),
        });
        let documents = policies.iter().map(|it| (it.uri.clone(), it.policy.source().clone())).collect();
        Self {
            time: now,
            region: region.to_owned(),
            account_id: caller.account_id().to_owned(),
            details,
            documents,
        }
    }
}

/// The policies of all checks, each once with all that it is attached to.
fn merged_policies(checks: &[Check]) -> Vec<EvaluatedPolicy> {
    let mut merged: Vec<EvaluatedPolicy> = Vec::new();
    for policy in checks.iter().flat_map(|check| &check.policies).filter(|policy| policy.is_visible) {
        match merged.iter_mut().find(|other| other.uri == policy.uri) {
            Some(other) => other.attached_to.extend(policy.attached_to.iter().cloned()),
            None => merged.push(policy.clone()),
        }
    }
    merged
}

/// `matchedPolicies` of an evaluation, which AWS has replaced by `checks`: the policies that deny. An implicit denial has
/// none.
fn deciding_policies(checks: &[Check], evaluated_effect: &str) -> Vec<Value> {
    let denies =
        checks.iter().filter(|check| check.effect == evaluated_effect && evaluated_effect == "EXPLICIT_DENY");
    denies.flat_map(|check| check.matched_policies(|matched| matched.is_deny)).collect()
}

/// The condition keys of the evaluation that are not those of the whole request.
fn request_keys(
    caller: &AuthenticatedCaller,
    request: &AuthorizationRequest<'_>,
    world: &World,
) -> serde_json::Map<String, Value> {
    let keys = caller.request_context(request, world);
    keys.iter().filter(|(key, _)| !caller.keys().contains(key)).map(context_value).collect()
}

fn context_value((key, values): (&str, &[String])) -> (String, Value) {
    let value = match values {
        [value] => json!(value),
        values => json!(values),
    };
    (key.to_owned(), value)
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};
    use serde_json::json;

    use super::{DenialRecord, Denials};
    use crate::world::World;

    #[test]
    fn records_are_kept_for_a_day_and_their_number_is_bounded() {
        let (mut denials, world) = (Denials::default(), World::tutorial().unwrap());
        let after = |hours: i64| Timestamp::UNIX_EPOCH + SignedDuration::from_hours(hours);
        let record = |hours: i64| DenialRecord {
            time: after(hours),
            region: "us-east-1".to_owned(),
            account_id: "111111111111".to_owned(),
            details: json!({}),
            documents: [].into(),
        };
        let first = denials.record(record(0));
        let is_found = |denials: &Denials, region: &str, account_id: &str, hours: i64| {
            denials.find(&first, region, account_id, (&world, after(hours))).is_some()
        };
        assert!(is_found(&denials, "us-east-1", "111111111111", 24));
        assert!(!is_found(&denials, "us-east-1", "111111111111", 25));
        assert!(!is_found(&denials, "eu-west-1", "111111111111", 1));
        assert!(!is_found(&denials, "us-east-1", "222222222222", 1), "the accounts are in no organization");
        denials.record(record(25));
        assert_eq!(denials.0.len(), 1, "the first is dropped");
        for _ in 0..Denials::MAX_RECORDS {
            denials.record(record(25));
        }
        assert_eq!(denials.0.len(), Denials::MAX_RECORDS);
        let (id, _) = denials.0.front().unwrap();
        assert!(id.len() == 27 && id.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_lowercase()));
    }
}
