//! Role chaining: intermediate roles, each assumed once for all accounts that are reached through it.

use std::collections::BTreeMap;
use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_smithy_runtime::client::retries::RetryPartition;
use futures_util::FutureExt;
use rolecall_roll::RoleArn;
use tokio::sync::Mutex;

use super::{
    ASSUME_ROLE, SessionContext, assume_role_request, issued_session, renew_at, session_credentials,
    sts_client,
};
use crate::call::CallError;

/// The sessions of intermediate roles.
#[derive(Default)]
pub struct RoleChain {
    /// The current session of each chain of roles: that of the chain's last role.
    current: Mutex<BTreeMap<Vec<RoleArn>, ChainedSession>>,
    /// All sessions that were opened, renewals included.
    opened: std::sync::Mutex<Vec<rolecall_roll::IntermediateSession>>,
}

struct ChainedSession {
    credentials: Credentials,
    renew_at: SystemTime,
}

impl std::fmt::Debug for RoleChain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RoleChain").finish_non_exhaustive()
    }
}

impl RoleChain {
    /// The sessions of intermediate roles that were opened so far, for the roll's statistics.
    #[must_use]
    pub(crate) fn sessions(&self) -> Vec<rolecall_roll::IntermediateSession> {
        self.opened.lock().map(|opened| opened.clone()).unwrap_or_default()
    }

    /// An STS client with the credentials of the last role of the chain, or the caller's where the chain is empty.
    ///
    /// # Errors
    /// The error of the first `AssumeRole` of the chain that failed; its message names the role.
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

    /// The credentials of the last role of the chain.
    ///
    /// # Errors
    /// The error of the first `AssumeRole` of the chain that failed; its message names the role.
    pub(crate) async fn credentials(
        &self,
        via: &[RoleArn],
        context: SessionContext<'_>,
        retries: &RetryPartition,
    ) -> Result<Credentials, CallError> {
        // One task assumes the roles while the others wait: they need the same sessions.
        let mut current = self.current.lock().await;
        let time = context.sdk_config.time_source().unwrap_or_default();
        let mut previous: Option<Credentials> = None;
        for (index, role_arn) in via.iter().enumerate() {
            let chain = via.get(..=index).unwrap_or_default();
            if let Some(session) = current.get(chain).filter(|session| time.now() < session.renew_at) {
                previous = Some(session.credentials.clone());
                continue;
            }
            let is_chained = previous.is_some();
            let sts = sts_client(context, retries, previous.take());
            let response =
                assume_role_request(&sts, role_arn, None, context.settings, is_chained).send().await;
            let response = response.map_err(|error| {
                let redactor = context.caller_secrets.redactor([]);
                at_intermediate_role(role_arn, CallError::new(ASSUME_ROLE, &error).redact(&redactor))
            })?;
            if let Ok(mut opened) = self.opened.lock() {
                let session = issued_session(&response);
                opened.push(rolecall_roll::IntermediateSession { role_arn: role_arn.clone(), session });
            }
            let now = time.now();
            let (credentials, expires_at) = session_credentials(response, role_arn.account_id(), now)
                .map_err(|error| at_intermediate_role(role_arn, error))?;
            context.caller_secrets.add(credentials.secret_access_key());
            credentials.session_token().into_iter().for_each(|token| context.caller_secrets.add(token));
            let session =
                ChainedSession { credentials: credentials.clone(), renew_at: renew_at(now, expires_at) };
            current.insert(chain.to_vec(), session);
            previous = Some(credentials);
        }
        previous.ok_or_else(|| CallError::malformed(ASSUME_ROLE, "the role chain is empty", None))
    }
}

fn at_intermediate_role(role_arn: &RoleArn, error: CallError) -> CallError {
    CallError { message: format!("intermediate role {role_arn}: {}", error.message), ..error }
}
