//! Resources that stand for all those that a scan reads: the ones among which the statements of policies distinguish, and one that
//! no statement names.

use std::collections::BTreeSet;

use rolecall_roll::{FactSelection, Partition};
use serde_json::Value;

use crate::statement_view::StatementView;
use crate::wildcard::intersection;

/// Whether an action reads one user, and is authorized with this user.
pub(crate) fn is_about_user(action: &str) -> bool {
    const OF_USER: [&str; 5] = [
        "iam:GetAccessKeyLastUsed",
        "iam:GetLoginProfile",
        "iam:GetUser",
        "iam:ListAccessKeys",
        "iam:ListMFADevices",
    ];
    OF_USER.contains(&action)
}

/// The resources with which IAM authorizes a read, as a pattern.
///
/// Source: <https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsidentityandaccessmanagement.html>
pub(crate) fn resources_of_read(
    action: &str,
    partition: Partition,
    account_id: &str,
    selection: &FactSelection,
) -> String {
    let FactSelection { user_name, path_prefix, .. } = selection;
    let prefix = path_prefix.as_deref().unwrap_or("/");
    let users = format!("arn:{partition}:iam::{account_id}:user{prefix}");
    match action {
        "iam:ListUsers" => users,
        action if is_about_user(action) => match user_name {
            Some(name) => format!("arn:{partition}:iam::{account_id}:user/{name}"),
            None => format!("{users}*"),
        },
        _ => "*".to_owned(),
    }
}

/// These patterns, and the narrower ones that the policies distinguish among them, by their resources and the accounts that they name.
pub(crate) fn distinguished(
    patterns: &[String],
    statements: &[StatementView<'_>],
    filler: &Filler,
) -> Vec<String> {
    let mut all = patterns.to_vec();
    all.extend(patterns.iter().flat_map(|pattern| filler.in_named_accounts(pattern)));
    let texts = statements.iter().flat_map(StatementView::resources);
    for text in texts.filter(|text| text.len() <= MAX_ARN_LENGTH) {
        all.extend(patterns.iter().filter_map(|pattern| intersection(pattern, text)));
    }
    // A wildcard of a policy such as `user/??*` leaves out the shortest names.
    let short = all.iter().filter_map(|pattern| pattern.strip_suffix('*')).filter(|it| it.contains(":user/"));
    let short: Vec<String> = short.map(|prefix| format!("{prefix}{}", filler.letter)).collect();
    all.extend(short);
    let mut is_new = BTreeSet::new();
    all.retain(|pattern| is_new.insert(pattern.clone()));
    all
}

/// The account id in an ARN.
pub(crate) fn account_of(arn: &str) -> &str {
    arn.split(':').nth(4).unwrap_or_default()
}

/// The account ids in a policy's text: numbers of 12 digits.
#[must_use]
pub fn named_accounts(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_ascii_digit());
    words.filter(|word| word.len() == 12).map(str::to_owned).collect()
}

/// AWS accepts no longer ARN.
const MAX_ARN_LENGTH: usize = 2_048;

/// What stands for a wildcard in a sample. No text of the checked policy has it, so that only a wildcard of the policy matches it.
pub(crate) struct Filler {
    letter: char,
    account: String,
    /// The accounts that the policies name.
    named_accounts: BTreeSet<String>,
    /// A value that no condition has.
    pub(crate) other_value: String,
}

impl Filler {
    /// For policies with these sources.
    pub(crate) fn new<'a>(sources: impl IntoIterator<Item = &'a Value>) -> Self {
        let source: String = sources.into_iter().map(Value::to_string).collect();
        let letter = ('a'..='z').rev().chain('A'..='Z').find(|letter| !source.contains(*letter));
        let mut accounts = (0..).map(|offset: u64| format!("{:012}", 123_456_789_012 + offset));
        let mut other_value = "rolecall-other-value".to_owned();
        while source.contains(&other_value) {
            other_value.push('x');
        }
        Self {
            named_accounts: named_accounts(&source),
            // Only a text that is made for it has all letters.
            letter: letter.unwrap_or('_'),
            account: accounts.find(|account| !source.contains(account)).unwrap_or_default(),
            other_value,
        }
    }

    /// A pattern for any account, for each account that the policies name.
    fn in_named_accounts(&self, pattern: &str) -> Vec<String> {
        let fields: Vec<&str> = pattern.splitn(6, ':').collect();
        let [arn, partition, service, region, "*", resource] = fields.as_slice() else { return Vec::new() };
        let accounts = self.named_accounts.iter();
        accounts.map(|id| [arn, partition, service, region, id.as_str(), resource].join(":")).collect()
    }

    /// A resource that the pattern matches; `*` stays as it is.
    pub(crate) fn resource(&self, pattern: &str, partition: Partition) -> String {
        if pattern == "*" {
            return pattern.to_owned();
        }
        let samples = ["arn", "aws", "iam", partition.default_region(), &self.account];
        let fields = pattern.splitn(6, ':').enumerate().map(|(index, field)| match samples.get(index) {
            Some(sample) if field == "*" => (*sample).to_owned(),
            _ => self.fill(field),
        });
        fields.collect::<Vec<_>>().join(":")
    }

    /// A text that the pattern matches.
    pub(crate) fn fill(&self, pattern: &str) -> String {
        let word = self.letter.to_string();
        pattern.replace('*', &word.repeat(16)).replace('?', &word)
    }
}
