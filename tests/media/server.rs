//! A web server that misbehaves as it is told.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

pub(crate) const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";

/// How a request is answered.
#[derive(Debug, Clone)]
pub(crate) enum Act {
    /// As it should be.
    Serve,
    /// The connection ends before a word.
    Refuse,
    /// A status with these further headers, and no body.
    Status(u16, String),
    /// The connection ends after this many bytes of the body.
    Cut(usize),
    /// Nothing more comes after this many bytes of the body.
    Stall(usize),
    /// This many bytes at a time, with this pause between.
    Trickle(usize, Duration),
    /// In chunks, without a length; whole, or cut after this many bytes.
    Chunked(Option<usize>),
    /// Whole, with another length than it has.
    Length(usize),
    /// Another file of this name.
    Other(Arc<File>),
}

/// What is served.
#[derive(Debug)]
pub(crate) struct File {
    pub(crate) bytes: Vec<u8>,
    pub(crate) headers: String,
    pub(crate) takes_ranges: bool,
}

impl File {
    /// A picture of this length that may be gone on with.
    pub(crate) fn picture(length: usize, etag: &str) -> Self {
        let mut bytes = PNG.to_vec();
        bytes.extend((PNG.len()..length).map(|index| u8::try_from(index * 31 % 251).unwrap()));
        let headers = format!("Content-Type: image/png\r\nETag: \"{etag}\"\r\nAccept-Ranges: bytes\r\n");
        Self { bytes, headers, takes_ranges: true }
    }

    pub(crate) fn of(bytes: &[u8], headers: &str) -> Self {
        Self { bytes: bytes.to_vec(), headers: headers.to_owned(), takes_ranges: false }
    }
}

/// What came: the path, and the headers in lower case.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) path: String,
    headers: Vec<String>,
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
    }
}

pub(crate) struct Server {
    pub(crate) port: u16,
    asked: Arc<Mutex<Vec<Asked>>>,
    task: JoinHandle<()>,
}

impl Server {
    /// Serves one file; `choose` says how the first, second, third ... request is answered, counted from 0.
    pub(crate) async fn start(file: File, choose: impl Fn(usize, &Asked) -> Act + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let (file, choose, seen) = (Arc::new(file), Arc::new(choose), Arc::clone(&asked));
        let count = Arc::new(AtomicUsize::new(0));
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (file, choose, seen, count) = (file.clone(), choose.clone(), seen.clone(), count.clone());
                connections.spawn(async move {
                    let mut stream = BufReader::new(stream);
                    while let Some(request) = read_head(&mut stream).await {
                        let act = choose(count.fetch_add(1, Ordering::SeqCst), &request);
                        seen.lock().unwrap().push(request.clone());
                        if answer(&mut stream, &file, &request, act).await.is_none() {
                            break;
                        }
                    }
                });
            }
        });
        Self { port, asked, task }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn read_head(stream: &mut BufReader<TcpStream>) -> Option<Asked> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        let read = stream.read_line(&mut line).await.ok()?;
        match line.trim_end() {
            _ if read == 0 => return None,
            "" => break,
            text => lines.push(text.to_ascii_lowercase()),
        }
    }
    let path = lines.first()?.split(' ').nth(1)?.to_owned();
    Some(Asked { path, headers: lines.split_off(1) })
}

/// None when the connection is at its end.
async fn answer(stream: &mut BufReader<TcpStream>, file: &Arc<File>, asked: &Asked, act: Act) -> Option<()> {
    let file = if let Act::Other(other) = &act { other } else { file };
    let etag = file.headers.lines().find_map(|line| line.strip_prefix("ETag: "));
    let is_same = asked.header("if-range").is_none_or(|given| etag == Some(given));
    let first = asked.header("range").and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok());
    let first: Option<usize> = first.filter(|_| file.takes_ranges && is_same);
    let total = file.bytes.len();
    if first.is_some_and(|first| first >= total) {
        let head = format!("HTTP/1.1 416 No\r\nContent-Range: bytes */{total}\r\nContent-Length: 0\r\n\r\n");
        return stream.write_all(head.as_bytes()).await.ok();
    }
    let body = &file.bytes[first.unwrap_or(0)..];
    let begin = match first {
        Some(first) => {
            format!("HTTP/1.1 206 Part\r\nContent-Range: bytes {first}-{}/{total}\r\n{}", total - 1, file.headers)
        }
        None => format!("HTTP/1.1 200 OK\r\n{}", file.headers),
    };
    let with_length = |length: usize| format!("{begin}Content-Length: {length}\r\n\r\n");
    match act {
        Act::Refuse => None,
        Act::Status(status, headers) => {
            let head = format!("HTTP/1.1 {status} So\r\n{headers}Content-Length: 0\r\n\r\n");
            stream.write_all(head.as_bytes()).await.ok()
        }
        Act::Serve | Act::Other(_) => {
            stream.write_all(with_length(body.len()).as_bytes()).await.ok()?;
            stream.write_all(body).await.ok()
        }
        Act::Cut(at) => {
            stream.write_all(with_length(body.len()).as_bytes()).await.ok()?;
            stream.write_all(&body[..at.min(body.len())]).await.ok()?;
            stream.shutdown().await.ok()?;
            None
        }
        Act::Stall(at) => {
            stream.write_all(with_length(body.len()).as_bytes()).await.ok()?;
            stream.write_all(&body[..at.min(body.len())]).await.ok()?;
            std::future::pending::<()>().await;
            None
        }
        Act::Trickle(bytes, pause) => {
            stream.write_all(with_length(body.len()).as_bytes()).await.ok()?;
            for part in body.chunks(bytes) {
                stream.write_all(part).await.ok()?;
                tokio::time::sleep(pause).await;
            }
            Some(())
        }
        Act::Chunked(cut) => {
            stream.write_all(format!("{begin}Transfer-Encoding: chunked\r\n\r\n").as_bytes()).await.ok()?;
            for part in body[..cut.unwrap_or(body.len()).min(body.len())].chunks(10_000) {
                stream.write_all(format!("{:x}\r\n", part.len()).as_bytes()).await.ok()?;
                stream.write_all(part).await.ok()?;
                stream.write_all(b"\r\n").await.ok()?;
            }
            if cut.is_some() {
                return None;
            }
            stream.write_all(b"0\r\n\r\n").await.ok()
        }
        Act::Length(length) => {
            stream.write_all(with_length(length).as_bytes()).await.ok()?;
            stream.write_all(body).await.ok()?;
            stream.shutdown().await.ok()?;
            None
        }
    }
}
