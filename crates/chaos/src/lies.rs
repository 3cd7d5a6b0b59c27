//! Changes answers as faults demand.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use fastrand::Rng;
use serde_json::{Value, json};

use crate::answers::{Answer, Element, Request};
use crate::fault::Fault;
use crate::world::World;

/// Applies a fault to an answer. Returns whether the answer is another one now: a fault that has nothing to change, such as a
/// list that is empty anyway, did not happen.
pub(crate) fn apply(
    fault: Fault,
    answer: &mut Answer,
    request: &Request,
    world: &World,
    rng: &mut Rng,
) -> bool {
    match replacement(fault, request, rng) {
        Some(error) => {
            // An error of a kind that AWS could have given anyway is no lie, and no fault.
            *answer = error;
            true
        }
        None => match answer {
            Answer::Xml(result) => change_xml(fault, result, request, world, rng),
            Answer::Json(document) => change_json(fault, document, request, rng),
            Answer::Error { .. } => false,
        },
    }
}

/// The error that stands in the place of an answer.
fn replacement(fault: Fault, request: &Request, rng: &mut Rng) -> Option<Answer> {
    let user = request.parameter("UserName");
    Some(match fault {
        Fault::Throttle if request.is_json => Answer::error(400, "TooManyRequestsException", "Rate exceeded"),
        Fault::Throttle => Answer::error(400, "Throttling", "Rate exceeded"),
        Fault::ServerError => Answer::error(500, "InternalFailure", "An internal error occurred."),
        Fault::Denied if request.is_json => Answer::error(400, "AccessDeniedException", "not authorized"),
        Fault::Denied => Answer::error(
            403,
            "AccessDenied",
            format!("User is not authorized to perform: {}", request.operation),
        ),
        Fault::DeniedWithSecrets => {
            let encoded = request
                .secrets
                .iter()
                .map(|secret| form_urlencoded::byte_serialize(secret.as_bytes()).collect::<String>());
            let secrets = request.secrets.iter().cloned().chain(encoded).collect::<Vec<_>>().join(" ");
            let code = if request.is_json { "AccessDeniedException" } else { "SignatureDoesNotMatch" };
            let code = if request.operation.len().is_multiple_of(2) { "AccessDenied" } else { code };
            Answer::error(
                403,
                code,
                format!("{} of {secrets} '{secrets}'\n\nThe Canonical String\n{secrets}", request.operation),
            )
        }
        Fault::DeniedWithEncodedSecrets => {
            let secrets: Vec<String> = request.secrets.iter().map(|secret| encoded(secret, rng)).collect();
            // The code of an error may be what something in between made of the request, too.
            let code = secrets.first().filter(|_| rng.u8(..8) == 0).map_or("AccessDenied", String::as_str);
            Answer::error(403, code, format!("{} of {}", request.operation, secrets.join(" ")))
        }
        Fault::ExpiredToken if request.is_json => Answer::error(
            400,
            "ExpiredTokenException",
            "The security token included in the request is expired",
        ),
        Fault::ExpiredToken => {
            Answer::error(403, "ExpiredToken", "The security token included in the request is expired")
        }
        Fault::LimitExceeded => Answer::error(409, "LimitExceeded", "Cannot exceed quota"),
        Fault::NotFound | Fault::NotFoundOnce => {
            Answer::error(404, "NoSuchEntity", format!("The user with name {user} cannot be found."))
        }
        Fault::ReportLate => {
            let codes = [(410, "ReportNotPresent"), (404, "ReportInProgress")];
            let (status, code) =
                codes[request.signed.map_or(0, |at| usize::from(at.as_second().rem_euclid(3) == 0))];
            Answer::error(status, code, "The report is not ready.")
        }
        _ => return None,
    })
}

/// A secret, or half of it, as a log or a program in between may write it.
fn encoded(secret: &str, rng: &mut Rng) -> String {
    let half = if rng.u8(..4) == 0 { secret.len() / 2 } else { secret.len() };
    let secret = &secret[..half];
    // What stands before it moves the boundaries of base64.
    let text = format!("{}{secret}", &"id="[..rng.usize(..4)]);
    let each = |bytes: &dyn Fn(u8) -> String| secret.bytes().map(bytes).collect::<String>();
    match rng.u8(..8) {
        0 => STANDARD.encode(&text),
        1 => URL_SAFE_NO_PAD.encode(&text),
        2 => form_urlencoded::byte_serialize(STANDARD.encode(&text).as_bytes()).collect(),
        3 => each(&|byte| format!("{byte:02x}")),
        4 => each(&|byte| format!("{byte:02X}")),
        5 => each(&|byte| format!("\\u{byte:04x}")),
        6 => each(&|byte| format!("&#{byte};")),
        _ => format!("{{\"id\": \"{}\"}}", URL_SAFE_NO_PAD.encode(&text)),
    }
}

/// The list or structure of a result.
fn list_of(operation: &str) -> &'static str {
    match operation {
        "ListUsers" => "Users",
        "GetUser" => "User",
        "ListAccessKeys" => "AccessKeyMetadata",
        "GetAccessKeyLastUsed" => "AccessKeyLastUsed",
        "GetLoginProfile" => "LoginProfile",
        "ListMFADevices" => "MFADevices",
        "GetAccountAuthorizationDetails" => "UserDetailList",
        "GetAccountSummary" => "SummaryMap",
        "ListAccountAliases" => "AccountAliases",
        "GetCredentialReport" => "Content",
        "GenerateCredentialReport" => "State",
        "ListOrganizationsFeatures" => "OrganizationId",
        "AssumeRole" => "Credentials",
        "GetCallerIdentity" => "Account",
        "DescribeOrganization" => "Organization",
        "ListRoots" => "Roots",
        "ListOrganizationalUnitsForParent" => "OrganizationalUnits",
        "ListTagsForResource" => "Tags",
        _ => "Accounts",
    }
}

/// The texts that every item of a list has.
fn fields_of(operation: &str) -> &'static [&'static str] {
    match operation {
        "ListUsers" | "GetUser" => &["UserName", "UserId", "Arn", "Path", "CreateDate"],
        "ListAccessKeys" => &["UserName", "AccessKeyId", "Status", "CreateDate"],
        "ListMFADevices" => &["UserName", "SerialNumber", "EnableDate"],
        "GetLoginProfile" => &["UserName", "CreateDate"],
        "GetAccessKeyLastUsed" => &["ServiceName", "Region"],
        "GetAccountAuthorizationDetails" => {
            &["UserName", "UserId", "Arn", "GroupList", "AttachedManagedPolicies"]
        }
        "GetAccountSummary" => &["key", "value"],
        "AssumeRole" => &["AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration"],
        _ => &[],
    }
}

/// An item of the list of a result, or its structure.
fn item<'a>(result: &'a mut Element, request: &Request, rng: &mut Rng) -> Option<&'a mut Element> {
    let list = result.child(list_of(&request.operation))?;
    if !list.children.iter().any(|child| ["member", "entry"].contains(&child.name.as_str())) {
        return (!list.children.is_empty()).then_some(list);
    }
    let index = rng.usize(..list.children.len());
    list.children.get_mut(index)
}

fn change_xml(fault: Fault, result: &mut Element, request: &Request, world: &World, rng: &mut Rng) -> bool {
    let list = list_of(&request.operation);
    match fault {
        Fault::NoResult => result.children.clear(),
        Fault::NoList => result.remove(list),
        Fault::NoField => {
            let Some(field) = rng.choice(fields_of(&request.operation)) else { return false };
            let Some(item) = item(result, request, rng) else { return false };
            if rng.bool() {
                item.remove(field);
            } else if let Some(field) =
                item.child(field).filter(|field| field.children.is_empty() && !field.text.is_empty())
            {
                field.text.clear();
            } else {
                return false;
            }
        }
        Fault::RepeatedItem => {
            let Some(list) = result.child(list).filter(|list| !list.children.is_empty()) else {
                return false;
            };
            let item = list.children[rng.usize(..list.children.len())].clone();
            list.children.push(item);
        }
        Fault::RepeatedPage | Fault::MarkerAtEnd | Fault::NoMarker => {
            return change_page(fault, result, request, rng);
        }
        Fault::UserOmitted | Fault::DetailOmitted => {
            let Some(list) = result.child(list).filter(|list| !list.children.is_empty()) else {
                return false;
            };
            list.children.remove(0);
        }
        Fault::CountWrong => {
            let entry = result.child(list).and_then(|map| map.children.first_mut());
            let Some(count) = entry.and_then(|entry| entry.child("value")) else { return false };
            let number: usize = count.text.parse().unwrap_or_default();
            count.text = if number > 0 && rng.bool() { number - 1 } else { number + 1 }.to_string();
        }
        Fault::InvalidCell | Fault::RowMissing | Fault::RowTwice | Fault::ColumnMissing => {
            return change_report(fault, result, rng);
        }
        _ => return change_item(fault, result, request, world, rng),
    }
    true
}

/// Changes where a page says that the list continues.
fn change_page(fault: Fault, result: &mut Element, request: &Request, rng: &mut Rng) -> bool {
    let is_last = result.child("Marker").is_none();
    match fault {
        // The page before it would be needed: the same marker again says the same.
        Fault::RepeatedPage => {
            let marker = request.parameter("Marker");
            if marker.is_empty() {
                return false;
            }
            result.remove("Marker");
            result.remove("IsTruncated");
            result.children.extend([Element::text("IsTruncated", true), Element::text("Marker", marker)]);
        }
        Fault::MarkerAtEnd => {
            if is_last {
                result.children.push(Element::text("Marker", "page-999"));
            }
            result.remove("IsTruncated");
            if rng.bool() {
                result.children.push(Element::text("IsTruncated", false));
            }
        }
        _ => {
            result.remove("Marker");
            result.remove("IsTruncated");
            result.children.push(Element::text("IsTruncated", true));
        }
    }
    true
}

/// Changes one item of a list, or the structure of a result.
fn change_item(fault: Fault, result: &mut Element, request: &Request, world: &World, rng: &mut Rng) -> bool {
    let other = world.accounts.get(&request.account_id).and_then(|account| {
        account.users.iter().map(|user| &user.name).find(|name| *name != request.parameter("UserName"))
    });
    let other = other.map_or("somebody-else", String::as_str);
    if fault == Fault::OtherOwner {
        let owner = result.child("UserName").map(|owner| owner.text = "somebody-else".to_owned());
        return owner.is_some();
    }
    if fault == Fault::OtherSession {
        let arn = result.child("AssumedRoleUser").and_then(|user| user.child("Arn"));
        return arn.map(|arn| arn.text = arn.text.replace(&request.account_id, "123456789012")).is_some();
    }
    let Some(item) = item(result, request, rng) else { return false };
    let (field, text) = match fault {
        Fault::InvalidDate => ("CreateDate", "tomorrow".to_owned()),
        Fault::OtherUser => ("UserName", other.to_owned()),
        Fault::OtherAccount => ("Arn", "arn:aws:iam::123456789012:user/ann".to_owned()),
        Fault::NoSession => ("Expiration", "2001-01-01T00:00:00Z".to_owned()),
        Fault::LastUseWithoutDate
            if item.child("ServiceName").is_some_and(|service| service.text != "N/A") =>
        {
            item.remove("LastUsedDate");
            return true;
        }
        _ => return false,
    };
    let field = match field {
        "CreateDate" => {
            ["CreateDate", "EnableDate", "LastUsedDate"].into_iter().find(|name| item.child(name).is_some())
        }
        field => Some(field),
    };
    let field = field.and_then(|field| item.child(field)).filter(|field| field.text != text);
    field.map(|field| field.text = text).is_some()
}

fn change_report(fault: Fault, result: &mut Element, rng: &mut Rng) -> bool {
    let Some(content) = result.child("Content") else { return false };
    let text = STANDARD.decode(&content.text).unwrap_or_default();
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(&text[..]);
    let mut rows: Vec<Vec<String>> =
        reader.records().flatten().map(|record| record.iter().map(str::to_owned).collect()).collect();
    let row = rng.usize(1..rows.len().max(2)).min(rows.len() - 1);
    match fault {
        Fault::RowMissing => drop(rows.remove(row)),
        Fault::RowTwice if row > 1 => rows.push(rows[row].clone()),
        Fault::RowTwice => return false,
        Fault::ColumnMissing => {
            let column = [0, 2, 3, 4, 5, 7, 8, 9, 10, 11, 12, 13][rng.usize(..12)];
            for row in &mut rows {
                row.remove(column);
            }
        }
        _ => {
            // A cell that Rolecall reads of users and of the root user.
            let cell = [4, 7, 8, 13][rng.usize(..4)];
            rows[row][cell] =
                (*rng.choice(&["", "maybe", "1", "yesterday", "TRUE!"]).expect("a value")).to_owned();
        }
    }
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in rows {
        writer.write_record(row).expect("memory");
    }
    content.text = STANDARD.encode(writer.into_inner().expect("memory"));
    true
}

fn change_json(fault: Fault, document: &mut Value, request: &Request, rng: &mut Rng) -> bool {
    let list = list_of(&request.operation);
    match fault {
        Fault::EmptyDocument | Fault::NoResult => *document = json!({}),
        Fault::NoList => drop(document.as_object_mut().map(|it| it.remove(list))),
        Fault::NoField => match &mut document[list] {
            Value::Array(items) if !items.is_empty() => {
                let index = rng.usize(..items.len());
                if list == "Tags" {
                    let field = rng.choice(["Key", "Value"]).expect("a field");
                    return items[index].as_object_mut().and_then(|tag| tag.remove(field)).is_some();
                }
                items[index]["Id"] = if rng.bool() { Value::Null } else { json!("") };
            }
            Value::Object(organization) => drop(organization.remove("MasterAccountId")),
            _ => return false,
        },
        Fault::AccountOmitted | Fault::AccountUnplaced => match document[list].as_array_mut() {
            Some(items) if !items.is_empty() => drop(items.remove(0)),
            _ => return false,
        },
        _ => return false,
    }
    true
}
