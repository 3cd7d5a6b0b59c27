//! Account by account to its line in the roll, whatever happens on the way.

use std::error::Error;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use aws_config::SdkConfig;
use aws_sdk_iam::config::IdentityCache;
use aws_smithy_runtime::client::retries::{RetryPartition, TokenBucket};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_smithy_types::retry::RetryConfig;
use futures_util::{FutureExt, Stream, StreamExt, stream};
use rolecall_roll::{AccountRecord, Caller, ErrorKind, FactKind, Gap, Remedy, RoleArn, Stage};
use tokio::sync::{OnceCell, watch};

use crate::call::CallError;
use crate::caller::CallerSecrets;
use crate::cancellation::{Cancellation, StopReason};
use crate::collect::{self, Progress, ReadOptions};
use crate::connect::RejectTruncatedXml;
use crate::rate_limiter::{CallMetrics, MetricsInterceptor, RateLimiter};
use crate::remedy;
use crate::session::{self, RoleChain, Session, SessionContext};
use crate::settings::{Limits, Settings};
use crate::targets::organization::OrganizationsClient;
use crate::targets::{Access, Target};

/// Takes rolls. Made once, used for any number of them.
#[derive(Debug)]
pub struct Scanner {
    sdk_config: SdkConfig,
    secrets: CallerSecrets,
    role_chain: RoleChain,
    call_metrics: CallMetrics,
    sts_rate_limiter: Arc<RateLimiter>,
    /// Asked for once: it does not change while the process lives.
    caller: OnceCell<Option<Caller>>,
}

/// What the accounts of one run have in common.
#[derive(Debug)]
pub struct ScanContext {
    /// How the roll is taken.
    pub settings: Settings,
    /// Whether some account was read through its role.
    first_success: watch::Sender<bool>,
}

impl ScanContext {
    /// A context in which no account was read yet.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self { settings, first_success: watch::Sender::new(false) }
    }

    /// Waits until some account was read through its role; for ever where none is.
    pub async fn wait_for_first_success(&self) {
        let mut first_success = self.first_success.subscribe();
        if first_success.wait_for(|is_read| *is_read).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

impl Scanner {
    /// A scanner that asks as the caller of `sdk_config`.
    #[must_use]
    pub fn new(sdk_config: SdkConfig, limits: &Limits) -> Self {
        let (sdk_config, secrets) = CallerSecrets::recording(sdk_config);
        let sts_rate_limiter = Arc::new(RateLimiter::new(Some(limits.sts_rate)));
        let (role_chain, call_metrics, caller) =
            (RoleChain::default(), CallMetrics::default(), OnceCell::new());
        Self { sdk_config, secrets, role_chain, call_metrics, sts_rate_limiter, caller }
    }

    /// The caller's secrets, as far as its provider has given them.
    #[must_use]
    pub fn secrets(&self) -> &CallerSecrets {
        &self.secrets
    }

    /// The calls that were made so far.
    #[must_use]
    pub fn call_metrics(&self) -> &CallMetrics {
        &self.call_metrics
    }

    /// The sessions of roles on the way to the accounts' roles.
    #[must_use]
    pub fn role_chain(&self) -> Vec<rolecall_roll::IntermediateSession> {
        self.role_chain.sessions()
    }

    /// What the SDK is told about the place that Rolecall runs in.
    #[must_use]
    pub fn sdk_config(&self) -> &SdkConfig {
        &self.sdk_config
    }

    /// Who is asking. `Ok(None)` where AWS answers but does not say, which need not stand in a roll's way.
    ///
    /// # Errors
    /// Where no account can be asked: the caller has no credentials, or none that AWS accepts, or no answer comes.
    pub async fn caller(&self) -> Result<Option<Caller>, CallError> {
        let caller =
            self.caller.get_or_try_init(async || match self.get_caller_identity().boxed_local().await {
                Ok(caller) => Ok(Some(caller)),
                Err(error)
                    if matches!(
                        error.error_kind,
                        ErrorKind::Credentials | ErrorKind::Transport | ErrorKind::TimedOut
                    ) =>
                {
                    Err(error)
                }
                Err(error) => {
                    tracing::warn!(%error, "AWS does not say who the caller is");
                    Ok(None)
                }
            });
        caller.await.cloned()
    }

    /// `sts:GetCallerIdentity` needs no permission.
    async fn get_caller_identity(&self) -> Result<Caller, CallError> {
        const GET_CALLER_IDENTITY: &str = "GetCallerIdentity";
        // The first call of all: where nothing answers it, a person is waiting to hear so.
        let retries = self.sdk_config.retry_config().cloned().unwrap_or_else(RetryConfig::standard);
        let attempts = retries.max_attempts().min(3);
        let config = self.sts_config().retry_config(retries.with_max_attempts(attempts));
        let answer = aws_sdk_sts::Client::from_conf(config.build()).get_caller_identity().send().await;
        let answer = answer.map_err(|error| self.error(GET_CALLER_IDENTITY, &error))?;
        let account_id = answer.account.as_deref().and_then(|id| id.parse().ok());
        match (account_id, answer.arn) {
            (Some(account_id), Some(arn)) => Ok(Caller { account_id, arn }),
            _ => Err(CallError::malformed(
                GET_CALLER_IDENTITY,
                "the answer does not say who the caller is",
                None,
            )),
        }
    }

    /// STS, as the caller.
    pub(crate) fn sts(&self) -> aws_sdk_sts::Client {
        aws_sdk_sts::Client::from_conf(self.sts_config().build())
    }

    fn sts_config(&self) -> aws_sdk_sts::config::Builder {
        aws_sdk_sts::config::Builder::from(&self.sdk_config)
            .interceptor(RejectTruncatedXml)
            .interceptor(MetricsInterceptor { call_metrics: self.call_metrics.clone(), rate_limiter: None })
    }

    /// What went wrong with a call as the caller, with nothing secret in it.
    pub(crate) fn error<E>(&self, operation: &'static str, error: &SdkError<E, HttpResponse>) -> CallError
    where
        E: Error + ProvideErrorMetadata + 'static,
    {
        let secrets = self.secrets.secrets();
        CallError::new(operation, error).redact(secrets.iter().map(|secret| secret.as_str()))
    }

    /// AWS Organizations, as the caller or as the last of a chain of roles.
    ///
    /// # Errors
    /// What AWS refused on the way to that role.
    pub async fn organization(
        &self,
        via: &[RoleArn],
        context: &ScanContext,
    ) -> Result<OrganizationsClient, CallError> {
        let mut config = aws_sdk_organizations::config::Builder::from(&self.sdk_config)
            .interceptor(MetricsInterceptor { call_metrics: self.call_metrics.clone(), rate_limiter: None });
        let mut iam = session::iam_config(&self.sdk_config)
            .interceptor(RejectTruncatedXml)
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
        ))
    }

    /// Who asks, and how.
    #[must_use]
    pub fn context<'a>(&'a self, context: &'a ScanContext) -> SessionContext<'a> {
        SessionContext {
            settings: &context.settings.session,
            sdk_config: &self.sdk_config,
            caller_secrets: &self.secrets,
            role_chain: &self.role_chain,
            call_metrics: &self.call_metrics,
            sts_rate_limiter: &self.sts_rate_limiter,
            first_success: &context.first_success,
        }
    }

    /// Reads every target, some at a time, and gives each one's line as it is done: every target exactly once. What is
    /// not read when the run is over stays unread, and its lines say so.
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
        // What is done with a panic is to forget all that was seen, so nothing half done is seen again.
        let account = AssertUnwindSafe(self.read(context, target, cancellation).boxed_local())
            .catch_unwind()
            .await
            .unwrap_or_else(|_| {
                let message = "rolecall went wrong in this account; nothing of it is kept".to_owned();
                AccountRecord::failed(
                    target.to_roll_target(),
                    own_gap(Stage::Session, ErrorKind::Internal, message),
                )
            })
            .with_account(target.account.clone());
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
    ) -> AccountRecord {
        if let Access::Skipped(why) = &target.access {
            return AccountRecord::skipped(target.to_roll_target(), why);
        }
        if let Some(reason) = cancellation.stop_reason() {
            let message = format!("{reason} before this account was asked");
            return AccountRecord::failed(target.to_roll_target(), stop_gap(reason, Stage::Session, message));
        }
        let Settings { selection, limits, .. } = &context.settings;
        let options = ReadOptions { selection, max_concurrent_calls: limits.account_concurrency };
        let progress = Progress::default();
        let work = async {
            // Boxed, since all that follows would else be one function, with the stack of all of it together.
            let session = match &target.access {
                Access::Role(role) => {
                    let actions = collect::actions(&context.settings.selection);
                    Session::assume_role(role, &actions, self.context(context)).boxed_local().await?
                }
                Access::CallerCredentials | Access::Skipped(_) => {
                    Session::with_caller_credentials(&target.account_id, self.context(context))
                }
            };
            progress.set_has_session();
            progress.set_request_ids(session.request_ids());
            collect::collect(&session, options, &progress).boxed_local().await;
            progress.set_request_ids(session.request_ids());
            Ok::<_, CallError>(())
        };
        let stop_reason = tokio::select! {
            biased;
            ended = work => match ended {
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
            for (stage, what) in progress.unfinished(selection) {
                let message = what.map_or_else(|| reason.to_string(), |what| format!("{reason}, {what}"));
                progress.push_gap(stop_gap(reason, stage, message));
            }
        }
        let no_reason = "no users were read, and no reason was kept".to_owned();
        progress.into_record(
            target.to_roll_target(),
            options.selection,
            own_gap(FactKind::Users.into(), ErrorKind::Internal, no_reason),
        )
    }
}

/// The gap of what was not read since the run, or the account's time, was over.
fn stop_gap(reason: StopReason, stage: Stage, message: String) -> Gap {
    let gap = own_gap(stage, reason.error_kind(), message);
    match reason {
        StopReason::AccountTimeout(_) => gap,
        StopReason::Deadline(_) | StopReason::Cancelled => Gap { remedy: Remedy::ResumeRun, ..gap },
    }
}

/// A gap that no call's error made.
fn own_gap(step: Stage, class: ErrorKind, message: String) -> Gap {
    let operation = None;
    let remedy = remedy::for_kind(class);
    Gap {
        stage: step,
        operation,
        user_name: None,
        error_kind: class,
        code: None,
        message,
        request_id: None,
        remedy,
    }
}
