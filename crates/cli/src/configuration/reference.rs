//! The reference page of all options, in Markdown.

use rolecall_core::RunOptions;

use super::example::value;

const HEAD: &str = "\
# Configuration reference

`rolecall config --format reference` prints this page. `rolecall config` lists the options with their values and where each was
set. A flag takes precedence over a variable, a variable over `rolecall.toml`, and the file over the default. `rolecall init`
writes the file, with the sections that are not options: accounts, accepted gaps, rules, exceptions, owners.

`rolecall.toml` is the file that `--config` or `ROLECALL_CONFIG` names, else the nearest one: in the current folder, in its
parents up to the repository root or the home folder, else `$XDG_CONFIG_HOME/rolecall/rolecall.toml`. Of the files that are
found, only those that the user or root owns are read. Commands print the path that they use.

An option applies to all accounts. The `role_name`, `role_arn` or `external_id` of an `[[account]]` section, or of a row of
`--accounts-file`, takes precedence for its account, even over a flag.

A time is written as `90s`, `500ms`, `10m` or `1h30m`; a bare number is seconds. In `rolecall.toml` a time is in quotes:
`deadline = \"90\"`. A variable with several values separates them by commas. The Lambda function reads the variables too.
Variables that would hide accounts or users are read by the function only: one that is left over in a shell has no effect.

| flag | variable | rolecall.toml | default | description |
|---|---|---|---|---|
";

/// The page.
pub(crate) fn reference() -> String {
    let rows = RunOptions::rows().map(|row| {
        let value_name =
            if row.value_name.is_empty() { String::new() } else { format!(" {}", row.value_name) };
        let toml = row.toml.map_or(String::new(), |toml| format!("`{toml} = {}`", value(row)));
        let default = (row.default)().map_or(String::new(), |default| format!("`{default}`"));
        let flag = format!("`{}{value_name}`", row.flag());
        let of_function = if row.narrows { " (Lambda function only)" } else { "" };
        let variable = format!("`{}`{of_function}", row.variable());
        let cells = [flag, variable, toml, default, row.help()];
        format!("| {} |\n", cells.map(|cell| cell.replace('|', "\\|")).join(" | "))
    });
    std::iter::once(HEAD.to_owned()).chain(rows).collect()
}
