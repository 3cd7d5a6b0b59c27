//! The roles on the way to the accounts' roles, each assumed once for all accounts behind it.

use std::collections::BTreeMap;
use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sdk_sts::operation::RequestId as _;
use aws_smithy_runtime::client::retries::RetryPartition;
use futures_util::FutureExt;
use rolecall_roll::RoleArn;
use tokio::sync::Mutex;

use super::{ASSUME_ROLE, SessionContext, credentials_of, renew_at, request, sts_client};
use crate::call::CallError;

/// Sessions of roles that lead to other roles, by the chain of roles that each ends.
#[derive(Default)]
pub struct RoleChain {
    known: Mutex<BTreeMap<Vec<RoleArn>, IntermediateSession>>,
    made: std::sync::Mutex<Vec<rolecall_roll::IntermediateSession>>,
}

struct IntermediateSession {
    credentials: Credentials,
    renew_at: SystemTime,
}

impl std::fmt::Debug for RoleChain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hops").finish_non_exhaustive()
    }
}

impl RoleChain {
    /// The sessions that were made on the way.
    #[must_use]
    pub(crate) fn sessions(&self) -> Vec<rolecall_roll::IntermediateSession> {
        self.made.lock().map(|made| made.clone()).unwrap_or_default()
    }

    /// STS, as the last of a chain of roles; as the caller where there is none.
    ///
    /// # Errors
    /// What AWS refused on the way, and at which role.
    pub(super) async fn sts(
        &self,
        via: &[RoleArn],
        context: SessionContext<'_>,
        retries: &RetryPartition,
    ) -> Result<aws_sdk_sts::Client, CallError> {
        let credentials = match via {
            [] => None,
            via => Some(self.credentials(via, context, retries).boxed_local().await?),
        };
        Ok(sts_client(context, retries, credentials))
    }

    /// The credentials of the last of a chain of roles.
    ///
    /// # Errors
    /// What AWS refused on the way, and at which role.
    pub(crate) async fn credentials(
        &self,
        via: &[RoleArn],
        context: SessionContext<'_>,
        retries: &RetryPartition,
    ) -> Result<Credentials, CallError> {
        // One asks and the others wait: they want the same.
        let mut known = self.known.lock().await;
        let time = context.sdk_config.time_source().unwrap_or_default();
        let mut before: Option<Credentials> = None;
        for (index, role_arn) in via.iter().enumerate() {
            let chain = via.get(..=index).unwrap_or_default();
            if let Some(hop) = known.get(chain).filter(|hop| time.now() < hop.renew_at) {
                before = Some(hop.credentials.clone());
                continue;
            }
            let is_in_a_chain = before.is_some();
            let sts = sts_client(context, retries, before.take());
            let answer = request(&sts, role_arn, None, context.settings, is_in_a_chain).send().await;
            let answer = answer.map_err(|error| {
                let secrets = context.caller_secrets.secrets();
                let error = CallError::new(ASSUME_ROLE, &error);
                on_the_way(role_arn, error.redact(secrets.iter().map(|secret| secret.as_str())))
            })?;
            if let Ok(mut made) = self.made.lock() {
                let request_id = answer.request_id().map(str::to_owned);
                made.push(rolecall_roll::IntermediateSession { role_arn: role_arn.clone(), request_id });
            }
            let now = time.now();
            let (credentials, expires_at) = credentials_of(answer, role_arn.account_id(), now)
                .map_err(|error| on_the_way(role_arn, error))?;
            context.caller_secrets.add(credentials.secret_access_key());
            credentials.session_token().into_iter().for_each(|token| context.caller_secrets.add(token));
            let hop =
                IntermediateSession { credentials: credentials.clone(), renew_at: renew_at(now, expires_at) };
            known.insert(chain.to_vec(), hop);
            before = Some(credentials);
        }
        before.ok_or_else(|| CallError::malformed(ASSUME_ROLE, "there is no role on the way", None))
    }
}

fn on_the_way(role_arn: &RoleArn, error: CallError) -> CallError {
    CallError { message: format!("on the way, at {role_arn}: {}", error.message), ..error }
}
