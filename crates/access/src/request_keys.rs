//! The condition keys that a run decides: those that it sends, and those that follow from the ARNs.

/// The keys of which the run itself knows whether the request has them.
const KEYS_OF_REQUEST: [&str; 12] = [
    "aws:principalaccount",
    "aws:principalarn",
    "aws:principalisawsservice",
    "aws:principaltype",
    "aws:resourceaccount",
    "aws:securetransport",
    "aws:tagkeys",
    "aws:viaawsservice",
    "sts:externalid",
    "sts:rolesessionname",
    "sts:sourceidentity",
    "sts:transitivetagkeys",
];

/// Whether what the run sends decides about a key, or the caller's ARN does.
#[must_use]
pub fn is_of_request(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    KEYS_OF_REQUEST.contains(&key.as_str()) || key.starts_with("aws:requesttag/")
}
