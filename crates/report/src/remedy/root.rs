//! Steps about the root user of an account.
//!
//! The root credentials of a member account can be deleted from the management account, without knowing them. Those of the
//! management account cannot: only its root user can change them.
//!
//! Sources: <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_root-enable-root-access.html>,
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_root-user-privileged-task.html>

use rolecall_roll::AccountId;

use super::Remedy;
use super::step::{Guard, Step};
use crate::facts::AccountView;

const LIST_KEYS: &str = "aws iam list-access-keys";
const DEACTIVATE_KEY: &str = "aws iam update-access-key --access-key-id KEY_ID --status Inactive";
const DELETE_KEY: &str = "aws iam delete-access-key --access-key-id KEY_ID";

/// The steps for a finding about the root user.
pub(super) fn steps(remedy: Remedy, account: &AccountView<'_>) -> Vec<Step<'static>> {
    let management = account.management_account_of_member();
    match (remedy, management) {
        (Remedy::DeleteRootKeys, Some(management)) => delete_member_keys(account, management),
        (Remedy::DeleteRootKeys, None) => delete_own_keys(account),
        (_, Some(management)) => delete_member_password(account, management),
        (_, None) => assign_mfa(account),
    }
}

/// Enables central management of root credentials, which sessions as the root user of a member account need. Nothing, where it
/// is known to be enabled.
fn enable_management(account: &AccountView<'_>, management: &AccountId) -> Option<Step<'static>> {
    (account.is_root_managed().known() != Some(&true)).then(|| {
        Step::new(
            format!(
                "In the management account {management}, once for all member accounts: give IAM trusted access to \
                 the organization, and enable central management of root credentials"
            ),
            Guard::Account(management.clone()),
            [
                "aws organizations enable-aws-service-access --service-principal iam.amazonaws.com",
                "aws iam enable-organizations-root-credentials-management",
            ],
        )
    })
}

fn member_root(
    account: &AccountView<'_>,
    management: &AccountId,
    task_policy: &'static str,
) -> Guard<'static> {
    Guard::MemberRoot {
        management: management.clone(),
        member: account.record.account_id().clone(),
        partition: account.partition().into(),
        task_policy: task_policy.into(),
    }
}

fn delete_member_keys(account: &AccountView<'_>, management: &AccountId) -> Vec<Step<'static>> {
    let id = account.record.account_id();
    let look = Step::new(
        format!("With credentials of {management}, list the access keys of the root user of {id}"),
        member_root(account, management, "IAMAuditRootUserCredentials"),
        [LIST_KEYS],
    );
    let delete = Step::deleting(
        "Once nothing uses the key any more, delete it. Replace KEY_ID by its id",
        member_root(account, management, "IAMDeleteRootUserCredentials"),
        [DELETE_KEY],
    );
    enable_management(account, management).into_iter().chain([look, delete]).collect()
}

fn delete_member_password(account: &AccountView<'_>, management: &AccountId) -> Vec<Step<'static>> {
    let id = account.record.account_id();
    let look = Step::new(
        format!("With credentials of {management}, show the password date of the root user of {id}"),
        member_root(account, management, "IAMAuditRootUserCredentials"),
        ["aws iam get-login-profile"],
    );
    let delete = Step::deleting(
        "If nobody signs in as the root user, delete its password",
        member_root(account, management, "IAMDeleteRootUserCredentials"),
        ["aws iam delete-login-profile"],
    );
    enable_management(account, management).into_iter().chain([look, delete]).collect()
}

/// What only the root user itself can do, in words for the title of a step.
fn as_root(account: &AccountView<'_>) -> String {
    let id = account.record.account_id();
    if account.is_management_account() {
        format!(
            "Root credentials of the management account cannot be managed centrally. As the root user of {id}"
        )
    } else {
        format!("As the root user of {id}")
    }
}

fn delete_own_keys(account: &AccountView<'_>) -> Vec<Step<'static>> {
    let guard = || Guard::Account(account.record.account_id().clone());
    let list = format!("{}, for example in AWS CloudShell, list its access keys", as_root(account));
    vec![
        Step::new(list, guard(), [LIST_KEYS]),
        Step::new(
            "Once nothing uses the key any more, deactivate it. Replace KEY_ID by its id",
            guard(),
            [DEACTIVATE_KEY],
        ),
        Step::deleting(
            "After 30 days, if nothing has failed without it, delete the key",
            guard(),
            [DELETE_KEY],
        ),
    ]
}

fn assign_mfa(account: &AccountView<'_>) -> Vec<Step<'static>> {
    vec![Step::new(
        format!(
            "{}, assign an MFA device in the console, under Security credentials. Then this shows 1",
            as_root(account)
        ),
        Guard::Account(account.record.account_id().clone()),
        ["aws iam get-account-summary --query SummaryMap.AccountMFAEnabled"],
    )]
}
