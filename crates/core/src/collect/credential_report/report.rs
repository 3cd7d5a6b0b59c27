//! The report itself: a table of CSV, a row a user.

use std::collections::BTreeMap;

use csv::StringRecord;
use jiff::Timestamp;
use rolecall_roll::{LastUsed, ReportKey, ReportRow, Root, User};

/// How the root user is called in the report.
const ROOT: &str = "<root_account>";

/// A credential report.
#[derive(Debug, Clone)]
pub(crate) struct Report {
    /// When it was made.
    pub(crate) generated: Timestamp,
    /// The root user.
    pub(crate) root: Option<Root>,
    /// The users, by name.
    pub(crate) rows: BTreeMap<String, ReportRow>,
    created: BTreeMap<String, Timestamp>,
}

impl Report {
    /// Reads a report that was made then.
    ///
    /// # Errors
    /// [`InvalidReport`] says what is wrong, as the end of a sentence about the report.
    pub(super) fn parse(content: &[u8], generated: Timestamp) -> Result<Self, InvalidReport> {
        let mut reader = csv::Reader::from_reader(content);
        let columns = Columns::find(reader.headers().map_err(InvalidReport::NoCsv)?)?;
        let mut report = Self { generated, root: None, rows: BTreeMap::new(), created: BTreeMap::new() };
        for record in reader.records() {
            let record = record.map_err(InvalidReport::BreaksOff)?;
            let line = Line { record: &record, columns: &columns };
            let user_name = line.text(columns.user);
            if user_name == ROOT {
                report.root = Some(line.root());
                continue;
            }
            if let Some(created) = line.date(columns.user_creation_time) {
                report.created.insert(user_name.to_owned(), created);
            }
            report.rows.insert(user_name.to_owned(), line.user());
        }
        Ok(report)
    }

    /// What it says of a user; `None` where it says nothing, or of an earlier user of this name.
    pub(crate) fn row_of(&self, user: &User) -> Option<&ReportRow> {
        let created = self.created.get(&user.user_name)?;
        // IAM gives dates in whole seconds here.
        (created.as_second() == user.create_date.as_second())
            .then(|| self.rows.get(&user.user_name))
            .flatten()
    }
}

/// What is wrong with a report.
#[derive(Debug, thiserror::Error)]
pub(super) enum InvalidReport {
    /// It is another format.
    #[error("is no CSV: {0}")]
    NoCsv(csv::Error),
    /// It has no column of this name.
    #[error("has no column {0}")]
    NoColumn(String),
    /// A line of it cannot be read.
    #[error("breaks off: {0}")]
    BreaksOff(csv::Error),
}

/// Where each column stands.
struct Columns {
    user: usize,
    user_creation_time: usize,
    password_enabled: usize,
    password_last_used: usize,
    password_last_changed: usize,
    mfa_active: usize,
    access_keys: [KeyColumns; 2],
}

/// Where each column of one of a user's two access keys stands.
#[derive(Clone, Copy)]
struct KeyColumns {
    active: usize,
    last_rotated: usize,
    last_used_date: usize,
    last_used_service: usize,
    last_used_region: usize,
}

impl Columns {
    fn find(headers: &StringRecord) -> Result<Self, InvalidReport> {
        let place = |name: &str| {
            let place = headers.iter().position(|column| column == name);
            place.ok_or_else(|| InvalidReport::NoColumn(name.to_owned()))
        };
        let access_key = |number: u32| {
            let place = |name: &str| place(&format!("access_key_{number}_{name}"));
            Ok(KeyColumns {
                active: place("active")?,
                last_rotated: place("last_rotated")?,
                last_used_date: place("last_used_date")?,
                last_used_service: place("last_used_service")?,
                last_used_region: place("last_used_region")?,
            })
        };
        Ok(Self {
            user: place("user")?,
            user_creation_time: place("user_creation_time")?,
            password_enabled: place("password_enabled")?,
            password_last_used: place("password_last_used")?,
            password_last_changed: place("password_last_changed")?,
            mfa_active: place("mfa_active")?,
            access_keys: [access_key(1)?, access_key(2)?],
        })
    }
}

/// A line of the report, with what its cells mean.
struct Line<'a> {
    record: &'a StringRecord,
    columns: &'a Columns,
}

impl Line<'_> {
    fn root(&self) -> Root {
        Root {
            access_keys_active: self.columns.access_keys.map(|key| self.is_true(key.active)),
            mfa_active: self.is_true(self.columns.mfa_active),
            password_last_used: self.date(self.columns.password_last_used),
        }
    }

    fn user(&self) -> ReportRow {
        ReportRow {
            password_enabled: match self.text(self.columns.password_enabled).to_ascii_lowercase().as_str() {
                "true" => Some(true),
                "false" => Some(false),
                _ => None,
            },
            password_last_used: self.date(self.columns.password_last_used),
            password_last_changed: self.date(self.columns.password_last_changed),
            mfa_active: self.is_true(self.columns.mfa_active),
            access_keys: self.columns.access_keys.map(|key| self.access_key(key)),
        }
    }

    fn access_key(&self, key: KeyColumns) -> ReportKey {
        let known = |column: usize| Some(self.text(column)).filter(|text| !text.is_empty() && *text != "N/A");
        let last_used = |date| LastUsed {
            date,
            service: known(key.last_used_service).map(str::to_owned),
            region: known(key.last_used_region).map(str::to_owned),
        };
        ReportKey {
            active: self.is_true(key.active),
            last_rotated: self.date(key.last_rotated),
            last_used: self.date(key.last_used_date).map(last_used),
        }
    }

    fn text(&self, column: usize) -> &str {
        self.record.get(column).unwrap_or_default()
    }

    fn is_true(&self, column: usize) -> bool {
        self.text(column).eq_ignore_ascii_case("true")
    }

    /// A date; "N/A", `no_information` and `not_supported` are none.
    fn date(&self, column: usize) -> Option<Timestamp> {
        self.text(column).parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::Report;

    #[test]
    fn a_report_is_read_by_the_names_of_its_columns() {
        let text = "user,arn,user_creation_time,password_enabled,password_last_used,password_last_changed,\
                    password_next_rotation,mfa_active,access_key_1_active,access_key_1_last_rotated,\
                    access_key_1_last_used_date,access_key_1_last_used_region,access_key_1_last_used_service,\
                    access_key_2_active,access_key_2_last_rotated,access_key_2_last_used_date,\
                    access_key_2_last_used_region,access_key_2_last_used_service,cert_1_active\n\
                    <root_account>,arn:aws:iam::1:root,2020-01-01T00:00:00+00:00,not_supported,no_information,\
                    not_supported,not_supported,true,true,2020-01-01T00:00:00+00:00,N/A,N/A,N/A,false,N/A,N/A,N/A,N/A,false\n\
                    alice,arn:aws:iam::1:user/alice,2024-02-29T08:30:00+00:00,true,2026-11-02T17:45:00+00:00,\
                    2025-01-01T00:00:00+00:00,N/A,false,true,2024-03-02T08:00:00+00:00,2026-11-20T06:00:00+00:00,\
                    eu-central-1,s3,false,N/A,N/A,N/A,N/A,false\n";
        let report = Report::parse(text.as_bytes(), "2026-11-24T08:00:00Z".parse().unwrap()).unwrap();
        let root = report.root.unwrap();
        assert_eq!((root.access_keys_active, root.mfa_active), ([true, false], true));
        let alice = &report.rows["alice"];
        assert_eq!((alice.password_enabled, alice.mfa_active), (Some(true), false));
        let used = alice.access_keys[0].last_used.as_ref().unwrap();
        assert_eq!(used.service.as_deref(), Some("s3"));
        assert_eq!((alice.access_keys[1].active, alice.access_keys[1].last_rotated), (false, None));
        for (text, words) in [("", "no column user"), ("user,arn\n", "no column user_creation_time")] {
            let problem =
                Report::parse(text.as_bytes(), jiff::Timestamp::UNIX_EPOCH).unwrap_err().to_string();
            assert!(problem.contains(words), "{problem}");
        }
    }
}
