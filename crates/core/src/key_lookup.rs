//! Whose an access key is: in the middle of the night one has an id and nothing else.

use futures_util::FutureExt;
use rolecall_roll::{AccessKey, AccessKeyId, AccountId, Fact};

use crate::call::CallError;
use crate::collect::{access_keys, last_used};
use crate::scan::{ScanContext, Scanner};
use crate::session::Session;
use crate::targets::{Access, Target};

/// The actions that finding a key's user needs.
pub const ACTIONS: &[&str] = &["iam:GetAccessKeyLastUsed", "iam:ListAccessKeys"];

/// An access key's user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyOwner {
    /// The user.
    pub user_name: String,
    /// The key; its last use is known.
    pub access_key: AccessKey,
}

/// The account that a key belongs to, whatever account it is in: `sts:GetAccessKeyInfo`.
///
/// # Errors
/// What AWS answers, which for an id that is no key's is `ValidationError`.
pub async fn find_account(scanner: &Scanner, access_key_id: &AccessKeyId) -> Result<AccountId, CallError> {
    const GET_ACCESS_KEY_INFO: &str = "GetAccessKeyInfo";
    let sts = scanner.sts();
    let answer = sts.get_access_key_info().access_key_id(access_key_id.as_str()).send().boxed_local().await;
    let answer = answer.map_err(|error| scanner.error(GET_ACCESS_KEY_INFO, &error))?;
    let account_id = answer.account.and_then(|id| id.parse().ok());
    account_id.ok_or_else(|| CallError::malformed(GET_ACCESS_KEY_INFO, "the answer names no account", None))
}

/// The user of a key in its account; `None` where the account has no such key any more.
///
/// # Errors
/// What AWS refused.
pub async fn find_user(
    scanner: &Scanner,
    context: &ScanContext,
    target: &Target,
    access_key_id: &AccessKeyId,
) -> Result<Option<KeyOwner>, CallError> {
    let session = match &target.access {
        Access::Role(role) => {
            Session::assume_role(role, ACTIONS, scanner.context(context)).boxed_local().await?
        }
        Access::CallerCredentials | Access::Skipped(_) => {
            Session::with_caller_credentials(&target.account_id, scanner.context(context))
        }
    };
    let (user_name, used) = match last_used::read_last_used(&session, access_key_id).boxed_local().await {
        Ok(found) => found,
        Err(error) if error.error_kind == rolecall_roll::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let keys = access_keys::read_user_keys(&session, &user_name).boxed_local().await?;
    let key = keys.into_iter().find(|key| key.access_key_id == *access_key_id);
    Ok(key.map(|key| KeyOwner { user_name, access_key: AccessKey { last_used: Fact::live(used), ..key } }))
}
