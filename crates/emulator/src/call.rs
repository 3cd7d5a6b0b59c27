//! An authenticated request on its way to an operation.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rolecall_policy::Decision;

use crate::authentication::{DEFAULT_REGION, Sessions};
use crate::authorization::{AuthenticatedCaller, AuthorizationRequest, Verdict, owner};
use crate::denials::{DenialRecord, Denials};
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
    /// The denied requests whose details can be read.
    pub(crate) denials: &'a mut Denials,
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
        let verdict = self.caller.decide(request, self.world);
        self.log_entry.resource = Some(request.resource.to_owned());
        let account_id = owner(request.resource).map(str::to_owned);
        self.log_entry.account_id = account_id.or_else(|| self.log_entry.account_id.clone());
        // An operation may need more than one permission: AssumeRole with session tags also needs sts:TagSession.
        self.log_entry.decided_by = Some(match self.log_entry.decided_by.take() {
            None => verdict.to_string(),
            Some(previous) => format!("{previous}; {}: {verdict}", request.action),
        });
        if let Decision::Allowed(_) = verdict.decision {
            return Ok(());
        }
        let mut error = self.caller.access_denied(request, &verdict, self.world);
        error.message += &self.record_denial(request, &verdict).unwrap_or_default();
        Err(error)
    }

    /// Records the authorization details of a denied request, and returns the end of its message, which names them. `None`
    /// if the world's denials have no authorization ids, and where no policy decided.
    ///
    /// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied-authorization-id.html>
    fn record_denial(&mut self, request: &AuthorizationRequest<'_>, verdict: &Verdict) -> Option<String> {
        if !self.world.authorization_ids || matches!(verdict.decision, Decision::NeverAllowed(_)) {
            return None;
        }
        let region = self.log_entry.region.as_deref().unwrap_or(DEFAULT_REGION);
        let record = DenialRecord::new(&self.caller, request, verdict, (region, self.world, self.now));
        let id = self.denials.record(record);
        let console = format!("https://{region}.console.aws.amazon.com/iam/home?region={region}");
        Some(format!(
            ". Go to {console}#/authorization-details/{id} for complete details, or call the \
             GetRequestAuthorizationDetails API with the following authorization id: {id}"
        ))
    }
}
