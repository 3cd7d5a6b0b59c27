//! Policy variables that have no value.
//!
//! Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html>

use crate::document::Statement;
use crate::pattern;

use super::{Lint, value_lint};

/// `has_variables` says whether the version of the document has policy variables.
pub(super) fn lints(statement: &Statement, has_variables: bool) -> Vec<Lint> {
    let resources = statement.resources.iter().flat_map(|resources| {
        let element = statement.path().field(&resources.element_name("Resource"));
        resources.all().iter().enumerate().filter_map(move |(item, text)| {
            let (problem, remedy) = problem_of(text, has_variables)?;
            Some(Lint::new(element.clone(), problem, remedy).with_value(item, text))
        })
    });
    let conditions = statement.conditions.iter().filter(|condition| condition.operator.has_variables());
    let values = conditions.flat_map(|condition| {
        condition.values.iter().enumerate().filter_map(move |(item, text)| {
            let (problem, remedy) = problem_of(text, has_variables)?;
            Some(value_lint(statement, condition, item, problem, remedy))
        })
    });
    resources.chain(values).collect()
}

fn problem_of(text: &str, has_variables: bool) -> Option<(&'static str, &'static str)> {
    if !text.contains("${") || pattern::variable_problem(text).is_some() {
        return None;
    }
    if text.split("${").skip(1).any(is_placeholder) {
        return Some((
            "${…} is here the placeholder of a template and not a policy variable, whose name is a condition key",
            "write the value in its place",
        ));
    }
    (!has_variables).then_some((
        "the version of the document has no policy variables, so ${…} is plain text",
        "add \"Version\": \"2012-10-17\" to the document",
    ))
}

/// Whether a variable, without its `${`, has not the name of a condition key: `AWS::AccountId` of CloudFormation, or
/// `var.account_id` of Terraform.
fn is_placeholder(rest: &str) -> bool {
    let name = rest.split(['}', ',']).next().unwrap_or_default();
    !["*", "?", "$"].contains(&name) && (!name.contains(':') || name.contains("::"))
}
