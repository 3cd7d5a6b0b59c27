//! The documentation is true: every command in it runs, every link resolves, and its tables match the code.
//!
//! A fenced block that is tagged `sh` is run line by line, in a folder of its page's own, against an emulator with the
//! world of `tests/documentation/world.json`. Its info string, or that of another block, may hold:
//!
//! | info string | meaning |
//! |---|---|
//! | `sh no-run: REASON` | the block is not run, for this reason |
//! | `json file=NAME` | the block is written to this file of the page's folder before the blocks that follow are run |
//! | `json same-as=PATH` | the block equals this file of the repository |
//!
//! A command exits with 0, or as a comment at its end says: `# exits with 10`. Of `make` it is only checked that the
//! Makefile has the target: run from a test, it would run the tests again.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test that cannot continue ends; it reads PATH and the clock"
)]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use common::organization::{LAMBDA_ROLE, start};
use pulldown_cmark::{CodeBlockKind, Event, HeadingLevel, Options, Parser, Tag, TagEnd};
use rolecall_core::collect::collectors;
use rolecall_emulator::{Credentials, World};
use rolecall_report::rules::CATALOG;
use rolecall_testkit::process::caller_environment;
use tokio::process::Command;
use tokio::task::JoinSet;

/// Pages that `make docs` generates from the command line's own help, whose examples are not run.
const GENERATED: [&str; 1] = ["docs/cli.md"];

/// The longest that a command of the documentation may take.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(40);

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().to_owned()
}

/// A page of the documentation, by its path from the root of the repository.
struct Page {
    path: String,
    text: String,
}

impl Page {
    fn read(path: &str) -> Self {
        let text = fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
        Self { path: path.to_owned(), text }
    }

    fn events(&self) -> impl Iterator<Item = (usize, Event<'_>)> {
        let line = |offset: usize| self.text.get(..offset).unwrap().matches('\n').count() + 1;
        let parser = Parser::new_ext(&self.text, Options::ENABLE_TABLES).into_offset_iter();
        parser.map(move |(event, range)| (line(range.start), event))
    }

    /// The fenced blocks, in order.
    fn blocks(&self) -> Vec<Block> {
        let mut blocks: Vec<Block> = Vec::new();
        let mut is_inside = false;
        for (line, event) in self.events() {
            match event {
                Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(info))) => {
                    is_inside = true;
                    blocks.push(Block { line, info: info.to_string(), text: String::new() });
                }
                Event::Text(text) if is_inside => blocks.last_mut().unwrap().text += &text,
                Event::End(TagEnd::CodeBlock) => is_inside = false,
                _ => {}
            }
        }
        blocks
    }

    /// The targets of links and images, each with its line.
    fn links(&self) -> Vec<(usize, String)> {
        let link = |(line, event)| match event {
            Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                Some((line, dest_url.to_string()))
            }
            _ => None,
        };
        self.events().filter_map(link).collect()
    }

    /// The anchors of the headings, as GitHub and mdBook make them.
    fn anchors(&self) -> BTreeSet<String> {
        let mut anchors = BTreeSet::new();
        let mut heading: Option<String> = None;
        for (_, event) in self.events() {
            match event {
                Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
                Event::Text(text) | Event::Code(text) => {
                    if let Some(heading) = &mut heading {
                        *heading += &text;
                    }
                }
                Event::End(TagEnd::Heading(_)) => {
                    let text = heading.take().unwrap_or_default().to_lowercase();
                    let kept = text.chars().filter(|c| c.is_alphanumeric() || [' ', '-', '_'].contains(c));
                    anchors.insert(kept.collect::<String>().replace(' ', "-"));
                }
                _ => {}
            }
        }
        anchors
    }

    /// The texts in inline code.
    fn inline_code(&self) -> Vec<(usize, String)> {
        let code = |(line, event)| match event {
            Event::Code(text) => Some((line, text.to_string())),
            _ => None,
        };
        self.events().filter_map(code).collect()
    }
}

/// A fenced block of a page.
struct Block {
    line: usize,
    info: String,
    text: String,
}

impl Block {
    fn language(&self) -> &str {
        self.info.split_whitespace().next().unwrap_or_default()
    }

    /// What follows the language in the info string.
    fn attributes(&self) -> &str {
        self.info.trim().split_once(' ').map_or("", |(_, rest)| rest.trim())
    }

    /// The value of `name=value` in the info string.
    fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes().split_whitespace().find_map(|part| part.strip_prefix(name)?.strip_prefix('='))
    }

    /// The commands, each with its line: a line that ends with a backslash continues on the next one.
    fn commands(&self) -> Vec<(usize, String)> {
        let mut commands: Vec<(usize, String)> = Vec::new();
        let mut is_continued = false;
        for (index, line) in self.text.lines().enumerate() {
            if is_continued {
                let (_, command) = commands.last_mut().unwrap();
                *command += &format!("\n{line}");
            } else {
                commands.push((self.line + 1 + index, line.to_owned()));
            }
            is_continued = line.ends_with('\\');
        }
        let is_command = |(_, text): &(usize, String)| {
            let text = text.trim();
            !text.is_empty() && !text.starts_with('#')
        };
        commands.into_iter().filter(is_command).collect()
    }
}

fn markdown_files(folder: &str) -> Vec<String> {
    let files = fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().file_name());
    let files = files.map(|name| format!("{folder}/{}", name.to_str().unwrap()));
    let mut files: Vec<String> =
        files.filter(|path| Path::new(path).extension().is_some_and(|it| it == "md")).collect();
    files.sort();
    files
}

/// README.md and the pages of docs/.
fn pages() -> Vec<Page> {
    let paths = std::iter::once("README.md".to_owned()).chain(markdown_files("docs"));
    paths.map(|path| Page::read(&path)).collect()
}

fn make_targets() -> BTreeSet<String> {
    let makefile = fs::read_to_string(root().join("Makefile")).unwrap();
    let is_target = |name: &&str| {
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || b"-_".contains(&byte))
    };
    let names = makefile.lines().filter_map(|line| line.split_once(':').map(|(name, _)| name));
    names.filter(is_target).map(str::to_owned).collect()
}

/// What the commands of one page run in: a folder, and the environment so far.
struct Shell {
    folder: PathBuf,
    environment: BTreeMap<String, String>,
}

impl Shell {
    /// The emulator's environment, and a profile `hub` with the same credentials.
    fn new(folder: &Path, endpoint: &str, credentials: &Credentials) -> Self {
        let Credentials { access_key_id, secret_access_key, session_token, .. } = credentials;
        let home = folder.join("home");
        let work = folder.join("work");
        for folder in [&home, &work] {
            fs::create_dir(folder).unwrap();
        }
        let config = home.join("aws-config");
        let profile = format!(
            "[profile hub]\nregion = us-east-1\naws_access_key_id = {access_key_id}\n\
             aws_secret_access_key = {secret_access_key}\naws_session_token = {session_token}\n"
        );
        fs::write(&config, profile).unwrap();
        let binary = Path::new(env!("CARGO_BIN_EXE_rolecall")).parent().unwrap();
        let caller = caller_environment(endpoint).into_iter().map(|(name, value)| (name.to_owned(), value));
        let mut environment: BTreeMap<String, String> = caller.collect();
        environment.extend(
            [
                ("AWS_ACCESS_KEY_ID", access_key_id.clone()),
                ("AWS_SECRET_ACCESS_KEY", secret_access_key.clone()),
                ("AWS_SESSION_TOKEN", session_token.clone()),
                ("AWS_CONFIG_FILE", config.display().to_string()),
                ("HOME", home.display().to_string()),
                ("PATH", format!("{}:{}", binary.display(), std::env::var("PATH").unwrap())),
            ]
            .map(|(name, value)| (name.to_owned(), value)),
        );
        Self { folder: work, environment }
    }

    /// Runs a command; the error says what went wrong.
    async fn run(&mut self, command: &str, targets: &BTreeSet<String>) -> Result<(), String> {
        let expected = expected_exit_code(command)?;
        let words: Vec<&str> = command.split_whitespace().take_while(|word| !word.starts_with('#')).collect();
        match words.as_slice() {
            ["make"] => return Ok(()),
            ["make", target, ..] if targets.contains(*target) => return Ok(()),
            ["make", target, ..] => return Err(format!("the Makefile has no target {target}")),
            ["cd", folder] => {
                self.folder.push(folder);
                return Ok(());
            }
            [assignment] | ["export", assignment] => {
                if let Some((name, value)) = assignment.split_once('=') {
                    self.environment.insert(name.to_owned(), value.trim_matches('\'').to_owned());
                    return Ok(());
                }
            }
            _ => {}
        }
        let mut shell = Command::new("sh");
        shell.args(["-c", command]).current_dir(&self.folder).env_clear().envs(&self.environment);
        let output = shell.stdin(Stdio::null()).kill_on_drop(true).output();
        let output = tokio::time::timeout(COMMAND_TIMEOUT, output).await;
        let output = output.map_err(|_| "it did not end in time".to_owned())?.unwrap();
        let code = output.status.code();
        if code == Some(expected) {
            return Ok(());
        }
        let stderr = String::from_utf8_lossy(&output.stderr);
        Err(format!("it exits with {}, and not with {expected}: {stderr}", code.unwrap_or(-1)))
    }
}

/// The code at the end of `# exits with 10`; 0 without such a comment.
fn expected_exit_code(command: &str) -> Result<i32, String> {
    let Some((_, code)) = command.rsplit_once("# exits with ") else { return Ok(0) };
    code.trim().parse().map_err(|_| format!("\"exits with {code}\" is not followed by a number"))
}

/// Writes the files of a page, runs its commands, and gives what is wrong.
async fn check_page(page: Page, mut shell: Shell, targets: BTreeSet<String>) -> Vec<String> {
    let mut problems = Vec::new();
    for block in page.blocks() {
        let mut problem = |line: usize, text: &str| problems.push(format!("{}:{line}: {text}", page.path));
        if let Some(path) = block.attribute("same-as") {
            let text = fs::read_to_string(root().join(path)).unwrap_or_default();
            if text.trim_end() != block.text.trim_end() {
                problem(block.line, &format!("the block is not the same as {path}"));
            }
        }
        if let Some(name) = block.attribute("file") {
            fs::write(shell.folder.join(name), &block.text).unwrap();
        }
        match block.language() {
            "sh" => {}
            "json" => {
                if let Err(error) = serde_json::from_str::<serde_json::Value>(&block.text) {
                    problem(block.line, &format!("the block is not JSON: {error}"));
                }
                continue;
            }
            _ => {
                let is_rolecall = |line: &&str| line.starts_with("rolecall ") || line.starts_with("make ");
                if block.text.lines().any(|line| is_rolecall(&line.trim_start_matches("$ "))) {
                    problem(block.line, "a block with a command is tagged sh");
                }
                continue;
            }
        }
        match block.attributes().strip_prefix("no-run:").map(str::trim) {
            Some("") => problem(block.line, "no-run has no reason"),
            Some(_) => {}
            None if !block.attributes().is_empty() => {
                problem(block.line, "an unknown info string of a sh block");
            }
            None => {
                for (line, command) in block.commands() {
                    if let Err(error) = shell.run(&command, &targets).await {
                        problem(line, &format!("{command}\n    {error}"));
                    }
                }
            }
        }
    }
    problems
}

#[tokio::test]
async fn every_command_of_the_documentation_runs_and_exits_as_it_says() {
    let world = root().join("crates/cli/tests/documentation/world.json");
    let emulator = start(World::read(&world).unwrap()).await;
    let credentials = emulator.session(LAMBDA_ROLE, "rolecall").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let targets = make_targets();
    let mut checks = JoinSet::new();
    for page in pages().into_iter().filter(|page| !GENERATED.contains(&page.path.as_str())) {
        let folder = folder.path().join(page.path.replace('/', "-"));
        fs::create_dir(&folder).unwrap();
        let shell = Shell::new(&folder, &emulator.url(), &credentials);
        checks.spawn(check_page(page, shell, targets.clone()));
    }
    let mut problems = checks.join_all().await.concat();
    problems.sort();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn a_block_that_would_fail_unseen_is_told_apart() {
    let page = |text: &str| Page { path: "page.md".to_owned(), text: text.to_owned() };
    let text = "```sh\n# a comment\nrolecall scan \\\n    --quiet   # exits with 11\n\nmake test\n```\n";
    let commands = page(text).blocks().first().unwrap().commands();
    let texts: Vec<&str> = commands.iter().map(|(_, command)| command.as_str()).collect();
    assert_eq!(texts, ["rolecall scan \\\n    --quiet   # exits with 11", "make test"]);
    assert_eq!(commands.first().unwrap().0, 3, "the line in the page");
    assert_eq!(expected_exit_code(texts.first().unwrap()), Ok(11));
    assert!(expected_exit_code("rolecall scan # exits with eleven").is_err());
    assert!(make_targets().contains("demo") && !make_targets().contains("PHONY"));
}

#[tokio::test]
async fn a_command_that_fails_and_a_mark_without_a_reason_are_problems() {
    let folder = tempfile::tempdir().unwrap();
    let emulator = start(World::tutorial().unwrap()).await;
    let credentials = emulator.session(LAMBDA_ROLE, "rolecall").unwrap();
    let text = "```sh\nfalse\nfalse # exits with 1\nmake nothing\nNAME=value\ntest $NAME = value\n```\n\n\
                ```sh no-run:\nfalse\n```\n\n```sh no-run: needs AWS\nfalse\n```\n\n```\nrolecall scan\n```\n";
    let page = Page { path: "page.md".to_owned(), text: text.to_owned() };
    let shell = Shell::new(folder.path(), &emulator.url(), &credentials);
    let problems = check_page(page, shell, make_targets()).await;
    let starts = ["page.md:2: false", "page.md:4: make nothing", "page.md:9: no-run", "page.md:17: a block"];
    assert_eq!(problems.len(), starts.len(), "{problems:?}");
    for (problem, start) in problems.iter().zip(starts) {
        assert!(problem.starts_with(start), "{problem}");
    }
}

#[test]
fn every_link_and_anchor_of_the_documents_resolves() {
    let others = ["ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", "examples/README.md"];
    let pages = pages().into_iter().chain(others.map(Page::read));
    let mut problems = Vec::new();
    for page in pages {
        for (line, link) in page.links() {
            if link.contains("://") || link.starts_with("mailto:") {
                continue;
            }
            let (path, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let folder = Path::new(&page.path).parent().unwrap();
            let target = if path.is_empty() { PathBuf::from(&page.path) } else { folder.join(path) };
            let is_there = root().join(&target).exists();
            let has_anchor = || Page::read(target.to_str().unwrap()).anchors().contains(anchor);
            if !is_there || (!anchor.is_empty() && !has_anchor()) {
                problems.push(format!("{}:{line}: {link}", page.path));
            }
        }
    }
    assert!(problems.is_empty(), "links that do not resolve:\n{}", problems.join("\n"));
}

/// What is `PATH.rs::NAME` in inline code, such as in SECURITY.md, is a test.
#[test]
fn every_test_that_a_document_names_exists() {
    let security = Page::read("SECURITY.md");
    let of_security = security.inline_code().iter().filter(|(_, text)| text.contains(".rs::")).count();
    assert!(of_security > 20, "SECURITY.md names the tests of its defenses");
    let others = ["ARCHITECTURE.md", "CONTRIBUTING.md"].map(Page::read);
    let mut problems = Vec::new();
    for page in pages().into_iter().chain(others).chain([security]) {
        for (line, text) in page.inline_code() {
            let Some((path, name)) = text.split_once(".rs::") else { continue };
            let code = fs::read_to_string(root().join(format!("{path}.rs"))).unwrap_or_default();
            // After an attribute: a helper function is no test. A property test has its arguments in the parentheses.
            let is_test = code.lines().collect::<Vec<_>>().windows(2).any(|lines| {
                let attribute = lines[0].trim();
                let function = lines[1].trim().trim_start_matches("async ");
                attribute.starts_with("#[")
                    && attribute.contains("test")
                    && function.starts_with(&format!("fn {name}("))
            });
            if !is_test {
                problems.push(format!("{}:{line}: {text}", page.path));
            }
        }
        // A path of a test file, without a test.
        for (line, text) in page.inline_code().into_iter().filter(|(_, text)| text.starts_with("crates/")) {
            let path = text.split("::").next().unwrap();
            if !root().join(path).exists() {
                problems.push(format!("{}:{line}: {path} does not exist", page.path));
            }
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn every_crate_opens_with_an_example_that_runs() {
    let crates = fs::read_dir(root().join("crates")).unwrap().map(|entry| entry.unwrap().path());
    let libraries = crates.map(|folder| folder.join("src/lib.rs")).filter(|library| library.exists());
    let lacks_example = |library: &PathBuf| !fs::read_to_string(library).unwrap().contains("\n//! ```\n");
    let without: Vec<PathBuf> = libraries.filter(lacks_example).collect();
    assert!(without.is_empty(), "{without:?}");
}

#[test]
fn every_page_has_one_title_and_is_in_the_summary() {
    let summary = Page::read("docs/SUMMARY.md");
    let listed: Vec<String> = summary.links().into_iter().map(|(_, link)| format!("docs/{link}")).collect();
    for path in markdown_files("docs").into_iter().filter(|path| path != "docs/SUMMARY.md") {
        assert_eq!(listed.iter().filter(|it| **it == path).count(), 1, "{path} in docs/SUMMARY.md");
        let is_title =
            |event: &Event<'_>| matches!(event, Event::Start(Tag::Heading { level: HeadingLevel::H1, .. }));
        let page = Page::read(&path);
        assert_eq!(page.events().filter(|(_, event)| is_title(event)).count(), 1, "{path}");
    }
    assert!(Page::read("README.md").text.lines().count() < 200, "README.md is the entrance, not the manual");
}

#[test]
fn the_pages_list_every_fact_and_every_rule_as_the_code_has_them() {
    let row = |page: &Page, id: &str| {
        let start = format!("| `{id}` |");
        page.text.lines().find(|line| line.starts_with(&start)).map(str::to_owned)
    };
    let facts = Page::read("docs/facts.md");
    for collector in collectors() {
        let name = collector.fact.name();
        let row = row(&facts, name).unwrap_or_else(|| panic!("docs/facts.md has no row of {name}"));
        for action in collector.actions {
            assert!(row.contains(&format!("`{action}`")), "{action} is not in {row}");
        }
        assert!(row.ends_with(&format!("| {} |", collector.set.name())), "{row}");
    }
    let rules = Page::read("docs/rules.md");
    for page in [&rules, &Page::read("README.md")] {
        assert!(
            page.text.contains(&format!(" {} rules", CATALOG.len())),
            "the number of rules in {}",
            page.path
        );
    }
    for rule in CATALOG {
        let row = row(&rules, rule.id).unwrap_or_else(|| panic!("docs/rules.md has no row of {}", rule.id));
        let days = rule.days.map_or("–".to_owned(), |days| days.to_string());
        assert!(row.contains(&format!("| {} | {} | {days} |", rule.title, rule.severity)), "{row}");
        for clause in rule.benchmarks.iter().map(|(_, clause)| clause).chain(rule.security_hub) {
            assert!(row.contains(clause), "{clause} is not in {row}");
        }
    }
}

#[tokio::test]
async fn every_flag_that_the_documentation_names_is_one() {
    const COMMANDS: &str =
        "accounts completions config diff doctor emulator evidence find-key init report rules scan verify";
    let mut flags = BTreeSet::from(["--help".to_owned(), "--version".to_owned()]);
    let nested = [
        "policy evaluate",
        "policy explain",
        "policy generate",
        "policy request",
        "policy check",
        "sweep plan",
        "sweep collect",
        "sweep merge",
        "sweep run",
    ];
    let nested = nested.map(|command| command.split(' ').collect::<Vec<_>>());
    let commands = COMMANDS.split(' ').map(|command| vec![command]).chain(nested);
    for command in commands {
        let arguments = [&command[..], &["--help"]].concat();
        let help = common::ended(&mut common::rolecall("http://127.0.0.1:1", &arguments)).await.stdout;
        flags.extend(flags_in(&help));
    }
    let mut named: Vec<(String, String)> = Vec::new();
    for page in pages() {
        let code = page.inline_code().into_iter();
        let ours = code.filter(|(_, text)| text.starts_with("--") || text.starts_with("rolecall "));
        named.extend(ours.map(|(line, text)| (format!("{}:{line}", page.path), text)));
    }
    for entry in fs::read_dir(root().join("examples")).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap_or_default().replace("\\\n", " ");
        let commands = text.lines().filter_map(|line| line.split_once("rolecall ")).map(|(_, rest)| rest);
        named.extend(commands.map(|text| (path.display().to_string(), text.to_owned())));
    }
    for (place, text) in named {
        // What is behind ` -- ` is the arguments of another program.
        let ours = text.split(" -- ").next().unwrap();
        for flag in flags_in(ours) {
            assert!(flags.contains(&flag), "{place}: rolecall has no {flag}");
        }
    }
}

/// The words of a text that begin with `--`, without what follows the name.
fn flags_in(text: &str) -> Vec<String> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'));
    words.filter(|word| word.len() > 2 && word.starts_with("--")).map(str::to_owned).collect()
}

#[test]
fn every_path_in_the_architecture_and_the_recipes_exists() {
    for document in ["CONTRIBUTING.md", "ARCHITECTURE.md"] {
        let text = fs::read_to_string(root().join(document)).unwrap();
        let quoted = text.split('`').skip(1).step_by(2);
        let folders =
            ["crates/", "docs/", "examples/", "infra/", "localstack/", "referee/", "bench/", "tools/"];
        let paths: Vec<&str> = quoted
            .filter(|text| folders.iter().any(|folder| text.starts_with(folder)) && !text.contains(' '))
            .collect();
        assert!(paths.len() > 5, "{document}");
        for path in paths {
            assert!(root().join(path).exists(), "{document} names {path}, which is not there");
        }
    }
}
