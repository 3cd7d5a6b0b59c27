//! Findings of a large roll, in a temporary file: in memory is only their order. Formats that show all findings, the most
//! urgent first, would otherwise need memory for the texts of all of them.

use std::cmp::Reverse;
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use jiff::Timestamp;
use rolecall_roll::{AccessKeyId, AccountId, FactKind, Source};

use crate::advice::{Action, Advice};
use crate::evidence::Evidence;
use crate::finding::{Finding, Owner, Subject, Suppression, Text};
use crate::remedy::{Guard, Remediation, Step};
use crate::report::FindingList;
use crate::rules::{CATALOG, Severity};
use crate::score::{Score, ScoreComponent};

/// Findings in a temporary file, which has no name and is deleted when it is closed.
#[derive(Debug, Clone)]
pub(crate) struct FindingStore {
    file: Arc<File>,
    /// The open findings, the most urgent first.
    open: Vec<Place>,
    suppressed: Vec<Place>,
}

/// Where a finding is in the file. The order of places is that of urgency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    // Both together are `Finding::urgency`. As one field they would need more memory.
    points: Reverse<u32>,
    key_created: i64,
    /// The digits of the account id.
    account: u64,
    /// In an account, findings are in the order of their ids.
    offset: u64,
    length: u32,
}

/// The findings of an account, as they are stored.
#[derive(Debug)]
pub(crate) struct EncodedFindings {
    bytes: Vec<u8>,
    /// With offsets in `bytes`.
    open: Vec<Place>,
    suppressed: Vec<Place>,
}

/// Adds findings, account by account, in any order.
#[derive(Debug)]
pub(crate) struct FindingStoreBuilder {
    file: File,
    length: u64,
    open: Vec<Place>,
    suppressed: Vec<Place>,
}

impl EncodedFindings {
    pub(crate) fn new(account_id: &AccountId, findings: &[Finding<'_>]) -> Self {
        let mut in_order: Vec<&Finding<'_>> = findings.iter().collect();
        in_order.sort_by(|a, b| a.id.cmp(&b.id));
        // An account id has 12 digits.
        let account = account_id.as_str().parse().unwrap_or_default();
        let (mut bytes, mut open, mut suppressed) = (Vec::new(), Vec::new(), Vec::new());
        for finding in in_order {
            let offset = bytes.len();
            encode(finding, &mut bytes);
            let (points, key_created) = finding.urgency();
            // A finding is much smaller than 4 GB.
            let length = u32::try_from(bytes.len() - offset).unwrap_or(u32::MAX);
            let offset = offset as u64;
            let place = Place { points, key_created, account, offset, length };
            (if finding.is_open() { &mut open } else { &mut suppressed }).push(place);
        }
        Self { bytes, open, suppressed }
    }
}

impl FindingStoreBuilder {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self { file: tempfile::tempfile()?, length: 0, open: Vec::new(), suppressed: Vec::new() })
    }

    pub(crate) fn add(&mut self, findings: EncodedFindings) -> io::Result<()> {
        let EncodedFindings { bytes, open, suppressed } = findings;
        self.file.write_all(&bytes)?;
        let begin = self.length;
        let moved = |place: Place| Place { offset: begin + place.offset, ..place };
        self.open.extend(open.into_iter().map(moved));
        self.suppressed.extend(suppressed.into_iter().map(moved));
        self.length += u64::try_from(bytes.len()).map_err(io::Error::other)?;
        Ok(())
    }

    pub(crate) fn finish(self) -> FindingStore {
        let Self { file, mut open, mut suppressed, .. } = self;
        open.sort_unstable();
        suppressed.sort_unstable();
        FindingStore { file: Arc::new(file), open, suppressed }
    }
}

impl FindingStore {
    pub(crate) fn open_count(&self) -> usize {
        self.open.len()
    }

    /// The places of the open findings, or of the suppressed ones, the most urgent first.
    pub(crate) fn places(&self, list: FindingList) -> &[Place] {
        match list {
            FindingList::Open => &self.open,
            FindingList::Suppressed => &self.suppressed,
        }
    }

    /// The places in the order of the file, in which reading them takes a tenth of the calls.
    pub(crate) fn in_file_order(places: &[Place]) -> Vec<Place> {
        let mut places = places.to_vec();
        places.sort_unstable_by_key(|place| place.offset);
        places
    }

    /// Reads the findings at these places into `bytes`, from which they borrow their texts.
    pub(crate) fn read<'a>(
        &self,
        places: &'a [Place],
        bytes: &'a mut Vec<u8>,
    ) -> io::Result<impl Iterator<Item = io::Result<Finding<'a>>> + use<'a>> {
        let changed = || io::Error::other("the temporary file of findings was changed");
        bytes.resize(places.iter().map(|place| place.length as usize).sum(), 0);
        let mut rest = bytes.as_mut_slice();
        // Findings that follow each other in the file are read at once.
        for run in places.chunk_by(|place, next| place.offset + u64::from(place.length) == next.offset) {
            let length = run.iter().map(|place| place.length as usize).sum();
            let findings = rest.split_off_mut(..length).ok_or_else(changed)?;
            self.file.read_exact_at(findings, run.first().map_or(0, |place| place.offset))?;
        }
        let mut input = Input(bytes);
        Ok(places.iter().map(move |_| decode(&mut input).ok_or_else(changed)))
    }
}

fn encode(finding: &Finding<'_>, out: &mut Vec<u8>) {
    // Without `..`: a new field does not compile until it is stored.
    let Finding {
        id,
        rule,
        title: _,
        severity,
        subject,
        user_id,
        message,
        evidence,
        key_created,
        remedy,
        score,
        advice,
        owner,
        exception,
        can_be_suppressed,
    } = finding;
    let Subject { account_id, account_name, organizational_unit, user_name, user_arn, access_key_id } =
        subject;
    put_text(out, id);
    put_index(out, CATALOG.iter().position(|it| it.id == rule.id));
    put_index(out, Severity::ALL.iter().position(|it| it == severity));
    put_text(out, account_id.as_str());
    let key = access_key_id.as_ref().map(AccessKeyId::as_str);
    for text in [
        account_name.as_deref(),
        organizational_unit.as_deref(),
        user_name.as_deref(),
        key,
        user_id.as_deref(),
    ] {
        put_optional(out, text);
    }
    put_text(out, user_arn);
    put_text(out, message);
    put_remedy(out, remedy);
    put_number(out, evidence.len());
    for Evidence { fact, value, source } in evidence {
        put_index(out, FactKind::ALL.iter().position(|it| it == fact));
        put_text(out, value);
        put_time(
            out,
            match source {
                Source::Live => None,
                Source::CredentialReport(generated) => Some(*generated),
            },
        );
    }
    put_time(out, *key_created);
    let Score { points, components } = score;
    out.extend(points.to_le_bytes());
    put_number(out, components.len());
    for ScoreComponent { points, reason } in components {
        out.extend(points.to_le_bytes());
        put_text(out, reason);
    }
    put_optional(out, advice.as_ref().map(|advice| advice.action.as_str()));
    put_text(out, advice.as_ref().map_or("", |advice| &advice.reason));
    put_optional(out, owner.as_ref().map(|owner| &*owner.name));
    put_text(out, owner.as_ref().map_or("", |owner| &owner.from));
    put_optional(out, exception.as_ref().map(|exception| &*exception.owner));
    put_text(out, exception.as_ref().map_or("", |exception| &exception.reason));
    put_text(out, &exception.as_ref().map_or(String::new(), |exception| exception.until.to_string()));
    let flags = [
        *can_be_suppressed,
        owner.as_ref().is_some_and(|owner| owner.is_uncertain),
        exception.as_ref().is_some_and(|exception| exception.is_expired),
    ];
    out.extend(flags.map(u8::from));
}

fn decode<'a>(input: &mut Input<'a>) -> Option<Finding<'a>> {
    let id = input.text()?;
    let rule = CATALOG.get(input.number()?)?;
    let severity = *Severity::ALL.get(input.number()?)?;
    let account_id = input.text()?.parse().ok()?;
    let [account_name, organizational_unit, user_name, key, user_id] =
        [input.optional()?, input.optional()?, input.optional()?, input.optional()?, input.optional()?];
    let [user_arn, message] = [input.text()?, input.text()?];
    let remedy = input.remedy()?;
    let access_key_id = key.map(|key| key.parse()).transpose().ok()?;
    let evidence = input.list(|input| {
        let (fact, value) = (*FactKind::ALL.get(input.number()?)?, input.text()?);
        let source = input.time()?.map_or(Source::Live, Source::CredentialReport);
        Some(Evidence { fact, value, source })
    })?;
    let key_created = input.time()?;
    let points = input.points()?;
    let components =
        input.list(|input| Some(ScoreComponent { points: input.points()?, reason: input.text()? }))?;
    let (action, advice_reason) = (input.optional()?, input.text()?);
    let action = action.map(|action| Action::ALL.into_iter().find(|it| it.as_str() == action));
    let (owner, from) = (input.optional()?, input.text()?);
    let (exception_owner, reason, until) = (input.optional()?, input.text()?, input.text()?);
    let [can_be_suppressed, is_uncertain, is_expired] = [input.flag()?, input.flag()?, input.flag()?];
    let exception = match exception_owner {
        None => None,
        Some(owner) => Some(Suppression { owner, reason, until: until.parse().ok()?, is_expired }),
    };
    let advice = match action {
        None => None,
        Some(action) => Some(Advice { action: action?, reason: advice_reason }),
    };
    Some(Finding {
        id,
        rule,
        title: rule.title,
        severity,
        subject: Subject {
            account_id,
            account_name,
            organizational_unit,
            user_name,
            user_arn,
            access_key_id,
        },
        user_id,
        message,
        evidence,
        key_created,
        remedy,
        score: Score { points, components },
        advice,
        owner: owner.map(|name| Owner { name, from, is_uncertain }),
        exception,
        can_be_suppressed,
    })
}

fn put_remedy(out: &mut Vec<u8>, Remediation { steps }: &Remediation<'_>) {
    put_number(out, steps.len());
    for Step { title, cannot_be_undone, guard, commands } in steps {
        put_text(out, title);
        out.push(u8::from(*cannot_be_undone));
        match guard {
            Guard::Account(account) => {
                put_text(out, account.as_str());
                out.push(0);
            }
            Guard::MemberRoot { management, member, partition, task_policy } => {
                put_text(out, management.as_str());
                out.push(1);
                for text in [member.as_str(), partition, task_policy] {
                    put_text(out, text);
                }
            }
        }
        put_number(out, commands.len());
        for command in commands {
            put_text(out, command);
        }
    }
}

fn put_number(out: &mut Vec<u8>, number: usize) {
    // A finding is much smaller than 4 GB.
    out.extend(u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes());
}

fn put_index(out: &mut Vec<u8>, index: Option<usize>) {
    put_number(out, index.unwrap_or(usize::MAX));
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    put_number(out, text.len());
    out.extend(text.as_bytes());
}

fn put_optional(out: &mut Vec<u8>, text: Option<&str>) {
    out.push(u8::from(text.is_some()));
    if let Some(text) = text {
        put_text(out, text);
    }
}

fn put_time(out: &mut Vec<u8>, time: Option<Timestamp>) {
    out.push(u8::from(time.is_some()));
    if let Some(time) = time {
        out.extend(time.as_nanosecond().to_le_bytes());
    }
}

/// What is still to be decoded.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn points(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(self.take(4)?.try_into().ok()?))
    }

    fn number(&mut self) -> Option<usize> {
        usize::try_from(self.points()?).ok()
    }

    fn flag(&mut self) -> Option<bool> {
        self.take(1)?.first().map(|byte| *byte == 1)
    }

    fn text(&mut self) -> Option<Text<'a>> {
        let length = self.number()?;
        std::str::from_utf8(self.take(length)?).ok().map(Text::from)
    }

    #[expect(clippy::option_option, reason = "the outer `None` is the end of the input")]
    fn optional(&mut self) -> Option<Option<Text<'a>>> {
        if self.flag()? { self.text().map(Some) } else { Some(None) }
    }

    fn list<T>(&mut self, item: impl Fn(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        (0..self.number()?).map(|_| item(self)).collect()
    }

    fn remedy(&mut self) -> Option<Remediation<'a>> {
        let steps = self.list(|input| {
            let (title, cannot_be_undone) = (input.text()?, input.flag()?);
            let account = input.text()?.parse().ok()?;
            let guard = if input.flag()? {
                let member = input.text()?.parse().ok()?;
                let [partition, task_policy] = [input.text()?, input.text()?];
                Guard::MemberRoot { management: account, member, partition, task_policy }
            } else {
                Guard::Account(account)
            };
            Some(Step { title, cannot_be_undone, guard, commands: input.list(Self::text)? })
        })?;
        Some(Remediation { steps })
    }

    #[expect(clippy::option_option, reason = "the outer `None` is the end of the input")]
    fn time(&mut self) -> Option<Option<Timestamp>> {
        if !self.flag()? {
            return Some(None);
        }
        let nanoseconds = i128::from_le_bytes(self.take(16)?.try_into().ok()?);
        Timestamp::from_nanosecond(nanoseconds).ok().map(Some)
    }
}
