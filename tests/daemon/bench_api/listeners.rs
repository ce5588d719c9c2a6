//! Many who listen to server-sent events at once, and when each of them heard what.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use drover::clock::{Clock as _, SystemClock};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    runtime::Runtime,
};

use crate::support::{Drover, wait_until_ok};

/// An event is waited for no longer than this.
const PATIENCE: Duration = Duration::from_secs(60);

/// An event as it went round.
#[derive(Debug, Default)]
struct Heard {
    by: usize,
    committed_ms: i64,
    last_ms: i64,
}

type Round = Arc<Mutex<BTreeMap<u64, Heard>>>;

/// All of them, connected.
pub(crate) struct Listeners {
    runtime: Runtime,
    count: usize,
    round: Round,
}

impl Listeners {
    pub(crate) fn connect(drover: &Drover<'_>, count: usize) -> Self {
        let address = drover.api().base().trim_start_matches("http://").to_owned();
        let key = drover.api().key().expect("a key");
        let request = format!("GET /api/events HTTP/1.1\r\nhost: {address}\r\nx-api-key: {key}\r\n\r\n");
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let (runtime, round) = (runtime.expect("a runtime"), Round::default());
        runtime.block_on(async {
            for _ in 0..count {
                let mut stream = TcpStream::connect(&address).await.expect("drover listens");
                stream.write_all(request.as_bytes()).await.expect("it is taken");
                let mut text = Vec::new();
                // The stream's own first line says that it has begun.
                while !text.windows(8).any(|window| window == b": drover") {
                    assert!(stream.read_buf(&mut text).await.expect("an answer") > 0, "the connection ended");
                }
                tokio::spawn(listen(stream, Arc::clone(&round)));
            }
        });
        Self { runtime, count, round }
    }

    /// Waits until all heard so many events, each once; how long each took to the last of them, in milliseconds, in order.
    pub(crate) fn wait_for(self, events: usize) -> Vec<i64> {
        let mut delays: Vec<i64> = wait_until_ok("everybody heard everything", PATIENCE, || {
            let round = self.round.lock().unwrap_or_else(PoisonError::into_inner);
            let all = round.values().filter(|heard| heard.by == self.count);
            let delays: Vec<i64> = all.map(|heard| heard.last_ms - heard.committed_ms).collect();
            if delays.len() >= events { Ok(delays) } else { Err(format!("{} of {events}", delays.len())) }
        });
        self.runtime.shutdown_background();
        let round = self.round.lock().unwrap_or_else(PoisonError::into_inner);
        assert!(round.values().all(|heard| heard.by == self.count), "each event once to each of them");
        delays.sort_unstable();
        delays
    }
}

/// Notes what comes until the connection ends.
async fn listen(mut stream: TcpStream, round: Round) {
    let (mut text, mut last_id) = (Vec::new(), 0);
    while stream.read_buf(&mut text).await.is_ok_and(|read| read > 0) {
        let now_ms = SystemClock.now_ms();
        while let Some(end) = text.windows(2).position(|window| window == b"\n\n") {
            let block: Vec<u8> = text.drain(..end + 2).collect();
            let block = String::from_utf8_lossy(&block);
            let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
            let Some(id) = field("id:").and_then(|id| id.parse::<u64>().ok()) else { continue };
            assert!(id > last_id, "in order, each once");
            last_id = id;
            let mut round = round.lock().unwrap_or_else(PoisonError::into_inner);
            let heard = round.entry(id).or_default();
            if heard.by == 0 {
                let event: serde_json::Value =
                    serde_json::from_str(field("data:").expect("its data")).expect("an event is JSON");
                heard.committed_ms = event["timestamp"].as_i64().expect("a time");
            }
            heard.by += 1;
            heard.last_ms = heard.last_ms.max(now_ms);
        }
    }
}
