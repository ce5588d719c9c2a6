//! A pipe between a blocking side and any other: what is written at one end is read at the other, with little in between.

use std::io::{self, Read, Write};

use tokio::sync::mpsc;

/// How much is passed on at a time.
const CHUNK_BYTES: usize = 64 * 1024;
/// How many chunks may wait.
const WAITING: usize = 8;

/// The end that is written to, from a blocking thread.
#[derive(Debug)]
pub struct PipeWriter {
    chunks: mpsc::Sender<io::Result<Vec<u8>>>,
    buffer: Vec<u8>,
}

/// The end that is read from.
#[derive(Debug)]
pub struct PipeReader {
    chunks: mpsc::Receiver<io::Result<Vec<u8>>>,
    rest: Vec<u8>,
    taken: usize,
}

/// A pipe.
#[must_use]
pub fn pipe() -> (PipeWriter, PipeReader) {
    let (sender, receiver) = mpsc::channel(WAITING);
    (PipeWriter { chunks: sender, buffer: Vec::new() }, PipeReader { chunks: receiver, rest: Vec::new(), taken: 0 })
}

impl PipeWriter {
    /// Passes a chunk on, from an asynchronous task; false when nobody reads any more.
    pub async fn pass(&self, chunk: Vec<u8>) -> bool {
        self.chunks.send(Ok(chunk)).await.is_ok()
    }

    /// Ends the pipe with a failure, which the reader sees.
    pub async fn fail(self, error: io::Error) {
        // Whoever does not read any more need not know.
        let _ = self.chunks.send(Err(error)).await;
    }

    /// The same, from a blocking thread.
    pub fn fail_blocking(self, error: io::Error) {
        let _ = self.chunks.blocking_send(Err(error));
    }
}

impl Write for PipeWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= CHUNK_BYTES {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let chunk = std::mem::take(&mut self.buffer);
        self.chunks.blocking_send(Ok(chunk)).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

impl PipeReader {
    /// The next chunk; None at the end. For a task that does not block.
    pub async fn next(&mut self) -> Option<io::Result<Vec<u8>>> {
        self.chunks.recv().await
    }
}

impl Read for PipeReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.taken == self.rest.len() {
            match self.chunks.blocking_recv() {
                Some(chunk) => (self.rest, self.taken) = (chunk?, 0),
                None => return Ok(0),
            }
        }
        let length = buffer.len().min(self.rest.len() - self.taken);
        buffer[..length].copy_from_slice(&self.rest[self.taken..self.taken + length]);
        self.taken += length;
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_in_comes_out_and_a_failure_too() {
        let (mut writer, mut reader) = pipe();
        let sent: Vec<u8> = (0..300_000_u32).map(|number| (number % 251) as u8).collect();
        let expected = sent.clone();
        let writing = std::thread::spawn(move || {
            writer.write_all(&sent).expect("somebody reads");
            writer.flush().expect("somebody reads");
            writer.fail_blocking(io::Error::other("the end"));
        });
        let mut got = Vec::new();
        let error = reader.read_to_end(&mut got).expect_err("it failed at the end");
        assert_eq!((got, error.to_string()), (expected, "the end".to_owned()));
        writing.join().expect("it ended");
    }

    #[test]
    fn nobody_to_read_is_a_broken_pipe() {
        let (mut writer, reader) = pipe();
        drop(reader);
        writer.write_all(b"x").expect("it waits in the buffer");
        assert_eq!(writer.flush().expect_err("nobody reads").kind(), io::ErrorKind::BrokenPipe);
    }
}
