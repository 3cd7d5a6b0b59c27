//! Whether the policies of the world let a principal do something, and AWS's words where they do not.
//!
//! Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html>

use std::collections::BTreeMap;

use jiff::Timestamp;
use rolecall_policy::{Context, Decision, NamedPolicy, PolicySet, PolicyType, Principal, Request, authorize};

use crate::authentication::{Identity, Session, invalid_token};
use crate::protocol::ApiError;
use crate::world::{Role, User, World};

/// The principal that signed a request, and all that policies may know about it.
#[derive(Debug, Clone)]
pub(crate) struct AuthenticatedCaller {
    /// As policies match it; a session with the path of its role.
    pub(crate) principal: Principal,
    /// The unique id, with the session's name behind it.
    pub(crate) user_id: String,
    /// The user's name, where it is a user.
    pub(crate) user_name: Option<String>,
    /// The session, where it is one.
    pub(crate) session: Option<Box<Session>>,
    context: Context,
    /// Its own: identity policies, permissions boundary, session policy.
    policies: PolicySet,
}

/// What is asked for.
#[derive(Debug, Clone)]
pub(crate) struct AuthorizationRequest<'a> {
    /// As `sts:AssumeRole`.
    pub(crate) action: &'a str,
    /// The ARN.
    pub(crate) resource: &'a str,
    /// The resource as a denial names it.
    pub(crate) shown: &'a str,
    /// The trust policy of the role that is asked for.
    pub(crate) trust: Option<&'a NamedPolicy>,
    /// The tags of what is asked for, where it is no role.
    pub(crate) resource_tags: BTreeMap<String, String>,
    /// Condition keys besides the caller's.
    pub(crate) context: BTreeMap<String, Vec<String>>,
}

impl AuthenticatedCaller {
    /// The caller of a request.
    ///
    /// # Errors
    /// Where the world has lost the role or the user since.
    pub(crate) fn new(
        identity: Identity,
        world: &World,
        region: &str,
        source_ip: &str,
        now: Timestamp,
    ) -> Result<Self, ApiError> {
        let caller = match identity {
            Identity::User { account_id, user_name } => {
                world.user(&account_id, &user_name).and_then(|user| Self::from_user(user_name, &user))
            }
            Identity::Session(session) => {
                world.role(&session.role_arn).and_then(|role| Self::from_session(session, &role))
            }
        };
        let mut caller = caller.ok_or_else(invalid_token)?;
        caller.set_request_keys(region, source_ip, now);
        caller.set_account_keys(world);
        Ok(caller)
    }

    fn from_user(user_name: String, user: &User) -> Option<Self> {
        let mut context = Context::from_iter([
            ("aws:PrincipalArn", user.arn.as_str()),
            ("aws:PrincipalType", "User"),
            ("aws:username", &user_name),
            ("aws:userid", &user.user_id),
        ]);
        for (key, value) in &user.tags {
            context.set(&format!("aws:PrincipalTag/{key}"), value);
        }
        Some(Self {
            principal: user.arn.parse().ok()?,
            user_id: user.user_id.clone(),
            user_name: Some(user_name),
            session: None,
            context,
            policies: PolicySet {
                identity: user.policies.clone(),
                boundaries: user.permissions_boundary.clone().map(|boundary| vec![boundary]),
                ..PolicySet::default()
            },
        })
    }

    fn from_session(session: Box<Session>, role: &Role) -> Option<Self> {
        let principal: Principal = session.arn().parse().ok()?;
        let user_id = format!("{}:{}", session.role_id, session.role_session_name);
        let mut context = Context::from_iter([
            ("aws:PrincipalArn", role.arn.as_str()),
            ("aws:PrincipalType", "AssumedRole"),
            ("aws:userid", &user_id),
            ("aws:TokenIssueTime", &session.issued.to_string()),
            ("aws:MultiFactorAuthPresent", "false"),
        ]);
        if let Some(source_identity) = &session.source_identity {
            context.set("aws:SourceIdentity", source_identity);
        }
        // What a session was given goes over what its role has, whatever the case of the key.
        for (key, value) in role.tags.iter().chain(&session.tags) {
            context.set(&format!("aws:PrincipalTag/{key}"), value);
        }
        Some(Self {
            principal: principal.with_principal_arn(&role.arn).ok()?,
            user_id,
            user_name: None,
            context,
            policies: PolicySet {
                identity: role.policies.clone(),
                boundaries: role.permissions_boundary.clone().map(|boundary| vec![boundary]),
                session: session.policy.clone(),
                ..PolicySet::default()
            },
            session: Some(session),
        })
    }

    /// The condition keys that every request has.
    fn set_request_keys(&mut self, region: &str, source_ip: &str, now: Timestamp) {
        for (key, value) in [
            ("aws:CurrentTime", now.to_string()),
            ("aws:EpochTime", now.as_second().to_string()),
            ("aws:RequestedRegion", region.to_owned()),
            ("aws:SourceIp", source_ip.to_owned()),
            // AWS is asked over TLS and in no other way, whatever way this emulator is reached.
            ("aws:SecureTransport", "true".to_owned()),
            ("aws:PrincipalIsAWSService", "false".to_owned()),
            ("aws:ViaAWSService", "false".to_owned()),
        ] {
            self.context.set(key, value);
        }
    }

    /// The condition keys about the caller's account, and the organisation that it is in.
    fn set_account_keys(&mut self, world: &World) {
        let account_id = self.principal.account_id();
        self.context.set("aws:PrincipalAccount", account_id);
        if let Some((id, path)) = world.organization_path(account_id) {
            self.context.set("aws:PrincipalOrgID", id);
            self.context.set_all("aws:PrincipalOrgPaths", [path]);
        }
    }

    /// The account id.
    #[must_use]
    pub(crate) fn account_id(&self) -> &str {
        self.principal.account_id()
    }

    /// Decides.
    #[must_use]
    pub(crate) fn decide(&self, asked: &AuthorizationRequest<'_>, world: &World) -> Decision {
        let account_id = self.account_id();
        let resource_account = asked.resource.split(':').nth(4).filter(|id| !id.is_empty());
        let resource_account = resource_account.unwrap_or(account_id);
        let request = Request {
            principal: self.principal.clone(),
            action: asked.action.to_owned(),
            resource: asked.resource.to_owned(),
            resource_account: resource_account.to_owned(),
            context: self.context_of(asked, resource_account, world),
        };
        let binds = world.organization.as_ref().is_some_and(|o| o.management_account != account_id);
        let scps = world.scps_above(account_id);
        let policies = PolicySet {
            trust: asked.trust.cloned(),
            scps: (binds && !scps.is_empty()).then_some(scps),
            rcps: if asked.trust.is_some() { world.rcps_above(resource_account) } else { Vec::new() },
            ..self.policies.clone()
        };
        authorize(&request, &policies)
    }

    /// The caller's condition keys, and those of what is asked for.
    fn context_of(&self, asked: &AuthorizationRequest<'_>, resource_account: &str, world: &World) -> Context {
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
        context
    }

    /// A denial, as AWS words it.
    #[must_use]
    pub(crate) fn denied(
        &self,
        asked: &AuthorizationRequest<'_>,
        decision: &Decision,
        world: &World,
    ) -> ApiError {
        let AuthorizationRequest { action, resource, shown, .. } = asked;
        let is_own_account =
            resource.split(':').nth(4).is_none_or(|id| id.is_empty() || id == self.account_id());
        let why = match decision {
            Decision::Allowed(_) => String::new(),
            // Of what another account decided it says nothing.
            Decision::ImplicitlyDenied(PolicyType::Trust) if !is_own_account => String::new(),
            Decision::ExplicitlyDenied(by) if by.kind == PolicyType::Trust && !is_own_account => {
                String::new()
            }
            Decision::ImplicitlyDenied(PolicyType::Trust) => {
                format!(" because no role trust policy allows the {action} action")
            }
            Decision::ImplicitlyDenied(kind) => {
                format!(" because no {} allows the {action} action", words(*kind))
            }
            Decision::ExplicitlyDenied(by) => match by.kind {
                // Policies of the organisation are told by their ARNs:
                // https://aws.amazon.com/blogs/security/enhanced-access-denied-error-messages-with-policy-arns
                PolicyType::Scp | PolicyType::Rcp => {
                    let arn = world.organization.as_ref().map(|it| it.policy_arn(by.kind, &by.document));
                    let arn = arn.unwrap_or_default();
                    format!(" with an explicit deny in a {}: {arn}", words(by.kind))
                }
                PolicyType::Identity => format!(" with an explicit deny in an {}", words(by.kind)),
                PolicyType::Trust => " with an explicit deny in the role trust policy".to_owned(),
                kind => format!(" with an explicit deny in a {}", words(kind)),
            },
        };
        let arn = self.principal.as_str();
        let message = format!("User: {arn} is not authorized to perform: {action} on resource: {shown}{why}");
        ApiError::new(403, "AccessDenied", message)
    }
}

fn words(kind: PolicyType) -> &'static str {
    match kind {
        PolicyType::Identity => "identity-based policy",
        PolicyType::Trust => "role trust policy",
        PolicyType::Session => "session policy",
        PolicyType::Boundary => "permissions boundary",
        PolicyType::Scp => "service control policy",
        PolicyType::Rcp => "resource control policy",
    }
}
