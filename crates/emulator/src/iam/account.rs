//! IAM operations on a whole account: summary, alias, password policy, what it stores, credential report, organization
//! features.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};

use super::users::member;
use super::{Page, account, allow, allow_on_path, path_prefix, required_name, tag_list};
use crate::authorization::AuthorizationRequest;
use crate::call::Call;
use crate::protocol::{ApiError, Xml};
use crate::world::{AccessKey, User, unique_id};

/// How long IAM returns the same credential report before it generates a new one.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_getting-report.html>
const REPORT_LIFETIME: SignedDuration = SignedDuration::from_hours(4);

/// The quotas in the account summary, with IAM's defaults.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>
const QUOTAS: [(&str, u64); 17] = [
    ("AccessKeysPerUserQuota", 2),
    ("AssumeRolePolicySizeQuota", 2048),
    ("AttachedPoliciesPerGroupQuota", 10),
    ("AttachedPoliciesPerRoleQuota", 10),
    ("AttachedPoliciesPerUserQuota", 10),
    ("GlobalEndpointTokenVersion", 1),
    ("GroupPolicySizeQuota", 5120),
    ("GroupsPerUserQuota", 10),
    ("GroupsQuota", 300),
    ("InstanceProfilesQuota", 1000),
    ("PoliciesQuota", 1500),
    ("PolicySizeQuota", 6144),
    ("RolePolicySizeQuota", 10_240),
    ("RolesQuota", 1000),
    ("ServerCertificatesQuota", 20),
    ("UserPolicySizeQuota", 2048),
    ("UsersQuota", 5000),
];

/// `iam:GetAccountSummary`.
pub(crate) fn get_account_summary(call: &mut Call<'_>) -> Result<Xml, ApiError> {
    allow(call, "iam:GetAccountSummary")?;
    let account = account(call);
    let count = |length: usize| u64::try_from(length).unwrap_or_default();
    let users = count(account.users.len()) + call.world.fault_injection.users_hidden;
    let has_key = account.root.active_keys().contains(&true);
    let devices = || account.users.values().flat_map(|user| &user.mfa_devices);
    let root_devices = usize::from(account.root.mfa);
    let mut entries = vec![
        ("AccountAccessKeysPresent", u64::from(has_key)),
        ("AccountMFAEnabled", u64::from(account.root.mfa)),
        ("AccountPasswordPresent", u64::from(account.root.password)),
        ("AccountSigningCertificatesPresent", 0),
        ("Groups", count(account.groups.len())),
        ("InstanceProfiles", 0),
        // Virtual and hardware devices, those of users and of the root user.
        ("MFADevices", count(devices().count() + root_devices)),
        ("MFADevicesInUse", count(devices().count() + root_devices)),
        ("Policies", count(account.managed_policies.len())),
        ("PolicyVersionsInUse", count(account.managed_policies.len())),
        ("PolicyVersionsInUseQuota", 10_000),
        ("Providers", count(account.saml_providers.len())),
        ("Roles", count(account.roles.len())),
        ("ServerCertificates", count(account.server_certificates.len())),
        ("SigningCertificatesPerUserQuota", 2),
        ("Users", users),
        ("VersionsPerPolicyQuota", 5),
    ];
    entries.extend(QUOTAS);
    entries.sort_unstable();
    let entry = |(key, value): (&str, u64)| {
        let entry = Xml::new().text("key", key).text("value", value.to_string());
        Xml::new().element("entry", &entry)
    };
    Ok(Xml::new().element("SummaryMap", &entries.into_iter().map(entry).collect()))
}

/// `iam:ListAccountAliases`.
pub(crate) fn list_account_aliases(call: &mut Call<'_>) -> Result<Xml, ApiError> {
    let page = Page::from_request(call, "ListAccountAliases")?;
    allow(call, "iam:ListAccountAliases")?;
    Ok(page.render_texts("AccountAliases", account(call).alias.as_deref().into_iter()))
}

/// `iam:GetAccountPasswordPolicy`.
pub(crate) fn get_account_password_policy(call: &mut Call<'_>) -> Result<Xml, ApiError> {
    allow(call, "iam:GetAccountPasswordPolicy")?;
    let account = account(call);
    let policy = account.password_policy.as_ref().ok_or_else(|| {
        let name = "The account policy with name PasswordPolicy cannot be found.";
        ApiError::no_such_entity(name)
    })?;
    let number = |number: Option<u32>| number.map(|number| number.to_string());
    let xml = Xml::new()
        .text("MinimumPasswordLength", policy.minimum_password_length.to_string())
        .text("RequireSymbols", policy.require_symbols.to_string())
        .text("RequireNumbers", policy.require_numbers.to_string())
        .text("RequireUppercaseCharacters", policy.require_uppercase_characters.to_string())
        .text("RequireLowercaseCharacters", policy.require_lowercase_characters.to_string())
        .text("AllowUsersToChangePassword", policy.allow_users_to_change_password.to_string())
        .text("ExpirePasswords", policy.max_password_age.is_some().to_string())
        .optional("MaxPasswordAge", number(policy.max_password_age))
        .optional("PasswordReusePrevention", number(policy.password_reuse_prevention))
        .optional("HardExpiry", policy.hard_expiry.map(|is_hard| is_hard.to_string()));
    Ok(Xml::new().element("PasswordPolicy", &xml))
}

/// `iam:ListVirtualMFADevices`: the devices with an ARN as their serial number. A world has none that no user has.
pub(crate) fn list_virtual_mfa_devices(call: &mut Call<'_>) -> Result<Xml, ApiError> {
    let page = Page::from_request(call, "ListVirtualMFADevices")?;
    let status = call.parameters.get("AssignmentStatus").unwrap_or("Any");
    if !["Any", "Assigned", "Unassigned"].contains(&status) {
        let constraint = "Member must satisfy enum value set: [Unassigned, Any, Assigned]";
        return Err(ApiError::invalid("AssignmentStatus", Some(status), constraint));
    }
    allow_on_path(call, "iam:ListVirtualMFADevices", "mfa/")?;
    let account = account(call);
    let devices = account
        .users
        .iter()
        .flat_map(|(name, user)| user.mfa_devices.iter().map(move |device| (name, user, device)));
    let mut devices: Vec<_> = devices
        .filter(|(_, _, device)| device.serial_number.starts_with("arn:") && status != "Unassigned")
        .map(|(name, user, device)| {
            let xml = Xml::new()
                .text("SerialNumber", &device.serial_number)
                .element("User", &member(name, user))
                .text("EnableDate", super::date(device.enable_date));
            (device.serial_number.as_str(), xml)
        })
        .collect();
    devices.sort_by_key(|(serial_number, _)| *serial_number);
    Ok(page.render("VirtualMFADevices", devices.into_iter()))
}

/// `iam:ListSAMLProviders`.
pub(crate) fn list_saml_providers(call: &mut Call<'_>) -> Result<Xml, ApiError> {
    allow_on_path(call, "iam:ListSAMLProviders", "saml-provider/*")?;
    let account_id = call.caller.account_id();
    let account = account(call);
    let providers = account.saml_providers.iter().map(|(name, provider)| {
        Xml::new()
            .text("Arn", format!("arn:aws:iam::{account_id}:saml-provider/{name}"))
            .text("ValidUntil", super::date(provider.valid_until))
            .text("CreateDate", super::date(provider.create_date))
    });
    Ok(Xml::new().list("SAMLProviderList", providers))
}

/// `iam:ListSAMLProviderTags`.
pub(crate) fn list_saml_provider_tags(call: &mut Call<'_>) -> Result<Xml, ApiError> {
    let arn = call.parameters.required("SAMLProviderArn")?;
    let page = Page::from_request(call, "ListSAMLProviderTags")?;
    call.allow(&AuthorizationRequest::new("iam:ListSAMLProviderTags", arn, arn))?;
    let account = account(call);
    let prefix = format!("arn:aws:iam::{}:saml-provider/", call.caller.account_id());
    let provider = arn.strip_prefix(&prefix).and_then(|name| account.saml_providers.get(name));
    let message = || format!("Manifest not found for arn {arn}");
    Ok(tag_list(&page, &provider.ok_or_else(|| ApiError::no_such_entity(message()))?.tags))
}

/// `iam:ListServerCertificateTags`.
pub(crate) fn list_server_certificate_tags(call: &mut Call<'_>) -> Result<Xml, ApiError> {
    let name = required_name(call, "ServerCertificateName")?;
    let page = Page::from_request(call, "ListServerCertificateTags")?;
    let account = account(call);
    let certificate = account.server_certificates.get(name);
    let path = certificate.map_or("/", |certificate| &certificate.path);
    allow_on_path(call, "iam:ListServerCertificateTags", &format!("server-certificate{path}{name}"))?;
    let message = || format!("The Server Certificate with name {name} cannot be found.");
    Ok(tag_list(&page, &certificate.ok_or_else(|| ApiError::no_such_entity(message()))?.tags))
}

/// `iam:ListServerCertificates`.
pub(crate) fn list_server_certificates(call: &mut Call<'_>) -> Result<Xml, ApiError> {
    let page = Page::from_request(call, "ListServerCertificates")?;
    let prefix = path_prefix(call)?;
    allow_on_path(call, "iam:ListServerCertificates", &format!("server-certificate{prefix}"))?;
    let account_id = call.caller.account_id();
    let account = account(call);
    let with_prefix = account.server_certificates.iter().filter(|(_, it)| it.path.starts_with(prefix));
    let certificates = with_prefix.map(|(name, certificate)| {
        let path = &certificate.path;
        let xml = Xml::new()
            .text("Path", path)
            .text("ServerCertificateName", name)
            .text("ServerCertificateId", unique_id("ASCA", account_id, name))
            .text("Arn", format!("arn:aws:iam::{account_id}:server-certificate{path}{name}"))
            .text("UploadDate", super::date(certificate.upload_date))
            .text("Expiration", super::date(certificate.expiration));
        (name.as_str(), xml)
    });
    Ok(page.render("ServerCertificateMetadataList", certificates))
}

/// `iam:GenerateCredentialReport`.
pub(crate) fn generate_credential_report(call: &mut Call<'_>) -> Result<Xml, ApiError> {
    allow(call, "iam:GenerateCredentialReport")?;
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
    allow(call, "iam:GetCredentialReport")?;
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
    let [first, second] = root.active_keys();
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
    allow(call, "iam:ListOrganizationsFeatures")?;
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
        return Err(ApiError::new(400, "AccountNotManagementOrDelegatedAdministratorException", message));
    }
    let features: &[&str] =
        if organization.manages_root_credentials { &["RootCredentialsManagement"] } else { &[] };
    Ok(Xml::new().text("OrganizationId", &organization.id).texts("EnabledFeatures", features))
}
