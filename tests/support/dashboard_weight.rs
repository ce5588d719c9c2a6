//! What the dashboard weighs: the bytes that come over the wire, heads included, when somebody who just signed in opens it in a browser
//! that has nothing of it yet.

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};

/// How long an answer may take.
const LIMIT: Duration = Duration::from_secs(20);

/// Signs in at `address` (`host:port`) with a key, and weighs the overview with its style, script and icon.
pub fn first_load_bytes(address: &str, key: &str) -> usize {
    let door = ask(address, "GET", "/dashboard/sign-in", &[], "");
    let form = cookie(&door);
    let token = between(&text(&door), "name=\"csrf\" value=\"", "\"");
    let body = format!("csrf={token}&key={key}");
    let entered = ask(address, "POST", "/dashboard/sign-in", &[("Cookie", &form)], &body);
    let session = cookie(&entered);
    let headers = [("Cookie", session.as_str())];
    let page = text(&ask(address, "GET", "/dashboard", &headers, ""));
    let assets = page.split('"').filter(|part| part.starts_with("/dashboard/assets/"));
    let paths: Vec<&str> = std::iter::once("/dashboard").chain(assets).collect();
    assert!(paths.len() == 4, "a page, its style, script and icon: {paths:?}");
    let headers = [("Cookie", session.as_str()), ("Accept-Encoding", "gzip")];
    paths.iter().map(|path| ask(address, "GET", path, &headers, "").len()).sum()
}

/// A whole answer as it came.
fn ask(address: &str, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).expect("drover listens");
    stream.set_read_timeout(Some(LIMIT)).expect("a timeout can be set");
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{headers}\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).expect("the request is taken");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("the answer comes to its end");
    answer
}

fn text(answer: &[u8]) -> String {
    String::from_utf8_lossy(answer).into_owned()
}

fn cookie(answer: &[u8]) -> String {
    let text = text(answer);
    let line = text.lines().find(|line| line.to_ascii_lowercase().starts_with("set-cookie:")).expect("a cookie");
    between(line, ": ", ";")
}

fn between(text: &str, before: &str, after: &str) -> String {
    let found = text.split_once(before).and_then(|(_, rest)| rest.split_once(after));
    found.unwrap_or_else(|| panic!("no {before:?} in {text}")).0.to_owned()
}
