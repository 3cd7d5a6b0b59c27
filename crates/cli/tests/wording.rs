//! What a user reads is in the field's terms: no phrase of the list below is in a help text, a message, a snapshot or a page.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on ends")]

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::{Ended, ended, rolecall};

async fn run(arguments: &[&str]) -> Ended {
    let folder = tempfile::tempdir().unwrap();
    ended(rolecall("http://127.0.0.1:9", arguments).current_dir(folder.path())).await
}

/// Phrases that readers stumble over, each with the words to use instead.
const BANNED: [(&str, &str); 37] = [
    ("whom", "the target accounts, the caller"),
    ("is none of", "unknown …; expected one of …"),
    ("is none,", "not a valid …"),
    ("it is none", "not a valid …"),
    ("it is no", "not a …"),
    ("is no text", "not a text"),
    ("in vain", "unused, matches no finding"),
    ("is no more", "expired"),
    ("lapsed", "expired"),
    ("answers for", "an exception, an accepted gap"),
    ("answered for", "suppressed"),
    ("excepted", "suppressed"),
    ("untold", "unknown"),
    ("not told", "unknown"),
    ("nobody says", "no … given"),
    ("nobody knows", "unknown"),
    ("nobody asked", "not requested"),
    ("not asked", "not requested, not scanned"),
    ("unasked", "not requested, not evaluated"),
    ("so many", "a number of"),
    ("role to become", "role to assume"),
    ("may become", "may assume"),
    ("becomes a role", "assumes a role"),
    ("go on with", "resume"),
    ("goes on with", "resumes"),
    ("gone on with", "resumed"),
    ("is let in", "the trust policy allows"),
    ("lets in", "trusts"),
    ("taken away", "removed, deleted"),
    ("stands twice", "is given twice"),
    ("side by side", "at a time, concurrent"),
    ("as bad as", "of this severity or worse"),
    ("the first first", "in order"),
    ("went wrong", "failed"),
    ("organisation", "organization"),
    ("colour", "color"),
    ("behaviour", "behavior"),
];

/// The phrases of the list that a text holds, as whole words.
fn banned_in(text: &str) -> Vec<String> {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
    let is_whole = |begin: usize, end: usize| {
        let before = text[..begin].chars().next_back();
        let after = text[end..].chars().next();
        !before.is_some_and(char::is_alphanumeric) && !after.is_some_and(char::is_alphanumeric)
    };
    BANNED
        .iter()
        .filter(|(phrase, _)| text.match_indices(phrase).any(|(at, _)| is_whole(at, at + phrase.len())))
        .map(|(phrase, instead)| format!("{phrase:?} (write: {instead})"))
        .collect()
}

/// The files below a folder with one of these extensions.
fn files(folder: &Path, extensions: &[&str]) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        if path.is_dir() && name != "node_modules" && name != "target" {
            all.extend(files(&path, extensions));
        } else if path.extension().is_some_and(|it| extensions.iter().any(|extension| it == *extension)) {
            all.push(path);
        }
    }
    all.sort();
    all
}

/// The string literals and the help texts (`///`) of Rust code before its unit tests, each with its line. A literal that an
/// expected rejection could repeat from AWS is among them: AWS's words hold no phrase of the list either.
fn texts_of(code: &str) -> Vec<(usize, String)> {
    let code = code.split("\n#[cfg(test)]").next().unwrap();
    let mut texts = Vec::new();
    let (mut line, mut rest) = (1, code);
    while let Some(first) = rest.chars().next() {
        let end = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with('"') {
            let mut is_escaped = false;
            let is_end = |(at, c): (usize, char)| {
                let ends = at > 0 && c == '"' && !is_escaped;
                is_escaped = c == '\\' && !is_escaped;
                ends.then_some(at + 1)
            };
            let end = rest.char_indices().find_map(is_end).unwrap_or(rest.len());
            texts.push((line, rest[..end].replace("\\n", " ").replace('\\', "")));
            end
        } else if rest.starts_with("'\"'") || rest.starts_with("'\\'") {
            rest[1..].find('\'').map_or(rest.len(), |at| at + 2)
        } else {
            first.len_utf8()
        };
        line += rest[..end].matches('\n').count();
        rest = &rest[end..];
    }
    texts
}

#[test]
fn no_message_has_a_banned_phrase() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut problems = Vec::new();
    for name in ["access", "cli", "core", "emulator", "lambda", "policy", "report", "roll"] {
        for file in files(&root.join(name).join("src"), &["rs"]) {
            for (line, text) in texts_of(&fs::read_to_string(&file).unwrap()) {
                let found = banned_in(&text).into_iter();
                problems.extend(found.map(|phrase| format!("{}:{line}: {phrase}: {text}", file.display())));
            }
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn no_snapshot_template_or_page_has_a_banned_phrase() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut pages = files(&root.join("docs"), &["md"]);
    pages.extend(files(&root.join("crates"), &["snap", "html", "toml"]));
    pages.extend(files(&root.join("infra"), &["yaml", "sh"]));
    pages.extend(
        ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md", "Makefile"]
            .map(|name| root.join(name)),
    );
    let mut problems = Vec::new();
    for file in pages {
        let text = fs::read_to_string(&file).unwrap();
        problems.extend(banned_in(&text).into_iter().map(|phrase| format!("{}: {phrase}", file.display())));
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[tokio::test]
async fn no_help_text_and_no_configuration_file_has_a_banned_phrase() {
    for arguments in [&["man", "--format", "markdown"][..], &["init", "-"], &["rules", "--format", "json"]] {
        let ended = run(arguments).await;
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        assert_eq!(banned_in(&ended.stdout), Vec::<String>::new(), "{arguments:?}");
    }
}
