//! What the texts of the statements grant beyond what is needed.

use super::Beyond;
use super::requests::{Need, Needs};
use crate::documents::trust::{hub_account, trusted_roles};
use crate::documents::{DocumentName, RequiredAccess};
use crate::statement_view::StatementView;
use crate::wildcard::{covers, covers_action, has_wildcard};

/// What the statements that allow grant beyond the needs.
pub(super) fn beyond(statements: &[StatementView<'_>], needs: &Needs<'_>) -> Vec<Beyond> {
    let allowing = statements.iter().filter(|statement| statement.is_allow());
    allowing.flat_map(|statement| of_statement(statement, needs)).collect()
}

fn of_statement(statement: &StatementView<'_>, needs: &Needs<'_>) -> Vec<Beyond> {
    let mut beyond = actions(statement, needs);
    beyond.extend(if needs.name.is_trust() {
        principals(statement, needs)
    } else {
        resources(statement, needs)
    });
    beyond
}

/// The needs that one of the statement's actions covers.
fn covered<'n>(statement: &StatementView<'_>, needs: &'n Needs<'_>) -> Vec<&'n Need> {
    let is_covered = |need: &&Need| {
        let actions = statement.strings("Action");
        actions.into_iter().any(|action| covers_action(action, &need.action))
    };
    needs.all.iter().filter(is_covered).collect()
}

fn actions(statement: &StatementView<'_>, needs: &Needs<'_>) -> Vec<Beyond> {
    if statement.has("NotAction") {
        return vec![found(
            statement,
            "NotAction",
            None,
            "allows all actions but these; list the needed ones in Action",
        )];
    }
    let problem = |action: &&str| {
        let mut covered: Vec<&str> = needs.all.iter().map(|need| need.action.as_str()).collect();
        covered.retain(|needed| covers_action(action, needed));
        covered.sort_unstable();
        covered.dedup();
        match (has_wildcard(action), covered.as_slice()) {
            (false, []) => Some("is not needed".to_owned()),
            (false, _) => None,
            (true, []) => Some("allows no action that is needed".to_owned()),
            (true, covered) => Some(format!(
                "allows more than what is needed of it: {}; list {}",
                covered.join(", "),
                if covered.len() == 1 { "it" } else { "these" }
            )),
        }
    };
    let actions = statement.strings("Action").into_iter();
    actions.filter_map(|action| Some(found(statement, "Action", Some(action), &problem(&action)?))).collect()
}

fn resources(statement: &StatementView<'_>, needs: &Needs<'_>) -> Vec<Beyond> {
    if statement.has("NotResource") {
        let problem = "allows all resources but these; list the needed ones in Resource";
        return vec![found(statement, "NotResource", None, problem)];
    }
    let covered = covered(statement, needs);
    let problem = |resource: &str| {
        // An action may be needed on several resources, each in a need of its own.
        let needed_for = |action: &str| {
            let same = covered.iter().filter(move |need| need.action == action);
            same.flat_map(|need| &need.resources).map(String::as_str).collect::<Vec<&str>>()
        };
        let is_beyond =
            |need: &&&Need| !needed_for(&need.action).iter().any(|needed| covers(needed, resource));
        let first = covered.iter().find(is_beyond)?;
        Some(format!("{} is needed on {} only", first.action, needed_for(&first.action).join(", ")))
    };
    let all = statement.strings("Resource").into_iter();
    all.filter_map(|resource| Some(found(statement, "Resource", Some(resource), &problem(resource)?)))
        .collect()
}

fn principals(statement: &StatementView<'_>, needs: &Needs<'_>) -> Vec<Beyond> {
    if statement.has("NotPrincipal") {
        return vec![found(
            statement,
            "NotPrincipal",
            None,
            "trusts everyone but these; name the trusted role in Principal",
        )];
    }
    let all = statement.principals().into_iter();
    all.filter_map(|(kind, value)| {
        let problem = match (needs.name, kind) {
            (DocumentName::HubTrust, "Service") => {
                (value != "lambda.amazonaws.com").then(|| "is not Lambda, which runs Rolecall".to_owned())
            }
            (DocumentName::HubTrust, _) => Some("is not Lambda, which runs Rolecall".to_owned()),
            (_, "AWS") => aws_principal(statement, value, needs.access),
            _ => Some(format!("is not the hub role {}", needs.access.hub_role)),
        };
        Some(found(statement, "Principal", Some(value), &problem?))
    })
    .collect()
}

/// What is beyond in a principal of the trust policy of a role that the hub role assumes.
fn aws_principal(statement: &StatementView<'_>, value: &str, access: &RequiredAccess) -> Option<String> {
    let hub_role = &access.hub_role;
    let account = hub_role.account_id().as_str();
    let trusted = trusted_roles(access);
    let session = format!("arn:{}:sts::{account}:assumed-role/{}/", access.partition(), hub_role.role_name());
    if trusted.iter().any(|role| covers(role, value)) || value.starts_with(&session) {
        return None;
    }
    if value == "*" {
        return Some(format!("trusts every AWS account; name the hub role {hub_role}"));
    }
    if value != account && value != hub_account(access) {
        let deleted = "AROA";
        let hint = if value.starts_with(deleted) {
            "; IAM shows this id where the role of the policy was deleted, also if it was created again"
        } else {
            ""
        };
        return Some(format!("is not the hub role {hub_role}{hint}"));
    }
    if is_limited_to(statement, &trusted) {
        return None;
    }
    let has_condition =
        statement.condition_keys().iter().any(|key| key.eq_ignore_ascii_case("aws:PrincipalArn"));
    Some(if has_condition {
        format!(
            "trusts other roles of the hub account; require {hub_role} alone with ArnLike aws:PrincipalArn"
        )
    } else {
        format!(
            "trusts the whole hub account; name the hub role {hub_role}, or require it with ArnLike aws:PrincipalArn"
        )
    })
}

/// Whether a condition limits the principal to these roles.
fn is_limited_to(statement: &StatementView<'_>, trusted: &[String]) -> bool {
    const OPERATORS: [&str; 4] = ["arnlike", "arnequals", "stringequals", "stringlike"];
    statement.conditions().iter().any(|(operator, key, values)| {
        OPERATORS.contains(&operator.to_ascii_lowercase().as_str())
            && key.eq_ignore_ascii_case("aws:PrincipalArn")
            && values.iter().all(|value| trusted.iter().any(|role| covers(role, value)))
    })
}

fn found(statement: &StatementView<'_>, element: &'static str, value: Option<&str>, problem: &str) -> Beyond {
    Beyond {
        statement: statement.to_string(),
        element,
        value: value.map(str::to_owned),
        problem: problem.to_owned(),
    }
}
