//! The reference page of all options, in Markdown.

use rolecall_core::RunOptions;

use super::example::value;

const HEAD: &str = "\
# Configuration reference

`rolecall config --format reference` prints this page, `rolecall config` the options as they are set, each with the place it
was set in. A flag takes precedence over a variable, a variable over `rolecall.toml`, and that over the default. `rolecall
init` writes the file, with the sections that hold no options: accounts, accepted gaps, rules, exceptions, owners.

An option says what holds for all accounts. What an account's own entry says takes precedence over it, the flag included: the
`role_name`, `role_arn` or `external_id` of an `[[account]]` or of a row of `--accounts-file`.

A time is written as `90s`, `500ms`, `10m` or `1h30m`; a bare number is seconds, and stands in quotes in `rolecall.toml`, as
every time does: `deadline = \"90\"`. A variable that holds several values separates them by commas. The Lambda function reads
the variables, too.

| flag | variable | rolecall.toml | default | what it does |
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
        let cells = [flag, format!("`{}`", row.variable()), toml, default, row.help()];
        format!("| {} |\n", cells.map(|cell| cell.replace('|', "\\|")).join(" | "))
    });
    std::iter::once(HEAD.to_owned()).chain(rows).collect()
}
