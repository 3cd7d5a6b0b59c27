//! The STS operations.
//!
//! Source: <https://docs.aws.amazon.com/STS/latest/APIReference/welcome.html>

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use rolecall_policy::{NamedPolicy, Policy, PolicyType};

use crate::authentication::Session;
use crate::authorization::AuthorizationRequest;
use crate::call::Call;
use crate::protocol::{ApiError, TextConstraint, Xml};
use crate::world::{Role, unique_id};

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
    call.allow(&AuthorizationRequest {
        action: "sts:GetAccessKeyInfo",
        resource: "*",
        resource_in_message: "*",
        trust: None,
        resource_tags: BTreeMap::new(),
        context: BTreeMap::new(),
    })?;
    let session_account_id = call.sessions.by_access_key(id).map(Session::account_id);
    let account_id = session_account_id
        .map(str::to_owned)
        .or_else(|| call.world.owner_of_key(id).map(|(account_id, _)| account_id));
    account_id.map(|account_id| Xml::new().text("Account", account_id)).ok_or_else(|| {
        ApiError::new(
            400,
            "ValidationError",
            "Invalid Access Key: no account in this world has this access key id",
        )
    })
}

/// `sts:AssumeRole`.
pub(crate) fn assume_role(call: &mut Call<'_>) -> Result<Xml, ApiError> {
    let request = AssumeRoleRequest::parse(call)?;
    let role = request.authorize(call)?;
    request.check_duration(call, &role)?;
    let session = request.into_session(&role, call.now);
    let user = Xml::new()
        .text("AssumedRoleId", format!("{}:{}", session.role_id, session.role_session_name))
        .text("Arn", session.arn());
    let source_identity = session.source_identity.clone();
    let credentials = call.sessions.issue(session);
    call.log_entry.issued_access_key_id = Some(credentials.access_key_id.clone());
    let credentials_xml = Xml::new()
        .text("AccessKeyId", &credentials.access_key_id)
        .text("SecretAccessKey", &credentials.secret_access_key)
        .text("SessionToken", &credentials.session_token)
        .text("Expiration", format!("{:.0}", credentials.expiration));
    Ok(Xml::new()
        .element("AssumedRoleUser", &user)
        .element("Credentials", &credentials_xml)
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
        if parameters.get("SerialNumber").or(parameters.get("TokenCode")).is_some() {
            // The emulator has no MFA device that could make a code, so none is valid.
            let message = "MultiFactorAuthentication failed with invalid MFA one time pass code.";
            return Err(ApiError::new(403, "AccessDenied", message));
        }
        let attributes = SessionAttributes::parse(call)?;
        let session_policy = session_policy(call)?;
        Ok(Self { role_arn, role_session_name, external_id, duration_s, attributes, session_policy })
    }

    /// Returns the role if the policies let the caller assume it with these tags and this source identity.
    ///
    /// # Errors
    /// `AccessDenied`, with AWS's message.
    fn authorize(&self, call: &mut Call<'_>) -> Result<Arc<Role>, ApiError> {
        // As in AWS, the caller cannot distinguish a role that does not exist from a role that does not trust it.
        let role = call.world.role(self.role_arn);
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

    fn into_session(self, role: &Role, now: Timestamp) -> Session {
        let account_id = self.role_arn.split(':').nth(4).unwrap_or_default();
        let role_name = self.role_arn.rsplit('/').next().unwrap_or_default();
        let duration = SignedDuration::from_secs(self.duration_s.into());
        let SessionAttributes { source_identity, tags, transitive_tags, .. } = self.attributes;
        Session {
            role_arn: role.arn.clone(),
            role_id: unique_id("AROA", account_id, role_name),
            role_session_name: self.role_session_name.to_owned(),
            policy: self.session_policy,
            source_identity,
            tags,
            transitive_tags,
            issued: now,
            expires: now.saturating_add(duration).unwrap_or(now),
        }
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
        let mut set = |key: String, values: Vec<String>| {
            if !values.is_empty() {
                context.insert(key, values);
            }
        };
        set("sts:SourceIdentity".to_owned(), self.source_identity.iter().cloned().collect());
        set("sts:TransitiveTagKeys".to_owned(), self.transitive_keys.clone());
        set("aws:TagKeys".to_owned(), self.passed_tags.keys().cloned().collect());
        for (key, value) in &self.passed_tags {
            set(format!("aws:RequestTag/{key}"), vec![value.clone()]);
        }
    }
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

/// The session policy of a request; `None` if it passes none.
///
/// # Errors
/// `MalformedPolicyDocument`, with the place in the policy. Managed policies (`PolicyArns`) are not supported.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies.html#policies_session>
fn session_policy(call: &Call<'_>) -> Result<Option<NamedPolicy>, ApiError> {
    if !call.parameters.members("PolicyArns").is_empty() {
        let message = "This emulator does not support PolicyArns; pass the policy document in Policy.";
        return Err(ApiError::new(400, "InvalidParameterValue", message));
    }
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
    let value = serde_json::from_str(text)
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
