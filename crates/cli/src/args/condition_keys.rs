//! `--context`: condition keys of a request that Rolecall cannot know.

use std::collections::BTreeMap;

use rolecall_access::is_of_request;
use rolecall_policy::request_value_problem;

use crate::failure::Failure;

/// Condition keys with their values; a key that is given several times has several values.
pub(crate) fn condition_keys(given: &[String]) -> Result<BTreeMap<String, Vec<String>>, Failure> {
    let mut keys: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for text in given {
        let pair = text.split_once('=').filter(|(key, _)| key.contains(':'));
        let Some((key, value)) = pair else {
            let problem =
                "--context: invalid condition key; expected KEY=VALUE with a key such as aws:PrincipalOrgID";
            return Err(Failure::usage(problem));
        };
        if is_of_request(key) {
            let problem = format!("--context: {key} follows from the ARNs and from what a scan sends");
            return Err(Failure::usage(problem)
                .with_remedy("pass --external-id, --session-name, --source-identity or --session-tag"));
        }
        if key.eq_ignore_ascii_case("aws:SourceIdentity") {
            let problem =
                "--context: the source identity of a session is that of the sessions that it requests";
            return Err(Failure::usage(problem).with_remedy("pass --source-identity NAME"));
        }
        // An empty value says that the request does not have the key.
        if !value.is_empty()
            && let Some(problem) = request_value_problem(key, value)
        {
            return Err(Failure::usage(format!("--context: the value of {key} {problem}: {value:?}")));
        }
        keys.entry(key.to_owned()).or_default().push(value.to_owned());
    }
    Ok(keys)
}
