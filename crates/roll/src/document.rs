//! The roll as one JSON document: the header's fields, the accounts, the trailer's. Sorted, so that two runs over the
//! same world differ in nothing but `as_of`, `run_id`, `request_id` and `statistics`.

use serde::Serialize;

use crate::account::AccountRoll;
use crate::file::{Counts, Header, Roll, Statistics};

/// The rendering `json`.
#[derive(Debug, Serialize)]
pub struct Document<'a> {
    #[serde(flatten)]
    header: &'a Header,
    accounts: Vec<&'a AccountRoll>,
    counts: Counts,
    /// `null` where the run was cut short.
    statistics: Option<Statistics>,
}

impl<'a> From<&'a Roll> for Document<'a> {
    fn from(roll: &'a Roll) -> Self {
        let mut accounts: Vec<_> = roll.accounts.iter().collect();
        accounts.sort_by(|a, b| a.role_arn().cmp(b.role_arn()));
        let statistics = roll.trailer.map(|trailer| trailer.statistics);
        Self { header: &roll.header, accounts, counts: roll.counts(), statistics }
    }
}
