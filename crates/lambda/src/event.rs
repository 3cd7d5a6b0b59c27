//! The event: the accounts to read. Its fields override the environment variables.
//!
//! The event arrives as raw JSON and is parsed here. No error repeats a text of the event, be it a value or the name of a field:
//! a secret may be in the wrong place.

use std::collections::BTreeSet;
use std::fmt;

use rolecall_core::RunOptions;
use rolecall_core::options::row::{OptionSet, Origin};
use rolecall_core::targets::plan::{ListedAccounts, PlanError, accounts_file};
use rolecall_core::targets::{TargetConflict, TargetPlan, TargetSpec};
use rolecall_delivery::{CollectRequest, Cursor, RunKey};
use rolecall_roll::{ExternalId, ParseIdError, RoleArn};
use serde::de::{DeserializeOwned, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::failure::Failure;
use crate::terms::VariableTerms;

/// What an invocation does.
#[derive(Debug)]
pub enum Request {
    /// Everything in one invocation.
    Scan(ScanEvent),
    /// Plans a distributed run.
    Plan(PlanEvent),
    /// Collects a batch.
    Collect(CollectRequest),
    /// Merges a run.
    Merge(RunKey),
}

/// An event without an action.
#[derive(Debug, PartialEq, Eq)]
pub struct ScanEvent {
    /// The time of the schedule that sent it, as the schedule writes it.
    pub scheduled_time: Option<String>,
    /// The event with the targets.
    pub targets: EventText,
}

/// The JSON of an event. Its `Debug` output has nothing of it: it may have an external id.
#[derive(Clone, PartialEq, Eq)]
pub struct EventText(String);

impl EventText {
    /// The JSON.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for EventText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("EventText").finish_non_exhaustive()
    }
}

/// The event of the action `plan`.
#[derive(Debug, PartialEq, Eq)]
pub struct PlanEvent {
    /// The name of the execution of the state machine; `None` for an invocation by hand.
    pub execution: Option<String>,
    /// The time of the schedule that started it, as the schedule writes it.
    pub scheduled_time: Option<String>,
    /// The number of batches that are collected at the same time.
    pub max_concurrency: Option<usize>,
    /// The number of accounts of a batch.
    pub batch: Option<usize>,
    /// The event with the targets.
    pub targets: EventText,
}

/// An event: `{}`, `{"role_arn": …}`, `{"organization": true}` or `{"targets": [{"role_arn": …, "external_id": …}, …]}`.
#[derive(Default, PartialEq)]
struct Event {
    role_arn: Option<String>,
    role_name: Option<String>,
    organization: Option<bool>,
    external_id: Option<String>,
    targets: Option<Vec<TargetEvent>>,
}

#[derive(PartialEq)]
struct TargetEvent {
    role_arn: RoleArn,
    external_id: Option<ExternalId>,
}

/// The targets of an invocation, and whether the event or the environment names them.
#[derive(Debug)]
pub struct EventPlan {
    /// The targets.
    pub plan: TargetPlan,
    /// Whether the event sets a field. Errors of the targets are then errors of the event, not of the settings.
    is_from_event: bool,
}

/// Plans the targets of an event. The environment sets the fields that the event does not have.
///
/// # Errors
/// Where the event is invalid, or event and environment together name no targets. The message repeats no text of the event.
pub fn plan(event: &str, environment: &RunOptions) -> Result<EventPlan, Failure> {
    let event = parse(event)?;
    let is_from_event = event != Event::default();
    let switches_off = event.organization == Some(false);
    let mut options = RunOptions::default();
    let mut set = |key: &str, text: Option<String>| {
        let result = text.map_or(Ok(()), |text| options.targets.set(key, &[text], Origin::Event));
        result.map_err(|problem| invalid_field(key, key, &problem))
    };
    set("role_arn", event.role_arn)?;
    set("role_name", event.role_name)?;
    set("organization", event.organization.map(|is_enabled| is_enabled.to_string()))?;
    set("external_id", event.external_id)?;
    let listed_accounts = event.targets.map(listed_accounts);
    let options = options.combine(environment.clone());
    if let Some((file, _)) = accounts_file(&options.targets).filter(|_| listed_accounts.is_none()) {
        return Err(Failure::InvalidSettings(format!(
            "ROLECALL_ACCOUNTS_FILE is {file:?}, but the function cannot read an accounts file: set ROLECALL_ROLE_ARN or \
             ROLECALL_ORGANIZATION instead"
        )));
    }
    let plan = TargetPlan::new(options.targets, listed_accounts, &[]);
    let plan = plan.map_err(|error| match error {
        PlanError::NoTargets if switches_off => Failure::InvalidEvent(
            "the event sets organization to false, and no role is set: send {\"role_arn\": …}, or set ROLECALL_ROLE_ARN".into(),
        ),
        error => plan_failure(&error, is_from_event),
    })?;
    Ok(EventPlan { plan, is_from_event })
}

impl EventPlan {
    /// The failure for an error of the targets: of the event or of the settings, wherever the targets come from.
    #[must_use]
    pub fn failure(&self, error: &PlanError) -> Failure {
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

/// The failure for an invalid value. The parser's own message repeats the value, except for an external id.
fn invalid_field(place: &str, field: &str, problem: &str) -> Failure {
    let problem = match field {
        "role_arn" => "not a valid role ARN; expected arn:aws:iam::123456789012:role/NAME",
        "role_name" => "not a valid role name; AWS allows 1 to 64 letters, digits and any of _+=,.@-",
        _ => problem,
    };
    Failure::InvalidEvent(format!("{place}: {problem}"))
}

const EXPECTED: &str = "expected {}, {\"role_arn\": …, \"external_id\": …}, {\"organization\": true, \"role_name\": …} or \
                        {\"targets\": [{\"role_arn\": …, \"external_id\": …}]}";

/// The members of a JSON object, in order, duplicates included.
struct Fields(Vec<(String, Box<RawValue>)>);

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct FieldsVisitor;
        impl<'de> Visitor<'de> for FieldsVisitor {
            type Value = Fields;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(FieldsVisitor)
    }
}

impl Fields {
    /// Passes each field to `set`. A field that is not one of `known`, or that is given twice, is an error.
    fn each(
        self,
        place: &str,
        known: &[&str],
        mut set: impl FnMut(&str, &RawValue) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let mut seen = BTreeSet::new();
        let plain = |name: &str| name.replace(['_', '-', ' '], "").to_lowercase();
        for (name, value) in self.0 {
            let Some(field) = known.iter().find(|field| **field == name) else {
                let similar = known.iter().find(|field| plain(field) == plain(&name));
                let hint = similar.map_or(String::new(), |field| format!("; did you mean {field}?"));
                return Err(Failure::InvalidEvent(format!("{place} has an unknown field{hint}; {EXPECTED}")));
            };
            if !seen.insert(*field) {
                return Err(Failure::InvalidEvent(format!("{place} has the field {field} twice")));
            }
            set(field, &value)?;
        }
        Ok(())
    }
}

/// Reads which action an event requests.
///
/// # Errors
/// Where the action or one of its fields is not valid. The message repeats no text of the event.
pub fn request(event: &str) -> Result<Request, Failure> {
    let Ok(fields) = serde_json::from_str::<Fields>(event) else {
        return Ok(Request::Scan(ScanEvent { targets: EventText(event.to_owned()), scheduled_time: None }));
    };
    let Some((_, action)) = fields.0.iter().find(|(name, _)| name == "action") else {
        return scan_event(event, fields).map(Request::Scan);
    };
    match text("action", action)?.as_deref() {
        Some("plan") => plan_event(fields).map(Request::Plan),
        Some("collect") => collect_event(fields).map(Request::Collect),
        Some("merge") => merge_event(fields).map(Request::Merge),
        _ => Err(Failure::InvalidEvent(
            "the action is not one of plan, collect and merge; without an action, the function does everything in one invocation"
                .to_owned(),
        )),
    }
}

fn scan_event(event: &str, Fields(fields): Fields) -> Result<ScanEvent, Failure> {
    let is_time = |(name, _): &(String, Box<RawValue>)| name == "scheduled_time";
    let (times, targets): (Vec<_>, Vec<_>) = fields.into_iter().partition(is_time);
    match &times[..] {
        [] => Ok(ScanEvent { scheduled_time: None, targets: EventText(event.to_owned()) }),
        [(name, value)] => Ok(ScanEvent { scheduled_time: text(name, value)?, targets: object(&targets) }),
        _ => Err(Failure::InvalidEvent("the event has the field scheduled_time twice".to_owned())),
    }
}

/// A JSON object of these members.
fn object(members: &[(String, Box<RawValue>)]) -> EventText {
    let member = |(name, value): &(String, Box<RawValue>)| {
        format!("{}:{}", serde_json::Value::from(name.as_str()), value.get())
    };
    EventText(format!("{{{}}}", members.iter().map(member).collect::<Vec<_>>().join(",")))
}

fn plan_event(fields: Fields) -> Result<PlanEvent, Failure> {
    let (mut execution, mut max_concurrency, mut input) = (None, None, None);
    fields.each("the event", &["action", "execution", "max_concurrency", "input"], |field, value| {
        match field {
            "execution" => execution = text(field, value)?,
            "max_concurrency" => max_concurrency = parse_as(field, value, "a number")?,
            "input" => input = parse_as::<Fields>(field, value, "a JSON object")?,
            _ => {}
        }
        Ok(())
    })?;
    if !execution.as_deref().is_none_or(is_execution_name) {
        return Err(Failure::InvalidEvent("execution is not the name of an execution".to_owned()));
    }
    let (mut scheduled_time, mut batch, mut targets) = (None, None, Vec::new());
    for (name, value) in input.into_iter().flat_map(|Fields(input)| input) {
        match name.as_str() {
            "scheduled_time" => scheduled_time = text("input.scheduled_time", &value)?,
            "batch" => batch = parse_as("input.batch", &value, "a number")?,
            _ => targets.push((name, value)),
        }
    }
    let targets = object(&targets);
    // Step Functions keeps the input of an execution readable for 90 days.
    let Event { external_id, targets: listed, .. } = parse(targets.as_str())?;
    if external_id.is_some() || listed.iter().flatten().any(|target| target.external_id.is_some()) {
        return Err(Failure::InvalidEvent(
            "the input of an execution has an external id, which Step Functions would keep; set ROLECALL_EXTERNAL_ID instead"
                .to_owned(),
        ));
    }
    Ok(PlanEvent { execution, scheduled_time, max_concurrency, batch, targets })
}

/// Whether a text is a name that Step Functions accepts.
///
/// Source: <https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html>
fn is_execution_name(text: &str) -> bool {
    let is_forbidden =
        |c: char| c.is_control() || c.is_whitespace() || "<>{}[]?*\"#%\\^|~`$&,;:/".contains(c);
    (1..=80).contains(&text.chars().count()) && !text.contains(is_forbidden)
}

fn collect_event(fields: Fields) -> Result<CollectRequest, Failure> {
    let (mut run, mut batch, mut cursor) = (None, None, Cursor::default());
    fields.each("the event", &["action", "run", "batch", "cursor"], |field, value| {
        match field {
            "run" => run = run_key(value)?,
            "batch" => batch = parse_as(field, value, "the number of a batch")?,
            "cursor" => {
                cursor = parse_as(field, value, "a cursor that collect returned")?.unwrap_or_default();
            }
            _ => {}
        }
        Ok(())
    })?;
    match (run, batch) {
        (Some(run), Some(batch)) => Ok(CollectRequest { run, batch, cursor }),
        _ => Err(Failure::InvalidEvent("the action collect needs run and batch".to_owned())),
    }
}

fn merge_event(fields: Fields) -> Result<RunKey, Failure> {
    let mut run = None;
    fields.each("the event", &["action", "run"], |field, value| {
        if field == "run" {
            run = run_key(value)?;
        }
        Ok(())
    })?;
    run.ok_or_else(|| Failure::InvalidEvent("the action merge needs run".to_owned()))
}

fn run_key(value: &RawValue) -> Result<Option<RunKey>, Failure> {
    parse_as("run", value, "the key of a run, dt=YYYY-MM-DD/run=UUID, which plan returns")
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
    let fields: Fields = serde_json::from_str(event)
        .map_err(|_| invalid(&format!("the event is not valid JSON; {EXPECTED}")))?;
    let mut event = Event::default();
    let known = ["role_arn", "role_name", "organization", "external_id", "targets"];
    fields.each("the event", &known, |field, value| {
        match field {
            "role_arn" => event.role_arn = text(field, value)?,
            "role_name" => event.role_name = text(field, value)?,
            "external_id" => event.external_id = text(field, value)?,
            "targets" => event.targets = parse_targets(value)?,
            _ => event.organization = parse_as(field, value, "true or false")?,
        }
        Ok(())
    })?;
    check(event)
}

/// Refuses fields that contradict each other.
fn check(event: Event) -> Result<Event, Failure> {
    let invalid = |problem: &str| Err(Failure::InvalidEvent(problem.to_owned()));
    let has_arns = event.role_arn.is_some() || event.targets.is_some();
    let has_unused_role_name = event.role_name.is_some() && has_arns && event.organization != Some(true);
    match &event.targets {
        Some(_) if event.role_arn.is_some() => invalid("the event has both role_arn and targets; send one"),
        Some(targets) if targets.is_empty() => {
            invalid("targets is an empty list; add a target, or remove targets")
        }
        _ if has_unused_role_name => {
            invalid("the event has role_name, but already has the ARN of each role; remove role_name")
        }
        _ => Ok(event),
    }
}

/// The value of a field; `None` for `null`.
fn parse_as<T: DeserializeOwned>(
    place: &str,
    value: &RawValue,
    expected: &str,
) -> Result<Option<T>, Failure> {
    serde_json::from_str(value.get())
        .map_err(|_| Failure::InvalidEvent(format!("the value of {place} is not {expected}")))
}

fn text(place: &str, value: &RawValue) -> Result<Option<String>, Failure> {
    parse_as(place, value, "a string; put it in quotes")
}

fn parse_targets(value: &RawValue) -> Result<Option<Vec<TargetEvent>>, Failure> {
    let targets: Option<Vec<Fields>> = parse_as("targets", value, "a list of JSON objects")?;
    let targets = targets.map(|targets| {
        let targets = targets.into_iter().enumerate().map(|(index, fields)| parse_target(index, fields));
        targets.collect::<Result<Vec<_>, Failure>>()
    });
    targets.transpose()
}

fn parse_target(index: usize, fields: Fields) -> Result<TargetEvent, Failure> {
    let (mut role_arn, mut external_id) = (None, None);
    let place = format!("targets[{index}]");
    fields.each(&place, &["role_arn", "external_id"], |field, value| {
        let place = format!("{place}.{field}");
        let invalid = |error: ParseIdError| invalid_field(&place, field, &error.to_string());
        let text = text(&place, value)?;
        if field == "role_arn" {
            role_arn = text.map(|text| text.parse::<RoleArn>()).transpose().map_err(invalid)?;
        } else {
            external_id = text.map(|text| text.parse::<ExternalId>()).transpose().map_err(invalid)?;
        }
        Ok(())
    })?;
    match role_arn {
        Some(role_arn) => Ok(TargetEvent { role_arn, external_id }),
        None => Err(Failure::InvalidEvent(format!("{place} has no role_arn"))),
    }
}

fn listed_accounts(targets: Vec<TargetEvent>) -> ListedAccounts {
    let spec = |TargetEvent { role_arn, external_id }| TargetSpec {
        external_id,
        ..TargetSpec::from_role_arn(&role_arn)
    };
    ListedAccounts { accounts: targets.into_iter().map(spec).collect(), origin: Origin::Event }
}

#[cfg(test)]
mod tests {
    use rolecall_core::RunOptions;
    use rolecall_core::options::row::{OptionSet, Origin};

    use super::{Request, plan, request};
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
    fn the_time_of_a_schedule_is_no_target() {
        let Request::Scan(scan) =
            request(r#"{"organization": true, "scheduled_time": "2026-11-26T03:00:00Z", "role_name": "R"}"#)
                .unwrap()
        else {
            panic!("an event without an action is a scan");
        };
        assert_eq!(scan.scheduled_time.as_deref(), Some("2026-11-26T03:00:00Z"));
        assert_eq!(scan.targets.as_str(), r#"{"organization":true,"role_name":"R"}"#);
        let twice = r#"{"scheduled_time": "2026-11-26T03:00:00Z", "scheduled_time": "2026-11-27T03:00:00Z"}"#;
        for invalid in [twice, r#"{"scheduled_time": 3}"#] {
            assert!(matches!(request(invalid), Err(Failure::InvalidEvent(_))), "{invalid}");
        }
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
            (r#"{"rolearn": "x"}"#, "did you mean role_arn?"),
            (r#"{"RoleArn": "s3cret"}"#, "did you mean role_arn?"),
            (r#"{"s3cret": "x"}"#, "unknown field; expected"),
            (r#"{"targets": [{"s3cret": 1}]}"#, "targets[0] has an unknown field"),
            (r#"{"targets": [{"role_arn": "s3cret"}]}"#, "targets[0].role_arn: not a valid role ARN"),
            (r#"{"targets": [{"external_id": "s3cret"}]}"#, "targets[0] has no role_arn"),
            (r#"{"targets": ["s3cret"]}"#, "targets is not a list of JSON objects"),
            (r#"{"targets": "s3cret"}"#, "targets is not a list of JSON objects"),
            (r#"{"organization": "s3cret"}"#, "organization is not true or false"),
            (r#"{"role_arn": "s3cret"}"#, "role_arn: not a valid role ARN"),
            (r#"{"role_arn": "arn:aws:iam::s3cret:role/R"}"#, "role_arn: not a valid role ARN"),
            (r#"{"role_arn": ["s3cret"]}"#, "role_arn is not a string"),
            (r#"{"role_name": "s3cret s3cret"}"#, "role_name: not a valid role name"),
            (r#"{"role_arn": "s3cret", "role_arn": "s3cret"}"#, "role_arn twice"),
            (r#"{"role_arn": "s3cret" s3cret}"#, "not valid JSON"),
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
        let error = plan(r#"{"organization": false}"#, &organization).unwrap_err();
        assert!(
            matches!(error, Failure::InvalidEvent(_)) && error.to_string().contains("role_arn"),
            "{error}"
        );
        let both =
            environment(&[("organization", "1"), ("ou", "Workloads"), ("role_arn", A), ("role_name", "R")]);
        assert!(plan("{}", &both).unwrap().plan.organization().is_some());
        assert_eq!(roles(r#"{"organization": false}"#, &both), [(A.to_owned(), None)]);
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

    const RUN: &str = "dt=2026-11-26/run=6c1e5f52-8c5e-4f0c-9d5c-0e6f7a8b9c0d";

    #[test]
    fn an_action_has_its_fields() {
        for scan in ["{}", r#"{"organization": true}"#, "", "null", "[1]", r#"{"role_arn": "x""#] {
            let Ok(Request::Scan(event)) = request(scan) else { panic!("{scan}") };
            assert_eq!(event.targets.as_str(), scan);
        }
        let event = r#"{"action": "plan", "execution": "a.b-(1)_ä", "max_concurrency": 40, "input": {"organization": true,
                       "batch": 25, "scheduled_time": "2026-11-26T03:00:00Z", "role_name": "R\"\u0041"}}"#;
        let Request::Plan(plan) = request(event).unwrap() else { panic!("{event}") };
        assert_eq!(plan.execution.as_deref(), Some("a.b-(1)_ä"));
        assert_eq!(plan.scheduled_time.as_deref(), Some("2026-11-26T03:00:00Z"));
        assert_eq!((plan.max_concurrency, plan.batch), (Some(40), Some(25)));
        assert_eq!(plan.targets.as_str(), r#"{"organization":true,"role_name":"R\"\u0041"}"#);
        for event in [r#"{"action": "plan"}"#, r#"{"input": null, "action": "plan", "execution": null}"#] {
            let Request::Plan(plan) = request(event).unwrap() else { panic!("{event}") };
            assert_eq!((plan.execution.as_deref(), plan.targets.as_str()), (None, "{}"));
        }
        let event = format!(r#"{{"action": "collect", "run": "{RUN}", "batch": 3}}"#);
        let Request::Collect(collect) = request(&event).unwrap() else { panic!("{event}") };
        assert_eq!((collect.run.to_string(), collect.batch), (RUN.to_owned(), 3));
        assert_eq!(collect.cursor, rolecall_delivery::Cursor::default());
        let cursor = r#"{"111111111111":{"users":7,"stalled":1}}"#;
        let event = format!(r#"{{"action": "collect", "run": "{RUN}", "batch": 3, "cursor": {cursor}}}"#);
        let Request::Collect(collect) = request(&event).unwrap() else { panic!("{event}") };
        assert_eq!(serde_json::to_string(&collect.cursor).unwrap(), cursor);
        let event = format!(r#"{{"run": "{RUN}", "\u0061ction": "merge"}}"#);
        assert!(matches!(request(&event), Ok(Request::Merge(run)) if run.to_string() == RUN));
    }

    #[test]
    fn an_invalid_action_or_field_is_named_and_no_text_is_repeated() {
        let run = format!(r#""run": "{RUN}""#);
        for (event, expected) in [
            (r#"{"action": "s3cret"}"#, "plan, collect and merge"),
            (r#"{"action": null}"#, "plan, collect and merge"),
            (r#"{"action": ["s3cret"]}"#, "action is not a string"),
            (r#"{"action": "merge"}"#, "merge needs run"),
            (r#"{"action": "merge", "run": null}"#, "merge needs run"),
            (r#"{"action": "merge", "run": "s3cret"}"#, "run is not the key of a run"),
            (r#"{"action": "merge", "run": "../s3cret"}"#, "run is not the key of a run"),
            (r#"{"action": "merge", "action": "plan"}"#, "action twice"),
            (r#"{"action": "merge", "Run": "s3cret"}"#, "did you mean run?"),
            (r#"{"action": "merge", "s3cret": 1}"#, "unknown field"),
            (&format!(r#"{{"action": "merge", {run}, "batch": 1}}"#), "unknown field"),
            (&format!(r#"{{"action": "collect", {run}}}"#), "needs run and batch"),
            (r#"{"action": "collect", "batch": 0}"#, "needs run and batch"),
            (&format!(r#"{{"action": "collect", {run}, "batch": "s3cret"}}"#), "the number of a batch"),
            (&format!(r#"{{"action": "collect", {run}, "batch": -1}}"#), "the number of a batch"),
            (&format!(r#"{{"action": "collect", {run}, "batch": 1.5}}"#), "the number of a batch"),
            (&format!(r#"{{"action": "collect", {run}, "batch": 0, "cursor": "s3cret"}}"#), "a cursor"),
            (
                &format!(r#"{{"action": "collect", {run}, "batch": 0, "cursor": {{"s3cret": {{}}}}}}"#),
                "a cursor",
            ),
            (
                &format!(
                    r#"{{"action": "collect", {run}, "batch": 0, "cursor": {{"111111111111": {{"x": 1}}}}}}"#
                ),
                "a cursor",
            ),
            (
                &format!(r#"{{"action": "collect", {run}, "batch": 0, "external_id": "s3cret"}}"#),
                "unknown field",
            ),
            (r#"{"action": "plan", "external_id": "s3cret"}"#, "unknown field"),
            (r#"{"action": "plan", "execution": 1}"#, "execution is not a string"),
            (r#"{"action": "plan", "execution": ""}"#, "execution is not the name"),
            (r#"{"action": "plan", "execution": "../s3cret"}"#, "execution is not the name"),
            (r#"{"action": "plan", "execution": "s3cret\n"}"#, "execution is not the name"),
            (r#"{"action": "plan", "max_concurrency": -1}"#, "max_concurrency is not a number"),
            (r#"{"action": "plan", "input": "s3cret"}"#, "input is not a JSON object"),
            (r#"{"action": "plan", "input": {"batch": "s3cret"}}"#, "input.batch is not a number"),
            (r#"{"action": "plan", "input": {"scheduled_time": 1}}"#, "input.scheduled_time is not a string"),
            (r#"{"action": "plan", "input": {"s3cret": 1}}"#, "unknown field"),
            (r#"{"action": "plan", "input": {"role_arn": "x", "role_arn": "s3cret"}}"#, "role_arn twice"),
            (r#"{"action": "plan", "input": {"external_id": "s3cret"}}"#, "set ROLECALL_EXTERNAL_ID instead"),
            (
                r#"{"action": "plan", "input": {"external\u005fid": "s3cret"}}"#,
                "set ROLECALL_EXTERNAL_ID instead",
            ),
            (
                r#"{"action": "plan", "input": {"targets": [{"role_arn": "arn:aws:iam::111111111111:role/R",
                    "\u0065xternal_id": "s3cret"}]}}"#,
                "set ROLECALL_EXTERNAL_ID instead",
            ),
            (r#"{"action": "plan", "input": {"external_id": ["s3cret"]}}"#, "external_id is not a string"),
        ] {
            let error = match request(event) {
                Err(error) => error,
                Ok(request) => panic!("{event}: {request:?}"),
            };
            let text = format!("{error} {error:?}");
            assert!(matches!(error, Failure::InvalidEvent(_)) && text.contains(expected), "{event}: {text}");
            assert!(!text.contains("s3cret"), "{text}");
        }
        let scan = request(r#"{"external_id": "s3cret"}"#).unwrap();
        assert!(!format!("{scan:?}").contains("s3cret"), "{scan:?}");
    }
}
