//! The process: its one line, its end, its refusals to start.

use std::time::Duration;

use nix::sys::signal::Signal;

use crate::support::{Linked, RawPage, Simulator, run};

#[tokio::test(flavor = "multi_thread")]
async fn it_ends_quickly_on_both_signals_with_sockets_open() {
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let mut simulator = Simulator::start(&[]);
        let mut linked = Linked::new(&simulator, "15551230000").await;
        let (mut waiting, _) = RawPage::waiting(&simulator).await;
        let _stream = simulator.client().get(format!("http://{}/phones/events", simulator.http)).send().await.unwrap();
        let (status, took) = tokio::task::block_in_place(|| simulator.end(signal));
        assert!(status.success(), "{status}");
        assert!(took < Duration::from_secs(3), "{took:?}");
        linked.page.ended().await;
        waiting.ended().await;
    }
}

#[tokio::test]
async fn a_port_in_use_is_one_clear_line() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for option in ["--https", "--http"] {
        let other = if option == "--https" { "--http=127.0.0.1:0" } else { "--https=127.0.0.1:0" };
        let (status, printed, logged) = run(&[option, &address, other]);
        assert!(!status.success());
        assert_eq!(printed, "");
        assert_eq!(logged.lines().count(), 1, "{logged}");
        assert!(logged.contains(&address) && logged.contains(option), "{logged}");
    }
}

#[tokio::test]
async fn the_surface_is_a_sorted_list_of_exports() {
    let (status, printed, _) = run(&["--surface"]);
    assert!(status.success());
    let lines: Vec<&str> = printed.lines().collect();
    assert!(lines.len() > 200, "{}", lines.len());
    assert!(lines.is_sorted());
    assert!(
        lines.iter().all(|line| {
            line.split_once('.').is_some_and(|(module, export)| !module.is_empty() && !export.is_empty())
        })
    );
}
