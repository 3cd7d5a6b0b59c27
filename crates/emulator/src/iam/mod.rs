//! The IAM operations.
//!
//! 1. `users`: users, their access keys, passwords and MFA devices;
//! 2. `account`: a whole account: summary, alias, authorization details, credential report.
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

/// The API version that a request names.
pub(crate) const VERSION: &str = "2010-05-08";

/// The XML namespace of responses.
pub(crate) const NAMESPACE: &str = "https://iam.amazonaws.com/doc/2010-05-08/";

/// A request without tags and without condition keys of its own.
fn authorization_request<'a>(
    action: &'a str,
    resource: &'a str,
    resource_in_message: &'a str,
) -> AuthorizationRequest<'a> {
    let (resource_tags, context) = (BTreeMap::new(), BTreeMap::new());
    AuthorizationRequest { action, resource, resource_in_message, trust: None, resource_tags, context }
}

/// A date as IAM's XML has it: RFC 3339 with whole seconds.
fn date(date: Timestamp) -> String {
    format!("{date:.0}")
}

/// The page of a list that a request asks for with `MaxItems` and `Marker`.
struct Page {
    /// 100 if the request does not say.
    max_items: usize,
    /// The operation and its parameters. A marker holds it too, so that the marker of another list is not accepted.
    list: String,
    /// The last name of the previous page; `None` for the first page.
    after: Option<String>,
}

impl Page {
    fn from_request(call: &Call<'_>, operation: &str) -> Result<Self, ApiError> {
        let parameters = call.parameters;
        let value = |name| parameters.get(name).unwrap_or_default();
        let list = format!("{operation}/{}/{}", value("UserName"), value("PathPrefix"));
        let max_items = parameters.number("MaxItems", 1, 1000)?.unwrap_or(100);
        let invalid = || ApiError::new(400, "ValidationError", "Invalid Marker.");
        let last_name = |marker: &str| {
            let text = String::from_utf8(STANDARD.decode(marker).ok()?).ok()?;
            text.strip_prefix(&list)?.strip_prefix('\n').map(str::to_owned)
        };
        let after =
            parameters.get("Marker").map(|marker| last_name(marker).ok_or_else(invalid)).transpose()?;
        Ok(Self { max_items: usize::try_from(max_items).unwrap_or(1000), list, after })
    }

    /// The XML of this page. `items` are sorted by name.
    fn render<'a>(&self, name: &str, items: impl Iterator<Item = (&'a str, Xml)>) -> Xml {
        let is_on_earlier_page = |name: &str| self.after.as_deref().is_some_and(|after| name <= after);
        let mut rest = items.skip_while(|(name, _)| is_on_earlier_page(name)).peekable();
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
