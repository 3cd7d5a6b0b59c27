//! The last link: each IAM action that a scan needs, called once with the session that a scan would have.
//!
//! AWS authorizes a call before it looks for what the call is about, so "not found" means that the action is allowed.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::FutureExt;
use rolecall_core::CallError;
use rolecall_core::session::{Iam, Session};
use rolecall_roll::{ErrorKind, FactSelection};

/// The results of the calls.
#[derive(Debug, Default)]
pub(super) struct ActionCheck {
    /// The number of actions that AWS allowed.
    pub(super) allowed: usize,
    /// The actions that AWS denied, with its answers.
    pub(super) denied: Vec<(&'static str, CallError)>,
    /// The actions that could not be tested: the account has no user, or no access key, to test them with.
    pub(super) untested: Vec<&'static str>,
    /// The users that those of one user were tested with.
    pub(super) user_names: Vec<String>,
}

/// The user for whom a scan was denied an operation, by the operation.
pub type DeniedUsers = BTreeMap<String, String>;

/// A user of the account and one of its access keys, for the calls that need one.
#[derive(Debug, Default)]
struct Sample {
    user_name: Option<String>,
    access_key_id: Option<String>,
}

impl Sample {
    /// A user, with an access key where the operation needs one.
    async fn of_user(iam: &Iam, user_name: &str, operation: &'static str) -> Self {
        let mut sample = Self { user_name: Some(user_name.to_owned()), access_key_id: None };
        if operation == "GetAccessKeyLastUsed" {
            // Where they cannot be listed, the call for that action says so.
            call(iam, "ListAccessKeys", None, &mut sample).boxed_local().await.ok();
        }
        sample
    }
}

/// Whether AWS allowed a call.
enum Permission {
    Allowed,
    Denied(CallError),
    /// There is nothing to test the action with.
    Untested,
}

/// Calls each action once: for the user for whom it was denied, the user of the selection, or the first one that a scan would list.
///
/// # Errors
/// The first error that is no answer about a permission, such as a timeout.
pub(super) async fn check(
    session: &Session<'_>,
    actions: &[&'static str],
    selection: &FactSelection,
    denied_users: &DeniedUsers,
) -> Result<ActionCheck, Box<CallError>> {
    let iam = session.iam().boxed_local().await.map_err(Box::new)?;
    let mut check = ActionCheck::default();
    let mut user_names = BTreeSet::new();
    let mut sample = Sample { user_name: selection.user_name.clone(), access_key_id: None };
    let path_prefix = selection.path_prefix.as_deref();
    // The users and keys first: the other calls need them.
    let is_first = |action: &&&str| FIRST.contains(*action);
    let first = FIRST.iter().filter(|action| actions.contains(*action));
    let others = actions.iter().filter(|action| !is_first(action));
    for action in first.chain(others) {
        let operation = action.split_once(':').map_or(*action, |(_, operation)| operation);
        let mut of_denied_user = match denied_users.get(operation) {
            Some(user_name) => Some(Sample::of_user(&iam, user_name, operation).boxed_local().await),
            None => None,
        };
        let sample = of_denied_user.as_mut().unwrap_or(&mut sample);
        match call(&iam, operation, path_prefix, sample).boxed_local().await? {
            Permission::Allowed => check.allowed += 1,
            Permission::Denied(error) => check.denied.push((action, error)),
            Permission::Untested => check.untested.push(action),
        }
        user_names.extend(of_denied_user.and_then(|sample| sample.user_name));
    }
    user_names.extend(sample.user_name);
    check.user_names = user_names.into_iter().collect();
    Ok(check)
}

const FIRST: [&str; 2] = ["iam:ListUsers", "iam:ListAccessKeys"];

/// A user name that no account has: where the users cannot be listed, the other actions are tested with it.
const NO_USER: &str = "rolecall-doctor-tests-permissions";

/// Calls an operation.
async fn call(
    iam: &Iam,
    operation: &'static str,
    path_prefix: Option<&str>,
    sample: &mut Sample,
) -> Result<Permission, Box<CallError>> {
    let client = &iam.client;
    let user_name = sample.user_name.clone().unwrap_or_else(|| NO_USER.to_owned());
    macro_rules! call {
        ($request:expr) => {
            $request.send().await.map_err(|error| iam.error(operation, &error))
        };
    }
    let result = match operation {
        "ListUsers" => {
            let request = client.list_users().max_items(1).set_path_prefix(path_prefix.map(str::to_owned));
            call!(request).map(|page| {
                sample.user_name = page.users.into_iter().next().map(|user| user.user_name);
            })
        }
        "ListAccessKeys" => call!(client.list_access_keys().user_name(user_name)).map(|page| {
            sample.access_key_id = page.access_key_metadata.into_iter().find_map(|key| key.access_key_id);
        }),
        "GetAccessKeyLastUsed" => {
            // With an id that no user has, AWS denies access whatever the policies say.
            let Some(id) = sample.access_key_id.clone() else { return Ok(Permission::Untested) };
            call!(client.get_access_key_last_used().access_key_id(id)).map(drop)
        }
        "GetUser" => call!(client.get_user().user_name(user_name)).map(drop),
        "GetLoginProfile" => call!(client.get_login_profile().user_name(user_name)).map(drop),
        "ListMFADevices" => call!(client.list_mfa_devices().user_name(user_name).max_items(1)).map(drop),
        "GetAccountSummary" => call!(client.get_account_summary()).map(drop),
        "ListAccountAliases" => call!(client.list_account_aliases().max_items(1)).map(drop),
        "GenerateCredentialReport" => call!(client.generate_credential_report()).map(drop),
        "GetCredentialReport" => call!(client.get_credential_report()).map(drop),
        "GetAccountAuthorizationDetails" => {
            call!(client.get_account_authorization_details().max_items(1)).map(drop)
        }
        "ListOrganizationsFeatures" => call!(client.list_organizations_features()).map(drop),
        _ => return Ok(Permission::Untested),
    };
    permission(result)
}

/// Reads a permission from a result.
fn permission(result: Result<(), CallError>) -> Result<Permission, Box<CallError>> {
    match result {
        Ok(()) => Ok(Permission::Allowed),
        Err(error) if error.error_kind == ErrorKind::Denied => Ok(Permission::Denied(error)),
        // No such user, no report yet, no organization: AWS has looked, so the action is allowed.
        Err(error)
            if error.code.is_some() && matches!(error.error_kind, ErrorKind::NotFound | ErrorKind::Other) =>
        {
            Ok(Permission::Allowed)
        }
        Err(error) => Err(Box::new(error)),
    }
}
