//! The operations of STS.
//!
//! Source: <https://docs.aws.amazon.com/STS/latest/APIReference/welcome.html>

use std::collections::BTreeMap;

use jiff::SignedDuration;
use rolecall_policy::{Document, Kind, Policy};

use crate::authentication::{Principal, Session};
use crate::authorization::Asked;
use crate::operations::Call;
use crate::query::{Refusal, Rule, Xml};
use crate::world::unique_id;

/// Its version.
pub(crate) const VERSION: &str = "2011-06-15";

/// The namespace of its answers.
pub(crate) const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";

const EXTERNAL_ID: Rule = Rule { least: 2, most: 1224, also: "_+=,.@:/-", pattern: "[\\w+=,.@:\\/-]*" };
const ROLE_SESSION_NAME: Rule = Rule { least: 2, most: 64, also: "_+=,.@-", pattern: "[\\w+=,.@-]*" };

/// `sts:GetCallerIdentity`, which needs no permission.
#[expect(clippy::unnecessary_wraps, reason = "an operation like the others")]
pub(crate) fn get_caller_identity(call: &mut Call<'_>) -> Result<Xml, Refusal> {
    let caller = &call.caller;
    Ok(Xml::new()
        .text("Arn", &caller.arn)
        .text("UserId", &caller.user_id)
        .text("Account", &caller.account_id))
}

/// `sts:GetAccessKeyInfo`.
pub(crate) fn get_access_key_info(call: &mut Call<'_>) -> Result<Xml, Refusal> {
    let rule = Rule { least: 16, most: 128, also: "_", pattern: "[\\w]*" };
    let parameters = call.parameters;
    parameters.required("AccessKeyId")?;
    let id = parameters.text("AccessKeyId", rule)?.unwrap_or_default();
    call.allow(&Asked {
        action: "sts:GetAccessKeyInfo",
        resource: "*",
        shown: "*",
        trust: None,
        context: BTreeMap::new(),
    })?;
    let of_session = call.sessions.of_key(id).map(Session::account_id);
    let account_id = of_session
        .map(str::to_owned)
        .or_else(|| call.world.owner_of_key(id).map(|(account_id, _)| account_id));
    account_id.map(|account_id| Xml::new().text("Account", account_id)).ok_or_else(|| {
        Refusal::new(
            400,
            "ValidationError",
            "Invalid Access Key: the access key id belongs to no account of this world",
        )
    })
}

/// `sts:AssumeRole`.
pub(crate) fn assume_role(call: &mut Call<'_>) -> Result<Xml, Refusal> {
    let parameters = call.parameters;
    let role_arn = parameters.required("RoleArn")?;
    if role_arn.chars().count() < 20 {
        return Err(Refusal::invalid(
            "RoleArn",
            Some(role_arn),
            "Member must have length greater than or equal to 20",
        ));
    }
    if role_arn.splitn(6, ':').nth(5).is_none_or(|resource| !resource.starts_with("role/")) {
        return Err(Refusal::new(400, "ValidationError", format!("{role_arn} is invalid")));
    }
    parameters.required("RoleSessionName")?;
    let role_session_name = parameters.text("RoleSessionName", ROLE_SESSION_NAME)?.unwrap_or_default();
    let external_id = parameters.text("ExternalId", EXTERNAL_ID)?;
    let duration = parameters.number("DurationSeconds", 900, 43_200)?.unwrap_or(3600);
    let source_identity = parameters.text("SourceIdentity", ROLE_SESSION_NAME)?;
    if parameters.get("SerialNumber").or(parameters.get("TokenCode")).is_some() {
        // There are no devices here, so no code is theirs.
        let message = "MultiFactorAuthentication failed with invalid MFA one time pass code.";
        return Err(Refusal::new(403, "AccessDenied", message));
    }
    let tags = tags(call)?;
    let session_policy = session_policy(call)?;

    let mut context =
        BTreeMap::from([("sts:RoleSessionName".to_owned(), vec![role_session_name.to_owned()])]);
    context.extend(external_id.map(|id| ("sts:ExternalId".to_owned(), vec![id.to_owned()])));
    context.extend(source_identity.map(|name| ("sts:SourceIdentity".to_owned(), vec![name.to_owned()])));
    if !tags.is_empty() {
        context.insert("aws:TagKeys".to_owned(), tags.keys().cloned().collect());
        context
            .extend(tags.iter().map(|(key, value)| (format!("aws:RequestTag/{key}"), vec![value.clone()])));
    }
    // A role that is not there is told from one that does not trust the caller by nobody outside.
    let world = call.world;
    let role = world.role(role_arn);
    let nobody = Document { name: "no such role".to_owned(), policy: Policy::empty() };
    let trust = role.as_ref().map_or(&nobody, |role| &role.trust_policy);
    let mut actions = vec!["sts:AssumeRole"];
    actions.extend((!tags.is_empty()).then_some("sts:TagSession"));
    actions.extend(source_identity.map(|_| "sts:SetSourceIdentity"));
    for action in actions {
        let context = context.clone();
        call.allow(&Asked { action, resource: role_arn, shown: role_arn, trust: Some(trust), context })?;
    }
    let Some(role) = role else { return Err(Refusal::new(403, "AccessDenied", "the role is not there")) };

    let before = match &call.caller.principal {
        Principal::Session(session) => Some(session),
        Principal::User { .. } => None,
    };
    if before.is_some() && duration > 3600 {
        let message = "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.";
        return Err(Refusal::new(400, "ValidationError", message));
    }
    if duration > role.max_session_duration {
        let message = "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.";
        return Err(Refusal::new(400, "ValidationError", message));
    }
    let account_id = role_arn.split(':').nth(4).unwrap_or_default();
    let role_name = role_arn.rsplit('/').next().unwrap_or_default();
    let expires = call.now.saturating_add(SignedDuration::from_secs(duration.into())).unwrap_or(call.now);
    let inherited = before.and_then(|session| session.source_identity.clone());
    let mut all_tags = role.tags.clone();
    all_tags.extend(tags);
    let session = Session {
        role_arn: role.arn.clone(),
        role_id: unique_id("AROA", account_id, role_name),
        role_session_name: role_session_name.to_owned(),
        policy: session_policy,
        source_identity: source_identity.map(str::to_owned).or(inherited),
        tags: all_tags,
        issued: call.now,
        expires,
    };
    let user = Xml::new()
        .text("AssumedRoleId", format!("{}:{role_session_name}", session.role_id))
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

fn tags(call: &Call<'_>) -> Result<BTreeMap<String, String>, Refusal> {
    let members = call.parameters.members("Tags");
    if members.len() > 50 {
        let rule = "Member must have length less than or equal to 50";
        return Err(Refusal::invalid("Tags", Some(&members.len().to_string()), rule));
    }
    let mut tags = BTreeMap::new();
    for member in members {
        let key = (*member.get("Key").unwrap_or(&"")).to_owned();
        if key.is_empty() || key.chars().count() > 128 {
            return Err(Refusal::invalid(
                "Tags.member.key",
                Some(&key),
                "Member must have length between 1 and 128",
            ));
        }
        if tags.insert(key, (*member.get("Value").unwrap_or(&"")).to_owned()).is_some() {
            return Err(Refusal::new(400, "InvalidParameterValue", "Duplicate tag keys found."));
        }
    }
    Ok(tags)
}

/// The policy that narrows the session.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies.html#policies_session>
fn session_policy(call: &Call<'_>) -> Result<Option<Document>, Refusal> {
    if !call.parameters.members("PolicyArns").is_empty() {
        let message = "this emulator has no managed policies; pass the policy itself, as Policy";
        return Err(Refusal::new(400, "InvalidParameterValue", message));
    }
    let Some(text) = call.parameters.get("Policy") else { return Ok(None) };
    if text.chars().count() > 2048 {
        return Err(Refusal::invalid(
            "Policy",
            Some(text),
            "Member must have length less than or equal to 2048",
        ));
    }
    // "The error message describes the specific error."
    // https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
    let malformed = |problem| Refusal::new(400, "MalformedPolicyDocument", problem);
    let value = serde_json::from_str(text)
        .map_err(|error| malformed(format!("This policy contains invalid Json: {error}")))?;
    let wrong = |error| malformed(format!("Syntax errors in policy. {error}"));
    let policy = Policy::parse(&value, Kind::Session).map_err(wrong)?;
    let document = Document { name: "the session policy".to_owned(), policy };
    document
        .policy
        .errors(Kind::Session)
        .into_iter()
        .next()
        .map_or(Ok(Some(document)), |error| Err(wrong(error)))
}
