//! Findings as OCSF 1.5 Compliance Findings (class 2003), one JSON document per line, for a SIEM or Amazon Security Lake.
//!
//! What could not be evaluated and what could not be read are events too, with the compliance status Unknown. The last event
//! is the coverage, as a check that fails where the roll is incomplete, and is unknown where no account was read.
//!
//! Source: <https://schema.ocsf.io/1.5.0/classes/compliance_finding>

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

use rolecall_roll::{AccessKeyId, AccountId, Coverage, FactKind, Gap, Header, NeutralTerms, RollFile, json};
use serde::Serialize;

use super::csv::{gap_text, why_not_evaluated};
use crate::advice::Advice;
use crate::assess::Undetermined;
use crate::coverage_summary::CoverageSummary;
use crate::diff::Diff;
use crate::evidence::Evidence;
use crate::facts::seconds;
use crate::finding::{Finding, FindingDetails, Suppression};
use crate::report::{FindingIterator, FindingList, Report, UnreadItem};
use crate::rules::{Rule, Severity, find};
use crate::score::Score;

/// Compliance Finding.
const CLASS_UID: u32 = 2003;

/// What the format shows of a finding beside its subject and message.
pub const DETAILS: FindingDetails = FindingDetails::ALL;

/// An event. Values for which OCSF has no field are in `unmapped`.
#[derive(Serialize)]
struct Event<'a> {
    activity_id: u32,
    activity_name: &'static str,
    category_name: &'static str,
    category_uid: u32,
    class_name: &'static str,
    class_uid: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    cloud: Option<Cloud<'a>>,
    compliance: Compliance<'a>,
    finding_info: FindingInfo<'a>,
    message: &'a str,
    metadata: &'a Metadata<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    remediation: Option<Remediation<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    resources: Vec<Resource<'a>>,
    severity: &'static str,
    severity_id: u32,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    status_detail: Option<&'a str>,
    status_id: u32,
    time: i64,
    time_dt: &'a str,
    type_name: &'static str,
    type_uid: u32,
    unmapped: Unmapped<'a>,
}

#[derive(Clone, Serialize)]
struct Cloud<'a> {
    account: Account<'a>,
    org: Option<Org<'a>>,
    provider: &'static str,
}

#[derive(Clone, Serialize)]
struct Account<'a> {
    name: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    type_id: u32,
    uid: &'a str,
}

#[derive(Clone, Serialize)]
struct Org<'a> {
    uid: &'a str,
}

#[derive(Serialize)]
struct Compliance<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    control: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    desc: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    requirements: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    standards: Vec<String>,
    status: &'static str,
    status_id: u32,
}

#[derive(Default, Serialize)]
struct FindingInfo<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    desc: Option<&'a str>,
    title: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    types: Option<[&'a str; 1]>,
    uid: &'a str,
}

#[derive(Serialize)]
struct Metadata<'a> {
    correlation_uid: String,
    product: Product<'a>,
    profiles: [&'static str; 2],
    tenant_uid: Option<&'a str>,
    version: &'static str,
}

#[derive(Serialize)]
struct Product<'a> {
    name: &'static str,
    vendor_name: &'static str,
    version: &'a str,
}

#[derive(Serialize)]
struct Remediation<'a> {
    desc: Cow<'a, str>,
}

#[derive(Serialize)]
struct Resource<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    owner: Option<User<'a>>,
    #[serde(rename = "type")]
    kind: &'static str,
    uid: &'a str,
}

#[derive(Serialize)]
struct User<'a> {
    account: Account<'a>,
    name: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    type_id: u32,
    uid: &'a str,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Unmapped<'a> {
    Finding {
        score: &'a Score<'a>,
        advice: Option<&'a Advice<'a>>,
        evidence: &'a [Evidence<'a>],
        organizational_unit: Option<&'a str>,
        exception: Option<&'a Suppression<'a>>,
    },
    Unknown {
        number: usize,
        some: &'a [String],
    },
    NotEvaluated {
        severity: Severity,
    },
    UnreadItem {
        aws_error_code: Option<&'a str>,
        aws_request_id: Option<&'a str>,
    },
    Coverage {
        coverage: &'a Coverage,
    },
}

/// The compliance status of a check.
#[derive(Clone, Copy)]
enum Status {
    Unknown,
    Pass,
    Fail,
}

/// What all events share.
struct Common<'a> {
    header: &'a Header,
    metadata: Metadata<'a>,
    time: i64,
    time_dt: String,
}

/// Writes the report as OCSF events, one per line.
///
/// # Errors
/// The first error of `out`.
pub fn render(out: &mut impl Write, roll: &RollFile, report: &Report) -> io::Result<()> {
    render_changes(out, roll, report, None)
}

/// Writes the report as OCSF events. With the changes since an earlier roll, a finding that was open before is an update, and one
/// that is resolved is closed. What could not be evaluated is not closed.
///
/// # Errors
/// The first error of `out`.
pub fn render_changes(
    out: &mut impl Write,
    roll: &RollFile,
    report: &Report,
    changes: Option<&Diff>,
) -> io::Result<()> {
    let common = Common::new(&roll.header);
    let opened = changes.iter().flat_map(|diff| diff.opened.iter().chain(&diff.newly_known));
    let opened: BTreeSet<&str> = opened.map(|finding| &*finding.id).collect();
    let activity_of = |finding: &Finding| match changes {
        Some(_) if !opened.contains(&*finding.id) => Activity::Update,
        _ => Activity::Create,
    };
    for finding in changes.iter().flat_map(|diff| &diff.resolved) {
        write_event(out, &finding_event(&common, finding, Activity::Close))?;
    }
    for list in [FindingList::Open, FindingList::Suppressed] {
        let render = |findings: &mut FindingIterator<'_>| -> io::Result<Vec<u8>> {
            let mut text = Vec::new();
            findings.try_for_each(|finding| {
                let finding = finding?;
                push_event(&mut text, &finding_event(&common, &finding, activity_of(&finding)))
            })?;
            Ok(text)
        };
        report.map_findings(list, usize::MAX, render, |text| out.write_all(&text?))?;
    }
    let mut write = |event: &Event<'_>| write_event(out, event);
    for unknown in unknown_facts(report) {
        let UnknownFact { account_id, rule: rule_id, fact, .. } = unknown;
        let uid = format!("{account_id}/{rule_id}/unknown/{fact}");
        let rule = find(rule_id).ok();
        let title = rule.map_or("", |rule| rule.title);
        let unmapped = Unmapped::Unknown { number: unknown.number, some: &unknown.some };
        write(&Event {
            cloud: Some(common.cloud(account_id, unknown.account_name)),
            status_detail: Some(&unknown.reasons),
            finding_info: FindingInfo { title, types: Some([rule_id]), uid: &uid, desc: None },
            ..common.event(
                &unknown.message,
                Severity::Informational,
                Compliance::new(Status::Unknown, rule),
                unmapped,
            )
        })?;
    }
    for result in report.assessment.rules.iter().filter(|result| !result.is_evaluated()) {
        let message = why_not_evaluated(result);
        let uid = format!("{}/{}/not-evaluated", roll.header.run_id, result.rule.id);
        let title = result.rule.title;
        let unmapped = Unmapped::NotEvaluated { severity: result.applied_severity };
        write(&Event {
            finding_info: FindingInfo { title, types: Some([result.rule.id]), uid: &uid, desc: None },
            ..common.event(
                &message,
                Severity::Informational,
                Compliance::new(Status::Unknown, Some(result.rule)),
                unmapped,
            )
        })?;
    }
    let mut uids = BTreeMap::new();
    for it in &report.not_read {
        let gap = &it.gap;
        let uid = gap_uid(&mut uids, it);
        let (message, error_kind) = (gap_text(gap), gap.error_kind.to_string());
        let remedy = it.advice(&roll.header);
        let (aws_error_code, aws_request_id) = (gap.code.as_deref(), gap.request_id.as_deref());
        let unmapped = Unmapped::UnreadItem { aws_error_code, aws_request_id };
        let title = "An account was not read completely";
        write(&Event {
            cloud: Some(common.cloud(&it.account_id, it.account_name.as_deref())),
            finding_info: FindingInfo { title, uid: &uid, ..FindingInfo::default() },
            remediation: Some(Remediation { desc: remedy.as_str().into() }),
            status_detail: Some(&error_kind),
            ..common.event(&message, Severity::Medium, Compliance::new(Status::Unknown, None), unmapped)
        })?;
    }
    let summary = CoverageSummary::new(roll, &report.coverage, Some(report), &NeutralTerms);
    let status = match (summary.is_complete, report.coverage.read) {
        (false, _) => Status::Fail,
        (true, 0) => Status::Unknown,
        (true, _) => Status::Pass,
    };
    let uid = format!("{}/coverage", roll.header.run_id);
    let message = summary.to_one_line();
    let unmapped = Unmapped::Coverage { coverage: &report.coverage };
    write(&Event {
        finding_info: FindingInfo { title: "Coverage of the roll", uid: &uid, ..FindingInfo::default() },
        ..common.event(&message, Severity::Informational, Compliance::new(status, None), unmapped)
    })
}

/// What one rule could not evaluate in one account for lack of one fact.
struct UnknownFact<'a> {
    account_id: &'a AccountId,
    account_name: Option<&'a str>,
    rule: &'static str,
    fact: FactKind,
    /// How many keys, users or root users could not be evaluated.
    number: usize,
    /// Some of them.
    some: Vec<String>,
    message: String,
    reasons: String,
}

/// One event for each account, rule and fact, so that its id needs no reason: a reason is a text, which a later version may
/// word in another way.
fn unknown_facts(report: &Report) -> impl Iterator<Item = UnknownFact<'_>> {
    let mut groups: BTreeMap<(&AccountId, &'static str, FactKind), Vec<&Undetermined>> = BTreeMap::new();
    for unknown in &report.assessment.unknown {
        groups.entry((&unknown.account_id, unknown.rule, unknown.fact)).or_default().push(unknown);
    }
    groups.into_iter().map(|((account_id, rule, fact), group)| {
        let messages =
            group.iter().map(|it| format!("{} unknown for {}: {}", it.missing, it.count, it.reason));
        let reasons: BTreeSet<&str> = group.iter().map(|it| it.reason.as_str()).collect();
        UnknownFact {
            account_id,
            account_name: group.first().and_then(|it| it.account_name.as_deref()),
            rule,
            fact,
            number: group.iter().map(|it| it.count).sum(),
            some: group.iter().flat_map(|it| &it.examples).cloned().collect(),
            message: messages.collect::<Vec<_>>().join("; "),
            reasons: reasons.into_iter().collect::<Vec<_>>().join("; "),
        }
    })
}

/// The id of a gap: what could not be read. Gaps that are equal in that are numbered, by `uids`.
fn gap_uid(uids: &mut BTreeMap<String, usize>, it: &UnreadItem) -> String {
    let Gap { stage, operation, user_name, .. } = &it.gap;
    let details: String = operation.iter().chain(user_name).map(|part| format!("/{part}")).collect();
    let uid = format!("{}/not-read/{stage}{details}", it.account_id);
    let number = uids.entry(uid.clone()).and_modify(|number| *number += 1).or_insert(1);
    if *number == 1 { uid } else { format!("{uid}/{number}") }
}

fn write_event(out: &mut impl Write, event: &Event<'_>) -> io::Result<()> {
    let mut line = Vec::new();
    push_event(&mut line, event)?;
    out.write_all(&line)
}

/// Adds an event in a line of its own.
fn push_event(text: &mut Vec<u8>, event: &Event<'_>) -> io::Result<()> {
    json::to_writer(&mut *text, event)?;
    text.push(b'\n');
    Ok(())
}

/// What happened to a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Activity {
    Create,
    Update,
    Close,
}

impl Activity {
    fn id(self) -> u32 {
        match self {
            Self::Create => 1,
            Self::Update => 2,
            Self::Close => 3,
        }
    }

    /// The names of the activity and of the type of event.
    fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Create => ("Create", "Compliance Finding: Create"),
            Self::Update => ("Update", "Compliance Finding: Update"),
            Self::Close => ("Close", "Compliance Finding: Close"),
        }
    }
}

fn finding_event<'a>(common: &'a Common<'_>, finding: &'a Finding<'_>, activity: Activity) -> Event<'a> {
    let Finding { rule, subject, score, .. } = finding;
    let cloud = common.cloud(&subject.account_id, subject.account_name.as_deref());
    let owner = finding.owner.as_ref().map(|owner| User {
        account: cloud.account.clone(),
        name: &owner.name,
        kind: "Unknown",
        type_id: 0,
        uid: &owner.name,
    });
    let name = subject.user_name.as_deref().unwrap_or("root");
    let mut resources = vec![Resource { name, owner, kind: "AWS::IAM::User", uid: &subject.user_arn }];
    if let Some(id) = subject.access_key_id.as_ref().map(AccessKeyId::as_str) {
        resources.push(Resource { name: id, owner: None, kind: "AWS::IAM::AccessKey", uid: id });
    }
    let unmapped = Unmapped::Finding {
        score,
        advice: finding.advice.as_ref(),
        evidence: &finding.evidence,
        organizational_unit: subject.organizational_unit.as_deref(),
        exception: finding.exception.as_ref(),
    };
    let (status, status_id) = match activity {
        Activity::Close => ("Resolved", 4),
        _ if !finding.is_open() => ("Suppressed", 3),
        Activity::Create | Activity::Update => ("New", 1),
    };
    let compliance = if activity == Activity::Close { Status::Pass } else { Status::Fail };
    let (activity_name, type_name) = activity.names();
    Event {
        activity_id: activity.id(),
        activity_name,
        type_name,
        type_uid: CLASS_UID * 100 + activity.id(),
        cloud: Some(cloud),
        finding_info: FindingInfo {
            desc: Some(rule.why),
            title: finding.title,
            types: Some([rule.id]),
            uid: &finding.id,
        },
        remediation: Some(Remediation { desc: finding.remedy.to_text().into() }),
        resources,
        status,
        status_id,
        ..common.event(&finding.message, finding.severity, Compliance::new(compliance, Some(rule)), unmapped)
    }
}

impl<'a> Common<'a> {
    fn new(header: &'a Header) -> Self {
        let metadata = Metadata {
            correlation_uid: header.run_id.to_string(),
            product: Product { name: "Rolecall", vendor_name: "Rolecall", version: &header.rolecall_version },
            profiles: ["cloud", "datetime"],
            tenant_uid: header.organization.as_ref().map(|it| it.id.as_str()),
            version: "1.5.0",
        };
        let (time, time_dt) = (header.as_of.as_millisecond(), seconds(header.as_of));
        Self { header, metadata, time, time_dt }
    }

    fn event(
        &'a self,
        message: &'a str,
        severity: Severity,
        compliance: Compliance<'a>,
        unmapped: Unmapped<'a>,
    ) -> Event<'a> {
        let (severity, severity_id) = match severity {
            Severity::Informational => ("Informational", 1),
            Severity::Low => ("Low", 2),
            Severity::Medium => ("Medium", 3),
            Severity::High => ("High", 4),
            Severity::Critical => ("Critical", 5),
        };
        Event {
            activity_id: 1,
            activity_name: "Create",
            category_name: "Findings",
            category_uid: 2,
            class_name: "Compliance Finding",
            class_uid: CLASS_UID,
            cloud: None,
            compliance,
            finding_info: FindingInfo::default(),
            message,
            metadata: &self.metadata,
            remediation: None,
            resources: Vec::new(),
            severity,
            severity_id,
            status: "New",
            status_detail: None,
            status_id: 1,
            time: self.time,
            time_dt: &self.time_dt,
            type_name: "Compliance Finding: Create",
            type_uid: CLASS_UID * 100 + 1,
            unmapped,
        }
    }

    fn cloud<'b>(&'b self, account_id: &'b AccountId, name: Option<&'b str>) -> Cloud<'b> {
        let name = name.filter(|name| !name.is_empty()).unwrap_or(account_id.as_str());
        let org = self.header.organization.as_ref().map(|it| Org { uid: &it.id });
        Cloud {
            account: Account { name, kind: "AWS Account", type_id: 10, uid: account_id.as_str() },
            org,
            provider: "AWS",
        }
    }
}

impl Compliance<'_> {
    fn new(status: Status, rule: Option<&'static Rule>) -> Self {
        let (status, status_id) = match status {
            Status::Unknown => ("Unknown", 0),
            Status::Pass => ("Pass", 1),
            Status::Fail => ("Fail", 3),
        };
        let benchmarks = rule.map_or(&[][..], |rule| rule.benchmarks);
        let standard = |version: &str| format!("CIS Amazon Web Services Foundations Benchmark v{version}");
        Self {
            control: rule.map(|rule| rule.id),
            desc: rule.map(|rule| rule.why),
            requirements: benchmarks
                .iter()
                .map(|(benchmark, clause)| format!("{benchmark} {clause}"))
                .collect(),
            standards: benchmarks.iter().map(|(benchmark, _)| standard(benchmark.version())).collect(),
            status,
            status_id,
        }
    }
}
