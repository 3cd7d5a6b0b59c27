//! Becoming the account's role, and staying it while the account is read.

mod policy;

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_config::SdkConfig;
use aws_credential_types::Credentials;
use aws_sdk_iam::config::IdentityCache;
use aws_sdk_sts::operation::RequestId as _;
use aws_sdk_sts::operation::assume_role::AssumeRoleOutput;
use aws_smithy_async::time::SharedTimeSource;
use aws_smithy_runtime::client::retries::{RetryPartition, TokenBucket};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use rolecall_roll::AccountId;
use tokio::sync::Mutex;
use zeroize::Zeroizing;

use crate::call::CallError;
use crate::caller::CallerSecrets;
use crate::connect::AnswersAreWhole;
use crate::settings::Settings;
use crate::targets::Target;

const ASSUME_ROLE: &str = "AssumeRole";

/// A session of one account's role. It renews itself before it ends.
///
/// `sts:AssumeRole` is called outright and not through the SDK's `AssumeRoleProvider`, which would turn a denial into
/// an IAM call that could not be sent.
pub struct Session<'a> {
    role: Role<'a>,
    opened: Mutex<Opened>,
}

/// A role that can be assumed, any number of times.
struct Role<'a> {
    target: &'a Target,
    settings: &'a Settings,
    session_policy: Option<String>,
    sdk_config: &'a SdkConfig,
    caller_secrets: &'a CallerSecrets,
    sts: aws_sdk_sts::Client,
    /// The account's own budget of retries: with one for all, a throttled account takes the others' too.
    retries: RetryPartition,
    time: SharedTimeSource,
}

/// What one `AssumeRole` gave.
struct Opened {
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
    secrets: Arc<[Zeroizing<String>; 3]>,
}

impl Iam {
    /// What went wrong with a call of this client's, with nothing secret in it.
    pub fn error<E>(&self, operation: &'static str, error: &SdkError<E, HttpResponse>) -> CallError
    where
        E: Error + ProvideErrorMetadata + 'static,
    {
        CallError::new(operation, error).without(self.secrets.iter().map(|secret| secret.as_str()))
    }
}

impl std::fmt::Debug for Iam {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Iam").finish_non_exhaustive()
    }
}

impl<'a> Session<'a> {
    /// Becomes the target's role, narrowed to `actions` where the settings say so.
    ///
    /// # Errors
    /// What AWS refused, or an answer that is no session of the account that was asked for.
    pub async fn open(
        target: &'a Target,
        actions: &[&str],
        settings: &'a Settings,
        sdk_config: &'a SdkConfig,
        caller_secrets: &'a CallerSecrets,
    ) -> Result<Self, CallError> {
        // Attempts and the account's time bound the retries, so the budget is there for all of them.
        let budget = TokenBucket::builder().capacity(100_000).build();
        let name = format!("rolecall-{}", target.role_arn.account_id());
        let retries = RetryPartition::custom(name).token_bucket(budget).build();
        let sts = sts_client(sdk_config, &retries);
        let session_policy = settings.narrow_session.then(|| policy::allowing(actions));
        let time = sdk_config.time_source().unwrap_or_default();
        let role = Role { target, settings, session_policy, sdk_config, caller_secrets, sts, retries, time };
        let opened = role.assume().await?;
        Ok(Self { role, opened: Mutex::new(opened) })
    }

    /// IAM, as the role. The session is renewed first where its end is near.
    ///
    /// # Errors
    /// Those of [`Session::open`], where the session could not be renewed and has ended.
    pub async fn iam(&self) -> Result<Iam, CallError> {
        let mut opened = self.opened.lock().await;
        let now = self.role.time.now();
        if now >= opened.renew_at {
            match self.role.assume().await {
                Ok(renewed) => *opened = renewed,
                Err(error) if now >= opened.expires_at => return Err(error),
                Err(error) => {
                    let account_id = self.role.target.role_arn.account_id();
                    tracing::warn!(%account_id, %error, "the session was not renewed, and goes on to its end");
                    opened.renew_at = half_way(now, opened.expires_at);
                }
            }
        }
        Ok(opened.iam.clone())
    }
}

impl std::fmt::Debug for Session<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("role_arn", &self.role.target.role_arn).finish_non_exhaustive()
    }
}

impl Role<'_> {
    async fn assume(&self) -> Result<Opened, CallError> {
        let Self { target, settings, session_policy, sdk_config, caller_secrets, sts, retries, time } = self;
        let mut request = sts
            .assume_role()
            .role_arn(target.role_arn.as_str())
            .role_session_name(settings.role_session_name.as_str())
            .duration_seconds(i32::try_from(settings.session_duration.as_secs()).unwrap_or(i32::MAX));
        if let Some(external_id) = &target.external_id {
            request = request.external_id(external_id.expose());
        }
        if let Some(policy) = session_policy {
            request = request.policy(policy);
        }
        let answer = request.send().await.map_err(|error| {
            let secrets = caller_secrets.known();
            let secrets = secrets.iter().map(|secret| secret.as_str()).chain([external_id(target)]);
            CallError::new(ASSUME_ROLE, &error).without(secrets)
        })?;

        let now = time.now();
        let (credentials, expires_at) = credentials_of(answer, target.role_arn.account_id(), now)?;
        let secrets = [
            credentials.secret_access_key(),
            credentials.session_token().unwrap_or_default(),
            external_id(target),
        ];
        let secrets = Arc::new(secrets.map(|secret| Zeroizing::new(secret.to_owned())));
        // Five minutes before the end: longer than any call takes, attempts and all. Of a short session, its last fifth.
        let lifetime = expires_at.duration_since(now).unwrap_or_default();
        let margin = Duration::from_mins(5).min(lifetime / 5);
        let client = iam_client(sdk_config, retries, credentials);
        let iam = Iam { client, secrets };
        Ok(Opened { iam, renew_at: expires_at - margin, expires_at })
    }
}

// Not inlined: what they need of the stack would stay there while the calls are made.

#[inline(never)]
fn sts_client(sdk_config: &SdkConfig, retries: &RetryPartition) -> aws_sdk_sts::Client {
    let config = aws_sdk_sts::config::Builder::from(sdk_config)
        .retry_partition(retries.clone())
        .interceptor(AnswersAreWhole);
    aws_sdk_sts::Client::from_conf(config.build())
}

#[inline(never)]
fn iam_client(
    sdk_config: &SdkConfig,
    retries: &RetryPartition,
    credentials: Credentials,
) -> aws_sdk_iam::Client {
    let config = aws_sdk_iam::config::Builder::from(sdk_config)
        .credentials_provider(credentials)
        // The credentials are in the provider; a shared cache would keep every session's until the end.
        .identity_cache(IdentityCache::no_cache())
        .retry_partition(retries.clone())
        .interceptor(AnswersAreWhole);
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
    if credentials.access_key_id.is_empty()
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

fn external_id(target: &Target) -> &str {
    target.external_id.as_ref().map_or("", |id| id.expose())
}

fn half_way(from: SystemTime, to: SystemTime) -> SystemTime {
    from + to.duration_since(from).unwrap_or_default() / 2
}
