//! Requests at a steady pace, each counted from when it was due: an answer that holds others up is counted with them.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::Instant,
};

use crate::support::Drover;

const PATH: &str = "/api/sessions?all=true";

/// So many requests at such a pace, by so many connections that are kept.
pub(crate) struct Load {
    pub(crate) per_second: u32,
    pub(crate) requests: usize,
    pub(crate) connections: usize,
}

static ANSWER_BYTES: AtomicUsize = AtomicUsize::new(0);

impl Load {
    /// How long each took.
    pub(crate) fn run(&self, drover: &Drover<'_>) -> Vec<Duration> {
        let address = drover.api().base().trim_start_matches("http://").to_owned();
        let key = drover.api().key().expect("a key");
        let request = format!("GET {PATH} HTTP/1.1\r\nhost: {address}\r\nx-api-key: {key}\r\n\r\n");
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        runtime.expect("a runtime").block_on(async {
            let began = Instant::now() + Duration::from_millis(200);
            let tasks: Vec<_> = (0..self.connections)
                .map(|first| {
                    let due: Vec<Instant> = (first..self.requests)
                        .step_by(self.connections)
                        .map(|number| began + Duration::from_secs(number as u64) / self.per_second)
                        .collect();
                    tokio::spawn(ask(address.clone(), request.clone(), due))
                })
                .collect();
            let mut took = Vec::with_capacity(self.requests);
            for task in tasks {
                took.extend(task.await.expect("no request failed"));
            }
            took
        })
    }

    /// How long an answer was.
    pub(crate) fn answer_bytes(&self) -> usize {
        ANSWER_BYTES.load(Ordering::Relaxed)
    }
}

async fn ask(address: String, request: String, due: Vec<Instant>) -> Vec<Duration> {
    let mut stream = TcpStream::connect(&address).await.expect("drover listens");
    stream.set_nodelay(true).expect("a socket");
    let mut buffer = vec![0_u8; 256 << 10];
    let mut took = Vec::with_capacity(due.len());
    for at in due {
        tokio::time::sleep_until(at).await;
        stream.write_all(request.as_bytes()).await.expect("it is taken");
        let (mut filled, mut end) = (0, None);
        // The body is counted and let go: who asks is not to be what is measured.
        while end.is_none_or(|end| filled < end) {
            let room = if end.is_some() { &mut buffer[..] } else { &mut buffer[filled..] };
            let read = stream.read(room).await.expect("an answer");
            assert!(read > 0, "the connection ended");
            filled += read;
            if end.is_none() {
                end = length(&buffer[..filled]);
            }
        }
        took.push(at.elapsed());
        ANSWER_BYTES.store(filled, Ordering::Relaxed);
    }
    took
}

/// Of the whole answer, once its head is there.
fn length(answer: &[u8]) -> Option<usize> {
    let head_end = answer.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let head = String::from_utf8_lossy(&answer[..head_end]).to_ascii_lowercase();
    assert!(head.starts_with("http/1.1 200 "), "{head}");
    let body = head.lines().find_map(|line| line.strip_prefix("content-length: ")).expect("its length");
    Some(head_end + body.trim().parse::<usize>().expect("a number"))
}
