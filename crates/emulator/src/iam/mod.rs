//! The operations of IAM.
//!
//! 1. `users`: users, their access keys, passwords and MFA devices;
//! 2. `account`: what is about an account as a whole.
//!
//! Source: <https://docs.aws.amazon.com/IAM/latest/APIReference/API_Operations.html>

pub(crate) mod account;
pub(crate) mod users;

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;

use crate::authorization::AuthorizationRequest;
use crate::call::Call;
use crate::protocol::{ApiError, Xml};

/// Its version.
pub(crate) const VERSION: &str = "2010-05-08";

/// The namespace of its answers.
pub(crate) const NAMESPACE: &str = "https://iam.amazonaws.com/doc/2010-05-08/";

fn authorization_request<'a>(action: &'a str, resource: &'a str, shown: &'a str) -> AuthorizationRequest<'a> {
    let (resource_tags, context) = (BTreeMap::new(), BTreeMap::new());
    AuthorizationRequest { action, resource, shown, trust: None, resource_tags, context }
}

fn date(date: Timestamp) -> String {
    format!("{date:.0}")
}

/// A page of a list.
struct Page {
    max_items: usize,
    /// The list that it is of: a marker of another one is none.
    list: String,
    /// The name behind which it begins.
    after: Option<String>,
}

impl Page {
    fn from_request(call: &Call<'_>, operation: &str) -> Result<Self, ApiError> {
        let parameters = call.parameters;
        let of = |name| parameters.get(name).unwrap_or_default();
        let list = format!("{operation}/{}/{}", of("UserName"), of("PathPrefix"));
        let max_items = parameters.number("MaxItems", 1, 1000)?.unwrap_or(100);
        let wrong = || ApiError::new(400, "ValidationError", "Invalid Marker.");
        let name_of = |marker: &str| {
            let text = String::from_utf8(STANDARD.decode(marker).ok()?).ok()?;
            text.strip_prefix(&list)?.strip_prefix('\n').map(str::to_owned)
        };
        let after = parameters.get("Marker").map(|marker| name_of(marker).ok_or_else(wrong)).transpose()?;
        Ok(Self { max_items: usize::try_from(max_items).unwrap_or(1000), list, after })
    }

    fn answer<'a>(&self, name: &str, items: impl Iterator<Item = (&'a str, Xml)>) -> Xml {
        let is_before = |name: &str| self.after.as_deref().is_some_and(|after| name <= after);
        let mut rest = items.skip_while(|(name, _)| is_before(name)).peekable();
        let (mut members, mut last) = (Vec::new(), "");
        while members.len() < self.max_items
            && let Some((name, member)) = rest.next()
        {
            members.push(member);
            last = name;
        }
        let is_truncated = rest.peek().is_some();
        let marker = is_truncated.then(|| STANDARD.encode(format!("{}\n{last}", self.list)));
        Xml::new()
            .list(name, members)
            .text("IsTruncated", is_truncated.to_string())
            .optional("Marker", marker)
    }
}
