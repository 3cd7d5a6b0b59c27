//! The event: which accounts to read, where it differs from what the environment says.
//!
//! It is taken raw and parsed here, since the runtime's own parser would put what it refuses into its error.

use rolecall_core::RunOptions;
use rolecall_core::option_rows::{OptionSet, Origin};
use rolecall_core::targets::plan::{ListedAccounts, PlanError, accounts_file};
use rolecall_core::targets::{TargetConflict, TargetPlan, TargetSpec};
use rolecall_roll::{ExternalId, RoleArn};
use serde::Deserialize;
use serde_json::Value;

use crate::failure::Failure;
use crate::terms::VariableTerms;

/// `{}`, `{"role_arn": …}`, `{"organization": true}` or `{"targets": [{"role_arn": …, "external_id": …}, …]}`.
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

/// The plan of an invocation, and who named its targets.
#[derive(Debug)]
pub(crate) struct EventPlan {
    pub(crate) plan: TargetPlan,
    /// Whether the event said something of them, and not the environment alone.
    is_of_event: bool,
}

/// The plan of an event. What it leaves out, the environment says.
pub(crate) fn plan(event: &str, environment: &RunOptions) -> Result<EventPlan, Failure> {
    let event = parse(event)?;
    let is_of_event = event != Event::default();
    let mut options = RunOptions::default();
    let mut set = |key: &str, text: Option<String>| {
        let set = text.map_or(Ok(()), |text| options.targets.set(key, &[text], Origin::Event));
        set.map_err(|problem| Failure::InvalidEvent(format!("{key}: {problem}")))
    };
    set("role_arn", event.role_arn)?;
    set("role_name", event.role_name)?;
    set("organization", event.organization.map(|is_asked| is_asked.to_string()))?;
    set("external_id", external_id_text("external_id", event.external_id)?)?;
    let listed = event.targets.map(listed).transpose()?;
    let options = options.combine(environment.clone());
    if let Some((file, _)) = accounts_file(&options.targets).filter(|_| listed.is_none()) {
        return Err(Failure::InvalidSettings(format!(
            "ROLECALL_ACCOUNTS_FILE is {file:?}, and the function reads no file of accounts: name roles in ROLECALL_ROLE_ARN, or \
             set ROLECALL_ORGANIZATION"
        )));
    }
    let plan = TargetPlan::new(options.targets, listed, &[]);
    let plan = plan.map_err(|error| failure(&error, is_of_event))?;
    Ok(EventPlan { plan, is_of_event })
}

impl EventPlan {
    /// Targets that cannot be read in one run.
    pub(crate) fn failure(&self, error: &PlanError) -> Failure {
        failure(error, self.is_of_event)
    }
}

fn failure(error: &PlanError, is_of_event: bool) -> Failure {
    let text = error.to_text(&VariableTerms);
    match error {
        PlanError::TargetConflict(TargetConflict::InvalidRegion(_)) => {
            Failure::InvalidSettings(format!("AWS_REGION: {text}"))
        }
        PlanError::NoTargets => Failure::InvalidSettings(format!(
            "{text}: set ROLECALL_ROLE_ARN or ROLECALL_ORGANIZATION, or send {{\"role_arn\": …}} or {{\"organization\": \
             true}}"
        )),
        PlanError::MissingRole(_) | PlanError::Filter(_) | PlanError::TargetConflict(_) if is_of_event => {
            Failure::InvalidEvent(text)
        }
        PlanError::NeedsOrganization(_)
        | PlanError::MissingRole(_)
        | PlanError::Filter(_)
        | PlanError::TargetConflict(_) => Failure::InvalidSettings(text),
    }
}

fn parse(event: &str) -> Result<Event, Failure> {
    let invalid = |problem: &str| Failure::InvalidEvent(problem.to_owned());
    if !event.trim_start().starts_with('{') {
        return Err(invalid("the event is no JSON object; send {} to read the targets of the environment"));
    }
    if event.contains("\"detail-type\"") {
        return Err(invalid(
            "the event is EventBridge's own; give the rule or schedule a constant input, {} or {\"role_arn\": …}",
        ));
    }
    let event: Event = serde_json::from_str(event).map_err(|error| {
        invalid(&format!(
            "the event cannot be read: {error}; it is {{}}, {{\"role_arn\": …, \"external_id\": …}}, {{\"organization\": \
             true, \"role_name\": …}} or {{\"targets\": [{{\"role_arn\": …, \"external_id\": …}}]}}"
        ))
    })?;
    let has_arns = event.role_arn.is_some() || event.targets.is_some();
    let has_unused_role_name = event.role_name.is_some() && has_arns && event.organization != Some(true);
    match &event.targets {
        Some(_) if event.role_arn.is_some() => {
            Err(invalid("the event has both role_arn and targets; send one"))
        }
        Some(targets) if targets.is_empty() => {
            Err(invalid("targets names no account; name one, or leave it out"))
        }
        _ if has_unused_role_name => {
            Err(invalid("the event has role_name, and the ARN of each role besides; leave out role_name"))
        }
        _ => Ok(event),
    }
}

fn listed(targets: Vec<TargetEvent>) -> Result<ListedAccounts, Failure> {
    let named = targets.into_iter().enumerate().map(|(index, target)| {
        let wrong = |field: &str, problem: &dyn std::fmt::Display| {
            Failure::InvalidEvent(format!("targets[{index}].{field}: {problem}"))
        };
        let role_arn: RoleArn = target.role_arn.parse().map_err(|error| wrong("role_arn", &error))?;
        let field = format!("targets[{index}].external_id");
        let id = external_id_text(&field, target.external_id)?.map(|id| id.parse::<ExternalId>());
        let external_id = id.transpose().map_err(|error| wrong("external_id", &error))?;
        Ok(TargetSpec { external_id, ..TargetSpec::from_role_arn(&role_arn) })
    });
    Ok(ListedAccounts { accounts: named.collect::<Result<_, Failure>>()?, origin: Origin::Event })
}

/// Not by serde: its errors repeat what they refuse.
fn external_id_text(field: &str, value: Value) -> Result<Option<String>, Failure> {
    match value {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text)),
        _ => Err(Failure::InvalidEvent(format!("{field} is no text; put it in quotes"))),
    }
}

#[cfg(test)]
mod tests {
    use rolecall_core::RunOptions;
    use rolecall_core::option_rows::{OptionSet, Origin};

    use super::plan;
    use crate::failure::Failure;

    fn environment(given: &[(&str, &str)]) -> RunOptions {
        let mut options = RunOptions::default();
        for (key, text) in given {
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
    fn asked(event: &str, environment: &RunOptions) -> Vec<(String, Option<String>)> {
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
        assert_eq!(asked("{}", &env), [(a.clone(), from_env.clone())]);
        let event = format!(r#" {{"role_arn": "{C}"}}"#);
        assert_eq!(asked(&event, &env), [(c.clone(), from_env.clone())]);
        let event = format!(r#"{{"role_arn": "{C}", "external_id": "from-event"}}"#);
        assert_eq!(asked(&event, &env), [(c.clone(), from_event.clone())]);
        let event = format!(
            r#"{{"targets": [{{"role_arn": "{C}", "external_id": "from-event"}}, {{"role_arn": "{A}"}}]}}"#
        );
        assert_eq!(asked(&event, &env), [(a, from_env), (c, from_event)]);
    }

    #[test]
    fn what_is_refused_is_named_and_a_refused_external_id_is_not_repeated() {
        let env = environment(&[("role_arn", A)]);
        for (event, names) in [
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
            (r#""s3cret""#, "no JSON object"),
            ("[]", "no JSON object"),
            (r#"{"version": "0", "detail-type": "Scheduled Event"}"#, "constant input"),
            (r#"{"targets": []}"#, "no account"),
            (r#"{"role_arn": "arn:aws:iam::111111111111:role/R", "role_name": "S"}"#, "leave out role_name"),
            (r#"{"targets": [], "role_arn": "x"}"#, "both"),
        ] {
            let refused = targets(event, &env).unwrap_err();
            let text = format!("{refused} {refused:?}");
            assert!(text.contains(names), "{event}: {text}");
            assert!(!text.contains("s3cret") && !text.contains("73317331"), "{text}");
        }
        let nothing = targets("{}", &environment(&[])).unwrap_err();
        assert!(nothing.to_string().contains("ROLECALL_ROLE_ARN"), "{nothing}");
    }

    #[test]
    fn an_organization_is_read_where_the_event_or_the_environment_says_so() {
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
    fn what_the_environment_says_wrong_is_told_as_its_and_what_it_cannot_do_is_told() {
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
