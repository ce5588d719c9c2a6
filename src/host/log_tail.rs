//! The last lines that a child wrote, kept for the day on which it does not start.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::{
    io::{AsyncBufReadExt, AsyncRead, BufReader},
    sync::watch,
};

const LINES: usize = 64;
const LINE_BYTES: usize = 2048;

/// The tail of a child's output. Clones show the same tail.
#[derive(Debug, Clone)]
pub struct LogTail {
    lines: Arc<Mutex<VecDeque<String>>>,
    /// Counts the lines seen.
    seen: watch::Sender<u64>,
}

impl LogTail {
    pub(super) fn new() -> Self {
        Self { lines: Arc::default(), seen: watch::Sender::new(0) }
    }

    /// Reads until the other side closes. A line that is too long is cut, one that is no UTF-8 is replaced where it is not.
    pub(super) async fn follow(self, output: impl AsyncRead + Unpin) {
        let mut output = BufReader::new(output);
        let mut line = Vec::new();
        loop {
            line.clear();
            match output.read_until(b'\n', &mut line).await {
                Ok(0) | Err(_) => return,
                Ok(_) => {
                    line.truncate(LINE_BYTES);
                    self.push(String::from_utf8_lossy(&line).trim_end().to_owned());
                }
            }
        }
    }

    fn push(&self, line: String) {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == LINES {
            lines.pop_front();
        }
        lines.push_back(line);
        drop(lines);
        self.seen.send_modify(|seen| *seen += 1);
    }

    /// The last lines, oldest first.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    /// Waits for a line of which `pick` makes something. Never ends if none comes: put a timeout around it.
    pub async fn find<T>(&self, pick: impl Fn(&str) -> Option<T>) -> T {
        let mut seen = self.seen.subscribe();
        loop {
            seen.borrow_and_update();
            if let Some(found) = self.lines().iter().find_map(|line| pick(line)) {
                return found;
            }
            // This tail holds the sender, so the channel cannot be closed.
            let _ = seen.changed().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_keeps_the_last_lines_and_cuts_long_ones() {
        let tail = LogTail::new();
        let text: String = (0..100).map(|n| format!("line {n}\n")).collect::<String>() + &"x".repeat(5000);
        tail.clone().follow(text.as_bytes()).await;
        let lines = tail.lines();
        assert_eq!(lines.len(), LINES);
        assert_eq!(lines[0], "line 37");
        assert_eq!(lines[LINES - 1].len(), LINE_BYTES);
    }

    #[tokio::test]
    async fn a_line_is_found_before_and_after_it_came() {
        let tail = LogTail::new();
        let waiting = tokio::spawn({
            let tail = tail.clone();
            async move { tail.find(|line| line.strip_prefix("port ").map(str::to_owned)).await }
        });
        tail.clone().follow(&b"hello\nport 99\n"[..]).await;
        assert_eq!(waiting.await.expect("no panic"), "99");
        assert_eq!(tail.find(|line| line.strip_prefix("port ").map(str::to_owned)).await, "99");
    }
}
