//! The chain from documents alone: the first broken link, its cause, and a statement that heals it and opens nothing else.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::needless_pass_by_value,
    reason = "a test that cannot go on ends"
)]

use std::collections::BTreeMap;
use std::time::Duration;

use rolecall_access::doctor::{ChainDocuments, Cure, DocumentCheck, LinkState, SessionRequest, TargetCheck};
use rolecall_policy::{NamedPolicy, Policy, PolicyType};
use rolecall_roll::{Cause, FactSelection, Link, NeutralTerms};
use serde_json::{Value, json};

const CALLER: &str = "arn:aws:iam::222222222222:role/LambdaRole";
const ROLE: &str = "arn:aws:iam::111111111111:role/IAMListRole";

/// The documents as JSON, by name, so that a statement can be added.
#[derive(Clone)]
struct Setting {
    documents: BTreeMap<&'static str, Value>,
    request: SessionRequest,
    context: BTreeMap<String, Vec<String>>,
    session_duration: Duration,
}

fn statement(value: Value) -> Value {
    json!({ "Version": "2012-10-17", "Statement": [value] })
}

impl Setting {
    fn healthy() -> Self {
        let trust = json!({ "Effect": "Allow", "Principal": { "AWS": CALLER }, "Action": "sts:AssumeRole" });
        let lambda = json!({ "Effect": "Allow", "Principal": { "Service": "lambda.amazonaws.com" }, "Action": "sts:AssumeRole" });
        let documents = BTreeMap::from([
            ("hub-trust", statement(lambda)),
            (
                "hub-permissions",
                statement(json!({ "Effect": "Allow", "Action": "sts:AssumeRole", "Resource": ROLE })),
            ),
            ("member-trust", statement(trust)),
            (
                "member-permissions",
                statement(
                    json!({ "Effect": "Allow", "Action": ["iam:ListUsers", "iam:ListAccessKeys"], "Resource": "*" }),
                ),
            ),
        ]);
        let request = SessionRequest {
            caller_arn: CALLER.to_owned(),
            caller_role_arn: Some(CALLER.to_owned()),
            role_arn: ROLE.parse().unwrap(),
            external_id: None,
            shows_external_id: true,
            session_name: "rolecall".to_owned(),
            source_identity: None,
            tags: Vec::new(),
        };
        Self { documents, request, context: BTreeMap::new(), session_duration: Duration::from_hours(1) }
    }

    fn check(&self) -> TargetCheck {
        let policy = |name: &str, policy_type| {
            let document = self.documents.get(name)?;
            let policy = Policy::parse(document, policy_type).unwrap();
            Some(NamedPolicy { name: format!("{name}.json"), policy })
        };
        let documents = ChainDocuments {
            hub_trust: policy("hub-trust", PolicyType::Trust),
            hub_permissions: policy("hub-permissions", PolicyType::Identity).into_iter().collect(),
            hub_boundary: policy("hub-boundary", PolicyType::Boundary),
            hub_session: policy("hub-session", PolicyType::Session),
            hub_scps: policy("hub-scps", PolicyType::Scp).map(|policy| vec![vec![policy]]),
            member_trust: policy("member-trust", PolicyType::Trust),
            member_permissions: policy("member-permissions", PolicyType::Identity).into_iter().collect(),
            member_boundary: policy("member-boundary", PolicyType::Boundary),
            member_scps: policy("member-scps", PolicyType::Scp).map(|policy| vec![vec![policy]]),
            member_rcps: policy("member-rcps", PolicyType::Rcp).into_iter().collect(),
        };
        let selection = FactSelection::default();
        let (request, context) = (&self.request, &self.context);
        let session_duration = self.session_duration;
        DocumentCheck { documents: &documents, request, session_duration, selection: &selection, context }
            .run(&NeutralTerms)
    }

    /// Adds the statement of a paste to the document of this name.
    fn paste(&mut self, document: &str, check: &TargetCheck) {
        let (_, broken) = check.broken_link().unwrap();
        let Some(Cure::Paste(paste)) = broken.candidates.first().map(|it| &it.cure) else {
            panic!("nothing to paste: {broken:?}")
        };
        let statements = self.documents.get_mut(document).and_then(|it| it.get_mut("Statement")).unwrap();
        statements.as_array_mut().unwrap().push(serde_json::to_value(&paste.statement).unwrap());
    }
}

fn broken_link(check: &TargetCheck) -> Option<Link> {
    check.broken_link().map(|(link, _)| link.link)
}

#[test]
fn complete_documents_are_healthy() {
    let check = Setting::healthy().check();
    assert!(check.is_healthy(), "{check:?}");
    let links: Vec<Link> = check.links.iter().map(|check| check.link).collect();
    assert_eq!(links, [Link::Caller, Link::Hub, Link::Member, Link::Collect]);
}

#[test]
fn a_statement_heals_the_document_that_lacks_it_and_trusts_nobody_else() {
    let allow_logs = || statement(json!({ "Effect": "Allow", "Action": "logs:*", "Resource": "*" }));
    let trust_if = |condition: Value, principal: &str| {
        statement(json!({
            "Effect": "Allow", "Principal": { "AWS": principal }, "Action": "sts:AssumeRole", "Condition": condition,
        }))
    };
    let other = "arn:aws:iam::222222222222:role/Other";
    let in_organization = || json!({ "StringEquals": { "aws:PrincipalOrgID": "o-example001" } });
    for (document, content, link) in [
        ("hub-trust", trust_if(json!({}), other), Link::Caller),
        ("hub-permissions", allow_logs(), Link::Hub),
        ("hub-boundary", allow_logs(), Link::Hub),
        ("hub-scps", allow_logs(), Link::Hub),
        ("member-trust", trust_if(json!({}), other), Link::Member),
        ("member-trust", trust_if(in_organization(), other), Link::Member),
        ("member-trust", trust_if(json!({}), "AROAEXAMPLEDELETED001"), Link::Member),
        ("member-permissions", allow_logs(), Link::Collect),
        ("member-boundary", allow_logs(), Link::Collect),
        ("member-scps", allow_logs(), Link::Collect),
    ] {
        let mut setting = Setting::healthy();
        setting.context.insert("aws:PrincipalOrgID".to_owned(), vec!["o-example001".to_owned()]);
        setting.documents.insert(document, content);
        let check = setting.check();
        assert_eq!(broken_link(&check), Some(link), "{document}: {check:?}");
        setting.paste(document, &check);
        let healed = setting.check();
        assert!(healed.is_healthy(), "{document}: {healed:?}");
        // The conditions that are there are kept: without the organization, the pasted statement does not count.
        if document == "member-trust"
            && setting.documents["member-trust"].to_string().contains("o-example001")
        {
            setting.context.insert("aws:PrincipalOrgID".to_owned(), vec!["o-another001".to_owned()]);
            assert_eq!(broken_link(&setting.check()), Some(Link::Member));
        }
        // Nobody else is trusted by it.
        let mut another = setting.clone();
        another.request.caller_arn = "arn:aws:iam::222222222222:role/Third".to_owned();
        another.request.caller_role_arn = Some("arn:aws:iam::222222222222:role/Third".to_owned());
        assert!(!another.check().is_healthy(), "{document}");
    }
}

#[test]
fn a_deny_and_a_condition_have_a_step_and_no_statement() {
    let deny = |principal: bool| {
        let mut denial = json!({ "Sid": "NoRoles", "Effect": "Deny", "Action": "*", "Resource": "*" });
        if principal {
            denial["Principal"] = "*".into();
        }
        let mut document = statement(json!({ "Effect": "Allow", "Action": "*", "Resource": "*" }));
        if principal {
            document["Statement"][0]["Principal"] = "*".into();
        }
        document["Statement"].as_array_mut().unwrap().push(denial);
        document
    };
    let condition = statement(json!({
        "Effect": "Allow", "Principal": { "AWS": CALLER }, "Action": "sts:AssumeRole",
        "Condition": { "StringEquals": { "sts:ExternalId": "of-the-member" } },
    }));
    for (document, content, link, words) in [
        (
            "hub-permissions",
            deny(false),
            Link::Hub,
            "hub-permissions.json Statement[1] (NoRoles) denies sts:AssumeRole",
        ),
        (
            "member-rcps",
            deny(true),
            Link::Member,
            "member-rcps.json Statement[1] (NoRoles) denies sts:AssumeRole",
        ),
        ("member-permissions", deny(false), Link::Collect, "NoRoles"),
        ("member-trust", condition, Link::Member, "sts:ExternalId"),
    ] {
        let mut setting = Setting::healthy();
        setting.documents.insert(document, content);
        let check = setting.check();
        assert_eq!(broken_link(&check), Some(link), "{document}: {check:?}");
        let (_, broken) = check.broken_link().unwrap();
        let candidate = broken.candidates.first().unwrap();
        assert!(matches!(candidate.cure, Cure::Step(_)), "{document}: {candidate:?}");
        assert!(candidate.text.contains(words), "{document}: {}", candidate.text);
        let shown = format!("{candidate:?} {}", serde_json::to_string(candidate).unwrap());
        assert!(!shown.contains("of-the-member"), "the external id is in {shown}");
    }
}

#[test]
fn the_external_id_of_the_run_is_in_the_statement_only_where_it_is_asked_for() {
    let mut setting = Setting::healthy();
    setting.documents.insert(
        "member-trust",
        statement(json!({ "Effect": "Allow", "Principal": { "AWS": "arn:aws:iam::333333333333:root" }, "Action": "sts:AssumeRole" })),
    );
    setting.request.external_id = Some("agreed-between-us".parse().unwrap());
    let shown = |setting: &Setting| serde_json::to_string(&setting.check()).unwrap();
    assert!(shown(&setting).contains("\"sts:ExternalId\":\"agreed-between-us\""), "{}", shown(&setting));
    setting.request.shows_external_id = false;
    let hidden = shown(&setting);
    assert!(hidden.contains("EXTERNAL_ID_OF_THIS_RUN") && !hidden.contains("agreed-between-us"), "{hidden}");
    assert!(!format!("{:?}", setting.check()).contains("agreed-between-us"));
    // Pasted as it is, the placeholder opens nothing.
    let check = setting.check();
    setting.paste("member-trust", &check);
    assert_eq!(broken_link(&setting.check()), Some(Link::Member));
}

#[test]
fn a_root_user_is_broken_once_and_nothing_after_it_is_reached() {
    let mut setting = Setting::healthy();
    setting.request.caller_arn = "arn:aws:iam::222222222222:root".to_owned();
    setting.request.caller_role_arn = None;
    let check = setting.check();
    assert_eq!(broken_link(&check), Some(Link::Caller));
    assert_eq!(check.links.iter().filter(|it| it.link == Link::Caller).count(), 1, "{check:?}");
}

#[test]
fn nothing_is_concluded_from_a_condition_whose_key_only_aws_knows() {
    let deny_outside = |principal: bool| {
        let mut deny = json!({
            "Effect": "Deny", "Action": "*", "Resource": "*",
            "Condition": { "NotIpAddress": { "aws:SourceIp": "203.0.113.0/24" } },
        });
        let mut allow = json!({ "Effect": "Allow", "Action": "*", "Resource": "*" });
        if principal {
            deny["Principal"] = "*".into();
            allow["Principal"] = json!({ "AWS": CALLER });
        }
        json!({ "Version": "2012-10-17", "Statement": [allow, deny] })
    };
    for (document, has_principal, link) in [
        ("hub-permissions", false, Link::Hub),
        ("hub-scps", false, Link::Hub),
        ("member-rcps", true, Link::Member),
        ("member-permissions", false, Link::Collect),
    ] {
        let mut setting = Setting::healthy();
        setting.documents.insert(document, deny_outside(has_principal));
        let check = setting.check();
        let untested = check.links.iter().filter_map(|check| match &check.state {
            LinkState::Untested { reason } => Some((check.link, reason.as_str())),
            _ => None,
        });
        let untested: Vec<(Link, &str)> = untested.collect();
        let [(of_document, reason)] = untested.as_slice() else { panic!("{document}: {check:?}") };
        assert_eq!(*of_document, link, "{document}");
        assert!(reason.contains("--context aws:SourceIp=VALUE"), "{reason}");
        assert!(check.broken_link().is_none(), "{document}: {check:?}");
        setting.context.insert("AWS:sourceip".to_owned(), vec!["203.0.113.7".to_owned()]);
        assert!(setting.check().is_healthy(), "{document}: {:?}", setting.check());
        setting.context.insert("AWS:sourceip".to_owned(), vec!["198.51.100.7".to_owned()]);
        assert!(setting.check().broken_link().is_some_and(|(_, broken)| broken.is_refused), "{document}");
    }
}

#[test]
fn a_pasted_trust_statement_requires_what_the_strictest_one_does() {
    let strict = json!({
        "Effect": "Allow", "Principal": { "AWS": "arn:aws:iam::222222222222:role/Other" }, "Action": "sts:AssumeRole",
        "Condition": { "StringEquals": { "sts:ExternalId": "of-the-member" } },
    });
    let service = json!({ "Effect": "Allow", "Principal": { "Service": "ec2.amazonaws.com" }, "Action": "sts:AssumeRole" });
    let mut setting = Setting::healthy();
    setting
        .documents
        .insert("member-trust", json!({ "Version": "2012-10-17", "Statement": [service, strict] }));
    let shown = serde_json::to_string(&setting.check()).unwrap();
    assert!(shown.contains("<EXTERNAL_ID_OF_THIS_RUN>") && !shown.contains("of-the-member"), "{shown}");
}

#[test]
fn a_paste_that_keeps_a_condition_that_the_run_does_not_meet_says_so() {
    let trust = |condition: Value| {
        statement(json!({
            "Effect": "Allow", "Principal": { "AWS": "arn:aws:iam::222222222222:role/Other" }, "Action": "sts:AssumeRole",
            "Condition": condition,
        }))
    };
    let mut setting = Setting::healthy();
    // The principal of the statement limits it to the caller in place of these.
    for (operator, value) in [
        ("ArnLike", json!("arn:aws:iam::222222222222:role/Other*")),
        ("StringEqualsIfExists", json!(["arn:aws:iam::222222222222:role/Other"])),
    ] {
        setting.documents.insert("member-trust", trust(json!({ operator: { "aws:PrincipalArn": value } })));
        let check = setting.check();
        setting.paste("member-trust", &check);
        assert!(setting.check().is_healthy(), "{operator}: {:?}", setting.check());
    }
    for (condition, words) in [
        (json!({ "ArnNotLike": { "aws:PrincipalArn": CALLER } }), "the condition on aws:PrincipalArn"),
        (
            json!({ "StringEquals": { "sts:SourceIdentity": "j.ruiz" } }),
            "requires with the setting source_identity",
        ),
        (
            json!({ "StringLike": { "sts:RoleSessionName": "audit-*" } }),
            "requires with the setting session_name",
        ),
        (json!({ "Bool": { "aws:SecureTransport": "false" } }), "the condition on aws:SecureTransport"),
        (
            json!({ "StringEquals": { "aws:PrincipalOrgID": "o-example001" } }),
            "the condition on aws:PrincipalOrgID",
        ),
    ] {
        setting.context.insert("aws:PrincipalOrgID".to_owned(), vec![String::new()]);
        setting.documents.insert("member-trust", trust(condition.clone()));
        let check = setting.check();
        let (_, broken) = check.broken_link().unwrap();
        let Cure::Paste(paste) = &broken.candidates[0].cure else { panic!("{broken:?}") };
        assert!(
            paste.also.as_ref().is_some_and(|also| also.contains(words)),
            "{condition}: {:?}",
            paste.also
        );
        let before = setting.documents.clone();
        setting.paste("member-trust", &check);
        assert!(setting.check().broken_link().is_some(), "the condition stays: {condition}");
        setting.documents = before;
    }
}

#[test]
fn conditions_of_the_document_and_of_the_run_stand_beside_each_other() {
    let trust = json!({
        "Effect": "Allow", "Principal": { "AWS": CALLER }, "Action": "sts:AssumeRole",
        "Condition": { "StringEquals": { "sts:ExternalId": "agreed" } },
    });
    let mut setting = Setting::healthy();
    setting.documents.insert("member-trust", statement(trust));
    let hub = json!({ "Effect": "Allow", "Action": ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"], "Resource": ROLE });
    setting.documents.insert("hub-permissions", statement(hub));
    setting.request.external_id = Some("agreed".parse().unwrap());
    setting.request.tags = vec![("team".to_owned(), "search".to_owned())];
    setting.request.source_identity = Some("j.ruiz".to_owned());
    for key in ["sts:SourceIdentity", "aws:RequestTag/team"] {
        let check = setting.check();
        assert_eq!(broken_link(&check), Some(Link::Session), "{check:?}");
        let shown = serde_json::to_string(&check).unwrap();
        assert!(shown.contains(&format!("\"{key}\":")), "{key} is not in {shown}");
        setting.paste("member-trust", &check);
    }
    assert!(setting.check().is_healthy(), "{:?}", setting.check());
}

#[test]
fn other_principals_of_a_statement_are_not_removed() {
    let trust = json!({
        "Effect": "Allow", "Action": "sts:AssumeRole",
        "Principal": { "AWS": ["AROAEXAMPLEDELETED001", "arn:aws:iam::222222222222:role/Keep"] },
    });
    let mut setting = Setting::healthy();
    setting.documents.insert("member-trust", statement(trust));
    let shown = serde_json::to_string(&setting.check()).unwrap();
    assert!(
        !shown.contains("in place of") && shown.contains("remove the ids that begin with AROA"),
        "{shown}"
    );
}

#[test]
fn what_cannot_be_evaluated_is_not_healthy() {
    let mut setting = Setting::healthy();
    setting.documents.remove("hub-trust");
    let check = setting.check();
    assert!(check.broken_link().is_none() && !check.is_healthy(), "{check:?}");
    // The ARN of a role that is not that of the session.
    let mut setting = Setting::healthy();
    setting.request.caller_arn = "arn:aws:sts::222222222222:assumed-role/LambdaRole/s".to_owned();
    setting.request.caller_role_arn = Some("arn:aws:iam::333333333333:role/LambdaRole".to_owned());
    let check = setting.check();
    assert!(!check.is_healthy(), "{check:?}");
}

#[test]
fn conditions_that_every_request_meets_are_met() {
    let secure = json!({ "Bool": { "aws:SecureTransport": "true" } });
    for document in ["hub-trust", "hub-permissions", "member-trust", "member-permissions"] {
        let mut setting = Setting::healthy();
        let statements = setting.documents.get_mut(document).and_then(|it| it.get_mut("Statement")).unwrap();
        statements[0]["Condition"] = secure.clone();
        assert!(setting.check().is_healthy(), "{document}: {:?}", setting.check());
    }
}

#[test]
fn an_external_id_under_a_mistyped_key_is_not_printed() {
    let trust = json!({
        "Effect": "Allow", "Principal": { "AWS": "arn:aws:iam::222222222222:role/Other" }, "Action": "sts:AssumeRole",
        "Condition": { "StringEquals": { "aws:ExternalId": "of-the-member" } },
    });
    let mut setting = Setting::healthy();
    setting.documents.insert("member-trust", statement(trust));
    setting.context.insert("aws:ExternalId".to_owned(), vec![String::new()]);
    let check = setting.check();
    let shown = format!("{check:?} {}", serde_json::to_string(&check).unwrap());
    assert!(check.broken_link().is_some() && !shown.contains("of-the-member"), "{shown}");
    assert!(shown.contains("<EXTERNAL_ID_OF_THIS_RUN>"), "the statement is not without a condition: {shown}");
}

#[test]
fn a_session_of_a_role_lasts_an_hour_at_most() {
    let mut setting = Setting::healthy();
    setting.session_duration = Duration::from_hours(2);
    let check = setting.check();
    assert_eq!(broken_link(&check), Some(Link::Session));
    let (_, broken) = check.broken_link().unwrap();
    assert!(broken.is_refused && matches!(broken.candidates[0].cause, Cause::SessionTooLong), "{broken:?}");
    // Of a user's session, only the role itself says how long it may last.
    "arn:aws:iam::222222222222:user/u".clone_into(&mut setting.request.caller_arn);
    setting.request.caller_role_arn = Some(setting.request.caller_arn.clone());
    setting.documents.get_mut("member-trust").unwrap()["Statement"][0]["Principal"]["AWS"] =
        json!(setting.request.caller_arn);
    let check = setting.check();
    assert!(check.broken_link().is_none() && !check.is_healthy(), "{check:?}");
    setting.session_duration = Duration::from_hours(1);
    assert!(setting.check().is_healthy());
}

#[test]
fn an_action_must_be_allowed_for_each_user() {
    let users = |setting: &mut Setting, path: &str| {
        let resources =
            json!(["arn:aws:iam::111111111111:user/", format!("arn:aws:iam::111111111111:user/{path}")]);
        setting.documents.get_mut("member-permissions").unwrap()["Statement"][0]["Resource"] = resources;
    };
    let mut setting = Setting::healthy();
    users(&mut setting, "*");
    assert!(setting.check().is_healthy(), "{:?}", setting.check());
    for path in ["ci/*", "a*", "any-user"] {
        users(&mut setting, path);
        assert_eq!(broken_link(&setting.check()), Some(Link::Collect), "{path}");
    }
    let mut setting = Setting::healthy();
    let deny = json!({ "Effect": "Deny", "Action": "iam:*", "Resource": "arn:aws:iam::*:user/admin-*" });
    let allow = json!({ "Effect": "Allow", "Action": "*", "Resource": "*" });
    for document in ["member-permissions", "member-boundary", "member-scps"] {
        let before = setting.documents.clone();
        let document = setting.documents.entry(document).or_insert_with(|| statement(allow.clone()));
        document["Statement"].as_array_mut().unwrap().push(deny.clone());
        let check = setting.check();
        let (link, broken) = check.broken_link().unwrap();
        assert_eq!(link.link, Link::Collect);
        let text = &broken.candidates[0].text;
        assert!(text.contains("iam:ListAccessKeys on arn:aws:iam::111111111111:user/admin-*: "), "{text}");
        setting.documents = before;
    }
}

#[test]
fn a_broken_link_has_notes_on_what_never_works_in_its_documents() {
    let mut setting = Setting::healthy();
    let trust = json!({ "Effect": "Allow", "Principal": { "AWS": CALLER }, "Action": "sts:AssumeRole",
        "Condition": { "StringEquals": { "aws:PrincipalArn": "arn:aws:iam::222222222222:role/*" } } });
    setting.documents.insert("member-trust", statement(trust));
    let check = setting.check();
    let (link, broken) = check.broken_link().unwrap();
    assert_eq!(link.link, Link::Member);
    assert!(
        broken.notes.iter().any(|note| note.starts_with("member-trust.json: Statement[0]")),
        "{:?}",
        broken.notes
    );
}

#[test]
fn a_condition_or_a_resource_of_the_member_permissions_is_not_loosened() {
    let allow =
        json!({ "Effect": "Allow", "Action": ["iam:ListUsers", "iam:ListAccessKeys"], "Resource": "*" });
    let unmet = json!({ "IpAddress": { "aws:SourceIp": "203.0.113.0/24" } });
    for document in ["member-permissions", "member-boundary", "member-scps"] {
        for (element, value, words) in [
            ("Condition", unmet.clone(), "aws:SourceIp"),
            ("NotResource", json!("arn:aws:iam::*:user/secret/*"), "NotResource"),
            ("Resource", json!(["arn:aws:iam::*:user/", "arn:aws:iam::*:user/ci/*"]), "Resource"),
        ] {
            let mut setting = Setting::healthy();
            setting.context.insert("aws:SourceIp".to_owned(), vec!["198.51.100.1".to_owned()]);
            let mut limited = allow.clone();
            if element == "NotResource" {
                limited.as_object_mut().unwrap().remove("Resource");
            }
            limited[element] = value;
            setting.documents.insert(document, statement(limited));
            let check = setting.check();
            let (link, broken) = check.broken_link().unwrap();
            assert_eq!(link.link, Link::Collect, "{document} {element}");
            assert!(matches!(broken.candidates[0].cure, Cure::Step(_)), "{document} {element}: {broken:?}");
            assert!(broken.candidates[0].text.contains(words), "{}", broken.candidates[0].text);
        }
    }
}

#[test]
fn roles_of_two_partitions_cannot_work_together() {
    let mut setting = Setting::healthy();
    setting.request.role_arn = "arn:aws-cn:iam::111111111111:role/IAMListRole".parse().unwrap();
    let check = setting.check();
    assert_eq!(broken_link(&check), Some(Link::Caller));
    assert!(matches!(check.broken_link().unwrap().1.candidates[0].cause, Cause::OtherPartition));
}
