//! The operations of STS.
//!
//! Source: <https://docs.aws.amazon.com/STS/latest/APIReference/welcome.html>

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use rolecall_policy::{NamedPolicy, Policy, PolicyType};

use crate::authentication::Session;
use crate::authorization::AuthorizationRequest;
use crate::call::Call;
use crate::protocol::{ApiError, Rule, Xml};
use crate::world::{Role, unique_id};

/// Its version.
pub(crate) const VERSION: &str = "2011-06-15";

/// The namespace of its answers.
pub(crate) const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";

const EXTERNAL_ID: Rule = Rule { least: 2, most: 1224, also: "_+=,.@:/-", pattern: "[\\w+=,.@:\\/-]*" };
const ROLE_SESSION_NAME: Rule = Rule { least: 2, most: 64, also: "_+=,.@-", pattern: "[\\w+=,.@-]*" };

/// `sts:GetCallerIdentity`, which needs no permission.
#[expect(clippy::unnecessary_wraps, reason = "an operation like the others")]
pub(crate) fn get_caller_identity(call: &mut Call<'_>) -> Result<Xml, ApiError> {
    let caller = &call.caller;
    Ok(Xml::new()
        .text("Arn", caller.principal.as_str())
        .text("UserId", &caller.user_id)
        .text("Account", caller.account_id()))
}

/// `sts:GetAccessKeyInfo`.
pub(crate) fn get_access_key_info(call: &mut Call<'_>) -> Result<Xml, ApiError> {
    let rule = Rule { least: 16, most: 128, also: "_", pattern: "[\\w]*" };
    let parameters = call.parameters;
    parameters.required("AccessKeyId")?;
    let id = parameters.text("AccessKeyId", rule)?.unwrap_or_default();
    call.allow(&AuthorizationRequest {
        action: "sts:GetAccessKeyInfo",
        resource: "*",
        shown: "*",
        trust: None,
        resource_tags: BTreeMap::new(),
        context: BTreeMap::new(),
    })?;
    let of_session = call.sessions.of_key(id).map(Session::account_id);
    let account_id = of_session
        .map(str::to_owned)
        .or_else(|| call.world.owner_of_key(id).map(|(account_id, _)| account_id));
    account_id.map(|account_id| Xml::new().text("Account", account_id)).ok_or_else(|| {
        ApiError::new(
            400,
            "ValidationError",
            "Invalid Access Key: the access key id belongs to no account of this world",
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
    let issued = call.sessions.issue(session);
    let credentials = Xml::new()
        .text("AccessKeyId", &issued.access_key_id)
        .text("SecretAccessKey", &issued.secret_access_key)
        .text("SessionToken", &issued.session_token)
        .text("Expiration", format!("{:.0}", issued.expiration));
    Ok(Xml::new()
        .element("AssumedRoleUser", &user)
        .element("Credentials", &credentials)
        .optional("SourceIdentity", source_identity))
}

/// The parameters of `sts:AssumeRole`, each within AWS's rules.
struct AssumeRoleRequest<'a> {
    role_arn: &'a str,
    role_session_name: &'a str,
    external_id: Option<&'a str>,
    duration_s: u32,
    attributes: SessionAttributes,
    session_policy: Option<NamedPolicy>,
}

impl<'a> AssumeRoleRequest<'a> {
    /// The parameters of a call. The session's name is written down as soon as it is a valid one.
    ///
    /// # Errors
    /// In AWS's codes and words: the first parameter that breaks a rule.
    fn parse(call: &mut Call<'a>) -> Result<Self, ApiError> {
        let parameters = call.parameters;
        let role_arn = parameters.required("RoleArn")?;
        check_role_arn(role_arn)?;
        parameters.required("RoleSessionName")?;
        let role_session_name = parameters.text("RoleSessionName", ROLE_SESSION_NAME)?.unwrap_or_default();
        call.line.session_name = Some(role_session_name.to_owned());
        let external_id = parameters.text("ExternalId", EXTERNAL_ID)?;
        let duration_s = parameters.number("DurationSeconds", 900, 43_200)?.unwrap_or(3600);
        if parameters.get("SerialNumber").or(parameters.get("TokenCode")).is_some() {
            // There are no devices here, so no code is theirs.
            let message = "MultiFactorAuthentication failed with invalid MFA one time pass code.";
            return Err(ApiError::new(403, "AccessDenied", message));
        }
        let attributes = SessionAttributes::parse(call)?;
        let session_policy = session_policy(call)?;
        Ok(Self { role_arn, role_session_name, external_id, duration_s, attributes, session_policy })
    }

    /// The role, which the caller may assume as the request says.
    ///
    /// # Errors
    /// `AccessDenied`, in AWS's words.
    fn authorize(&self, call: &mut Call<'_>) -> Result<Arc<Role>, ApiError> {
        // A role that is not there is told from one that does not trust the caller by nobody outside.
        let role = call.world.role(self.role_arn);
        let nobody = NamedPolicy { name: "no such role".to_owned(), policy: Policy::empty() };
        let trust = role.as_ref().map_or(&nobody, |role| &role.trust_policy);
        let mut actions = vec!["sts:AssumeRole"];
        actions.extend((!self.attributes.tags.is_empty()).then_some("sts:TagSession"));
        actions.extend(self.attributes.source_identity.as_ref().map(|_| "sts:SetSourceIdentity"));
        for action in actions {
            call.allow(&AuthorizationRequest {
                action,
                resource: self.role_arn,
                shown: self.role_arn,
                trust: Some(trust),
                resource_tags: BTreeMap::new(),
                context: self.context(),
            })?;
        }
        role.ok_or_else(|| ApiError::new(403, "AccessDenied", "the role is not there"))
    }

    /// The condition keys that the request adds to the caller's.
    fn context(&self) -> BTreeMap<String, Vec<String>> {
        let session_name = vec![self.role_session_name.to_owned()];
        let mut context = BTreeMap::from([("sts:RoleSessionName".to_owned(), session_name)]);
        context.extend(self.external_id.map(|id| ("sts:ExternalId".to_owned(), vec![id.to_owned()])));
        self.attributes.add_to(&mut context);
        context
    }

    /// Holds that a session of the role may be as long as the request says.
    ///
    /// # Errors
    /// `ValidationError`, in AWS's words.
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

    /// The session of the role that the request is for.
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

/// What a session is given besides its name, by the request and by the session before it.
struct SessionAttributes {
    tags: BTreeMap<String, String>,
    /// Those of the tags that the request passes.
    passed_tags: BTreeMap<String, String>,
    transitive_keys: Vec<String>,
    transitive_tags: BTreeMap<String, String>,
    source_identity: Option<String>,
}

impl SessionAttributes {
    /// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_session-tags.html#id_session-tags_role-chaining>,
    /// <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_temp_control-access_monitor.html>
    fn parse(call: &Call<'_>) -> Result<Self, ApiError> {
        let before = call.caller.session.as_deref();
        let passed_tags = tags(call)?;
        let transitive_keys = call.parameters.texts("TransitiveTagKeys");
        let is_among = |keys: &[&str], key: &str| keys.iter().any(|other| other.eq_ignore_ascii_case(key));
        let passed_keys: Vec<&str> = passed_tags.keys().map(String::as_str).collect();
        if let Some(key) = transitive_keys.iter().find(|key| !is_among(&passed_keys, key)) {
            let message = format!("The transitive tag key {key} is none of the keys of the tags.");
            return Err(ApiError::new(400, "InvalidParameterValue", message));
        }
        let inherited = before.map(|session| session.transitive_tags.clone()).unwrap_or_default();
        let inherited_keys: Vec<&str> = inherited.keys().map(String::as_str).collect();
        if let Some(key) = passed_keys.iter().find(|key| is_among(&inherited_keys, key)) {
            let message = format!("The session tag {key} is transitive and cannot be overridden.");
            return Err(ApiError::new(403, "AccessDenied", message));
        }
        let asked = call.parameters.text("SourceIdentity", ROLE_SESSION_NAME)?;
        let inherited_identity = before.and_then(|session| session.source_identity.clone());
        if inherited_identity.as_deref().is_some_and(|before| asked.is_some_and(|asked| asked != before)) {
            let message = "The source identity of a session cannot be changed when roles are chained.";
            return Err(ApiError::new(403, "AccessDenied", message));
        }
        let mut tags = inherited.clone();
        tags.extend(passed_tags.clone());
        let mut transitive_tags = inherited;
        let go_on = passed_tags.iter().filter(|(key, _)| is_among(&transitive_keys, key));
        transitive_tags.extend(go_on.map(|(key, value)| (key.clone(), value.clone())));
        Ok(Self {
            tags,
            transitive_keys: transitive_keys.iter().map(|key| (*key).to_owned()).collect(),
            transitive_tags,
            source_identity: asked.map(str::to_owned).or(inherited_identity),
            passed_tags,
        })
    }

    /// Adds the condition keys by which policies ask for them.
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

/// Holds that a text is the ARN of a role, whether there is one or not.
fn check_role_arn(text: &str) -> Result<(), ApiError> {
    let length = text.chars().count();
    let rule = if length < 20 {
        "Member must have length greater than or equal to 20"
    } else if length > 2048 {
        "Member must have length less than or equal to 2048"
    } else if is_role_arn(text) {
        return Ok(());
    } else {
        return Err(ApiError::new(400, "ValidationError", format!("{text} is invalid")));
    };
    Err(ApiError::invalid("RoleArn", Some(text), rule))
}

/// Whether a text is the ARN of a role, of any partition.
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

fn tags(call: &Call<'_>) -> Result<BTreeMap<String, String>, ApiError> {
    let members = call.parameters.members("Tags");
    if members.len() > 50 {
        let rule = "Member must have length less than or equal to 50";
        return Err(ApiError::invalid("Tags", Some(&members.len().to_string()), rule));
    }
    let mut tags = BTreeMap::new();
    for member in members {
        let rule = |most, pattern| Rule { least: 1, most, also: " _.:/=+-@", pattern };
        let key = *member.get("Key").unwrap_or(&"");
        let numbered = |name: &str| format!("Tags.{}.member.{name}", tags.len() + 1);
        rule(128, "[\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]+").check(&numbered("key"), key)?;
        let missing = || ApiError::invalid(&numbered("value"), None, "Member must not be null");
        let value = *member.get("Value").ok_or_else(missing)?;
        let rule = Rule { least: 0, ..rule(256, "[\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]*") };
        rule.check(&numbered("value"), value)?;
        if key.to_ascii_lowercase().starts_with("aws:") {
            let message = "Tag keys beginning with aws: are reserved.";
            return Err(ApiError::new(400, "InvalidParameterValue", message));
        }
        let is_there = tags.keys().any(|other: &String| other.eq_ignore_ascii_case(key));
        if is_there || tags.insert(key.to_owned(), value.to_owned()).is_some() {
            return Err(ApiError::new(400, "InvalidParameterValue", "Duplicate tag keys found."));
        }
    }
    Ok(tags)
}

/// The policy that narrows the session.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies.html#policies_session>
fn session_policy(call: &Call<'_>) -> Result<Option<NamedPolicy>, ApiError> {
    if !call.parameters.members("PolicyArns").is_empty() {
        let message = "this emulator has no managed policies; pass the policy itself, as Policy";
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
    let wrong = |error| malformed(format!("Syntax errors in policy. {error}"));
    let policy = Policy::parse(&value, PolicyType::Session).map_err(wrong)?;
    let document = NamedPolicy { name: "the session policy".to_owned(), policy };
    document
        .policy
        .errors(PolicyType::Session)
        .into_iter()
        .next()
        .map_or(Ok(Some(document)), |error| Err(wrong(error)))
}
