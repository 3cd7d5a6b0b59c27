use std::time::Duration;

use rolecall_core::collect::FactSet;
use rolecall_roll::FactSelection;

use super::{EXTERNAL_ID_PLACEHOLDER, RequestDetails, cell, code, page};
use crate::documents::{DocumentName, MemberRoles, RequiredAccess, Trust, documents};

fn access(members: &[&str]) -> RequiredAccess {
    let hub = "arn:aws:iam::222222222222:role/LambdaRole".parse().unwrap();
    let members = members.iter().map(|arn| arn.parse().unwrap()).collect();
    let selection = FactSelection { facts: FactSet::All.facts().collect(), ..FactSelection::default() };
    RequiredAccess {
        members: MemberRoles::Listed(members),
        selection,
        ..RequiredAccess::new(hub, Trust::Role)
    }
}

fn details() -> RequestDetails {
    RequestDetails {
        frequency: "once a day".to_owned(),
        session_duration: Duration::from_hours(1),
        has_session_policy: true,
    }
}

#[test]
fn the_page_has_each_action_with_what_it_is_needed_for_and_the_documents_in_full() {
    let access = access(&["arn:aws:iam::111111111111:role/IAMListRole"]);
    let page = page(&access, &details()).unwrap();
    for (name, document) in documents(&access).unwrap().iter() {
        let block = format!("```json\n{}\n```", serde_json::to_string_pretty(document).unwrap());
        assert!(page.contains(&block), "{name}");
        if name.is_trust() {
            continue;
        }
        for action in document.statement.iter().flat_map(|statement| statement.action.values()) {
            let row = page.lines().find(|line| line.starts_with(&format!("| `{action}` |")));
            let purpose = row.unwrap_or_else(|| panic!("{action}: {page}")).rsplit(" | ").next().unwrap();
            assert!(purpose.len() > 8, "{action}: {purpose}");
        }
    }
    for words in [
        "`arn:aws:iam::222222222222:role/LambdaRole`",
        "- account `111111111111`, through the role `arn:aws:iam::111111111111:role/IAMListRole`",
        "the users",
        "session name `cross_acct_lambda`",
        "within 60 minutes",
        "aws iam delete-role --role-name IAMListRole",
        "Once a day: at least 7 API calls for each account, and 3",
        "None is used",
    ] {
        assert!(page.contains(words), "{words} is not in {page}");
    }
}

/// The page promises it, so it must be true of all documents.
#[test]
fn no_member_document_has_an_action_that_changes_anything_or_a_wildcard() {
    let documents = documents(&access(&["arn:aws:iam::111111111111:role/R"])).unwrap();
    let document = documents.get(DocumentName::MemberPermissions).unwrap();
    for action in document.statement.iter().flat_map(|statement| statement.action.values()) {
        let is_read = action.starts_with("iam:Get") || action.starts_with("iam:List");
        assert!(is_read || action == "iam:GenerateCredentialReport", "{action}");
        assert!(!action.contains('*'), "{action}");
    }
}

#[test]
fn the_external_id_is_a_placeholder() {
    let external_id = Some("the-external-id".parse().unwrap());
    let access = RequiredAccess { external_id, ..access(&["arn:aws:iam::111111111111:role/R"]) };
    let page = page(&access, &details()).unwrap();
    assert!(!page.contains("the-external-id"));
    assert!(page.contains(&format!("\"sts:ExternalId\": \"{EXTERNAL_ID_PLACEHOLDER}\"")), "{page}");
    assert!(page.contains("over another channel"), "{page}");
}

#[test]
fn the_page_of_an_organization_names_it_and_how_sessions_are_marked() {
    let id: crate::documents::OrganizationId = "o-example001".parse().unwrap();
    let trust = Trust::Organization { id: id.clone(), permission_set: Some("Audit".parse().unwrap()) };
    let access = RequiredAccess {
        members: MemberRoles::Organization { id, path_and_name: "security/IAMListRole".to_owned() },
        source_identity: Some("j.ruiz".parse().unwrap()),
        session_tags: vec![("team".to_owned(), "blue".to_owned())],
        trust,
        ..access(&[])
    };
    let page = page(&access, &details()).unwrap();
    for words in [
        "every account of the organization `o-example001`, through the role `security/IAMListRole`",
        "permission set `Audit`",
        "`rolecall-` and the id of the run",
        "source identity of each session is `j.ruiz`",
        "tag `team` with the value `blue`",
        "create-role --role-name IAMListRole --path /security/",
        "stays valid if the hub role is created again",
        "listing the accounts of the organization",
    ] {
        assert!(page.contains(words), "{words} is not in {page}");
    }
}

#[test]
fn names_are_text_in_the_page() {
    let strange = RequestDetails { frequency: "<b>daily</b>\n# [x](y)".to_owned(), ..details() };
    let page = page(&access(&["arn:aws:iam::111111111111:role/a|b`c;x/R"]), &strange).unwrap();
    assert!(page.contains("\\<b\\>daily\\</b\\> \\# \\[x\\]\\(y\\):"), "{page}");
    assert!(page.contains("--path '/a|b`c;x/'"), "{page}");
    assert_eq!(code("a`b``c"), "``` a`b``c ```");
    assert_eq!(cell("a|b"), "a\\|b");
}
