//! An authenticated request on its way to an operation.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rolecall_policy::Decision;

use crate::authentication::Sessions;
use crate::authorization::{AuthenticatedCaller, AuthorizationRequest, owner};
use crate::log::RequestLogEntry;
use crate::protocol::{ApiError, Parameters};
use crate::state::AccessJob;
use crate::world::World;

/// An authenticated request, with what its operation may read and change.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    pub(crate) caller: AuthenticatedCaller,
    pub(crate) parameters: &'a Parameters,
    pub(crate) world: &'a World,
    pub(crate) sessions: &'a mut Sessions,
    /// By account id, when the credential report is or was ready.
    pub(crate) reports: &'a mut BTreeMap<String, Timestamp>,
    /// By the serial number of an MFA device, the time step of the last code that was used.
    pub(crate) mfa_steps: &'a mut BTreeMap<String, i64>,
    /// The jobs of `GenerateServiceLastAccessedDetails`, by job id.
    pub(crate) access_jobs: &'a mut BTreeMap<String, AccessJob>,
    /// When the request arrived, by the emulator's clock.
    pub(crate) now: Timestamp,
    /// The entry of this request in the request log; each step fills in what it knows.
    pub(crate) log_entry: &'a mut RequestLogEntry,
}

impl Call<'_> {
    /// Requires that the policies allow the caller an action, and logs which statement decided.
    ///
    /// # Errors
    /// `AccessDenied`, with AWS's message.
    pub(crate) fn allow(&mut self, request: &AuthorizationRequest<'_>) -> Result<(), ApiError> {
        let decision = self.caller.decide(request, self.world);
        self.log_entry.resource = Some(request.resource.to_owned());
        let account_id = owner(request.resource).map(str::to_owned);
        self.log_entry.account_id = account_id.or_else(|| self.log_entry.account_id.clone());
        // An operation may need more than one permission: AssumeRole with session tags also needs sts:TagSession.
        self.log_entry.decided_by = Some(match self.log_entry.decided_by.take() {
            None => decision.to_string(),
            Some(previous) => format!("{previous}; {}: {decision}", request.action),
        });
        if let Decision::Allowed(_) = decision {
            Ok(())
        } else {
            Err(self.caller.access_denied(request, &decision, self.world))
        }
    }
}
