//! What comes of each way in which a server can misbehave, and of base64 and kept files.

use std::{sync::Arc, time::Duration};

use base64::{Engine, prelude::BASE64_STANDARD};
use drover::{
    config,
    media::{Declared, FetchError, Fetcher, Kind, Label, Naming, Origin, Source},
};
use futures::future::join_all;

use crate::{
    house::{House, network, settings, source},
    server::{Act, File, PNG, Server},
};

const LENGTH: usize = 300_000;

fn status(status: u16) -> Act {
    Act::Status(status, String::new())
}

/// The code of the failure of one fetch, and how often the server was asked.
async fn failure(file: File, act: Act, kind: Kind) -> (FetchError, usize) {
    let house = House::new().await;
    let server = Server::start(file, move |_, _| act.clone()).await;
    let error = house.fetch(&server.url("/a.png"), kind).await.expect_err("it must fail");
    assert!(house.partial().is_empty(), "nothing is left: {error}");
    (error, server.asked().len())
}

#[tokio::test]
async fn a_file_is_fetched_whole_and_removed_when_it_is_let_go() {
    let house = House::new().await;
    let file = File::picture(LENGTH, "a");
    let expected = file.bytes.clone();
    let server = Server::start(file, |_, _| Act::Serve).await;
    let fetched = house.fetch(&server.url("/album/photo%201.png?token=secret"), Kind::Image).await.unwrap();
    assert_eq!(std::fs::read(fetched.path()).unwrap(), expected);
    assert_eq!((fetched.mime.as_str(), fetched.file_name.as_str()), ("image/png", "photo 1.png"));
    assert_eq!((fetched.bytes, fetched.sha256.len()), (LENGTH as u64, 64));
    assert!(fetched.path().starts_with(house.folder.path().join("media")));
    drop(fetched);
    assert!(house.partial().is_empty());
}

#[tokio::test]
async fn what_can_pass_is_tried_again_and_goes_on_where_it_stood() {
    let cases = [
        ("cut at 99 %", vec![Act::Cut(LENGTH * 99 / 100)], vec![None, Some("bytes=297000-")]),
        ("refused twice", vec![Act::Refuse, Act::Refuse], vec![None, None, None]),
        ("500, 503", vec![status(500), status(503)], vec![None, None, None]),
        ("stands still", vec![Act::Stall(100_000)], vec![None, Some("bytes=100000-")]),
        ("chunks, cut", vec![Act::Chunked(Some(50_000))], vec![None, Some("bytes=50000-")]),
        ("chunks", vec![Act::Chunked(None)], vec![None]),
        ("slow", vec![Act::Trickle(20_000, Duration::from_millis(5))], vec![None]),
        (
            "five cuts, each ahead",
            (1..=5).map(|_| Act::Cut(50_000)).collect(),
            vec![
                None,
                Some("bytes=50000-"),
                Some("bytes=100000-"),
                Some("bytes=150000-"),
                Some("bytes=200000-"),
                Some("bytes=250000-"),
            ],
        ),
    ];
    for (what, acts, ranges) in cases {
        let house = House::new().await;
        let file = File::picture(LENGTH, "a");
        let expected = file.bytes.clone();
        let server = Server::start(file, move |number, _| acts.get(number).cloned().unwrap_or(Act::Serve)).await;
        let fetched = house.fetch(&server.url("/a.png"), Kind::Image).await;
        let fetched = fetched.unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!(std::fs::read(fetched.path()).unwrap(), expected, "{what}");
        let asked = server.asked();
        let asked: Vec<_> = asked.iter().map(|asked| asked.header("range")).collect();
        assert_eq!(asked, ranges, "{what}");
    }
}

#[tokio::test]
async fn parts_of_two_versions_are_never_joined() {
    let house = House::new().await;
    let other = Arc::new(File::picture(LENGTH + 1000, "other"));
    let expected = other.bytes.clone();
    let first = File::picture(LENGTH, "first");
    let acts = move |number, _: &_| if number == 0 { Act::Cut(200_000) } else { Act::Other(Arc::clone(&other)) };
    let server = Server::start(first, acts).await;
    let fetched = house.fetch(&server.url("/a.png"), Kind::Image).await.unwrap();
    assert_eq!(std::fs::read(fetched.path()).unwrap(), expected);
    assert_eq!(server.asked()[1].header("if-range"), Some("\"first\""));
}

#[tokio::test]
async fn without_a_validator_it_begins_anew() {
    let house = House::new().await;
    let mut file = File::picture(LENGTH, "a");
    file.headers = "Content-Type: image/png\r\nAccept-Ranges: bytes\r\n".to_owned();
    let expected = file.bytes.clone();
    let server = Server::start(file, |number, _| if number == 0 { Act::Cut(200_000) } else { Act::Serve }).await;
    let fetched = house.fetch(&server.url("/a.png"), Kind::Image).await.unwrap();
    assert_eq!(std::fs::read(fetched.path()).unwrap(), expected);
    assert_eq!(server.asked()[1].header("range"), None);
}

#[tokio::test]
async fn what_is_wrong_for_good_is_asked_for_once() {
    let picture = || File::picture(LENGTH, "a");
    for (what, file, act, kind, code) in [
        ("404", picture(), status(404), Kind::Image, "media_not_found"),
        ("410", picture(), status(410), Kind::Image, "media_not_found"),
        ("403", picture(), status(403), Kind::Image, "media_refused"),
        ("empty", File::of(b"", ""), Act::Serve, Kind::Image, "media_empty"),
        ("a video that is a picture", picture(), Act::Serve, Kind::Video, "media_type_mismatch"),
        (
            "a sign-in page",
            File::of(b"<!DOCTYPE html><html>Sign in</html>", "Content-Type: image/png\r\n"),
            Act::Serve,
            Kind::Image,
            "media_type_mismatch",
        ),
        ("compressed", File::of(PNG, "Content-Encoding: gzip\r\n"), Act::Serve, Kind::Image, "media_refused"),
        (
            "a redirect to a file",
            picture(),
            Act::Status(302, "Location: file:///etc/passwd\r\n".to_owned()),
            Kind::Image,
            "media_refused",
        ),
        ("too large by its length", picture(), Act::Length((16 << 20) + 1), Kind::Image, "media_too_large"),
    ] {
        let (error, asked) = failure(file, act, kind).await;
        assert_eq!((error.code(), error.is_worth_retry(), asked), (code, false, 1), "{what}: {error}");
    }
}

#[tokio::test]
async fn what_passes_by_no_retry_is_told_by_its_cause() {
    let picture = || File::picture(LENGTH, "a");
    let no_ranges = || File::of(&picture().bytes, "Content-Type: image/png\r\n");
    for (what, file, act, code) in [
        ("always 503", picture(), status(503), "media_server_error"),
        ("429", picture(), status(429), "media_server_error"),
        ("always cut", no_ranges(), Act::Cut(1000), "media_aborted"),
        ("chunks, always cut", no_ranges(), Act::Chunked(Some(1000)), "media_aborted"),
        ("a length that is not reached", no_ranges(), Act::Length(LENGTH + 10), "media_aborted"),
        ("always refused", picture(), Act::Refuse, "media_aborted"),
        ("always still", no_ranges(), Act::Stall(1000), "media_timeout"),
    ] {
        let (error, asked) = failure(file, act, Kind::Image).await;
        assert_eq!((error.code(), error.is_worth_retry(), asked), (code, true, 4), "{what}: {error}");
        assert!(!error.to_string().contains("a.png"), "no URL is told: {error}");
    }
    let house = House::new().await;
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let error = house.fetch(&format!("http://127.0.0.1:{port}/a.png"), Kind::Image).await.unwrap_err();
    assert_eq!((error.code(), error.is_worth_retry()), ("media_unreachable", true), "{error}");
}

#[tokio::test]
async fn a_length_that_was_told_too_long_is_set_right_by_the_server() {
    let house = House::new().await;
    let file = File::picture(LENGTH, "a");
    let expected = file.bytes.clone();
    let server =
        Server::start(
            file,
            |_, asked| {
                if asked.header("range").is_some() { Act::Serve } else { Act::Length(LENGTH + 10) }
            },
        )
        .await;
    let fetched = house.fetch(&server.url("/a.png"), Kind::Image).await.unwrap();
    assert_eq!(std::fs::read(fetched.path()).unwrap(), expected);
}

#[tokio::test]
async fn what_only_trickles_ends_at_our_time() {
    let house = House::new().await;
    let settings = config::Media { fetch_timeout_s: 2, ..settings() };
    let server = Server::start(File::picture(LENGTH, "a"), |_, _| Act::Trickle(10, Duration::from_millis(50))).await;
    let error = house.fetcher(&settings).fetch(&source(&server.url("/a.png")), Kind::Image).await.unwrap_err();
    assert_eq!(error.code(), "media_timeout", "{error}");
    assert!(house.partial().is_empty());
}

#[tokio::test]
async fn the_limit_holds_while_it_streams() {
    let house = House::new().await;
    let settings = config::Media { image_max_bytes: 100_000, document_max_bytes: 400_000, ..settings() };
    let fetcher = house.fetcher(&settings);
    let server = Server::start(File::picture(LENGTH, "a"), |_, _| Act::Chunked(None)).await;
    let error = fetcher.fetch(&source(&server.url("/a.png")), Kind::Image).await.unwrap_err();
    assert!(matches!(error, FetchError::TooLarge { limit_bytes: 100_000, .. }), "{error}");
    assert_eq!(server.asked().len(), 1);
    let document = fetcher.fetch(&source(&server.url("/a.png")), Kind::Document).await.unwrap();
    assert_eq!(document.mime, "image/png");
}

#[tokio::test]
async fn redirects_are_followed_so_far_and_never_inside() {
    let house = House::new().await;
    let server = Server::start(File::picture(LENGTH, "a"), |_, asked| match asked.path.as_str() {
        "/loop" => Act::Status(302, "Location: /loop\r\n".to_owned()),
        "/once" => Act::Status(307, "Location: /a.png\r\n".to_owned()),
        "/inside" => {
            let host = asked.header("host").unwrap_or_default().replace("localhost", "127.0.0.1");
            Act::Status(302, format!("Location: http://{host}/a.png\r\n"))
        }
        _ => Act::Serve,
    })
    .await;
    let error = house.fetch(&server.url("/loop"), Kind::Image).await.unwrap_err();
    assert_eq!((error.code(), error.is_worth_retry()), ("media_too_many_redirects", false), "{error}");
    assert_eq!(server.asked().len(), 6, "five redirects are followed");
    assert!(house.fetch(&server.url("/once"), Kind::Image).await.is_ok());

    let at = |path: &str| source(&format!("http://localhost:{}{path}", server.port));
    let closed = Fetcher::new(&settings(), &network(false, &[]), &house.files).unwrap();
    let named = Fetcher::new(&settings(), &network(false, &["localhost"]), &house.files).unwrap();
    for (what, error) in [
        ("a name that leads inside", closed.fetch(&at("/a.png"), Kind::Image).await.unwrap_err()),
        ("an address inside", closed.fetch(&source(&server.url("/a.png")), Kind::Image).await.unwrap_err()),
        ("a redirect inside", named.fetch(&at("/inside"), Kind::Image).await.unwrap_err()),
    ] {
        assert_eq!((error.code(), error.is_worth_retry()), ("media_forbidden_address", false), "{what}: {error}");
    }
    assert!(named.fetch(&at("/a.png"), Kind::Image).await.is_ok(), "what is allowed by name is fetched");
    for url in ["ftp://example.org/a", "not a url", "", "http://"] {
        assert_eq!(house.fetch(url, Kind::Image).await.unwrap_err().code(), "media_invalid_address", "{url}");
    }
}

#[tokio::test]
async fn a_host_that_fails_five_times_is_left_alone() {
    let house = House::new().await;
    let settings = config::Media { retries: 0, circuit_open_s: 1, ..settings() };
    let fetcher = house.fetcher(&settings);
    let server =
        Server::start(File::picture(LENGTH, "a"), |number, _| if number < 5 { status(500) } else { Act::Serve }).await;
    let image = source(&server.url("/a.png"));
    for _ in 0..5 {
        assert_eq!(fetcher.fetch(&image, Kind::Image).await.unwrap_err().code(), "media_server_error");
    }
    let error = fetcher.fetch(&image, Kind::Image).await.unwrap_err();
    assert_eq!((error.code(), error.is_worth_retry()), ("media_circuit_open", true));
    let retry_after = error.retry_after().expect("it says when");
    assert_eq!(server.asked().len(), 5, "it was left alone");
    tokio::time::sleep(retry_after).await;
    assert!(fetcher.fetch(&image, Kind::Image).await.is_ok(), "one is let through, and closes it");
    assert!(fetcher.fetch(&image, Kind::Image).await.is_ok());
}

#[tokio::test]
async fn a_fetch_that_is_dropped_leaves_nothing() {
    let house = House::new().await;
    let server = Server::start(File::picture(LENGTH, "a"), |_, _| Act::Stall(200_000)).await;
    let (fetcher, image) = (house.fetcher(&settings()), source(&server.url("/a.png")));
    let fetch = fetcher.fetch(&image, Kind::Image);
    let asked = async {
        while house.partial().is_empty() || server.asked().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::select! {
        _ = fetch => panic!("it stands still"),
        () = asked => {}
    }
    let gone = async {
        while !house.partial().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), gone).await.expect("the file is removed");
}

#[tokio::test]
async fn many_are_fetched_at_once() {
    let house = House::new().await;
    let server = Server::start(File::picture(LENGTH, "a"), |_, _| Act::Serve).await;
    let fetcher = house.fetcher(&settings());
    let image = source(&server.url("/a.png"));
    let fetched = join_all((0..50).map(|_| fetcher.fetch(&image, Kind::Image))).await;
    let files: Vec<_> = fetched.into_iter().map(Result::unwrap).collect();
    assert_eq!(house.partial().len(), 50);
    drop(files);
    assert!(house.partial().is_empty());
}

#[tokio::test]
async fn base64_becomes_a_file() {
    let house = House::new().await;
    let fetcher = house.fetcher(&config::Media { image_max_bytes: 1000, ..settings() });
    let of = |text: String| {
        let declared = Declared { mime: Some("image/png".to_owned()), file_name: Some("../a\n.png".to_owned()) };
        Source { origin: Origin::Base64(text), declared }
    };
    let fetched = fetcher.fetch(&of(BASE64_STANDARD.encode(PNG)), Kind::Image).await.unwrap();
    assert_eq!(std::fs::read(fetched.path()).unwrap(), PNG);
    assert_eq!(fetched.file_name, "a.png");
    for (text, code) in [
        ("not base64!".to_owned(), "media_invalid_data"),
        (String::new(), "media_empty"),
        (BASE64_STANDARD.encode(b"\xff\xd8\xff\xe0 a JPEG"), "media_type_mismatch"),
        (BASE64_STANDARD.encode([PNG, &[0; 1000]].concat()), "media_too_large"),
    ] {
        let error = fetcher.fetch(&of(text), Kind::Image).await.unwrap_err();
        assert_eq!((error.code(), error.is_worth_retry()), (code, false), "{error}");
    }
    drop(fetched);
    assert!(house.partial().is_empty());
}

#[tokio::test]
async fn a_kept_file_is_sent_from_where_it_lies() {
    let house = House::new().await;
    let mut incoming = house.files.begin(1000).await.unwrap();
    incoming.append(PNG).await.unwrap();
    let label = Label { naming: Naming::Uploaded, mime: None, file_name: Some("a.png") };
    let kept = incoming.finish(&house.session, &label).await.unwrap();
    let of = |name: &str| Source {
        origin: Origin::Kept(house.session.clone(), name.parse().unwrap()),
        declared: Declared::default(),
    };
    let fetcher = house.fetcher(&settings());
    let fetched = fetcher.fetch(&of(kept.name.as_str()), Kind::Image).await.unwrap();
    assert_eq!((fetched.path(), fetched.file_name.as_str()), (kept.path.as_path(), "a.png"));
    drop(fetched);
    assert!(kept.path.exists(), "what is kept stays");
    assert_eq!(fetcher.fetch(&of(kept.name.as_str()), Kind::Video).await.unwrap_err().code(), "media_type_mismatch");
    let error = fetcher.fetch(&of("gone.png"), Kind::Image).await.unwrap_err();
    assert_eq!((error.code(), error.is_worth_retry()), ("media_not_found", false));
}
