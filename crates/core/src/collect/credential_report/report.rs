//! Parses the report: CSV, one row per user.

use std::collections::BTreeMap;

use csv::StringRecord;
use jiff::Timestamp;
use rolecall_roll::{LastUsed, ReportKey, ReportRow, Root, User};

/// The user name of the root user in the report.
const ROOT: &str = "<root_account>";

/// A credential report.
#[derive(Debug, Clone)]
pub(crate) struct Report {
    /// When IAM generated it.
    pub(crate) generated: Timestamp,
    /// The root user; `None` where the report has no such row.
    pub(crate) root: Option<Root>,
    /// The users' rows, by user name.
    pub(crate) rows: BTreeMap<String, ReportRow>,
    /// Creation dates, by user name, which tell users of the same name apart.
    created: BTreeMap<String, Timestamp>,
}

impl Report {
    /// Parses a report that IAM generated at `generated`.
    ///
    /// # Errors
    /// [`InvalidReport`] says what is wrong, as the end of a sentence that begins with "the credential report".
    pub(super) fn parse(content: &[u8], generated: Timestamp) -> Result<Self, InvalidReport> {
        let mut reader = csv::Reader::from_reader(content);
        let columns = Columns::find(reader.headers().map_err(InvalidReport::Format)?)?;
        let mut report = Self { generated, root: None, rows: BTreeMap::new(), created: BTreeMap::new() };
        for record in reader.records() {
            let record = record.map_err(InvalidReport::Record)?;
            let row = Row { record: &record, columns: &columns };
            let user_name = row.text(columns.user);
            if user_name == ROOT {
                report.root = Some(row.root());
                continue;
            }
            if let Some(created) = row.date(columns.user_creation_time) {
                report.created.insert(user_name.to_owned(), created);
            }
            report.rows.insert(user_name.to_owned(), row.user());
        }
        Ok(report)
    }

    /// The row of a user; `None` where it has none, or only that of a deleted user of the same name.
    pub(crate) fn row_of(&self, user: &User) -> Option<&ReportRow> {
        let created = self.created.get(&user.user_name)?;
        // The report has dates in whole seconds.
        (created.as_second() == user.create_date.as_second())
            .then(|| self.rows.get(&user.user_name))
            .flatten()
    }
}

/// Why a report cannot be parsed.
#[derive(Debug, thiserror::Error)]
pub(super) enum InvalidReport {
    /// The header is not CSV.
    #[error("is not valid CSV: {0}")]
    Format(csv::Error),
    /// This column is missing.
    #[error("has no column {0}")]
    MissingColumn(String),
    /// A row cannot be read.
    #[error("has a row that cannot be read: {0}")]
    Record(csv::Error),
}

/// The index of each column.
struct Columns {
    user: usize,
    user_creation_time: usize,
    password_enabled: usize,
    password_last_used: usize,
    password_last_changed: usize,
    mfa_active: usize,
    access_keys: [KeyColumns; 2],
}

/// The index of each column of one of a user's two access keys.
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
        let index = |name: &str| {
            let index = headers.iter().position(|column| column == name);
            index.ok_or_else(|| InvalidReport::MissingColumn(name.to_owned()))
        };
        let access_key = |number: u32| {
            let index = |name: &str| index(&format!("access_key_{number}_{name}"));
            Ok(KeyColumns {
                active: index("active")?,
                last_rotated: index("last_rotated")?,
                last_used_date: index("last_used_date")?,
                last_used_service: index("last_used_service")?,
                last_used_region: index("last_used_region")?,
            })
        };
        Ok(Self {
            user: index("user")?,
            user_creation_time: index("user_creation_time")?,
            password_enabled: index("password_enabled")?,
            password_last_used: index("password_last_used")?,
            password_last_changed: index("password_last_changed")?,
            mfa_active: index("mfa_active")?,
            access_keys: [access_key(1)?, access_key(2)?],
        })
    }
}

/// A row of the report, with the indexes of its columns.
struct Row<'a> {
    record: &'a StringRecord,
    columns: &'a Columns,
}

impl Row<'_> {
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

    /// A date; `None` for "N/A", `no_information` and `not_supported`.
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
        for (text, message) in [("", "no column user"), ("user,arn\n", "no column user_creation_time")] {
            let problem =
                Report::parse(text.as_bytes(), jiff::Timestamp::UNIX_EPOCH).unwrap_err().to_string();
            assert!(problem.contains(message), "{problem}");
        }
    }
}
