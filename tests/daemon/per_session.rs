//! What a session's `config` makes of its browser: proxy, device name, arguments; and the pinned page for all of them.

use std::{
    collections::HashMap,
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
};

use crate::support::{Home, Simulator, servers::free_port, story, wait_until, wait_until_ok};
use serde_json::json;

const USER: &str = "ana";
const PASSWORD: &str = "geheim-4711";
/// base64 of `ana:geheim-4711`.
const BASIC: &str = "Basic YW5hOmdlaGVpbS00NzEx";

/// An HTTP proxy that tunnels (CONNECT) to one place whatever it is asked for, and wants to know who asks.
struct Proxy {
    address: SocketAddr,
    state: Arc<ProxyState>,
}

#[derive(Default)]
struct ProxyState {
    refused: AtomicUsize,
    asked_for: Mutex<Vec<String>>,
    open: Mutex<HashMap<usize, TcpStream>>,
    is_closed: AtomicBool,
}

impl Proxy {
    fn start(target: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("bound");
        let state = Arc::new(ProxyState::default());
        let (shared, target) = (Arc::clone(&state), target.to_owned());
        // Ends with the test's process; each connection ends with the browser's end of it.
        thread::spawn(move || {
            for (number, client) in listener.incoming().flatten().enumerate() {
                let (state, target) = (Arc::clone(&shared), target.clone());
                thread::spawn(move || {
                    // A connection that breaks is the browser's business.
                    let _ = state.tunnel(number, client, &target);
                    state.open.lock().expect("no panic").remove(&number);
                });
            }
        });
        Self { address, state }
    }

    /// Cuts every tunnel and lets nobody in, or opens again.
    fn close(&self, is_closed: bool) {
        self.state.is_closed.store(is_closed, Ordering::SeqCst);
        if is_closed {
            for tunnel in self.state.open.lock().expect("no panic").values() {
                let _ = tunnel.shutdown(Shutdown::Both);
            }
        }
    }

    fn asked_for(&self) -> Vec<String> {
        self.state.asked_for.lock().expect("no panic").clone()
    }
}

impl ProxyState {
    fn tunnel(&self, number: usize, mut client: TcpStream, target: &str) -> std::io::Result<()> {
        let mut reader = BufReader::new(client.try_clone()?);
        loop {
            let mut lines = Vec::new();
            loop {
                let mut line = String::new();
                if reader.read_line(&mut line)? == 0 {
                    return Ok(());
                }
                if line.trim().is_empty() {
                    break;
                }
                lines.push(line.trim().to_owned());
            }
            if self.is_closed.load(Ordering::SeqCst) {
                return Ok(());
            }
            let is_known = lines.iter().any(|line| {
                line.split_once(':').is_some_and(|(name, value)| {
                    name.eq_ignore_ascii_case("proxy-authorization") && value.trim() == BASIC
                })
            });
            if is_known {
                self.asked_for.lock().expect("no panic").push(lines[0].clone());
                break;
            }
            self.refused.fetch_add(1, Ordering::SeqCst);
            let refusal = "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"drover\"\r\nContent-Length: 0\r\n\r\n";
            client.write_all(refusal.as_bytes())?;
        }
        let mut server = TcpStream::connect(target)?;
        client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")?;
        self.open.lock().expect("no panic").insert(number, client.try_clone()?);
        let (mut from_server, mut to_client) = (server.try_clone()?, client.try_clone()?);
        let back = thread::spawn(move || {
            let _ = std::io::copy(&mut from_server, &mut to_client);
            let _ = to_client.shutdown(Shutdown::Both);
        });
        let mut buffer = [0; 16 * 1024];
        loop {
            match reader.read(&mut buffer) {
                Ok(0) | Err(_) => break,
                Ok(count) => server.write_all(&buffer[..count])?,
            }
        }
        let _ = server.shutdown(Shutdown::Both);
        let _ = back.join();
        Ok(())
    }
}

#[test]
fn everything_goes_through_the_sessions_proxy_which_is_told_who_asks() {
    let simulator = Simulator::start();
    let proxy = Proxy::start(&simulator.https());
    let home = Home::with(&simulator);
    let drover = home.start();
    let config = json!({"proxy": {"server": proxy.address.to_string(), "username": USER, "password": PASSWORD}});
    let made = drover.api().post("/api/sessions", &json!({"name": "shop", "config": config})).expect(201);
    assert_eq!(made["config"]["proxy"]["password"], "***", "{made}");
    let phone = simulator.phone("15550012001", "Ana");
    phone.scan(&story::read_qr(&drover, "shop"));
    drover.wait_status("shop", "WORKING", story::TO_READY);
    assert!(proxy.state.refused.load(Ordering::SeqCst) > 0, "it asked who is there");
    let asked = proxy.asked_for();
    assert!(asked.iter().all(|line| line.starts_with("CONNECT ")), "{asked:?}");
    assert!(asked.iter().any(|line| line.contains("web.whatsapp.com:443")), "{asked:?}");

    // The websocket, too: without the proxy there is no connection, with it there is one again.
    proxy.close(true);
    wait_until("the connection to WhatsApp is lost", story::TO_READY, || (!phone.has_open_page()).then_some(()));
    proxy.close(false);
    drover.wait_status("shop", "WORKING", story::TO_READY);
    wait_until("it is back", story::TO_READY, || phone.has_open_page().then_some(()));
    let id =
        drover.send_text("shop", "15559990001@c.us", "through the tunnel")["id"].as_str().expect("an id").to_owned();
    drover.wait_ack(&id, 1, story::TO_ACK);
    phone.shown_once("through the tunnel");

    // The password is in no answer, no log and no command line; a client that writes back what it read loses nothing.
    let view = drover.session("shop");
    let kept =
        drover.api().request("PUT", "/api/sessions/shop", &[], Some(&json!({"config": view["config"]}).to_string()));
    assert!(!kept.expect(200).to_string().contains(PASSWORD) && !drover.log().text().contains(PASSWORD));
    for entry in fs::read_dir("/proc").expect("/proc").flatten() {
        let command = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        assert!(!String::from_utf8_lossy(&command).contains(PASSWORD), "{}", entry.path().display());
    }
    drover.order("shop", "restart");
    wait_until("the old page is gone", story::TO_READY, || (drover.session("shop")["state"] != "ready").then_some(()));
    drover.wait_status("shop", "WORKING", story::TO_READY);
    drover.stop();
}

#[test]
fn a_proxy_that_does_not_answer_is_what_is_to_be_checked() {
    let simulator = Simulator::start();
    let home = Home::with(&simulator);
    let drover = home.start();
    let config = json!({"proxy": {"server": format!("127.0.0.1:{}", free_port())}});
    drover.api().post("/api/sessions", &json!({"name": "shop", "config": config})).expect(201);
    wait_until_ok("it says why", story::TO_QR, || {
        let view = drover.session("shop");
        let message = view["reason"]["message"].as_str().unwrap_or_default();
        if view["reason"]["code"] == "navigation_failed" && message.contains("check the proxy") {
            Ok(())
        } else {
            Err(view)
        }
    });
    drover.stop();
}

#[test]
fn a_proxy_that_refuses_the_password_is_named_until_it_is_corrected() {
    let simulator = Simulator::start();
    let proxy = Proxy::start(&simulator.https());
    let home = Home::with(&simulator);
    let drover = home.start();
    let config = |password: &str| json!({"proxy": {"server": proxy.address.to_string(), "username": USER, "password": password}});
    drover.api().post("/api/sessions", &json!({"name": "shop", "config": config("falsch")})).expect(201);
    wait_until_ok("it says why", story::TO_QR, || {
        let view = drover.session("shop");
        let message = view["reason"]["message"].as_str().unwrap_or_default();
        if message.contains("the proxy refuses its user and password") { Ok(()) } else { Err(view) }
    });
    assert!(proxy.asked_for().is_empty(), "nothing was let through");
    let corrected = json!({"config": config(PASSWORD)}).to_string();
    drover.api().request("PUT", "/api/sessions/shop", &[], Some(&corrected)).expect(200);
    drover.order("shop", "restart");
    story::wait_qr(&drover, "shop");
    drover.stop();
}

#[test]
fn the_phone_lists_the_device_under_its_name_and_others_under_their_own() {
    let simulator = Simulator::start();
    let home = Home::with(&simulator);
    let drover = home.start();
    let config = json!({"client": {"deviceName": "Cash desk", "browserName": "Drover"}});
    drover.api().post("/api/sessions", &json!({"name": "named", "config": config})).expect(201);
    story::wait_qr(&drover, "named");
    drover.create("plain");
    story::wait_qr(&drover, "plain");
    let devices: Vec<String> =
        simulator.pages().iter().map(|page| page["device"].as_str().unwrap_or_default().to_owned()).collect();
    assert_eq!(devices, ["Drover (Cash desk)", "Chrome (Linux)"]);
    drover.stop();
}

#[test]
fn what_is_wrong_in_a_config_is_named_and_arguments_are_for_admins() {
    let home = Home::bare();
    let drover = home.start();
    let api = drover.api();
    for (config, field) in [
        (json!({"proxy": {"server": "nonsense"}}), "config.proxy.server"),
        (json!({"proxy": {"server": "http://a:b@host:1"}}), "config.proxy.server"),
        (json!({"client": {"deviceName": 5}}), "config.client.deviceName"),
        (json!({"browser": {"locale": "!"}}), "config.browser.locale"),
        (json!({"browser": {"args": ["--user-data-dir=/"]}}), "config.browser.args"),
        (json!({"metadata": "x"}), "config.metadata"),
    ] {
        let problem = api.post("/api/sessions", &json!({"name": "shop", "start": false, "config": config})).expect(422);
        assert_eq!(problem["fields"][0]["field"], field, "{problem}");
    }
    let own = json!({"browser": {"args": ["--window-size=900,700"], "locale": "es"}});
    api.post("/api/sessions", &json!({"name": "shop", "start": false, "config": own})).expect(201);
    let key = api.post("/api/keys", &json!({"session": "shop", "actions": ["control", "read"]})).expect(201);
    let limited = api.with_key(key["key"].as_str());
    let put = |config: serde_json::Value| {
        limited.request("PUT", "/api/sessions/shop", &[], Some(&json!({"config": config}).to_string()))
    };
    put(json!({"browser": {"args": ["--no-sandbox"]}})).expect(403);
    put(json!({})).expect(403);
    // What it leaves alone it may write back.
    put(json!({"browser": {"args": ["--window-size=900,700"], "locale": "de"}})).expect(200);
    drover.stop();
}

#[test]
fn a_pinned_page_is_served_and_a_version_that_changed_over_a_restart_is_told() {
    let simulator = Simulator::start();
    let home = Home::with(&simulator);
    let drover = home.start();
    drover.create("shop");
    story::wait_qr(&drover, "shop");
    let before = drover.session("shop")["page"]["webVersion"].clone();
    assert!(before.is_string(), "{before}");
    drover.stop();

    // The page of another version: it says so as the app sets its own.
    let index = Path::new(env!("CARGO_MANIFEST_DIR")).join("simulator/page/index.html");
    let pinned = fs::read_to_string(index).expect("in the checkout").replace(
        "<body>",
        "<body><script>let told; Object.defineProperty(window, 'Debug', { configurable: true, get: () => told, \
         set: (value) => { told = { ...value, VERSION: '2.3000.7' }; } });</script>",
    );
    let file = home.path().join("pinned.html");
    fs::write(&file, pinned).expect("the scratch folder takes files");
    home.set("DROVER_BROWSER__WEB_VERSION_HTML", &file.display().to_string());
    let drover = home.start();
    wait_until_ok("the pinned version runs", story::TO_QR, || {
        let view = drover.session("shop");
        if view["page"]["webVersion"] == "2.3000.7" { Ok(()) } else { Err(view) }
    });
    // Everything else of the page still comes from the host.
    story::wait_qr(&drover, "shop");
    let told = drover.api().request("GET", "/api/events?limit=200", &[("Accept", "application/json")], None).text();
    assert!(told.contains("web.version") && told.contains(before.as_str().expect("a version")), "{told}");
    drover.stop();

    fs::remove_file(&file).expect("ours");
    let refusal = home.start_refused();
    assert!(refusal.one_line().contains("pinned.html"), "it names the file");
}
