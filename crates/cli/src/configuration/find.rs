//! Finding `rolecall.toml`.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::FILE;
use crate::{environment, output};

/// The nearest `rolecall.toml`: in the current folder, in its parents up to the repository root or the home folder, else in
/// the user's configuration folder. A file that is owned by somebody else is not used: it could redirect a scan.
pub(super) fn find() -> Option<PathBuf> {
    let current = std::env::current_dir().unwrap_or_default();
    let folders = folders(&current, environment::home().as_deref(), |folder| folder.join(".git").exists());
    // Shown as the user would type it.
    let files = folders.iter().map(|folder| match folder.strip_prefix(&current) {
        Ok(_) => PathBuf::from(FILE),
        Err(_) => folder.join(FILE),
    });
    let of_user = environment::config_home().map(|folder| folder.join("rolecall").join(FILE));
    let found = files.chain(of_user).find(|file| file.is_file() && is_trusted(file));
    for file in
        current.ancestors().skip(folders.len()).map(|folder| folder.join(FILE)).filter(|it| it.is_file())
    {
        tracing::info!("{} is not used: {}", file.display(), why_not_searched(folders.last(), &current));
    }
    if found.is_none() {
        tracing::info!("no rolecall.toml is used");
    }
    found
}

/// Why the parents of the last folder are not searched.
fn why_not_searched(last: Option<&PathBuf>, current: &Path) -> String {
    match last {
        Some(last) if last != current || last.join(".git").exists() => {
            format!("it is above {}, the repository root or home folder; --config uses it", last.display())
        }
        _ => "parent folders are searched only within a repository or the home folder; --config uses it"
            .to_owned(),
    }
}

/// The folders to look in: the current one, and its parents up to a repository root or the home folder. Without either
/// above it, the current folder alone.
fn folders(current: &Path, home: Option<&Path>, is_repository: impl Fn(&Path) -> bool) -> Vec<PathBuf> {
    let is_last = |folder: &Path| is_repository(folder) || Some(folder) == home;
    let folders: Vec<PathBuf> = current.ancestors().map(Path::to_owned).collect();
    let number = folders.iter().position(|folder| is_last(folder)).map_or(1, |index| index + 1);
    folders.into_iter().take(number).collect()
}

/// Whether the user or root owns the file.
fn is_trusted(file: &Path) -> bool {
    let owner = match fs::metadata(file).map(|metadata| metadata.uid()) {
        Ok(owner) => owner,
        Err(error) => {
            output::say(&format!("warning: {} is ignored: {error}", file.display()));
            return false;
        }
    };
    let is_trusted = owner == 0 || owner == rustix::process::geteuid().as_raw();
    if !is_trusted {
        output::say(&format!(
            "warning: {} is ignored: user {owner} owns it, not you or root; pass --config {} to use it",
            file.display(),
            file.display()
        ));
    }
    is_trusted
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::folders;

    #[test]
    fn parents_are_searched_up_to_the_repository_root_or_home() {
        let found = |current: &str, home: Option<&str>, repository: &str| -> Vec<String> {
            let folders = folders(Path::new(current), home.map(Path::new), |it| it == Path::new(repository));
            folders.iter().map(|it: &PathBuf| it.display().to_string()).collect()
        };
        assert_eq!(found("/srv/repo/a/b", None, "/srv/repo"), ["/srv/repo/a/b", "/srv/repo/a", "/srv/repo"]);
        assert_eq!(found("/home/u/a", Some("/home/u"), ""), ["/home/u/a", "/home/u"]);
        assert_eq!(
            found("/home/u/repo/a", Some("/home/u"), "/home/u/repo"),
            ["/home/u/repo/a", "/home/u/repo"]
        );
        assert_eq!(found("/tmp/a", Some("/home/u"), ""), ["/tmp/a"], "not up to the root of the file system");
    }
}
