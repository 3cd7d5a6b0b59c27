//! The event: whom to ask, where it differs from what the environment says.
//!
//! It is taken raw and parsed here, since the runtime's own parser would put what it refuses into its error.

use rolecall_core::targets::{Target, Targets};
use rolecall_roll::{ExternalId, Partition, RoleArn};
use serde::Deserialize;
use serde_json::Value;

use crate::environment::Environment;
use crate::failure::Failure;

/// `{}`, `{"role_arn": …, "external_id": …}` or `{"targets": [{"role_arn": …, "external_id": …}, …]}`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Event {
    role_arn: Option<String>,
    #[serde(default)]
    external_id: Value,
    targets: Option<Vec<TargetEvent>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TargetEvent {
    role_arn: String,
    #[serde(default)]
    external_id: Value,
}

/// The targets of an event. What it leaves out, the environment says.
pub(crate) fn targets(event: &str, environment: &Environment) -> Result<Targets, Failure> {
    let invalid = |problem: String| Failure::InvalidEvent(problem);
    if !event.trim_start().starts_with('{') {
        return Err(invalid(
            "the event is no JSON object; send {} to ask whom ROLECALL_ROLE_ARN names".into(),
        ));
    }
    if event.contains("\"detail-type\"") {
        return Err(invalid(
            "the event is EventBridge's own; give the rule or schedule a constant input, {} or {\"role_arn\": …}".into(),
        ));
    }
    let event: Event = serde_json::from_str(event).map_err(|error| {
        invalid(format!(
            "the event cannot be read: {error}; it is {{}}, {{\"role_arn\": …, \"external_id\": …}} or \
             {{\"targets\": [{{\"role_arn\": …, \"external_id\": …}}]}}"
        ))
    })?;
    let default_id =
        external_id("external_id", event.external_id)?.or_else(|| environment.external_id.clone());
    let targets = match (event.targets, event.role_arn) {
        (Some(_), Some(_)) => {
            return Err(invalid("the event has both role_arn and targets; send one".into()));
        }
        (Some(targets), None) => {
            let named = targets.into_iter().enumerate().map(|(index, target)| {
                let role_arn = role_arn(&format!("targets[{index}].role_arn"), &target.role_arn)?;
                let id = external_id(&format!("targets[{index}].external_id"), target.external_id)?;
                Ok(Target::of_role(role_arn, id.or_else(|| default_id.clone())))
            });
            named.collect::<Result<Vec<_>, Failure>>()?
        }
        (None, Some(text)) => {
            vec![Target::of_role(role_arn("role_arn", &text)?, default_id)]
        }
        (None, None) if environment.role_arns.is_empty() => {
            return Err(Failure::InvalidSettings(
                "neither the event nor ROLECALL_ROLE_ARN names a role; set it, or send {\"role_arn\": …}"
                    .into(),
            ));
        }
        (None, None) => {
            let role_arns = environment.role_arns.iter().cloned();
            role_arns.map(|role_arn| Target::of_role(role_arn, default_id.clone())).collect()
        }
    };
    Targets::new(targets, Partition::Aws).map_err(|error| invalid(error.to_string()))
}

fn role_arn(field: &str, text: &str) -> Result<RoleArn, Failure> {
    text.parse().map_err(|error| Failure::InvalidEvent(format!("{field}: {error}")))
}

/// Not by serde: its errors repeat what they refuse.
fn external_id(field: &str, value: Value) -> Result<Option<ExternalId>, Failure> {
    match value {
        Value::Null => Ok(None),
        Value::String(text) => match text.parse() {
            Ok(id) => Ok(Some(id)),
            Err(error) => Err(Failure::InvalidEvent(format!("{field}: {error}"))),
        },
        _ => Err(Failure::InvalidEvent(format!("{field} is no text; put it in quotes"))),
    }
}

#[cfg(test)]
mod tests {
    use super::targets;
    use crate::environment::Environment;

    fn environment(role_arns: &[&str], external_id: Option<&str>) -> Environment {
        Environment {
            role_arns: role_arns.iter().map(|arn| arn.parse().unwrap()).collect(),
            external_id: external_id.map(|id| id.parse().unwrap()),
            settings: rolecall_core::Settings::default(),
            ca_bundle: None,
            region: None,
            has_credentials: true,
        }
    }

    const A: &str = "arn:aws:iam::111111111111:role/R";
    const C: &str = "arn:aws:iam::333333333333:role/R";

    /// Role and external id of each target.
    fn asked(event: &str, environment: &Environment) -> Vec<(String, Option<String>)> {
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
        let env = environment(&[A], Some("from-env"));
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
        let env = environment(&[A], None);
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
            (r#"{"targets": [], "role_arn": "x"}"#, "both"),
        ] {
            let refused = targets(event, &env).unwrap_err();
            let text = format!("{refused} {refused:?}");
            assert!(text.contains(names), "{event}: {text}");
            assert!(!text.contains("s3cret") && !text.contains("73317331"), "{text}");
        }
        assert!(
            targets("{}", &environment(&[], None)).unwrap_err().to_string().contains("ROLECALL_ROLE_ARN")
        );
    }
}
