//! Where the roll goes, and how it looks there. Data goes to stdout or a file, all else to stderr.

mod sink;
mod table;
mod verdicts;

use std::io::{self, Write};
use std::path::Path;

use rolecall_roll::{AccountRoll, Counts, Document, Header, Roll, RollWriter, Statistics};

use crate::args::Format;
use crate::failure::{Code, Failure};
use sink::Sink;
pub(crate) use verdicts::verdicts;

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

/// What a roll adds up to, in words.
pub(crate) fn summary(counts: &Counts) -> String {
    let Counts { accounts, complete, partial, failed, users, access_keys } = *counts;
    let mut text = format!("{complete} of {accounts} {} complete", plural(accounts, "account"));
    for (number, what) in [(partial, "partial"), (failed, "failed")] {
        if number > 0 {
            text += &format!(", {number} {what}");
        }
    }
    format!("{text}: {users} {}, {access_keys} {}", plural(users, "user"), plural(access_keys, "access key"))
}

fn plural(number: usize, noun: &str) -> String {
    if number == 1 { noun.to_owned() } else { format!("{noun}s") }
}

/// Shows a roll in one of the formats.
pub(crate) enum Renderer {
    /// A line as each account is done.
    Lines(RollWriter<Sink>),
    /// All at the end.
    Whole { format: Format, sink: Sink, header: Header, accounts: Vec<AccountRoll> },
}

impl Renderer {
    pub(crate) fn begin(format: Format, sink: Sink, header: Header) -> Result<Self, Failure> {
        match format {
            Format::Jsonl => {
                let writer = RollWriter::new(sink, &header).map_err(|error| not_written(&error))?;
                Ok(Self::Lines(writer))
            }
            Format::Json | Format::Table => Ok(Self::Whole { format, sink, header, accounts: Vec::new() }),
        }
    }

    pub(crate) fn account(&mut self, account: AccountRoll) -> Result<(), Failure> {
        match self {
            Self::Lines(writer) => writer.account(&account).map_err(|error| not_written(&error))?,
            Self::Whole { accounts, .. } => accounts.push(account),
        }
        Ok(())
    }

    pub(crate) fn finish(self, statistics: Statistics) -> Result<(), Failure> {
        let written = match self {
            Self::Lines(writer) => writer.finish(statistics).and_then(Sink::finish),
            Self::Whole { format, sink, header, accounts } => {
                whole(format, sink, &Roll::new(header, accounts, statistics))
            }
        };
        written.map_err(|error| not_written(&error))
    }
}

fn whole(format: Format, mut sink: Sink, roll: &Roll) -> io::Result<()> {
    if format == Format::Table {
        let look = sink.look();
        sink.write_all(table::render(roll, look).as_bytes())?;
    } else {
        serde_json::to_writer_pretty(&mut sink, &Document::from(roll))?;
        sink.write_all(b"\n")?;
    }
    sink.finish()
}

pub(crate) fn not_written(error: &io::Error) -> Failure {
    if error.kind() == io::ErrorKind::BrokenPipe {
        // Whoever was reading, `head` for one, has enough.
        return Failure::silent(Code::Unexpected);
    }
    Failure::new(Code::Unexpected, format!("the output could not be written: {error}"))
}
