//! Steps about access keys of users.

use rolecall_roll::AccessKeyStatus;

use super::aws_cli::{deactivate_key, delete_key, key_last_used, user_name_option};
use super::step::Step;
use super::{AgeThresholds, guard};
use crate::facts::{KeyView, UserView};

/// Deactivates a key, and deletes it later.
pub(super) fn deactivate(key: &KeyView<'_>) -> Vec<Step<'static>> {
    deactivate_when(format!("Deactivate {}", key.key.access_key_id), key)
}

/// As [`deactivate`], for a key that was created together with the user and was not used.
pub(super) fn deactivate_unplanned(key: &KeyView<'_>) -> Vec<Step<'static>> {
    deactivate_when(format!("If nobody plans to use it, deactivate {}", key.key.access_key_id), key)
}

fn deactivate_when(title: String, key: &KeyView<'_>) -> Vec<Step<'static>> {
    let later = format!("After 30 days, if nothing has failed without it, delete {}", key.key.access_key_id);
    vec![
        Step::new(title, guard(&key.user), [deactivate_key(key)]),
        Step::deleting(later, guard(&key.user), [delete_key(key)]),
    ]
}

/// Deactivates the key of an administrator, once a role replaces it.
pub(super) fn replace_by_role(key: &KeyView<'_>) -> Vec<Step<'static>> {
    let id = &key.key.access_key_id;
    let look = Step::new(
        "Find out which workload uses the key, and let it assume an IAM role instead",
        guard(&key.user),
        [key_last_used(key)],
    );
    let deactivated =
        deactivate_when(format!("Once the workload assumes the role instead, deactivate {id}"), key);
    [vec![look], deactivated].concat()
}

/// Deletes an inactive key.
pub(super) fn delete_inactive(key: &KeyView<'_>) -> Vec<Step<'static>> {
    let id = &key.key.access_key_id;
    let list = format!("aws iam list-access-keys {}", user_name_option(&key.user));
    vec![
        Step::new(
            format!("Check that {id} is still inactive and was not used since the report"),
            guard(&key.user),
            [list, key_last_used(key)],
        ),
        Step::deleting(
            format!("If nothing has failed without it, delete {id}"),
            guard(&key.user),
            [delete_key(key)],
        ),
    ]
}

/// Replaces a key by another one that the user already has, or else by a new one.
pub(super) fn rotate(key: &KeyView<'_>, thresholds: AgeThresholds) -> Vec<Step<'static>> {
    let id = &key.key.access_key_id;
    if let Some(kept) = key_to_keep(&key.user, thresholds).filter(|kept| &kept.key.access_key_id != id) {
        let kept_id = &kept.key.access_key_id;
        let look = Step::new(
            format!("Check that the workload uses {kept_id} and no longer {id}"),
            guard(&key.user),
            [key_last_used(&kept), key_last_used(key)],
        );
        let title = format!("Once the workload uses {kept_id} instead, deactivate {id}");
        return [vec![look], deactivate_when(title, key)].concat();
    }
    let mut steps = Vec::new();
    let mut before = String::new();
    for other in keys(&key.user).filter(|other| &other.key.access_key_id != id) {
        let other_id = &other.key.access_key_id;
        // Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>
        match other.key.status {
            AccessKeyStatus::Inactive | AccessKeyStatus::Expired => {
                steps.push(Step::new(
                    format!("IAM allows two access keys per user. Check that the inactive {other_id} is not needed"),
                    guard(&key.user),
                    [key_last_used(&other)],
                ));
                let title = format!("To make room for a new key, delete {other_id}");
                steps.push(Step::deleting(title, guard(&key.user), [delete_key(&other)]));
            }
            _ => before = format!("IAM allows two access keys per user. Once {other_id} is deleted, "),
        }
    }
    let create = if before.is_empty() { "Create" } else { "create" };
    steps.push(Step::new(
        format!("{before}{create} the new key and give it to the workload. AWS shows its secret only now"),
        guard(&key.user),
        [format!("aws iam create-access-key {}", user_name_option(&key.user))],
    ));
    steps
        .extend(deactivate_when(format!("Once the workload uses the new key instead, deactivate {id}"), key));
    steps
}

/// Deactivates all active keys except one.
pub(super) fn keep_one(user: &UserView<'_>, thresholds: AgeThresholds) -> Vec<Step<'static>> {
    let kept = key_to_keep(user, thresholds);
    let active = || keys(user).filter(|key| key.is_active() == Ok(true));
    let others = active()
        .filter(|key| kept.as_ref().is_none_or(|kept| kept.key.access_key_id != key.key.access_key_id));
    let (idle, others): (Vec<_>, Vec<_>) = others.partition(|key| key.is_active_and_idle(thresholds.idle));
    let mut steps: Vec<Step<'static>> = idle
        .iter()
        .map(|key| {
            let title = format!("Deactivate {}, which is not in use", key.key.access_key_id);
            Step::new(title, guard(user), [deactivate_key(key)])
        })
        .collect();
    let Some(kept) = kept.filter(|_| !others.is_empty()) else { return steps };
    let kept_id = &kept.key.access_key_id;
    let look = active().map(|key| key_last_used(&key));
    steps.push(Step::new(format!("Check that all workloads use {kept_id}"), guard(user), look));
    steps.extend(others.iter().map(|key| {
        let title = format!("Once the workload uses {kept_id} instead, deactivate {}", key.key.access_key_id);
        Step::new(title, guard(user), [deactivate_key(key)])
    }));
    steps
}

/// The key to keep: the newest of the active keys that are not known to be idle, which replaces the others. `None` where
/// there is no such key.
fn key_to_keep<'a>(user: &UserView<'a>, thresholds: AgeThresholds) -> Option<KeyView<'a>> {
    let in_use =
        keys(user).filter(|key| key.is_active() == Ok(true) && !key.is_active_and_idle(thresholds.idle));
    in_use.max_by_key(|key| (key.key.create_date, &key.key.access_key_id))
}

/// The access keys of a user, as far as they are known.
pub(super) fn keys<'a>(user: &UserView<'a>) -> impl Iterator<Item = KeyView<'a>> {
    let user = *user;
    let keys = user.access_keys().known().copied().unwrap_or_default();
    keys.iter().map(move |key| KeyView { user, key })
}
