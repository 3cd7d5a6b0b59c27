//! Finds the account and the user of an access key from its id alone, as an incident often starts.

use futures_util::FutureExt;
use rolecall_roll::{AccessKey, AccessKeyId, AccountId, Fact};

use crate::call::CallError;
use crate::collect::{access_keys, last_used};
use crate::scan::{ScanContext, Scanner};
use crate::session::{Session, SessionLog};
use crate::targets::{Access, Target};

/// The IAM actions that [`find_user`] needs.
pub const ACTIONS: &[&str] = &["iam:GetAccessKeyLastUsed", "iam:ListAccessKeys"];

/// An access key and the user that owns it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyOwner {
    /// The user's name.
    pub user_name: String,
    /// The key, with its last use.
    pub access_key: AccessKey,
}

/// The account that a key belongs to, which may be any account: `sts:GetAccessKeyInfo`.
///
/// # Errors
/// AWS's error; for an id that no key has it is `ValidationError`.
pub async fn find_account(scanner: &Scanner, access_key_id: &AccessKeyId) -> Result<AccountId, CallError> {
    const GET_ACCESS_KEY_INFO: &str = "GetAccessKeyInfo";
    let sts = scanner.sts();
    let response = sts.get_access_key_info().access_key_id(access_key_id.as_str()).send().boxed_local().await;
    let response = response.map_err(|error| scanner.error(GET_ACCESS_KEY_INFO, &error))?;
    let account_id = response.account.and_then(|id| id.parse().ok());
    account_id
        .ok_or_else(|| CallError::malformed(GET_ACCESS_KEY_INFO, "the response has no account id", None))
}

/// The user of a key in its account; `None` where the account no longer has the key.
///
/// # Errors
/// The error of the first call that failed: `AssumeRole`, `GetAccessKeyLastUsed` or `ListAccessKeys`.
pub async fn find_user(
    scanner: &Scanner,
    context: &ScanContext,
    target: &Target,
    access_key_id: &AccessKeyId,
) -> Result<Option<KeyOwner>, CallError> {
    let session = match &target.access {
        Access::Role(role) => {
            let log = SessionLog::default();
            Session::assume_role(role, ACTIONS, scanner.context(context), log).boxed_local().await?
        }
        Access::CallerCredentials | Access::Skipped(_) => {
            Session::with_caller_credentials(&target.account_id, scanner.context(context))
        }
    };
    let (user_name, last_used) = match last_used::read_last_used(&session, access_key_id).boxed_local().await
    {
        Ok(found) => found,
        Err(error) if error.error_kind == rolecall_roll::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let keys = access_keys::read_user_keys(&session, &user_name).boxed_local().await?;
    let key = keys.into_iter().find(|key| key.access_key_id == *access_key_id);
    let user_name = session.secrets().redactor([scanner.secrets()]).field(&user_name).into_owned();
    Ok(key
        .map(|key| KeyOwner { user_name, access_key: AccessKey { last_used: Fact::live(last_used), ..key } }))
}
