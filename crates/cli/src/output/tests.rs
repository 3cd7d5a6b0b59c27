//! Tables as terminals of several widths show them.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on ends")]

use std::collections::BTreeSet;
use std::io::Seek;

use jiff::{Timestamp, ToSpan};
use proptest::prelude::*;
use rolecall_core::targets::{Access, Target};
use rolecall_policy::case::Verdict;
use rolecall_report::coverage_summary::CoverageSummary;
use rolecall_report::report::{FindingLimit, Grouping};
use rolecall_report::{Diff, FindingFilter, Report, Settings};
use rolecall_roll::{
    AccessKey, Account, AccountRecord, Caller, ConsolePassword, ErrorKind, Fact, FactKind, Gap, Header,
    LastUsed, Note, Policies, Remedy, RollFile, RollWriter, RunId, Stage, Statistics, User,
};
use textwrap::core::display_width;

use super::grid::{Cell, Column, table};
use super::sink::TerminalStyle;
use super::table::KeyListing;
use super::{CaseResult, ResumedCounts, findings, page, verdicts};
use crate::terms::FlagTerms;

const AS_OF: &str = "2028-03-01T12:00:00Z";

/// As long as IAM lets a user name be: 64 characters.
const LONGEST_USER: &str = "deploy+eu=1,blue.green@ci-2-with-a-name-as-long-as-iam-permits-x";
const LONG_ACCOUNT: &str = "Production Payments Europe-West-1 (regulated)";

fn terminal(width: u16) -> TerminalStyle {
    TerminalStyle { colors: false, width: Some(width), is_terminal: true }
}

const PIPE: TerminalStyle = TerminalStyle { colors: false, width: None, is_terminal: false };

fn days_ago(days: i64) -> Timestamp {
    AS_OF.parse::<Timestamp>().unwrap() - (24 * days).hours()
}

fn key(number: usize, age: i64, used: Option<i64>) -> AccessKey {
    let used =
        used.map(|days| LastUsed { date: days_ago(days), service: Some("s3".to_owned()), region: None });
    AccessKey {
        access_key_id: format!("AKIAEXAMPLE{number:09}").parse().unwrap(),
        status: "Active".to_owned().into(),
        create_date: Some(days_ago(age)),
        last_used: Fact::live(used),
    }
}

fn user(name: &str, path: &str, keys: Vec<AccessKey>) -> User {
    let arn = format!("arn:aws:iam::111111111111:user{path}{name}");
    User {
        access_keys: Some(keys),
        console_password: Fact::live(None::<ConsolePassword>),
        mfa_devices: Fact::live(Vec::new()),
        policies: Fact::live(Policies::default()),
        ..User::new(name.to_owned(), format!("AIDA{name}"), arn, path.to_owned(), days_ago(2000))
    }
}

fn named(account: AccountRecord, name: &str) -> AccountRecord {
    account.with_account(Some(Account { name: Some(name.to_owned()), ..Account::default() }))
}

fn header() -> Header {
    let caller = Caller {
        account_id: "222222222222".parse().unwrap(),
        arn: "arn:aws:sts::222222222222:assumed-role/LambdaRole/rolecall".to_owned(),
    };
    let run_id: RunId = "8a6f0c1e-52d1-4b7e-9f0e-6a2b3c4d5e6f".parse().unwrap();
    Header::new(run_id, AS_OF.parse().unwrap(), Some(caller), Vec::new())
}

fn roll(accounts: &[AccountRecord]) -> RollFile {
    let mut writer = RollWriter::new(tempfile::tempfile().unwrap(), &header()).unwrap();
    for account in accounts {
        writer.write_account(account).unwrap();
    }
    let mut file = writer.finish(Statistics { elapsed_ms: 1234, ..Statistics::default() }).unwrap();
    file.rewind().unwrap();
    RollFile::read(file).unwrap()
}

fn role(account_id: &str) -> rolecall_roll::RoleArn {
    format!("arn:aws:iam::{account_id}:role/security/audit/IAMListRole").parse().unwrap()
}

/// Long names beside short ones, an account that was not read, and one that was read in part.
fn world() -> Vec<AccountRecord> {
    let message = "User: arn:aws:sts::222222222222:assumed-role/LambdaRole/rolecall is not authorized to perform: \
                   sts:AssumeRole on resource: arn:aws:iam::333333333333:role/security/audit/IAMListRole";
    let gap = |stage: Stage, user_name: Option<&str>| Gap {
        stage,
        operation: Some("ListAccessKeys".to_owned()),
        user_name: user_name.map(str::to_owned),
        error_kind: ErrorKind::Denied,
        code: Some("AccessDenied".to_owned()),
        message: message.to_owned(),
        request_id: Some("8a6f0c1e-52d1-4b7e-9f0e-6a2b3c4d5e6f".to_owned()),
        remedy: Remedy::Retry,
    };
    let users = vec![
        user("alice", "/", vec![key(1, 900, None), key(2, 10, Some(1))]),
        user(LONGEST_USER, "/ci/", vec![key(3, 400, Some(200))]),
        user("runner", "/ci/", vec![key(4, 91, Some(46))]),
    ];
    let unread = User { access_keys: None, ..user(LONGEST_USER, "/", Vec::new()) };
    let note = Note {
        fact: FactKind::Users,
        user_name: Some(LONGEST_USER.to_owned()),
        message: "made since".to_owned(),
    };
    vec![
        named(AccountRecord::read(role("111111111111"), users, Vec::new(), vec![note]), LONG_ACCOUNT),
        named(
            AccountRecord::read(
                role("333333333333"),
                vec![unread, user("bob", "/", vec![key(5, 500, None)])],
                vec![gap(FactKind::AccessKeys.into(), Some(LONGEST_USER))],
                Vec::new(),
            ),
            "dev",
        ),
        AccountRecord::failed(role("444444444444"), gap(Stage::Session, None)),
    ]
}

/// Many users, a finding and a key each.
fn crowd(number: usize) -> Vec<AccountRecord> {
    let users = (0..number).map(|it| user(&format!("user-{it}"), "/", vec![key(it, 200, Some(1))])).collect();
    vec![named(AccountRecord::read(role("111111111111"), users, Vec::new(), Vec::new()), "crowd")]
}

fn report(roll: &RollFile) -> Report {
    Report::from_file(roll, &Settings::default(), FindingLimit::All).unwrap()
}

#[test]
fn accounts_that_are_denied_for_the_same_reason_are_listed_together() {
    let failed = |id: &str, policy: &str| {
        let message = format!("no sts:AssumeRole on arn:aws:iam::{id}:role/R, by {policy}");
        let gap = Gap { message, request_id: Some(format!("request-{id}")), ..world()[2].gaps()[0].clone() };
        AccountRecord::failed(role(id), gap)
    };
    let accounts = [
        failed("444444444444", "p-1"),
        failed("555555555555", "p-2"),
        failed("666666666666", "p-1"),
        failed("777777777777", "p-1"),
        failed("888888888888", "p-1"),
    ];
    let text = text(|out| super::table::render_unread(out, &roll(&accounts), terminal(200)).unwrap());
    let headings: Vec<&str> = text.lines().filter(|line| line.starts_with("Denied")).collect();
    assert_eq!(headings.len(), 2, "{text}");
    assert!(headings[0].contains("4 accounts: 444444444444, 666666666666 and 2 more"), "{text}");
    assert!(headings[1].contains("arn:aws:iam::555555555555:role/security/audit/IAMListRole"), "{text}");
    assert!(text.contains("request-444444444444") && !text.contains("request-666666666666"), "{text}");
}

fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut bytes = Vec::new();
    write(&mut bytes);
    String::from_utf8(bytes).unwrap()
}

fn scan_table(roll: &RollFile, keys: KeyListing, limit: usize, terminal: TerminalStyle) -> String {
    let report = report(roll);
    let summary = CoverageSummary::new(roll, &report.coverage, Some(&report), &FlagTerms);
    text(|out| {
        out.extend(
            page::render(&summary, Some("with --roll FILE another run would scan what is missing"), terminal)
                .bytes(),
        );
        findings::render(out, &report, None, limit, terminal).unwrap();
        super::table::render_unread(out, roll, terminal).unwrap();
        super::table::render_keys(out, roll, keys, terminal).unwrap();
    })
}

/// All tables, as they are in a terminal of this width.
fn all_tables(terminal: TerminalStyle) -> Vec<(&'static str, String)> {
    let roll = roll(&world());
    let older = self::roll(&crowd(2));
    let compared = Diff::compare(&older, &roll, &Settings::default(), true);
    let target = |id: &str, access| Target {
        account_id: id.parse().unwrap(),
        account: Some(Account { name: Some(LONG_ACCOUNT.to_owned()), ..Account::default() }),
        access,
        source: None,
    };
    let cases = [CaseResult {
        name: "LambdaRole assumes IAMListRole in the account 111111111111, with an external id".to_owned(),
        verdict: Some(Verdict::Denied),
        problem: None,
        decided_by: Some(
            "no statement of the trust policy of arn:aws:iam::111111111111:role/security/audit/IAMListRole"
                .to_owned(),
        ),
        expected: Some(Verdict::Allowed),
    }];
    vec![
        ("scan", scan_table(&roll, KeyListing::Few, 20, terminal)),
        ("diff", super::diff(&compared.unwrap(), terminal)),
        (
            "accounts",
            super::accounts(
                &[
                    target("111111111111", Access::CallerCredentials),
                    target("333333333333", Access::Skipped("pending closure".to_owned())),
                ],
                terminal,
            ),
        ),
        ("policy", verdicts(&cases, terminal)),
    ]
}

/// The ids and names in a text that nothing may break.
fn ids(text: &str) -> BTreeSet<String> {
    let all = text.split([' ', ',', ':', '/', '(', ')', '\n']);
    let is_id = |word: &&str| {
        word.starts_with("AKIA")
            || word.ends_with("-x")
            || (word.len() == 12 && word.bytes().all(|it| it.is_ascii_digit()))
            || rolecall_report::CATALOG.iter().any(|rule| rule.id == *word)
    };
    all.filter(is_id).map(str::to_owned).collect()
}

#[test]
fn no_table_breaks_an_id_or_is_wider_than_its_terminal() {
    let wide = all_tables(PIPE);
    for width in [80, 120] {
        for ((name, narrow), (_, wide)) in all_tables(terminal(width)).into_iter().zip(&wide) {
            for line in narrow.lines() {
                assert!(display_width(line) <= usize::from(width), "{name}, {width}: {line}");
            }
            let expected = ids(wide);
            assert!(expected.len() > 1 || name == "policy", "{name}: {expected:?}");
            assert_eq!(ids(&narrow), expected, "{name}, {width}:\n{narrow}");
        }
    }
}

#[test]
fn a_scan_looks_like_this() {
    let roll = roll(&world());
    for width in [80, 120] {
        insta::assert_snapshot!(
            format!("a_scan_at_{width}"),
            scan_table(&roll, KeyListing::Few, 20, terminal(width))
        );
    }
    insta::assert_snapshot!("a_scan_in_a_pipe", scan_table(&roll, KeyListing::Few, 20, PIPE));
}

#[test]
fn a_terminal_lists_fifty_keys_at_most_and_a_pipe_all() {
    let lines = |number, keys, terminal| {
        let roll = roll(&crowd(number));
        text(|out| super::table::render_keys(out, &roll, keys, terminal).unwrap())
    };
    assert_eq!(
        lines(50, KeyListing::Few, terminal(120)).lines().count(),
        52,
        "a header, the keys, a blank line"
    );
    let over = lines(1200, KeyListing::Few, terminal(120));
    assert_eq!(
        over,
        "1,200 rows of users and access keys are not listed. To see them:\n  --all, or --format roll-csv --out FILE\n\n"
    );
    assert_eq!(lines(51, KeyListing::All, terminal(120)).lines().count(), 53);
    assert_eq!(lines(51, KeyListing::Few, PIPE).lines().count(), 53);
    assert_eq!(lines(51, KeyListing::None, terminal(120)), "");
}

#[test]
fn a_terminal_lists_the_most_urgent_findings_and_says_how_many_are_left_out() {
    let roll = roll(&crowd(1070));
    let mut report = report(&roll);
    let number = report.open_count();
    assert!(number > 1050, "{number}");
    let listed = |report: &Report, grouping, limit| {
        text(|out| findings::render(out, report, grouping, limit, terminal(120)).unwrap())
    };
    let rows = |text: &str| text.lines().filter(|line| line.contains("AKIAEXAMPLE")).count();
    for grouping in [None, Some(Grouping::Rule)] {
        let fifty = listed(&report, grouping, 50);
        assert_eq!(rows(&fifty), 50);
        let more = "… and 1,020 more findings, less urgent. To see all of them:\n  --all, or --format csv --out FILE\n";
        assert!(fifty.contains(more), "{}", fifty.lines().last().unwrap());
    }
    assert_eq!(rows(&listed(&report, None, usize::MAX)), number);
    let filter = FindingFilter { limit: Some(51), ..FindingFilter::default() };
    filter.apply_to(&mut report);
    assert!(listed(&report, None, 50).contains("… and 1 more finding, less urgent"));
}

#[test]
fn what_is_empty_in_all_rows_takes_no_room() {
    let columns = || [Column::id("KEY"), Column::text("NOTE"), Column::text("FINDING")];
    let row = |note: &str| vec![Cell::new("AKIA"), Cell::new(note), Cell::new("old")];
    assert_eq!(table(PIPE, columns(), &[row(""), row("")]), "KEY   FINDING\nAKIA  old\nAKIA  old\n");
    assert_eq!(
        table(PIPE, columns(), &[row(""), row("n")]),
        "KEY   NOTE  FINDING\nAKIA        old\nAKIA  n     old\n"
    );
    assert_eq!(table(PIPE, columns(), &[]), "KEY  NOTE  FINDING\n");
}

#[test]
fn a_message_without_room_goes_below_and_is_not_squeezed() {
    let columns = [Column::account("ACCOUNT"), Column::id("USER"), Column::text("FINDING")];
    let row = |user: &str| {
        vec![
            Cell::new("111111111111 prod"),
            Cell::new(user),
            Cell::new("the key is 1608 days old, 90 are allowed"),
        ]
    };
    let shown = table(terminal(50), columns, &[row("alice"), row("a-name-of-twenty-two-x")]);
    assert_eq!(
        shown,
        "ACCOUNT            USER\n    FINDING\n\
         111111111111 prod  alice\n    the key is 1608 days old, 90 are allowed\n\
         111111111111 prod  a-name-of-twenty-two-x\n    the key is 1608 days old, 90 are allowed\n"
    );
}

#[test]
fn a_key_has_one_line_at_80_columns_unless_its_user_name_is_long() {
    let users = vec![
        user("alice", "/", vec![key(1, 900, None)]),
        user("carol", "/", vec![key(2, 900, None)]),
        user("runner", "/", vec![key(3, 900, None)]),
        user("deploy+eu=1,blue.green@ci-2", "/", vec![key(4, 900, None)]),
    ];
    let users = users.into_iter().map(|mut user| {
        user.access_keys.iter_mut().flatten().for_each(|key| key.last_used = Fact::NotRequested);
        user
    });
    let account = AccountRecord::read(role("111111111111"), users.collect(), Vec::new(), Vec::new());
    let shown = text(|out| {
        super::table::render_keys(out, &roll(&[account]), KeyListing::All, terminal(80)).unwrap();
    });
    for name in ["alice", "carol", "runner"] {
        let is_whole =
            |line: &str| line.contains(name) && line.contains("AKIAEXAMPLE") && line.ends_with("900 d");
        assert!(shown.lines().any(is_whole), "{shown}");
    }
}

#[test]
fn a_last_use_is_never_only_for_keys_that_aws_recorded_and_unavailable_is_not_unknown() {
    let created = |number, at: &str| AccessKey { create_date: at.parse().ok(), ..key(number, 0, None) };
    let with = |number, last_used| AccessKey { last_used, ..key(number, 10, None) };
    let keys = vec![
        created(1, "2015-04-21T23:59:59Z"),
        created(2, "2015-04-22T00:00:00Z"),
        with(3, Fact::Unavailable { unavailable: "too young".to_owned() }),
        with(4, Fact::Unknown { unknown: "throttled".to_owned() }),
    ];
    let accounts =
        [AccountRecord::read(role("111111111111"), vec![user("ann", "/", keys)], Vec::new(), Vec::new())];
    let shown = text(|out| super::table::render_keys(out, &roll(&accounts), KeyListing::All, PIPE).unwrap());
    for (number, last) in [(1, "not since 2015-04-22"), (2, "never"), (3, "unavailable"), (4, "unknown")] {
        let id = format!("AKIAEXAMPLE{number:09}");
        let line = shown.lines().find(|line| line.contains(&id)).unwrap();
        assert!(line.ends_with(&format!(" {last}")), "{line}");
    }
}

#[test]
fn an_arn_is_whole_in_every_table_and_in_messages() {
    let arn = format!("arn:aws:iam::111111111111:role/{}/IAMListRole", "a-long-path/".repeat(6));
    let columns = || [Column::id("OPTION"), Column::text("VALUE"), Column::text("SOURCE")];
    let rows = [
        vec![Cell::new("role_arn"), Cell::new(format!("{arn} → {arn}")), Cell::new("rolecall.toml")],
        vec![Cell::new("canary"), Cell::new("5"), Cell::new("default")],
    ];
    for width in [80, 120] {
        let shown = table(terminal(width), columns(), &rows);
        assert_eq!(shown.matches(&arn).count(), 2, "{shown}");
        assert!(super::hanging(&format!("the role {arn} denied it"), Some(width), 2).contains(&arn));
    }
}

#[test]
fn a_text_takes_the_room_of_empty_cells_after_it() {
    let columns = [Column::id("KEY"), Column::text("FINDING"), Column::id("ADVICE")];
    let finding = "the root user has no MFA device, and nothing protects it";
    let row = |advice: &str| vec![Cell::new("AKIA"), Cell::new(finding), Cell::new(advice)];
    let shown = table(terminal(64), columns, &[row(""), row("remove the password")]);
    assert_eq!(shown.lines().nth(1), Some(format!("AKIA  {finding}").as_str()), "{shown}");
    assert!(shown.lines().nth(2).is_some_and(|line| line.ends_with("remove the password")), "{shown}");
}

#[test]
fn an_account_of_a_narrowed_roll_has_no_user_of_that_name() {
    let mut file = roll(&[AccountRecord::read(role("111111111111"), Vec::new(), Vec::new(), Vec::new())]);
    file.header.collect.user_name = Some("nobody".to_owned());
    let shown = text(|out| super::table::render_keys(out, &file, KeyListing::All, PIPE).unwrap());
    assert!(shown.contains("no user nobody") && !shown.contains("no users"), "{shown}");
}

#[test]
fn severities_are_colored_where_there_are_colors() {
    let terminal = TerminalStyle { colors: true, ..PIPE };
    let rows = [vec![Cell::severity(rolecall_report::Severity::High)]];
    assert!(table(terminal, [Column::id("SEVERITY")], &rows).contains("\u{1b}[31mhigh\u{1b}[0m"));
    let (old, new) = (roll(&crowd(1)), roll(&crowd(2)));
    let diff = Diff::compare(&old, &new, &Settings::default(), false).unwrap();
    assert!(super::diff(&diff, terminal).contains("\u{1b}[33mmedium\u{1b}[0m"));
}

proptest! {
    #[test]
    fn whatever_is_in_a_table_its_ids_stay_whole_and_its_lines_fit(
        rows in prop::collection::vec(("[0-9]{12}", "[a-z -]{0,40}", "[A-Za-z0-9+=,.@-]{1,64}", "AKIA[A-Z0-9]{16}", "([a-z0-9/:]{1,90} ){0,12}"), 1..8),
        width in 72_u16..160,
    ) {
        let columns = [
            Column::number("SCORE"), Column::account("ACCOUNT"), Column::id("USER"), Column::id("ACCESS KEY"),
            Column::text("FINDING"), Column::id("ADVICE"),
        ];
        let cells: Vec<Vec<Cell<'_>>> = rows.iter().map(|(id, name, user, key, message)| {
            let account = rolecall_report::finding::account_label(&id.parse().unwrap(), Some(name.trim()));
            vec![Cell::new(7), Cell::new(account), Cell::new(user), Cell::new(key), Cell::new(message.trim()), Cell::new("rotate")]
        }).collect();
        let shown = table(terminal(width), columns, &cells);
        for line in shown.lines() {
            // A word that is wider than the terminal stays whole, on a line of its own.
            let is_one_word = !line.trim().contains(' ');
            prop_assert!(display_width(line) <= usize::from(width) || is_one_word, "{}", line);
        }
        for word in rows.iter().flat_map(|(.., message)| message.split_whitespace()) {
            prop_assert!(shown.contains(word), "{} in\n{}", word, shown);
        }
        for (id, _, user, key, _) in &rows {
            for whole in [id, user, key] {
                prop_assert!(shown.lines().any(|line| line.contains(whole.as_str())), "{} in\n{}", whole, shown);
            }
        }
    }
}

#[test]
fn the_counts_of_a_resumed_run_add_up_and_agree_in_number() {
    let since = Some("2026-11-24T09:12:33Z".parse().unwrap());
    let counts =
        ResumedCounts { listed: Some(1302), targets: 1298, read_before: 1290, to_read: 8, skipped: 0, since };
    assert_eq!(
        counts.to_text(),
        "resuming: 1,302 accounts listed, 4 excluded by filters, 1,298 targets: 1,290 read by previous runs since \
         2026-11-24T09:12Z, 8 to read"
    );
    let one =
        ResumedCounts { listed: Some(1), targets: 1, read_before: 0, to_read: 0, skipped: 1, since: None };
    assert_eq!(
        one.to_text(),
        "resuming: 1 account listed, 1 target: 0 read by previous runs, 0 to read, 1 skipped"
    );
    let named = ResumedCounts { listed: None, targets: 2, read_before: 1, to_read: 1, ..one };
    assert_eq!(named.to_text(), "resuming: 2 targets: 1 read by previous runs, 1 to read, 1 skipped");
}
