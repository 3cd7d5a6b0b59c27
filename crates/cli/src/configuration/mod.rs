//! `rolecall.toml`: what a person would else type each time. Flags and variables come before it.

mod judging;

use std::collections::BTreeMap;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rolecall_core::collect::parse_facts;
use rolecall_core::settings::{self, Settings};
use rolecall_core::targets::{Named, Template};
use rolecall_roll::{AcceptedGap, Account, AccountId, ExternalId, RoleArn, RoleName, RoleSessionName};
use serde::Deserialize;
use toml::Spanned;

use crate::failure::Failure;
use judging::{OneException, Owners, RuleChange, date, is_said};

/// Where it is looked for when nobody names it.
pub(crate) const FILE: &str = "rolecall.toml";

/// What the file says.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Configuration {
    /// Whether there is such a file.
    #[serde(skip)]
    pub(crate) is_there: bool,
    /// The file without its secrets.
    #[serde(skip)]
    without_secrets: Option<String>,
    /// The folder of the file, from which the paths in it are looked for.
    #[serde(skip)]
    pub(crate) folder: PathBuf,
    pub(crate) role_name: Option<RoleName>,
    role_template: Option<Spanned<String>>,
    external_id: Option<Spanned<toml::Value>>,
    pub(crate) via: Vec<RoleArn>,
    collect: Option<Spanned<String>>,
    reads: Option<Spanned<String>>,
    pub(crate) accounts: Option<PathBuf>,
    pub(crate) include: Vec<String>,
    pub(crate) exclude: Vec<String>,
    pub(crate) organization: Option<Organization>,
    account: Vec<OneAccount>,
    session: Session,
    limits: Limits,
    accept: Vec<Accepted>,
    rules: BTreeMap<Spanned<String>, RuleChange>,
    exception: Vec<Spanned<OneException>>,
    owners: Owners,
    /// Of the file, what of it is read above and then checked.
    #[serde(skip)]
    pub(crate) template: Option<Template>,
    #[serde(skip)]
    pub(crate) secret: Option<ExternalId>,
    #[serde(skip)]
    pub(crate) named: Vec<Named>,
    #[serde(skip)]
    pub(crate) accepted: Vec<AcceptedGap>,
    /// How a roll is judged.
    #[serde(skip)]
    pub(crate) judging: rolecall_report::Settings,
}

/// What is wanted of AWS Organizations.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Organization {
    /// Whether `rolecall scan` without flags asks it.
    pub(crate) ask: bool,
    pub(crate) role_arn: Option<RoleArn>,
    pub(crate) ou: Vec<String>,
    account_tag: Vec<Spanned<String>>,
    pub(crate) account_tags: bool,
    #[serde(skip)]
    pub(crate) tags: Vec<(String, String)>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct OneAccount {
    account_id: AccountId,
    role_arn: Option<RoleArn>,
    role_name: Option<RoleName>,
    external_id: Option<Spanned<toml::Value>>,
    #[serde(default)]
    via: Vec<RoleArn>,
    name: Option<String>,
    tags: Option<std::collections::BTreeMap<String, String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Session {
    name: Option<RoleSessionName>,
    duration: Option<Spanned<String>>,
    narrow: Option<bool>,
    source_identity: Option<RoleSessionName>,
    tags: std::collections::BTreeMap<String, String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Limits {
    concurrency: Option<Spanned<i64>>,
    account_concurrency: Option<Spanned<i64>>,
    sts_rate: Option<Spanned<i64>>,
    max_attempts: Option<Spanned<i64>>,
    initial_backoff: Option<Spanned<String>>,
    max_backoff: Option<Spanned<String>>,
    connect_timeout: Option<Spanned<String>>,
    read_timeout: Option<Spanned<String>>,
    attempt_timeout: Option<Spanned<String>>,
    account_timeout: Option<Spanned<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Accepted {
    account_id: Spanned<AccountId>,
    owner: Spanned<String>,
    reason: Spanned<String>,
    until: Spanned<toml::Value>,
}

/// The file that is named, or `rolecall.toml` of the folder that one is in, where there is one.
pub(crate) fn read(named: Option<&Path>) -> Result<Configuration, Failure> {
    let path = named.unwrap_or(Path::new(FILE));
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && named.is_none() => {
            return Ok(Configuration::default());
        }
        Err(error) => return Err(Failure::usage(format!("{}: {error}", path.display()))),
    };
    parse(&text, path).map_err(|problem| {
        Failure::usage(problem).with_remedy("`rolecall init` writes a file with all that may stand in it")
    })
}

fn parse(text: &str, path: &Path) -> Result<Configuration, String> {
    // The line itself is not shown, as the reader of TOML would: it may hold an external id.
    let at = |span: Option<Range<usize>>, problem: &str| {
        let before = span.and_then(|span| text.get(..span.start)).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        format!("{}:{line}:{column}: {problem}", path.display())
    };
    let read: Result<Configuration, toml::de::Error> = toml::from_str(text);
    let mut configuration = read.map_err(|error| at(error.span(), error.message()))?;
    configuration.is_there = true;
    configuration.without_secrets = toml::from_str::<toml::Table>(text).ok().map(|mut table| {
        table.iter_mut().for_each(|(name, value)| redact(name, value));
        table.to_string()
    });
    configuration.folder = path.parent().map(Path::to_owned).unwrap_or_default();
    let external_id = |value: &Option<Spanned<toml::Value>>| -> Result<Option<ExternalId>, String> {
        let Some(value) = value else { return Ok(None) };
        let wrong = |problem: &str| at(Some(value.span()), &format!("external_id: {problem}"));
        let text = value.get_ref().as_str().ok_or_else(|| wrong("it is no text; put it in quotes"))?;
        text.parse().map(Some).map_err(|problem: rolecall_roll::Invalid| wrong(&problem.to_string()))
    };
    configuration.secret = external_id(&configuration.external_id)?;
    if let Some(template) = &configuration.role_template {
        let parsed =
            template.get_ref().parse().map_err(|problem: String| at(Some(template.span()), &problem))?;
        configuration.template = Some(parsed);
    }
    for one in &configuration.account {
        let OneAccount { account_id, role_arn, role_name, via, name, tags, .. } = one;
        let is_known = name.is_some() || tags.is_some();
        let known = Account { name: name.clone(), tags: tags.clone(), ..Account::default() };
        configuration.named.push(Named {
            role_arn: role_arn.clone(),
            role_name: role_name.clone(),
            external_id: external_id(&one.external_id)?,
            via: via.clone(),
            account: is_known.then_some(known),
            ..Named::of(account_id.clone())
        });
    }
    if let Some(organization) = &mut configuration.organization {
        for tag in &organization.account_tag {
            let parsed = settings::tag(tag.get_ref()).map_err(|problem| at(Some(tag.span()), &problem))?;
            organization.tags.push(parsed);
        }
    }
    let wrong = |(span, problem): (Range<usize>, String)| at(Some(span), &problem);
    for Accepted { account_id, owner, reason, until } in &configuration.accept {
        is_said("owner", owner).and_then(|()| is_said("reason", reason)).map_err(wrong)?;
        if configuration.accepted.iter().any(|gap| gap.account_id == *account_id.get_ref()) {
            let problem = format!("the gap of {} is accepted twice; say it once", account_id.get_ref());
            return Err(at(Some(account_id.span()), &problem));
        }
        configuration.accepted.push(AcceptedGap {
            account_id: account_id.get_ref().clone(),
            owner: owner.get_ref().clone(),
            reason: reason.get_ref().clone(),
            until: date(until).map_err(wrong)?,
        });
    }
    let Configuration { rules, exception, owners, .. } = &configuration;
    configuration.judging = judging::settings(rules, exception, owners).map_err(wrong)?;
    // Tried now, so that what is wrong is told with its place.
    configuration.over(Settings::default()).map_err(|(span, problem)| at(Some(span), &problem))?;
    Ok(configuration)
}

impl Configuration {
    /// These settings, but for what the file says.
    pub(crate) fn settings(&self, settings: Settings) -> Settings {
        // What it says was tried when it was read.
        self.over(settings).unwrap_or_default()
    }

    /// What the file says, its external ids left out and its comments with them.
    pub(crate) fn without_secrets(&self) -> Option<&str> {
        self.without_secrets.as_deref()
    }

    fn over(&self, mut settings: Settings) -> Result<Settings, (Range<usize>, String)> {
        let Session { name, duration, narrow, source_identity, tags } = &self.session;
        let session = &mut settings.session;
        if let Some(name) = name {
            session.name = name.clone();
        }
        set(&mut session.duration, duration.as_ref(), settings::session_duration)?;
        session.narrow = narrow.unwrap_or(session.narrow);
        session.source_identity = source_identity.clone().or(session.source_identity.take());
        if !tags.is_empty() {
            session.tags = tags.clone().into_iter().collect();
        }
        set(&mut settings.selection.facts, self.collect.as_ref(), parse_facts)?;
        set(&mut settings.selection.reads, self.reads.as_ref(), str::parse)?;
        let (from, to) = (&self.limits, &mut settings.limits);
        set_number(&mut to.accounts_at_once, from.concurrency.as_ref(), settings::at_once)?;
        set_number(&mut to.calls_at_once, from.account_concurrency.as_ref(), settings::at_once)?;
        set_number(&mut to.sts_rate, from.sts_rate.as_ref(), settings::rate)?;
        set_number(&mut to.max_attempts, from.max_attempts.as_ref(), settings::attempts)?;
        let times: [(&mut Duration, &Option<Spanned<String>>); 6] = [
            (&mut to.initial_backoff, &from.initial_backoff),
            (&mut to.max_backoff, &from.max_backoff),
            (&mut to.connect_timeout, &from.connect_timeout),
            (&mut to.read_timeout, &from.read_timeout),
            (&mut to.attempt_timeout, &from.attempt_timeout),
            (&mut to.account_timeout, &from.account_timeout),
        ];
        for (to, from) in times {
            set(to, from.as_ref(), settings::duration)?;
        }
        Ok(settings)
    }
}

/// Takes away what is secret.
fn redact(name: &str, value: &mut toml::Value) {
    match value {
        _ if name == "external_id" => *value = toml::Value::String("redacted".to_owned()),
        toml::Value::Table(table) => table.iter_mut().for_each(|(name, value)| redact(name, value)),
        toml::Value::Array(values) => values.iter_mut().for_each(|value| redact("", value)),
        _ => {}
    }
}

fn set<T>(
    to: &mut T,
    from: Option<&Spanned<String>>,
    parse: fn(&str) -> Result<T, String>,
) -> Result<(), (Range<usize>, String)> {
    if let Some(from) = from {
        let text = from.get_ref();
        *to = parse(text).map_err(|problem| (from.span(), format!("{text:?}: {problem}")))?;
    }
    Ok(())
}

fn set_number<T>(
    to: &mut T,
    from: Option<&Spanned<i64>>,
    parse: fn(&str) -> Result<T, String>,
) -> Result<(), (Range<usize>, String)> {
    if let Some(from) = from {
        let text = from.get_ref().to_string();
        *to = parse(&text).map_err(|problem| (from.span(), format!("{text}: {problem}")))?;
    }
    Ok(())
}

/// The file that `rolecall init` writes: all that may stand in it, what is usual set and the rest as it could be.
pub(crate) const EXAMPLE: &str = include_str!("../rolecall.toml");

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{EXAMPLE, parse};

    #[test]
    fn the_example_is_one_and_so_is_all_that_stands_in_it_as_a_comment() {
        let configuration = parse(EXAMPLE, Path::new("rolecall.toml")).unwrap();
        assert!(configuration.organization.unwrap().ask);
        // `#key = …` is what could stand there, `# …` is said about it.
        let uncommented: String = EXAMPLE
            .lines()
            .map(|line| line.strip_prefix('#').filter(|rest| !rest.starts_with([' ', '#'])).unwrap_or(line))
            .map(|line| format!("{line}\n"))
            .collect();
        let whole = parse(&uncommented, Path::new("rolecall.toml")).unwrap();
        assert_eq!((whole.named.len(), whole.accepted.len()), (1, 1));
        assert_eq!((whole.judging.exceptions.len(), whole.judging.rules.len()), (1, 2));
        assert_eq!(whole.judging.owners, rolecall_report::Settings::default().owners);
        assert!(whole.secret.is_some() && whole.template.is_some());
        assert_eq!(whole.settings(rolecall_core::Settings::default()).limits.accounts_at_once, 64);
    }

    #[test]
    fn what_is_wrong_is_told_with_file_line_and_column_and_a_secret_is_not_repeated() {
        for (text, words) in [
            ("role_name = \"a/b\"", "rolecall.toml:1:13: "),
            ("\nrolename = \"a\"", "rolecall.toml:2:1: unknown field `rolename`"),
            ("external_id = \"s3cret id\"", "rolecall.toml:1:15: external_id: "),
            ("external_id = \"s3cret", "rolecall.toml:1:"),
            ("external_id = 73317331", "external_id: it is no text"),
            ("[limits]\nconcurrency = 0", "rolecall.toml:2:15: 0: not a number from 1"),
            ("[limits]\nread_timeout = \"soon\"", "rolecall.toml:2:16: \"soon\": not a time"),
            ("[session]\nduration = \"1m\"", "rolecall.toml:2:12: \"1m\": out of range"),
            (
                "[[accept]]\naccount_id = \"111111111111\"\nowner = \"j\"\nreason = \"r\"",
                "missing field `until`",
            ),
            ("[[account]]\naccount_id = \"42\"", "rolecall.toml:2:14: "),
            (
                "[rules.access-key-agee]\ndays = 1",
                "rolecall.toml:1:8: there is no rule \"access-key-agee\"; there are ",
            ),
            ("[rules.access-key-age]\ndays = -1", "rolecall.toml:2:8: -1: not a number of days"),
            ("[rules.access-key-age]\nseverity = \"bad\"", "rolecall.toml:2:12: \"bad\" is none of critical"),
            ("[rules.root-access-key]\ndays = 1", "rolecall.toml:2:8: 1: root-access-key counts no days"),
            ("[rules.access-key-age]\nday = 1", "rolecall.toml:2:1: unknown field `day`"),
            (
                "[[exception]]\nuser = \"a\"\nowner = \"j\"\nreason = \"r\"\nuntil = \"2027-02-29\"",
                "rolecall.toml:5:9: \"2027-02-29\" is no date",
            ),
            (
                "[[exception]]\nuser = \"a\"\nowner = \"j\"\nreason = \"r\"\nuntil = 2027-01-31T00:00:00Z",
                "rolecall.toml:5:9: ",
            ),
            ("[[exception]]\nuser = \"a\"\nowner = \"j\"\nuntil = 2027-01-31", "missing field `reason`"),
            (
                "[[exception]]\nowner = \"j\"\nreason = \"r\"\nuntil = 2027-01-31",
                "rolecall.toml:1:1: an exception of everything",
            ),
            (
                "[[exception]]\nrule = \"keys-*\"\nowner = \"j\"\nreason = \"r\"\nuntil = 2027-01-31",
                "rolecall.toml:2:8: there is no rule \"keys-*\"",
            ),
            ("[owners]\norder = [\"user_tag\"]", "rolecall.toml:2:10: \"user_tag\" is none of user_tag:NAME"),
            ("role_template = \"x\"", "rolecall.toml:1:17: role template"),
            ("[organization]\naccount_tag = [\"search\"]", "rolecall.toml:2:16: not a tag"),
        ] {
            let problem = parse(text, Path::new("rolecall.toml")).unwrap_err();
            assert!(problem.contains(words), "{words} is not in {problem}");
            assert!(!problem.contains("s3cret") && !problem.contains("73317331"), "{problem}");
        }
    }
}
