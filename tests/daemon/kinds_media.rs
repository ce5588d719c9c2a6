//! Files, both ways: sent from a URL, from base64 and from an upload, received and kept; and what becomes of those that cannot be.

use std::{
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    thread,
};

use crate::support::{Drover, Home, Phone, Simulator, qr, story, wait_until_ok};
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

const BOB: &str = "15559990001@c.us";

fn bare(answer: &Value) -> String {
    answer["id"].as_str().expect("an id").rsplit('_').next().expect("its last part").to_owned()
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn pdf(bytes: usize) -> Vec<u8> {
    let mut file = b"%PDF-1.4\n".to_vec();
    file.extend((0..bytes).map(|index| u8::try_from(index * 7 % 251).expect("below 251")));
    file
}

fn video() -> Vec<u8> {
    let mut file = b"\0\0\0\x20ftypisom\0\0\x02\0isomiso2avc1mp41".to_vec();
    file.extend([9; 6_000]);
    file
}

fn voice() -> Vec<u8> {
    let mut file = b"OggS\0\x02\0\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\x01\x13OpusHead\x01\x01".to_vec();
    file.extend([7; 4_000]);
    file
}

/// Answers `/good.pdf` with the file, `/empty.pdf` and `/large.pdf` with what they say, `/loop` and `/inside` with redirects, and
/// everything else with 404. Ends with the test.
pub(crate) fn serve(file: Vec<u8>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address").to_string();
    let (inside, large) = (format!("location: http://{address}/good.pdf\r\n"), pdf(300_000));
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut lines = BufReader::new(stream.try_clone().expect("a socket")).lines();
            let asked = lines.next().and_then(Result::ok).unwrap_or_default();
            while lines.next().and_then(Result::ok).is_some_and(|line| !line.is_empty()) {}
            let (status, location, body) = match asked.split(' ').nth(1).unwrap_or_default() {
                "/good.pdf" => ("200 OK", "", file.as_slice()),
                "/empty.pdf" => ("200 OK", "", &b""[..]),
                "/large.pdf" => ("200 OK", "", large.as_slice()),
                "/loop" => ("302 Found", "location: /loop\r\n", &b""[..]),
                "/inside" => ("302 Found", inside.as_str(), &b""[..]),
                _ => ("404 Not Found", "", &b""[..]),
            };
            let head = format!(
                "HTTP/1.1 {status}\r\n{location}content-type: application/pdf\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                body.len()
            );
            let _sent = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
        }
    });
    format!("http://{address}")
}

/// Links, and gives the picture of the QR: a real PNG.
fn linked_with_picture(drover: &Drover<'_>, phone: &Phone<'_>) -> Vec<u8> {
    drover.create("shop");
    let picture = story::wait_qr(drover, "shop");
    phone.scan(&qr::decode_png(&picture));
    drover.wait_status("shop", "WORKING", story::TO_READY);
    picture
}

#[track_caller]
fn sent(drover: &Drover<'_>, phone: &Phone<'_>, path: &str, file: Value, caption: &str) -> Value {
    let body = json!({"session": "shop", "chatId": BOB, "file": file, "caption": caption});
    let id = bare(&drover.api().post(path, &body).expect(201));
    drover.wait_ack(&id, 1, story::TO_READY);
    let shown = phone.sent().into_iter().find(|message| message["id"] == id.as_str());
    let shown = shown.unwrap_or_else(|| panic!("{id} reached the phone: {:?}", phone.sent()));
    assert_eq!(shown["shown"], 1, "{shown}");
    shown
}

#[test]
fn files_of_every_kind_are_sent_once() {
    let simulator = Simulator::start();
    let home = Home::with(&simulator);
    home.set("DROVER_NETWORK__ALLOW_PRIVATE", "true");
    let drover = home.start();
    let phone = simulator.phone("15550006001", "Ana");
    let picture = linked_with_picture(&drover, &phone);

    let data = json!({"mimetype": "image/png", "filename": "qr.png", "data": BASE64.encode(&picture)});
    let shown = sent(&drover, &phone, "/api/sendImage", data, "A picture");
    assert_eq!((&shown["type"], &shown["media"]["mimetype"]), (&json!("image"), &json!("image/jpeg")), "{shown}");
    assert_eq!(shown["fields"]["caption"], "A picture", "{shown}");

    let file = pdf(300_000);
    let url = format!("{}/good.pdf", serve(file.clone()));
    let shown = sent(&drover, &phone, "/api/sendFile", json!({"url": url, "filename": "offer.pdf"}), "Our offer");
    assert_eq!((&shown["type"], &shown["media"]["sha256"]), (&json!("document"), &json!(sha256(&file))), "{shown}");

    let headers = [("content-type", "application/pdf")];
    let upload = drover.api().request("POST", "/api/shop/files?filename=a.pdf", &headers, Some("%PDF-1.4 uploaded"));
    let upload = upload.expect(201);
    let shown = sent(&drover, &phone, "/api/sendFile", json!({"id": upload["id"]}), "");
    assert_eq!(shown["media"]["sha256"], sha256(b"%PDF-1.4 uploaded"), "{shown}");

    let data = json!({"mimetype": "audio/ogg; codecs=opus", "data": BASE64.encode(voice())});
    let shown = sent(&drover, &phone, "/api/sendVoice", data.clone(), "");
    assert_eq!((&shown["type"], &shown["media"]["sha256"]), (&json!("ptt"), &json!(sha256(&voice()))), "{shown}");
    let shown = sent(&drover, &phone, "/api/sendAudio", data, "");
    assert_eq!(shown["type"], "audio", "{shown}");

    let data = json!({"mimetype": "video/mp4", "filename": "a.mp4", "data": BASE64.encode(video())});
    let shown = sent(&drover, &phone, "/api/sendVideo", data, "A film");
    assert_eq!((&shown["type"], &shown["media"]["sha256"]), (&json!("video"), &json!(sha256(&video()))), "{shown}");
    let data = json!({"mimetype": "image/png", "data": BASE64.encode(&picture)});
    let shown = sent(&drover, &phone, "/api/sendSticker", data, "");
    assert_eq!(shown["type"], "sticker", "{shown}");
    assert_eq!(simulator.stats()["duplicates"], 0);
    drover.stop();
}

#[test]
fn files_that_cannot_be_sent_are_dead_letters_with_nothing_stuck_behind_them() {
    let simulator = Simulator::start();
    let home = Home::with(&simulator);
    // By this name, and by no address.
    home.set("DROVER_NETWORK__ALLOW_HOSTS", "localhost");
    home.set("DROVER_MEDIA__DOCUMENT_MAX_BYTES", "200000");
    for kind in ["IMAGE", "VIDEO", "AUDIO", "STICKER"] {
        home.set(&format!("DROVER_MEDIA__{kind}_MAX_BYTES"), "100000");
    }
    let drover = home.start();
    let phone = simulator.phone("15550006002", "Ana");
    let picture = linked_with_picture(&drover, &phone);
    let host = serve(pdf(10)).replace("127.0.0.1", "localhost");
    let send = |path: &str, file: Value| {
        drover.api().post(path, &json!({"session": "shop", "chatId": BOB, "file": file, "allowDuplicate": true}))
    };
    for (path, file, code) in [
        ("/api/sendFile", json!({"url": format!("{host}/missing.pdf")}), "media_unreachable"),
        ("/api/sendFile", json!({"url": "http://10.0.0.1/x.pdf"}), "media_unreachable"),
        ("/api/sendFile", json!({"url": format!("{host}/loop")}), "media_unreachable"),
        ("/api/sendFile", json!({"url": format!("{host}/inside")}), "media_unreachable"),
        ("/api/sendFile", json!({"url": format!("{host}/empty.pdf")}), "invalid_media"),
        ("/api/sendFile", json!({"url": format!("{host}/large.pdf")}), "invalid_media"),
        ("/api/sendVoice", json!({"url": format!("{host}/good.pdf")}), "invalid_media"),
        ("/api/sendImage", json!({"url": format!("{host}/good.pdf")}), "invalid_media"),
        // It says that it is a picture and begins as one, and no app can read it.
        (
            "/api/sendImage",
            json!({"mimetype": "image/png", "data": BASE64.encode(b"\x89PNG\r\n\x1a\n nothing")}),
            "invalid_media",
        ),
    ] {
        let id = bare(&send(path, file.clone()).expect(201));
        let dead = drover.wait_state(&id, "dead", story::TO_READY);
        assert_eq!(dead["error"]["code"], code, "{file}: {dead}");
        let log = drover.log().text();
        let said: Vec<_> = log.lines().filter(|line| line.contains(" WARN ") && line.contains(&id)).collect();
        assert!(matches!(said[..], [line] if line.contains(code)), "one line for one failure: {said:#?}");
    }
    for (file, field) in [
        (json!({}), "file"),
        (json!({"url": "ftp://host/x"}), "file.url"),
        (json!({"url": "http://host/x", "id": "a.pdf"}), "file"),
        (json!({"id": "nobody.pdf"}), "file.id"),
        (json!({"data": "no base64!"}), "file.data"),
    ] {
        let problem = send("/api/sendFile", file).expect(422);
        assert_eq!(problem["fields"][0]["field"], field, "{problem}");
    }
    // What is here already is looked at at once.
    let mp3 = BASE64.encode(b"ID3\x04\0\0\0\0\0\0 and a song");
    let upload =
        drover.api().request("POST", "/api/shop/files", &[("content-type", "application/pdf")], Some("%PDF-1.4 x"));
    let upload = upload.expect(201)["id"].clone();
    for (path, file, code) in [
        ("/api/sendVoice", json!({"mimetype": "audio/mpeg", "data": mp3}), "media_type_mismatch"),
        ("/api/sendVideo", json!({"data": BASE64.encode(&picture)}), "media_type_mismatch"),
        ("/api/sendSticker", json!({"id": upload}), "media_type_mismatch"),
        ("/api/sendImage", json!({"mimetype": "image/jpeg", "data": BASE64.encode(&picture)}), "media_type_mismatch"),
        ("/api/sendFile", json!({"data": ""}), "media_empty"),
        ("/api/sendAudio", json!({"data": BASE64.encode(vec![b'x'; 150_000])}), "media_too_large"),
    ] {
        assert_eq!(send(path, file).expect(422)["code"], code, "{path}");
    }
    let after = drover.send_text("shop", BOB, "goes on");
    drover.wait_ack(&bare(&after), 1, story::TO_ACK);
    drover.stop();
}

#[test]
fn received_files_are_kept_and_handed_out_before_the_message_is_told() {
    let simulator = Simulator::start();
    let home = Home::with(&simulator);
    let drover = home.start();
    let phone = simulator.phone("15550006003", "Ana");
    let picture = linked_with_picture(&drover, &phone);
    let events = drover.events();
    // More than one part.
    let file = pdf(1_300_000);
    let order = |kind: &str, bytes: &[u8], mimetype: &str, body: &str| {
        let media = json!({"data": BASE64.encode(bytes), "mimetype": mimetype, "filename": "bill.pdf"});
        phone.order("incoming", &json!({"from": "15559990001", "type": kind, "media": media, "body": body}))
    };
    let message = |id: &Value| {
        let id = id["id"].as_str().expect("an id").to_owned();
        let event = events.wait_for("the message", story::TO_READY, |event| {
            event.name == "message" && event.data["payload"]["id"].as_str().is_some_and(|key| key.contains(&id))
        });
        event.data["payload"].clone()
    };
    let document = order("document", &file, "application/pdf", "Your bill");
    phone.receive("15559990001", "after the bill");
    let payload = message(&document);
    assert_eq!((&payload["hasMedia"], &payload["body"]), (&json!(true), &json!("Your bill")), "{payload}");
    assert_eq!(payload["media"]["filename"], "bill.pdf", "{payload}");
    let url = payload["media"]["url"].as_str().expect("a URL").to_owned();
    assert_eq!(payload["mediaUrl"], url.as_str());
    let got = drover.api().get(&url);
    assert_eq!((got.status, sha256(&got.body)), (200, sha256(&file)), "the same bytes");
    events.wait_for("what came after", story::TO_ACK, |event| event.data["payload"]["body"] == "after the bill");
    let names: Vec<_> = events.all().into_iter().filter(|event| event.name == "message").collect();
    assert_eq!(names[0].data["payload"]["body"], "Your bill", "the order within the chat is kept");

    let image = message(&order("image", &picture, "image/png", ""));
    let got = drover.api().get(image["media"]["url"].as_str().expect("a URL"));
    assert_eq!(sha256(&got.body), sha256(&picture));

    // Not wanted: told at once, without the file.
    drover.api().put("/api/sessions/shop", &json!({"config": {"downloadMedia": false}})).expect(200);
    let payload = message(&order("image", &picture, "image/png", "no download"));
    assert_eq!((&payload["hasMedia"], payload.get("media")), (&json!(true), None), "{payload}");

    // The chat's messages have the file, too.
    let messages = drover.api().get(&format!("/api/shop/chats/{BOB}/messages?limit=10")).expect(200);
    let with_file = wait_until_ok("the chat's messages", story::TO_ACK, || {
        let found = messages.as_array().expect("messages").iter().find(|message| message["body"] == "Your bill");
        found.cloned().ok_or_else(|| messages.clone())
    });
    assert_eq!(with_file["media"]["url"], url.as_str(), "{with_file}");
    drover.stop();
}
