//! The checks of `rolecall doctor`: a line for each link, and under a broken one what AWS said, the causes and their cures.

use anstyle::{AnsiColor, Style};
use rolecall_access::doctor::cure::EXTERNAL_ID_PLACEHOLDER;
use rolecall_access::doctor::{
    BrokenLink, Candidate, Cure, Evidence, LinkCheck, LinkState, Paste, TargetCheck,
};
use rolecall_report::coverage_summary::count_of;
use rolecall_report::render::sanitize;
use rolecall_roll::Denial;

use super::sink::TerminalStyle;
use super::wrap::hanging;

/// The width of the state and the link, before the subject.
const INDENT: usize = 15;

/// Renders all checks.
pub(crate) fn doctor(checks: &[TargetCheck], terminal: TerminalStyle) -> String {
    let mut lines = Lines { text: String::new(), terminal };
    if let [one] = checks {
        one.links.iter().for_each(|link| lines.link(link));
    }
    if checks.len() > 1 {
        // Of many accounts, those that are healthy or skipped are a line each.
        let is_short = |check: &&TargetCheck| check.is_healthy() || check.is_skipped();
        let (short, long): (Vec<_>, Vec<_>) = checks.iter().partition(is_short);
        for check in short {
            lines.short(check);
        }
        for (first, others) in group(&long) {
            lines.text.push('\n');
            lines.heading(first);
            first.links.iter().for_each(|link| lines.link(link));
            if !others.is_empty() {
                lines.text.push_str(&format!(
                    "the same, each for its own account, in {}:\n",
                    count_of(others.len(), "more target")
                ));
                for check in others {
                    lines.text.push_str(&format!("     {}\n", target(check)));
                }
            }
        }
        lines.text.push_str(&format!("\n{}\n", summary(checks)));
    }
    lines.text
}

/// The checks with the same lines but for the account and the request ids, in the order of the first of each.
fn group<'a>(checks: &[&'a TargetCheck]) -> Vec<(&'a TargetCheck, Vec<&'a TargetCheck>)> {
    let mut groups: Vec<(Vec<String>, &TargetCheck, Vec<&TargetCheck>)> = Vec::new();
    for &check in checks {
        let lines = anonymous_lines(check);
        match groups.iter_mut().find(|(of_group, ..)| *of_group == lines) {
            Some((_, _, others)) => others.push(check),
            None => groups.push((lines, check, Vec::new())),
        }
    }
    groups.into_iter().map(|(_, first, others)| (first, others)).collect()
}

/// The lines of a check, without what differs from one account to the other.
fn anonymous_lines(check: &TargetCheck) -> Vec<String> {
    let account_id = check.account_id.clone().unwrap_or_default();
    let mut anonymous = check.clone();
    for link in &mut anonymous.links {
        if let LinkState::Broken(broken) = &mut link.state
            && let Some(said) = &mut broken.said
        {
            said.request_id = None;
            // AWS's authorization id, which differs too, stands in the message.
            if let Some(id) = Denial::parse(&said.message).authorization_id.map(str::to_owned) {
                said.message = said.message.replace(&id, "");
            }
        }
    }
    let terminal = TerminalStyle { width: None, colors: false, is_terminal: false };
    let mut lines = Lines { text: String::new(), terminal };
    anonymous.links.iter().for_each(|link| lines.link(link));
    let is_known = !account_id.is_empty();
    let anonymous = |line: &str| if is_known { line.replace(&account_id, "") } else { line.to_owned() };
    lines.text.lines().map(anonymous).collect()
}

/// `32 targets: 28 healthy, 2 broken, 1 not tested, 1 skipped`.
fn summary(checks: &[TargetCheck]) -> String {
    let count = |is_counted: &dyn Fn(&TargetCheck) -> bool| checks.iter().filter(|it| is_counted(it)).count();
    let healthy = count(&TargetCheck::is_healthy);
    let broken = count(&|check| check.broken_link().is_some());
    let skipped = count(&TargetCheck::is_skipped);
    let others = [(checks.len() - healthy - broken - skipped, "not tested"), (skipped, "skipped")];
    let others = others.iter().filter(|(number, _)| *number > 0);
    let others: String = others.map(|(number, what)| format!(", {number} {what}")).collect();
    format!("{}: {healthy} healthy, {broken} broken{others}", count_of(checks.len(), "target"))
}

/// The lines of an output, wrapped to the terminal; statements to paste are not wrapped.
struct Lines {
    text: String,
    terminal: TerminalStyle,
}

impl Lines {
    fn heading(&mut self, check: &TargetCheck) {
        let line = self.styled(&target(check), Style::new().bold());
        self.text.push_str(&format!("{line}\n"));
    }

    /// The line of an account that is healthy or skipped.
    fn short(&mut self, check: &TargetCheck) {
        let (mark, color) =
            if check.is_healthy() { (" ok ", AnsiColor::Green) } else { (" -- ", AnsiColor::Yellow) };
        let skipped = if check.is_skipped() { " (skipped)" } else { "" };
        let mark = self.styled(mark, color.on_default());
        self.text.push_str(&format!("{mark} {}{skipped}\n", target(check)));
    }

    fn link(&mut self, check: &LinkCheck) {
        let LinkCheck { link, subject, state } = check;
        let (mark, color) = match state {
            LinkState::Ok { .. } => (" ok ", AnsiColor::Green),
            LinkState::Broken(_) => ("FAIL", AnsiColor::Red),
            LinkState::Untested { .. } | LinkState::Skipped { .. } | LinkState::NotReached => {
                (" -- ", AnsiColor::Yellow)
            }
        };
        let detail = match state {
            LinkState::Ok { evidence: Evidence::Call } | LinkState::Broken(_) => subject.clone(),
            LinkState::Ok { evidence } => format!("{subject} ({})", evidence.label()),
            LinkState::Untested { reason } if subject.is_empty() => reason.clone(),
            LinkState::Untested { reason } => format!("{subject} ({reason})"),
            LinkState::Skipped { reason } => format!("{subject} (skipped: {reason})"),
            LinkState::NotReached => "not reached".to_owned(),
        };
        let mark = self.styled(mark, color.on_default());
        self.line(&format!("{mark} {:<9} ", link.name()), INDENT, &detail);
        if let LinkState::Broken(broken) = state {
            self.broken(broken);
        }
    }

    fn broken(&mut self, broken: &BrokenLink) {
        let BrokenLink { said, evidence, candidates, notes, .. } = broken;
        if let Some(said) = said {
            let code = said.code.as_deref().unwrap_or_default();
            let reason = if said.has_reason || code != "AccessDenied" { "" } else { ", no reason" };
            let request = said.request_id.as_ref().map_or(String::new(), |id| format!("   request {id}"));
            self.labeled("AWS said", &format!("{code}{reason}{request}"));
            if said.has_reason || code != "AccessDenied" {
                self.labeled("", &said.message);
            }
        }
        let label = if *evidence == Evidence::Likelihood { "likely" } else { "because" };
        let source = match evidence {
            Evidence::Call | Evidence::Message | Evidence::Likelihood => String::new(),
            other => format!(" ({})", other.label()),
        };
        match candidates.as_slice() {
            [one] => {
                self.labeled(label, &format!("{}{source}", one.text));
                self.cure(one, Self::labeled);
            }
            several => {
                for (index, candidate) in several.iter().enumerate() {
                    let label = if index == 0 { label } else { "" };
                    self.labeled(label, &format!("{} {}{source}", index + 1, candidate.text));
                    self.cure(candidate, Self::labeled_below);
                }
            }
        }
        for note in notes {
            self.labeled("note", note);
        }
    }

    /// How to test a candidate, and what heals it.
    fn cure(&mut self, candidate: &Candidate, write: fn(&mut Self, &str, &str)) {
        if let Some(distinguished_by) = &candidate.distinguished_by {
            write(self, "test", distinguished_by);
        }
        match &candidate.cure {
            Cure::Step(step) => write(self, "to do", step),
            Cure::Paste(paste) => {
                let Paste { into, statement, check_first, also, .. } = paste.as_ref();
                let check_first =
                    check_first.map_or(String::new(), |check| format!("check first that {check}. Then "));
                write(self, "paste", &format!("{check_first}into {into}:"));
                let statement = serde_json::to_string(statement).unwrap_or_default();
                self.text.push_str(&format!("{:INDENT$}{statement}\n", ""));
                if statement.contains(EXTERNAL_ID_PLACEHOLDER) {
                    let text = format!(
                        "replace {EXTERNAL_ID_PLACEHOLDER}: --show-external-id prints the external id that the run sends; if it sends none, the owner of the account has it"
                    );
                    write(self, "", &text);
                }
                if let Some(also) = also {
                    write(self, "to do", also);
                }
            }
        }
    }

    /// A line below a numbered candidate.
    fn labeled_below(&mut self, label: &str, text: &str) {
        self.line(&format!("{:INDENT$}  {label:<6} ", ""), INDENT + 9, text);
    }

    fn labeled(&mut self, label: &str, text: &str) {
        let label = format!("     {label:<9} ");
        self.line(&label, INDENT, text);
    }

    /// A line with a label; the lines that follow are indented.
    fn line(&mut self, label: &str, indent: usize, text: &str) {
        let text = sanitize(text);
        // The label may have colors, which take no columns.
        let plain = format!("{:indent$}{text}", "");
        let wrapped = hanging(&plain, self.terminal.width, indent);
        let rest = wrapped.get(indent..).unwrap_or(&wrapped);
        self.text.push_str(&format!("{label}{rest}\n"));
    }

    fn styled(&self, text: &str, style: Style) -> String {
        if self.terminal.colors { format!("{style}{text}{style:#}") } else { text.to_owned() }
    }
}

/// The role or the account of a check, with the account's name.
fn target(check: &TargetCheck) -> String {
    let role = check.role_arn.as_ref().map(ToString::to_string);
    let target = role.or_else(|| check.account_id.clone()).unwrap_or_default();
    let name = check.account_name.as_ref().map_or(String::new(), |name| format!(" ({name})"));
    sanitize(&format!("{target}{name}")).into_owned()
}
