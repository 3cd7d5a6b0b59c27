//! Checks that each answer of AWS is whole and has the shape of its operation.
//!
//! The SDK takes the end of a cut answer for the end of every open element, a missing list for an empty one, and a missing
//! text for an empty text. Something between Rolecall and AWS could so turn "not answered" into "no users".

mod shapes;

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::{
    AfterDeserializationInterceptorContextRef, BeforeSerializationInterceptorContextRef,
};
use aws_smithy_runtime_api::client::interceptors::{Intercept, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::orchestrator::Metadata;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::{ConfigBag, Storable, StoreReplace};
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::Event;
use rolecall_roll::AccountId;
use serde_json::Value;

use crate::call::MalformedAnswer;
use shapes::{Element, SHAPES, Shape};

/// Rejects successful answers that are cut short or that do not have the shape of their operation.
#[derive(Debug, Default)]
pub(crate) struct CheckAnswers {
    /// The account of the client's credentials, where answers name it.
    account_id: Option<AccountId>,
}

impl CheckAnswers {
    /// The check for a client with credentials of this account.
    pub(crate) fn in_account(account_id: &AccountId) -> Self {
        Self { account_id: Some(account_id.clone()) }
    }
}

#[dyn_dispatch_hint]
impl Intercept for CheckAnswers {
    fn name(&self) -> &'static str {
        "CheckAnswers"
    }

    fn read_before_serialization(
        &self,
        context: &BeforeSerializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let Some(operation) = cfg.load::<Metadata>().cloned() else { return Ok(()) };
        let shape = shape_of(operation.name());
        // The input is gone when the answer comes.
        let requested =
            shape.and_then(|shape| shape.echo).and_then(|(_, requested)| requested(context.input()));
        let requested = requested.map(str::to_owned);
        cfg.interceptor_state().store_put(ExpectedAnswer { operation, shape, requested });
        Ok(())
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let response = context.response();
        let Some(body) = response.body().bytes().filter(|_| response.status().is_success()) else {
            return Ok(());
        };
        let expected = cfg.load::<ExpectedAnswer>();
        let operation = expected.map_or("", |expected| expected.operation.name());
        let shape = expected.and_then(|expected| expected.shape);
        let requested = expected.and_then(|expected| expected.requested.as_deref());
        Ok(check(operation, shape, body, requested, self.account_id.as_ref())?)
    }
}

/// What the answer to a call must be like.
#[derive(Debug)]
struct ExpectedAnswer {
    operation: Metadata,
    /// `None` for an operation that has no row.
    shape: Option<&'static Shape>,
    /// The value of the call's input that its answer repeats.
    requested: Option<String>,
}

impl Storable for ExpectedAnswer {
    type Storer = StoreReplace<Self>;
}

fn shape_of(operation: &str) -> Option<&'static Shape> {
    SHAPES.iter().find(|shape| shape.operation == operation)
}

/// The name that the document of a JSON answer has in paths.
const JSON_RESULT: &str = "document";

/// Checks an answer, XML or JSON. `requested` is the value of the request that the answer repeats.
fn check(
    operation: &str,
    shape: Option<&'static Shape>,
    body: &[u8],
    requested: Option<&str>,
    account_id: Option<&AccountId>,
) -> Result<(), MalformedAnswer> {
    if body.trim_ascii_start().starts_with(b"{") {
        let document: Value = serde_json::from_slice(body).map_err(|_| MalformedAnswer::Incomplete)?;
        let Some(shape) = shape else { return Ok(()) };
        if document.get("__type").is_some() {
            return Err(MalformedAnswer::ErrorDocument);
        }
        return Checker::new(shape, JSON_RESULT.to_owned(), requested, account_id).walk_json(&document);
    }
    let result = format!("{operation}Response/{operation}Result");
    Checker::new(shape.unwrap_or(&shapes::ANY), result, requested, account_id).walk_xml(body)
}

/// An element whose end was not read yet.
struct OpenElement {
    /// The length of the path of its parent.
    parent_path: usize,
    /// What it must have.
    required: Option<&'static Element>,
    /// A bit for each of the required names that was found in it, structures first.
    found: u32,
}

impl OpenElement {
    /// Records a structure or list in this element.
    fn add_structure(&mut self, name: &str) {
        let structures = self.required.map_or(&[][..], |required| required.structures);
        if let Some(index) = structures.iter().position(|structure| *structure == name) {
            self.found |= 1 << index;
        }
    }

    /// Records a text in this element that is not empty.
    fn add_text(&mut self, name: &str) {
        let Some(required) = self.required else { return };
        if let Some(index) = required.texts.iter().position(|text| *text == name) {
            self.found |= 1 << (required.structures.len() + index);
        }
    }

    /// The path of a required element that is missing in this one.
    fn missing(&self) -> Option<String> {
        let required = self.required?;
        let mut names = required.structures.iter().chain(required.texts).enumerate();
        let (_, name) = names.find(|(index, _)| self.found & 1 << index == 0)?;
        Some(if required.path.is_empty() { (*name).to_owned() } else { format!("{}/{name}", required.path) })
    }
}

/// Follows an answer from element to element.
struct Checker<'a> {
    shape: &'static Shape,
    /// The path of the result.
    result: String,
    has_result: bool,
    /// The value that the shape's echo must have.
    echo: Option<(&'static str, &'a str)>,
    account_id: Option<&'a AccountId>,
    /// The names of the open elements, joined by `/`.
    path: String,
    /// Where in it the path below the result begins; `None` outside of the result.
    below_result: Option<usize>,
    open: Vec<OpenElement>,
    /// The text since the last tag.
    text: String,
}

impl<'a> Checker<'a> {
    fn new(
        shape: &'static Shape,
        result: String,
        requested: Option<&'a str>,
        account_id: Option<&'a AccountId>,
    ) -> Self {
        let echo = shape.echo.and_then(|(path, _)| Some((path, requested?)));
        let (path, text, open) = (String::new(), String::new(), Vec::new());
        Self { shape, result, has_result: false, echo, account_id, path, below_result: None, open, text }
    }

    fn walk_xml(&mut self, body: &[u8]) -> Result<(), MalformedAnswer> {
        let incomplete = |_| MalformedAnswer::Incomplete;
        let mut reader = quick_xml::Reader::from_reader(body);
        reader.config_mut().expand_empty_elements = true;
        loop {
            match reader.read_event().map_err(incomplete)? {
                Event::Start(element) => {
                    let name = element.name().into_inner();
                    if self.open.is_empty() && name == "ErrorResponse" {
                        return Err(MalformedAnswer::ErrorDocument);
                    }
                    self.open(name);
                }
                Event::End(_) => self.close()?,
                Event::Text(text) => self.text.push_str(&text),
                Event::CData(text) => self.text.push_str(&text),
                Event::GeneralRef(reference) => match reference.resolve_char_ref().map_err(incomplete)? {
                    Some(character) => self.text.push(character),
                    None => self.text.push_str(resolve_predefined_entity(&reference).unwrap_or_default()),
                },
                Event::Eof => break,
                _ => {}
            }
        }
        if !self.open.is_empty() {
            return Err(MalformedAnswer::Incomplete);
        }
        if self.has_result { Ok(()) } else { Err(MalformedAnswer::Missing("result".to_owned())) }
    }

    fn walk_json(&mut self, document: &Value) -> Result<(), MalformedAnswer> {
        self.open(JSON_RESULT);
        self.walk_json_value(document)?;
        self.close()
    }

    fn walk_json_value(&mut self, value: &Value) -> Result<(), MalformedAnswer> {
        match value {
            Value::Object(fields) => {
                for (name, value) in fields.iter().filter(|(_, value)| !value.is_null()) {
                    self.open(name);
                    self.walk_json_value(value)?;
                    self.close()?;
                }
            }
            Value::Array(items) => {
                for item in items {
                    self.open("member");
                    self.walk_json_value(item)?;
                    self.close()?;
                }
            }
            Value::String(text) => self.text.push_str(text),
            other => self.text.push_str(&other.to_string()),
        }
        Ok(())
    }

    fn open(&mut self, name: &str) {
        self.text.clear();
        if let Some(parent) = self.open.last_mut() {
            parent.add_structure(name);
        }
        let parent_path = self.path.len();
        if !self.path.is_empty() {
            self.path.push('/');
        }
        self.path.push_str(name);
        if self.path == self.result {
            self.below_result = Some(self.path.len());
        }
        let required = self.shape.elements.iter().find(|element| self.is_at(element.path));
        self.open.push(OpenElement { parent_path, required, found: 0 });
    }

    fn close(&mut self) -> Result<(), MalformedAnswer> {
        let Some(element) = self.open.pop() else { return Ok(()) };
        if let Some(path) = element.missing() {
            return Err(MalformedAnswer::Missing(path));
        }
        let text = self.text.trim();
        if let (Some(parent), false) = (self.open.last_mut(), text.is_empty()) {
            let name = self.path.get(element.parent_path..).unwrap_or_default();
            parent.add_text(name.strip_prefix('/').unwrap_or(name));
        }
        self.check_text(text)?;
        if self.below_result == Some(self.path.len()) {
            (self.below_result, self.has_result) = (None, true);
        }
        self.path.truncate(element.parent_path);
        self.text.clear();
        Ok(())
    }

    /// Checks the text of the element that ends.
    fn check_text(&self, text: &str) -> Result<(), MalformedAnswer> {
        if let Some((path, requested)) = self.echo
            && self.is_at(path)
            && !text.eq_ignore_ascii_case(requested)
        {
            return Err(MalformedAnswer::OtherThanRequested(path));
        }
        if let (Some(path), Some(account_id)) = (self.shape.own_arn, self.account_id)
            && self.is_at(path)
            && text.split(':').nth(4) != Some(account_id.as_str())
        {
            return Err(MalformedAnswer::OtherAccount(path));
        }
        Ok(())
    }

    /// Whether the current element is that of a path below the result, which itself has the empty path.
    fn is_at(&self, path: &str) -> bool {
        let below = self.below_result.and_then(|start| self.path.get(start..));
        below.is_some_and(|below| below.strip_prefix('/').unwrap_or(below) == path)
    }
}

#[cfg(test)]
mod tests {
    use super::{MalformedAnswer, shape_of};
    use rolecall_roll::AccountId;

    fn check(
        operation: &str,
        body: &[u8],
        requested: Option<&str>,
        account_id: Option<&AccountId>,
    ) -> Result<(), MalformedAnswer> {
        super::check(operation, shape_of(operation), body, requested, account_id)
    }

    fn list_users(result: &str) -> String {
        format!(
            "<?xml version=\"1.0\"?>\n<ListUsersResponse xmlns=\"x\"><ListUsersResult>{result}</ListUsersResult>\
             <ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></ListUsersResponse>"
        )
    }

    fn member(account_id: &str) -> String {
        format!(
            "<member><Path>/</Path><UserName>a&amp;b</UserName><UserId>AIDA</UserId>\
             <Arn>arn:aws:iam::{account_id}:user/a</Arn><CreateDate>2024-03-01T12:00:00Z</CreateDate></member>"
        )
    }

    fn check_users(body: &str) -> Result<(), MalformedAnswer> {
        let account_id = "111111111111".parse().unwrap();
        check("ListUsers", body.as_bytes(), None, Some(&account_id))
    }

    #[test]
    fn an_answer_that_was_cut_anywhere_is_rejected() {
        let whole =
            list_users(&format!("<Users>{}</Users><IsTruncated>false</IsTruncated>", member("111111111111")));
        check_users(&whole).unwrap();
        check_users(&format!("{whole}\n")).unwrap();
        for end in 0..whole.len() {
            assert!(check_users(&whole[..end]).is_err(), "{}", &whole[..end]);
        }
        assert!(check_users("<A><B></A></B>").is_err());
        assert!(check_users("Bad Gateway").is_err());
    }

    #[test]
    fn an_answer_lacks_no_element_of_its_operation() {
        let whole = list_users(&format!("<Users>{0}{0}</Users>", member("111111111111")));
        check_users(&whole).unwrap();
        check_users(&list_users("<Users/>")).unwrap();
        for (present, absent) in [
            ("<UserName>a&amp;b</UserName>", ""),
            ("<UserName>a&amp;b</UserName>", "<UserName> </UserName>"),
            ("<UserId>AIDA</UserId>", "<UserId/>"),
            ("ListUsersResult>", "Result>"),
            ("Users>", "User>"),
        ] {
            let problem = check_users(&whole.replace(present, absent)).unwrap_err();
            assert!(matches!(problem, MalformedAnswer::Missing(_)), "{problem}");
        }
        let error = "<ErrorResponse><Error><Code>Throttling</Code></Error></ErrorResponse>";
        assert!(matches!(check_users(error), Err(MalformedAnswer::ErrorDocument)));
    }

    #[test]
    fn an_answer_is_about_the_account_and_the_user_of_the_request() {
        let other =
            list_users(&format!("<Users>{}{}</Users>", member("111111111111"), member("222222222222")));
        assert!(matches!(check_users(&other), Err(MalformedAnswer::OtherAccount(_))));
        let keys = |user: &str| {
            format!(
                "<ListAccessKeysResponse><ListAccessKeysResult><AccessKeyMetadata><member><UserName>{user}</UserName>\
                 <AccessKeyId>AKIA</AccessKeyId><Status>Active</Status><CreateDate>2024-03-02T12:00:00Z</CreateDate></member>\
                 </AccessKeyMetadata></ListAccessKeysResult></ListAccessKeysResponse>"
            )
        };
        let check_keys = |user| check("ListAccessKeys", keys(user).as_bytes(), Some("a+b"), None);
        check_keys("a+b").unwrap();
        assert!(matches!(check_keys("c"), Err(MalformedAnswer::OtherThanRequested(_))));
    }

    #[test]
    fn json_is_checked_as_xml_is() {
        let accounts = |body: &str| check("ListAccounts", body.as_bytes(), None, None);
        accounts(r#"{"Accounts": [{"Id": "111111111111", "JoinedTimestamp": 1.5}], "NextToken": null}"#)
            .unwrap();
        accounts(r#"{"Accounts": []}"#).unwrap();
        for body in ["{}", r#"{"Accounts": null}"#, r#"{"Accounts": [{}]}"#, r#"{"Accounts": [{"Id": ""}]}"#]
        {
            assert!(matches!(accounts(body), Err(MalformedAnswer::Missing(_))), "{body}");
        }
        let tags = |body: &str| check("ListTagsForResource", body.as_bytes(), None, None);
        tags(r#"{"Tags": [{"Key": "team", "Value": ""}]}"#).unwrap();
        for body in [r#"{"Tags": [{"Key": "team"}]}"#, r#"{"Tags": [{"Value": "a"}]}"#, "{}"] {
            assert!(matches!(tags(body), Err(MalformedAnswer::Missing(_))), "{body}");
        }
        let error = r#"{"__type": "TooManyRequestsException", "message": "later"}"#;
        assert!(matches!(accounts(error), Err(MalformedAnswer::ErrorDocument)));
        assert!(matches!(accounts(r#"{"Accounts": ["#), Err(MalformedAnswer::Incomplete)));
    }
}
