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
    pub(crate) root: Option<Result<Root, InvalidCell>>,
    /// The users' rows, by user name.
    pub(crate) rows: BTreeMap<String, Result<ReportRow, InvalidCell>>,
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
            let user_name = row.text(&columns.user);
            if user_name == ROOT {
                report.root = Some(row.root());
                continue;
            }
            // Every user has a date of creation. Without it, the row could be that of a deleted user of the same name.
            let no_date = || InvalidCell(columns.user_creation_time.name.clone());
            let created = row.date(&columns.user_creation_time).and_then(|date| date.ok_or_else(no_date));
            if let Ok(created) = created {
                report.created.insert(user_name.to_owned(), created);
            }
            if report.rows.insert(user_name.to_owned(), created.and_then(|_| row.user())).is_some() {
                return Err(InvalidReport::RepeatedUser);
            }
        }
        Ok(report)
    }

    /// The row of a user; `None` where it has none, or only that of a deleted user of the same name.
    pub(crate) fn row_of(&self, user: &User) -> Option<&Result<ReportRow, InvalidCell>> {
        let row = self.rows.get(&user.user_name)?;
        let created = self.created.get(&user.user_name);
        // The report has dates in whole seconds.
        let is_of_user = |created: &Timestamp| created.as_second() == user.create_date.as_second();
        created.is_none_or(is_of_user).then_some(row)
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
    /// Two rows are of the same user.
    #[error("has two rows with the same user name")]
    RepeatedUser,
}

/// A cell that has none of the values that AWS documents for its column. The value is not repeated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the credential report has no valid {0} in the row")]
pub(crate) struct InvalidCell(pub(super) String);

/// A column, with its index.
struct Column {
    name: String,
    index: usize,
}

/// The columns that are read.
struct Columns {
    user: Column,
    user_creation_time: Column,
    password_enabled: Column,
    password_last_used: Column,
    password_last_changed: Column,
    mfa_active: Column,
    access_keys: [KeyColumns; 2],
}

/// The columns of one of a user's two access keys.
struct KeyColumns {
    active: Column,
    last_rotated: Column,
    last_used_date: Column,
    last_used_service: Column,
    last_used_region: Column,
}

impl Columns {
    fn find(headers: &StringRecord) -> Result<Self, InvalidReport> {
        let column = |name: &str| {
            let index = headers.iter().position(|column| column == name);
            let index = index.ok_or_else(|| InvalidReport::MissingColumn(name.to_owned()))?;
            Ok(Column { name: name.to_owned(), index })
        };
        let access_key = |number: u32| {
            let column = |name: &str| column(&format!("access_key_{number}_{name}"));
            Ok(KeyColumns {
                active: column("active")?,
                last_rotated: column("last_rotated")?,
                last_used_date: column("last_used_date")?,
                last_used_service: column("last_used_service")?,
                last_used_region: column("last_used_region")?,
            })
        };
        Ok(Self {
            user: column("user")?,
            user_creation_time: column("user_creation_time")?,
            password_enabled: column("password_enabled")?,
            password_last_used: column("password_last_used")?,
            password_last_changed: column("password_last_changed")?,
            mfa_active: column("mfa_active")?,
            access_keys: [access_key(1)?, access_key(2)?],
        })
    }
}

/// A row of the report, with the columns.
struct Row<'a> {
    record: &'a StringRecord,
    columns: &'a Columns,
}

impl Row<'_> {
    fn root(&self) -> Result<Root, InvalidCell> {
        let [first, second] = &self.columns.access_keys;
        Ok(Root {
            access_keys_active: [self.flag(&first.active)?, self.flag(&second.active)?],
            mfa_active: self.flag(&self.columns.mfa_active)?,
            password_last_used: self.date(&self.columns.password_last_used)?,
        })
    }

    fn user(&self) -> Result<ReportRow, InvalidCell> {
        let [first, second] = &self.columns.access_keys;
        let password_enabled = &self.columns.password_enabled;
        Ok(ReportRow {
            password_enabled: match self.text(password_enabled) {
                NOT_SUPPORTED => None,
                _ => Some(self.flag(password_enabled)?),
            },
            password_last_used: self.date(&self.columns.password_last_used)?,
            password_last_changed: self.date(&self.columns.password_last_changed)?,
            mfa_active: self.flag(&self.columns.mfa_active)?,
            access_keys: [self.access_key(first)?, self.access_key(second)?],
        })
    }

    fn access_key(&self, key: &KeyColumns) -> Result<ReportKey, InvalidCell> {
        let text = |column| Some(self.text(column)).filter(|text| !text.is_empty() && !is_no_value(text));
        let service = text(&key.last_used_service).map(str::to_owned);
        let region = text(&key.last_used_region).map(str::to_owned);
        let last_used = match self.date(&key.last_used_date)? {
            Some(date) => Some(LastUsed { date, service, region }),
            None if service.is_none() && region.is_none() => None,
            // A last use without a date is not "never used".
            None => return Err(InvalidCell(key.last_used_date.name.clone())),
        };
        Ok(ReportKey {
            active: self.flag(&key.active)?,
            last_rotated: self.date(&key.last_rotated)?,
            last_used,
        })
    }

    fn text(&self, column: &Column) -> &str {
        self.record.get(column.index).unwrap_or_default()
    }

    fn flag(&self, column: &Column) -> Result<bool, InvalidCell> {
        match self.text(column) {
            text if text.eq_ignore_ascii_case("true") => Ok(true),
            text if text.eq_ignore_ascii_case("false") => Ok(false),
            _ => Err(InvalidCell(column.name.clone())),
        }
    }

    /// A date; `None` where the cell says that there is none.
    fn date(&self, column: &Column) -> Result<Option<Timestamp>, InvalidCell> {
        match self.text(column) {
            text if is_no_value(text) => Ok(None),
            text => text.parse().map(Some).map_err(|_| InvalidCell(column.name.clone())),
        }
    }
}

/// The value of the root user's `password_enabled`.
const NOT_SUPPORTED: &str = "not_supported";

/// Whether a cell says that there is no value: no password or key, no recorded use, or not for the root user.
fn is_no_value(text: &str) -> bool {
    matches!(text, "N/A" | "no_information" | NOT_SUPPORTED)
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
        let root = report.root.unwrap().unwrap();
        assert_eq!((root.access_keys_active, root.mfa_active), ([true, false], true));
        let alice = report.rows["alice"].as_ref().unwrap();
        assert_eq!((alice.password_enabled, alice.mfa_active), (Some(true), false));
        let used = alice.access_keys[0].last_used.as_ref().unwrap();
        assert_eq!(used.service.as_deref(), Some("s3"));
        assert_eq!((alice.access_keys[1].active, alice.access_keys[1].last_rotated), (false, None));
        // A cell with none of AWS's values makes the row unknown, and not "false" or "never".
        for (valid, invalid) in [
            ("true,2026-11-02", "???,2026-11-02"),
            ("N/A,false,true", "N/A,,true"),
            ("2024-03-02T08:00:00+00:00,2026", "2024-99-02T08:00:00+00:00,2026"),
            ("2026-11-20T06:00:00+00:00", "1"),
            ("2024-02-29T08:30:00+00:00", "N/A"),
            ("2026-11-20T06:00:00+00:00", "N/A"),
        ] {
            let text = text.replace(valid, invalid);
            let report = Report::parse(text.as_bytes(), "2026-11-24T08:00:00Z".parse().unwrap()).unwrap();
            assert!(report.rows["alice"].is_err(), "{invalid}");
            assert!(report.root.unwrap().is_ok());
        }
        let twice = text.lines().chain(text.lines().skip(2)).collect::<Vec<_>>().join("\n");
        assert!(Report::parse(twice.as_bytes(), jiff::Timestamp::UNIX_EPOCH).is_err());
        for (text, message) in [("", "no column user"), ("user,arn\n", "no column user_creation_time")] {
            let problem =
                Report::parse(text.as_bytes(), jiff::Timestamp::UNIX_EPOCH).unwrap_err().to_string();
            assert!(problem.contains(message), "{problem}");
        }
    }
}
