//! The last link: each IAM action that a scan needs, called once with the session that a scan would have.
//!
//! AWS authorizes a call before it looks for what the call is about, so "not found" means that the action is allowed.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::FutureExt;
use rolecall_core::CallError;
use rolecall_core::session::{Iam, Session};
use rolecall_roll::{ErrorKind, FactSelection};

use crate::samples;

/// The results of the calls.
#[derive(Debug, Default)]
pub(super) struct ActionCheck {
    /// The number of actions that AWS allowed.
    pub(super) allowed: usize,
    /// The actions that AWS denied, with its answers.
    pub(super) denied: Vec<(&'static str, CallError)>,
    /// The actions that could not be tested: the account has no user, or no access key, to test them with.
    pub(super) untested: Vec<&'static str>,
    /// The users that those about one user were tested with.
    pub(super) user_names: BTreeSet<String>,
    /// The users for which each action was denied.
    pub(super) denied_users: BTreeMap<&'static str, BTreeSet<String>>,
    /// How many more users were to be tested.
    pub(super) untested_users: usize,
}

/// At most this number of users are tested, with up to five calls each.
const MAX_TESTED_USERS: usize = 20;

/// A user of the account and one of its access keys, for the calls that need one.
#[derive(Debug, Default)]
struct Sample {
    user_name: Option<String>,
    access_key_id: Option<String>,
}

impl Sample {
    fn of_user(user_name: &str) -> Self {
        Self { user_name: Some(user_name.to_owned()), access_key_id: None }
    }
}

/// Whether AWS allowed a call.
enum Permission {
    Allowed,
    Denied(CallError),
    /// There is nothing to test the action with.
    Untested,
}

/// Calls each action once. Those about one user are called for the user of the selection or the first one that a scan would list, and
/// for each of these users.
///
/// # Errors
/// The first error that is no answer about a permission, such as a timeout.
pub(super) async fn check(
    session: &Session<'_>,
    actions: &[&'static str],
    selection: &FactSelection,
    users: &BTreeSet<String>,
) -> Result<ActionCheck, Box<CallError>> {
    let iam = session.iam().boxed_local().await.map_err(Box::new)?;
    let tested = users.iter().take(MAX_TESTED_USERS).cloned();
    let mut check = ActionCheck {
        user_names: tested.collect(),
        untested_users: users.len().saturating_sub(MAX_TESTED_USERS),
        ..ActionCheck::default()
    };
    let first_user = Sample { user_name: selection.user_name.clone(), access_key_id: None };
    let users = check.user_names.iter().map(|name| Sample::of_user(name));
    let mut samples: Vec<Sample> = std::iter::once(first_user).chain(users).collect();
    let path_prefix = selection.path_prefix.as_deref();
    // The users and keys first: the other calls need them.
    let is_first = |action: &&&str| FIRST.contains(*action);
    let first = FIRST.iter().filter(|action| actions.contains(*action));
    let others = actions.iter().filter(|action| !is_first(action));
    for action in first.chain(others) {
        let count = if samples::is_about_user(action) { samples.len() } else { 1 };
        let mut results = Vec::new();
        for sample in samples.iter_mut().take(count) {
            let operation = action.split_once(':').map_or(*action, |(_, operation)| operation);
            let permission = call(&iam, operation, path_prefix, sample).boxed_local().await?;
            if let (Permission::Denied(_), Some(name)) = (&permission, &sample.user_name) {
                check.denied_users.entry(action).or_default().insert(name.clone());
            }
            results.push(permission);
        }
        check.add(action, results);
    }
    check.user_names.extend(samples.into_iter().filter_map(|sample| sample.user_name));
    Ok(check)
}

impl ActionCheck {
    /// Adds an action by its results for all users: one that is denied for one of them is denied. A user without an access key tests
    /// nothing that is about keys.
    fn add(&mut self, action: &'static str, results: Vec<Permission>) {
        let mut is_allowed = false;
        for result in results {
            match result {
                Permission::Denied(error) => return self.denied.push((action, error)),
                Permission::Untested => {}
                Permission::Allowed => is_allowed = true,
            }
        }
        if is_allowed {
            self.allowed += 1;
        } else {
            self.untested.push(action);
        }
    }
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
                let first = page.users.into_iter().next().map(|user| user.user_name);
                sample.user_name = sample.user_name.take().or(first);
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

/// The error codes of IAM for a request that is not well formed.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html>
const INVALID_REQUEST: [&str; 2] = ["ValidationError", "InvalidInput"];

/// Reads a permission from a result.
fn permission(result: Result<(), CallError>) -> Result<Permission, Box<CallError>> {
    match result {
        Ok(()) => Ok(Permission::Allowed),
        Err(error) if error.error_kind == ErrorKind::Denied => Ok(Permission::Denied(error)),
        // AWS checks the form of a request before it authorizes it.
        Err(error) if error.code.as_deref().is_some_and(|code| INVALID_REQUEST.contains(&code)) => {
            Ok(Permission::Untested)
        }
        // No such user, no report yet, no organization: AWS has looked, so the action is allowed.
        Err(error)
            if error.code.is_some() && matches!(error.error_kind, ErrorKind::NotFound | ErrorKind::Other) =>
        {
            Ok(Permission::Allowed)
        }
        Err(error) => Err(Box::new(error)),
    }
}
