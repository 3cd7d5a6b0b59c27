//! The options that select the target accounts and their roles.

use rolecall_roll::{AccountId, ExternalId, RoleArn, RoleName};

use crate::options::row::{each, one, options, switch, to_text_by_display};
use crate::options::settings::parse_tag;
use crate::targets::RoleArnTemplate;

options! {
    /// The options that select the target accounts and their roles.
    TargetOptions {
        /// ARN of the role to assume; its account is read
        role_arn: Vec<RoleArn> = (), RoleArns("ARN"), None, |texts| each(texts, str::parse);

        /// Id of the account to read; requires the name of the role to assume
        account: Vec<AccountId> = (), Ids("ID"), None, |texts| each(texts, str::parse);

        /// File of the accounts to read, as CSV or JSON lines with `account_id`, `role_arn` or `role_name`, `external_id`, `via`,
        /// `name`, `email`, `tags`; `-` for stdin
        accounts_file: String = (), Text("FILE"), Some("accounts_file"), |texts| one(texts, |text| Ok::<_, String>(text.to_owned())),
            example "\"accounts.csv\"";

        /// Read all accounts that AWS Organizations lists
        organization: bool = false, Switch(""), Some("organization.enabled"), switch, initial "true";

        /// ARN of the role to assume to call AWS Organizations, in the management account or a delegated administrator
        organization_role_arn: RoleArn = (), Text("ARN"), Some("organization.role_arn"), |texts| one(texts, str::parse),
            example "\"arn:aws:iam::999999999999:role/ListAccounts\"";

        /// Organizational unit to read, with the units below it: its id, its name, or its path below the root, such as
        /// Workloads/Prod
        ou: Vec<String> = (), List("OU"), Some("organization.ou"), |texts| each(texts, parse_non_empty),
            example "[\"Workloads/Prod\", \"ou-abcd-12345678\"]", narrows true;

        /// Read only accounts that have this tag; of several tags, an account must have all
        include_tag: Vec<(String, String)> = (), Pairs("KEY=VALUE"), Some("organization.include_tag"),
            |texts| each(texts, parse_tag), example "{ environment = \"prod\" }", narrows true;

        /// Fetch the tags of the organization's accounts, for owners and exceptions, with one call for each account; a filter by
        /// tag fetches them anyway
        fetch_account_tags: bool = false, Switch(""), Some("organization.fetch_account_tags"), switch, initial "true";

        /// Read only accounts whose id or name matches (wildcards: `*`, `?`)
        include: Vec<String> = (), List("ACCOUNT"), Some("include"), |texts| each(texts, parse_non_empty),
            example "[\"*-prod\"]", narrows true;

        /// Exclude accounts whose id or name matches (wildcards: `*`, `?`)
        exclude: Vec<String> = (), List("ACCOUNT"), Some("exclude"), |texts| each(texts, parse_non_empty),
            example "[\"123456789012\", \"sandbox-*\"]", narrows true;

        /// Name of the role to assume in each account; no role is assumed in the caller's own account, which is read with the
        /// caller's credentials
        role_name: RoleName = (), Text("NAME"), Some("role_name"), |texts| one(texts, str::parse),
            initial "\"IAMListRole\"";

        /// Template for the role ARN in each account
        role_template: RoleArnTemplate = RoleArnTemplate::default(), Text("ARN"), Some("role_template"), |texts| one(texts, str::parse);

        /// ARN of an intermediate role to assume before the accounts' roles; several are assumed in this order
        via: Vec<RoleArn> = (), Arns("ARN"), Some("via"), |texts| each(texts, str::parse),
            example "[\"arn:aws:iam::222222222222:role/Intermediate\"]";

        /// External id that the roles' trust policies require
        external_id: ExternalId = (), Text("ID"), Some("external_id"), |texts| one(texts, str::parse),
            example "\"between-us\"", secret true;
    }
}

to_text_by_display!(RoleArnTemplate);

fn parse_non_empty(text: &str) -> Result<String, &'static str> {
    if text.trim().is_empty() { Err("the text is empty") } else { Ok(text.to_owned()) }
}
