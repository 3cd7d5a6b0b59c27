//! The STS operations.
//!
//! Source: <https://docs.aws.amazon.com/STS/latest/APIReference/welcome.html>

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::SignedDuration;
use rolecall_policy::{NamedPolicy, Policy, PolicyType};

use crate::authentication::{Credentials, FederatedUserSession, Identity, Session, UserSession};
use crate::authorization::AuthorizationRequest;
use crate::call::Call;
use crate::protocol::{ApiError, TextConstraint, Xml};
use crate::world::Role;

/// The API version that a request names.
pub(crate) const VERSION: &str = "2011-06-15";

/// The XML namespace of responses.
pub(crate) const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";

const EXTERNAL_ID: TextConstraint = TextConstraint {
    min_length: 2,
    max_length: 1224,
    other_characters: "_+=,.@:/-",
    pattern: "[\\w+=,.@:\\/-]*",
};
/// The source identity has the same constraint.
const ROLE_SESSION_NAME: TextConstraint =
    TextConstraint { min_length: 2, max_length: 64, other_characters: "_+=,.@-", pattern: "[\\w+=,.@-]*" };

const FEDERATED_USER_NAME: TextConstraint =
    TextConstraint { min_length: 2, max_length: 32, other_characters: "_+=,.@-", pattern: "[\\w+=,.@-]*" };

/// `sts:GetCallerIdentity`, which needs no permission.
#[expect(clippy::unnecessary_wraps, reason = "all operations have this signature")]
pub(crate) fn get_caller_identity(call: &mut Call<'_>) -> Result<Xml, ApiError> {
    let caller = &call.caller;
    Ok(Xml::new()
        .text("Arn", caller.principal.as_str())
        .text("UserId", &caller.user_id)
        .text("Account", caller.account_id()))
}

/// `sts:GetAccessKeyInfo`.
pub(crate) fn get_access_key_info(call: &mut Call<'_>) -> Result<Xml, ApiError> {
    let constraint =
        TextConstraint { min_length: 16, max_length: 128, other_characters: "_", pattern: "[\\w]*" };
    let parameters = call.parameters;
    parameters.required("AccessKeyId")?;
    let id = parameters.text("AccessKeyId", constraint)?.unwrap_or_default();
    call.allow(&AuthorizationRequest::new("sts:GetAccessKeyInfo", "*", "*"))?;
    let session_account_id = call.sessions.by_access_key(id).map(Identity::account_id);
    let account_id = session_account_id
        .map(str::to_owned)
        .or_else(|| call.world.owner_of_key(id).map(|owner| owner.account_id));
    account_id.map(|account_id| Xml::new().text("Account", account_id)).ok_or_else(|| {
        ApiError::new(
            400,
            "ValidationError",
            "Invalid Access Key: no account in this world has this access key id",
        )
    })
}

/// `sts:GetSessionToken`, which needs no permission. Its purpose is to authenticate the user with an MFA device.
///
/// Source: <https://docs.aws.amazon.com/STS/latest/APIReference/API_GetSessionToken.html>
pub(crate) fn get_session_token(call: &mut Call<'_>) -> Result<Xml, ApiError> {
    let duration_s = call.parameters.number("DurationSeconds", 900, 129_600)?.unwrap_or(43_200);
    let Some(user_name) = call.caller.user_name.clone() else {
        let message = "Cannot call GetSessionToken with session credentials";
        return Err(ApiError::new(403, "AccessDenied", message));
    };
    let has_mfa = verify_mfa(call)?;
    let expires = call.now.saturating_add(SignedDuration::from_secs(duration_s.into())).unwrap_or(call.now);
    let session = UserSession { issued: call.now, expires, has_mfa };
    let account_id = call.caller.account_id().to_owned();
    require_active_region(call, &account_id)?;
    let identity = Identity::User { account_id, user_name, session: Some(session) };
    let credentials = call.sessions.issue(identity, call.now);
    Ok(Xml::new().element("Credentials", &credentials_xml(&credentials)))
}

/// `sts:GetFederationToken`.
///
/// Source: <https://docs.aws.amazon.com/STS/latest/APIReference/API_GetFederationToken.html>
pub(crate) fn get_federation_token(call: &mut Call<'_>) -> Result<Xml, ApiError> {
    let parameters = call.parameters;
    parameters.required("Name")?;
    let name = parameters.text("Name", FEDERATED_USER_NAME)?.unwrap_or_default().to_owned();
    let duration_s = parameters.number("DurationSeconds", 900, 129_600)?.unwrap_or(43_200);
    let tags = tags(call)?;
    let inline = session_policy(call)?;
    let arns = policy_arns(call)?;
    let Some(user_name) = call.caller.user_name.clone() else {
        let message = "Cannot call GetFederationToken with session credentials";
        return Err(ApiError::new(403, "AccessDenied", message));
    };
    let account_id = call.caller.account_id().to_owned();
    let expires = call.now.saturating_add(SignedDuration::from_secs(duration_s.into())).unwrap_or(call.now);
    let policies = session_policies(call, &account_id, inline, arns)?;
    let session =
        FederatedUserSession { account_id, user_name, name, policies, tags, issued: call.now, expires };
    let arn = session.arn();
    let tag_session = (!session.tags.is_empty()).then_some("sts:TagSession");
    let mut context = BTreeMap::new();
    add_tags(&mut context, &session.tags);
    for action in std::iter::once("sts:GetFederationToken").chain(tag_session) {
        let context = context.clone();
        call.allow(&AuthorizationRequest { context, ..AuthorizationRequest::new(action, &arn, &arn) })?;
    }
    require_active_region(call, &session.account_id)?;
    let user = Xml::new().text("FederatedUserId", session.user_id()).text("Arn", &arn);
    let credentials = call.sessions.issue(Identity::FederatedUser(Box::new(session)), call.now);
    Ok(Xml::new().element("Credentials", &credentials_xml(&credentials)).element("FederatedUser", &user))
}

/// Requires that STS is active, in the region of the request, for the account that the credentials are generated in.
///
/// # Errors
/// `RegionDisabledException`, with AWS's message.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_temp_enable-regions.html>
fn require_active_region(call: &Call<'_>, account_id: &str) -> Result<(), ApiError> {
    let region = call.log_entry.region.as_deref().unwrap_or_default();
    let is_disabled = call.world.account(account_id).is_some_and(|account| {
        account.sts_inactive_regions.contains(region) || account.disabled_regions.contains(region)
    });
    if !is_disabled {
        return Ok(());
    }
    let message = format!(
        "STS is not activated in this region for account:{account_id}. Your account administrator can activate STS in \
         this region using the IAM Console."
    );
    Err(ApiError::new(403, "RegionDisabledException", message))
}

/// Whether the caller authenticates with an MFA device, by `SerialNumber` and `TokenCode`. Each code is valid once.
///
/// # Errors
/// `AccessDenied`, with AWS's messages: the device is not the caller's, or the code is not valid.
fn verify_mfa(call: &mut Call<'_>) -> Result<bool, ApiError> {
    let (serial_number, code) = (call.parameters.get("SerialNumber"), call.parameters.get("TokenCode"));
    if serial_number.or(code).is_none() {
        return Ok(false);
    }
    let denied = |message: &str| ApiError::new(403, "AccessDenied", message);
    let unknown_device = "MultiFactorAuthentication failed, unable to validate MFA code.  Please verify your MFA \
                          serial number is valid and associated with this user.";
    let invalid_code = "MultiFactorAuthentication failed with invalid MFA one time pass code. ";
    let user_name = call.caller.user_name.as_ref().filter(|_| call.caller.user_session.is_none());
    let user = user_name.and_then(|name| call.world.user(call.caller.account_id(), name));
    let devices = user.iter().flat_map(|user| &user.mfa_devices);
    let device = devices.into_iter().find(|device| Some(device.serial_number.as_str()) == serial_number);
    let device = device.ok_or_else(|| denied(unknown_device))?;
    let step = device.seed.as_ref().and_then(|seed| seed.step_of(code.unwrap_or_default(), call.now));
    let step = step.ok_or_else(|| denied(invalid_code))?;
    let last_step = call.mfa_steps.get(&device.serial_number);
    if last_step.is_some_and(|last| *last >= step) {
        return Err(denied(invalid_code));
    }
    call.mfa_steps.insert(device.serial_number.clone(), step);
    Ok(true)
}

fn credentials_xml(credentials: &Credentials) -> Xml {
    Xml::new()
        .text("AccessKeyId", &credentials.access_key_id)
        .text("SecretAccessKey", &credentials.secret_access_key)
        .text("SessionToken", &credentials.session_token)
        .text("Expiration", format!("{:.0}", credentials.expiration))
}

/// `sts:AssumeRole`.
pub(crate) fn assume_role(call: &mut Call<'_>) -> Result<Xml, ApiError> {
    let request = AssumeRoleRequest::parse(call)?;
    let role = request.authorize(call)?;
    require_active_region(call, request.role_arn.split(':').nth(4).unwrap_or_default())?;
    request.check_duration(call, &role)?;
    let session = request.into_session(call, &role)?;
    let user = Xml::new()
        .text("AssumedRoleId", format!("{}:{}", session.role_id, session.role_session_name))
        .text("Arn", session.arn());
    let source_identity = session.source_identity.clone();
    let credentials = call.sessions.issue(Identity::Session(Box::new(session)), call.now);
    call.log_entry.issued_access_key_id = Some(credentials.access_key_id.clone());
    Ok(Xml::new()
        .element("AssumedRoleUser", &user)
        .element("Credentials", &credentials_xml(&credentials))
        .optional("SourceIdentity", source_identity))
}

/// The parameters of `sts:AssumeRole`, validated.
struct AssumeRoleRequest<'a> {
    role_arn: &'a str,
    role_session_name: &'a str,
    external_id: Option<&'a str>,
    duration_s: u32,
    attributes: SessionAttributes,
    session_policy: Option<NamedPolicy>,
    /// Managed policies that limit the session too.
    policy_arns: Vec<&'a str>,
    has_mfa: bool,
}

impl<'a> AssumeRoleRequest<'a> {
    /// Reads and validates the parameters. A valid session name is logged even if a later parameter is not valid.
    ///
    /// # Errors
    /// For the first parameter that is not valid, with AWS's code and message.
    fn parse(call: &mut Call<'a>) -> Result<Self, ApiError> {
        let parameters = call.parameters;
        let role_arn = parameters.required("RoleArn")?;
        check_role_arn(role_arn)?;
        parameters.required("RoleSessionName")?;
        let role_session_name = parameters.text("RoleSessionName", ROLE_SESSION_NAME)?.unwrap_or_default();
        call.log_entry.session_name = Some(role_session_name.to_owned());
        let external_id = parameters.text("ExternalId", EXTERNAL_ID)?;
        let duration_s = parameters.number("DurationSeconds", 900, 43_200)?.unwrap_or(3600);
        let attributes = SessionAttributes::parse(call)?;
        let session_policy = session_policy(call)?;
        let policy_arns = policy_arns(call)?;
        let has_mfa = verify_mfa(call)?;
        Ok(Self {
            role_arn,
            role_session_name,
            external_id,
            duration_s,
            attributes,
            session_policy,
            policy_arns,
            has_mfa,
        })
    }

    /// Returns the role if the policies let the caller assume it with these tags and this source identity.
    ///
    /// # Errors
    /// `AccessDenied`, with AWS's message.
    fn authorize(&self, call: &mut Call<'_>) -> Result<Arc<Role>, ApiError> {
        // As in AWS, the caller cannot distinguish a role that does not exist from a role that does not trust it.
        // Nobody can assume a role in an account that is suspended or closed.
        let account_id = self.role_arn.split(':').nth(4).unwrap_or_default();
        let role = call.world.role(self.role_arn).filter(|_| !call.world.is_suspended(account_id));
        let empty_trust_policy =
            NamedPolicy { name: "the trust policy of a missing role".to_owned(), policy: Policy::empty() };
        let trust = role.as_ref().map_or(&empty_trust_policy, |role| &role.trust_policy);
        let mut actions = vec!["sts:AssumeRole"];
        actions.extend((!self.attributes.tags.is_empty()).then_some("sts:TagSession"));
        actions.extend(self.attributes.source_identity.as_ref().map(|_| "sts:SetSourceIdentity"));
        for action in actions {
            call.allow(&AuthorizationRequest {
                action,
                resource: self.role_arn,
                resource_in_message: self.role_arn,
                trust: Some(trust),
                resource_tags: BTreeMap::new(),
                context: self.context(),
            })?;
        }
        role.ok_or_else(|| ApiError::new(403, "AccessDenied", "The role does not exist."))
    }

    /// The condition keys of the request.
    fn context(&self) -> BTreeMap<String, Vec<String>> {
        let session_name = vec![self.role_session_name.to_owned()];
        let mut context = BTreeMap::from([("sts:RoleSessionName".to_owned(), session_name)]);
        context.extend(self.external_id.map(|id| ("sts:ExternalId".to_owned(), vec![id.to_owned()])));
        if self.has_mfa {
            context.insert("aws:MultiFactorAuthPresent".to_owned(), vec!["true".to_owned()]);
            context.insert("aws:MultiFactorAuthAge".to_owned(), vec!["0".to_owned()]);
        }
        self.attributes.add_to(&mut context);
        context
    }

    /// Checks `DurationSeconds` against the role's maximum and the limit of role chaining.
    ///
    /// # Errors
    /// `ValidationError`, with AWS's message.
    fn check_duration(&self, call: &Call<'_>, role: &Role) -> Result<(), ApiError> {
        let message = if call.caller.session.is_some() && self.duration_s > 3600 {
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining."
        } else if self.duration_s > role.max_session_duration {
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."
        } else {
            return Ok(());
        };
        Err(ApiError::new(400, "ValidationError", message))
    }

    /// The session of the role.
    ///
    /// # Errors
    /// `MalformedPolicyDocument` if the role's account cannot have one of the managed policies.
    fn into_session(self, call: &Call<'_>, role: &Role) -> Result<Session, ApiError> {
        let account_id = self.role_arn.split(':').nth(4).unwrap_or_default();
        let now = call.now;
        let policies = session_policies(call, account_id, self.session_policy, self.policy_arns)?;
        let duration = SignedDuration::from_secs(self.duration_s.into());
        let SessionAttributes { source_identity, tags, transitive_tags, .. } = self.attributes;
        Ok(Session {
            role_arn: role.arn.clone(),
            role_id: role.unique_id.clone(),
            role_session_name: self.role_session_name.to_owned(),
            policies,
            source_identity,
            tags,
            transitive_tags,
            issued: now,
            expires: now.saturating_add(duration).unwrap_or(now),
        })
    }
}

/// Session tags and source identity, from the request and from the previous session of a role chain.
struct SessionAttributes {
    /// All tags of the new session: `passed_tags` and the inherited ones.
    tags: BTreeMap<String, String>,
    /// `Tags` of the request.
    passed_tags: BTreeMap<String, String>,
    /// `TransitiveTagKeys` of the request.
    transitive_keys: Vec<String>,
    /// The part of `tags` that the next session of a role chain inherits.
    transitive_tags: BTreeMap<String, String>,
    source_identity: Option<String>,
}

impl SessionAttributes {
    /// Reads the request, and adds what the session inherits from the previous one.
    ///
    /// # Errors
    /// With AWS's codes: tags that are not valid, or that would override an inherited tag or source identity.
    ///
    /// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_session-tags.html#id_session-tags_role-chaining>,
    /// <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_temp_control-access_monitor.html>
    fn parse(call: &Call<'_>) -> Result<Self, ApiError> {
        let previous = call.caller.session.as_deref();
        let passed_tags = tags(call)?;
        let transitive_keys = call.parameters.texts("TransitiveTagKeys");
        let is_among = |keys: &[&str], key: &str| keys.iter().any(|other| other.eq_ignore_ascii_case(key));
        let passed_keys: Vec<&str> = passed_tags.keys().map(String::as_str).collect();
        if let Some(key) = transitive_keys.iter().find(|key| !is_among(&passed_keys, key)) {
            let message = format!("The transitive tag key {key} is not one of the keys in Tags.");
            return Err(ApiError::new(400, "InvalidParameterValue", message));
        }
        let inherited = previous.map(|session| session.transitive_tags.clone()).unwrap_or_default();
        let inherited_keys: Vec<&str> = inherited.keys().map(String::as_str).collect();
        if let Some(key) = passed_keys.iter().find(|key| is_among(&inherited_keys, key)) {
            let message = format!("The session tag {key} is transitive and cannot be overridden.");
            return Err(ApiError::new(403, "AccessDenied", message));
        }
        let passed_identity = call.parameters.text("SourceIdentity", ROLE_SESSION_NAME)?;
        let inherited_identity = previous.and_then(|session| session.source_identity.clone());
        if inherited_identity
            .as_deref()
            .is_some_and(|inherited| passed_identity.is_some_and(|passed| passed != inherited))
        {
            let message = "The source identity of a session cannot be changed when roles are chained.";
            return Err(ApiError::new(403, "AccessDenied", message));
        }
        let mut tags = inherited.clone();
        tags.extend(passed_tags.clone());
        let mut transitive_tags = inherited;
        let passed_on = passed_tags.iter().filter(|(key, _)| is_among(&transitive_keys, key));
        transitive_tags.extend(passed_on.map(|(key, value)| (key.clone(), value.clone())));
        Ok(Self {
            tags,
            transitive_keys: transitive_keys.iter().map(|key| (*key).to_owned()).collect(),
            transitive_tags,
            source_identity: passed_identity.map(str::to_owned).or(inherited_identity),
            passed_tags,
        })
    }

    /// Adds the condition keys for tags and source identity.
    fn add_to(&self, context: &mut BTreeMap<String, Vec<String>>) {
        let mut set = |key: &str, values: Vec<String>| {
            if !values.is_empty() {
                context.insert(key.to_owned(), values);
            }
        };
        set("sts:SourceIdentity", self.source_identity.iter().cloned().collect());
        set("sts:TransitiveTagKeys", self.transitive_keys.clone());
        add_tags(context, &self.passed_tags);
    }
}

/// Adds the condition keys for the session tags of a request.
fn add_tags(context: &mut BTreeMap<String, Vec<String>>, tags: &BTreeMap<String, String>) {
    if !tags.is_empty() {
        context.insert("aws:TagKeys".to_owned(), tags.keys().cloned().collect());
    }
    context.extend(tags.iter().map(|(key, value)| (format!("aws:RequestTag/{key}"), vec![value.clone()])));
}

/// Checks that a text is the ARN of a role, which need not exist.
///
/// # Errors
/// `ValidationError`, with AWS's message.
fn check_role_arn(text: &str) -> Result<(), ApiError> {
    let length = text.chars().count();
    let constraint = if length < 20 {
        "Member must have length greater than or equal to 20"
    } else if length > 2048 {
        "Member must have length less than or equal to 2048"
    } else if is_role_arn(text) {
        return Ok(());
    } else {
        return Err(ApiError::new(400, "ValidationError", format!("{text} is invalid")));
    };
    Err(ApiError::invalid("RoleArn", Some(text), constraint))
}

/// Whether a text is the ARN of a role in any partition.
fn is_role_arn(text: &str) -> bool {
    let mut fields = text.splitn(6, ':');
    let [arn, partition, service, region, account_id, resource] =
        [(); 6].map(|()| fields.next().unwrap_or_default());
    let name = resource.strip_prefix("role/").and_then(|path_and_name| path_and_name.rsplit('/').next());
    arn == "arn"
        && partition.starts_with("aws")
        && service == "iam"
        && region.is_empty()
        && account_id.len() == 12
        && account_id.bytes().all(|byte| byte.is_ascii_digit())
        && name.is_some_and(|name| !name.is_empty())
}

/// The session tags of a request.
///
/// # Errors
/// With AWS's codes: more than 50 tags, a key or value that is not valid, a key that occurs twice (ignoring case).
fn tags(call: &Call<'_>) -> Result<BTreeMap<String, String>, ApiError> {
    let members = call.parameters.members("Tags");
    if members.len() > 50 {
        let constraint = "Member must have length less than or equal to 50";
        return Err(ApiError::invalid("Tags", Some(&members.len().to_string()), constraint));
    }
    let mut tags = BTreeMap::new();
    for member in members {
        let constraint = |min_length, max_length, pattern| TextConstraint {
            min_length,
            max_length,
            other_characters: " _.:/=+-@",
            pattern,
        };
        let key = *member.get("Key").unwrap_or(&"");
        let numbered = |name: &str| format!("Tags.{}.member.{name}", tags.len() + 1);
        constraint(1, 128, "[\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]+").check(&numbered("key"), key)?;
        let missing = || ApiError::invalid(&numbered("value"), None, "Member must not be null");
        let value = *member.get("Value").ok_or_else(missing)?;
        constraint(0, 256, "[\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]*").check(&numbered("value"), value)?;
        if key.to_ascii_lowercase().starts_with("aws:") {
            let message = "Tag keys beginning with aws: are reserved.";
            return Err(ApiError::new(400, "InvalidParameterValue", message));
        }
        let is_duplicate = tags.keys().any(|other: &String| other.eq_ignore_ascii_case(key));
        if is_duplicate || tags.insert(key.to_owned(), value.to_owned()).is_some() {
            return Err(ApiError::new(400, "InvalidParameterValue", "Duplicate tag keys found."));
        }
    }
    Ok(tags)
}

/// The ARNs of the managed policies that limit a session.
///
/// # Errors
/// `ValidationError` if there are more than ten, or one is not an ARN.
fn policy_arns<'a>(call: &Call<'a>) -> Result<Vec<&'a str>, ApiError> {
    let members = call.parameters.members("PolicyArns");
    let arns: Vec<&str> = members.iter().map(|member| *member.get("arn").unwrap_or(&"")).collect();
    if arns.len() > 10 {
        let constraint = "Member must have length less than or equal to 10";
        return Err(ApiError::invalid("PolicyArns", Some(&arns.len().to_string()), constraint));
    }
    if let Some(short) = arns.iter().find(|arn| arn.chars().count() < 20) {
        let constraint = "Member must have length greater than or equal to 20";
        return Err(ApiError::invalid("PolicyArns.member.arn", Some(short), constraint));
    }
    Ok(arns)
}

/// The session policies of a request, inline and managed; `None` if it passes none.
///
/// # Errors
/// `MalformedPolicyDocument` if the account cannot have one of the managed policies.
fn session_policies(
    call: &Call<'_>,
    account_id: &str,
    inline: Option<NamedPolicy>,
    arns: Vec<&str>,
) -> Result<Option<Vec<NamedPolicy>>, ApiError> {
    let mut policies: Vec<NamedPolicy> = inline.into_iter().collect();
    for arn in arns {
        let policy = call.world.managed_policy(account_id, arn).ok_or_else(|| {
            ApiError::new(400, "MalformedPolicyDocument", format!("The policy {arn} does not exist."))
        })?;
        policies.push(policy.document.clone());
    }
    Ok((!policies.is_empty()).then_some(policies))
}

/// The inline session policy of a request; `None` if it passes none.
///
/// # Errors
/// `MalformedPolicyDocument`, with the place in the policy.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies.html#policies_session>
fn session_policy(call: &Call<'_>) -> Result<Option<NamedPolicy>, ApiError> {
    let Some(text) = call.parameters.get("Policy") else { return Ok(None) };
    if text.chars().count() > 2048 {
        return Err(ApiError::invalid(
            "Policy",
            Some(text),
            "Member must have length less than or equal to 2048",
        ));
    }
    // "The error message describes the specific error."
    // https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
    let malformed = |problem| ApiError::new(400, "MalformedPolicyDocument", problem);
    let value: serde_json::Value = rolecall_json::parse(text)
        .map_err(|error| malformed(format!("This policy contains invalid Json: {error}")))?;
    let syntax_error = |error| malformed(format!("Syntax errors in policy. {error}"));
    let policy = Policy::parse(&value, PolicyType::Session).map_err(syntax_error)?;
    let session_policy = NamedPolicy { name: "the session policy".to_owned(), policy };
    session_policy
        .policy
        .errors(PolicyType::Session)
        .into_iter()
        .next()
        .map_or(Ok(Some(session_policy)), |error| Err(syntax_error(error)))
}
