//! IAM operations on a whole account: summary, alias, authorization details, credential report, organization features.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};

use super::users::member;
use super::{Page, authorization_request};
use crate::call::Call;
use crate::protocol::{ApiError, Xml};
use crate::world::{AccessKey, User};

/// How long IAM returns the same credential report before it generates a new one.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_getting-report.html>
const REPORT_LIFETIME: SignedDuration = SignedDuration::from_hours(4);

/// `iam:GetAccountSummary`.
pub(crate) fn get_account_summary(call: &mut Call<'_>) -> Result<Xml, ApiError> {
    call.allow(&authorization_request("iam:GetAccountSummary", "*", "*"))?;
    let account = call.world.account(call.caller.account_id()).unwrap_or_default();
    let users =
        u64::try_from(account.users.len()).unwrap_or_default() + call.world.fault_injection.users_hidden;
    let has_key = account.root.access_keys_active.iter().any(|is_active| *is_active);
    let entry = |(key, value): (&str, u64)| {
        let entry = Xml::new().text("key", key).text("value", value.to_string());
        Xml::new().element("entry", &entry)
    };
    let entries = [
        ("Users", users),
        ("UsersQuota", 5000),
        ("Roles", u64::try_from(account.roles.len()).unwrap_or_default()),
        ("AccessKeysPerUserQuota", 2),
        ("AccountAccessKeysPresent", u64::from(has_key)),
        ("AccountMFAEnabled", u64::from(account.root.mfa)),
        ("AccountPasswordPresent", u64::from(account.root.password)),
    ];
    Ok(Xml::new().element("SummaryMap", &entries.into_iter().map(entry).collect()))
}

/// `iam:ListAccountAliases`.
pub(crate) fn list_account_aliases(call: &mut Call<'_>) -> Result<Xml, ApiError> {
    call.allow(&authorization_request("iam:ListAccountAliases", "*", "*"))?;
    let account = call.world.account(call.caller.account_id()).unwrap_or_default();
    let aliases: Vec<&str> = account.alias.as_deref().into_iter().collect();
    Ok(Xml::new().texts("AccountAliases", &aliases).text("IsTruncated", "false"))
}

/// `iam:GetAccountAuthorizationDetails`, for users only: nothing in Rolecall reads roles or policies with it.
pub(crate) fn get_account_authorization_details(call: &mut Call<'_>) -> Result<Xml, ApiError> {
    let filters = call.parameters.texts("Filter");
    if filters != ["User"] {
        let message =
            "This emulator returns user details only; send Filter.member.1=User and no other filter.";
        return Err(ApiError::new(400, "InvalidInput", message));
    }
    let page = Page::from_request(call, "GetAccountAuthorizationDetails")?;
    call.allow(&authorization_request("iam:GetAccountAuthorizationDetails", "*", "*"))?;
    let account = call.world.account(call.caller.account_id()).unwrap_or_default();
    let users = account.users.iter().map(|(name, user)| (name.as_str(), user_detail(name, user)));
    let empty = Xml::new();
    Ok(page
        .render("UserDetailList", users)
        .element("GroupDetailList", &empty)
        .element("RoleDetailList", &empty)
        .element("Policies", &empty))
}

fn user_detail(name: &str, user: &User) -> Xml {
    let inline = user.inline_policies.iter().map(|(name, document)| {
        let document: String = form_urlencoded::byte_serialize(document.as_bytes()).collect();
        Xml::new().text("PolicyName", name).text("PolicyDocument", document.replace('+', "%20"))
    });
    let attached = user.attached_policies.iter().map(|arn| {
        let name = arn.rsplit('/').next().unwrap_or_default();
        Xml::new().text("PolicyName", name).text("PolicyArn", arn)
    });
    let tag = |(key, value): (&String, &String)| Xml::new().text("Key", key).text("Value", value);
    let groups: Vec<&str> = user.groups.iter().map(String::as_str).collect();
    member(name, user)
        .list("UserPolicyList", inline)
        .texts("GroupList", &groups)
        .list("AttachedManagedPolicies", attached)
        .list("Tags", user.tags.iter().map(tag))
}

/// `iam:GenerateCredentialReport`.
pub(crate) fn generate_credential_report(call: &mut Call<'_>) -> Result<Xml, ApiError> {
    call.allow(&authorization_request("iam:GenerateCredentialReport", "*", "*"))?;
    let account_id = call.caller.account_id().to_owned();
    let state = match call.reports.get(&account_id) {
        Some(ready) if *ready > call.now => "INPROGRESS",
        Some(ready) if is_current(*ready, call.now) => "COMPLETE",
        _ => {
            let generation_time = SignedDuration::from_millis(
                i64::try_from(call.world.fault_injection.report_ms).unwrap_or_default(),
            );
            let ready = call.now.saturating_add(generation_time).unwrap_or(call.now);
            call.reports.insert(account_id, ready);
            "STARTED"
        }
    };
    Ok(Xml::new().text("State", state))
}

/// `iam:GetCredentialReport`.
pub(crate) fn get_credential_report(call: &mut Call<'_>) -> Result<Xml, ApiError> {
    call.allow(&authorization_request("iam:GetCredentialReport", "*", "*"))?;
    let account_id = call.caller.account_id();
    let generated = match call.reports.get(account_id) {
        None => {
            return Err(ApiError::new(
                410,
                "ReportNotPresent",
                "The request was rejected because the credential report does not exist. To generate a credential \
                 report, use GenerateCredentialReport.",
            ));
        }
        Some(ready) if *ready > call.now => {
            return Err(ApiError::new(
                404,
                "ReportInProgress",
                "The request was rejected because the credential report is still being generated.",
            ));
        }
        Some(ready) if !is_current(*ready, call.now) => {
            return Err(ApiError::new(
                410,
                "ReportExpired",
                "The request was rejected because the most recent credential report has expired. To generate a new \
                 credential report, use GenerateCredentialReport.",
            ));
        }
        Some(ready) => *ready,
    };
    let account = call.world.account(account_id).unwrap_or_default();
    let mut csv = String::from(
        "user,arn,user_creation_time,password_enabled,password_last_used,password_last_changed,\
         password_next_rotation,mfa_active,access_key_1_active,access_key_1_last_rotated,access_key_1_last_used_date,\
         access_key_1_last_used_region,access_key_1_last_used_service,access_key_2_active,access_key_2_last_rotated,\
         access_key_2_last_used_date,access_key_2_last_used_region,access_key_2_last_used_service,cert_1_active,\
         cert_1_last_rotated,cert_2_active,cert_2_last_rotated\n",
    );
    let root = &account.root;
    let [first, second] = root.access_keys_active;
    let used = root.password_last_used.map_or("no_information".to_owned(), date);
    csv += &format!(
        "<root_account>,arn:aws:iam::{account_id}:root,2020-01-01T00:00:00+00:00,not_supported,{used},not_supported,\
         not_supported,{},{first},N/A,N/A,N/A,N/A,{second},N/A,N/A,N/A,N/A,false,N/A,false,N/A\n",
        root.mfa
    );
    // A user created after the report is not in it.
    for (name, user) in account.users.iter().filter(|(_, user)| user.create_date <= generated) {
        csv += &report_row(name, user);
    }
    Ok(Xml::new()
        .text("Content", STANDARD.encode(csv))
        .text("ReportFormat", "text/csv")
        .text("GeneratedTime", format!("{generated:.0}")))
}

fn report_row(name: &str, user: &User) -> String {
    let key = |key: Option<&AccessKey>| {
        key.map_or("false,N/A,N/A,N/A,N/A".to_owned(), |key| {
            let last_used = key.last_used.as_ref();
            let text = |text: Option<&String>| text.cloned().unwrap_or_else(|| "N/A".to_owned());
            format!(
                "{},{},{},{},{}",
                key.status == "Active",
                date(key.create_date),
                last_used.map_or("N/A".to_owned(), |last_used| date(last_used.date)),
                text(last_used.map(|last_used| &last_used.region)),
                text(last_used.map(|last_used| &last_used.service))
            )
        })
    };
    let quoted = if name.contains([',', '"']) {
        format!("\"{}\"", name.replace('"', "\"\""))
    } else {
        name.to_owned()
    };
    let password = user.login_profile.as_ref();
    let password_used = match (password, user.password_last_used) {
        (_, Some(at)) => date(at),
        (Some(_), None) => "no_information".to_owned(),
        (None, None) => "N/A".to_owned(),
    };
    let changed = password.map_or("N/A".to_owned(), |password| date(password.create_date));
    let arn = if user.arn.contains(',') { format!("\"{}\"", user.arn) } else { user.arn.clone() };
    format!(
        "{quoted},{arn},{},{},{password_used},{changed},N/A,{},{},{},false,N/A,false,N/A\n",
        date(user.create_date),
        password.is_some(),
        !user.mfa_devices.is_empty(),
        key(user.access_keys.first()),
        key(user.access_keys.get(1)),
    )
}

fn is_current(ready: Timestamp, now: Timestamp) -> bool {
    now.duration_since(ready) < REPORT_LIFETIME
}

/// A date as the credential report writes it: with `+00:00`, not `Z`.
fn date(date: Timestamp) -> String {
    format!("{date:.0}").replace('Z', "+00:00")
}

/// `iam:ListOrganizationsFeatures`.
pub(crate) fn list_organizations_features(call: &mut Call<'_>) -> Result<Xml, ApiError> {
    call.allow(&authorization_request("iam:ListOrganizationsFeatures", "*", "*"))?;
    let account_id = call.caller.account_id();
    let Some(organization) = call.world.organization.as_ref() else {
        let message = "The request was rejected because no organization is associated with your account.";
        return Err(ApiError::new(400, "OrganizationNotFoundException", message));
    };
    let is_authorized = account_id == organization.management_account
        || organization.delegated_administrators.iter().any(|id| id == account_id);
    if !is_authorized {
        let message = "The request was rejected because the account making the request is not the management account \
                       or delegated administrator account for centralized root access.";
        return Err(ApiError::new(400, "CallerIsNotManagementAccountException", message));
    }
    let features: &[&str] =
        if organization.manages_root_credentials { &["RootCredentialsManagement"] } else { &[] };
    Ok(Xml::new().text("OrganizationId", &organization.id).texts("EnabledFeatures", features))
}
