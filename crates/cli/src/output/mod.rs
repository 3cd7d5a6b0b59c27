//! Where the roll goes, and how it looks there. Data goes to stdout or a file, all else to stderr.

mod accounts;
mod page;
mod progress;
mod sink;
mod table;
mod verdicts;

use std::io::{self, Write};
use std::path::Path;

use rolecall_roll::{AccountRoll, Coverage, Document, Header, RollWriter, Statistics, Store};

use crate::args::Format;
use crate::failure::{Code, Failure};
pub(crate) use accounts::accounts;
use page::grouped;
pub(crate) use progress::Progress;
use sink::Sink;
pub(crate) use table::printable;
pub(crate) use verdicts::{Answer, verdicts};

/// Opens the file that the roll goes to, or stdout.
pub(crate) fn open(path: Option<&Path>) -> Result<Sink, Failure> {
    match path {
        None => Ok(Sink::stdout()),
        Some(path) if path == Path::new("-") => Ok(Sink::stdout()),
        Some(path) => Sink::file(path).map_err(|error| not_there("--out", path, &error)),
    }
}

/// A file, named by a flag, that cannot be written to.
pub(crate) fn not_there(flag: &str, path: &Path, error: &io::Error) -> Failure {
    let problem = match error.kind() {
        io::ErrorKind::NotFound => "the folder is not there".to_owned(),
        kind => io::Error::from(kind).to_string(),
    };
    Failure::new(Code::Usage, format!("{flag} {}: {problem}", path.display()))
        .with_remedy("name a file in a folder that is there and can be written")
}

/// A line for a person, on stderr.
pub(crate) fn say(line: &str) {
    // Nobody is left to tell where stderr is closed.
    let _ = writeln!(anstream::stderr(), "{line}");
}

/// Writes what is no roll to stdout.
pub(crate) fn to_stdout(bytes: &[u8]) -> Result<(), Failure> {
    let mut sink = Sink::stdout();
    sink.write_all(bytes).and_then(|()| sink.finish()).map_err(|error| not_written(&error))
}

/// What a roll covers, in a line.
pub(crate) fn summary(coverage: &Coverage) -> String {
    let of = |reasons: &std::collections::BTreeMap<String, usize>| reasons.values().sum::<usize>();
    let accounts = coverage.accounts;
    let mut text = format!("{} of {accounts} {} complete", coverage.complete, plural(accounts, "account"));
    let others = [
        (coverage.partial.values().map(|missing| missing.accounts).sum(), "partial"),
        (of(&coverage.denied), "denied"),
        (of(&coverage.failed), "failed"),
        (coverage.accepted.len(), "accepted"),
        (of(&coverage.skipped), "skipped"),
    ];
    for (number, what) in others.iter().filter(|(number, _)| *number > 0) {
        text += &format!(", {number} {what}");
    }
    let (users, keys) = (coverage.users, coverage.access_keys);
    format!("{text}: {users} {}, {keys} {}", plural(users, "user"), plural(keys, "access key"))
}

/// What is about to be done, in a line.
pub(crate) fn about_to_ask(header: &Header, asked: usize, missing: usize, calls: (usize, usize)) -> String {
    let caller =
        header.caller.as_ref().map_or("somebody whom AWS does not name", |caller| caller.arn.as_str());
    let organization =
        header.organization.as_ref().map_or(String::new(), |it| format!(" of organisation {}", it.id));
    let done = match header.targets.len() - missing {
        0 => String::new(),
        done => format!(" ({} are in the roll file already)", grouped(done)),
    };
    let (of_account, of_user) = calls;
    format!(
        "asking {} accounts{organization} as {}{done}: {} calls at least, and {of_user} for each user",
        grouped(asked),
        table::printable(caller),
        grouped(asked * of_account)
    )
}

fn plural(number: usize, noun: &str) -> String {
    if number == 1 { noun.to_owned() } else { format!("{noun}s") }
}

/// A roll on its way into its file, and into what is shown of it.
pub(crate) struct Shown {
    store: Store,
    format: Format,
    out: Out,
}

enum Out {
    /// A line as each account is done.
    Lines(Box<RollWriter<Sink>>),
    /// All at the end.
    Whole(Sink),
}

impl Shown {
    /// Begins with what the store holds already.
    pub(crate) fn begin(format: Format, sink: Sink, header: &Header, store: Store) -> Result<Self, Failure> {
        let out = if format == Format::Jsonl {
            let mut writer = RollWriter::new(sink, header).map_err(|error| not_written(&error))?;
            for account in store.accounts() {
                account.and_then(|account| writer.account(&account)).map_err(|error| not_written(&error))?;
            }
            Out::Lines(Box::new(writer))
        } else {
            Out::Whole(sink)
        };
        Ok(Self { store, format, out })
    }

    /// Adds an account.
    pub(crate) fn account(&mut self, account: &AccountRoll) -> Result<(), Failure> {
        let added = self.store.add(account);
        let shown = added.and_then(|counts| match &mut self.out {
            Out::Lines(writer) if counts => writer.account(account).map(|_| ()),
            _ => Ok(()),
        });
        shown.map_err(|error| not_written(&error))
    }

    /// Ends the roll file, and shows what is shown at the end.
    pub(crate) fn finish(self, header: &Header, statistics: Statistics) -> Result<Coverage, Failure> {
        let Self { store, format, out } = self;
        let finish = || {
            let counts = store.counts();
            let stored = store.finish(statistics.clone())?;
            let mut coverage = Coverage::new(header);
            for account in stored.accounts() {
                coverage.add(&account?);
            }
            match out {
                Out::Lines(writer) => writer.finish(statistics).and_then(Sink::finish)?,
                Out::Whole(mut sink) if format == Format::Table => {
                    let look = sink.look();
                    table::render(&mut sink, header, &stored, look)?;
                    sink.write_all(page::render(header, &coverage, &statistics, look).as_bytes())?;
                    sink.finish()?;
                }
                Out::Whole(mut sink) => {
                    let document = Document::of_file(header, coverage.clone(), &stored, counts, &statistics);
                    serde_json::to_writer_pretty(&mut sink, &document)?;
                    sink.write_all(b"\n")?;
                    sink.finish()?;
                }
            }
            Ok(coverage)
        };
        finish().map_err(|error: io::Error| not_written(&error))
    }
}

pub(crate) fn not_written(error: &io::Error) -> Failure {
    if error.kind() == io::ErrorKind::BrokenPipe {
        // Whoever was reading, `head` for one, has enough.
        return Failure::silent(Code::Unexpected);
    }
    Failure::new(Code::Unexpected, format!("the output could not be written: {error}"))
}
