//! A request whose caller is known, and what it may do.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rolecall_policy::Decision;

use crate::authentication::Sessions;
use crate::authorization::{AuthenticatedCaller, AuthorizationRequest};
use crate::log::RequestLogEntry;
use crate::protocol::{ApiError, Parameters};
use crate::world::World;

/// A request whose caller is known.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    /// The caller.
    pub(crate) caller: AuthenticatedCaller,
    /// The parameters.
    pub(crate) parameters: &'a Parameters,
    /// The world.
    pub(crate) world: &'a World,
    /// The sessions that there are.
    pub(crate) sessions: &'a mut Sessions,
    /// Of each account, when its credential report is ready.
    pub(crate) reports: &'a mut BTreeMap<String, Timestamp>,
    /// The time.
    pub(crate) now: Timestamp,
    /// What is written down of it.
    pub(crate) line: &'a mut RequestLogEntry,
}

impl Call<'_> {
    /// Holds that the caller may do something.
    ///
    /// # Errors
    /// `AccessDenied`, in AWS's words.
    pub(crate) fn allow(&mut self, asked: &AuthorizationRequest<'_>) -> Result<(), ApiError> {
        let decision = self.caller.decide(asked, self.world);
        self.line.resource = Some(asked.resource.to_owned());
        let account_id = asked.resource.split(':').nth(4).filter(|id| !id.is_empty());
        self.line.account_id = account_id.map(str::to_owned).or_else(|| self.line.account_id.clone());
        // An operation may need leave for more than itself: AssumeRole for sts:TagSession, where tags are passed.
        self.line.decided_by = Some(match self.line.decided_by.take() {
            None => decision.to_string(),
            Some(before) => format!("{before}; {}: {decision}", asked.action),
        });
        if let Decision::Allowed(_) = decision {
            Ok(())
        } else {
            Err(self.caller.denied(asked, &decision, self.world))
        }
    }
}
