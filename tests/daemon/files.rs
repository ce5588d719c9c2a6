//! Files over the API: uploaded in each way, handed out whole and in parts, to those who may, and at no cost in memory.

use std::{fs, thread};

use crate::support::{Client, Drover, Home, Reply};
use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Value, json};

const PDF: &str = "%PDF-1.7\nan invoice, and nothing else\n";
const MB: u64 = 1 << 20;

#[track_caller]
fn with_session(drover: &Drover<'_>) {
    drover.create_stopped("shop");
}

fn upload(api: &Client, mime: &str, name: &str, text: &str) -> Reply {
    api.request("POST", &format!("/api/shop/files?filename={name}"), &[("content-type", mime)], Some(text))
}

#[track_caller]
fn code(reply: Reply, status: u16, code: &str) {
    let problem = reply.expect(status);
    assert_eq!(problem["code"], code, "{problem}");
}

#[test]
fn a_file_is_uploaded_in_each_way_and_is_the_same_one() {
    let home = Home::bare();
    let drover = home.start();
    with_session(&drover);
    let api = drover.api();
    let raw = upload(api, "application/pdf", "invoice.pdf", PDF).expect(201);
    assert_eq!((&raw["mimetype"], &raw["filename"]), (&json!("application/pdf"), &json!("invoice.pdf")));
    assert_eq!(raw["bytes"], PDF.len());

    let data = BASE64_STANDARD.encode(PDF);
    let file = json!({"mimetype": "application/pdf", "filename": "invoice.pdf", "data": data});
    let of_json = api.post("/api/shop/files", &json!({ "file": file })).expect(201);
    assert_eq!(of_json, raw, "the same content is the same file");
    // A name in the address is for whoever gives none in the body.
    let note = |name: &str, file: Value| {
        api.post(&format!("/api/shop/files?filename={name}"), &json!({ "file": file })).expect(201)["filename"].clone()
    };
    assert_eq!(note("note.txt", json!({"mimetype": "text/plain", "data": "aGVsbG8="})), "note.txt");
    assert_eq!(
        note("other.txt", json!({"mimetype": "text/plain", "filename": "own.txt", "data": "d29ybGQ="})),
        "own.txt"
    );

    let form = format!(
        "--x\r\nContent-Disposition: form-data; name=\"note\"\r\n\r\nhello\r\n--x\r\nContent-Disposition: form-data; \
         name=\"file\"; filename=\"invoice.pdf\"\r\nContent-Type: application/pdf\r\n\r\n{PDF}\r\n--x--\r\n"
    );
    let headers = [("content-type", "multipart/form-data; boundary=x")];
    assert_eq!(api.request("POST", "/api/shop/files", &headers, Some(&form)).expect(201), raw);

    let url = raw["url"].as_str().expect("a URL").to_owned();
    assert_eq!(url, format!("/api/files/shop/{}", raw["id"].as_str().expect("an id")));
    assert_eq!(api.get(&url).text(), PDF);
    drover.stop();

    // It is there after a restart, and goes with its session.
    let drover = home.start();
    assert_eq!(drover.api().get(&url).text(), PDF);
    assert!(drover.api().delete("/api/sessions/shop").status < 300);
    code(drover.api().get(&url), 404, "unknown_file");
    assert!(!home.data().join("media/shop").exists());
    drover.stop();
}

#[test]
fn a_file_is_handed_out_by_ranges_and_conditions() {
    let home = Home::bare();
    let drover = home.start();
    with_session(&drover);
    let api = drover.api();
    let name = "Rechnung%20M%C3%A4rz.pdf";
    let url = upload(api, "application/pdf", name, PDF).expect(201)["url"].as_str().expect("a URL").to_owned();
    let get = |headers: &[(&str, &str)]| api.request("GET", &url, headers, None);

    let whole = get(&[]);
    let header = |name: &str| whole.header(name).unwrap_or_else(|| panic!("{name} is missing")).to_owned();
    assert_eq!((whole.status, whole.text().as_str()), (200, PDF));
    assert_eq!(header("content-type"), "application/pdf");
    assert_eq!(header("content-length"), PDF.len().to_string());
    assert_eq!(header("accept-ranges"), "bytes");
    assert_eq!(header("x-content-type-options"), "nosniff");
    assert_eq!(header("cache-control"), "private, max-age=86400, immutable");
    assert_eq!(header("content-security-policy"), "default-src 'none'; sandbox");
    let disposition = "attachment; filename=\"Rechnung M_rz.pdf\"; filename*=UTF-8''Rechnung%20M%C3%A4rz.pdf";
    assert_eq!(header("content-disposition"), disposition);
    let (etag, modified) = (header("etag"), header("last-modified"));
    assert!(etag.starts_with('"'), "a strong tag: {etag}");

    let end = format!("bytes 5-{}/{}", PDF.len() - 1, PDF.len());
    for (range, part, content_range) in [
        ("bytes=0-3", &PDF[..4], format!("bytes 0-3/{}", PDF.len())),
        ("bytes=5-", &PDF[5..], end.clone()),
        ("bytes=5-100000", &PDF[5..], end.clone()),
        ("bytes=-4", &PDF[PDF.len() - 4..], format!("bytes {}-{}/{}", PDF.len() - 4, PDF.len() - 1, PDF.len())),
    ] {
        let reply = get(&[("range", range)]);
        assert_eq!((reply.status, reply.text().as_str()), (206, part), "{range}");
        assert_eq!(reply.header("content-range"), Some(content_range.as_str()), "{range}");
    }
    let several = get(&[("range", "bytes=0-1,4-5")]);
    assert_eq!((several.status, several.text().as_str()), (200, PDF), "of several parts the whole is given");
    let beyond = get(&[("range", "bytes=1000-")]);
    assert_eq!(beyond.header("content-range"), Some(format!("bytes */{}", PDF.len()).as_str()));
    code(beyond, 416, "range_not_satisfiable");

    for headers in [[("if-none-match", etag.as_str())], [("if-modified-since", modified.as_str())]] {
        let reply = get(&headers);
        assert_eq!((reply.status, reply.body.len()), (304, 0), "{headers:?}");
        assert_eq!(reply.header("etag"), Some(etag.as_str()));
    }
    code(get(&[("if-match", "\"another\"")]), 412, "precondition_failed");
    for (validator, status) in [
        (etag.as_str(), 206),
        (modified.as_str(), 206),
        ("\"another\"", 200),
        ("W/\"weak\"", 200),
        ("Sun, 06 Nov 1994 08:49:37 GMT", 200),
    ] {
        let reply = get(&[("range", "bytes=0-3"), ("if-range", validator)]);
        assert_eq!(reply.status, status, "{validator}");
    }
    let head = api.request("HEAD", &url, &[], None);
    assert_eq!((head.status, head.header("content-length")), (200, Some(PDF.len().to_string().as_str())));
    assert!(head.body.is_empty());
    drover.stop();
}

#[test]
fn no_path_leads_out_and_no_key_further_than_it_may() {
    let home = Home::bare();
    let drover = home.start();
    with_session(&drover);
    let api = drover.api();
    let url = upload(api, "application/pdf", "a.pdf", PDF).expect(201)["url"].as_str().expect("a URL").to_owned();
    for path in [
        "/api/files/shop/..%2f..%2fadmin.key",
        "/api/files/shop/%2e%2e%2f%2e%2e%2fadmin.key",
        "/api/files/shop/..%5c..%5cadmin.key",
        "/api/files/shop/%2fetc%2fpasswd",
        "/api/files/shop/..",
        "/api/files/shop/.partial",
        "/api/files/shop/a%00.pdf",
        "/api/files/shop/nothing.pdf",
    ] {
        assert_eq!(api.get(path).status, 404, "{path}");
    }
    for path in ["/api/files/.partial/a", "/api/files/..%2f/admin.key", "/api/files/%2e%2e/admin.key"] {
        let reply = api.get(path);
        assert!(matches!(reply.status, 404 | 422), "{path}: {reply:?}");
    }
    assert_eq!(api.with_key(None).get(&url).status, 401);
    let key = |session: &str, action: &str| {
        let body = json!({"isAdmin": false, "session": session, "isActive": true, "actions": [action]});
        let made = api.post("/api/keys", &body).expect(201);
        api.with_key(made["key"].as_str())
    };
    assert_eq!(key("shop", "read").get(&url).status, 200);
    assert_eq!(key("shop", "send").get(&url).status, 403);
    assert_eq!(key("office", "read").get(&url).status, 403);
    assert_eq!(upload(&key("shop", "read"), "application/pdf", "a.pdf", PDF).status, 403);
    assert_eq!(upload(&key("shop", "send"), "application/pdf", "a.pdf", PDF).status, 201);
    drover.stop();
}

#[test]
fn a_wrong_upload_says_what_is_wrong_and_leaves_nothing() {
    let home = Home::bare();
    home.set("DROVER_MEDIA__DOCUMENT_MAX_BYTES", "100000");
    for kind in ["IMAGE", "VIDEO", "AUDIO", "STICKER"] {
        home.set(&format!("DROVER_MEDIA__{kind}_MAX_BYTES"), "50000");
    }
    let drover = home.start();
    with_session(&drover);
    let api = drover.api();
    let large = "x".repeat(100_001);
    code(upload(api, "text/plain", "a.txt", ""), 422, "media_empty");
    code(upload(api, "text/plain", "a.txt", &large), 422, "media_too_large");
    code(upload(api, "application/pdf", "a.pdf", "no PDF"), 422, "media_type_mismatch");
    let post = |body: Value| api.post("/api/shop/files", &body);
    code(post(json!({"file": {"data": BASE64_STANDARD.encode(&large)}})), 422, "media_too_large");
    code(post(json!({"file": {"data": BASE64_STANDARD.encode("x".repeat(3 << 20))}})), 422, "media_too_large");
    code(post(json!({"file": {"data": ""}})), 422, "media_empty");
    code(post(json!({"file": {"data": "no base64!"}})), 422, "invalid_request");
    code(post(json!({"file": {"url": "https://example.org/a"}})), 422, "invalid_request");
    code(
        post(json!({"file": {"mimetype": "image/png", "data": BASE64_STANDARD.encode(PDF)}})),
        422,
        "media_type_mismatch",
    );
    code(post(json!({"note": "x".repeat(1_100_000), "file": {"data": "AAAA"}})), 413, "body_too_large");
    for text in ["", "{", "[]", "null", "{\"file\":{\"data\":\"AAAA"] {
        let reply = api.request("POST", "/api/shop/files", &[("content-type", "application/json")], Some(text));
        code(reply, 422, "invalid_request");
    }
    let form = [("content-type", "multipart/form-data; boundary=x")];
    for text in ["--x--\r\n", "garbage", "--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nb\r\n--x--\r\n"] {
        code(api.request("POST", "/api/shop/files", &form, Some(text)), 422, "invalid_request");
    }
    assert_eq!(api.post("/api/ghost/files", &json!({})).status, 404);
    let left: Vec<_> = fs::read_dir(home.data().join("media/.partial")).expect("the folder").collect();
    assert!(left.is_empty(), "{left:?}");
    assert!(!home.data().join("media/shop").exists());
    drover.stop();
}

#[test]
fn sixteen_megabytes_in_and_out_are_few_in_memory() {
    let home = Home::bare();
    let drover = home.start();
    with_session(&drover);
    let api = drover.api();
    let text = "0123456789abcdef".repeat(1 << 20);
    let measured = |what: &str, work: &dyn Fn()| {
        work();
        drover.forget_peak();
        let before = drover.peak_bytes();
        work();
        let added = drover.peak_bytes().saturating_sub(before);
        println!("{what}: {:.1} MB more at its peak", added as f64 / MB as f64);
        assert!(added < 20 * MB, "{what}: {added}");
    };
    measured("16 MB uploaded as it is", &|| {
        upload(api, "text/plain", "a.txt", &text).expect(201);
    });
    let body = json!({"file": {"mimetype": "text/plain", "data": BASE64_STANDARD.encode(&text)}});
    measured("16 MB uploaded in base64", &|| {
        api.post("/api/shop/files", &body).expect(201);
    });
    let url = api.post("/api/shop/files", &body).expect(201)["url"].as_str().expect("a URL").to_owned();
    measured("16 MB handed out to 12 at once", &|| {
        thread::scope(|scope| {
            for _ in 0..12 {
                scope.spawn(|| assert_eq!(api.get(&url).body.len(), text.len()));
            }
        });
    });
    drover.stop();
}
