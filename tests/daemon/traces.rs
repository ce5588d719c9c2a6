//! Traces over OTLP: a collector of the test's own receives what drover sends, and sees the request and the attempt of a message.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use crate::support::{Home, Simulator, story, wait_until_ok};

const BOB: &str = "15559990041@c.us";

/// A span, as far as the test looks at it.
#[derive(Debug, Clone)]
struct Span {
    name: String,
    /// Its trace and the span it belongs to, in hexadecimal; empty for none.
    trace: String,
    parent: String,
    attributes: BTreeMap<String, String>,
    began_ns: u64,
    ended_ns: u64,
}

/// Takes `POST /v1/traces` and keeps the bodies. Its thread ends with the test's process.
pub(crate) struct Collector {
    pub(crate) address: String,
    bodies: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Collector {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = format!("http://{}", listener.local_addr().expect("an address"));
        let bodies = Arc::default();
        let kept: Arc<Mutex<Vec<Vec<u8>>>> = Arc::clone(&bodies);
        thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let kept = Arc::clone(&kept);
                thread::spawn(move || serve(connection, &kept));
            }
        });
        Self { address, bodies }
    }

    fn spans(&self) -> Vec<Span> {
        self.bodies.lock().expect("no panic").iter().flat_map(|body| spans_of(body)).collect()
    }

    pub(crate) fn holds(&self, text: &str) -> bool {
        let bodies = self.bodies.lock().expect("no panic");
        bodies.iter().any(|body| body.windows(text.len()).any(|window| window == text.as_bytes()))
    }
}

fn serve(connection: TcpStream, kept: &Mutex<Vec<Vec<u8>>>) {
    let mut answers = connection.try_clone().expect("a descriptor");
    let mut reader = BufReader::new(connection);
    let mut line = String::new();
    while reader.read_line(&mut line).is_ok_and(|bytes| bytes > 0) {
        assert!(line.starts_with("POST /v1/traces "), "{line}");
        let mut length = 0;
        loop {
            line.clear();
            reader.read_line(&mut line).expect("a header");
            let header = line.trim().to_ascii_lowercase();
            if header.is_empty() {
                break;
            }
            if let Some(value) = header.strip_prefix("content-length:") {
                length = value.trim().parse().expect("a length");
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).expect("a body");
        kept.lock().expect("no panic").push(body);
        let answer = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: 0\r\n\r\n";
        answers.write_all(answer).expect("drover reads the answer");
        line.clear();
    }
}

/// A field of a protobuf message.
enum Value<'b> {
    Number(u64),
    Bytes(&'b [u8]),
}

/// The fields of a message: number and value. Protobuf's wire format, as far as traces use it.
fn fields(mut bytes: &[u8]) -> Vec<(u64, Value<'_>)> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let tag = varint(&mut bytes);
        let value = match tag & 7 {
            0 => Value::Number(varint(&mut bytes)),
            1 => Value::Number(u64::from_le_bytes(take(&mut bytes, 8).try_into().expect("eight bytes"))),
            2 => {
                let length = usize::try_from(varint(&mut bytes)).expect("a length");
                Value::Bytes(take(&mut bytes, length))
            }
            5 => Value::Number(u32::from_le_bytes(take(&mut bytes, 4).try_into().expect("four bytes")).into()),
            other => panic!("wire type {other}"),
        };
        found.push((tag >> 3, value));
    }
    found
}

fn take<'b>(bytes: &mut &'b [u8], length: usize) -> &'b [u8] {
    let (taken, rest) = bytes.split_at(length);
    *bytes = rest;
    taken
}

fn varint(bytes: &mut &[u8]) -> u64 {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let byte = take(bytes, 1)[0];
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            break;
        }
    }
    value
}

/// The messages in a field.
fn inner(message: &[u8], number: u64) -> Vec<&[u8]> {
    let bytes = fields(message).into_iter().filter_map(|(found, value)| match value {
        Value::Bytes(bytes) if found == number => Some(bytes),
        _ => None,
    });
    bytes.collect()
}

fn text(message: &[u8], number: u64) -> String {
    inner(message, number).first().map(|bytes| String::from_utf8_lossy(bytes).into_owned()).unwrap_or_default()
}

/// `ExportTraceServiceRequest`: resource spans, scope spans, spans, by their field numbers in opentelemetry-proto.
fn spans_of(body: &[u8]) -> Vec<Span> {
    let scopes = inner(body, 1).into_iter().flat_map(|resource| inner(resource, 2));
    scopes.flat_map(|scope| inner(scope, 2)).map(span_of).collect()
}

fn hex(bytes: &[&[u8]]) -> String {
    bytes.iter().flat_map(|bytes| bytes.iter()).map(|byte| format!("{byte:02x}")).collect()
}

/// `AnyValue`: a text or a number.
fn any(value: &[u8]) -> String {
    fields(value)
        .into_iter()
        .map(|(_, value)| match value {
            Value::Number(number) => number.to_string(),
            Value::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        })
        .collect()
}

fn span_of(span: &[u8]) -> Span {
    let number = |wanted: u64| {
        let found = fields(span).into_iter().find_map(|(number, value)| match value {
            Value::Number(value) if number == wanted => Some(value),
            _ => None,
        });
        found.unwrap_or_default()
    };
    let attributes = inner(span, 9).into_iter().map(|pair| {
        let value = inner(pair, 2).first().map(|value| any(value)).unwrap_or_default();
        (text(pair, 1), value)
    });
    let (trace, parent) = (hex(&inner(span, 1)), hex(&inner(span, 4)));
    Span {
        name: text(span, 5),
        trace,
        parent,
        attributes: attributes.collect(),
        began_ns: number(7),
        ended_ns: number(8),
    }
}

#[test]
fn a_collector_sees_the_request_and_the_send() {
    let collector = Collector::start();
    let simulator = Simulator::start();
    let home = Home::with(&simulator);
    home.set("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.address);
    let drover = home.start();
    let phone = simulator.phone("15550006041", "Ana");
    story::link(&drover, "shop", &phone);
    let id = drover.send_text("shop", BOB, "seen by a collector")["id"].as_str().expect("an id").to_owned();
    drover.wait_ack(&id, 1, story::TO_ACK);
    // A caller that traces, too, finds the request in its own trace.
    let (trace, parent) = ("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331");
    let header = [("traceparent", format!("00-{trace}-{parent}-01"))];
    let header = header.each_ref().map(|(name, value)| (*name, value.as_str()));
    drover.api().request("GET", "/api/version", &header, None).expect(200);
    let followed = wait_until_ok("the caller's trace goes on", Duration::from_secs(20), || {
        collector.spans().into_iter().find(|span| span.trace == trace).ok_or(())
    });
    assert_eq!((followed.parent.as_str(), followed.attributes["route"].as_str()), (parent, "/api/version"));
    assert_eq!(followed.attributes["http.response.status_code"], "200");
    let (request, send) = wait_until_ok("both spans arrive", Duration::from_secs(20), || {
        let spans = collector.spans();
        let find = |name: &str, attribute: &str, value: &str| {
            let fits = |span: &&Span| span.name == name && span.attributes.get(attribute).is_some_and(|is| is == value);
            spans.iter().find(fits).cloned()
        };
        find("request", "route", "/api/sendText").zip(find("send", "session.id", "shop")).ok_or(spans)
    });
    assert!(request.ended_ns >= request.began_ns && request.began_ns > 0, "{request:?}");
    assert!(send.ended_ns > send.began_ns, "{send:?}");
    assert_eq!(send.attributes.get("outcome").map(String::as_str), Some("sent"), "{send:?}");
    assert!(collector.spans().iter().all(|span| ["request", "send"].contains(&span.name.as_str())));
    for private in ["15559990041", "15550006041", "seen by a collector"] {
        assert!(!collector.holds(private), "{private} is nobody's business");
    }
    drover.stop();
}
