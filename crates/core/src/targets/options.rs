//! Which accounts are read, and through which roles, as a person sets it.

use rolecall_roll::{AccountId, ExternalId, RoleArn, RoleName};

use super::RoleArnTemplate;
use crate::option_rows::{each, one, options, switch, to_text_by_display};
use crate::settings::parse_tag;

options! {
    /// Which accounts are read, and through which roles.
    TargetOptions {
        /// Role ARN to assume; repeat for several accounts
        role_arn: Vec<RoleArn> = (), RoleArns("ARN"), None, |texts| each(texts, str::parse);

        /// Account to read through its role named --role-name; repeat for several accounts
        account: Vec<AccountId> = (), Ids("ID"), None, |texts| each(texts, str::parse);

        /// File of accounts, CSV or JSON lines: `account_id`, `role_arn` or `role_name`, `external_id`, `via`, `name`, `email`,
        /// `tags`; `-` for stdin
        accounts_file: String = (), Text("FILE"), Some("accounts_file"), |texts| one(texts, |text| Ok::<_, String>(text.to_owned())),
            example "\"accounts.csv\"";

        /// Read all accounts that AWS Organizations lists
        organization: bool = false, Switch(""), Some("organization.enabled"), switch, initial "true";

        /// Role to assume for AWS Organizations, in the management account or a delegated administrator
        organization_role_arn: RoleArn = (), Text("ARN"), Some("organization.role_arn"), |texts| one(texts, str::parse),
            example "\"arn:aws:iam::999999999999:role/ListAccounts\"";

        /// Organizational unit to read, with the units below it: its id, or its names from below the root, such as
        /// Workloads/Prod; repeat for several
        ou: Vec<String> = (), List("OU"), Some("organization.ou"), |texts| each(texts, not_empty),
            example "[\"Workloads/Prod\", \"ou-abcd-12345678\"]";

        /// Read only accounts that carry this tag; repeated, all of the tags
        include_tag: Vec<(String, String)> = (), Pairs("KEY=VALUE"), Some("organization.include_tag"),
            |texts| each(texts, parse_tag), example "{ environment = \"prod\" }";

        /// Read the tags of the organization's accounts: one call for each account
        fetch_account_tags: bool = false, Switch(""), Some("organization.fetch_account_tags"), switch, initial "true";

        /// Read only accounts with this id or name, `*` standing for any characters; repeat for several
        include: Vec<String> = (), List("ACCOUNT"), Some("include"), |texts| each(texts, not_empty),
            example "[\"*-prod\"]";

        /// Leave out accounts with this id or name, `*` standing for any characters; repeat for several
        exclude: Vec<String> = (), List("ACCOUNT"), Some("exclude"), |texts| each(texts, not_empty),
            example "[\"123456789012\", \"sandbox-*\"]";

        /// Name of the role to assume in each account
        role_name: RoleName = (), Text("NAME"), Some("role_name"), |texts| one(texts, str::parse),
            initial "\"IAMListRole\"";

        /// Template of the role's ARN
        role_template: RoleArnTemplate = RoleArnTemplate::default(), Text("ARN"), Some("role_template"), |texts| one(texts, str::parse);

        /// Intermediate role to assume before the accounts' roles; repeat for a longer chain, in order
        via: Vec<RoleArn> = (), Arns("ARN"), Some("via"), |texts| each(texts, str::parse),
            example "[\"arn:aws:iam::222222222222:role/Hop\"]";

        /// External id that the roles' trust policies require; better set as `ROLECALL_EXTERNAL_ID`, since flags show in
        /// `ps`
        external_id: ExternalId = (), Text("ID"), Some("external_id"), |texts| one(texts, str::parse),
            example "\"between-us\"", secret true;
    }
}

to_text_by_display!(RoleArnTemplate);

fn not_empty(text: &str) -> Result<String, &'static str> {
    if text.trim().is_empty() { Err("it is empty") } else { Ok(text.to_owned()) }
}
