//! Becoming the account's role, and staying it while the account is read.

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
use rolecall_roll::{AccessKeyId, AccountId, ExternalId, Partition, RoleArn, Side};
use tokio::sync::{Mutex, watch};
use zeroize::Zeroizing;

use crate::call::CallError;
use crate::caller::CallerSecrets;
use crate::connect::RejectTruncatedXml;
use crate::rate_limiter::{CallMetrics, MetricsInterceptor, RateLimitedClient, RateLimiter};
use crate::settings::SessionSettings;
use crate::targets::Role;
pub use role_chain::RoleChain;

const ASSUME_ROLE: &str = "AssumeRole";

/// A session in one account: of its role, which renews itself before it ends, or of the caller's own.
///
/// `sts:AssumeRole` is called outright and not through the SDK's `AssumeRoleProvider`, which would turn a denial into
/// an IAM call that could not be sent.
pub struct Session<'a>(Kind<'a>);

enum Kind<'a> {
    CallerCredentials(Iam),
    OfRole { role: Box<AssumableRole<'a>>, opened: Mutex<AssumedSession> },
}

/// Who asks, how, and by way of whom.
#[derive(Debug, Clone, Copy)]
pub struct SessionContext<'a> {
    /// How sessions are made.
    pub settings: &'a SessionSettings,
    /// What the SDK is told, the caller's credentials among it.
    pub sdk_config: &'a SdkConfig,
    /// What no message may hold.
    pub caller_secrets: &'a CallerSecrets,
    /// The sessions on the way to the accounts'.
    pub role_chain: &'a RoleChain,
    /// Counts the calls.
    pub call_metrics: &'a CallMetrics,
    /// The pace at which sessions are asked for.
    pub sts_rate_limiter: &'a Arc<RateLimiter>,
    /// Whether some account was read through its role.
    pub first_success: &'a watch::Sender<bool>,
}

/// A role that can be assumed, any number of times.
struct AssumableRole<'a> {
    role: &'a Role,
    session_policy: Option<String>,
    context: SessionContext<'a>,
    rate_limiter: Arc<RateLimiter>,
    /// The account's own budget of retries: with one for all, a throttled account takes the others' too.
    retries: RetryPartition,
    time: SharedTimeSource,
    /// Of the calls that gave a session.
    request_ids: std::sync::Mutex<Vec<String>>,
}

/// What one `AssumeRole` gave.
struct AssumedSession {
    iam: Iam,
    renew_at: SystemTime,
    expires_at: SystemTime,
}

/// IAM, as the role.
#[derive(Clone)]
pub struct Iam {
    /// The SDK's client.
    pub client: aws_sdk_iam::Client,
    /// What no message may hold: the session's secret key and token, and the external id.
    secrets: Arc<[Zeroizing<String>]>,
    caller_secrets: CallerSecrets,
    side: Side,
}

impl Iam {
    /// What went wrong with a call of this client's, with nothing secret in it.
    pub(crate) fn error<E>(&self, operation: &'static str, error: &SdkError<E, HttpResponse>) -> CallError
    where
        E: Error + ProvideErrorMetadata + 'static,
    {
        let known = self.caller_secrets.secrets();
        let secrets = self.secrets.iter().chain(&known).map(|secret| secret.as_str());
        CallError::new(operation, error).redact(secrets).with_side(self.side)
    }
}

impl std::fmt::Debug for Iam {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Iam").finish_non_exhaustive()
    }
}

impl<'a> Session<'a> {
    /// Becomes the role, narrowed to `actions` where the settings say so.
    ///
    /// # Errors
    /// What AWS refused, or an answer that is no session of the account that was asked for.
    pub async fn assume_role(
        role: &'a Role,
        actions: &[&str],
        context: SessionContext<'a>,
    ) -> Result<Self, CallError> {
        let retries = retries(role.role_arn.account_id());
        let session_policy = (!context.settings.no_policy).then(|| policy::allowing(actions));
        let time = context.sdk_config.time_source().unwrap_or_default();
        let rate_limiter = Arc::new(RateLimiter::default());
        let request_ids = std::sync::Mutex::default();
        let role = AssumableRole { role, session_policy, context, rate_limiter, retries, time, request_ids };
        let opened = role.assume().await?;
        Ok(Self(Kind::OfRole { role: Box::new(role), opened: Mutex::new(opened) }))
    }

    /// The caller's own account, with the caller's own credentials.
    #[must_use]
    pub(crate) fn with_caller_credentials(account_id: &AccountId, context: SessionContext<'a>) -> Self {
        let client = iam_client(context, &Arc::new(RateLimiter::default()), &retries(account_id), None);
        let caller_secrets = context.caller_secrets.clone();
        Self(Kind::CallerCredentials(Iam {
            client,
            secrets: Arc::new([]),
            caller_secrets,
            side: Side::Caller,
        }))
    }

    /// The request ids of the calls that gave it, one and one more for each time that it was renewed.
    #[must_use]
    pub(crate) fn request_ids(&self) -> Vec<String> {
        match &self.0 {
            Kind::CallerCredentials(_) => Vec::new(),
            Kind::OfRole { role, .. } => role.request_ids.lock().map(|ids| ids.clone()).unwrap_or_default(),
        }
    }

    /// Takes note that the account was read.
    pub(crate) fn mark_success(&self) {
        if let Kind::OfRole { role, .. } = &self.0 {
            role.context.first_success.send_replace(true);
        }
    }

    /// IAM, as the role. The session is renewed first where its end is near.
    ///
    /// # Errors
    /// Those of [`Session::open`], where the session could not be renewed and has ended.
    pub async fn iam(&self) -> Result<Iam, CallError> {
        let (role, opened) = match &self.0 {
            Kind::CallerCredentials(iam) => return Ok(iam.clone()),
            Kind::OfRole { role, opened } => (role, opened),
        };
        let mut opened = opened.lock().await;
        let now = role.time.now();
        if now >= opened.renew_at {
            match role.assume().await {
                Ok(renewed) => *opened = renewed,
                Err(error) if now >= opened.expires_at => return Err(error),
                Err(error) => {
                    let account_id = role.role.role_arn.account_id();
                    tracing::warn!(%account_id, %error, "the session was not renewed, and goes on to its end");
                    opened.renew_at = renewal_time(now, opened.expires_at);
                }
            }
        }
        Ok(opened.iam.clone())
    }
}

/// The account's own budget of retries. Attempts and the account's time bound them, so it is there for all of them.
fn retries(account_id: &AccountId) -> RetryPartition {
    let budget = TokenBucket::builder().capacity(100_000).build();
    RetryPartition::custom(format!("rolecall-{account_id}")).token_bucket(budget).build()
}

impl std::fmt::Debug for Session<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let role_arn = match &self.0 {
            Kind::CallerCredentials(_) => None,
            Kind::OfRole { role, .. } => Some(&role.role.role_arn),
        };
        f.debug_struct("Session").field("role_arn", &role_arn).finish_non_exhaustive()
    }
}

impl AssumableRole<'_> {
    async fn assume(&self) -> Result<AssumedSession, CallError> {
        let Self { role, session_policy, context, rate_limiter, retries, time, request_ids } = self;
        let sts = context.role_chain.sts(&role.via, *context, retries).boxed_local().await?;
        let request =
            request(&sts, &role.role_arn, role.external_id.as_ref(), context.settings, !role.via.is_empty())
                .set_policy(session_policy.clone());
        let answer = request.send().await.map_err(|error| {
            let secrets = context.caller_secrets.secrets();
            let secrets = secrets.iter().map(|secret| secret.as_str()).chain([external_id(role)]);
            CallError::new(ASSUME_ROLE, &error).redact(secrets)
        })?;

        if let (Some(id), Ok(mut ids)) = (answer.request_id(), request_ids.lock()) {
            ids.push(id.to_owned());
        }
        let now = time.now();
        let (credentials, expires_at) = credentials_of(answer, role.role_arn.account_id(), now)?;
        let secrets = [
            credentials.secret_access_key(),
            credentials.session_token().unwrap_or_default(),
            external_id(role),
        ];
        let secrets = Arc::new(secrets.map(|secret| Zeroizing::new(secret.to_owned())));
        let client = iam_client(*context, rate_limiter, retries, Some(credentials));
        let caller_secrets = context.caller_secrets.clone();
        let iam = Iam { client, secrets, caller_secrets, side: Side::Member };
        Ok(AssumedSession { iam, renew_at: renew_at(now, expires_at), expires_at })
    }
}

/// Five minutes before the end: longer than any call takes, attempts and all. Of a short session, its last fifth.
fn renew_at(now: SystemTime, expires_at: SystemTime) -> SystemTime {
    let lifetime = expires_at.duration_since(now).unwrap_or_default();
    expires_at - Duration::from_mins(5).min(lifetime / 5)
}

/// The longest that a session of a role lasts that was assumed with a role's credentials.
///
/// Source: <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>
const LONGEST_IN_A_CHAIN: Duration = Duration::from_hours(1);

fn request(
    sts: &aws_sdk_sts::Client,
    role_arn: &RoleArn,
    external_id: Option<&ExternalId>,
    settings: &SessionSettings,
    is_in_a_chain: bool,
) -> AssumeRoleFluentBuilder {
    let asked = settings.duration;
    let duration = if is_in_a_chain { asked.min(LONGEST_IN_A_CHAIN) } else { asked };
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

// Not inlined: what they need of the stack would stay there while the calls are made.

#[inline(never)]
fn sts_client(
    context: SessionContext<'_>,
    retries: &RetryPartition,
    credentials: Option<Credentials>,
) -> aws_sdk_sts::Client {
    let mut config = aws_sdk_sts::config::Builder::from(context.sdk_config)
        .retry_partition(retries.clone())
        .interceptor(RejectTruncatedXml)
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

/// How IAM is called: it has one endpoint in a partition, which takes signatures for its own region and no other.
/// Where an endpoint of one's own is set, the SDK would sign for the caller's region.
///
/// Source: <https://docs.aws.amazon.com/general/latest/gr/iam-service.html>
pub(crate) fn iam_config(sdk_config: &SdkConfig) -> aws_sdk_iam::config::Builder {
    let region = sdk_config.region().map_or("", AsRef::as_ref);
    let region = Partition::from_region(region).default_region();
    aws_sdk_iam::config::Builder::from(sdk_config).region(Region::new(region))
}

#[inline(never)]
fn iam_client(
    context: SessionContext<'_>,
    rate_limiter: &Arc<RateLimiter>,
    retries: &RetryPartition,
    credentials: Option<Credentials>,
) -> aws_sdk_iam::Client {
    let mut config = iam_config(context.sdk_config)
        .retry_partition(retries.clone())
        .interceptor(RejectTruncatedXml)
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

/// The credentials in an answer, if they are whole, of the account that was asked for, and still good.
fn credentials_of(
    answer: AssumeRoleOutput,
    asked: &AccountId,
    now: SystemTime,
) -> Result<(Credentials, SystemTime), CallError> {
    let request_id = answer.request_id().map(str::to_owned);
    let wrong = |message: String| CallError::malformed(ASSUME_ROLE, message, request_id.as_deref());
    let session_arn = answer.assumed_role_user.as_ref().map_or("", |user| user.arn());
    let account_id = session_arn.split(':').nth(4).unwrap_or_default();
    if account_id.is_empty() {
        return Err(wrong("the answer does not say whose session it is".into()));
    }
    if account_id != asked.as_str() {
        return Err(wrong(format!("the session is one of account {account_id}, not of {asked}")));
    }
    let Some(credentials) = answer.credentials else {
        return Err(wrong("the answer holds no credentials".into()));
    };
    let expires_at = SystemTime::try_from(credentials.expiration).unwrap_or(SystemTime::UNIX_EPOCH);
    // One that is none would make the SDK panic when it signs.
    if credentials.access_key_id.parse::<AccessKeyId>().is_err()
        || credentials.secret_access_key.is_empty()
        || credentials.session_token.is_empty()
    {
        return Err(wrong("the answer's credentials are not whole".into()));
    }
    if expires_at <= now {
        return Err(wrong("the session has ended before it began; check this machine's clock".into()));
    }
    // Over at once into a type that wipes them and does not print them.
    let credentials = Credentials::new(
        credentials.access_key_id,
        credentials.secret_access_key,
        Some(credentials.session_token),
        Some(expires_at),
        "AssumeRole",
    );
    Ok((credentials, expires_at))
}

fn external_id(role: &Role) -> &str {
    role.external_id.as_ref().map_or("", |id| id.expose())
}

fn renewal_time(from: SystemTime, to: SystemTime) -> SystemTime {
    from + to.duration_since(from).unwrap_or_default() / 2
}
