//! A receiver of webhooks: a real HTTP server on a port of its own, which answers as a test says and keeps what came. Its threads
//! end with it, at the latest with their connections.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc, Condvar, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use serde_json::Value;

/// A request that came.
#[derive(Debug, Clone)]
pub struct Received {
    pub path: String,
    /// Names in lower case.
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
    /// Unix milliseconds of its arrival.
    pub at_ms: i64,
}

impl Received {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("a webhook's body is JSON")
    }

    /// The id of the delivery.
    pub fn id(&self) -> String {
        self.headers["x-webhook-request-id"].clone()
    }

    /// The number of the event.
    pub fn seq(&self) -> i64 {
        let id = self.json()["id"].as_str().expect("an id").to_owned();
        id.trim_start_matches("evt_").parse().expect("a number")
    }
}

/// How to answer.
#[derive(Debug, Clone)]
pub enum Answer {
    /// With a status and a body.
    Status(u16, String),
    /// With a redirect to there.
    Redirect(String),
    /// With 200 and so many bytes.
    Bytes(usize),
    /// Never.
    Never,
}

impl Answer {
    pub fn ok() -> Self {
        Self::Status(200, String::new())
    }
}

type Script = Box<dyn Fn(&Received) -> Answer + Send + Sync>;

struct Inner {
    script: Mutex<Arc<Script>>,
    received: Mutex<Vec<Received>>,
    changed: Condvar,
    /// Bytes of bodies that were written.
    written: Mutex<usize>,
    connections: Mutex<usize>,
    has_ended: AtomicBool,
}

/// The server.
pub struct Receiver {
    inner: Arc<Inner>,
    port: u16,
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Receiver {
    /// Answers 200 until it is told otherwise.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let ok: Script = Box::new(|_| Answer::ok());
        let inner = Arc::new(Inner {
            script: Mutex::new(Arc::new(ok)),
            received: Mutex::default(),
            changed: Condvar::new(),
            written: Mutex::default(),
            connections: Mutex::default(),
            has_ended: AtomicBool::new(false),
        });
        let serving = Arc::clone(&inner);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if serving.has_ended.load(Ordering::SeqCst) {
                    return;
                }
                *lock(&serving.connections) += 1;
                let serving = Arc::clone(&serving);
                thread::spawn(move || serve(stream, &serving));
            }
        });
        Self { inner, port }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// Answers so from now on.
    pub fn answer(&self, script: impl Fn(&Received) -> Answer + Send + Sync + 'static) {
        *lock(&self.inner.script) = Arc::new(Box::new(script));
    }

    /// All that came so far, in the order of their arrival.
    pub fn received(&self) -> Vec<Received> {
        lock(&self.inner.received).clone()
    }

    pub fn connections(&self) -> usize {
        *lock(&self.inner.connections)
    }

    pub fn bytes_written(&self) -> usize {
        *lock(&self.inner.written)
    }

    /// Waits until what came is as wanted, and gives it.
    #[track_caller]
    pub fn wait_for(&self, what: &str, limit: Duration, wanted: impl Fn(&[Received]) -> bool) -> Vec<Received> {
        let deadline = Instant::now() + limit;
        let mut received = lock(&self.inner.received);
        loop {
            if wanted(&received) {
                return received.clone();
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(
                !left.is_zero(),
                "waited {limit:?} for this at the receiver, in vain: {what}; {} requests came, the last: {:?}",
                received.len(),
                received.last().map(|last| (last.path.clone(), String::from_utf8_lossy(&last.body).into_owned()))
            );
            received = self.inner.changed.wait_timeout(received, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.inner.has_ended.store(true, Ordering::SeqCst);
        // Wakes the thread that accepts.
        let _woken = TcpStream::connect(("127.0.0.1", self.port));
    }
}

fn serve(stream: TcpStream, inner: &Inner) {
    let Ok(mut out) = stream.try_clone() else { return };
    let _ = out.set_nodelay(true);
    let mut reader = BufReader::new(stream);
    while let Some(request) = read(&mut reader) {
        let script = Arc::clone(&lock(&inner.script));
        lock(&inner.received).push(request.clone());
        inner.changed.notify_all();
        let done = match script(&request) {
            Answer::Status(status, body) => {
                let head = format!("HTTP/1.1 {status} Status\r\nContent-Length: {}\r\n\r\n", body.len());
                out.write_all((head + &body).as_bytes()).is_ok()
            }
            Answer::Redirect(to) => {
                let head = format!("HTTP/1.1 307 Redirect\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n");
                out.write_all(head.as_bytes()).is_ok()
            }
            Answer::Bytes(count) => write_bytes(&mut out, count, inner),
            Answer::Never => {
                // Ends when the other side hangs up.
                let mut rest = [0; 64];
                while reader.read(&mut rest).is_ok_and(|count| count > 0) {}
                false
            }
        };
        if !done || inner.has_ended.load(Ordering::SeqCst) {
            return;
        }
    }
}

fn write_bytes(out: &mut TcpStream, count: usize, inner: &Inner) -> bool {
    let chunk = [b'x'; 16_384];
    if out.write_all(format!("HTTP/1.1 200 OK\r\nContent-Length: {count}\r\n\r\n").as_bytes()).is_err() {
        return false;
    }
    let mut left = count;
    while left > 0 {
        let part = left.min(chunk.len());
        if out.write_all(&chunk[..part]).is_err() {
            return false;
        }
        *lock(&inner.written) += part;
        left -= part;
    }
    true
}

fn read(reader: &mut BufReader<TcpStream>) -> Option<Received> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|count| *count > 0)?;
    let path = line.split_whitespace().nth(1)?.to_owned();
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|count| *count > 0)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    #[expect(clippy::disallowed_methods, reason = "the receiver is another machine, with a clock of its own")]
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Some(Received { path, headers, body, at_ms: i64::try_from(now.as_millis()).unwrap_or(i64::MAX) })
}
