//! The table of target accounts.

use rolecall_core::targets::{Access, Target};
use rolecall_report::coverage_summary::with_thousands_separator;

use super::grid::{Cell, Column, table};
use super::sink::TerminalStyle;

/// A row for each account, then their number.
pub(crate) fn accounts(targets: &[Target], terminal: TerminalStyle) -> String {
    let columns = [Column::id("ACCOUNT"), Column::text("NAME"), Column::text("UNIT"), Column::text("ACCESS")];
    let row = |target: &Target| {
        let account = target.account.as_ref();
        let text = |text: Option<&String>| Cell::new(text.map_or("", String::as_str));
        let how = match &target.access {
            Access::Role(role) => {
                let via: String = role.via.iter().map(|role| format!("{role} → ")).collect();
                format!("{via}{}", role.role_arn)
            }
            Access::CallerCredentials => "the caller's own credentials".to_owned(),
            Access::Skipped(why) => format!("skipped: {why}"),
        };
        vec![
            Cell::new(&target.account_id),
            text(account.and_then(|account| account.name.as_ref())),
            text(account.and_then(|account| account.organizational_unit.as_ref())),
            Cell::new(how),
        ]
    };
    let rows: Vec<Vec<Cell<'_>>> = targets.iter().map(row).collect();
    let skipped = targets.iter().filter(|target| matches!(target.access, Access::Skipped(_))).count();
    let [read, skipped] = [targets.len() - skipped, skipped].map(with_thousands_separator);
    format!("{}\n{read} to scan, {skipped} skipped\n", table(terminal, columns, &rows))
}
