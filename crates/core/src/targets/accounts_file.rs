//! Parses the accounts file: CSV with a header, bare account ids, or JSON lines.
//!
//! | column or field | meaning |
//! |---|---|
//! | `account_id` | 12 digits; optional where `role_arn` is given |
//! | `role_arn`, `role_name` | the role to assume; without both, the run's `role_name` |
//! | `external_id` | the external id that the role's trust policy requires |
//! | `via` | the intermediate roles, in order: in CSV separated by spaces, in JSON a list |
//! | `name`, `email` | the account's name and email address |
//! | `tags` | in CSV `key=value` separated by semicolons, in JSON an object |

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::str::FromStr;

use rolecall_roll::{Account, AccountId};
use serde::Deserialize;

use super::{TargetSource, TargetSpec};

/// A line of the file, before its values are validated.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    account_id: Option<String>,
    role_arn: Option<String>,
    role_name: Option<String>,
    external_id: Option<serde_json::Value>,
    #[serde(default)]
    via: Vec<String>,
    name: Option<String>,
    email: Option<String>,
    tags: Option<BTreeMap<String, String>>,
}

const COLUMNS: [&str; 8] =
    ["account_id", "role_arn", "role_name", "external_id", "via", "name", "email", "tags"];

/// The accounts file is not valid. The message names the line and what is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub struct InvalidAccountsFile {
    problem: String,
    /// Whether the text is in none of the formats; else one of its values is invalid.
    pub is_of_unknown_format: bool,
}

impl InvalidAccountsFile {
    fn new(problem: impl Into<String>) -> Self {
        Self { problem: problem.into(), is_of_unknown_format: false }
    }

    fn of_unknown_format(problem: impl Into<String>) -> Self {
        Self { is_of_unknown_format: true, ..Self::new(problem) }
    }
}

/// Parses an accounts file.
///
/// # Errors
/// [`InvalidAccountsFile`] names the line and the field. An external id is not repeated.
pub fn parse(text: &str) -> Result<Vec<TargetSpec>, InvalidAccountsFile> {
    let text = text.trim_start_matches('\u{feff}');
    let first = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    let specs = match first {
        "" => Vec::new(),
        first if first.starts_with('{') => parse_json_lines(text)?,
        first => parse_csv(text, first)?,
    };
    if specs.is_empty() {
        return Err(InvalidAccountsFile::of_unknown_format("no account in the file"));
    }
    Ok(specs)
}

fn parse_json_lines(text: &str) -> Result<Vec<TargetSpec>, InvalidAccountsFile> {
    if is_list_accounts_output(text) {
        return Err(InvalidAccountsFile::new(
            "the file is the output of `aws organizations list-accounts`, one document; let AWS Organizations list the \
             accounts, or write one JSON object per account, as `jq -c '.Accounts[] | {account_id: .Id, name: .Name}'` does"
                .to_owned(),
        ));
    }
    let numbered = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let parse_line = |(index, line): (usize, &str)| {
        let row: Row = rolecall_json::parse(line).map_err(|error| {
            let hint = match line.trim() {
                "{" => "; write each account as one JSON object on one line",
                _ => "",
            };
            InvalidAccountsFile::new(format!("{}{hint}", error.on_line(index + 1)))
        })?;
        row.into_spec(index + 1)
    };
    numbered.map(parse_line).collect()
}

/// Whether the text is what the AWS CLI prints of `organizations list-accounts`, indented or on one line.
fn is_list_accounts_output(text: &str) -> bool {
    let document: Result<serde_json::Value, _> = serde_json::from_str(text);
    document.is_ok_and(|document| document.get("Accounts").is_some_and(serde_json::Value::is_array))
}

/// The number of the line where a record begins. csv's position is that of the end of the record before it: of the line
/// break where lines end with CR LF, and before blank lines and comments.
fn line_of(text: &str, position: Option<&csv::Position>) -> usize {
    let begin = position.and_then(|position| usize::try_from(position.byte()).ok()).unwrap_or_default();
    let (before, after) = text.as_bytes().split_at(begin.min(text.len()));
    let is_skipped = |line: &&[u8]| line.trim_ascii().is_empty() || line.starts_with(b"#");
    let skipped = after.split(|byte| *byte == b'\n').take_while(is_skipped).count();
    1 + before.iter().filter(|byte| **byte == b'\n').count() + skipped
}

fn parse_csv(text: &str, first: &str) -> Result<Vec<TargetSpec>, InvalidAccountsFile> {
    let mut is_header = has_header(first)?;
    check_quotes(text)?;
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .trim(csv::Trim::All)
        .comment(Some(b'#'))
        .from_reader(text.as_bytes());
    let mut columns: Vec<String> = vec!["account_id".to_owned()];
    let mut specs = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| InvalidAccountsFile::new(error.to_string()))?;
        let line = line_of(text, record.position());
        let invalid = |problem: String| InvalidAccountsFile::new(format!("line {line}: {problem}"));
        if is_header {
            is_header = false;
            columns = parse_header(&record).map_err(invalid)?;
        } else if let Some(row) = parse_row(&columns, &record).map_err(invalid)? {
            specs.push(row.into_spec(line)?);
        }
    }
    Ok(specs)
}

/// Refuses a quote that is not closed. The parser would take the rest of the file as one cell.
fn check_quotes(text: &str) -> Result<(), InvalidAccountsFile> {
    let lines = (1..).zip(text.lines()).filter(|(_, line)| !line.trim_start().starts_with('#'));
    let odd: Vec<usize> =
        lines.filter(|(_, line)| line.matches('"').count() % 2 == 1).map(|(number, _)| number).collect();
    match odd.last() {
        Some(line) if odd.len() % 2 == 1 => {
            Err(InvalidAccountsFile::new(format!("line {line}: a quote is not closed")))
        }
        _ => Ok(()),
    }
}

/// Whether the first line names the columns. A list of bare ids needs no header.
fn has_header(first: &str) -> Result<bool, InvalidAccountsFile> {
    let cells: Vec<&str> = first.split(',').map(|cell| cell.trim().trim_matches('"').trim()).collect();
    let has_header = cells.iter().any(|cell| COLUMNS.contains(&cell.to_ascii_lowercase().as_str()));
    if !has_header && cells.first().is_none_or(|cell| !cell.starts_with(|c: char| c.is_ascii_digit())) {
        let hint = match first {
            first if first.starts_with('[') => "; write one JSON object per line, without a list around them",
            first if first.contains([';', '\t']) => "; separate the cells with commas",
            _ => "",
        };
        return Err(InvalidAccountsFile::of_unknown_format(format!(
            "line 1: no column account_id or role_arn; the columns are {}{hint}",
            COLUMNS.join(", ")
        )));
    }
    Ok(has_header)
}

/// The columns that the header names, each once.
fn parse_header(header: &csv::StringRecord) -> Result<Vec<String>, String> {
    let columns: Vec<String> = header.iter().map(str::to_ascii_lowercase).collect();
    if let Some(column) = columns.iter().find(|column| !COLUMNS.contains(&column.as_str())) {
        return Err(format!("unknown column {column:?}; expected one of {}", COLUMNS.join(", ")));
    }
    let mut seen = BTreeSet::new();
    if let Some(column) = columns.iter().find(|column| !seen.insert(column.as_str())) {
        return Err(format!("column {column:?} appears twice"));
    }
    Ok(columns)
}

/// The row of a CSV record; `None` for a blank one.
fn parse_row(columns: &[String], record: &csv::StringRecord) -> Result<Option<Row>, String> {
    if record.iter().any(|cell| cell.contains('\n')) {
        return Err("a cell continues on the next line; check for a quote that is not closed".to_owned());
    }
    if record.iter().all(str::is_empty) {
        return Ok(None);
    }
    // A row with an id alone is complete.
    if record.len() > columns.len() || (record.len() < columns.len() && record.len() > 1) {
        return Err(format!("{} cells, but {} columns", record.len(), columns.len()));
    }
    let mut row = Row::default();
    for (column, cell) in columns.iter().zip(record.iter()).filter(|(_, cell)| !cell.is_empty()) {
        let text = Some(cell.to_owned());
        match column.as_str() {
            "account_id" => row.account_id = text,
            "role_arn" => row.role_arn = text,
            "role_name" => row.role_name = text,
            "external_id" => row.external_id = text.map(serde_json::Value::from),
            "via" => row.via = cell.split_whitespace().map(str::to_owned).collect(),
            "name" => row.name = text,
            "email" => row.email = text,
            _ => row.tags = Some(parse_tags(cell)?),
        }
    }
    Ok(Some(row))
}

/// Parses `key=value;key=value`.
fn parse_tags(text: &str) -> Result<BTreeMap<String, String>, String> {
    let parts = text.split(';').map(str::trim).filter(|part| !part.is_empty());
    let pair = |part: &str| {
        let (key, value) = part.split_once('=').ok_or_else(|| {
            format!("tags: {part:?} is not key=value; write tags as team=search;environment=prod")
        })?;
        Ok((key.trim().to_owned(), value.trim().to_owned()))
    };
    parts.map(pair).collect()
}

impl Row {
    fn into_spec(self, line: usize) -> Result<TargetSpec, InvalidAccountsFile> {
        let Self { account_id, role_arn, role_name, external_id, via, name, email, tags } = self;
        let invalid = |field: &str, problem: &dyn Display| {
            InvalidAccountsFile::new(format!("line {line}: {field}: {problem}"))
        };
        let role_arn = parse_field("role_arn", role_arn, &invalid)?;
        let external_id = match external_id {
            Some(serde_json::Value::String(text)) => Some(text),
            Some(serde_json::Value::Null) | None => None,
            Some(_) => return Err(invalid("external_id", &"not a string; put it in quotes")),
        };
        let role_account =
            role_arn.as_ref().map(|role_arn: &rolecall_roll::RoleArn| role_arn.account_id().clone());
        let account_id: AccountId = match (parse_field("account_id", account_id, &invalid)?, role_account) {
            (Some(account_id), Some(role_account)) if account_id != role_account => {
                return Err(invalid(
                    "role_arn",
                    &format!("the role is in account {role_account}, but account_id is {account_id}"),
                ));
            }
            (Some(account_id), _) | (None, Some(account_id)) => account_id,
            (None, None) => return Err(invalid("account_id", &"missing")),
        };
        let role_name: Option<rolecall_roll::RoleName> = parse_field("role_name", role_name, &invalid)?;
        if let (Some(role_arn), Some(role_name)) = (&role_arn, &role_name)
            && role_arn.to_string().rsplit('/').next() != Some(role_name.as_str())
        {
            return Err(invalid(
                "role_name",
                &format!("it is {role_name}, but role_arn is {role_arn}; give only one"),
            ));
        }
        let has_details = name.is_some() || email.is_some() || tags.is_some();
        let account = has_details.then_some(Account { name, email, organizational_unit: None, tags });
        if let Some(several) = via.iter().find(|text| text.matches("arn:").count() > 1) {
            return Err(invalid(
                "via",
                &format!("{several:?} holds more than one role; separate the roles with spaces"),
            ));
        }
        let via = via
            .into_iter()
            .map(|text| parse_field("via", Some(text), &invalid))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(TargetSpec {
            source: Some(TargetSource::AccountsFileLine(line)),
            role_arn,
            role_name,
            external_id: parse_field("external_id", external_id, &invalid)?,
            via: via.into_iter().flatten().collect(),
            account,
            ..TargetSpec::new(account_id)
        })
    }
}

fn parse_field<T: FromStr<Err = rolecall_roll::ParseIdError>>(
    field: &str,
    text: Option<String>,
    invalid: &dyn Fn(&str, &dyn Display) -> InvalidAccountsFile,
) -> Result<Option<T>, InvalidAccountsFile> {
    text.map(|text| text.parse().map_err(|error: rolecall_roll::ParseIdError| invalid(field, &error)))
        .transpose()
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn csv_json_lines_and_bare_ids_give_the_same_accounts() {
        let csv = "\u{feff}account_id, role_name, external_id, via, name, tags\r\n\
                   000000000042, Audit, between-us, arn:aws:iam::222222222222:role/Intermediate,\"a, b\", team=search;env=prod\r\n\
                   # 333333333333\r\n\
                   111111111111\r\n";
        let json = concat!(
            r#"{"account_id": "000000000042", "role_name": "Audit", "external_id": "between-us", "#,
            r#""via": ["arn:aws:iam::222222222222:role/Intermediate"], "name": "a, b", "tags": {"team": "search", "env": "prod"}}"#,
            "\n\n",
            r#"{"account_id": "111111111111"}"#,
        );
        for text in [csv, json] {
            let specs = parse(text).unwrap();
            let [first, second] = &specs[..] else { panic!("{specs:?}") };
            assert_eq!(first.account_id.as_str(), "000000000042");
            assert_eq!(first.role_name.as_ref().unwrap().as_str(), "Audit");
            assert_eq!(first.external_id.as_ref().unwrap().expose(), "between-us");
            assert_eq!(first.via.len(), 1);
            let account = first.account.as_ref().unwrap();
            assert_eq!(account.name.as_deref(), Some("a, b"));
            assert_eq!(account.tags.as_ref().unwrap().get("env").unwrap(), "prod");
            assert!(second.account.is_none() && second.role_name.is_none());
        }
        assert_eq!(parse("111111111111\n\n222222222222\n").unwrap().len(), 2);
        assert_eq!(parse("role_arn\narn:aws:iam::111111111111:role/R\n").unwrap().len(), 1);
    }

    #[test]
    fn an_error_names_the_same_line_whatever_the_line_ends_are() {
        let text =
            "account_id,role_name\n111111111111,R\n\n# a comment\n222222222222,R\n3333,R\n444444444444,R\n";
        for text in [text.to_owned(), text.replace('\n', "\r\n")] {
            let problem = parse(&text).unwrap_err().to_string();
            assert!(problem.starts_with("line 6: account_id"), "{problem} of {text:?}");
        }
        let problem = parse("4444\r\n").unwrap_err().to_string();
        assert!(problem.starts_with("line 1: account_id"), "{problem}");
    }

    #[test]
    fn the_output_of_the_aws_cli_is_recognized() {
        let document = serde_json::json!({ "Accounts": [{ "Id": "111111111111", "State": "ACTIVE" }] });
        for text in [document.to_string(), serde_json::to_string_pretty(&document).unwrap()] {
            let problem = parse(&text).unwrap_err().to_string();
            assert!(problem.contains("output of `aws organizations list-accounts`"), "{problem}");
        }
    }

    #[test]
    fn an_error_names_its_line_and_an_external_id_is_not_repeated() {
        for (text, message) in [
            ("", "no account in the file"),
            ("account_id\n", "no account in the file"),
            ("accounts\n111111111111", "line 1: no column"),
            ("account_id,role\n111111111111,R", "line 1: unknown column \"role\""),
            ("account_id\n42\n", "line 2: account_id"),
            ("account_id\n111111111111,R\n", "line 2: 2 cells"),
            ("account_id,role_name,name\n111111111111,R\n", "line 2: 2 cells, but 3 columns"),
            (
                "account_id,account_id\n111111111111,222222222222\n",
                "line 1: column \"account_id\" appears twice",
            ),
            ("account_id,name\n111111111111,\"x\n222222222222,y\n", "line 2: a quote is not closed"),
            ("account_id,name\n111111111111,\"x\ny\"\n", "line 2: a cell continues on the next line"),
            ("account_id;name\n111111111111;x\n", "separate the cells with commas"),
            ("[{\"account_id\": \"111111111111\"}]", "one JSON object per line"),
            (
                "account_id,via\n111111111111,arn:aws:iam::222222222222:role/A|arn:aws:iam::222222222222:role/B\n",
                "line 2: via: ",
            ),
            (
                "{\"role_arn\": \"arn:aws:iam::111111111111:role/R\", \"role_name\": \"S\"}",
                "line 1: role_name: it is S, but role_arn is",
            ),
            ("account_id,role_name\n111111111111,a/b\n", "line 2: role_name"),
            ("account_id,external_id\n111111111111,s3cret id\n", "line 2: external_id"),
            ("account_id,tags\n111111111111,search\n", "line 2: tags: \"search\""),
            (
                "account_id,role_arn\n111111111111,arn:aws:iam::222222222222:role/R\n",
                "line 2: role_arn: the role is in account",
            ),
            (
                "{\"account_id\": 42}",
                "line 1, column 17: account_id: found a number, expected a string; put it in quotes",
            ),
            (
                "{\n\"account_id\": \"111111111111\"\n}",
                "line 1, column 1: not valid JSON: the text ends within an object; write",
            ),
            (
                "{\"account_id\": \"111111111111\", \"via\": \"s3cret\"}",
                "via: found a string, expected a list",
            ),
            (
                "{\"account_id\": \"111111111111\", \"tags\": [\"s3cret\"]}",
                "tags: found a list, expected an object",
            ),
            ("{\"name\": \"a\", \"name\": \"b\"}", "the field \"name\" is given twice"),
            (
                "{\"account_id\": \"111111111111\", \"role\": \"R\"}",
                ": unknown field \"role\"; expected one of \"account_id\", ",
            ),
            ("{\"account_id\": \"111111111111\", \"external_id\": [\"s3cret\"]}", "line 1: external_id"),
            ("{\"account_id\": \"111111111111\"}\n{}", "line 2: account_id: missing"),
        ] {
            let problem = parse(text).unwrap_err().to_string();
            assert!(
                problem.contains(message) && !problem.contains("s3cret"),
                "{message} is not in {problem}"
            );
        }
    }
}
