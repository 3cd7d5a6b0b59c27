//! The exit codes, a stable interface for scripts: a code keeps its meaning from version to version.

use std::process::ExitCode;

/// The exit codes of `rolecall`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum RolecallExitCode {
    /// The command did what was requested: everything was read (accepted gaps do not count), and no finding, difference or
    /// other problem is to be reported.
    Success = 0,
    /// An unexpected error: a full disk, a bug in rolecall. Also a closed pipe on stdout.
    Unexpected = 1,
    /// Invalid arguments, variables, configuration or files; no account was read. clap's own errors exit with the same
    /// code.
    Usage = 2,
    /// There is something to report, also where not everything was read: a finding of the severity of `--fail-on` or worse, a
    /// difference, a changed file, an unexpected verdict, an access key that belongs to no user.
    Findings = 10,
    /// Not everything was read, and nothing that was read is to be reported. [`Self::Findings`] takes precedence: scripts
    /// that tolerate an incomplete roll must not miss a finding in it.
    Incomplete = 11,
}

use RolecallExitCode::{Findings, Incomplete, Success, Unexpected, Usage};

/// The general meaning of each exit code. A command may give a more precise one.
const MEANINGS: [(RolecallExitCode, &str); 5] = [
    (Success, "all accounts read completely, except for gaps that rolecall.toml accepts"),
    (Unexpected, "unexpected error, such as a full disk"),
    (Usage, "invalid arguments, configuration or input file"),
    (Findings, "what the command is to report: --fail-on, a difference, a changed file"),
    (Incomplete, "not everything could be read, or --fail-on could not be evaluated"),
];

impl From<RolecallExitCode> for ExitCode {
    fn from(code: RolecallExitCode) -> Self {
        Self::from(code as u8)
    }
}

/// The general meaning of all exit codes, then `note`.
pub(crate) fn help_of_all(note: &str) -> String {
    format!("{}\n\n{note}", list(&MEANINGS))
}

/// A command's help text, then its exit codes. `particular` has the codes that only some commands have, and the meanings
/// that are more precise than those of [`MEANINGS`].
pub(crate) fn help(text: &str, particular: &[(RolecallExitCode, &'static str)]) -> String {
    let rows: Vec<(RolecallExitCode, &str)> = MEANINGS
        .iter()
        .filter_map(|&(code, general)| {
            let meaning = particular.iter().find(|(it, _)| *it == code).map(|(_, meaning)| *meaning);
            let is_of_every_command = matches!(code, Success | Unexpected | Usage);
            Some((code, meaning.or(is_of_every_command.then_some(general))?))
        })
        .collect();
    let separator = if text.is_empty() { "" } else { "\n\n" };
    format!("{text}{separator}{}", list(&rows))
}

fn list(rows: &[(RolecallExitCode, &str)]) -> String {
    let lines: Vec<String> =
        rows.iter().map(|(code, meaning)| format!("  {:>2}  {meaning}", *code as u8)).collect();
    format!("Exit codes:\n{}", lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::{Findings, MEANINGS, Success, Usage, help};

    #[test]
    fn the_readme_has_the_same_exit_codes() {
        let readme = include_str!("../../../README.md");
        let (_, table) = readme.split_once("| exit code |").unwrap();
        let rows = table.lines().skip(2).map_while(|line| line.strip_prefix("| "));
        let listed: Vec<u8> = rows.map(|row| row.split_once(' ').unwrap().0.parse().unwrap()).collect();
        assert_eq!(listed, MEANINGS.map(|(code, _)| code as u8));
    }

    #[test]
    fn a_command_lists_the_common_codes_and_its_own_with_its_own_meanings() {
        let text = help("Text.", &[(Findings, "a wolf"), (Success, "no wolf")]);
        assert_eq!(
            text.lines().collect::<Vec<_>>(),
            [
                "Text.",
                "",
                "Exit codes:",
                "   0  no wolf",
                "   1  unexpected error, such as a full disk",
                "   2  invalid arguments, configuration or input file",
                "  10  a wolf",
            ]
        );
        assert!(!help("", &[(Usage, "no sheep")]).contains("invalid arguments"));
    }
}
