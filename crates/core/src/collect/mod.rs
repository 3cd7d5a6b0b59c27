//! The facts, one file each. Beside its code each declares the IAM actions it needs; sessions are narrowed to them.

pub mod access_keys;
pub mod users;

use aws_smithy_types::DateTime;
use futures_util::FutureExt;
use jiff::Timestamp;
use rolecall_roll::{Gap, Note, Step, User};

use crate::session::Session;

/// A fact that can be read.
#[derive(Debug, Clone, Copy)]
pub struct Collector {
    /// The step that reads it.
    pub step: Step,
    /// The IAM actions that it needs, and all that it needs.
    pub actions: &'static [&'static str],
}

/// The collectors, in the order in which they read.
pub const COLLECTORS: &[Collector] = &[users::COLLECTOR, access_keys::COLLECTOR];

/// The IAM actions that all collectors together need.
#[must_use]
pub fn actions() -> Vec<&'static str> {
    COLLECTORS.iter().flat_map(|collector| collector.actions).copied().collect()
}

/// What was seen of an account so far. It is kept outside of the work, so that work which is cut off leaves it.
#[derive(Debug, Default)]
pub struct Seen {
    /// The users; `None` until the first page of them is there.
    pub users: Option<Vec<User>>,
    /// What could not be read.
    pub gaps: Vec<Gap>,
    /// What was seen on the way.
    pub notes: Vec<Note>,
    /// Where the work stands.
    pub step: Option<Step>,
}

/// Reads an account, as far as it lets itself be read.
pub async fn collect(session: &Session<'_>, calls_at_once: usize, seen: &mut Seen) {
    users::collect(session, seen).boxed_local().await;
    access_keys::collect(session, calls_at_once, seen).boxed_local().await;
}

/// AWS's date as ours; `None` where it is out of all range.
fn timestamp(date: &DateTime) -> Option<Timestamp> {
    Timestamp::new(date.secs(), i32::try_from(date.subsec_nanos()).ok()?).ok()
}
