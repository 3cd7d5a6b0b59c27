//! The event: the accounts to read. Its fields override the environment variables.
//!
//! The event arrives as raw JSON and is parsed here, because an error of the runtime's parser would repeat the text of
//! the event, which may contain an external id.

use rolecall_core::RunOptions;
use rolecall_core::option_rows::{OptionSet, Origin};
use rolecall_core::targets::plan::{ListedAccounts, PlanError, accounts_file};
use rolecall_core::targets::{TargetConflict, TargetPlan, TargetSpec};
use rolecall_roll::{ExternalId, RoleArn};
use serde::Deserialize;
use serde_json::Value;

use crate::failure::Failure;
use crate::terms::VariableTerms;

/// An event: `{}`, `{"role_arn": …}`, `{"organization": true}` or `{"targets": [{"role_arn": …, "external_id": …}, …]}`.
#[derive(Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Event {
    role_arn: Option<String>,
    role_name: Option<String>,
    organization: Option<bool>,
    #[serde(default)]
    external_id: Value,
    targets: Option<Vec<TargetEvent>>,
}

#[derive(PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct TargetEvent {
    role_arn: String,
    #[serde(default)]
    external_id: Value,
}

/// The targets of an invocation, and whether the event or the environment names them.
#[derive(Debug)]
pub(crate) struct EventPlan {
    pub(crate) plan: TargetPlan,
    /// Whether the event sets a field. Errors of the targets are then errors of the event, not of the settings.
    is_from_event: bool,
}

/// Plans the targets of an event. The environment sets the fields that the event does not have.
pub(crate) fn plan(event: &str, environment: &RunOptions) -> Result<EventPlan, Failure> {
    let event = parse(event)?;
    let is_from_event = event != Event::default();
    let mut options = RunOptions::default();
    let mut set = |key: &str, text: Option<String>| {
        let result = text.map_or(Ok(()), |text| options.targets.set(key, &[text], Origin::Event));
        result.map_err(|problem| Failure::InvalidEvent(format!("{key}: {problem}")))
    };
    set("role_arn", event.role_arn)?;
    set("role_name", event.role_name)?;
    set("organization", event.organization.map(|is_enabled| is_enabled.to_string()))?;
    set("external_id", external_id_text("external_id", event.external_id)?)?;
    let listed_accounts = event.targets.map(parse_targets).transpose()?;
    let options = options.combine(environment.clone());
    if let Some((file, _)) = accounts_file(&options.targets).filter(|_| listed_accounts.is_none()) {
        return Err(Failure::InvalidSettings(format!(
            "ROLECALL_ACCOUNTS_FILE is {file:?}, but the function cannot read an accounts file: set ROLECALL_ROLE_ARN or \
             ROLECALL_ORGANIZATION instead"
        )));
    }
    let plan = TargetPlan::new(options.targets, listed_accounts, &[]);
    let plan = plan.map_err(|error| plan_failure(&error, is_from_event))?;
    Ok(EventPlan { plan, is_from_event })
}

impl EventPlan {
    /// The failure for an error of the targets: of the event or of the settings, wherever the targets come from.
    pub(crate) fn failure(&self, error: &PlanError) -> Failure {
        plan_failure(error, self.is_from_event)
    }
}

fn plan_failure(error: &PlanError, is_from_event: bool) -> Failure {
    let text = error.to_text(&VariableTerms);
    match error {
        PlanError::TargetConflict(TargetConflict::InvalidRegion(_)) => {
            Failure::InvalidSettings(format!("AWS_REGION: {text}"))
        }
        PlanError::NoTargets => Failure::InvalidSettings(format!(
            "{text}: set ROLECALL_ROLE_ARN or ROLECALL_ORGANIZATION, or send {{\"role_arn\": …}} or {{\"organization\": \
             true}}"
        )),
        PlanError::NeedsOrganization(_) => Failure::InvalidSettings(text),
        PlanError::RoleArnWithOrganization
        | PlanError::UnusedWithRoleArn(_)
        | PlanError::MissingRole(_)
        | PlanError::Filter(_)
        | PlanError::TargetConflict(_) => {
            if is_from_event {
                Failure::InvalidEvent(text)
            } else {
                Failure::InvalidSettings(text)
            }
        }
    }
}

fn parse(event: &str) -> Result<Event, Failure> {
    let invalid = |problem: &str| Failure::InvalidEvent(problem.to_owned());
    if !event.trim_start().starts_with('{') {
        return Err(invalid(
            "the event is not a JSON object; send {} to read the targets of the environment variables",
        ));
    }
    if event.contains("\"detail-type\"") {
        return Err(invalid(
            "the event is an EventBridge event; configure a constant input for the rule or schedule, {} or {\"role_arn\": …}",
        ));
    }
    let event: Event = rolecall_json::parse(event).map_err(|error| {
        invalid(&format!(
            "invalid event: {error}; expected {{}}, {{\"role_arn\": …, \"external_id\": …}}, {{\"organization\": true, \
             \"role_name\": …}} or {{\"targets\": [{{\"role_arn\": …, \"external_id\": …}}]}}"
        ))
    })?;
    let has_arns = event.role_arn.is_some() || event.targets.is_some();
    let has_unused_role_name = event.role_name.is_some() && has_arns && event.organization != Some(true);
    match &event.targets {
        Some(_) if event.role_arn.is_some() => {
            Err(invalid("the event has both role_arn and targets; send one"))
        }
        Some(targets) if targets.is_empty() => {
            Err(invalid("targets is an empty list; add a target, or remove targets"))
        }
        _ if has_unused_role_name => {
            Err(invalid("the event has role_name, but already has the ARN of each role; remove role_name"))
        }
        _ => Ok(event),
    }
}

fn parse_targets(targets: Vec<TargetEvent>) -> Result<ListedAccounts, Failure> {
    let specs = targets.into_iter().enumerate().map(|(index, target)| {
        let invalid = |field: &str, problem: &dyn std::fmt::Display| {
            Failure::InvalidEvent(format!("targets[{index}].{field}: {problem}"))
        };
        let role_arn: RoleArn = target.role_arn.parse().map_err(|error| invalid("role_arn", &error))?;
        let field = format!("targets[{index}].external_id");
        let id = external_id_text(&field, target.external_id)?.map(|id| id.parse::<ExternalId>());
        let external_id = id.transpose().map_err(|error| invalid("external_id", &error))?;
        Ok(TargetSpec { external_id, ..TargetSpec::from_role_arn(&role_arn) })
    });
    Ok(ListedAccounts { accounts: specs.collect::<Result<_, Failure>>()?, origin: Origin::Event })
}

/// The text of an external id. Serde does not check the type here, because its errors repeat the value.
fn external_id_text(field: &str, value: Value) -> Result<Option<String>, Failure> {
    match value {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text)),
        _ => Err(Failure::InvalidEvent(format!("{field} is not a string; put it in quotes"))),
    }
}

#[cfg(test)]
mod tests {
    use rolecall_core::RunOptions;
    use rolecall_core::option_rows::{OptionSet, Origin};

    use super::plan;
    use crate::failure::Failure;

    fn environment(variables: &[(&str, &str)]) -> RunOptions {
        let mut options = RunOptions::default();
        for (key, text) in variables {
            options.targets.set(key, &[(*text).to_owned()], Origin::Variable).unwrap();
        }
        options
    }

    const A: &str = "arn:aws:iam::111111111111:role/R";
    const C: &str = "arn:aws:iam::333333333333:role/R";

    fn targets(event: &str, environment: &RunOptions) -> Result<rolecall_core::targets::Targets, Failure> {
        let event = plan(event, environment)?;
        event.plan.resolve(Vec::new(), None, None).map_err(|error| event.failure(&error))
    }

    /// Role and external id of each target.
    fn roles(event: &str, environment: &RunOptions) -> Vec<(String, Option<String>)> {
        let targets = targets(event, environment).unwrap();
        let target = |target: &rolecall_core::Target| {
            let role = target.role().unwrap();
            let id = role.external_id.as_ref().map(|id| id.expose().to_owned());
            (role.role_arn.to_string(), id)
        };
        targets.as_slice().iter().map(target).collect()
    }

    #[test]
    fn the_event_overrides_the_environment_field_by_field() {
        let env = environment(&[("role_arn", A), ("external_id", "from-env")]);
        let (a, c) = (A.to_owned(), C.to_owned());
        let (from_env, from_event) = (Some("from-env".to_owned()), Some("from-event".to_owned()));
        assert_eq!(roles("{}", &env), [(a.clone(), from_env.clone())]);
        let event = format!(r#" {{"role_arn": "{C}"}}"#);
        assert_eq!(roles(&event, &env), [(c.clone(), from_env.clone())]);
        let event = format!(r#"{{"role_arn": "{C}", "external_id": "from-event"}}"#);
        assert_eq!(roles(&event, &env), [(c.clone(), from_event.clone())]);
        let event = format!(
            r#"{{"targets": [{{"role_arn": "{C}", "external_id": "from-event"}}, {{"role_arn": "{A}"}}]}}"#
        );
        assert_eq!(roles(&event, &env), [(a, from_env), (c, from_event)]);
    }

    #[test]
    fn an_error_names_the_field_and_does_not_repeat_an_external_id() {
        let env = environment(&[("role_arn", A)]);
        for (event, expected) in [
            (r#"{"rolearn": "x"}"#, "rolearn"),
            (r#"{"targets": [{"role_arn": "x", "name": 1}]}"#, "name"),
            (r#"{"role_arn": "1111111111"}"#, "role_arn"),
            (r#"{"targets": [{"role_arn": "arn:aws:iam::1111111111:role/R"}]}"#, "targets[0].role_arn"),
            (r#"{"external_id": "s3cret id"}"#, "external_id"),
            (r#"{"external_id": 73317331}"#, "external_id"),
            (
                r#"{"targets": [{"role_arn": "arn:aws:iam::111111111111:role/R", "external_id": ["s3cret"]}]}"#,
                "[0]",
            ),
            (r#""s3cret""#, "not a JSON object"),
            ("[]", "not a JSON object"),
            (r#"{"version": "0", "detail-type": "Scheduled Event"}"#, "constant input"),
            (r#"{"targets": []}"#, "an empty list"),
            (r#"{"role_arn": "arn:aws:iam::111111111111:role/R", "role_name": "S"}"#, "remove role_name"),
            (r#"{"targets": [], "role_arn": "x"}"#, "both"),
        ] {
            let error = targets(event, &env).unwrap_err();
            let text = format!("{error} {error:?}");
            assert!(text.contains(expected), "{event}: {text}");
            assert!(!text.contains("s3cret") && !text.contains("73317331"), "{text}");
        }
        let no_targets = targets("{}", &environment(&[])).unwrap_err();
        assert!(no_targets.to_string().contains("ROLECALL_ROLE_ARN"), "{no_targets}");
    }

    #[test]
    fn the_event_or_the_environment_enables_an_organization() {
        let role_arn = environment(&[("role_arn", A), ("role_name", "R")]);
        assert!(plan("{}", &role_arn).unwrap().plan.organization().is_none());
        assert!(plan(r#"{"organization": true}"#, &role_arn).unwrap().plan.organization().is_some());
        let organization = environment(&[("organization", "1"), ("role_name", "R")]);
        assert!(plan("{}", &organization).unwrap().plan.organization().is_some());
        let one = format!(r#"{{"role_arn": "{C}"}}"#);
        assert!(
            plan(&one, &organization).unwrap().plan.organization().is_none(),
            "the event names one account"
        );
        assert!(plan(r#"{"organization": false}"#, &organization).is_err());
    }

    #[test]
    fn an_error_of_the_environment_is_an_error_of_the_settings() {
        let no_role = plan("{}", &environment(&[("account", "111111111111")]))
            .map(|event| event.plan.resolve(Vec::new(), None, None).map_err(|error| event.failure(&error)));
        assert!(matches!(no_role, Ok(Err(Failure::InvalidSettings(_)))), "{no_role:?}");
        for more in [&[][..], &[("role_arn", A)]] {
            let file = plan("{}", &environment(&[&[("accounts_file", "a.csv")], more].concat())).unwrap_err();
            assert!(file.to_string().contains("ROLECALL_ACCOUNTS_FILE"), "{file}");
        }
        let event = format!(r#"{{"role_arn": "{A}"}}"#);
        assert!(
            plan(&event, &environment(&[("accounts_file", "a.csv")])).is_ok(),
            "the event names one account"
        );
    }
}
