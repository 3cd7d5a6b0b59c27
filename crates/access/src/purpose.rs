//! What each action is needed for, in a few words.

use rolecall_core::collect::collectors;
use rolecall_core::targets::organization;
use rolecall_roll::FactSelection;

use crate::documents::KEY_LOOKUP_ACTION;

/// What a scan needs an action for.
pub(crate) fn purpose(action: &str, selection: &FactSelection) -> String {
    let needs_it = |actions: &[&str]| actions.contains(&action);
    let facts: Vec<String> = collectors()
        .filter(|collector| selection.contains(collector.fact) && needs_it(collector.actions))
        .map(|collector| format!("{}: {}", collector.fact.name(), collector.description))
        .collect();
    if !facts.is_empty() {
        return facts.join("; ");
    }
    match action {
        "sts:AssumeRole" => "assuming the roles of the accounts that are read",
        "sts:TagSession" => "setting the session tags",
        "sts:SetSourceIdentity" => "setting the source identity",
        KEY_LOOKUP_ACTION => "find-key: the account of an access key",
        "iam:GetUser" => "whether the selected user exists",
        _ if action.starts_with("logs:") => "writing the log of the function",
        _ if needs_it(organization::ACTIONS) => {
            "listing the accounts of the organization, with their units and tags"
        }
        _ => "the credential report, from which users are read",
    }
    .to_owned()
}
