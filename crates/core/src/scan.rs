//! Account by account to its line in the roll, whatever happens on the way.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_smithy_types::retry::RetryConfig;
use futures_util::{FutureExt, Stream, StreamExt, stream};
use rolecall_roll::{AccountRoll, Caller, Class, Gap, Step};
use tokio::sync::OnceCell;
use tokio::time::{Instant, timeout};

use crate::call::CallError;
use crate::caller::CallerSecrets;
use crate::collect::{self, Seen};
use crate::connect::AnswersAreWhole;
use crate::remedy;
use crate::session::Session;
use crate::settings::Settings;
use crate::targets::{Target, Targets};

/// Takes rolls. Made once, used for any number of them.
#[derive(Debug)]
pub struct Scanner {
    sdk_config: SdkConfig,
    secrets: CallerSecrets,
    /// Asked for once: it does not change while the process lives.
    caller: OnceCell<Option<Caller>>,
    /// How the rolls are taken.
    pub settings: Settings,
}

impl Scanner {
    /// A scanner that asks as the caller of `sdk_config`.
    #[must_use]
    pub fn new(sdk_config: SdkConfig, settings: Settings) -> Self {
        let (sdk_config, secrets) = CallerSecrets::of(sdk_config);
        Self { sdk_config, secrets, caller: OnceCell::new(), settings }
    }

    /// The caller's secrets, as far as its provider has given them.
    #[must_use]
    pub fn secrets(&self) -> &CallerSecrets {
        &self.secrets
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
                    if matches!(error.class, Class::Credentials | Class::Transport | Class::TimedOut) =>
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
        let config = aws_sdk_sts::config::Builder::from(&self.sdk_config)
            .retry_config(retries.with_max_attempts(attempts))
            .interceptor(AnswersAreWhole)
            .build();
        let answer = aws_sdk_sts::Client::from_conf(config)
            .get_caller_identity()
            .send()
            .await
            .map_err(|error| CallError::new(GET_CALLER_IDENTITY, &error))
            .map_err(|error| error.without(self.secrets.known().iter().map(|secret| secret.as_str())))?;
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

    /// Asks every target, some side by side, and gives each one's line as it is done: every target exactly once.
    /// What is not read when the time `within` is over stays unread, and its lines say so.
    pub fn scan<'a>(
        &'a self,
        targets: &'a Targets,
        within: Option<Duration>,
    ) -> impl Stream<Item = AccountRoll> + 'a {
        let deadline = within.map(|within| Instant::now() + within);
        stream::iter(targets.as_slice())
            .map(move |target| self.account(target, deadline))
            .buffer_unordered(self.settings.limits.accounts_at_once)
    }

    async fn account(&self, target: &Target, deadline: Option<Instant>) -> AccountRoll {
        // What is done with a panic is to forget all that was seen, so nothing half done is seen again.
        let account = AssertUnwindSafe(self.read(target, deadline).boxed_local())
            .catch_unwind()
            .await
            .unwrap_or_else(|_| {
                let message = "rolecall went wrong in this account; nothing of it is kept".to_owned();
                AccountRoll::failed(target.role_arn.clone(), own_gap(Step::Session, Class::Internal, message))
            });
        let (users, access_keys) = account.count();
        let (outcome, gaps) = (account.outcome(), account.gaps().len());
        let reason = account.gaps().first().map(|gap| gap.message.as_str());
        let account_id = account.account_id();
        tracing::info!(%account_id, %outcome, users, access_keys, gaps, reason, "account");
        account
    }

    async fn read(&self, target: &Target, deadline: Option<Instant>) -> AccountRoll {
        let limits = &self.settings.limits;
        let left =
            deadline.map_or(Duration::MAX, |deadline| deadline.saturating_duration_since(Instant::now()));
        let time = limits.account_timeout.min(left);
        let mut seen = Seen::default();
        let work = async {
            // Boxed, since all that follows would else be one function, with the stack of all of it together.
            let actions = collect::actions();
            let session = Session::open(target, &actions, &self.settings, &self.sdk_config, &self.secrets)
                .boxed_local()
                .await?;
            collect::collect(&session, limits.calls_at_once, &mut seen).boxed_local().await;
            Ok::<_, CallError>(())
        };
        let failed = match timeout(time, work).await {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error.into_gap(Step::Session, None)),
            Err(_) => {
                let step = seen.step.unwrap_or(Step::Session);
                let unread = seen.users.iter().flatten().filter(|user| user.access_keys.is_none()).count();
                let time = Duration::from_millis(u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
                let message = match step {
                    Step::AccessKeys => {
                        format!(
                            "the {time:?} for this account ran out, the keys of {unread} user(s) are not read"
                        )
                    }
                    Step::Users => {
                        format!("the {time:?} for this account ran out, not all users are listed")
                    }
                    Step::Session => format!("the {time:?} for this account ran out"),
                };
                Some(own_gap(step, Class::TimedOut, message))
            }
        };
        seen.gaps.extend(failed);
        line(target, seen)
    }
}

/// The line of what was seen.
fn line(target: &Target, seen: Seen) -> AccountRoll {
    let role_arn = target.role_arn.clone();
    if let Some(users) = seen.users {
        AccountRoll::read(role_arn, users, seen.gaps, seen.notes)
    } else {
        let first = seen.gaps.into_iter().next();
        let gap = first.unwrap_or_else(|| {
            own_gap(Step::Users, Class::Internal, "no users were read, and no reason was kept".into())
        });
        AccountRoll::failed(role_arn, gap)
    }
}

/// A gap that no call's error made.
fn own_gap(step: Step, class: Class, message: String) -> Gap {
    let operation = None;
    let remedy = remedy::of_class(step, class).to_owned();
    Gap { step, operation, user_name: None, class, code: None, message, request_id: None, remedy }
}
