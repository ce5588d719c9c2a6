//! Chromium as a process: what starts, what ends, what is left. The host that stands in for WhatsApp's takes connections and
//! never answers, so that the page loads for ever.

use std::{net::TcpListener, time::Duration, time::Instant};

use crate::support::{BOTH, Bench, gone, members_with, processes_of, settings, within};
use drover::{
    browser::{ChromiumLauncher, end_orphans},
    config,
    page::{LaunchError, PageError, SendOutcome, SendRequest},
};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

/// Its port takes connections as long as it lives: the kernel does.
fn silent_host() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound").to_string();
    (listener, address)
}

#[tokio::test]
async fn a_browser_starts_answers_and_is_closed_without_a_trace() {
    for prefer in BOTH {
        let (_host, address) = silent_host();
        let bench = Bench::new(config::Browser { call_timeout_s: 1, ..settings(prefer, &address) });
        let mut launched = bench.launch().await;
        let group = launched.process_group;
        assert!(!processes_of(&bench.profile(), Some(group)).is_empty());
        // Chromium holds calls back while a page navigates.
        let snapshot = launched.page.snapshot().await;
        assert!(
            matches!(snapshot, Err(PageError::NotLoaded | PageError::Timeout(_))),
            "nothing is loaded: {snapshot:?}"
        );
        let begun = Instant::now();
        launched.page.close(Duration::from_secs(10)).await;
        assert!(begun.elapsed() < Duration::from_secs(8), "{prefer} closed in {:?}", begun.elapsed());
        assert_eq!(gone(&mut launched).await, "browser_closed");
        assert!(launched.events.recv().await.is_none(), "nothing follows");
        assert!(matches!(launched.page.snapshot().await, Err(PageError::Gone(_))));
        bench.assert_nothing_left(group).await;
        assert!(bench.profile().join("Default").is_dir(), "the profile itself stays");
    }
}

#[tokio::test]
async fn a_kill_ends_everything_at_once() {
    for prefer in BOTH {
        let (_host, address) = silent_host();
        let bench = Bench::new(settings(prefer, &address));
        let mut launched = bench.launch().await;
        within(Duration::from_secs(3), "end", launched.page.kill()).await;
        bench.assert_nothing_left(launched.process_group).await;
        assert_eq!(gone(&mut launched).await, "browser_killed");
        launched.page.kill().await;
        launched.page.close(Duration::from_secs(1)).await;
        within(Duration::from_secs(5), "end of the launcher's tasks", bench.launcher.wait_ended()).await;
    }
}

#[tokio::test]
async fn a_browser_that_dies_is_gone_within_two_seconds_and_leaves_nothing() {
    for prefer in BOTH {
        let (_host, address) = silent_host();
        let bench = Bench::new(settings(prefer, &address));
        let mut launched = bench.launch().await;
        let group = launched.process_group;
        let page = launched.page.clone();
        let pending = tokio::spawn(async move {
            let send = SendRequest {
                key: "true_15550001111@c.us_3EB0AAAAAAAAAAAAAAAAAA".parse().expect("a key"),
                chat: "15550001111".parse().expect("a chat"),
                content: drover::model::Content::text("x"),
                wait: Duration::from_secs(30),
                is_repeat: false,
            };
            page.send(&send).await
        });
        // The browser itself: neither the launcher script nor a helper of its.
        let main = members_with(group, &["--user-data-dir", "/usr/lib/chromium/"]);
        let main = main.first().copied().unwrap_or_else(|| i32::try_from(group).expect("a pid"));
        kill(Pid::from_raw(main), Signal::SIGKILL).expect("it runs");
        let code = within(Duration::from_secs(2), "sign of its death", gone(&mut launched)).await;
        assert_eq!(code, "browser_exited");
        let outcome = within(Duration::from_secs(1), "answer", pending).await.expect("no panic");
        assert!(matches!(outcome, SendOutcome::Failed(_) | SendOutcome::Unknown(_)), "{outcome:?}");
        assert!(matches!(launched.page.snapshot().await, Err(PageError::Gone(_))));
        bench.assert_nothing_left(group).await;
    }
}

#[tokio::test]
async fn what_a_killed_browser_leaves_among_temporary_files_goes_with_it() {
    for prefer in BOTH {
        let (_host, address) = silent_host();
        let bench = Bench::new(settings(prefer, &address));
        let mut launched = bench.launch().await;
        let scratch = std::fs::read_link(bench.profile().with_extension("tmp")).expect("a folder of its own");
        let count = std::fs::read_dir(&scratch).expect("it is there").count();
        assert!(count > 0 || prefer != "chromium", "the whole Chromium keeps its socket there");
        let main = members_with(launched.process_group, &["--user-data-dir"]);
        for pid in main {
            // One that has ended with the first need not be killed.
            let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
        gone(&mut launched).await;
        bench.assert_nothing_left(launched.process_group).await;
        assert!(!scratch.exists(), "{}", scratch.display());
    }
}

#[tokio::test]
async fn a_page_that_nobody_holds_is_ended() {
    let (_host, address) = silent_host();
    let bench = Bench::new(settings("headless-shell", &address));
    let launched = bench.launch().await;
    let group = launched.process_group;
    drop(launched);
    bench.assert_nothing_left(group).await;
}

#[tokio::test]
async fn a_caller_that_stops_waiting_leaves_no_browser() {
    let (_host, address) = silent_host();
    let bench = Bench::new(settings("headless-shell", &address));
    let profile = bench.profile();
    {
        let mut launch = std::pin::pin!(bench.try_launch());
        let record = profile.with_extension("process");
        let started = crate::support::until("the browser starts", async || record.exists());
        tokio::select! {
            _ = &mut launch => {}
            () = started => {}
        }
    }
    within(Duration::from_secs(30), "end of the launcher's tasks", bench.launcher.wait_ended()).await;
    bench.assert_nothing_left(None).await;
}

#[tokio::test]
async fn one_profile_has_one_browser() {
    let (_host, address) = silent_host();
    let bench = Bench::new(settings("headless-shell", &address));
    let launched = bench.launch().await;
    let Err(LaunchError::ProfileInUse { pid, .. }) = bench.try_launch().await else { panic!("two on one profile") };
    assert_eq!(pid, Some(std::process::id()));
    assert!(!members_with(launched.process_group, &["--user-data-dir"]).is_empty(), "the first one is unharmed");
    launched.page.kill().await;
    bench.launch().await.page.kill().await;
    bench.assert_nothing_left(launched.process_group).await;
}

#[tokio::test]
async fn a_host_that_cannot_be_reached_is_said_and_the_browser_ended() {
    let (host, address) = silent_host();
    drop(host);
    let bench = Bench::new(settings("headless-shell", &address));
    let mut launched = bench.launch().await;
    assert_eq!(gone(&mut launched).await, "navigation_failed");
    bench.assert_nothing_left(launched.process_group).await;
}

#[tokio::test]
async fn what_is_no_chromium_is_an_error_that_leaves_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let script = |name: &str, text: &str| {
        use std::os::unix::fs::PermissionsExt;
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("written");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("ours");
        path.display().to_string()
    };
    let version = "#!/bin/sh\n[ \"$1\" = --version ] && echo Chromium 1.2.3.4 && exit\n";
    let ends = script("ends", &format!("{version}echo no usable sandbox >&2; exit 21"));
    let hangs = script("hangs", &format!("{version}sleep 60 & wait"));
    for (executable, expected) in [
        ("/bin/true", "is it Chromium?"),
        (ends.as_str(), "exit code 21"),
        (ends.as_str(), "no usable sandbox"),
        (hangs.as_str(), "did not answer within 1s"),
    ] {
        let mut settings = settings("chromium", "");
        settings.executable = executable.to_owned();
        settings.launch_timeout_s = 1;
        let bench = Bench::new(settings);
        let error = bench.try_launch().await.err().expect("no Chromium").to_string();
        assert!(error.contains(expected), "{executable}: {error}");
        bench.assert_nothing_left(None).await;
    }
}

#[tokio::test]
async fn a_forbidden_argument_is_refused_at_once() {
    let mut settings = settings("chromium", "");
    settings.args = vec!["--remote-debugging-address=0.0.0.0".to_owned()];
    let error = ChromiumLauncher::new(settings).expect_err("not allowed");
    assert!(error.to_string().contains("--remote-debugging-address=0.0.0.0"));
}

/// A process that starts a browser, then lies there until it is killed: `a_killed_drovers_browser_is_ended` starts it.
#[tokio::test]
#[ignore = "only another test runs it, to kill it"]
async fn a_drover_that_gets_killed() {
    let profile = std::env::var("PROFILE_OF_THE_KILLED").expect("given");
    let address = std::env::var("HOST_OF_THE_KILLED").expect("given");
    let launcher = ChromiumLauncher::new(settings(&std::env::var("PREFER_OF_THE_KILLED").expect("given"), &address));
    let request = drover::page::LaunchRequest {
        session: "alpha".parse().expect("a name"),
        profile: profile.into(),
        options: drover::page::PageOptions::default(),
    };
    let launched = drover::page::PageLauncher::launch(&launcher.expect("fine"), request).await.expect("starts");
    std::fs::write(std::env::var("SIGN_OF_THE_KILLED").expect("given"), launched.process_group.to_string())
        .expect("written");
    std::future::pending::<()>().await;
}

#[tokio::test]
async fn a_killed_drovers_browser_is_ended_by_the_next_launch_and_by_the_next_start() {
    for (prefer, by_launch) in [("headless-shell", true), ("chromium", true), ("headless-shell", false)] {
        let (_host, address) = silent_host();
        let bench = Bench::new(settings(prefer, &address));
        let sign = bench.folder.path().join("sign");
        let mut killed = std::process::Command::new(std::env::current_exe().expect("this test"))
            .args(["--ignored", "--exact", "process::a_drover_that_gets_killed"])
            .env("PROFILE_OF_THE_KILLED", bench.profile())
            .env("HOST_OF_THE_KILLED", &address)
            .env("PREFER_OF_THE_KILLED", prefer)
            .env("SIGN_OF_THE_KILLED", &sign)
            .stdout(std::process::Stdio::null())
            .spawn()
            .expect("this test starts again");
        crate::support::until("its browser runs", async || sign.exists()).await;
        let group: u32 = crate::support::read_number(&sign).await;
        killed.kill().expect("ours");
        killed.wait().expect("ours");
        assert!(!members_with(group, &["--user-data-dir"]).is_empty(), "the browser outlives its drover");
        if by_launch {
            let launched = bench.launch().await;
            assert!(members_with(group, &[]).is_empty(), "the orphan is ended");
            launched.page.close(Duration::from_secs(10)).await;
        } else {
            let ended = end_orphans(&bench.folder.path().join("profiles")).await.expect("readable");
            assert_eq!(ended, ["alpha"]);
        }
        bench.assert_nothing_left(group).await;
    }
}
