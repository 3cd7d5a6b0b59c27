//! Bytes that are made by a thread while they are written to a store, in parts.

use std::io::{self, Write};

use rolecall_report::bundle::HashingWriter;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::{JoinHandle, spawn_blocking};

/// Makes the bytes of an object.
pub(crate) type MakeBytes = Box<dyn FnOnce(&mut dyn Write) -> io::Result<()> + Send>;

/// The size of all parts but the last, in bytes. S3 takes up to 10,000 parts, of 5 MiB at least.
///
/// Source: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html>
const PART_SIZE: usize = 8 * 1024 * 1024;

/// A part of an object.
#[derive(Debug)]
pub(super) enum Part {
    /// Others follow.
    Some(Vec<u8>),
    /// The last part, which may be empty. Without it the object is not whole.
    Last(Vec<u8>),
}

/// Starts a thread that makes the bytes. It ends early if nobody takes the parts.
pub(super) fn start(make: MakeBytes) -> (Receiver<Part>, JoinHandle<io::Result<String>>) {
    let (sender, parts) = channel(1);
    let making = spawn_blocking(move || {
        let mut out = HashingWriter::new(PartWriter { sender, part: Vec::new() });
        make(&mut out)?;
        let (out, sum) = out.finish();
        out.finish()?;
        Ok(sum)
    });
    (parts, making)
}

struct PartWriter {
    sender: Sender<Part>,
    part: Vec<u8>,
}

impl PartWriter {
    fn send(&self, part: Part) -> io::Result<()> {
        self.sender.blocking_send(part).map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))
    }

    fn finish(mut self) -> io::Result<()> {
        let last = std::mem::take(&mut self.part);
        self.send(Part::Last(last))
    }
}

impl Write for PartWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.part.extend_from_slice(bytes);
        if self.part.len() >= PART_SIZE {
            let part = std::mem::take(&mut self.part);
            self.send(Part::Some(part))?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
