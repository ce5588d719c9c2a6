//! The bridge in a real Chromium, against the simulated WhatsApp Web.

use std::time::{Duration, Instant};

use crate::support::{
    BOTH, Bench, gone, link, members_with, next, parsed, ready, settings, simulator::Simulator, until, within,
};
use drover::{
    model::{Ack, ChatId, Content, MessageId, MessageKey, PhoneNumber},
    page::{
        Arrival, Incoming, Launched, PageError, PageEvent, Prepared, SendOutcome, SendRequest, SocketState, StreamMode,
        WhatsAppPage,
    },
};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::json;

const ANA: &str = "15550001111";
const BOB: &str = "15550002222";
const WAIT: Duration = Duration::from_secs(10);

async fn prepare(page: &dyn WhatsAppPage, chat: &str) -> (MessageId, Prepared) {
    let id = MessageId::choose();
    let prepared = page.prepare(&parsed(chat), &id, None).await.expect("prepared");
    assert_eq!(prepared.key.id(), id.as_str());
    (id, prepared)
}

fn text(key: &MessageKey, chat: &str, body: &str, wait: Duration) -> SendRequest {
    let content = Content::text(body);
    SendRequest { key: key.clone(), chat: parsed(chat), content, wait, is_repeat: false }
}

/// The message that an event tells of.
fn message_in(event: &PageEvent) -> Option<&Incoming> {
    match event {
        PageEvent::Arrived(arrival) => match &**arrival {
            Arrival::Message(incoming) => Some(incoming),
            _ => None,
        },
        _ => None,
    }
}

async fn ack(launched: &mut Launched, key: &MessageKey, wanted: i8) {
    let acked = |event: &PageEvent| matches!(event, PageEvent::Ack { key: of, ack } if of == key && ack.0 == wanted);
    next(launched, "an ack", |event| acked(event).then_some(())).await;
}

fn is_unknown(outcome: &SendOutcome, code: &str) -> bool {
    matches!(outcome, SendOutcome::Unknown(reason) if reason.code == code)
}

#[tokio::test]
async fn a_page_is_linked_sends_receives_and_stays_linked_over_a_restart() {
    for prefer in BOTH {
        let simulator = Simulator::start().await;
        let bench = Bench::new(settings(prefer, &simulator.https));
        let mut launched = bench.launch().await;
        let probe = next(&mut launched, "the bridge", |event| match event {
            PageEvent::Attached(probe) => Some(probe.clone()),
            _ => None,
        });
        let probe = probe.await;
        assert!(probe.missing.is_empty() && probe.web_version.is_some(), "{probe:?}");
        link(&mut launched, &simulator, ANA).await;
        let snapshot = launched.page.snapshot().await.expect("it answers");
        assert!(snapshot.registered && snapshot.can_send());
        let me = snapshot.me.expect("it is linked");
        assert_eq!((me.id.as_str(), me.push_name.as_deref()), ("15550001111@c.us", Some("Ana")));
        assert!(me.lid.is_some_and(|lid| lid.ends_with("@lid")));

        let (id, prepared) = prepare(&*launched.page, BOB).await;
        assert!(prepared.on_whatsapp && prepared.key.from_me());
        assert!(prepared.key.remote().ends_with("@lid"), "the chat is known by its LID: {}", prepared.key);
        assert_eq!(launched.page.look_up(std::slice::from_ref(&prepared.key)).await.expect("linked"), None);
        let outcome = launched.page.send(&text(&prepared.key, BOB, "hello", WAIT)).await;
        assert!(matches!(outcome, SendOutcome::Sent { ack } if ack >= Ack::SERVER), "{outcome:?}");
        ack(&mut launched, &prepared.key, 3).await;
        let sent = simulator.sent(ANA).await;
        assert_eq!(sent.len(), 1);
        assert_eq!((&sent[0]["id"], &sent[0]["body"], &sent[0]["shown"]), (&json!(id), &json!("hello"), &json!(1)));

        // By number too, which is not the form in which it is stored.
        let by_number: MessageKey = parsed(&format!("true_{BOB}@c.us_{id}"));
        let found = launched.page.look_up(&[by_number]).await.expect("linked").expect("it was sent");
        assert_eq!((&found.key, found.ack, found.is_send_failure), (&prepared.key, Ack(3), false));

        simulator
            .post(&format!("/phones/{ANA}/incoming"), json!({"from": BOB, "type": "chat", "body": "hi there"}))
            .await;
        let incoming = next(&mut launched, "the message", |event| message_in(event).cloned());
        let incoming = incoming.await;
        assert_eq!((incoming.body.as_str(), incoming.kind.as_str()), ("hi there", "chat"));
        assert!(!incoming.key.from_me() && incoming.timestamp > 1_700_000_000);

        let group = launched.process_group;
        launched.page.close(WAIT).await;
        bench.assert_nothing_left(group).await;
        let mut again = bench.launch().await;
        ready(&mut again).await;
        let found = again.page.look_up(std::slice::from_ref(&prepared.key)).await.expect("linked");
        assert_eq!(found.map(|found| found.ack), Some(Ack(3)));
        let (_, second) = prepare(&*again.page, BOB).await;
        let outcome = again.page.send(&text(&second.key, BOB, "again", WAIT)).await;
        assert!(matches!(outcome, SendOutcome::Sent { .. }), "{outcome:?}");
        again.page.close(WAIT).await;
        bench.assert_nothing_left(again.process_group).await;
    }
}

#[tokio::test]
async fn codes_follow_each_other_run_out_and_are_asked_for_again() {
    let simulator = Simulator::start_with(&["--first-ref-ms", "900", "--next-ref-ms", "300"]).await;
    let bench = Bench::new(settings("headless-shell", &simulator.https));
    let mut launched = bench.launch().await;
    let mut codes = Vec::new();
    loop {
        let event = next(&mut launched, "codes", |event| Some(event.clone())).await;
        match event {
            PageEvent::Qr { value, ttl } => codes.push((value, ttl)),
            PageEvent::Status(status) if status.state == SocketState::UnpairedIdle => break,
            _ => {}
        }
    }
    assert!((4..=6).contains(&codes.len()), "one a ref, but for those that the debounce swallowed: {codes:?}");
    assert!(codes.iter().all(|(value, _)| value.split(',').count() == 5), "{codes:?}");
    assert!(codes[0].1 > Duration::from_millis(300) && codes[0].1 <= Duration::from_millis(900));
    assert!(codes[1..].iter().all(|(_, ttl)| *ttl <= Duration::from_millis(300)), "{codes:?}");
    assert!(codes.windows(2).all(|pair| pair[0].0 != pair[1].0));

    launched.page.refresh_qr().await.expect("it can be refreshed");
    let code = next(&mut launched, "a new code", |event| match event {
        PageEvent::Qr { value, .. } => Some(value.clone()),
        _ => None,
    });
    simulator.scan(&code.await, ANA).await;
    ready(&mut launched).await;
    launched.page.kill().await;
    bench.assert_nothing_left(launched.process_group).await;
}

#[tokio::test]
async fn a_phone_is_linked_by_a_code_also_when_the_refs_ran_out() {
    let simulator = Simulator::start_with(&["--first-ref-ms", "200", "--next-ref-ms", "100"]).await;
    let bench = Bench::new(settings("headless-shell", &simulator.https));
    let mut launched = bench.launch().await;
    let idle = |event: &PageEvent| {
        matches!(event, PageEvent::Status(status) if status.state == SocketState::UnpairedIdle).then_some(())
    };
    next(&mut launched, "the refs' end", idle).await;
    let phone: PhoneNumber = parsed(ANA);
    let first = launched.page.request_pairing_code(&phone).await.expect("a code");
    let code = launched.page.request_pairing_code(&phone).await.expect("another code");
    assert!(first != code && code.len() == 8, "{first} {code}");

    // Back to a page that can be scanned, and to a code again.
    launched.page.refresh_qr().await.expect("back to QR");
    let qr = |event: &PageEvent| matches!(event, PageEvent::Qr { .. }).then_some(());
    next(&mut launched, "a QR after the code", qr).await;
    let code = launched.page.request_pairing_code(&phone).await.expect("a third code");
    simulator.post("/phones/pair", json!({"code": code, "number": ANA, "name": "Ana"})).await;
    ready(&mut launched).await;
    let refused = launched.page.request_pairing_code(&phone).await;
    assert!(matches!(refused, Err(PageError::Refused(why)) if why.contains("linked already")));
    launched.page.kill().await;
}

#[tokio::test]
async fn an_unlink_on_the_phone_and_a_logout_are_told_and_a_new_code_follows() {
    let simulator = Simulator::start().await;
    let bench = Bench::new(settings("headless-shell", &simulator.https));
    let mut launched = bench.launch().await;
    for by_phone in [true, false] {
        link(&mut launched, &simulator, ANA).await;
        if by_phone {
            simulator.post(&format!("/phones/{ANA}/unlink"), json!({})).await;
        } else {
            launched.page.log_out().await.expect("it can");
        }
        let out = |event: &PageEvent| matches!(event, PageEvent::LoggingOut).then_some(());
        next(&mut launched, "the logout's begin", out).await;
        let code = next(&mut launched, "the logout's end", |event| match event {
            PageEvent::LoggedOut { code } => Some(*code),
            _ => None,
        });
        assert_eq!(code.await, None, "neither has a reason");
        next(&mut launched, "the bridge again", |event| matches!(event, PageEvent::Attached(_)).then_some(())).await;
    }
    launched.page.kill().await;
}

#[tokio::test]
async fn numbers_are_checked_and_strangers_get_no_chat() {
    let simulator = Simulator::start().await;
    let bench = Bench::new(settings("headless-shell", &simulator.https));
    let mut launched = bench.launch().await;
    let early = launched.page.look_up(&[parsed("true_15550002222@c.us_3EB0AA")]).await;
    assert!(matches!(early, Err(PageError::NotLoaded | PageError::Refused(_) | PageError::Timeout(_))), "{early:?}");
    link(&mut launched, &simulator, ANA).await;
    let stranger = "15550009999";
    let contacts = json!([{"number": stranger, "name": "Nobody", "onWhatsApp": false}]);
    simulator.post(&format!("/phones/{ANA}/contacts"), contacts).await;
    assert_eq!(launched.page.check_number(&parsed(stranger)).await.expect("asked"), None);
    assert!(launched.page.check_number(&parsed(BOB)).await.expect("asked").is_some());
    let (id, prepared) = prepare(&*launched.page, stranger).await;
    assert_eq!((prepared.on_whatsapp, prepared.key.as_str()), (false, format!("true_{stranger}@c.us_{id}").as_str()));
    launched.page.kill().await;
}

#[tokio::test]
async fn a_message_is_sent_once_however_often_the_page_is_told() {
    let simulator = Simulator::start().await;
    let bench = Bench::new(settings("headless-shell", &simulator.https));
    let mut launched = bench.launch().await;
    link(&mut launched, &simulator, ANA).await;
    let (id, prepared) = prepare(&*launched.page, BOB).await;
    let request = text(&prepared.key, BOB, "once", WAIT);
    let (one, two) = tokio::join!(launched.page.send(&request), launched.page.send(&request));
    assert!([&one, &two].iter().any(|outcome| matches!(outcome, SendOutcome::Sent { .. })), "{one:?} {two:?}");
    let third = launched.page.send(&request).await;
    assert!(matches!(third, SendOutcome::Sent { .. }), "it is looked up first: {third:?}");
    // The same id under the number's key would be another message: it is refused before it is sent.
    let by_number = parsed(&format!("true_{BOB}@c.us_{id}"));
    let other = launched.page.send(&text(&by_number, BOB, "once", WAIT)).await;
    assert!(matches!(&other, SendOutcome::Failed(reason) if reason.code == "key_changed"), "{other:?}");
    let sent = simulator.sent(ANA).await;
    assert_eq!(sent.len(), 1, "{sent:?}");
    assert_eq!((&sent[0]["received"], &sent[0]["shown"]), (&json!(1), &json!(1)));
    launched.page.kill().await;
}

#[tokio::test]
async fn a_send_without_an_ack_is_unknown_and_sent_again_under_its_key_after_a_restart() {
    let simulator = Simulator::start().await;
    let bench = Bench::new(settings("headless-shell", &simulator.https));
    let mut launched = bench.launch().await;
    link(&mut launched, &simulator, ANA).await;
    simulator.post("/faults", json!({"number": ANA, "stay_at_ack": 0})).await;
    let (_, prepared) = prepare(&*launched.page, BOB).await;
    let begun = Instant::now();
    let outcome = launched.page.send(&text(&prepared.key, BOB, "lost", Duration::from_secs(2))).await;
    assert!(is_unknown(&outcome, "no_ack"), "{outcome:?}");
    assert!((2..8).contains(&begun.elapsed().as_secs()));
    let found = launched.page.look_up(std::slice::from_ref(&prepared.key)).await.expect("linked").expect("stored");
    assert_eq!((found.ack, found.is_send_failure), (Ack::PENDING, false));
    let twice = launched.page.send(&text(&prepared.key, BOB, "lost", WAIT)).await;
    assert!(is_unknown(&twice, "known_already"), "{twice:?}");
    // In order: a kill so soon after the linking would lose the login, which is still on its way to the disk.
    launched.page.close(WAIT).await;
    simulator.clear_faults().await;

    let mut again = bench.launch().await;
    ready(&mut again).await;
    let found = again.page.look_up(std::slice::from_ref(&prepared.key)).await.expect("linked").expect("stored");
    assert_eq!((found.ack, found.is_send_failure), (Ack::PENDING, true), "a reload marks it");
    let outcome = again.page.resend(&found.key, WAIT).await;
    assert!(matches!(outcome, SendOutcome::Sent { .. }), "{outcome:?}");
    let sent = simulator.sent(ANA).await;
    assert_eq!((sent.len(), &sent[0]["shown"]), (1, &json!(1)), "{sent:?}");
    again.page.kill().await;
}

#[tokio::test]
async fn a_pending_message_is_sent_again_in_the_same_page_and_a_missing_one_is_not() {
    let simulator = Simulator::start().await;
    let bench = Bench::new(settings("headless-shell", &simulator.https));
    let mut launched = bench.launch().await;
    link(&mut launched, &simulator, ANA).await;
    simulator.post("/faults", json!({"number": ANA, "stay_at_ack": 0})).await;
    let (_, prepared) = prepare(&*launched.page, BOB).await;
    let outcome = launched.page.send(&text(&prepared.key, BOB, "slow", Duration::from_secs(1))).await;
    assert!(is_unknown(&outcome, "no_ack"), "{outcome:?}");
    simulator.clear_faults().await;
    let outcome = launched.page.resend(&prepared.key, WAIT).await;
    assert!(matches!(outcome, SendOutcome::Sent { .. }), "{outcome:?}");
    assert_eq!(simulator.sent(ANA).await[0]["shown"], json!(1));
    let (_, never) = prepare(&*launched.page, BOB).await;
    let outcome = launched.page.resend(&never.key, WAIT).await;
    assert!(matches!(&outcome, SendOutcome::Failed(reason) if reason.code == "not_there"), "{outcome:?}");
    launched.page.kill().await;
}

#[tokio::test]
async fn a_refusal_of_the_server_is_a_rejection() {
    let simulator = Simulator::start().await;
    let bench = Bench::new(settings("headless-shell", &simulator.https));
    let mut launched = bench.launch().await;
    link(&mut launched, &simulator, ANA).await;
    simulator.post("/faults", json!({"number": ANA, "fail_send": 479})).await;
    let (_, prepared) = prepare(&*launched.page, BOB).await;
    let outcome = launched.page.send(&text(&prepared.key, BOB, "no", WAIT)).await;
    assert!(matches!(&outcome, SendOutcome::Rejected(reason) if reason.code == "refused"), "{outcome:?}");
    let failed =
        |event: &PageEvent| matches!(event, PageEvent::SendFailure { key } if *key == prepared.key).then_some(());
    next(&mut launched, "the failure", failed).await;
    simulator.clear_faults().await;
    let outcome = launched.page.resend(&prepared.key, WAIT).await;
    assert!(matches!(outcome, SendOutcome::Sent { .. }), "{outcome:?}");
    launched.page.kill().await;
}

#[tokio::test]
async fn a_renderer_that_dies_is_a_page_that_is_gone() {
    for prefer in BOTH {
        let simulator = Simulator::start().await;
        let bench = Bench::new(settings(prefer, &simulator.https));
        let mut launched = bench.launch().await;
        link(&mut launched, &simulator, ANA).await;
        let group = launched.process_group;
        let begun = Instant::now();
        for renderer in members_with(group, &["--type=renderer"]) {
            let _ = kill(Pid::from_raw(renderer), Signal::SIGKILL);
        }
        let code = gone(&mut launched).await;
        assert_eq!(code, "page_crashed");
        assert!(begun.elapsed() < Duration::from_secs(2), "{prefer}: {:?}", begun.elapsed());
        bench.assert_nothing_left(group).await;
        let mut again = bench.launch().await;
        ready(&mut again).await;
        again.page.kill().await;
    }
}

#[tokio::test]
async fn a_crash_from_within_ends_a_send_as_unknown() {
    let simulator = Simulator::start().await;
    let bench = Bench::new(settings("headless-shell", &simulator.https));
    let mut launched = bench.launch().await;
    link(&mut launched, &simulator, ANA).await;
    simulator.post("/faults", json!({"number": ANA, "stay_at_ack": 0})).await;
    let (_, prepared) = prepare(&*launched.page, BOB).await;
    let page = launched.page.clone();
    let request = text(&prepared.key, BOB, "in flight", Duration::from_secs(30));
    let sending = tokio::spawn(async move { page.send(&request).await });
    until("it has left", async || !simulator.sent(ANA).await.is_empty()).await;
    simulator.post("/faults", json!({"number": ANA, "crash_renderer": true})).await;
    let outcome = within(WAIT, "outcome", sending).await.expect("no panic");
    assert!(is_unknown(&outcome, "page_gone"), "{outcome:?}");
    assert_eq!(gone(&mut launched).await, "page_crashed");
    bench.assert_nothing_left(launched.process_group).await;
}

#[tokio::test]
async fn a_page_that_hangs_times_out_and_can_still_be_closed() {
    let simulator = Simulator::start().await;
    let quick = drover::config::Browser { call_timeout_s: 1, ..settings("headless-shell", &simulator.https) };
    let bench = Bench::new(quick);
    let mut launched = bench.launch().await;
    link(&mut launched, &simulator, ANA).await;
    let (_, prepared) = prepare(&*launched.page, BOB).await;
    simulator.post("/faults", json!({"number": ANA, "hang_page_ms": 120_000})).await;
    until("it hangs", async || matches!(launched.page.snapshot().await, Err(PageError::Timeout(_)))).await;
    let outcome = launched.page.send(&text(&prepared.key, BOB, "too late", Duration::from_secs(1))).await;
    assert!(is_unknown(&outcome, "page_timeout"), "{outcome:?}");
    let begun = Instant::now();
    launched.page.close(WAIT).await;
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
    assert_eq!(gone(&mut launched).await, "browser_closed", "it was freed, and closed in order");
    assert!(simulator.sent(ANA).await.is_empty(), "what nobody waits for is not sent");
    bench.assert_nothing_left(launched.process_group).await;
}

#[tokio::test]
async fn one_lost_export_takes_away_only_what_needs_it() {
    let simulator = Simulator::start().await;
    let lost = json!({"missing_export": {"module": "WAWebAltDeviceLinkingApi", "export": "startAltLinkingFlow"}});
    simulator.post("/faults", lost).await;
    let lost = json!({"missing_export": {"module": "WAWebQueryExistsJob", "export": "queryWidExists"}});
    simulator.post("/faults", lost).await;
    let bench = Bench::new(settings("headless-shell", &simulator.https));
    let mut launched = bench.launch().await;
    let missing = next(&mut launched, "the bridge", |event| match event {
        PageEvent::Attached(probe) => Some(probe.missing.clone()),
        _ => None,
    });
    assert_eq!(missing.await, ["pairing_code", "check_number"]);
    link(&mut launched, &simulator, ANA).await;
    let refused = launched.page.check_number(&parsed(BOB)).await;
    assert!(matches!(refused, Err(PageError::MissingCapability(name)) if name == "check_number"));
    let (_, prepared) = prepare(&*launched.page, BOB).await;
    let outcome = launched.page.send(&text(&prepared.key, BOB, "still", WAIT)).await;
    assert!(matches!(outcome, SendOutcome::Sent { .. }), "{outcome:?}");
    launched.page.kill().await;
}

#[tokio::test]
async fn a_newer_bridge_takes_over_in_a_running_page_and_a_broken_one_does_not() {
    let simulator = Simulator::start().await;
    let bench = Bench::new(settings("headless-shell", &simulator.https));
    let mut launched = bench.launch().await;
    link(&mut launched, &simulator, ANA).await;
    let source = drover::browser::built_in_bridge();
    let newer = source.replacen("VERSION = '1'", "VERSION = '2'", 1);
    assert_eq!(launched.page.replace_bridge(&newer).await.expect("taken").bridge, "2");
    for broken in ["(() => {", "throw new Error('no')", "window.__drover.detach(); throw new Error('no')"] {
        assert!(launched.page.replace_bridge(broken).await.is_err(), "{broken}");
    }
    simulator.post(&format!("/phones/{ANA}/incoming"), json!({"from": BOB, "type": "chat", "body": "one"})).await;
    let body = |event: &PageEvent| message_in(event).map(|incoming| incoming.body.clone());
    assert_eq!(next(&mut launched, "a message", body).await, "one");
    simulator.post(&format!("/phones/{ANA}/incoming"), json!({"from": BOB, "type": "chat", "body": "two"})).await;
    assert_eq!(next(&mut launched, "the next one, once each", body).await, "two");
    launched.page.log_out().await.expect("it can");
    let probe = next(&mut launched, "the bridge after a navigation", |event| match event {
        PageEvent::Attached(probe) if probe.bridge == "2" => Some(()),
        _ => None,
    });
    probe.await;
    launched.page.kill().await;
}

#[tokio::test]
async fn a_bridge_that_does_not_parse_is_passed_over_at_the_start() {
    let simulator = Simulator::start().await;
    let bench = Bench::with_bridge("(() => {", settings("headless-shell", &simulator.https));
    let mut launched = bench.launch().await;
    next(&mut launched, "the built-in one", |event| matches!(event, PageEvent::Attached(_)).then_some(())).await;
    launched.page.kill().await;
}

#[tokio::test]
async fn nothing_of_the_page_says_headless() {
    for prefer in BOTH {
        let simulator = Simulator::start().await;
        // A bridge that tells what a page, and a worker of it, can see of their browser.
        let spy = r"
            const hints = ['fullVersionList', 'architecture', 'bitness', 'model', 'platform'];
            const own = 'navigator.userAgentData?.getHighEntropyValues(' + JSON.stringify(hints) + ')';
            const script = `Promise.resolve(${own}).then((high) => postMessage([navigator.userAgent, high]))`;
            const worker = new Worker(URL.createObjectURL(new Blob([script], { type: 'text/javascript' })));
            worker.onmessage = async ({ data }) => {
              const seen = [navigator.userAgent, navigator.appVersion, await eval(own), data];
              window.__droverNotice(JSON.stringify({ type: 'attached', bridge: JSON.stringify(seen), missing: [] }));
            };
        ";
        let bench = Bench::with_bridge(spy, settings(prefer, &simulator.https));
        let mut launched = bench.launch().await;
        let seen = next(&mut launched, "what it says", |event| match event {
            PageEvent::Attached(probe) => Some(probe.bridge.clone()),
            _ => None,
        });
        let seen = seen.await;
        assert!(!seen.to_lowercase().contains("headless") && seen.contains("Google Chrome"), "{seen}");
        assert_eq!(seen.matches(" Chrome/").count(), 3, "the page twice, the worker once: {seen}");
        launched.page.kill().await;
    }
}

#[tokio::test]
async fn messages_in_a_burst_are_all_told_in_order_to_a_slow_session() {
    let simulator = Simulator::start().await;
    let bench = Bench::new(settings("headless-shell", &simulator.https));
    let mut launched = bench.launch().await;
    link(&mut launched, &simulator, ANA).await;
    // More than the channel holds, and nobody reads until all of them have come.
    let count = 400;
    for number in 0..count {
        let body = json!({"from": BOB, "type": "chat", "body": number.to_string()});
        simulator.post(&format!("/phones/{ANA}/incoming"), body).await;
    }
    for number in 0..count {
        let body = next(&mut launched, "a message", |event| message_in(event).map(|incoming| incoming.body.clone()));
        assert_eq!(body.await, number.to_string());
    }
    launched.page.kill().await;
}

#[tokio::test]
async fn a_lost_socket_shows_and_comes_back() {
    let simulator = Simulator::start().await;
    let bench = Bench::new(settings("headless-shell", &simulator.https));
    let mut launched = bench.launch().await;
    link(&mut launched, &simulator, ANA).await;
    simulator.post("/faults", json!({"number": ANA, "refuse_socket_ms": 1500})).await;
    simulator.post("/faults", json!({"number": ANA, "drop_socket": true})).await;
    let lost = |event: &PageEvent| matches!(event, PageEvent::Status(status) if !status.stream_connected).then_some(());
    next(&mut launched, "the loss", lost).await;
    ready(&mut launched).await;
    assert_eq!(launched.page.snapshot().await.expect("it answers").mode, StreamMode::Main);
    launched.page.kill().await;
}

#[tokio::test]
async fn a_group_is_written_to_by_our_own_name_in_it() {
    let simulator = Simulator::start().await;
    let bench = Bench::new(settings("headless-shell", &simulator.https));
    let mut launched = bench.launch().await;
    link(&mut launched, &simulator, ANA).await;
    let group = json!({"subject": "Team", "participants": [BOB, "15550003333"]});
    let made = simulator.post(&format!("/phones/{ANA}/groups"), group).await;
    let chat = made["id"].as_str().expect("a group").to_owned();
    let (_, prepared) = prepare(&*launched.page, &chat).await;
    assert_eq!(prepared.key.remote(), chat);
    assert!(prepared.key.as_str().ends_with("@lid"), "{}", prepared.key);
    let outcome = launched.page.send(&text(&prepared.key, &chat, "to all", WAIT)).await;
    assert!(matches!(outcome, SendOutcome::Sent { .. }), "{outcome:?}");
    let found = launched.page.look_up(std::slice::from_ref(&prepared.key)).await.expect("linked").expect("sent");
    assert!(found.ack >= Ack::SERVER);
    let chat: ChatId = parsed(&chat);
    assert!(chat.is_group());
    launched.page.kill().await;
}

#[tokio::test]
async fn what_is_told_of_messages_is_what_somebody_wrote_once_and_in_the_clear() {
    let simulator = Simulator::start().await;
    // Keys of the older shape, too.
    simulator.post("/faults", json!({"old_msgkey": true})).await;
    let bench = Bench::new(settings("headless-shell", &simulator.https));
    let mut launched = bench.launch().await;
    link(&mut launched, &simulator, ANA).await;
    let sealed = json!({"from": BOB, "type": "ciphertext", "body": "secret", "resolveMs": 300});
    simulator.post(&format!("/phones/{ANA}/incoming"), sealed).await;
    let (_, prepared) = prepare(&*launched.page, BOB).await;
    let outcome = launched.page.send(&text(&prepared.key, BOB, "ours", WAIT)).await;
    assert!(matches!(outcome, SendOutcome::Sent { .. }), "{outcome:?}");
    let message = |event: &PageEvent| {
        message_in(event).map(|incoming| (incoming.kind.clone(), incoming.body.clone(), incoming.key.from_me()))
    };
    let told = next(&mut launched, "the resolved message", message).await;
    assert_eq!(told, ("chat".to_owned(), "secret".to_owned(), false), "neither the ciphertext nor our own");
    simulator.post(&format!("/phones/{ANA}/send"), json!({"to": BOB, "body": "from the phone"})).await;
    let told = next(&mut launched, "what was written on the phone", message).await;
    assert_eq!(told, ("chat".to_owned(), "from the phone".to_owned(), true));
    launched.page.kill().await;
}

#[tokio::test]
async fn a_stream_that_was_replaced_shows_as_disconnected_though_the_state_says_connected() {
    let simulator = Simulator::start().await;
    let bench = Bench::new(settings("headless-shell", &simulator.https));
    let mut launched = bench.launch().await;
    link(&mut launched, &simulator, ANA).await;
    simulator.post("/faults", json!({"number": ANA, "replaced": true})).await;
    let replaced = |event: &PageEvent| match event {
        PageEvent::Status(status) if !status.stream_connected => Some(status.clone()),
        _ => None,
    };
    let status = next(&mut launched, "the conflict", replaced).await;
    assert_eq!((status.state, status.has_synced), (SocketState::Connected, true));
    assert!(!status.can_send());
    let asked = launched.page.prepare(&parsed(BOB), &MessageId::choose(), None).await;
    assert!(matches!(asked, Err(PageError::Refused(_) | PageError::Timeout(_))), "WhatsApp cannot be asked: {asked:?}");
    launched.page.kill().await;
}
