//! The IAM operations.
//!
//! 1. `users`: users, their access keys, passwords and MFA devices;
//! 2. `credentials`: the other credentials of users;
//! 3. `groups`, `roles`, `policies`: what users and roles may do;
//! 4. `account`: a whole account: summary, alias, password policy, credential report;
//! 5. `authorization_details`: users, groups, roles and policies of an account in one list;
//! 6. `last_accessed`: which services a user, group, role or policy was used for;
//! 7. `simulation`: what the policies of a user, group or role decide.
//!
//! Source: <https://docs.aws.amazon.com/IAM/latest/APIReference/API_Operations.html>

pub(crate) mod account;
pub(crate) mod authorization_details;
pub(crate) mod credentials;
pub(crate) mod groups;
pub(crate) mod last_accessed;
pub(crate) mod policies;
pub(crate) mod roles;
pub(crate) mod simulation;
pub(crate) mod users;

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use rolecall_policy::NamedPolicy;

use crate::authorization::{AuthorizationRequest, boundary_arn};
use crate::call::Call;
use crate::protocol::{ApiError, NAME, Xml};
use crate::world::Account;

/// The API version that a request names.
pub(crate) const VERSION: &str = "2010-05-08";

/// The XML namespace of responses.
pub(crate) const NAMESPACE: &str = "https://iam.amazonaws.com/doc/2010-05-08/";

/// Requires permission for an action that has no resource.
fn allow(call: &mut Call<'_>, action: &str) -> Result<(), ApiError> {
    call.allow(&AuthorizationRequest::new(action, "*", "*"))
}

/// Requires permission for an action on a path of the caller's account, such as `role/`.
fn allow_on_path(call: &mut Call<'_>, action: &str, path: &str) -> Result<(), ApiError> {
    let resource = format!("arn:aws:iam::{}:{path}", call.caller.account_id());
    call.allow(&AuthorizationRequest::new(action, &resource, &resource))
}

/// The caller's account.
fn account(call: &Call<'_>) -> Arc<Account> {
    call.world.account(call.caller.account_id()).unwrap_or_default()
}

/// The path prefix of a request; `/` if it has none.
fn path_prefix<'a>(call: &Call<'a>) -> Result<&'a str, ApiError> {
    let prefix = call.parameters.get("PathPrefix").unwrap_or("/");
    let violated = if prefix.len() > 512 {
        "Member must have length less than or equal to 512"
    } else if !prefix.starts_with('/') || !prefix.chars().all(|c| c.is_ascii_graphic()) {
        "Member must satisfy regular expression pattern: \\u002F[\\u0021-\\u007F]*"
    } else {
        return Ok(prefix);
    };
    Err(ApiError::invalid("PathPrefix", Some(prefix), violated))
}

/// A required name in a request.
fn required_name<'a>(call: &Call<'a>, parameter: &str) -> Result<&'a str, ApiError> {
    let parameters = call.parameters;
    parameters.required(parameter)?;
    Ok(parameters.text(parameter, NAME)?.unwrap_or_default())
}

/// A policy document as IAM returns it: URL-encoded, as RFC 3986 has it.
fn encoded(document: &str) -> String {
    let encoded: String = form_urlencoded::byte_serialize(document.as_bytes()).collect();
    encoded.replace('+', "%20").replace('*', "%2A")
}

/// The members of a list of inline policies with their documents.
fn inline_policies(policies: &[(String, String)]) -> Vec<Xml> {
    let member = |(name, document): &(String, String)| {
        Xml::new().text("PolicyName", name).text("PolicyDocument", encoded(document))
    };
    policies.iter().map(member).collect()
}

/// A member of a list of attached policies.
fn attached_policy(arn: &str) -> Xml {
    let name = arn.rsplit('/').next().unwrap_or_default();
    Xml::new().text("PolicyName", name).text("PolicyArn", arn)
}

/// The members of a list of tags.
fn tags(tags: &BTreeMap<String, String>) -> Vec<Xml> {
    let member = |(key, value): (&String, &String)| Xml::new().text("Key", key).text("Value", value);
    tags.iter().map(member).collect()
}

/// The page of a list of inline policy names.
fn inline_policy_names(page: &Page, policies: &[(String, String)]) -> Xml {
    let mut names: Vec<&str> = policies.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    page.render_texts("PolicyNames", names.into_iter())
}

/// The page of a list of attached policies, by `PathPrefix`.
fn attached_policies(call: &Call<'_>, page: &Page, arns: &[String]) -> Result<Xml, ApiError> {
    let prefix = path_prefix(call)?;
    // `arn:aws:iam::aws:policy/path/Name` has its path after the word `policy`.
    let has_prefix =
        |arn: &&String| arn.split_once(":policy").is_some_and(|(_, path)| path.starts_with(prefix));
    let mut arns: Vec<&String> = arns.iter().filter(has_prefix).collect();
    arns.sort_unstable();
    Ok(page.render("AttachedPolicies", arns.into_iter().map(|arn| (arn.as_str(), attached_policy(arn)))))
}

/// The page of a list of tags.
fn tag_list(page: &Page, tags: &BTreeMap<String, String>) -> Xml {
    let member = |(key, value)| (String::as_str(key), Xml::new().text("Key", key).text("Value", value));
    page.render("Tags", tags.iter().map(member))
}

/// An inline policy that a request names.
///
/// # Errors
/// `NoSuchEntity` if there is none.
fn inline_policy<'a>(
    call: &Call<'_>,
    policies: &'a [(String, String)],
    owner: &str,
) -> Result<&'a (String, String), ApiError> {
    let name = required_name(call, "PolicyName")?;
    policies.iter().find(|(other, _)| other == name).ok_or_else(|| {
        ApiError::no_such_entity(format!("The {owner} policy with name {name} cannot be found."))
    })
}

/// The boundary of a user or a role, if it has one.
fn permissions_boundary(xml: Xml, boundary: Option<&NamedPolicy>, account_id: &str) -> Xml {
    let Some(boundary) = boundary else { return xml };
    let boundary = Xml::new()
        .text("PermissionsBoundaryType", "PermissionsBoundaryPolicy")
        .text("PermissionsBoundaryArn", boundary_arn(&boundary.name, account_id));
    xml.element("PermissionsBoundary", &boundary)
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
        let list = format!("{operation}/{}", parameters.without_page());
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
        let (members, end) = self.select(items);
        Xml::new().list(name, members).append(&end)
    }

    /// The XML of this page of a list of texts, which are sorted.
    fn render_texts<'a>(&self, name: &str, texts: impl Iterator<Item = &'a str>) -> Xml {
        let (texts, end) = self.select(texts.map(|text| (text, text)));
        Xml::new().texts(name, &texts).append(&end)
    }

    /// The items of this page, and the XML that says whether there are more. `items` are sorted by name.
    fn select<'a, T>(&self, items: impl Iterator<Item = (&'a str, T)>) -> (Vec<T>, Xml) {
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
        let end = Xml::new().text("IsTruncated", is_truncated.to_string()).optional("Marker", marker);
        (members, end)
    }
}
