//! Findings as OCSF 1.5 Compliance Findings (class 2003), a JSON document a line, for a SIEM or Security Lake.
//!
//! What could not be judged, and the accounts that could not be read, are events too: their compliance status is Unknown.
//! The last event says what the roll covers, as a check that fails where the roll is incomplete.
//!
//! Source: <https://schema.ocsf.io/1.5.0/classes/compliance_finding>

use std::io::{self, Write};

use jiff::Timestamp;
use rolecall_roll::{AccountId, Header, Stored, json};
use serde_json::{Value, json};

use super::csv::{in_words, name, not_read};
use crate::assess::Unknown;
use crate::finding::Finding;
use crate::report::Report;
use crate::rules::{Rule, Severity, of_id};
use crate::statement::Statement;

/// Compliance status: the check could not be made, was passed, or was not.
#[derive(Clone, Copy)]
enum Compliance {
    Unknown,
    Pass,
    Fail,
}

/// Writes them.
///
/// # Errors
/// Those of `out` and of the roll file.
pub fn render(out: &mut impl Write, stored: &Stored, report: &Report) -> io::Result<()> {
    let header = &stored.header;
    let mut write = |event: &Value| {
        json::to_writer(&mut *out, event)?;
        out.write_all(b"\n")
    };
    for finding in report.findings.iter().chain(&report.excepted) {
        write(&of_finding(header, finding))?;
    }
    for unknown in &report.assessment.unknown {
        write(&of_unknown(header, unknown))?;
    }
    for account in stored.accounts() {
        let account = account?;
        for gap in not_read(&account) {
            let about = format!("{}/{}", gap.step, gap.user_name.as_deref().unwrap_or_default());
            let mut event = event(header, &in_words(gap), Severity::Medium, Compliance::Unknown);
            let uid = format!("{}/not-read/{about}", account.account_id());
            merge(
                &mut event,
                json!({
                    "cloud": cloud(header, account.account_id(), Some(name(&account))),
                    "finding_info": {"uid": uid, "title": "An account could not be read whole"},
                    "remediation": {"desc": gap.remedy},
                    "status_detail": gap.class.to_string(),
                    "unmapped": {"aws_request_id": gap.request_id, "aws_error_code": gap.code},
                }),
            );
            write(&event)?;
        }
    }
    let statement = Statement::of(stored, &report.coverage, Some(report));
    let compliance = if statement.is_complete { Compliance::Pass } else { Compliance::Fail };
    let mut event = event(header, &statement.in_a_line(), Severity::Informational, compliance);
    let uid = format!("{}/coverage", header.run_id);
    let coverage = serde_json::to_value(&report.coverage)?;
    merge(
        &mut event,
        json!({
            "finding_info": {"uid": uid, "title": "What the roll covers"},
            "unmapped": {"coverage": coverage},
        }),
    );
    write(&event)
}

fn of_finding(header: &Header, finding: &Finding) -> Value {
    let Finding { rule, subject, severity, score, .. } = finding;
    let mut event = event(header, &finding.message, *severity, Compliance::Fail);
    let user = subject.user_name.as_deref().unwrap_or("root");
    let cloud = cloud(header, &subject.account_id, subject.account_name.as_deref());
    let owner = finding.owner.as_ref().map(|owner| {
        json!({"name": owner.name, "uid": owner.name, "type": "Unknown", "type_id": 0, "account": cloud.get("account")})
    });
    let mut resources =
        vec![json!({"type": "AWS::IAM::User", "uid": subject.user_arn, "name": user, "owner": owner})];
    if let Some(id) = &subject.access_key_id {
        resources.push(json!({"type": "AWS::IAM::AccessKey", "uid": id, "name": id}));
    }
    merge(
        &mut event,
        json!({
            "cloud": cloud,
            "compliance": of_rule(rule),
            "finding_info": {
                "uid": finding.id,
                "title": finding.title,
                "desc": rule.why,
                "types": [rule.id],
                "created_time": millis(header.as_of),
            },
            "remediation": {"desc": finding.remedy},
            "resources": resources,
            "unmapped": {
                "score": score,
                "advice": finding.advice,
                "evidence": finding.evidence,
                "organizational_unit": subject.organizational_unit,
                "exception": finding.exception,
            },
        }),
    );
    if !finding.is_open() {
        merge(&mut event, json!({"status": "Suppressed", "status_id": 3}));
    }
    event
}

fn of_unknown(header: &Header, unknown: &Unknown) -> Value {
    let Unknown { account_id, fact, reason, number, some, .. } = unknown;
    let message = format!("{} unknown for {number}: {reason}", fact.what());
    let mut event = event(header, &message, Severity::Informational, Compliance::Unknown);
    // A rule that is not in the catalogue finds nothing, and is not unknown.
    let (compliance, title) = of_id(unknown.rule).map_or((json!({}), ""), |rule| (of_rule(rule), rule.title));
    let uid = format!("{account_id}/{}/unknown/{fact}", unknown.rule);
    merge(
        &mut event,
        json!({
            "cloud": cloud(header, account_id, None),
            "compliance": compliance,
            "finding_info": {"uid": uid, "title": title, "types": [unknown.rule]},
            "status_detail": reason,
            "unmapped": {"number": number, "some": some},
        }),
    );
    event
}

fn of_rule(rule: &Rule) -> Value {
    let name = |benchmark: crate::rules::Benchmark| {
        format!("CIS Amazon Web Services Foundations Benchmark v{}", benchmark.version())
    };
    let standards: Vec<String> = rule.benchmarks.iter().map(|(benchmark, _)| name(*benchmark)).collect();
    let requirements: Vec<String> =
        rule.benchmarks.iter().map(|(benchmark, clause)| format!("{benchmark} {clause}")).collect();
    json!({"control": rule.id, "standards": standards, "requirements": requirements, "desc": rule.why})
}

/// What all events have in common.
fn event(header: &Header, message: &str, severity: Severity, compliance: Compliance) -> Value {
    let (status, status_id) = match compliance {
        Compliance::Unknown => ("Unknown", 0),
        Compliance::Pass => ("Pass", 1),
        Compliance::Fail => ("Fail", 3),
    };
    let (severity, severity_id) = match severity {
        Severity::Informational => ("Informational", 1),
        Severity::Low => ("Low", 2),
        Severity::Medium => ("Medium", 3),
        Severity::High => ("High", 4),
        Severity::Critical => ("Critical", 5),
    };
    json!({
        "activity_id": 1,
        "activity_name": "Create",
        "category_name": "Findings",
        "category_uid": 2,
        "class_name": "Compliance Finding",
        "class_uid": 2003,
        "compliance": {"status": status, "status_id": status_id},
        "message": message,
        "metadata": {
            "product": {"name": "Rolecall", "vendor_name": "Rolecall", "version": header.rolecall_version},
            "profiles": ["cloud", "datetime"],
            "correlation_uid": header.run_id.to_string(),
            "tenant_uid": header.organization.as_ref().map(|it| &it.id),
            "version": "1.5.0",
        },
        "severity": severity,
        "severity_id": severity_id,
        "status": "New",
        "status_id": 1,
        "time": millis(header.as_of),
        "time_dt": header.as_of.to_string(),
        "type_name": "Compliance Finding: Create",
        "type_uid": 200_301,
    })
}

fn cloud(header: &Header, account_id: &AccountId, name: Option<&str>) -> Value {
    let name = name.filter(|name| !name.is_empty()).unwrap_or(account_id.as_str());
    let org = header.organization.as_ref().map(|it| json!({"uid": it.id}));
    json!({
        "provider": "AWS",
        "account": {"uid": account_id.as_str(), "name": name, "type": "AWS Account", "type_id": 10},
        "org": org,
    })
}

fn millis(at: Timestamp) -> i64 {
    at.as_millisecond()
}

/// Adds the fields of one object to another, and those of its objects to theirs.
fn merge(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                merge(into.entry(key).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from,
    }
}
