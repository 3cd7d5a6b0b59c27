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

/// Whether a key is about the principal that makes a request, and says nothing about another principal: the caller's does not apply to
/// the session of the member's role.
#[must_use]
pub(crate) fn is_of_principal_alone(key: &str) -> bool {
    const PREFIXES: [&str; 6] = [
        "aws:multifactorauth",
        "aws:principalorgpaths",
        "aws:principaltag/",
        "aws:sourceidentity",
        "aws:userid",
        "aws:username",
    ];
    let key = key.to_ascii_lowercase();
    PREFIXES.iter().any(|prefix| key.starts_with(prefix))
}

/// Whether what the run sends decides about a key, or the caller's ARN does.
#[must_use]
pub fn is_of_request(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    KEYS_OF_REQUEST.contains(&key.as_str()) || key.starts_with("aws:requesttag/")
}
