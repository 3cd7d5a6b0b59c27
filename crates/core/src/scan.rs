//! Reads each account into one record of the roll, whatever fails.

use std::collections::BTreeMap;
use std::error::Error;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use aws_config::SdkConfig;
use aws_sdk_iam::config::IdentityCache;
use aws_smithy_runtime::client::retries::{RetryPartition, TokenBucket};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_smithy_types::retry::RetryConfig;
use futures_util::{FutureExt, Stream, StreamExt, stream};
use rolecall_roll::{
    AccountId, AccountRecord, Caller, ErrorKind, FactKind, Gap, Remedy, RoleArn, Stage, User, json,
};
use tokio::sync::{OnceCell, watch};

use crate::call::CallError;
use crate::cancellation::{Cancellation, StopReason};
use crate::collect::{self, Progress, ReadOptions};
use crate::connect::CheckAnswers;
use crate::options::settings::{Limits, Settings};
use crate::rate_limiter::{CallMetrics, MetricsInterceptor, RateLimiter};
use crate::remedy;
use crate::secrets::{Redactor, Secrets};
use crate::session::{self, RoleChain, Session, SessionContext, SessionLog};
use crate::targets::organization::OrganizationsClient;
use crate::targets::{Access, Target};

/// Scans accounts. It is made once and used for any number of runs.
#[derive(Debug)]
pub struct Scanner {
    sdk_config: SdkConfig,
    secrets: Secrets,
    role_chain: RoleChain,
    call_metrics: CallMetrics,
    sts_rate_limiter: Arc<RateLimiter>,
    /// The number of accounts that AWS Organizations has listed so far.
    listed_accounts: Arc<AtomicUsize>,
    /// The caller identity, read once: it does not change while the process lives.
    caller: OnceCell<Option<Caller>>,
}

/// What the scans of one run's accounts share.
#[derive(Debug)]
pub struct ScanContext {
    /// The settings of the run.
    pub settings: Settings,
    /// The users of accounts that an earlier invocation of the same run has read in part.
    previous: BTreeMap<AccountId, Vec<User>>,
    /// Becomes true when an account was read through its role.
    first_success: watch::Sender<bool>,
}

impl ScanContext {
    /// A context for a run that has read no account yet.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self { settings, previous: BTreeMap::new(), first_success: watch::Sender::new(false) }
    }

    /// Continues accounts that an earlier invocation of the same run has read in part: what it knows of each user is not read
    /// again, if the user still exists.
    #[must_use]
    pub fn continuing(self, previous: BTreeMap<AccountId, Vec<User>>) -> Self {
        Self { previous, ..self }
    }

    /// Waits until an account was read through its role; if none ever is, it waits forever.
    pub async fn wait_for_first_success(&self) {
        let mut first_success = self.first_success.subscribe();
        if first_success.wait_for(|is_read| *is_read).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

impl Scanner {
    /// A scanner with the credentials of `sdk_config` as the caller.
    #[must_use]
    pub fn new(sdk_config: SdkConfig, limits: &Limits) -> Self {
        let (sdk_config, secrets) = Secrets::wrap_provider(sdk_config);
        let sts_rate_limiter = Arc::new(RateLimiter::new(Some(limits.sts_rate)));
        let (role_chain, call_metrics, caller) =
            (RoleChain::default(), CallMetrics::default(), OnceCell::new());
        let listed_accounts = Arc::default();
        Self { sdk_config, secrets, role_chain, call_metrics, sts_rate_limiter, listed_accounts, caller }
    }

    /// The secrets recorded so far, of the caller and of intermediate roles.
    #[must_use]
    pub fn secrets(&self) -> &Secrets {
        &self.secrets
    }

    /// Counts the calls that the scanner makes.
    #[must_use]
    pub fn call_metrics(&self) -> &CallMetrics {
        &self.call_metrics
    }

    /// The number of accounts that AWS Organizations has listed so far.
    #[must_use]
    pub fn listed_accounts(&self) -> &Arc<AtomicUsize> {
        &self.listed_accounts
    }

    /// The sessions of intermediate roles that were opened so far.
    #[must_use]
    pub fn role_chain(&self) -> Vec<rolecall_roll::IntermediateSession> {
        self.role_chain.sessions()
    }

    /// Sets the most `AssumeRole` calls per second: a run may have to share the account's rate with others, and the next run of the
    /// same scanner may not.
    pub fn set_sts_rate(&self, rate: f64) {
        self.sts_rate_limiter.set_given(rate);
    }

    /// The SDK's configuration, with the caller's credentials.
    #[must_use]
    pub fn sdk_config(&self) -> &SdkConfig {
        &self.sdk_config
    }

    /// The caller identity. `Ok(None)` where AWS responds without it: accounts can be scanned all the same.
    ///
    /// # Errors
    /// Where no account can be read: the caller has no credentials or none that AWS accepts, or AWS does not respond.
    pub async fn caller(&self) -> Result<Option<Caller>, CallError> {
        let caller =
            self.caller.get_or_try_init(async || match self.get_caller_identity().boxed_local().await {
                Ok(caller) => {
                    tracing::info!(arn = caller.arn, "caller identity");
                    Ok(Some(caller))
                }
                Err(error)
                    if matches!(
                        error.error_kind,
                        ErrorKind::Credentials | ErrorKind::Transport | ErrorKind::TimedOut
                    ) =>
                {
                    Err(error)
                }
                Err(error) => {
                    tracing::warn!(%error, "the caller identity is unknown");
                    Ok(None)
                }
            });
        caller.await.cloned()
    }

    /// `sts:GetCallerIdentity` needs no permission.
    async fn get_caller_identity(&self) -> Result<Caller, CallError> {
        const GET_CALLER_IDENTITY: &str = "GetCallerIdentity";
        // This is the first call: if nothing responds, the user should hear it soon.
        let retries = self.sdk_config.retry_config().cloned().unwrap_or_else(RetryConfig::standard);
        let attempts = retries.max_attempts().min(3);
        let config = self.sts_config().retry_config(retries.with_max_attempts(attempts));
        let response = aws_sdk_sts::Client::from_conf(config.build()).get_caller_identity().send().await;
        let response = response.map_err(|error| self.error(GET_CALLER_IDENTITY, &error))?;
        let account_id = response.account.as_deref().and_then(|id| id.parse::<AccountId>().ok());
        let redactor = self.secrets.redactor([]);
        match (account_id, response.arn) {
            (Some(account_id), Some(arn)) if is_caller_arn(&arn, &account_id) && !redactor.is_in(&arn) => {
                Ok(Caller { account_id, arn })
            }
            _ => Err(CallError::malformed(GET_CALLER_IDENTITY, "the response has no caller identity", None)),
        }
    }

    /// An STS client with the caller's credentials.
    pub(crate) fn sts(&self) -> aws_sdk_sts::Client {
        aws_sdk_sts::Client::from_conf(self.sts_config().build())
    }

    fn sts_config(&self) -> aws_sdk_sts::config::Builder {
        aws_sdk_sts::config::Builder::from(&self.sdk_config)
            .interceptor(CheckAnswers::default())
            .interceptor(MetricsInterceptor { call_metrics: self.call_metrics.clone(), rate_limiter: None })
    }

    /// An IAM client with the caller's credentials.
    #[must_use]
    pub fn iam(&self) -> aws_sdk_iam::Client {
        let config = session::iam_config(&self.sdk_config)
            .interceptor(CheckAnswers::default())
            .interceptor(MetricsInterceptor { call_metrics: self.call_metrics.clone(), rate_limiter: None });
        aws_sdk_iam::Client::from_conf(config.build())
    }

    /// Converts the SDK's error to a call with the caller's credentials, with all secrets redacted.
    pub fn error<E>(&self, operation: &'static str, error: &SdkError<E, HttpResponse>) -> CallError
    where
        E: Error + ProvideErrorMetadata + 'static,
    {
        CallError::new(operation, error).redact(&self.secrets.redactor([]))
    }

    /// A client of AWS Organizations with the caller's credentials, or with those of the last role of the chain `via`.
    ///
    /// # Errors
    /// The error of the first `AssumeRole` of the chain that failed.
    pub async fn organization(
        &self,
        via: &[RoleArn],
        context: &ScanContext,
    ) -> Result<OrganizationsClient, CallError> {
        let mut config = aws_sdk_organizations::config::Builder::from(&self.sdk_config)
            .interceptor(CheckAnswers::default())
            .interceptor(MetricsInterceptor { call_metrics: self.call_metrics.clone(), rate_limiter: None });
        let mut iam = session::iam_config(&self.sdk_config)
            .interceptor(CheckAnswers::default())
            .interceptor(MetricsInterceptor { call_metrics: self.call_metrics.clone(), rate_limiter: None });
        if !via.is_empty() {
            let budget = TokenBucket::builder().capacity(100_000).build();
            let retries = RetryPartition::custom("rolecall-organization").token_bucket(budget).build();
            let credentials =
                self.role_chain.credentials(via, self.context(context), &retries).boxed_local().await?;
            config =
                config.credentials_provider(credentials.clone()).identity_cache(IdentityCache::no_cache());
            iam = iam.credentials_provider(credentials).identity_cache(IdentityCache::no_cache());
        }
        let client = aws_sdk_organizations::Client::from_conf(config.build());
        Ok(OrganizationsClient::new(
            client,
            aws_sdk_iam::Client::from_conf(iam.build()),
            self.secrets.clone(),
            Arc::clone(&self.listed_accounts),
        ))
    }

    /// What sessions need of the scanner and of the run.
    #[must_use]
    pub fn context<'a>(&'a self, context: &'a ScanContext) -> SessionContext<'a> {
        SessionContext {
            settings: &context.settings.session,
            sdk_config: &self.sdk_config,
            caller_secrets: &self.secrets,
            caller_arn: self.caller.get().and_then(Option::as_ref).map(|caller| caller.arn.as_str()),
            role_chain: &self.role_chain,
            call_metrics: &self.call_metrics,
            sts_rate_limiter: &self.sts_rate_limiter,
            first_success: &context.first_success,
        }
    }

    /// Reads every target, several at a time, and yields each one's record as it completes: every target exactly once. What
    /// is not read when the run is stopped is a gap in the records.
    pub fn scan<'a>(
        &'a self,
        context: &'a ScanContext,
        targets: impl IntoIterator<Item = &'a Target> + 'a,
        cancellation: &'a Cancellation,
    ) -> impl Stream<Item = AccountRecord> + 'a {
        stream::iter(targets)
            .map(move |target| self.scan_account(context, target, cancellation))
            .buffer_unordered(context.settings.limits.concurrency)
    }

    async fn scan_account(
        &self,
        context: &ScanContext,
        target: &Target,
        cancellation: &Cancellation,
    ) -> AccountRecord {
        let sessions = SessionLog::default();
        // After a panic everything that was read of the account is dropped, so no inconsistent state is used again.
        let account = AssertUnwindSafe(self.read(context, target, cancellation, &sessions).boxed_local())
            .catch_unwind()
            .await
            .unwrap_or_else(|_| {
                let message = "internal error in rolecall while reading this account; nothing of it was kept"
                    .to_owned();
                AccountRecord::failed(
                    target.to_roll_target(),
                    own_gap(Stage::Session, ErrorKind::Internal, message),
                )
            })
            .with_account(target.account.clone())
            .with_sessions(sessions.sessions());
        let (users, access_keys) = account.count();
        let (outcome, gaps) = (account.outcome(), account.gaps().len());
        let reason = account.gaps().first().map(|gap| gap.message.as_str()).or(account.why_skipped());
        let account_id = account.account_id();
        tracing::info!(%account_id, %outcome, users, access_keys, gaps, reason, "account");
        account
    }

    async fn read(
        &self,
        context: &ScanContext,
        target: &Target,
        cancellation: &Cancellation,
        sessions: &SessionLog,
    ) -> AccountRecord {
        if let Access::Skipped(why) = &target.access {
            return AccountRecord::skipped(target.to_roll_target(), why);
        }
        if let Some(reason) = cancellation.stop_reason() {
            let message = format!("{reason} before the account was started");
            return AccountRecord::failed(target.to_roll_target(), stop_gap(reason, Stage::Session, message));
        }
        let Settings { selection, limits, .. } = &context.settings;
        let options = ReadOptions {
            selection,
            max_concurrent_calls: limits.account_concurrency,
            previous: context.previous.get(&target.account_id).map_or(&[][..], Vec::as_slice),
        };
        let progress = Progress::default();
        let session_secrets = OnceCell::new();
        let work = async {
            // Boxed: otherwise everything below would be one future, with the stack of all of it together.
            let session = match &target.access {
                Access::Role(role) => {
                    let actions = collect::actions(&context.settings.selection);
                    let context = self.context(context);
                    Session::assume_role(role, &actions, context, sessions.clone()).boxed_local().await?
                }
                Access::CallerCredentials | Access::Skipped(_) => {
                    Session::with_caller_credentials(&target.account_id, self.context(context))
                }
            };
            // The session is set once.
            let _ = session_secrets.set(session.secrets());
            progress.set_has_session();
            collect::collect(&session, options, &progress).boxed_local().await;
            Ok::<_, CallError>(())
        };
        let stop_reason = tokio::select! {
            biased;
            result = work => match result {
                Ok(()) => None,
                Err(error) => {
                    progress.push_gap(error.into_gap(Stage::Session, None));
                    None
                }
            },
            () = tokio::time::sleep(limits.account_timeout) => {
                Some(StopReason::AccountTimeout(limits.account_timeout))
            }
            reason = cancellation.cancelled() => Some(reason),
        };
        if let Some(reason) = stop_reason {
            for (stage, description) in progress.unfinished(selection) {
                let message = description.map_or_else(|| reason.to_string(), |it| format!("{reason}: {it}"));
                progress.push_gap(stop_gap(reason, stage, message));
            }
        }
        let no_reason = "no users were read, and no reason was recorded".to_owned();
        let record = progress.into_record(
            target.to_roll_target(),
            options.selection,
            own_gap(FactKind::Users.into(), ErrorKind::Internal, no_reason),
        );
        without_secrets(record, target, &self.secrets.redactor(session_secrets.get()))
    }
}

/// Whether a text is the ARN of an identity in this account.
fn is_caller_arn(text: &str, account_id: &AccountId) -> bool {
    let mut fields = text.splitn(6, ':');
    let mut field = || fields.next().unwrap_or_default();
    let (arn, partition, service, region) = (field(), field(), field(), field());
    let (account, resource) = (field(), field());
    arn == "arn"
        && partition.starts_with("aws")
        && ["iam", "sts"].contains(&service)
        && region.is_empty()
        && account == account_id.as_str()
        && !resource.is_empty()
        && resource.chars().all(|c| c.is_ascii_graphic())
        && text.len() <= 2048
}

/// The record without the secrets of the account's sessions and of the caller that an answer echoed, in a name, a path or a tag: all of
/// an account's texts come from the account, which may be hostile.
fn without_secrets(record: AccountRecord, target: &Target, redactor: &Redactor) -> AccountRecord {
    let Ok(text) = json::to_string(&record) else { return record };
    if !redactor.is_in(&text) {
        return record;
    }
    let redacted = serde_json::from_str(&text).map(|record| redact_texts(record, redactor).to_string());
    redacted.and_then(|text| serde_json::from_slice(text.as_bytes())).unwrap_or_else(|_| {
        // An id, which cannot be redacted in part.
        let message = "the account answers with a secret of the session in place of an id".to_owned();
        let gap = own_gap(FactKind::Users.into(), ErrorKind::Malformed, message);
        AccountRecord::failed(target.to_roll_target(), gap)
    })
}

/// The JSON with every text redacted, the names of members too.
fn redact_texts(value: serde_json::Value, redactor: &Redactor) -> serde_json::Value {
    use serde_json::Value;
    match value {
        Value::String(text) => Value::String(redactor.field(&text).into_owned()),
        Value::Array(items) => items.into_iter().map(|item| redact_texts(item, redactor)).collect(),
        Value::Object(members) => members
            .into_iter()
            .map(|(name, value)| (redactor.field(&name).into_owned(), redact_texts(value, redactor)))
            .collect(),
        other => other,
    }
}

/// The gap of what a stop left unread.
fn stop_gap(reason: StopReason, stage: Stage, message: String) -> Gap {
    let gap = own_gap(stage, reason.error_kind(), message);
    match reason {
        StopReason::AccountTimeout(_) => gap,
        StopReason::Deadline(_) | StopReason::Cancelled => Gap { remedy: Remedy::ResumeRun, ..gap },
    }
}

/// A gap that is not the error of a call.
fn own_gap(stage: Stage, error_kind: ErrorKind, message: String) -> Gap {
    let remedy = remedy::for_kind(error_kind);
    Gap { stage, operation: None, user_name: None, error_kind, code: None, message, request_id: None, remedy }
}
