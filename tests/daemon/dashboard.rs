//! The dashboard as a person meets it, in a browser of their own: what changes is seen without loading anew, every button can be
//! reached by the keyboard, both languages are whole, and the browser has nothing to complain of.

use serde_json::{Value, json};

use crate::support::{Drover, Home, Person, Simulator, person::Look, qr, story, wait_until};

const BOB: &str = "15559990001@c.us";

fn key(drover: &Drover<'_>, scope: Value) -> String {
    drover.api().post("/api/keys", &scope).expect(201)["key"].as_str().expect("a key").to_owned()
}

/// The QR that a page shows, photographed off its screen.
fn scan_from_screen(person: &mut Person) -> String {
    person.wait_long("a QR is on the page", "document.querySelector('.qr img')?.complete", story::TO_QR);
    wait_until("the QR on the screen can be read", story::TO_QR, || {
        person.read("document.querySelector('.qr')?.scrollIntoView({block: 'center'})");
        qr::try_decode_png(&person.picture(Look { width: 1440, height: 900, is_dark: false }))
    })
}

/// Whether this very page was never loaded again: a mark in its memory is still there.
fn mark(person: &mut Person) {
    person.read("window.stayed = true");
}

#[track_caller]
fn assert_stayed(person: &mut Person) {
    assert_eq!(person.read("window.stayed"), true, "the page was loaded anew");
}

#[test]
fn a_phone_is_linked_and_a_session_kept_by_its_buttons() {
    let simulator = Simulator::start();
    let home = Home::with(&simulator);
    home.set("DROVER_QUEUE__ATTEMPTS", "1");
    let drover = home.start();
    let admin = drover.api().key().expect("a key").to_owned();
    let mut person = Person::arrive(drover.api().base(), "en");
    person.sign_in(&admin);
    assert!(person.text("main").contains("No session yet"), "{}", person.text("main"));

    // A session is made, and its QR scanned off the screen; WORKING appears by itself.
    person.write("#new-name", "shop");
    person.press("Enter");
    person.wait("the session's page is there", "location.pathname === '/dashboard/sessions/shop'");
    let phone = simulator.phone("15550009301", "Ana");
    phone.scan(&scan_from_screen(&mut person));
    mark(&mut person);
    person.wait_long("it works", "document.querySelector('#actions').innerText.includes('Working')", story::TO_READY);
    assert_stayed(&mut person);
    assert!(person.text("#actions").contains("15550009301"), "{}", person.text("#actions"));
    assert_eq!(person.read("document.querySelector('#pairing').hidden"), true, "there is nothing to pair any more");
    person.wait("it was told to screen readers", "document.querySelector('#told').textContent === 'shop: Working'");

    person.wait("what it holds is measured", "document.querySelector('#facts').innerText.includes(' MB')");

    // What is sent appears with its ticks.
    let id = drover.send_text("shop", BOB, "hello from a test")["id"].as_str().expect("an id").to_owned();
    drover.wait_ack(&id, 3, story::TO_ACK);
    person.wait(
        "the message is read",
        "[...document.querySelectorAll('#messages tr')].some(row => row.innerText.includes('hello from a test') && row.innerText.includes('Read'))",
    );

    // A dead letter appears, is tried again by its button, and goes.
    phone.fault(json!({"fail_send": 463}));
    let id = drover.send_text("shop", BOB, "refused once")["id"].as_str().expect("an id").to_owned();
    drover.wait_state(&id, "dead", story::TO_ACK);
    person.wait("the dead letter is there", "document.querySelector('#dead').innerText.includes('refused once')");
    simulator.clear_faults();
    person.click("#dead form[action$='/retry'] button");
    person.wait("it is gone from the dead letters", "document.querySelector('#dead').hidden");
    drover.wait_ack(&id, 1, story::TO_ACK);
    phone.shown_once("refused once");

    // Stopped and started with the keyboard alone; the focus stays with the button's place.
    person.read("document.querySelector('#main').focus()");
    person.tab_to("#order-stop");
    person.press("Enter");
    person.wait_long("it is stopped", "document.querySelector('#order-start')", story::TO_STOP);
    person.wait("the focus is on what stands there now", "document.activeElement.matches('#order-start')");
    person.press(" ");
    person.wait_long(
        "it works again",
        "document.querySelector('#actions').innerText.includes('Working')",
        story::TO_READY,
    );
    assert_stayed(&mut person);

    // Logging out asks first; Escape takes it back.
    person.click("#logout summary");
    person.press("Escape");
    assert_eq!(person.read("document.querySelector('#logout').open"), false);
    assert_eq!(person.read("document.activeElement.matches('#logout summary')"), true);
    person.press("Enter");
    person.click("#order-logout");
    person.wait_long("a new QR is there", "document.querySelector('.qr img')", story::TO_QR);
    assert!(person.text("#timeline").contains("Logged out"), "{}", person.text("#timeline"));

    // The screenshot is asked for, and shown.
    person.click("[data-screenshot]");
    person.wait("the picture of the page is there", "document.querySelector('#screen img')?.naturalWidth > 0");
    assert_eq!(person.too_wide_at(&[390, 1440]), Vec::<u32>::new());
    assert_eq!(person.complaints(), Vec::<Value>::new());
    drover.stop();
}

#[test]
fn every_page_is_whole_in_both_languages() {
    let home = Home::bare();
    let drover = home.start();
    let receiver = json!({"webhooks": [{"url": "https://hooks.example.com/in", "events": ["*"]}]});
    for name in ["shop", "other"] {
        drover.api().post("/api/sessions", &json!({"name": name, "start": false, "config": receiver})).expect(201);
    }
    drover.send_text("shop", BOB, "<b>waits</b> & more");
    drover.api().post("/api/keys", &json!({"session": "shop", "actions": ["read"]})).expect(201);
    let admin = drover.api().key().expect("a key").to_owned();
    let mut person = Person::arrive(drover.api().base(), "es-MX,es;q=0.9");
    person.open("/dashboard");
    assert_eq!(person.read("document.documentElement.lang"), "es", "as the browser asks");
    assert!(person.text("main").contains("Clave de la API"));
    person.sign_in(&admin);
    let pages = [
        "/dashboard",
        "/dashboard/sessions/shop",
        "/dashboard/queue",
        "/dashboard/memory",
        "/dashboard/activity",
        "/dashboard/webhooks",
        "/dashboard/keys",
    ];
    for (language, word) in [("es", "Sesiones"), ("en", "Sessions")] {
        for page in pages {
            person.open(page);
            assert_eq!(person.read("document.documentElement.lang"), language);
            assert!(person.text("nav").contains(word));
            person.wait("it is kept fresh", "document.querySelector('#link-state.on')");
            assert_eq!(person.too_wide_at(&[390, 1440]), Vec::<u32>::new(), "{page}");
            // Each has one heading of the first order, named regions, and labels at its fields.
            assert_eq!(person.read("document.querySelectorAll('h1').length"), 1, "{page}");
            let unnamed = "[...document.querySelectorAll('input:not([type=hidden]), select')].filter(field => !field.labels.length).length \
                           + [...document.querySelectorAll('table')].filter(table => !table.caption).length \
                           + [...document.querySelectorAll('button')].filter(button => !button.textContent.trim() && !button.ariaLabel).length \
                           + [...document.querySelectorAll('[style]')].length";
            assert_eq!(person.read(unnamed), 0, "{page}");
        }
        person.click("form[action='/dashboard/language'] button");
        person.wait("the other language", &format!("document.documentElement.lang !== '{language}'"));
        assert_eq!(person.read("location.pathname"), "/dashboard/keys", "they are where they were");
    }

    // What is asked before something is taken away can be answered, wherever its button stands.
    person.open("/dashboard/keys");
    for width in [1440, 390] {
        person.picture(Look { width, height: 844, is_dark: false });
        let script = "(() => { const last = [...document.querySelectorAll('.confirm')].pop(); last.open = true; \
                      const button = last.querySelector('button'); button.scrollIntoView({block: 'nearest'}); \
                      const {left, top, width, height} = button.getBoundingClientRect(); \
                      return document.elementFromPoint(left + width / 2, top + height / 2) === button; })()";
        assert_eq!(person.read(script), true, "the button that revokes the last key, at {width}");
        assert_eq!(person.too_wide_at(&[width]), Vec::<u32>::new(), "with the question open");
    }

    // What came from outside is text.
    person.open("/dashboard/sessions/shop");
    assert!(person.text("#messages").contains("<b>waits</b> & more"), "{}", person.text("#messages"));

    // Filters, and the queue's pause from its page.
    person.open("/dashboard?q=oth");
    assert_eq!(person.read("document.querySelectorAll('#sessions tr').length"), 1);
    person.open("/dashboard/queue");
    person.click("#all-pause");
    person.wait("all are paused", "document.querySelector('#all-resume')");
    assert_eq!(drover.api().get("/api/queue/stats?session=shop").expect(200)["sessions"][0]["pausedAll"], true);
    person.click("#all-resume");
    person.wait("none is", "document.querySelector('#all-pause')");
    person.open("/dashboard/activity?group=queue");
    person.wait("the events are there", "document.querySelectorAll('#events li').length === 4");
    drover.api().post("/api/queue/pause?session=other", &Value::Null).expect(201);
    person.wait("the next one appears by itself, first", "document.querySelector('#events li')?.innerText.includes('other') && document.querySelectorAll('#events li').length === 5");
    assert_eq!(person.complaints(), Vec::<Value>::new());
    drover.stop();
}

#[test]
fn a_scoped_key_sees_and_does_what_its_scope_says_until_it_is_revoked() {
    let home = Home::bare();
    let drover = home.start();
    let webhook = json!({"url": "https://hooks.example/path-secret", "events": ["message"]});
    for name in ["shop", "other"] {
        let body = json!({"name": name, "start": false, "config": {"webhooks": [webhook]}});
        drover.api().post("/api/sessions", &body).expect(201);
    }
    let made = drover.api().post("/api/keys", &json!({"session": "shop", "actions": ["read"]})).expect(201);
    let (id, reader) = (made["id"].as_str().expect("an id"), made["key"].as_str().expect("a key"));
    let mut person = Person::arrive(drover.api().base(), "en");
    person.open("/dashboard/sessions/shop");
    assert_eq!(person.read("location.pathname"), "/dashboard/sign-in", "first who they are");
    person.write("#key", "drover_wrong");
    person.press("Enter");
    person.wait("it is refused", "document.querySelector('#wrong')");
    assert_eq!(person.read("document.querySelector('#key').value"), "", "the key is not written back");
    person.write("#key", reader);
    person.press("Enter");
    person.wait("then where they wanted to go", "location.pathname === '/dashboard/sessions/shop'");
    for absent in ["#order-start", "#pairing", "[data-screenshot]", "#queue form"] {
        assert_eq!(person.read(&format!("document.querySelector({})", json!(absent))), Value::Null, "{absent}");
    }
    assert!(!person.read("document.documentElement.outerHTML").to_string().contains(reader), "no page holds the key");
    person.open("/dashboard");
    assert_eq!(person.read("document.querySelectorAll('#sessions tr').length"), 1, "its own session alone");
    assert_eq!(person.read("document.querySelector('#new-name')"), Value::Null);
    for refused in ["/dashboard/sessions/other", "/dashboard/keys", "/dashboard/activity?session=other"] {
        person.open(refused);
        assert!(person.text("main").contains("This key may not do that"), "{refused}: {}", person.text("main"));
    }
    person.open("/dashboard/webhooks");
    let page = person.read("document.documentElement.outerHTML").to_string();
    assert!(
        page.contains("https://hooks.example/***") && !page.contains("path-secret"),
        "where it leads, no more: {page}"
    );
    person.open("/dashboard");
    person.wait("it is kept fresh", "document.querySelector('#link-state.on')");
    drover.api().delete(&format!("/api/keys/{id}"));
    person.wait("a revoked key ends it", "location.pathname === '/dashboard/sign-in'");
    assert_eq!(person.complaints(), Vec::<Value>::new());
    let other = key(&drover, json!({"session": "other"}));
    person.sign_in(&other);
    assert!(person.text("#sessions").contains("other"));
    person.click("form[action='/dashboard/sign-out'] button");
    person.wait("they signed out", "location.pathname === '/dashboard/sign-in'");
    person.open("/dashboard");
    assert_eq!(person.read("location.pathname"), "/dashboard/sign-in");
    drover.stop();
}

#[test]
fn a_page_shows_that_drover_is_away_and_that_it_is_back() {
    let home = Home::bare();
    let drover = home.start();
    drover.api().post("/api/sessions", &json!({"name": "shop", "start": false})).expect(201);
    let port = drover.api().base().rsplit(':').next().expect("a port").to_owned();
    let mut person = Person::arrive(drover.api().base(), "en");
    person.sign_in(drover.api().key().expect("a key"));
    person.wait("it is kept fresh", "document.querySelector('#link-state.on')");
    drover.stop();
    person.wait(
        "it says that it is offline",
        "document.querySelector('#link-state.off')?.innerText.includes('No connection')",
    );
    home.set("PORT", &port);
    let drover = home.start();
    person.wait("who comes back after a restart signs in again", "location.pathname === '/dashboard/sign-in'");
    assert_eq!(person.complaints(), Vec::<Value>::new());
    drover.stop();
}
