//! Whom a scan would ask, for people.

use comfy_table::{Attribute, Cell};
use rolecall_core::targets::{Access, Target};

use super::printable;
use super::sink::TerminalStyle;
use super::table::{lines, table};

/// A row an account, and how many there are.
pub(crate) fn accounts(targets: &[Target], look: TerminalStyle) -> String {
    let header = ["ACCOUNT", "NAME", "UNIT", "HOW"];
    let mut shown = table(look, header.map(|name| Cell::new(name).add_attribute(Attribute::Bold)));
    let (mut asked, mut skipped) = (0, 0);
    for target in targets {
        let account = target.account.as_ref();
        let text = |text: Option<&String>| text.map_or(String::new(), |text| printable(text));
        let how = match &target.access {
            Access::Role(role) => {
                let via: String = role.via.iter().map(|hop| format!("{hop} → ")).collect();
                format!("{via}{}", role.role_arn)
            }
            Access::CallerCredentials => "with the caller's own credentials".to_owned(),
            Access::Skipped(why) => format!("skipped: {why}"),
        };
        if matches!(target.access, Access::Skipped(_)) {
            skipped += 1;
        } else {
            asked += 1;
        }
        shown.add_row([
            target.account_id.to_string(),
            text(account.and_then(|account| account.name.as_ref())),
            text(account.and_then(|account| account.organizational_unit.as_ref())),
            how,
        ]);
    }
    format!("{}\n{asked} would be asked, {skipped} skipped\n", lines(shown))
}
