//! The exit codes: what scripts may rely on. A code keeps its meaning from one version to the next.

use std::process::ExitCode;

/// How a run of `rolecall` ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum RolecallExitCode {
    /// What was requested was done: everything was read, but for accepted gaps, and nothing was found that should not
    /// be so.
    Success = 0,
    /// Something that should not happen: a full disk, a bug in rolecall. Also where nobody reads the output any more.
    Unexpected = 1,
    /// Arguments, variables, the configuration or a file that cannot be used; no account was read. clap's own errors
    /// end with the same code.
    Usage = 2,
    /// Everything was read, and something was found that should not be so: a finding as bad as `--fail-on`, a
    /// difference, a changed file, an unexpected verdict, an access key of no user.
    Findings = 10,
    /// Not everything was read, whatever was found. This goes before [`Self::Findings`]: where something was not read,
    /// nobody knows that all is found.
    Incomplete = 11,
}

use RolecallExitCode::{Findings, Incomplete, Success, Unexpected, Usage};

/// Each exit code, and what it means where a command says nothing more precise.
const MEANINGS: [(RolecallExitCode, &str); 5] = [
    (Success, "all was read"),
    (Unexpected, "something unexpected, such as a full disk"),
    (Usage, "wrong usage"),
    (Findings, "something was found"),
    (Incomplete, "not all was read"),
];

impl From<RolecallExitCode> for ExitCode {
    fn from(code: RolecallExitCode) -> Self {
        Self::from(code as u8)
    }
}

/// The help text with all exit codes behind it, in general words.
pub(crate) fn help_of_all(note: &str) -> String {
    format!("{}\n\n{note}", list(&MEANINGS))
}

/// A command's help text with its exit codes behind it. Any command may succeed, go wrong or be used wrongly; `particular`
/// says what else it ends with, and which of those it means otherwise than [`MEANINGS`].
pub(crate) fn help(text: &str, particular: &[(RolecallExitCode, &'static str)]) -> String {
    let rows: Vec<(RolecallExitCode, &str)> = MEANINGS
        .iter()
        .filter_map(|&(code, general)| {
            let meaning = particular.iter().find(|(it, _)| *it == code).map(|(_, meaning)| *meaning);
            let is_any_commands = matches!(code, Success | Unexpected | Usage);
            Some((code, meaning.or(is_any_commands.then_some(general))?))
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
        let told: Vec<u8> = rows.map(|row| row.split_once(' ').unwrap().0.parse().unwrap()).collect();
        assert_eq!(told, MEANINGS.map(|(code, _)| code as u8));
    }

    #[test]
    fn a_command_has_the_codes_of_all_commands_and_its_own_in_its_own_words() {
        let shown = help("Text.", &[(Findings, "a wolf"), (Success, "no wolf")]);
        assert_eq!(
            shown.lines().collect::<Vec<_>>(),
            [
                "Text.",
                "",
                "Exit codes:",
                "   0  no wolf",
                "   1  something unexpected, such as a full disk",
                "   2  wrong usage",
                "  10  a wolf",
            ]
        );
        assert!(!help("", &[(Usage, "no sheep")]).contains("wrong usage"));
    }
}
