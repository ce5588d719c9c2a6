//! `drover link <name>` draws the QR in the terminal, draws it anew when it changes, and ends when the phone is linked.

use std::time::Duration;

use crate::support::{Cli, Home, Simulator, qr, story, wait_until};

#[test]
fn the_terminal_shows_each_code_and_ends_when_the_phone_is_linked() {
    let simulator = Simulator::start_with(&["--first-ref-ms", "4000", "--next-ref-ms", "4000"]);
    let home = Home::with(&simulator);
    let drover = home.start();
    let phone = simulator.phone("15550002001", "Ana");
    drover.create("shop");

    let mut link = Cli::start(&drover, &["link", "shop"]);
    let first = wait_until("a QR in the terminal", story::TO_QR, || qr::decode_terminal(&link.output()));
    let second = wait_until("the next QR in the terminal", story::TO_QR, || {
        qr::decode_terminal(&link.output()).filter(|shown| *shown != first)
    });
    assert_eq!(second.split(',').count(), 5, "five parts: {second}");
    // It may have changed in the meantime: a phone takes what is on screen now.
    wait_until("the phone takes the QR on screen", story::TO_QR, || {
        let shown = qr::decode_terminal(&link.output())?;
        (phone.try_scan(&shown).status < 300).then_some(())
    });
    let status = link.wait(story::TO_READY);
    assert!(status.success(), "{status}: {}", link.errors());
    assert!(link.output().contains("15550002001"), "it says who is linked: {}", last_lines(&link.output()));
    drover.wait_status("shop", "WORKING", Duration::from_secs(5));

    // Once linked there is nothing to scan.
    let output = Cli::run(&drover, &["link", "shop"]);
    assert_eq!(qr::decode_terminal(&output), None);
    drover.stop();
}

fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(5)..].join("\n")
}

#[test]
fn linking_without_a_daemon_says_what_to_do() {
    let home = Home::bare();
    home.set("DROVER_API_KEY", "a-key-that-nobody-checks");
    let url = format!("http://127.0.0.1:{}", crate::support::servers::free_port());
    let refusal = home.run(&["link", "shop", "--url", &url]);
    let line = refusal.one_line();
    assert!(line.contains("drover serve") || line.contains("make run"), "it says how to start one: {line}");
}

#[test]
fn the_command_line_needs_no_certificates_and_passes_by_a_proxy() {
    let home = Home::bare();
    // As on a minimal system, and behind a company's proxy.
    home.set("SSL_CERT_FILE", "/nonexistent");
    home.set("SSL_CERT_DIR", "/nonexistent");
    home.set("HTTP_PROXY", "http://127.0.0.1:1");
    home.set("http_proxy", "http://127.0.0.1:1");
    let drover = home.start();
    let sessions = Cli::run(&drover, &["sessions"]);
    assert!(sessions.contains("no session yet"), "{sessions}");
    drover.stop();
}
