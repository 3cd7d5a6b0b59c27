//! Authorization: what the policies of the world allow a caller, and AWS's message where they do not.
//!
//! Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html>

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use rolecall_policy::{
    Decision, DeterminingStatement, NamedPolicy, PolicySet, PolicyType, Principal, Request, authorize,
};

use crate::authentication::{FederatedUserSession, Identity, Session, UserSession, invalid_token};
use crate::context_keys::ContextKeys;
use crate::protocol::ApiError;
use crate::world::{Role, User, World};

/// Where a request comes from, and where it goes to.
#[derive(Debug)]
pub(crate) struct RequestOrigin {
    /// The region that the request is for.
    pub(crate) region: String,
    /// The client's IP address.
    pub(crate) source_ip: String,
    /// `None` if the client sends no `User-Agent`.
    pub(crate) user_agent: Option<String>,
}

/// The principal that signed a request, with its policies and its condition keys.
#[derive(Debug, Clone)]
pub(crate) struct AuthenticatedCaller {
    /// As policies match it. For a session it also has the ARN of its role, with the path.
    pub(crate) principal: Principal,
    /// `UserId` of `GetCallerIdentity`: `AIDA…` of a user, `AROA…:SESSION` of a role session, `ACCOUNT:NAME` of a
    /// session of `GetFederationToken`.
    pub(crate) user_id: String,
    /// `None` if the caller is a role session, or a session of `GetFederationToken`.
    pub(crate) user_name: Option<String>,
    /// `None` if the caller is not a role session.
    pub(crate) session: Option<Box<Session>>,
    /// `None` if the caller is not a session of `GetSessionToken`.
    pub(crate) user_session: Option<UserSession>,
    /// The condition keys that are the same for everything the caller requests.
    context: ContextKeys,
    /// The caller's own: identity policies, permissions boundary, session policy.
    policies: PolicySet,
}

/// An action on a resource that a caller needs permission for.
#[derive(Debug, Clone)]
pub(crate) struct AuthorizationRequest<'a> {
    /// With the service's prefix, such as `sts:AssumeRole`.
    pub(crate) action: &'a str,
    /// An ARN, or `*`.
    pub(crate) resource: &'a str,
    /// The resource as AWS writes it in the message of a denial, such as `user alice`.
    pub(crate) resource_in_message: &'a str,
    /// The trust policy of the role to assume; `None` for any other action.
    pub(crate) trust: Option<&'a NamedPolicy>,
    /// The tags of a resource that is not a role. The tags of a role come from the world.
    pub(crate) resource_tags: BTreeMap<String, String>,
    /// The condition keys of this request, in addition to the caller's.
    pub(crate) context: BTreeMap<String, Vec<String>>,
}

impl<'a> AuthorizationRequest<'a> {
    /// A request without a trust policy, without tags and without condition keys of its own.
    pub(crate) fn new(action: &'a str, resource: &'a str, resource_in_message: &'a str) -> Self {
        let (resource_tags, context) = (BTreeMap::new(), BTreeMap::new());
        Self { action, resource, resource_in_message, trust: None, resource_tags, context }
    }
}

impl AuthenticatedCaller {
    /// Looks up the policies of an identity, and sets the condition keys of the request.
    ///
    /// # Errors
    /// `InvalidClientTokenId` if the world has no such user or role, or its account is suspended or closed: then nobody
    /// but the root user can sign in.
    ///
    /// Source: <https://docs.aws.amazon.com/accounts/latest/reference/manage-acct-closing.html>
    pub(crate) fn new(
        identity: Identity,
        world: &World,
        origin: &RequestOrigin,
        now: Timestamp,
    ) -> Result<Self, ApiError> {
        if world.is_suspended(identity.account_id()) {
            return Err(invalid_token());
        }
        let caller = match identity {
            Identity::User { account_id, user_name, session } => {
                let user = world.user(&account_id, &user_name);
                user.and_then(|user| Self::from_user(user_name, &user, session, world, now))
            }
            Identity::Root { account_id } => Self::from_root(account_id),
            Identity::Session(session) => {
                world.role(&session.role_arn).and_then(|role| Self::from_session(session, &role))
            }
            Identity::FederatedUser(session) => {
                let user = world.user(&session.account_id, &session.user_name);
                user.and_then(|user| Self::from_federated_user(&session, &user, world))
            }
        };
        let mut caller = caller.ok_or_else(invalid_token)?;
        caller.set_request_keys(origin, now);
        caller.set_account_keys(world);
        Ok(caller)
    }

    fn from_user(
        user_name: String,
        user: &User,
        session: Option<UserSession>,
        world: &World,
        now: Timestamp,
    ) -> Option<Self> {
        let principal: Principal = user.arn.parse().ok()?;
        let mut context = ContextKeys::from_iter([
            ("aws:PrincipalArn", user.arn.as_str()),
            ("aws:PrincipalType", "User"),
            ("aws:username", &user_name),
            ("aws:userid", &user.user_id),
        ]);
        for (key, value) in &user.tags {
            context.set(&format!("aws:PrincipalTag/{key}"), value);
        }
        // Signed with an access key, a request has no key about MFA.
        if let Some(UserSession { issued, has_mfa, .. }) = session {
            context.set("aws:TokenIssueTime", issued.to_string());
            context.set("aws:MultiFactorAuthPresent", has_mfa.to_string());
            if has_mfa {
                let age = now.duration_since(issued).as_secs().max(0);
                context.set("aws:MultiFactorAuthAge", age.to_string());
            }
        }
        let policies = user_policies(user, principal.account_id(), world);
        Some(Self {
            principal,
            user_id: user.user_id.clone(),
            user_name: Some(user_name),
            session: None,
            user_session: session,
            context,
            policies,
        })
    }

    /// Identity-based policies do not apply to the root user, which has all access in its account.
    fn from_root(account_id: String) -> Option<Self> {
        let arn = format!("arn:aws:iam::{account_id}:root");
        let context = ContextKeys::from_iter([
            ("aws:PrincipalArn", arn.as_str()),
            ("aws:PrincipalType", "Account"),
            ("aws:userid", &account_id),
        ]);
        Some(Self {
            principal: arn.parse().ok()?,
            user_id: account_id,
            user_name: None,
            session: None,
            user_session: None,
            context,
            policies: PolicySet::default(),
        })
    }

    /// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_temp_control-access_getfederationtoken.html>
    fn from_federated_user(session: &FederatedUserSession, user: &User, world: &World) -> Option<Self> {
        let (arn, user_id) = (session.arn(), session.user_id());
        let mut context = ContextKeys::from_iter([
            ("aws:PrincipalArn", arn.as_str()),
            ("aws:PrincipalType", "FederatedUser"),
            ("aws:userid", &user_id),
            ("aws:TokenIssueTime", &session.issued.to_string()),
            ("aws:MultiFactorAuthPresent", "false"),
        ]);
        // Session tags override the user's tags.
        for (key, value) in user.tags.iter().chain(&session.tags) {
            context.set(&format!("aws:PrincipalTag/{key}"), value);
        }
        let session_policies = session.policies.clone();
        let policies = user_policies(user, &session.account_id, world);
        Some(Self {
            principal: arn.parse().ok()?,
            user_id,
            user_name: None,
            session: None,
            user_session: None,
            context,
            policies: PolicySet { session: session_policies, ..policies },
        })
    }

    fn from_session(session: Box<Session>, role: &Role) -> Option<Self> {
        let principal: Principal = session.arn().parse().ok()?;
        let user_id = format!("{}:{}", session.role_id, session.role_session_name);
        let mut context = ContextKeys::from_iter([
            ("aws:PrincipalArn", role.arn.as_str()),
            ("aws:PrincipalType", "AssumedRole"),
            ("aws:userid", &user_id),
            ("aws:TokenIssueTime", &session.issued.to_string()),
            ("aws:MultiFactorAuthPresent", "false"),
        ]);
        if let Some(source_identity) = &session.source_identity {
            context.set("aws:SourceIdentity", source_identity);
        }
        // Session tags override the role's tags; the keys are compared without case.
        for (key, value) in role.tags.iter().chain(&session.tags) {
            context.set(&format!("aws:PrincipalTag/{key}"), value);
        }
        Some(Self {
            principal: principal.with_principal_arn(&role.arn).ok()?,
            user_id,
            user_name: None,
            user_session: None,
            context,
            policies: PolicySet {
                identity: role.policies.clone(),
                boundaries: role.permissions_boundary.clone().map(|boundary| vec![boundary]),
                session: session.policies.clone(),
                ..PolicySet::default()
            },
            session: Some(session),
        })
    }

    /// The condition keys that every request has.
    fn set_request_keys(&mut self, origin: &RequestOrigin, now: Timestamp) {
        for (key, value) in [
            ("aws:CurrentTime", now.to_string()),
            ("aws:EpochTime", now.as_second().to_string()),
            ("aws:RequestedRegion", origin.region.clone()),
            ("aws:SourceIp", origin.source_ip.clone()),
            // AWS accepts requests over TLS only, so policies see TLS although the emulator itself speaks plain HTTP.
            ("aws:SecureTransport", "true".to_owned()),
            ("aws:PrincipalIsAWSService", "false".to_owned()),
            ("aws:ViaAWSService", "false".to_owned()),
        ] {
            self.context.set(key, value);
        }
        if let Some(user_agent) = &origin.user_agent {
            self.context.set("aws:UserAgent", user_agent);
        }
    }

    /// Requires credentials that may call an operation of a service, whatever the policies say.
    ///
    /// # Errors
    /// With AWS's codes. A session of `GetSessionToken` can call IAM only with MFA, and of STS only `AssumeRole` and
    /// `GetCallerIdentity`. A session of `GetFederationToken` cannot call IAM, and of STS only `GetCallerIdentity`.
    ///
    /// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_sts-comparison.html>
    pub(crate) fn require_credentials_for(&self, service: &str, operation: &str) -> Result<(), ApiError> {
        let (can_call_iam, sts_operations): (bool, &[&str]) = match self.user_session {
            Some(UserSession { has_mfa, .. }) => (has_mfa, &["AssumeRole", "GetCallerIdentity"]),
            None if self.principal.is_federated_user() => (false, &["GetCallerIdentity"]),
            None => return Ok(()),
        };
        match service {
            "iam" if !can_call_iam => Err(invalid_token()),
            "sts" if !sts_operations.contains(&operation) => Err(ApiError::new(
                403,
                "AccessDenied",
                format!("Cannot call {operation} with session credentials"),
            )),
            _ => Ok(()),
        }
    }

    /// The condition keys about the caller's account and its organization.
    fn set_account_keys(&mut self, world: &World) {
        let account_id = self.principal.account_id();
        self.context.set("aws:PrincipalAccount", account_id);
        if let Some((id, path)) = world.organization_path(account_id) {
            self.context.set("aws:PrincipalOrgID", id);
            self.context.set_all("aws:PrincipalOrgPaths", [path]);
        }
    }

    /// Whether the caller is the root user of its account.
    pub(crate) fn is_root(&self) -> bool {
        self.principal.as_str().ends_with(":root")
    }

    /// The account of the user or the role.
    #[must_use]
    pub(crate) fn account_id(&self) -> &str {
        self.principal.account_id()
    }

    /// Evaluates all policies that apply: the caller's, the role's trust policy, the organization's SCPs and RCPs, and the
    /// policy of the VPC endpoint that the request passes.
    #[must_use]
    pub(crate) fn decide(&self, request: &AuthorizationRequest<'_>, world: &World) -> Verdict {
        let policy_request = self.policy_request(request, world);
        let decision = authorize(&policy_request, &self.policy_set(request, world));
        if let (Decision::Allowed(_), Some(endpoint)) = (&decision, world.vpc_endpoint_of(request.action)) {
            let by_endpoint = endpoint.decide(&policy_request);
            if !by_endpoint.is_allowed() {
                return Verdict { decision: by_endpoint, is_by_endpoint: true };
            }
        }
        Verdict { decision, is_by_endpoint: false }
    }

    /// The request as policies are evaluated against it.
    pub(crate) fn policy_request(&self, request: &AuthorizationRequest<'_>, world: &World) -> Request {
        Request {
            principal: self.principal.clone(),
            action: request.action.to_owned(),
            resource: request.resource.to_owned(),
            resource_account: owner(request.resource).unwrap_or(self.account_id()).to_owned(),
            context: self.request_context(request, world).to_context(),
        }
    }

    /// The policies that apply to a request.
    pub(crate) fn policy_set(&self, request: &AuthorizationRequest<'_>, world: &World) -> PolicySet {
        let resource_account = owner(request.resource).unwrap_or(self.account_id());
        PolicySet {
            trust: request.trust.cloned(),
            scps: world.scps_of_principal(self.account_id()),
            rcps: if request.trust.is_some() { world.rcps_above(resource_account) } else { Vec::new() },
            ..self.policies.clone()
        }
    }

    /// The identity-based policies.
    pub(crate) fn identity_policies(&self) -> &[NamedPolicy] {
        &self.policies.identity
    }

    /// The ARN of what has the caller's policies: the user, or the role of a session.
    pub(crate) fn policy_owner(&self) -> String {
        match &self.session {
            Some(session) => session.role_arn.clone(),
            None => self.principal.as_str().to_owned(),
        }
    }

    /// The condition keys that are the same for everything the caller requests.
    pub(crate) fn keys(&self) -> &ContextKeys {
        &self.context
    }

    /// The condition keys of the caller, the resource and the request.
    pub(crate) fn request_context(&self, request: &AuthorizationRequest<'_>, world: &World) -> ContextKeys {
        let resource_account = owner(request.resource).unwrap_or(self.account_id());
        let mut context = self.context.clone();
        if let Some(endpoint) = world.vpc_endpoint_of(request.action) {
            context.set("aws:SourceVpce", &endpoint.id);
        }
        context.set("aws:ResourceAccount", resource_account);
        if let Some((id, path)) = world.organization_path(resource_account) {
            context.set("aws:ResourceOrgID", id);
            context.set_all("aws:ResourceOrgPaths", [path]);
        }
        let role = world.role(request.resource);
        for (key, value) in role.iter().flat_map(|role| &role.tags).chain(&request.resource_tags) {
            context.set(&format!("aws:ResourceTag/{key}"), value);
            context.set(&format!("iam:ResourceTag/{key}"), value);
        }
        for (key, values) in &request.context {
            context.set_all(key, values.iter().cloned());
        }
        context
    }

    /// The error for a request that is not allowed, with AWS's message.
    #[must_use]
    pub(crate) fn access_denied(
        &self,
        request: &AuthorizationRequest<'_>,
        verdict: &Verdict,
        world: &World,
    ) -> ApiError {
        let AuthorizationRequest { action, resource_in_message, .. } = request;
        if self.is_root() && matches!(verdict.decision, Decision::NeverAllowed(_)) {
            return ApiError::new(403, "AccessDenied", "Roles may not be assumed by root accounts.");
        }
        let reason = self.reason(request, verdict, world);
        let arn = self.principal.as_str();
        let message = format!(
            "User: {arn} is not authorized to perform: {action} on resource: {resource_in_message}{reason}"
        );
        ApiError::new(403, "AccessDenied", message)
    }

    /// The end of the message of a denial: the type of the policy that denies, and in some cases its ARN.
    ///
    /// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html>
    fn reason(&self, request: &AuthorizationRequest<'_>, verdict: &Verdict, world: &World) -> String {
        let action = request.action;
        let is_own_account = owner(request.resource).is_none_or(|id| id == self.account_id());
        match &verdict.decision {
            Decision::ImplicitlyDenied(_) if verdict.is_by_endpoint => {
                format!(" because no VPC endpoint policy allows the {action} action")
            }
            Decision::ExplicitlyDenied(_) if verdict.is_by_endpoint => {
                " with an explicit deny in a VPC endpoint policy".to_owned()
            }
            Decision::Allowed(_) | Decision::NeverAllowed(_) => String::new(),
            // AWS does not say what a policy of another account decided.
            Decision::ImplicitlyDenied(PolicyType::Trust) if !is_own_account => String::new(),
            Decision::ExplicitlyDenied(by) if by.kind == PolicyType::Trust && !is_own_account => {
                String::new()
            }
            Decision::ImplicitlyDenied(PolicyType::Trust) => {
                format!(" because no role trust policy allows the {action} action")
            }
            Decision::ImplicitlyDenied(kind) => {
                format!(" because no {} allows the {action} action", policy_type_name(*kind))
            }
            Decision::ExplicitlyDenied(by) => {
                let article = match by.kind {
                    PolicyType::Identity => "an",
                    PolicyType::Trust => "the",
                    _ => "a",
                };
                let arn = self.denying_policy_arn(by, request, world);
                let arn = arn.map(|arn| format!(": {arn}")).unwrap_or_default();
                format!(" with an explicit deny in {article} {}{arn}", policy_type_name(by.kind))
            }
        }
    }

    /// The ARN of the policy that denies, which AWS names within one account or one organization. An inline policy has
    /// none.
    ///
    /// Source: <https://aws.amazon.com/blogs/security/enhanced-access-denied-error-messages-with-policy-arns>
    fn denying_policy_arn(
        &self,
        by: &DeterminingStatement,
        request: &AuthorizationRequest<'_>,
        world: &World,
    ) -> Option<String> {
        let resource_account = owner(request.resource).unwrap_or(self.account_id());
        if !world.is_same_owner(self.account_id(), resource_account) {
            return None;
        }
        match by.kind {
            PolicyType::Scp | PolicyType::Rcp => {
                Some(world.organization.as_ref()?.policy_arn(by.kind, &by.document))
            }
            PolicyType::Boundary => Some(boundary_arn(&by.document, self.account_id())),
            PolicyType::Trust => None,
            PolicyType::Identity | PolicyType::Session => {
                Some(by.document.clone()).filter(|document| document.starts_with("arn:"))
            }
        }
    }
}

/// The decision about a request, and whether the policy of the VPC endpoint is what decided.
#[derive(Debug)]
pub(crate) struct Verdict {
    pub(crate) decision: Decision,
    pub(crate) is_by_endpoint: bool,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.decision {
            Decision::ImplicitlyDenied(_) if self.is_by_endpoint => {
                f.write_str("no VPC endpoint policy allows it")
            }
            decision => decision.fmt(f),
        }
    }
}

/// The identity policies of a user, those of its groups, and its permissions boundary.
pub(crate) fn user_policies(user: &User, account_id: &str, world: &World) -> PolicySet {
    let account = world.account(account_id);
    let groups =
        account.iter().flat_map(|account| user.groups.iter().filter_map(|it| account.groups.get(it)));
    let of_groups = groups.flat_map(|group| &group.policies);
    PolicySet {
        identity: user.policies.iter().chain(of_groups).cloned().collect(),
        boundaries: user.permissions_boundary.clone().map(|boundary| vec![boundary]),
        ..PolicySet::default()
    }
}

/// The ARN of a permissions boundary, by the name of its document. A boundary whose document stands in the world file, or in a file, is a managed policy
/// with the name of its field or its file.
pub(crate) fn boundary_arn(document: &str, account_id: &str) -> String {
    if document.starts_with("arn:") {
        return document.to_owned();
    }
    let stem = document.strip_suffix(".json").unwrap_or(document);
    let name = stem.rsplit(['/', '.']).next().unwrap_or_default();
    format!("arn:aws:iam::{account_id}:policy/{name}")
}

/// The id of the account that owns a resource. `None` where the ARN has none, and for a policy of AWS, which belongs to
/// each account. `None` also for what an organization has: its ARNs name the management account, but the caller's own
/// policies decide for a delegated administrator, too.
pub(crate) fn owner(resource: &str) -> Option<&str> {
    let is_of_organization = resource.split(':').nth(2) == Some("organizations");
    resource.split(':').nth(4).filter(|id| !id.is_empty() && *id != "aws" && !is_of_organization)
}

/// A policy type as the message of a denial names it.
fn policy_type_name(kind: PolicyType) -> &'static str {
    match kind {
        PolicyType::Identity => "identity-based policy",
        PolicyType::Trust => "role trust policy",
        PolicyType::Session => "session policy",
        PolicyType::Boundary => "permissions boundary",
        PolicyType::Scp => "service control policy",
        PolicyType::Rcp => "resource control policy",
    }
}
