//! The output formats: the same bytes for the same roll, and names as text only, whatever they contain.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot continue fails"
)]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use common::{
    account, days_ago, header, key, known, mfa, organization, password, rendered, role_arn, roll_file_of,
    user,
};
use proptest::prelude::*;
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};
use rolecall_report::advice::Action;
use rolecall_report::report::{FindingLimit, FindingList};
use rolecall_report::settings::{Exception, OwnerSource};
use rolecall_report::{Finding, Report, Settings};
use rolecall_roll::{
    AccessKey, AccountRecord, ErrorKind, Fact, FactKind, Facts, Gap, Header, LastUsed, Note, Policies,
    Remedy, RollFile, Stage, Summary, Target, User, json::is_unsafe_char,
};
use scraper::{Html, Selector};
use serde_json::Value;

fn gap(stage: impl Into<Stage>, user_name: Option<&str>, message: &str) -> Gap {
    Gap {
        stage: stage.into(),
        operation: Some("ListAccessKeys".to_owned()),
        user_name: user_name.map(str::to_owned),
        error_kind: ErrorKind::Denied,
        code: Some("AccessDenied".to_owned()),
        message: message.to_owned(),
        request_id: Some("8a6f0c1e-52d1-4b7e-9f0e-6a2b3c4d5e6f".to_owned()),
        remedy: Remedy::RetryLater,
    }
}

fn tagged(user: User, tags: &[(&str, &str)]) -> User {
    let tags = tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    User { policies: Fact::live(Policies { tags, ..Policies::default() }), ..user }
}

/// One account of each outcome, with open and suppressed findings, an expired exception and unknown facts.
fn accounts() -> Vec<AccountRecord> {
    let ann = tagged(
        mfa(password(
            user("ann", vec![key("AKIAANN1", 900, None), key("AKIAANN2", 10, Some(1))]),
            800,
            Some(2),
        )),
        &[("Owner", "team-shop")],
    );
    let old = user("=HYPERLINK(\"x\")", vec![key("AKIAOLD", 91, Some(46))]);
    let throttled =
        AccessKey { last_used: Fact::Unknown { unknown: "throttled".to_owned() }, ..key("AKIATHR", 5, None) };
    let summary = common::root(true, false, Some(true)).map(|summary| Summary { users: 2, ..summary });
    let root = Facts { summary, ..Facts::default() };
    let unread = User { access_keys: None, ..user("unread", Vec::new()) };
    let partial = vec![
        gap(FactKind::AccessKeys, Some("unread"), "User: x is not authorized"),
        gap(FactKind::LastUsed, Some("slow"), "Rate exceeded"),
    ];
    let note = Note { fact: FactKind::Users, user_name: None, message: "created since".to_owned() };
    vec![
        known(account("111111111111", vec![ann, old]).with_facts(root), "shop", &[("cost", "42")]),
        known(
            AccountRecord::read(
                role_arn("333333333333"),
                vec![unread, user("slow", vec![throttled])],
                partial,
                vec![note],
            ),
            "bank",
            &[],
        ),
        AccountRecord::failed(role_arn("444444444444"), gap(Stage::Session, None, "not authorized")),
        AccountRecord::skipped(
            Target { account_id: "555555555555".parse().unwrap(), role_arn: None },
            "suspended",
        ),
    ]
}

fn settings() -> Settings {
    let exception = |user: &str, until: &str| Exception {
        user: Some(user.to_owned()),
        owner: "j.ruiz".to_owned(),
        reason: "a vendor".to_owned(),
        until: until.parse().unwrap(),
        ..Exception::default()
    };
    Settings {
        exceptions: vec![
            exception("=*", "2028-12-31"),
            exception("ann", "2028-02-01"),
            exception("nobody", "2028-12-31"),
        ],
        ..Settings::default()
    }
}

fn world() -> RollFile {
    let header = Header { organization: Some(organization(Fact::live(false))), ..header() };
    roll_file_of(&header, &accounts())
}

#[test]
fn each_format_matches_its_snapshot() {
    let roll = world();
    for (format, text) in rendered(&roll, &settings()) {
        // The style and the script are in files of their own and tested in a browser.
        let text = if format == "html" { without_style_and_script(&text) } else { text };
        insta::assert_snapshot!(format, text);
    }
}

fn without_style_and_script(html: &str) -> String {
    let between = |html: &str, begin: &str, end: &str| {
        let (before, rest) = html.split_once(begin).unwrap();
        let (_, after) = rest.split_once(end).unwrap();
        format!("{before}{begin}…{end}{after}")
    };
    let html = between(html, "<style>", "</style>");
    let html = between(&html, "\n<script>", "</script>");
    // This line has the hashes of both.
    html.lines()
        .map(|line| if line.contains("Content-Security-Policy") { "…" } else { line })
        .map(|line| format!("{line}\n"))
        .collect()
}

#[test]
fn findings_from_a_file_equal_those_in_memory_and_of_equal_scores_the_older_key_comes_first() {
    // Past five years the age is no longer in the score.
    let old = |name: &str, days: i64| user(name, vec![key(&format!("AKIA{name}"), days, None)]);
    let undated = AccessKey { create_date: None, ..key("AKIAD", 0, Some(400)) };
    let without_mfa = password(user("E", Vec::new()), 30, Some(1));
    let mut all = accounts();
    all.push(account("666666666666", vec![old("A", 1900), old("B", 2100)]));
    all.push(account("777777777777", vec![old("C", 2000), user("D", vec![undated]), without_mfa]));
    let header = Header { organization: Some(organization(Fact::live(false))), ..header() };
    let roll = roll_file_of(&header, &all);
    let [in_memory, stored] = [FindingLimit::All, FindingLimit::Stored].map(|limit| {
        let report = Report::from_file(&roll, &settings(), limit).unwrap();
        let mut findings: Vec<Finding<'static>> = Vec::new();
        for list in [FindingList::Open, FindingList::Suppressed] {
            let read = report.for_each_finding(list, usize::MAX, |finding| -> io::Result<()> {
                findings.push(finding?.into_owned().into_owned());
                Ok(())
            });
            read.unwrap();
        }
        findings
    });
    for (in_memory, stored) in in_memory.iter().zip(&stored) {
        assert_eq!(in_memory, stored);
    }
    assert_eq!(in_memory.len(), stored.len());
    let by_age = stored.iter().filter(|finding| finding.rule.id == "access-key-age");
    let equal: Vec<&Finding<'_>> =
        by_age.filter(|finding| finding.subject.account_id.as_str() > "6").collect();
    let names: Vec<_> = equal.iter().filter_map(|finding| finding.subject.user_name.as_deref()).collect();
    assert_eq!(names, ["B", "C", "A"]);
    assert!(equal.iter().all(|finding| finding.score.points == equal[0].score.points));
    let advice: Vec<_> = stored.iter().filter_map(|finding| Some(finding.advice.as_ref()?.action)).collect();
    assert!(advice.contains(&Action::AssignMfa));
}

#[test]
fn the_same_roll_and_configuration_give_the_same_bytes() {
    let roll = world();
    assert_eq!(rendered(&roll, &settings()), rendered(&roll, &settings()));
}

#[test]
fn every_format_contains_what_the_roll_does_not_cover() {
    let roll = world();
    for (format, text) in rendered(&roll, &settings()) {
        let words: &[&str] = match format {
            "json" => &["\"is_complete\": false", "\"AccessDenied\""],
            _ => &["ROLL INCOMPLETE", "not authorized"],
        };
        for words in words {
            assert!(text.contains(words), "{format} does not contain {words}");
        }
        assert!(text.contains("444444444444"), "{format}");
    }
}

#[test]
fn the_parts_of_the_document_match_the_schema() {
    let roll = world();
    let schema: Value = serde_json::from_str(include_str!("../../roll/schema/roll.schema.json")).unwrap();
    let document: Value = serde_json::from_str(&rendered(&roll, &settings())["json"]).unwrap();
    for account in document["accounts"].as_array().unwrap() {
        let mut record = account.clone();
        record["record"] = "account".into();
        jsonschema::validate(&schema, &record).unwrap();
    }
    assert_eq!(document["findings"].as_array().unwrap().len(), 5);
    assert_eq!(document["open"]["critical"], 2);
}

/// Pieces of hostile names of users, tags and accounts.
const HOSTILE: &[&str] = &[
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1",
    "|",
    "||---|",
    "\"",
    "'",
    "`",
    "``",
    "*a*",
    "_a_",
    "**",
    "~~x~~",
    "#",
    "\\",
    "[x](y)",
    "![x](y)",
    "<b>",
    "</td>",
    "<!--",
    "-->",
    "]]>",
    "</script>",
    "<script>",
    "&lt;",
    "&#60;",
    "<br>",
    "@team",
    "http://a.b",
    "www.a.b",
    "a@b.c",
    "\u{1b}[2J",
    "\u{9b}31m",
    "\r\n",
    "\n",
    "\u{2028}",
    "\u{202e}",
    "\u{2066}",
    "\0",
    "\u{7f}",
    ",",
    ";",
    "$(id)",
    "{{7*7}}",
    "מפתח",
    "\u{feff}",
    "e\u{301}",
];

fn hostile_name() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        3 => prop::sample::select(HOSTILE).prop_map(str::to_owned),
        1 => "\\PC{0,6}",
        1 => any::<char>().prop_map(String::from),
    ];
    prop::collection::vec(piece, 1..6).prop_map(|pieces| pieces.concat())
}

/// Accounts and settings with these names.
fn accounts_named(names: &[String]) -> (Vec<AccountRecord>, Settings) {
    let name = |index: usize| names[index % names.len()].clone();
    let last = LastUsed { date: days_ago(400), service: Some(name(0)), region: None };
    let used = AccessKey { last_used: Fact::live(Some(last)), ..key("AKIAANN", 900, None) };
    let mut ann = tagged(user("x", vec![used]), &[("Owner", &name(1)), (&name(2), &name(3))]);
    ann.user_name = name(4);
    ann.arn = format!("arn:aws:iam::111111111111:user/{}", name(4));
    let mut bob = user("y", vec![key("AKIABOB", 900, None)]);
    bob.user_name = format!("{}2", name(4));
    bob.policies =
        Fact::live(Policies { inline_policies: vec![name(5)], groups: vec![name(6)], ..Policies::default() });
    let failed = AccountRecord::failed(
        role_arn("444444444444"),
        Gap {
            request_id: Some(name(7)),
            code: Some(name(8)),
            ..gap(Stage::Session, Some(&name(9)), &name(10))
        },
    );
    let accounts = vec![
        known(account("111111111111", vec![ann, bob]), &name(11), &[]),
        known(failed, &name(12), &[]),
        AccountRecord::skipped(
            Target { account_id: "555555555555".parse().unwrap(), role_arn: None },
            name(13),
        ),
    ];
    let exception = Exception {
        rule: Some("policies-on-user".to_owned()),
        owner: name(14),
        reason: name(15),
        until: "2028-12-31".parse().unwrap(),
        ..Exception::default()
    };
    let owners = vec![OwnerSource::UserTag("Owner".to_owned()), OwnerSource::AccountEmail];
    (accounts, Settings { exceptions: vec![exception], owners, ..Settings::default() })
}

fn columns(text: &str) -> Vec<BTreeMap<String, String>> {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    reader.deserialize().collect::<Result<_, _>>().unwrap()
}

/// The texts of the table cells. Fails where the Markdown contains more than tables, headings and text.
fn markdown_cells(text: &str) -> Vec<String> {
    let mut options = Options::ENABLE_TABLES;
    options.insert(Options::ENABLE_STRIKETHROUGH);
    let (mut cells, mut cell, mut in_cell) = (Vec::new(), String::new(), false);
    let (mut strong, mut columns) = (0, 0);
    for event in Parser::new_ext(text, options) {
        match event {
            Event::Start(Tag::TableCell) => (in_cell, cell) = (true, String::new()),
            Event::End(TagEnd::TableCell) => {
                in_cell = false;
                columns += 1;
                cells.push(cell.clone());
            }
            Event::Start(Tag::TableRow | Tag::TableHead) => columns = 0,
            Event::End(TagEnd::TableRow | TagEnd::TableHead) => assert!([3, 4, 7, 8].contains(&columns)),
            Event::Text(text) if in_cell => cell.push_str(&text),
            Event::Text(_)
            | Event::SoftBreak
            | Event::Start(Tag::Paragraph | Tag::Heading { .. } | Tag::Table(_))
            | Event::End(TagEnd::Paragraph | TagEnd::Heading(_) | TagEnd::Table | TagEnd::Strong) => {}
            Event::Start(Tag::Strong) => strong += 1,
            Event::InlineHtml(html) if html.as_ref() == "<br>" => cell.push(' '),
            other => panic!("a name was parsed as {other:?}"),
        }
    }
    assert_eq!(strong, 1, "only the verdict is bold");
    cells
}

const ELEMENTS: &[&str] = &[
    "html",
    "head",
    "meta",
    "title",
    "style",
    "body",
    "a",
    "header",
    "h1",
    "h2",
    "p",
    "span",
    "bdi",
    "button",
    "main",
    "section",
    "div",
    "table",
    "caption",
    "thead",
    "tbody",
    "tr",
    "th",
    "td",
    "details",
    "summary",
    "figure",
    "figcaption",
    "svg",
    "text",
    "rect",
    "form",
    "label",
    "input",
    "select",
    "option",
    "nav",
    "footer",
    "script",
    "br",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn names_are_text_in_every_format(names in prop::collection::vec(hostile_name(), 16)) {
        let (accounts, settings) = accounts_named(&names);
        let roll = roll_file_of(&header(), &accounts);
        let texts = rendered(&roll, &settings);
        for (format, text) in &texts {
            let unsafe_chars: Vec<char> = text.chars().filter(|c| is_unsafe_char(*c) && !['\n', '\r'].contains(c)).collect();
            prop_assert!(unsafe_chars.is_empty(), "{format}: {unsafe_chars:?}");
        }

        let document: Value = serde_json::from_str(&texts["json"]).unwrap();
        let users = document["accounts"][0]["users"].as_array().unwrap();
        let read: BTreeSet<&str> = users.iter().map(|user| user["user_name"].as_str().unwrap()).collect();
        let second = format!("{}2", names[4]);
        prop_assert_eq!(read, BTreeSet::from([names[4].as_str(), second.as_str()]), "JSON loses nothing");

        for format in ["csv", "roll-csv"] {
            for row in columns(&texts[format]) {
                for (column, cell) in row {
                    let first = cell.trim_start().chars().next().unwrap_or('a');
                    prop_assert!(!"=+-@＝＋－＠".contains(first), "{format} {column}: {cell:?}");
                }
            }
            prop_assert!(!texts[format].replace("\r\n", "").contains('\r'));
        }
        let rows = columns(&texts["csv"]);
        let number = |record: &str| rows.iter().filter(|row| row["record"] == record).count();
        prop_assert_eq!(number("finding"), document["findings"].as_array().unwrap().len());
        prop_assert_eq!(number("suppressed"), 1);
        prop_assert_eq!((number("not_read"), number("coverage")), (1, 1));

        let cells = markdown_cells(&texts["markdown"]);
        let shown = rolecall_report::render::sanitize(&names[4]).into_owned();
        let plain = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        prop_assert!(cells.iter().any(|cell| plain(cell) == plain(&shown)), "{shown:?} is not in {cells:?}");

        for line in texts["ocsf"].lines() {
            let event: Value = serde_json::from_str(line).unwrap();
            prop_assert_eq!(&event["class_uid"], 2003);
        }

        let page = Html::parse_document(&texts["html"]);
        let all = Selector::parse("*").unwrap();
        for element in page.select(&all) {
            let name = element.value().name();
            prop_assert!(ELEMENTS.contains(&name), "{name}");
            for (attribute, _) in element.value().attrs() {
                prop_assert!(!attribute.starts_with("on") && attribute != "src", "{attribute} of {name}");
            }
        }
        prop_assert_eq!(page.select(&Selector::parse("script").unwrap()).count(), 2);
        let data: String = page.select(&Selector::parse("#data").unwrap()).next().unwrap().text().collect();
        let data: Value = serde_json::from_str(&data).unwrap();
        let users = data["users"].as_array().unwrap();
        prop_assert!(users.iter().any(|user| user[4] == shown.as_str()), "{shown:?} is not among the users");
        prop_assert!(page.select(&Selector::parse("#rows bdi").unwrap()).any(|it| it.text().collect::<String>() == shown));
    }
}

/// The ids of the OCSF events of a roll with one account.
fn ocsf_uids(record: AccountRecord) -> Vec<String> {
    let texts = rendered(&roll_file_of(&header(), &[record]), &Settings::default());
    let events = texts["ocsf"].lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    events.map(|event| event["finding_info"]["uid"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_ids_of_ocsf_events_are_unique_and_do_not_depend_on_a_reason_or_on_other_gaps() {
    let unknown = |id: &str, reason: &str| AccessKey {
        last_used: Fact::Unknown { unknown: reason.to_owned() },
        ..key(id, 500, None)
    };
    let record = |reasons: [&str; 2], gaps: &[Gap]| {
        let keys = vec![unknown("AKIAONE", reasons[0]), unknown("AKIATWO", reasons[1])];
        let users = vec![user("ann", keys)];
        AccountRecord::read(role_arn("111111111111"), users, gaps.to_vec(), Vec::new())
    };
    let gap = |user: &str| gap(FactKind::LastUsed, Some(user), "Rate exceeded");
    let uids = ocsf_uids(record(["throttled", "access denied"], &[gap("ann"), gap("ann")]));
    let distinct: BTreeSet<&String> = uids.iter().collect();
    assert_eq!(distinct.len(), uids.len(), "{uids:#?}");
    let is_about_unknown = |uid: &&String| uid.contains("/unknown/") || uid.contains("/not-read/");
    let others = ocsf_uids(record(["timed out", "another reason"], &[gap("aaron"), gap("ann"), gap("ann")]));
    for uid in uids.iter().filter(is_about_unknown) {
        assert!(!uid.contains(' ') && !uid.contains("throttled"), "{uid}");
        assert!(others.contains(uid), "{uid} is not in {others:#?}");
    }
    assert!(uids.contains(&"111111111111/access-key-unused/unknown/last_used".to_owned()), "{uids:#?}");
    assert!(uids.contains(&"111111111111/not-read/last_used/ListAccessKeys/ann/2".to_owned()), "{uids:#?}");
}
