//! What AWS answers truthfully about a world: XML for STS and IAM, JSON for AWS Organizations. Answers are trees, so that a
//! fault can change them before they are written.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::secrets;
use crate::world::{ADMINISTRATOR, Account, BOUNDARY, HUB, Key, MANAGEMENT, User, World};

/// An XML element.
#[derive(Debug, Clone, Default)]
pub(crate) struct Element {
    pub(crate) name: String,
    pub(crate) text: String,
    pub(crate) children: Vec<Element>,
}

impl Element {
    pub(crate) fn text(name: &str, text: impl std::fmt::Display) -> Self {
        Self { name: name.to_owned(), text: text.to_string(), children: Vec::new() }
    }

    pub(crate) fn node(name: &str, children: impl IntoIterator<Item = Element>) -> Self {
        Self { name: name.to_owned(), text: String::new(), children: children.into_iter().collect() }
    }

    pub(crate) fn child(&mut self, name: &str) -> Option<&mut Element> {
        self.children.iter_mut().find(|child| child.name == name)
    }

    pub(crate) fn remove(&mut self, name: &str) {
        self.children.retain(|child| child.name != name);
    }

    fn write(&self, out: &mut String) {
        out.push_str(&format!("<{}>", self.name));
        for c in self.text.chars() {
            match c {
                '&' => out.push_str("&amp;"),
                '<' => out.push_str("&lt;"),
                '>' => out.push_str("&gt;"),
                c => out.push(c),
            }
        }
        self.children.iter().for_each(|child| child.write(out));
        out.push_str(&format!("</{}>", self.name));
    }
}

/// What AWS answers.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    /// The result element of an operation.
    Xml(Element),
    Json(Value),
    Error {
        status: u16,
        code: String,
        message: String,
    },
}

impl Answer {
    pub(crate) fn error(status: u16, code: &str, message: impl Into<String>) -> Self {
        Self::Error { status, code: code.to_owned(), message: message.into() }
    }

    /// The status and the body.
    pub(crate) fn write(&self, request: &Request) -> (u16, Vec<u8>) {
        match self {
            Self::Json(document) => (200, document.to_string().into_bytes()),
            Self::Xml(result) => {
                let mut text = format!(
                    "<{}Response xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\">",
                    request.operation
                );
                result.write(&mut text);
                text.push_str(&format!(
                    "<ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></{}Response>",
                    request.operation
                ));
                (200, text.into_bytes())
            }
            Self::Error { status, code, message } if request.is_json => {
                (*status, json!({"__type": code, "Message": message}).to_string().into_bytes())
            }
            Self::Error { status, code, message } => {
                let error = [
                    Element::text("Type", "Sender"),
                    Element::text("Code", code),
                    Element::text("Message", message),
                ];
                let mut text = String::new();
                Element::node(
                    "ErrorResponse",
                    [Element::node("Error", error), Element::text("RequestId", "r")],
                )
                .write(&mut text);
                (*status, text.into_bytes())
            }
        }
    }
}

/// A request, as far as the answers depend on it.
#[derive(Debug, Default)]
pub(crate) struct Request {
    pub(crate) operation: String,
    /// AWS Organizations speaks JSON.
    pub(crate) is_json: bool,
    pub(crate) parameters: BTreeMap<String, String>,
    /// The account of the credentials; that of the role where one is assumed.
    pub(crate) account_id: String,
    /// The account of the credentials.
    pub(crate) caller_account_id: String,
    /// The secrets that the request carries: session token and external id.
    pub(crate) secrets: Vec<String>,
    /// When it was signed.
    pub(crate) signed: Option<Timestamp>,
    pub(crate) access_key_id: String,
}

impl Request {
    pub(crate) fn parameter(&self, name: &str) -> &str {
        self.parameters.get(name).map_or("", String::as_str)
    }
}

impl Request {
    /// A request about the first user of the caller's account who has what the operation is about.
    pub(crate) fn example(world: &World, operation: &str, is_json: bool) -> Self {
        let users = &world.accounts[HUB].users;
        let has_password = |user: &&User| operation != "GetLoginProfile" || user.password.is_some();
        let user = users.iter().find(has_password).or(users.first()).expect("a user");
        let key = users.iter().flat_map(|user| &user.keys).next();
        let parameters = [
            ("UserName", user.name.clone()),
            ("AccessKeyId", key.map_or(String::new(), |key| key.id.clone())),
            ("ParentId", "r-root".to_owned()),
            ("ResourceId", HUB.to_owned()),
        ];
        let parameters = parameters.map(|(name, value)| (name.to_owned(), value)).into();
        let (operation, account_id) = (operation.to_owned(), HUB.to_owned());
        Self { operation, is_json, parameters, account_id, ..Self::default() }
    }
}

/// The truth about a request. `now` is the time of the server, and `session` the number of the session that it opens.
pub(crate) fn answer(world: &World, request: &Request, now: Timestamp, session: usize) -> Answer {
    if request.is_json {
        return organizations(world, request);
    }
    match request.operation.as_str() {
        "GetCallerIdentity" => result(
            request,
            [
                Element::text("Arn", format!("arn:aws:sts::{HUB}:assumed-role/LambdaRole/chaos")),
                Element::text("UserId", "AROA:chaos"),
                Element::text("Account", HUB),
            ],
        ),
        "AssumeRole" => assume_role(world, request, now, session),
        // The caller may be in an account that no run reads.
        "ListOrganizationsFeatures" if world.organization.is_some() => features(world, None, request),
        _ => match world.accounts.get(&request.account_id) {
            Some(account) => iam(world, account, request),
            None => Answer::error(
                403,
                "InvalidClientTokenId",
                "The security token included in the request is invalid.",
            ),
        },
    }
}

fn result(request: &Request, children: impl IntoIterator<Item = Element>) -> Answer {
    Answer::Xml(Element::node(&format!("{}Result", request.operation), children))
}

fn assume_role(world: &World, request: &Request, now: Timestamp, session: usize) -> Answer {
    let id = &request.account_id;
    // Where the role is in the chain, and who may assume it: the role before it, with the external id if it is the last.
    let position = world.chain.iter().position(|it| it == id);
    let before = &world.chain[..position.unwrap_or(world.chain.len())];
    let external_id = if position.is_some() { String::new() } else { world.external_id(id) };
    let exists = position.is_some() || world.accounts.contains_key(id);
    let is_trusted = request.caller_account_id == *before.last().unwrap_or(&HUB);
    if !exists || !is_trusted || request.parameter("ExternalId") != external_id {
        return Answer::error(403, "AccessDenied", "User is not authorized to perform: sts:AssumeRole");
    }
    let role = request.parameter("RoleArn").rsplit('/').next().unwrap_or_default();
    let duration: i64 = request.parameter("DurationSeconds").parse().unwrap_or(3600);
    let expires = Timestamp::from_second(now.as_second() + duration).expect("a time");
    let user = [
        Element::text("AssumedRoleId", "AROA:chaos"),
        Element::text("Arn", format!("arn:aws:sts::{id}:assumed-role/{role}/chaos")),
    ];
    let credentials = [
        Element::text("AccessKeyId", format!("ASIA{id}{session:04}")),
        Element::text("SecretAccessKey", secrets::secret_access_key(id)),
        Element::text("SessionToken", secrets::session_token(id)),
        Element::text("Expiration", expires),
    ];
    result(request, [Element::node("AssumedRoleUser", user), Element::node("Credentials", credentials)])
}

/// A page of a list, and the marker of the next one.
fn page<T>(world: &World, items: Vec<T>, marker: &str) -> (Vec<T>, Option<String>) {
    let from = marker.strip_prefix("page-").and_then(|from| from.parse().ok());
    if from.is_none() && world.has_empty_pages {
        return (Vec::new(), Some("page-0".to_owned()));
    }
    let (from, count) = (from.unwrap_or(0), items.len());
    let next = (from + world.page_size < count).then(|| format!("page-{}", from + world.page_size));
    (items.into_iter().skip(from).take(world.page_size).collect(), next)
}

fn list(world: &World, request: &Request, name: &str, members: impl IntoIterator<Item = Element>) -> Answer {
    let (members, next) = page(world, members.into_iter().collect(), request.parameter("Marker"));
    let truncated = Element::text("IsTruncated", next.is_some());
    let marker = next.map(|next| Element::text("Marker", next));
    result(request, [Element::node(name, members), truncated].into_iter().chain(marker))
}

fn member(children: impl IntoIterator<Item = Element>) -> Element {
    Element::node("member", children)
}

fn iam(world: &World, account: &Account, request: &Request) -> Answer {
    let id = &request.account_id;
    let user = account.users.iter().find(|user| user.name == request.parameter("UserName"));
    match (request.operation.as_str(), user) {
        ("ListUsers", _) => {
            list(world, request, "Users", account.users.iter().map(|user| user_element("member", id, user)))
        }
        ("GetAccountAuthorizationDetails", _) => {
            list(world, request, "UserDetailList", account.users.iter().map(|user| detail(id, user)))
        }
        ("GetAccountSummary", _) => {
            let numbers = [
                ("Users", account.users.len()),
                ("AccountAccessKeysPresent", account.root_key.into()),
                ("AccountMFAEnabled", account.root_mfa.into()),
                ("AccountPasswordPresent", 1),
            ];
            let entry = |(key, value)| {
                Element::node("entry", [Element::text("key", key), Element::text("value", value)])
            };
            result(request, [Element::node("SummaryMap", numbers.map(entry))])
        }
        ("ListAccountAliases", _) => {
            let aliases = account.alias.iter().map(|alias| Element::text("member", alias));
            result(request, [Element::node("AccountAliases", aliases), Element::text("IsTruncated", false)])
        }
        ("ListOrganizationsFeatures", _) => features(world, Some(account), request),
        ("GenerateCredentialReport", _) => result(request, [Element::text("State", "STARTED")]),
        ("GetCredentialReport", _) => result(
            request,
            [
                Element::text("Content", STANDARD.encode(report(id, account))),
                Element::text("ReportFormat", "text/csv"),
                Element::text("GeneratedTime", account.report),
            ],
        ),
        ("GetAccessKeyLastUsed", _) => last_used(account, request),
        (_, Some(user)) => of_user(world, request, user),
        _ => Answer::error(404, "NoSuchEntity", "The user cannot be found."),
    }
}

fn of_user(world: &World, request: &Request, user: &User) -> Answer {
    let id = &request.account_id;
    let name = || Element::text("UserName", &user.name);
    match request.operation.as_str() {
        "GetUser" => result(request, [user_element("User", id, user)]),
        "ListAccessKeys" => {
            let key = |key: &Key| {
                let status = Element::text("Status", key.status);
                member([
                    name(),
                    Element::text("AccessKeyId", &key.id),
                    status,
                    Element::text("CreateDate", key.created),
                ])
            };
            list(world, request, "AccessKeyMetadata", user.keys.iter().map(key))
        }
        "ListMFADevices" => {
            let device = |(number, enabled): (usize, &Timestamp)| {
                let serial = Element::text("SerialNumber", user.mfa_serial(id, number));
                member([name(), serial, Element::text("EnableDate", enabled)])
            };
            list(world, request, "MFADevices", user.mfa.iter().enumerate().map(device))
        }
        "GetLoginProfile" => match user.password {
            Some((created, reset)) => {
                let reset = Element::text("PasswordResetRequired", reset);
                result(
                    request,
                    [Element::node("LoginProfile", [name(), Element::text("CreateDate", created), reset])],
                )
            }
            None => {
                let message = format!("Login Profile for User {} cannot be found.", user.name);
                Answer::error(404, "NoSuchEntity", message)
            }
        },
        other => Answer::error(400, "InvalidAction", format!("no operation {other}")),
    }
}

fn user_element(element: &str, id: &str, user: &User) -> Element {
    let used = user.password_used.map(|used| Element::text("PasswordLastUsed", used));
    let fields = [
        Element::text("Path", user.path),
        Element::text("UserName", &user.name),
        Element::text("UserId", user.id()),
        Element::text("Arn", user.arn(id)),
        Element::text("CreateDate", user.created),
    ];
    Element::node(element, fields.into_iter().chain(used))
}

fn detail(id: &str, user: &User) -> Element {
    let mut detail = user_element("member", id, user);
    detail.remove("PasswordLastUsed");
    let group = |name: &String| Element::text("member", name);
    let attached = user.is_administrator.then(|| {
        member([
            Element::text("PolicyName", "AdministratorAccess"),
            Element::text("PolicyArn", ADMINISTRATOR),
        ])
    });
    let document = "%7B%22Statement%22%3A%7B%22Effect%22%3A%22Allow%22%2C%22Action%22%3A%22s3%3A%2A%22%2C%22Resource%22%3A%22%2A%22%7D%7D";
    let inline = member([Element::text("PolicyName", "own"), Element::text("PolicyDocument", document)]);
    let tag =
        |(key, value): (&String, &String)| member([Element::text("Key", key), Element::text("Value", value)]);
    detail.children.extend([
        Element::node("GroupList", user.groups.iter().map(group)),
        Element::node("AttachedManagedPolicies", attached),
        Element::node("UserPolicyList", [inline]),
        Element::node("Tags", user.tags.iter().map(tag)),
    ]);
    if user.boundary {
        let arn = Element::text("PermissionsBoundaryArn", BOUNDARY);
        detail.children.push(Element::node(
            "PermissionsBoundary",
            [Element::text("PermissionsBoundaryType", "Policy"), arn],
        ));
    }
    detail
}

fn features(world: &World, account: Option<&Account>, request: &Request) -> Answer {
    let of_organization = world.organization.as_ref().map(|it| it.manages_root_credentials);
    match of_organization.or(account.and_then(|account| account.manages_root_credentials)) {
        Some(is_managed) => {
            let feature = is_managed.then(|| Element::text("member", "RootCredentialsManagement"));
            result(
                request,
                [Element::text("OrganizationId", "o-chaos00000"), Element::node("EnabledFeatures", feature)],
            )
        }
        None => Answer::error(400, "AccountNotManagementOrDelegatedAdministratorException", "no"),
    }
}

fn last_used(account: &Account, request: &Request) -> Answer {
    let id = request.parameter("AccessKeyId");
    let find = |user: &'_ User| user.keys.iter().position(|key| key.id == id);
    let Some((user, key)) = account.users.iter().find_map(|user| Some((user, find(user)?))) else {
        return Answer::error(404, "NoSuchEntity", "The access key cannot be found.");
    };
    let used = user.keys[key].used;
    let date = used.map(|(date, ..)| Element::text("LastUsedDate", date));
    let (service, region) = used.map_or(("N/A", "N/A"), |(_, service, region)| (service, region));
    let used = [Element::text("ServiceName", service), Element::text("Region", region)];
    let used = Element::node("AccessKeyLastUsed", date.into_iter().chain(used));
    result(request, [Element::text("UserName", &user.name), used])
}

/// The columns of the credential report.
const COLUMNS: &str = "user,arn,user_creation_time,password_enabled,password_last_used,password_last_changed,\
    password_next_rotation,mfa_active,access_key_1_active,access_key_1_last_rotated,access_key_1_last_used_date,\
    access_key_1_last_used_region,access_key_1_last_used_service,access_key_2_active,access_key_2_last_rotated,\
    access_key_2_last_used_date,access_key_2_last_used_region,access_key_2_last_used_service,cert_1_active,\
    cert_1_last_rotated,cert_2_active,cert_2_last_rotated";

pub(crate) fn report(id: &str, account: &Account) -> String {
    let date = |date: Option<Timestamp>, none: &str| {
        date.map_or(none.to_owned(), |date| format!("{date}").replace('Z', "+00:00"))
    };
    let mut text = format!(
        "{COLUMNS}\n<root_account>,arn:aws:iam::{id}:root,2020-01-01T00:00:00+00:00,not_supported,{},not_supported,\
         not_supported,{},{},{},N/A,N/A,N/A,false,N/A,N/A,N/A,N/A,false,N/A,false,N/A\n",
        date(account.root_password_used, "no_information"),
        account.root_mfa,
        account.root_key,
        if account.root_key { "2021-01-01T00:00:00+00:00" } else { "N/A" },
    );
    for user in account.users.iter().filter(|user| user.is_in_report(account)) {
        let keys: String = (0..2)
            .map(|index| match user.keys.get(index) {
                Some(key) => {
                    let (used, service, region) =
                        key.used.map_or((None, "N/A", "N/A"), |(used, service, region)| {
                            (Some(used), service, region)
                        });
                    let (active, rotated) = (key.status == "Active", date(Some(key.created), ""));
                    format!(",{active},{rotated},{},{region},{service}", date(used, "N/A"))
                }
                None => ",false,N/A,N/A,N/A,N/A".to_owned(),
            })
            .collect();
        let password = user.password.map(|(created, _)| created);
        // A user name may have a comma.
        text.push_str(&format!(
            "\"{}\",\"{}\",{},{},{},{},N/A,{}{keys},false,N/A,false,N/A\n",
            user.name,
            user.arn(id),
            date(Some(user.created), ""),
            password.is_some(),
            date(user.password_used, if password.is_some() { "no_information" } else { "N/A" }),
            date(password, "N/A"),
            !user.mfa.is_empty(),
        ));
    }
    text
}

fn organizations(world: &World, request: &Request) -> Answer {
    let Some(organization) = &world.organization else {
        return Answer::error(
            400,
            "AWSOrganizationsNotInUseException",
            "Your account is not a member of an organization.",
        );
    };
    let parent = request.parameter("ParentId");
    let account = |(id, (state, _)): (&String, &(&str, usize))| {
        let email = format!("{id}@example.com");
        json!({"Id": id, "Name": format!("Account {id}"), "Email": email, "State": state})
    };
    let units = organization.units.iter();
    let unit_of = |index: &usize| organization.units[*index].0.as_str();
    let (name, items): (&str, Vec<Value>) = match request.operation.as_str() {
        "DescribeOrganization" => {
            return Answer::Json(
                json!({"Organization": {"Id": "o-chaos00000", "MasterAccountId": MANAGEMENT}}),
            );
        }
        "ListRoots" => ("Roots", vec![json!({"Id": "r-root", "Name": "Root"})]),
        "ListAccounts" => ("Accounts", organization.members.iter().map(account).collect()),
        "ListAccountsForParent" => {
            let inside = organization.members.iter().filter(|(_, (_, unit))| unit_of(unit) == parent);
            ("Accounts", inside.map(account).collect())
        }
        "ListOrganizationalUnitsForParent" => {
            let children = units.filter(|(.., of)| of.as_ref().is_some_and(|of| unit_of(of) == parent));
            ("OrganizationalUnits", children.map(|(id, name, _)| json!({"Id": id, "Name": name})).collect())
        }
        "ListTagsForResource" => {
            let team = world.teams.get(request.parameter("ResourceId"));
            ("Tags", team.map(|team| json!({"Key": "team", "Value": team})).into_iter().collect())
        }
        other => return Answer::error(400, "UnknownOperationException", other),
    };
    let (items, next) = page(world, items, request.parameter("NextToken"));
    let mut document = json!({ name: items });
    if let Some(next) = next {
        document["NextToken"] = next.into();
    }
    Answer::Json(document)
}
