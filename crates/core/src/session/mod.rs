//! Assumes the account's role, and renews the session while the account is read.

mod policy;
mod role_chain;

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_config::SdkConfig;
use aws_credential_types::Credentials;
use aws_sdk_iam::config::{IdentityCache, Region};
use aws_sdk_sts::operation::RequestId as _;
use aws_sdk_sts::operation::assume_role::AssumeRoleOutput;
use aws_sdk_sts::operation::assume_role::builders::AssumeRoleFluentBuilder;
use aws_sdk_sts::types::Tag;
use aws_smithy_async::time::SharedTimeSource;
use aws_smithy_runtime::client::retries::{RetryPartition, TokenBucket};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use futures_util::FutureExt;
use rolecall_roll::{
    AccessKeyId, AccountId, ExternalId, IssuedSession, Partition, RoleArn, Side, unprintable_in,
};
use tokio::sync::{Mutex, watch};

use crate::call::{CallError, valid_request_id};
use crate::connect::CheckAnswers;
use crate::options::settings::SessionSettings;
use crate::rate_limiter::{CallMetrics, MetricsInterceptor, RateLimitedClient, RateLimiter};
use crate::secrets::Secrets;
use crate::targets::Role;
pub use role_chain::RoleChain;

const ASSUME_ROLE: &str = "AssumeRole";

/// Access to one account: with a session of its role, which is renewed before it expires, or with the caller's credentials.
///
/// `sts:AssumeRole` is called directly and not through the SDK's `AssumeRoleProvider`, which would report a denial as an
/// IAM call that could not be sent.
pub struct Session<'a>(Kind<'a>);

enum Kind<'a> {
    CallerCredentials(Iam),
    AssumedRole { role: Box<AssumableRole<'a>>, session: Mutex<AssumedSession> },
}

/// What all sessions of a run share.
#[derive(Debug, Clone, Copy)]
pub struct SessionContext<'a> {
    /// The options of `AssumeRole`.
    pub settings: &'a SessionSettings,
    /// The SDK's configuration, with the caller's credentials.
    pub sdk_config: &'a SdkConfig,
    /// The secrets that are redacted from messages.
    pub caller_secrets: &'a Secrets,
    /// The ARN of the caller, if it is known. An external id may equal a part of it.
    pub caller_arn: Option<&'a str>,
    /// The sessions of intermediate roles.
    pub role_chain: &'a RoleChain,
    /// Counts the calls.
    pub call_metrics: &'a CallMetrics,
    /// Limits the rate of `AssumeRole` calls.
    pub sts_rate_limiter: &'a Arc<RateLimiter>,
    /// Becomes true when an account was read through its role.
    pub first_success: &'a watch::Sender<bool>,
}

/// A role that can be assumed, any number of times.
struct AssumableRole<'a> {
    role: &'a Role,
    session_policy: Option<String>,
    context: SessionContext<'a>,
    rate_limiter: Arc<RateLimiter>,
    /// The account's own retry budget: with a shared one, a throttled account would use up that of the others.
    retries: RetryPartition,
    time: SharedTimeSource,
    /// The external id, and the secrets of all sessions.
    secrets: Secrets,
    log: SessionLog,
}

/// The sessions that AWS issued for an account. Kept outside of the future that reads the account, so that a timeout, the
/// deadline or a panic loses none: what CloudTrail records of them must be in the roll.
#[derive(Debug, Clone, Default)]
pub struct SessionLog(Arc<std::sync::Mutex<Vec<IssuedSession>>>);

impl SessionLog {
    fn add(&self, session: IssuedSession) {
        if let Ok(mut sessions) = self.0.lock() {
            sessions.push(session);
        }
    }

    /// The sessions so far, in order.
    #[must_use]
    pub fn sessions(&self) -> Vec<IssuedSession> {
        self.0.lock().map(|sessions| sessions.clone()).unwrap_or_default()
    }
}

/// The ids of the session in a response.
fn issued_session(response: &AssumeRoleOutput) -> IssuedSession {
    let credentials = response.credentials.as_ref();
    IssuedSession {
        request_id: valid_request_id(response.request_id()),
        access_key_id: credentials.and_then(|credentials| credentials.access_key_id.parse().ok()),
    }
}

/// The session that one `AssumeRole` returned.
struct AssumedSession {
    iam: Iam,
    renew_at: SystemTime,
    expires_at: SystemTime,
}

/// An IAM client with its credentials' secrets, which are redacted from its errors.
#[derive(Clone)]
pub struct Iam {
    /// The SDK's client.
    pub client: aws_sdk_iam::Client,
    /// The session's secret access key and session token, and the external id.
    secrets: Secrets,
    caller_secrets: Secrets,
    side: Side,
}

impl Iam {
    /// Converts the SDK's error to a call of this client, with all secrets redacted.
    pub fn error<E>(&self, operation: &'static str, error: &SdkError<E, HttpResponse>) -> CallError
    where
        E: Error + ProvideErrorMetadata + 'static,
    {
        let redactor = self.secrets.redactor([&self.caller_secrets]);
        CallError::new(operation, error).redact(&redactor).with_side(self.side)
    }
}

impl std::fmt::Debug for Iam {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Iam").finish_non_exhaustive()
    }
}

impl<'a> Session<'a> {
    /// Assumes the role, and adds the session and its renewals to `log`. Unless the settings switch it off, a session policy
    /// limits the session to `actions`.
    ///
    /// # Errors
    /// AWS's error, or a response without a valid session of the role's account.
    pub async fn assume_role(
        role: &'a Role,
        actions: &[&str],
        context: SessionContext<'a>,
        log: SessionLog,
    ) -> Result<Self, CallError> {
        let retries = retries(role.role_arn.account_id());
        let session_policy = (!context.settings.no_policy).then(|| policy::allow_actions(actions));
        let time = context.sdk_config.time_source().unwrap_or_default();
        let rate_limiter = Arc::new(RateLimiter::default());
        let secrets = Secrets::default();
        let shown = role.via.iter().chain([&role.role_arn]).map(RoleArn::as_str).chain(context.caller_arn);
        secrets.add_external_id(role.external_id.as_ref(), shown);
        let role = AssumableRole { role, session_policy, context, rate_limiter, retries, time, secrets, log };
        let session = role.assume().await?;
        Ok(Self(Kind::AssumedRole { role: Box::new(role), session: Mutex::new(session) }))
    }

    /// Access to the caller's own account, with the caller's credentials.
    #[must_use]
    pub fn with_caller_credentials(account_id: &AccountId, context: SessionContext<'a>) -> Self {
        let client =
            iam_client(account_id, context, &Arc::new(RateLimiter::default()), &retries(account_id), None);
        let caller_secrets = context.caller_secrets.clone();
        Self(Kind::CallerCredentials(Iam {
            client,
            secrets: Secrets::default(),
            caller_secrets,
            side: Side::Caller,
        }))
    }

    /// The secrets of the session, and of its renewals as they are made.
    #[must_use]
    pub(crate) fn secrets(&self) -> Secrets {
        match &self.0 {
            Kind::CallerCredentials(_) => Secrets::default(),
            Kind::AssumedRole { role, .. } => role.secrets.clone(),
        }
    }

    /// Records that the account could be read, unless it is read with the caller's credentials.
    pub(crate) fn mark_success(&self) {
        if let Kind::AssumedRole { role, .. } = &self.0 {
            role.context.first_success.send_replace(true);
        }
    }

    /// An IAM client with the session's credentials. The session is renewed first if it expires soon.
    ///
    /// # Errors
    /// Those of [`Session::assume_role`], where the session could not be renewed and has expired.
    pub async fn iam(&self) -> Result<Iam, CallError> {
        let (role, session) = match &self.0 {
            Kind::CallerCredentials(iam) => return Ok(iam.clone()),
            Kind::AssumedRole { role, session } => (role, session),
        };
        let mut session = session.lock().await;
        let now = role.time.now();
        if now >= session.renew_at {
            match role.assume().await {
                Ok(renewed) => *session = renewed,
                Err(error) if now >= session.expires_at => return Err(error),
                Err(error) => {
                    // CloudTrail records this call, and no gap has its request id.
                    if let Some(request_id) = error.request_id.clone() {
                        role.log.add(IssuedSession { request_id: Some(request_id), access_key_id: None });
                    }
                    let account_id = role.role.role_arn.account_id();
                    tracing::warn!(%account_id, %error, "the session could not be renewed; it is used until it expires");
                    session.renew_at = midpoint(now, session.expires_at);
                }
            }
        }
        Ok(session.iam.clone())
    }
}

/// The account's own retry budget. It is large enough for all retries: `max_attempts` and the account timeout limit them.
fn retries(account_id: &AccountId) -> RetryPartition {
    let budget = TokenBucket::builder().capacity(100_000).build();
    RetryPartition::custom(format!("rolecall-{account_id}")).token_bucket(budget).build()
}

impl std::fmt::Debug for Session<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let role_arn = match &self.0 {
            Kind::CallerCredentials(_) => None,
            Kind::AssumedRole { role, .. } => Some(&role.role.role_arn),
        };
        f.debug_struct("Session").field("role_arn", &role_arn).finish_non_exhaustive()
    }
}

impl AssumableRole<'_> {
    async fn assume(&self) -> Result<AssumedSession, CallError> {
        let Self { role, session_policy, context, rate_limiter, retries, time, secrets, log } = self;
        let sts = context.role_chain.sts(&role.via, *context, retries).boxed_local().await?;
        let request = assume_role_request(
            &sts,
            &role.role_arn,
            role.external_id.as_ref(),
            context.settings,
            !role.via.is_empty(),
        )
        .set_policy(session_policy.clone());
        let response = request.send().await.map_err(|error| {
            CallError::new(ASSUME_ROLE, &error).redact(&secrets.redactor([context.caller_secrets]))
        })?;

        log.add(issued_session(&response));
        let now = time.now();
        let (credentials, expires_at) = session_credentials(response, role.role_arn.account_id(), now)?;
        secrets.add(credentials.secret_access_key());
        credentials.session_token().into_iter().for_each(|token| secrets.add(token));
        let client =
            iam_client(role.role_arn.account_id(), *context, rate_limiter, retries, Some(credentials));
        let caller_secrets = context.caller_secrets.clone();
        let iam = Iam { client, secrets: secrets.clone(), caller_secrets, side: Side::Member };
        Ok(AssumedSession { iam, renew_at: renew_at(now, expires_at), expires_at })
    }
}

/// Five minutes before the session expires, which is longer than any call takes with its retries. A session shorter than
/// 25 minutes is renewed after four fifths of its lifetime.
fn renew_at(now: SystemTime, expires_at: SystemTime) -> SystemTime {
    let lifetime = expires_at.duration_since(now).unwrap_or_default();
    expires_at - Duration::from_mins(5).min(lifetime / 5)
}

/// The maximum duration of a session that was assumed with another role's credentials (role chaining).
///
/// Source: <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>
const MAX_CHAINED_DURATION: Duration = Duration::from_hours(1);

fn assume_role_request(
    sts: &aws_sdk_sts::Client,
    role_arn: &RoleArn,
    external_id: Option<&ExternalId>,
    settings: &SessionSettings,
    is_chained: bool,
) -> AssumeRoleFluentBuilder {
    let duration = if is_chained { settings.duration.min(MAX_CHAINED_DURATION) } else { settings.duration };
    let tag = |(key, value): &(String, String)| Tag::builder().key(key).value(value).build().ok();
    let tags: Vec<Tag> = settings.tags.iter().filter_map(tag).collect();
    sts.assume_role()
        .role_arn(role_arn.as_str())
        .role_session_name(settings.name.clone().unwrap_or_default().as_str())
        .duration_seconds(i32::try_from(duration.as_secs()).unwrap_or(i32::MAX))
        .set_external_id(external_id.map(|id| id.expose().to_owned()))
        .set_source_identity(settings.source_identity.as_ref().map(|name| name.as_str().to_owned()))
        .set_tags((!tags.is_empty()).then_some(tags))
}

// The clients are made in functions that are not inlined: their stack frames would otherwise stay while calls are made.

#[inline(never)]
fn sts_client(
    context: SessionContext<'_>,
    retries: &RetryPartition,
    credentials: Option<Credentials>,
) -> aws_sdk_sts::Client {
    let mut config = aws_sdk_sts::config::Builder::from(context.sdk_config)
        .retry_partition(retries.clone())
        .interceptor(CheckAnswers::default())
        .interceptor(MetricsInterceptor {
            call_metrics: context.call_metrics.clone(),
            rate_limiter: Some(Arc::clone(context.sts_rate_limiter)),
        });
    if let Some(client) = context.sdk_config.http_client() {
        config = config
            .http_client(RateLimitedClient { client, rate_limiter: Arc::clone(context.sts_rate_limiter) });
    }
    if let Some(credentials) = credentials {
        config = config.credentials_provider(credentials).identity_cache(IdentityCache::no_cache());
    }
    aws_sdk_sts::Client::from_conf(config.build())
}

/// The configuration of IAM clients. IAM has one endpoint per partition, which accepts only signatures for its own region.
/// Where a custom endpoint is set, the SDK would sign for the caller's region instead.
///
/// Source: <https://docs.aws.amazon.com/general/latest/gr/iam-service.html>
pub(crate) fn iam_config(sdk_config: &SdkConfig) -> aws_sdk_iam::config::Builder {
    let region = sdk_config.region().map_or("", AsRef::as_ref);
    let region = Partition::from_region(region).default_region();
    aws_sdk_iam::config::Builder::from(sdk_config).region(Region::new(region))
}

#[inline(never)]
fn iam_client(
    account_id: &AccountId,
    context: SessionContext<'_>,
    rate_limiter: &Arc<RateLimiter>,
    retries: &RetryPartition,
    credentials: Option<Credentials>,
) -> aws_sdk_iam::Client {
    let mut config = iam_config(context.sdk_config)
        .retry_partition(retries.clone())
        .interceptor(CheckAnswers::in_account(account_id))
        .interceptor(MetricsInterceptor {
            call_metrics: context.call_metrics.clone(),
            rate_limiter: Some(Arc::clone(rate_limiter)),
        });
    if let Some(credentials) = credentials {
        // The credentials are in the provider; a shared cache would keep every session's until the end.
        config = config.credentials_provider(credentials).identity_cache(IdentityCache::no_cache());
    }
    if let Some(client) = context.sdk_config.http_client() {
        config = config.http_client(RateLimitedClient { client, rate_limiter: Arc::clone(rate_limiter) });
    }
    aws_sdk_iam::Client::from_conf(config.build())
}

/// The credentials in a response and their expiration, if they are complete, of the requested account, and not expired.
fn session_credentials(
    response: AssumeRoleOutput,
    requested: &AccountId,
    now: SystemTime,
) -> Result<(Credentials, SystemTime), CallError> {
    let request_id = valid_request_id(response.request_id());
    let invalid = |message: String| CallError::malformed(ASSUME_ROLE, message, request_id.as_deref());
    let session_arn = response.assumed_role_user.as_ref().map_or("", |user| user.arn());
    // The ARN is not repeated: a response that is not AWS's may have anything in it.
    let account_id: Option<AccountId> = session_arn.split(':').nth(4).and_then(|id| id.parse().ok());
    let Some(account_id) = account_id else {
        return Err(invalid("the response does not say to which account the session belongs".into()));
    };
    if account_id != *requested {
        return Err(invalid(format!("the session is in account {account_id}, not in account {requested}")));
    }
    let Some(credentials) = response.credentials else {
        return Err(invalid("the response has no credentials".into()));
    };
    let expires_at = SystemTime::try_from(credentials.expiration).unwrap_or(SystemTime::UNIX_EPOCH);
    // The SDK would panic when it signs with an invalid access key id.
    if credentials.access_key_id.parse::<AccessKeyId>().is_err()
        || credentials.secret_access_key.is_empty()
        || credentials.session_token.is_empty()
        || [&credentials.secret_access_key, &credentials.session_token].map(|it| unprintable_in(it))
            != [None, None]
    {
        return Err(invalid("the credentials in the response are incomplete or invalid".into()));
    }
    if expires_at <= now {
        return Err(invalid(ALREADY_EXPIRED.to_owned()));
    }
    // Moved at once into a type that does not print them, and that wipes them when it is dropped.
    let credentials = Credentials::new(
        credentials.access_key_id,
        credentials.secret_access_key,
        Some(credentials.session_token),
        Some(expires_at),
        "AssumeRole",
    );
    Ok((credentials, expires_at))
}

/// The error where a session ends before it begins, by this machine's clock.
pub(crate) const ALREADY_EXPIRED: &str = "the session has already expired by this machine's clock";

fn midpoint(from: SystemTime, to: SystemTime) -> SystemTime {
    from + to.duration_since(from).unwrap_or_default() / 2
}
