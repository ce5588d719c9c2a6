//! The dashboard's doors, without a browser: who gets in, what a form must bring, and what every answer forbids.

use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::json;

use crate::support::{Client, Drover, Home, Reply, servers::Redis, wait_until};

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

/// A page shows figures that are a second old at most.
const SOON: Duration = Duration::from_secs(10);

/// A client that keeps cookies, follows no redirect and sends no key.
pub(crate) struct Visitor {
    client: Client,
    cookies: Vec<(String, String)>,
}

impl Visitor {
    pub(crate) fn new(drover: &Drover<'_>) -> Self {
        Self { client: drover.api().with_key(None).without_redirects(), cookies: Vec::new() }
    }

    pub(crate) fn cookie(&self) -> String {
        let pairs: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        pairs.join("; ")
    }

    fn keep(&mut self, reply: &Reply) {
        for cookie in reply.headers("set-cookie") {
            let (name, value) = cookie.split(';').next().and_then(|pair| pair.split_once('=')).expect("a cookie");
            self.cookies.retain(|(known, _)| known != name);
            if !value.is_empty() {
                self.cookies.push((name.to_owned(), value.to_owned()));
            }
        }
    }

    pub(crate) fn get(&mut self, path: &str) -> Reply {
        let reply = self.client.request("GET", path, &[("cookie", &self.cookie())], None);
        self.keep(&reply);
        reply
    }

    fn post(&mut self, path: &str, headers: &[(&str, &str)], body: &str) -> Reply {
        let cookie = self.cookie();
        let mut all = vec![("cookie", cookie.as_str()), FORM];
        all.extend(headers);
        let reply = self.client.request("POST", path, &all, Some(body));
        self.keep(&reply);
        reply
    }

    fn token(&mut self, path: &str) -> String {
        let page = self.get(path).text();
        let token = page.split("name=\"csrf\" value=\"").nth(1).and_then(|rest| rest.split('"').next());
        token.unwrap_or_else(|| panic!("no form on {path}: {page}")).to_owned()
    }

    pub(crate) fn sign_in(&mut self, key: &str) -> Reply {
        let token = self.token("/dashboard/sign-in");
        self.post("/dashboard/sign-in", &[], &format!("csrf={token}&key={key}"))
    }
}

#[test]
fn nobody_gets_in_without_a_key_and_no_form_is_followed_without_its_token() {
    let home = Home::bare();
    let drover = home.start();
    drover.api().post("/api/sessions", &json!({"name": "shop", "start": false})).expect(201);
    let mut visitor = Visitor::new(&drover);
    let pages = [
        "/dashboard",
        "/dashboard/sessions/shop",
        "/dashboard/queue",
        "/dashboard/activity",
        "/dashboard/webhooks",
        "/dashboard/keys",
        "/dashboard/sessions/shop/qr.svg",
        "/dashboard/sessions/shop/screenshot.png",
    ];
    for page in pages {
        let reply = visitor.get(page);
        let to = reply.header("location").expect("they are sent on").to_owned();
        assert_eq!((reply.status, to.starts_with("/dashboard/sign-in?next=")), (303, true), "{page}");
    }
    assert!(visitor.get("/dashboard/events?view=overview").text().contains("signed-out"));

    // Signing in: the form's own token, and the right key.
    let admin = drover.api().key().expect("a key").to_owned();
    assert_eq!(visitor.post("/dashboard/sign-in", &[], &format!("key={admin}")).status, 403, "without a token");
    let refused = visitor.sign_in("drover_wrong");
    assert_eq!(refused.status, 401);
    assert!(!refused.text().contains("drover_wrong"), "what was written is not shown again");
    let entered = visitor.sign_in(&admin);
    assert_eq!((entered.status, entered.header("location")), (303, Some("/dashboard")));
    let cookie = entered.header("set-cookie").expect("a cookie");
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax") && !cookie.contains("Secure"), "{cookie}");
    for page in &pages[..6] {
        let reply = visitor.get(page);
        assert_eq!(reply.status, 200, "{page}");
        assert!(!reply.text().contains(&admin), "{page} holds the key");
    }

    // A form: its token, from here, and no longer than a form is.
    let token = visitor.token("/dashboard");
    let pause = "/dashboard/queue/pause";
    assert_eq!(visitor.post(pause, &[], "").status, 403);
    assert_eq!(visitor.post(pause, &[], "csrf=AAAA").status, 403);
    let body = format!("csrf={token}");
    for foreign in [("sec-fetch-site", "cross-site"), ("origin", "http://evil.example"), ("origin", "null")] {
        assert_eq!(visitor.post(pause, &[foreign], &body).status, 403, "{foreign:?}");
    }
    let mut other = Visitor::new(&drover);
    other.sign_in(&admin);
    assert_eq!(other.post(pause, &[], &body).status, 403, "another sign-in's token");
    assert!(!visitor.get("/dashboard/queue").text().contains("all queues are paused"), "nothing was done");
    let long = format!("{body}&x={}", "x".repeat(20_000));
    assert_eq!(visitor.post(pause, &[], &long).status, 413);
    assert_eq!(visitor.post(pause, &[("sec-fetch-site", "same-origin")], &body).status, 200);
    wait_until("all are paused", SOON, || {
        visitor.get("/dashboard/queue").text().contains("all queues are paused").then_some(())
    });
    let told = visitor.post("/dashboard/queue/resume", &[("accept", "application/json")], &body).expect(200);
    assert_eq!(told["message"], "Resumed.");
    assert_eq!(visitor.post("/dashboard/sessions/shop/fly", &[], &body).status, 404);

    // Signed out is out, and what the log has heard holds no key.
    assert_eq!(visitor.post("/dashboard/sign-out", &[], &body).status, 303);
    assert_eq!(visitor.get("/dashboard").status, 303);
    assert!(!drover.log().text().contains(&admin), "the key is in the log");
    drover.stop();
}

#[test]
fn an_address_may_try_three_wrong_keys_also_across_a_restart_and_without_redis() {
    let mut redis = Redis::start();
    let home = Home::bare();
    home.set("REDIS_URL", &redis.url());
    home.set("DROVER_HTTP__TRUSTED_PROXIES", "127.0.0.1");
    let drover = home.start();
    let admin = drover.api().key().expect("a key").to_owned();
    let admin = admin.as_str();
    let mut visitor = Visitor::new(&drover);
    let token = visitor.token("/dashboard/sign-in");
    let mut enter = |key: &str, from: &str| {
        let body = format!("csrf={token}&key={key}");
        let reply = visitor.post("/dashboard/sign-in", &[("x-forwarded-for", from)], &body);
        // The form's cookie stays, a sign-in does not.
        visitor.cookies.retain(|(name, _)| name == "drover_form");
        reply
    };
    for key in ["wrong", admin, "wrong", "wrong"] {
        let expected = if key == admin { 303 } else { 401 };
        assert_eq!(enter(key, "192.0.2.1").status, expected, "the right one does not count");
    }
    let refused = enter(admin, "198.51.100.7, 192.0.2.1");
    assert_eq!(refused.status, 429);
    let after: u64 = refused.header("retry-after").and_then(|after| after.parse().ok()).expect("when to come back");
    assert!((1..=900).contains(&after), "{after}");
    assert!(refused.text().contains("Too many tries"), "{}", refused.text());
    assert_eq!(enter(admin, "192.0.2.2").status, 303, "another address is none of it");
    drover.stop();

    // What was counted outlives a restart; while nobody counts for all nodes, this one does by itself.
    let drover = home.start();
    let mut visitor = Visitor::new(&drover);
    let token = visitor.token("/dashboard/sign-in");
    let mut enter = |key: &str, from: &str| {
        let reply =
            visitor.post("/dashboard/sign-in", &[("x-forwarded-for", from)], &format!("csrf={token}&key={key}"));
        visitor.cookies.retain(|(name, _)| name == "drover_form");
        reply.status
    };
    assert_eq!(enter(admin, "192.0.2.1"), 429, "it was counted in Redis");
    redis.kill();
    for expected in [401, 401, 401, 429] {
        assert_eq!(enter("wrong", "192.0.2.3"), expected);
    }
    assert_eq!(enter(admin, "192.0.2.4"), 303, "nobody is shut out for that Redis is gone");
    drover.stop();
}

#[test]
fn without_redis_what_the_database_knows_is_shown_still() {
    let home = Home::bare();
    let drover = home.start();
    drover.api().post("/api/sessions", &json!({"name": "shop", "start": false})).expect(201);
    drover.send_text("shop", "15559990001@c.us", "waits in the database");
    let mut visitor = Visitor::new(&drover);
    visitor.sign_in(drover.api().key().expect("a key"));
    let redis = home.redis().expect("a private Redis runs");
    redis.signal(Signal::SIGSTOP);
    for page in ["/dashboard", "/dashboard/sessions/shop", "/dashboard/queue"] {
        let reply = visitor.get(page);
        let says_so = reply.text().contains("Redis does not answer");
        assert_eq!((reply.status, says_so), (200, page != "/dashboard"), "{page}: {reply:?}");
    }
    assert!(visitor.get("/dashboard/sessions/shop").text().contains("waits in the database"));
    redis.signal(Signal::SIGCONT);
    wait_until("Redis answers again", SOON, || {
        (!visitor.get("/dashboard/queue").text().contains("Redis does not answer")).then_some(())
    });
    drover.stop();
}

#[test]
fn the_first_load_is_light() {
    let home = Home::bare();
    let drover = home.start();
    for number in 0..30 {
        let session = json!({"name": format!("shop-{number}"), "start": false});
        drover.api().post("/api/sessions", &session).expect(201);
    }
    let address = drover.api().base().trim_start_matches("http://").to_owned();
    let bytes = crate::dashboard_weight::first_load_bytes(&address, drover.api().key().expect("a key"));
    assert!(bytes < 60_000, "{bytes} bytes");
    drover.stop();
}

#[test]
fn every_answer_forbids_what_it_does_not_need_and_assets_are_kept() {
    let home = Home::bare();
    let drover = home.start();
    let mut visitor = Visitor::new(&drover);
    let page = visitor.get("/dashboard/sign-in");
    let assets: Vec<String> =
        page.text().split('"').filter(|text| text.starts_with("/dashboard/assets/")).map(str::to_owned).collect();
    assert_eq!(assets.len(), 3, "{}", page.text());
    for path in ["/dashboard", "/dashboard/sign-in", "/dashboard/nowhere", &assets[0], &assets[1], "/dashboard/events"]
    {
        let reply = visitor.get(path);
        let policy = reply.header("content-security-policy").unwrap_or_else(|| panic!("{path} has a policy"));
        for part in [
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "frame-ancestors 'none'",
            "base-uri 'none'",
            "form-action 'self'",
        ] {
            assert!(policy.contains(part), "{path}: {policy}");
        }
        assert!(!policy.contains("unsafe"), "{path}: {policy}");
        assert_eq!(reply.header("x-content-type-options"), Some("nosniff"), "{path}");
        assert_eq!(reply.header("referrer-policy"), Some("same-origin"), "{path}");
    }
    assert_eq!(visitor.get("/dashboard/nowhere").status, 404);
    assert!(visitor.get("/dashboard/nowhere").header("content-type").is_some_and(|kind| kind.starts_with("text/html")));
    for asset in &assets {
        let reply = visitor.get(asset);
        assert_eq!(reply.header("cache-control"), Some("public, max-age=31536000, immutable"), "{asset}");
    }
    assert_eq!(visitor.get("/dashboard/assets/dashboard-000000000000.css").status, 404);
    assert_eq!(visitor.get("/dashboard/assets/..%2f..%2fCargo.toml").status, 404);
    for text in [page.text(), visitor.get("/dashboard/nowhere").text()] {
        let inline = ["<style", " style=", "javascript:", " onclick=", " onload=", "<script>"];
        assert!(inline.iter().all(|piece| !text.contains(piece)) && text.matches("<script").count() == 1, "{text}");
    }

    // Behind TLS, as a proxy says, the cookies are Secure and bound to this host.
    let behind = visitor.client.request("GET", "/dashboard/sign-in", &[("x-forwarded-proto", "https")], None);
    let cookie = behind.header("set-cookie").expect("the form's cookie");
    assert!(
        cookie.starts_with("__Host-") && cookie.contains("; Secure") && cookie.contains("SameSite=Strict"),
        "{cookie}"
    );

    // A language is a cookie, and leads to no other site.
    let token = visitor.token("/dashboard/sign-in");
    let headers = [("referer", "http://evil.example/away")];
    let reply = visitor.post("/dashboard/language", &headers, &format!("csrf={token}&language=es"));
    assert_eq!((reply.status, reply.header("location")), (303, Some("/dashboard")));
    assert!(visitor.get("/dashboard/sign-in").text().contains("lang=\"es\""));
    let next = visitor.get("/dashboard/sign-in?next=//evil.example");
    assert!(!next.text().contains("evil"), "{}", next.text());
    assert_eq!(drover.api().get("/api/dashboard").status, 404);
    assert_eq!(drover.api().without_redirects().get("/dashboard").status, 303, "a key in a header signs nobody in");
    drover.stop();
}
