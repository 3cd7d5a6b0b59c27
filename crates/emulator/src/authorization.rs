//! Whether the policies of the world let a principal do something, and AWS's words where they do not.
//!
//! Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html>

use std::collections::BTreeMap;

use jiff::Timestamp;
use rolecall_policy::{Context, Decision, Document, Kind, Policies, Request, authorize};

use crate::authentication::Principal;
use crate::query::Refusal;
use crate::world::World;

/// A caller, and all that policies may ask about it.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    /// The ARN that AWS calls it by.
    pub(crate) arn: String,
    /// Its account.
    pub(crate) account_id: String,
    /// The unique id, with the session's name behind it.
    pub(crate) user_id: String,
    /// The user's name, where it is one.
    pub(crate) user_name: Option<String>,
    /// Who it is.
    pub(crate) principal: Principal,
    context: Context,
    policies: Vec<Document>,
    session_policy: Option<Document>,
    boundary: Option<Document>,
}

/// What is asked for.
#[derive(Debug, Clone)]
pub(crate) struct Asked<'a> {
    /// As `sts:AssumeRole`.
    pub(crate) action: &'a str,
    /// The ARN.
    pub(crate) resource: &'a str,
    /// The resource as a denial names it.
    pub(crate) shown: &'a str,
    /// The trust policy of the role that is asked for.
    pub(crate) trust: Option<&'a Document>,
    /// The tags of what is asked for, where it is no role.
    pub(crate) resource_tags: BTreeMap<String, String>,
    /// Condition keys besides the caller's.
    pub(crate) context: BTreeMap<String, Vec<String>>,
}

impl Caller {
    /// The caller of a request.
    ///
    /// # Errors
    /// Where the world has lost the role or the user since.
    pub(crate) fn new(
        principal: Principal,
        world: &World,
        region: &str,
        source_ip: &str,
        now: Timestamp,
    ) -> Result<Self, Refusal> {
        let gone = || {
            Refusal::new(
                403,
                "InvalidClientTokenId",
                "The security token included in the request is invalid.",
            )
        };
        let mut context = Context::from_iter([
            ("aws:CurrentTime", now.to_string()),
            ("aws:EpochTime", now.as_second().to_string()),
            ("aws:RequestedRegion", region.to_owned()),
            ("aws:SourceIp", source_ip.to_owned()),
            // AWS is asked over TLS and in no other way, whatever way this emulator is reached.
            ("aws:SecureTransport", "true".to_owned()),
            ("aws:PrincipalIsAWSService", "false".to_owned()),
            ("aws:ViaAWSService", "false".to_owned()),
        ]);
        let mut caller = match &principal {
            Principal::User { account_id, user_name } => {
                let user = world.user(account_id, user_name).ok_or_else(gone)?;
                context.set("aws:PrincipalArn", &user.arn);
                context.set("aws:PrincipalType", "User");
                context.set("aws:username", user_name);
                context.set("aws:userid", &user.user_id);
                for (key, value) in &user.tags {
                    context.set(&format!("aws:PrincipalTag/{key}"), value);
                }
                Self {
                    arn: user.arn.clone(),
                    account_id: account_id.clone(),
                    user_id: user.user_id.clone(),
                    user_name: Some(user_name.clone()),
                    policies: user.policies.clone(),
                    session_policy: None,
                    boundary: user.permissions_boundary.clone(),
                    context: Context::default(),
                    principal,
                }
            }
            Principal::Session(session) => {
                let role = world.role(&session.role_arn).ok_or_else(gone)?;
                let user_id = format!("{}:{}", session.role_id, session.role_session_name);
                context.set("aws:PrincipalArn", &role.arn);
                context.set("aws:PrincipalType", "AssumedRole");
                context.set("aws:userid", &user_id);
                context.set("aws:TokenIssueTime", session.issued.to_string());
                context.set("aws:MultiFactorAuthPresent", "false");
                if let Some(source_identity) = &session.source_identity {
                    context.set("aws:SourceIdentity", source_identity);
                }
                // What a session was given goes over what its role has, whatever the case of the key.
                for (key, value) in role.tags.iter().chain(&session.tags) {
                    context.set(&format!("aws:PrincipalTag/{key}"), value);
                }
                Self {
                    arn: session.arn(),
                    account_id: session.account_id().to_owned(),
                    user_id,
                    user_name: None,
                    policies: role.policies.clone(),
                    session_policy: session.policy.clone(),
                    boundary: role.permissions_boundary.clone(),
                    context: Context::default(),
                    principal,
                }
            }
        };
        context.set("aws:PrincipalAccount", &caller.account_id);
        if let Some((id, path)) = world.organization_path(&caller.account_id) {
            context.set("aws:PrincipalOrgID", id);
            context.set_all("aws:PrincipalOrgPaths", [path]);
        }
        caller.context = context;
        Ok(caller)
    }

    /// Decides.
    #[must_use]
    pub(crate) fn decide(&self, asked: &Asked<'_>, world: &World) -> Decision {
        let resource_account = asked.resource.split(':').nth(4).filter(|id| !id.is_empty());
        let resource_account = resource_account.unwrap_or(&self.account_id);
        let mut context = self.context.clone();
        context.set("aws:ResourceAccount", resource_account);
        if let Some((id, path)) = world.organization_path(resource_account) {
            context.set("aws:ResourceOrgID", id);
            context.set_all("aws:ResourceOrgPaths", [path]);
        }
        let role = world.role(asked.resource);
        for (key, value) in role.iter().flat_map(|role| &role.tags).chain(&asked.resource_tags) {
            context.set(&format!("aws:ResourceTag/{key}"), value);
            context.set(&format!("iam:ResourceTag/{key}"), value);
        }
        for (key, values) in &asked.context {
            context.set_all(key, values.iter().cloned());
        }
        let Ok(caller) = self.arn.parse::<rolecall_policy::Caller>() else {
            return Decision::ImplicitlyDenied(Kind::Identity);
        };
        let caller = match &self.principal {
            Principal::Session(session) => caller.of_role(&session.role_arn),
            Principal::User { .. } => caller,
        };
        let request = Request {
            caller,
            action: asked.action.to_owned(),
            resource: asked.resource.to_owned(),
            resource_account: resource_account.to_owned(),
            context,
        };
        let binds = world.organization.as_ref().is_some_and(|o| o.management_account != self.account_id);
        let scps = world.scps_above(&self.account_id);
        let scps = (binds && !scps.is_empty()).then_some(scps);
        let rcps = if asked.trust.is_some() { world.rcps_above(resource_account) } else { Vec::new() };
        let policies = Policies {
            identity: self.policies.clone(),
            trust: asked.trust.cloned(),
            session: self.session_policy.clone(),
            boundaries: self.boundary.clone().map(|boundary| vec![boundary]),
            scps,
            rcps,
        };
        authorize(&request, &policies)
    }

    /// A denial, as AWS words it.
    #[must_use]
    pub(crate) fn denied(&self, asked: &Asked<'_>, decision: &Decision, world: &World) -> Refusal {
        let Asked { action, resource, shown, .. } = asked;
        let is_own_account =
            resource.split(':').nth(4).is_none_or(|id| id.is_empty() || id == self.account_id);
        let why = match decision {
            Decision::Allowed(_) => String::new(),
            // Of what another account decided it says nothing.
            Decision::ImplicitlyDenied(Kind::Trust) if !is_own_account => String::new(),
            Decision::ExplicitlyDenied(by) if by.kind == Kind::Trust && !is_own_account => String::new(),
            Decision::ImplicitlyDenied(Kind::Trust) => {
                format!(" because no role trust policy allows the {action} action")
            }
            Decision::ImplicitlyDenied(kind) => {
                format!(" because no {} allows the {action} action", words(*kind))
            }
            Decision::ExplicitlyDenied(by) => match by.kind {
                // Policies of the organisation are told by their ARNs:
                // https://aws.amazon.com/blogs/security/enhanced-access-denied-error-messages-with-policy-arns
                Kind::Scp | Kind::Rcp => {
                    let arn = world.organization.as_ref().map(|it| it.policy_arn(by.kind, &by.document));
                    let arn = arn.unwrap_or_default();
                    format!(" with an explicit deny in a {}: {arn}", words(by.kind))
                }
                Kind::Identity => format!(" with an explicit deny in an {}", words(by.kind)),
                Kind::Trust => " with an explicit deny in the role trust policy".to_owned(),
                kind => format!(" with an explicit deny in a {}", words(kind)),
            },
        };
        let message =
            format!("User: {} is not authorized to perform: {action} on resource: {shown}{why}", self.arn);
        Refusal::new(403, "AccessDenied", message)
    }
}

fn words(kind: Kind) -> &'static str {
    match kind {
        Kind::Identity => "identity-based policy",
        Kind::Trust => "role trust policy",
        Kind::Session => "session policy",
        Kind::Boundary => "permissions boundary",
        Kind::Scp => "service control policy",
        Kind::Rcp => "resource control policy",
    }
}
