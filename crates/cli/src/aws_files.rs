//! The AWS configuration files, read for what the AWS SDK for Rust refuses or ignores in them: its errors name neither
//! the remedy nor, for most of them, the line.
//!
//! Source of the format: <https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html>

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use rolecall_roll::unprintable_in;

use crate::failure::Failure;

/// The profiles of the files `config` and `credentials`.
pub(crate) struct AwsFiles {
    sections: Vec<Section>,
}

/// A place in a file.
#[derive(Debug, Clone)]
struct Place {
    file: PathBuf,
    line: usize,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}, line {}", self.file.display(), self.line)
    }
}

struct Section {
    place: Place,
    /// The name of the profile; `None` for a section that is not one.
    profile: Option<String>,
    /// Why the AWS SDK ignores the section, if it does.
    ignored: Option<&'static str>,
    properties: Vec<Property>,
}

struct Property {
    place: Place,
    name: String,
    value: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FileKind {
    Config,
    Credentials,
}

const WHITE_SPACE: [char; 2] = [' ', '\t'];

/// The properties that hold a secret, or the id of one.
const CREDENTIALS: [&str; 3] = ["aws_access_key_id", "aws_secret_access_key", "aws_session_token"];

/// Properties that are often in the files. An indented line with one of them was meant as a property of its own.
const KNOWN: [&str; 13] = [
    "aws_access_key_id",
    "aws_secret_access_key",
    "aws_session_token",
    "credential_process",
    "credential_source",
    "external_id",
    "mfa_serial",
    "output",
    "region",
    "role_arn",
    "role_session_name",
    "source_profile",
    "sso_session",
];

impl AwsFiles {
    /// Reads both files. A file that cannot be read has no profiles.
    ///
    /// # Errors
    /// The first line that the AWS SDK could not parse, with the remedy.
    pub(crate) fn read(config: &Path, credentials: &Path) -> Result<Self, Failure> {
        let mut sections = Vec::new();
        for (path, kind) in [(config, FileKind::Config), (credentials, FileKind::Credentials)] {
            // The SDK skips it too, with a warning if it exists.
            let Ok(bytes) = std::fs::read(path) else { continue };
            let text = std::str::from_utf8(&bytes).map_err(|error| {
                let line = bytes.iter().take(error.valid_up_to()).filter(|byte| **byte == b'\n').count() + 1;
                let place = Place { file: path.to_owned(), line };
                Failure::usage(format!("{place}: not UTF-8"))
                    .with_remedy("save the file as UTF-8, without a byte order mark")
            })?;
            parse(path, kind, text, &mut sections)?;
        }
        Ok(Self { sections })
    }

    /// Why the SDK does not find this profile, if a section looks like it.
    pub(crate) fn why_ignored(&self, profile: &str) -> Option<String> {
        let is_named = |section: &&Section| section.profile.as_deref() == Some(profile);
        let section = self.sections.iter().filter(is_named).find(|section| section.ignored.is_some())?;
        section.ignored.map(|reason| format!("{}: {reason}", section.place))
    }

    /// Refuses what would fail later without naming its line: in the profile, and in those that it takes its credentials from.
    pub(crate) fn check(&self, profile: &str) -> Result<(), Failure> {
        for name in self.chain(profile) {
            if let Some(source) = self.property(&name, "source_profile")
                && !self.sections.iter().any(|section| section.profile.as_ref() == Some(&source.value))
            {
                let problem =
                    format!("{}: there is no profile {} (source_profile)", source.place, source.value);
                return Err(
                    Failure::usage(problem).with_remedy("name a profile of the AWS configuration files")
                );
            }
            for property in self.properties(&name) {
                let Property { place, name: key, value } = property;
                if let Some(problem) = unprintable_in(value).filter(|_| CREDENTIALS.contains(&key.as_str())) {
                    return Err(Failure::usage(format!("{place}: {key} has {problem}"))
                        .with_remedy("write the value again, without that character"));
                }
            }
            // Without a role, only other tools use it.
            if let (Some(mfa), Some(_)) =
                (self.property(&name, "mfa_serial"), self.property(&name, "role_arn"))
            {
                let problem = format!(
                    "{}: profile {name} needs an MFA code (mfa_serial), which rolecall does not ask for",
                    mfa.place
                );
                let remedy = format!(
                    "let the AWS CLI ask for it, then run rolecall without --profile: \
                     eval \"$(aws configure export-credentials --profile {profile} --format env)\""
                );
                return Err(Failure::usage(problem).with_remedy(remedy));
            }
        }
        Ok(())
    }

    /// The secrets in the profile, and in those that it takes its credentials from.
    pub(crate) fn secrets(&self, profile: &str) -> Vec<&str> {
        let is_secret = |property: &&Property| {
            ["aws_secret_access_key", "aws_session_token", "external_id"].contains(&property.name.as_str())
        };
        let chain = self.chain(profile);
        let properties = chain.iter().flat_map(|name| self.properties(name));
        properties.filter(is_secret).map(|property| property.value.as_str()).collect()
    }

    /// The profile, that of its `source_profile`, and so on.
    fn chain(&self, profile: &str) -> Vec<String> {
        let mut chain = vec![profile.to_owned()];
        let mut seen = BTreeSet::from([profile.to_owned()]);
        while let Some(source) = chain.last().and_then(|name| self.property(name, "source_profile")) {
            if !seen.insert(source.value.clone()) {
                break;
            }
            chain.push(source.value.clone());
        }
        chain
    }

    fn properties(&self, profile: &str) -> impl Iterator<Item = &Property> {
        let is_read = move |section: &&Section| {
            section.profile.as_deref() == Some(profile) && section.ignored.is_none()
        };
        self.sections.iter().filter(is_read).flat_map(|section| &section.properties)
    }

    /// The last value counts: that of the credentials file takes precedence.
    fn property(&self, profile: &str, name: &str) -> Option<&Property> {
        self.properties(profile).filter(|property| property.name == name).last()
    }
}

/// Adds the sections of one file.
fn parse(path: &Path, kind: FileKind, text: &str, sections: &mut Vec<Section>) -> Result<(), Failure> {
    let first = sections.len();
    for (line, text) in (1..).zip(text.lines()) {
        let place = Place { file: path.to_owned(), line };
        let refuse = |problem: &str, remedy: &str| {
            Err(Failure::usage(format!("{place}: {problem}")).with_remedy(remedy))
        };
        if text.starts_with('\u{feff}') {
            return refuse(
                "a byte order mark, which the AWS SDK does not accept",
                "save the file as UTF-8 without a byte order mark",
            );
        }
        if text.trim_matches(WHITE_SPACE).is_empty() || text.starts_with(['#', ';']) {
            continue;
        }
        if text.starts_with('[') {
            let Some(name) = section_name(text) else {
                return refuse(
                    "a section without ], or with text behind it",
                    "write [default] or [profile NAME] alone on its line",
                );
            };
            sections.push(Section::new(place, kind, name));
            continue;
        }
        let Some(section) = sections.get_mut(first..).and_then(<[_]>::last_mut) else {
            return refuse(
                "a property before the first section",
                "begin the file with [default] or [profile NAME]",
            );
        };
        let property = property(text);
        if text.starts_with(WHITE_SPACE) {
            continue_property(section, &place, text, property.as_ref())?;
            continue;
        }
        let Some((name, value)) = property else {
            return refuse("no NAME = VALUE", "write NAME = VALUE, or # before a comment");
        };
        section.properties.push(Property { place, name, value });
    }
    Ok(())
}

/// An indented line: it continues the property above it.
fn continue_property(
    section: &mut Section,
    place: &Place,
    text: &str,
    nested: Option<&(String, String)>,
) -> Result<(), Failure> {
    let is_known = nested.is_some_and(|(name, _)| KNOWN.contains(&name.as_str()));
    let refuse = |problem: String| {
        let failure = Failure::usage(format!("{place}: {problem}"));
        Err(failure.with_remedy("remove the spaces at the beginning of the line"))
    };
    match section.properties.last_mut() {
        None => {
            refuse("this property is indented, which the AWS CLI accepts and the AWS SDK does not".to_owned())
        }
        Some(property) if !property.value.is_empty() && is_known => refuse(format!(
            "this line is indented, and so belongs to the value of {} above it",
            property.name
        )),
        Some(property) if property.value.is_empty() && nested.is_none() => {
            refuse(format!("no NAME = VALUE below {}", property.name))
        }
        Some(property) => {
            // The value of a property with nested ones stays empty.
            if !property.value.is_empty() {
                property.value += &format!("\n{}", text.trim_matches(WHITE_SPACE));
            }
            Ok(())
        }
    }
}

impl Section {
    fn new(place: Place, kind: FileKind, name: &str) -> Self {
        let (prefix, suffix) = match name.split_once(WHITE_SPACE) {
            Some((prefix, suffix)) => (Some(prefix), suffix.trim()),
            None => (None, name),
        };
        let unquoted = suffix.trim_matches(['"', '\'']).to_owned();
        let is_invalid = suffix.contains(|c: char| !c.is_ascii_alphanumeric() && !"_-/.%@:+".contains(c));
        let (profile, ignored) = match (kind, prefix) {
            (FileKind::Config, None) if name != "default" => {
                (Some(unquoted), Some("in this file the section of a profile is [profile NAME]"))
            }
            (FileKind::Credentials, Some("profile")) => (
                Some(unquoted),
                Some("in this file the section of a profile is [NAME], without the word profile"),
            ),
            (FileKind::Config, Some("profile")) | (_, None) => {
                let reason = "the AWS SDK ignores a profile whose name has quotes, spaces or other special characters; rename it";
                (Some(unquoted), is_invalid.then_some(reason))
            }
            (_, Some(_)) => (None, None),
        };
        Self { place, profile, ignored, properties: Vec::new() }
    }
}

/// The text between the brackets, without a comment behind them.
fn section_name(text: &str) -> Option<&str> {
    let text = text.split(['#', ';']).next().unwrap_or_default().trim_matches(WHITE_SPACE);
    Some(text.strip_prefix('[')?.strip_suffix(']')?.trim_matches(WHITE_SPACE))
}

/// Name and value. A comment behind a value has white space before it.
fn property(text: &str) -> Option<(String, String)> {
    let comment = text
        .match_indices(['#', ';'])
        .find(|(at, _)| text.get(..*at).is_some_and(|before| before.ends_with(char::is_whitespace)));
    let text = comment.map_or(text, |(at, _)| text.get(..at).unwrap_or_default());
    let (name, value) = text.split_once('=')?;
    let name = name.trim_matches(WHITE_SPACE).to_ascii_lowercase();
    (!name.is_empty()).then(|| (name, value.trim_matches(WHITE_SPACE).to_owned()))
}

#[cfg(test)]
mod tests {
    use super::AwsFiles;

    fn read(config: &[u8], credentials: &[u8]) -> Result<AwsFiles, String> {
        let folder = tempfile::tempdir().unwrap();
        let files = [("config", config), ("credentials", credentials)].map(|(name, text)| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        });
        let [config, credentials] = &files;
        let short = |text: String| text.replace(&format!("{}/", folder.path().display()), "");
        AwsFiles::read(config, credentials).map_err(|failure| short(format!("{failure:?}")))
    }

    fn check(config: &str, credentials: &str, profile: &str) -> Result<(), String> {
        let files = read(config.as_bytes(), credentials.as_bytes())?;
        files.check(profile).map_err(|failure| format!("{failure:?}"))
    }

    #[test]
    fn a_line_that_the_sdk_cannot_parse_is_named() {
        for (config, expected) in [
            (&b"[profile hub]\n    region = us-east-1\n"[..], "config, line 2: this property is indented"),
            (
                b"[profile hub]\nregion = x\n  role_arn = y\n",
                "config, line 3: this line is indented, and so belongs to",
            ),
            (b"\xef\xbb\xbf[default]\n", "config, line 1: a byte order mark"),
            (b"[default]\nregion = \xff\n", "config, line 2: not UTF-8"),
            (b"[profile hub] x\n", "config, line 1: a section without ], or with text behind it"),
            (b"[profile hub\n", "config, line 1: a section without ], or with text behind it"),
            (
                b"[default]\rregion = us-east-1\r",
                "config, line 1: a section without ], or with text behind it",
            ),
            (b"region = us-east-1\n", "config, line 1: a property before the first section"),
            (b"[default]\n\nregion: us-east-1\n", "config, line 3: no NAME = VALUE"),
            (b"[default]\n= us-east-1\n", "config, line 2: no NAME = VALUE"),
            (b"[default]\ns3 =\n  banana\n", "config, line 3: no NAME = VALUE below s3"),
        ] {
            let problem = read(config, b"").err().unwrap_or_default();
            assert!(problem.contains(expected), "{expected}: {problem}");
        }
        let valid = "# comment\r\n[profile hub] # hub\r\nregion = us-east-1 ; here\r\ns3 =\r\n  max = 1\r\n[services x]\nsts =\n a = b\n";
        let files = read(valid.as_bytes(), b"[hub]\naws_session_token =\n").unwrap();
        assert_eq!(files.property("hub", "region").unwrap().value, "us-east-1");
        files.check("hub").unwrap();
    }

    #[test]
    fn a_section_that_the_sdk_ignores_is_explained() {
        let config = b"[hub]\n[profile \"my hub\"]\n[profile ok]\n";
        let files = read(config, b"[profile other]\n[ok]\n").unwrap();
        for (profile, expected) in [
            ("hub", Some("line 1: in this file the section of a profile is [profile NAME]")),
            ("my hub", Some("line 2: the AWS SDK ignores a profile whose name")),
            ("other", Some("line 1: in this file the section of a profile is [NAME]")),
            ("ok", None),
            ("nobody", None),
        ] {
            let found = files.why_ignored(profile);
            assert_eq!(found.is_some(), expected.is_some(), "{profile}: {found:?}");
            assert!(found.unwrap_or_default().contains(expected.unwrap_or_default()), "{profile}");
        }
    }

    #[test]
    fn credentials_and_mfa_of_a_profile_and_of_its_sources_are_checked() {
        let config = "[profile hub]\nrole_arn = r\nsource_profile = mid\n[profile mid]\nrole_arn = r\nmfa_serial = m\n\
                      source_profile = base\n[profile base]\nsource_profile = hub\nmfa_serial = unused\n";
        let problem = check(config, "", "hub").unwrap_err();
        assert!(problem.contains("line 6: profile mid needs an MFA code"), "{problem}");
        assert!(problem.contains("export-credentials --profile hub"), "{problem}");
        check("[default]\nmfa_serial = m\n", "", "default").unwrap();
        let problem = check("[profile a]\nrole_arn = r\nsource_profile = nobody\n", "", "a").unwrap_err();
        assert!(problem.contains("line 3: there is no profile nobody (source_profile)"), "{problem}");
        for (credentials, expected) in [
            (
                "[default]\naws_access_key_id = AKIA\rS3CRET\n",
                "line 2: aws_access_key_id has a carriage return",
            ),
            (
                "[default]\naws_secret_access_key = s3cret s3cret\n",
                "line 2: aws_secret_access_key has a space",
            ),
            ("[default]\naws_session_token = s3cretÉ\n", "line 2: aws_session_token has a character"),
            ("[default]\naws_session_token = s3cret\n more\n", "line 2: aws_session_token has a line break"),
        ] {
            let problem = check("", credentials, "default").unwrap_err();
            assert!(problem.contains(expected) && !problem.to_lowercase().contains("s3cret"), "{problem}");
        }
        let files =
            read(config.as_bytes(), b"[base]\naws_secret_access_key = one\n[other]\nexternal_id = two\n")
                .unwrap();
        assert_eq!(files.secrets("hub"), ["one"]);
    }
}
