//! What is read, at which pace.

use std::time::Duration;

use clap::Args;
use rolecall_core::collect::parse_facts;
use rolecall_core::{Limits, SessionSettings, Settings, settings};
use rolecall_roll::{FactKind, FactSelection, RoleSessionName, UserSource};

/// A list of facts, which is one value of the flag.
#[derive(Debug, Clone)]
pub(crate) struct Facts(std::collections::BTreeSet<FactKind>);

fn facts(text: &str) -> Result<Facts, String> {
    parse_facts(text).map(Facts)
}

#[derive(Debug, Args)]
#[command(next_help_heading = "What to read, session, pace and patience")]
pub(crate) struct How {
    #[arg(
        long,
        value_name = "NAME",
        help = "The session's name, as CloudTrail shows it; over an organisation it is rolecall- and the run's id \
                [default: cross_acct_lambda]"
    )]
    session_name: Option<RoleSessionName>,

    /// How long a session is asked to last, 15m to 12h [default: 1h]
    #[arg(long, value_name = "TIME", value_parser = settings::session_duration)]
    session_duration: Option<Duration>,

    /// Do not narrow the session to the actions that are needed
    #[arg(long)]
    no_session_policy: bool,

    /// Which facts to read, with commas between, or `default`, `recommended`, `all`; see below [default: default]
    #[arg(long, value_name = "FACTS", value_parser = facts)]
    collect: Option<Facts>,

    /// Each user live, or from the credential report, and live only those who have keys there or are younger; keys made
    /// since are missing then [default: exact]
    #[arg(long, value_name = "exact|report")]
    reads: Option<UserSource>,

    /// Who is behind it, as CloudTrail shows it; the roles' trust policies must allow sts:SetSourceIdentity
    #[arg(long, value_name = "NAME")]
    source_identity: Option<RoleSessionName>,

    /// A tag of each session; the roles' trust policies must allow sts:TagSession; may be given more than once
    #[arg(long, value_name = "KEY=VALUE", value_parser = settings::tag)]
    session_tag: Vec<(String, String)>,

    /// Accounts that are read side by side [default: 64]
    #[arg(long, value_name = "N", value_parser = settings::at_once)]
    concurrency: Option<usize>,

    /// Calls that are made side by side in one account at most; a small account is read with fewer [default: 8]
    #[arg(long, value_name = "N", value_parser = settings::at_once)]
    account_concurrency: Option<usize>,

    /// Sessions that are asked for in a second; STS answers so many calls to an account, whoever in it asks [default: 600]
    #[arg(long, value_name = "N", value_parser = settings::rate)]
    sts_rate: Option<f64>,

    /// How often a call is made at most [default: 10]
    #[arg(long, value_name = "N", value_parser = settings::attempts)]
    max_attempts: Option<u32>,

    /// The pause before a second attempt; it doubles with each [default: 200ms]
    #[arg(long, value_name = "TIME", value_parser = settings::duration)]
    initial_backoff: Option<Duration>,

    /// The longest pause between attempts [default: 10s]
    #[arg(long, value_name = "TIME", value_parser = settings::duration)]
    max_backoff: Option<Duration>,

    /// For a connection to stand [default: 5s]
    #[arg(long, value_name = "TIME", value_parser = settings::duration)]
    connect_timeout: Option<Duration>,

    /// For the first byte of an answer [default: 20s]
    #[arg(long, value_name = "TIME", value_parser = settings::duration)]
    read_timeout: Option<Duration>,

    /// For one attempt at a call [default: 30s]
    #[arg(long, value_name = "TIME", value_parser = settings::duration)]
    attempt_timeout: Option<Duration>,

    /// For all of an account; what was read by then is kept [default: 10m]
    #[arg(long, value_name = "TIME", value_parser = settings::duration)]
    account_timeout: Option<Duration>,
}

impl How {
    /// These settings, but for what was typed.
    pub(crate) fn over(&self, settings: Settings) -> Settings {
        let Settings { limits, session, .. } = settings;
        Settings {
            session: SessionSettings {
                name: self.session_name.clone().unwrap_or(session.name),
                duration: self.session_duration.unwrap_or(session.duration),
                narrow: session.narrow && !self.no_session_policy,
                source_identity: self.source_identity.clone().or(session.source_identity),
                tags: if self.session_tag.is_empty() { session.tags } else { self.session_tag.clone() },
            },
            selection: FactSelection {
                facts: self.collect.clone().map_or(settings.selection.facts, |facts| facts.0),
                reads: self.reads.unwrap_or(settings.selection.reads),
                ..settings.selection
            },
            limits: Limits {
                max_attempts: self.max_attempts.unwrap_or(limits.max_attempts),
                initial_backoff: self.initial_backoff.unwrap_or(limits.initial_backoff),
                max_backoff: self.max_backoff.unwrap_or(limits.max_backoff),
                connect_timeout: self.connect_timeout.unwrap_or(limits.connect_timeout),
                read_timeout: self.read_timeout.unwrap_or(limits.read_timeout),
                attempt_timeout: self.attempt_timeout.unwrap_or(limits.attempt_timeout),
                account_timeout: self.account_timeout.unwrap_or(limits.account_timeout),
                accounts_at_once: self.concurrency.unwrap_or(limits.accounts_at_once),
                calls_at_once: self.account_concurrency.unwrap_or(limits.calls_at_once),
                sts_rate: self.sts_rate.unwrap_or(limits.sts_rate),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::{Args, Command as Clap, CommandFactory, Parser};
    use rolecall_core::Settings;

    use super::How;
    use crate::commands::{Arguments, Command};

    fn over_the_defaults(typed: &[String]) -> String {
        let scan = ["rolecall", "scan", "--role-arn", "arn:aws:iam::111111111111:role/R"].map(str::to_owned);
        let Command::Scan(scan) = Arguments::parse_from(scan.iter().chain(typed)).command else {
            panic!("not a scan")
        };
        format!("{:?}", scan.how.over(Settings::default()))
    }

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn the_defaults_that_the_help_tells_are_those_of_the_settings() {
        let default = format!("{:?}", Settings::default());
        for flag in How::augment_args(Clap::new("")).get_arguments() {
            let (name, help) = (flag.get_long().unwrap(), flag.get_help().unwrap().to_string());
            let told = help.split_once("[default: ").map(|(_, told)| told.trim_end_matches(']').to_owned());
            let without = ["no-session-policy", "source-identity", "session-tag"];
            assert!(told.is_some() || without.contains(&name), "{name}");
            let typed: Vec<String> =
                told.map(|told| [format!("--{name}"), told]).into_iter().flatten().collect();
            assert_eq!(over_the_defaults(&typed), default, "{typed:?}");
        }
    }

    #[test]
    fn every_flag_is_a_variable_too() {
        for flag in How::augment_args(Clap::new("")).get_arguments() {
            let name = flag.get_long().unwrap();
            let variable = format!("ROLECALL_{}", name.replace('-', "_").to_uppercase());
            let takes = flag.get_action().takes_values().then(|| flag.get_value_names().unwrap()[0].as_str());
            let text = match takes {
                None => "1",
                Some("TIME") => "17m",
                Some("KEY=VALUE") => "team=17",
                Some("FACTS") => "all",
                Some("exact|report") => "report",
                Some(_) => "17",
            };
            let typed =
                [vec![format!("--{name}")], takes.map(|_| text.to_owned()).into_iter().collect()].concat();
            let set = Settings::of_variables(|asked| (asked == variable).then(|| text.to_owned())).unwrap();
            assert_eq!(format!("{set:?}"), over_the_defaults(&typed), "{variable}");
            assert_ne!(format!("{set:?}"), over_the_defaults(&[]), "{variable}");
        }
    }
}
