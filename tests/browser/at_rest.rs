//! A page that nobody looks at: it is drawn small, and lets go of what it does not need.

use std::time::{Duration, Instant};

use drover::page::{Launched, PageEvent};

use crate::support::{Bench, gone, next, settings, simulator::Simulator, within};

/// A bridge that tells each density that the page is drawn in, and that a pointer moved.
const WATCHER: &str = r"
    const tell = (what) => window.__droverNotice(JSON.stringify({ type: 'attached', bridge: what, missing: [] }));
    let told;
    setInterval(() => {
      if (told === devicePixelRatio) return;
      told = devicePixelRatio;
      tell(String(told));
    }, 1);
    document.addEventListener('mousemove', () => tell('a pointer moved'));
";
const AT_REST: &str = "0.25";
const IN_A_PICTURE: &str = "1";

/// A page that tells what it sees, and rests.
async fn page_at_rest(simulator: &Simulator) -> (Bench, Launched) {
    let bench = Bench::with_bridge(WATCHER, settings("headless-shell", &simulator.https));
    let mut launched = bench.launch().await;
    wait_told(&mut launched, AT_REST).await;
    (bench, launched)
}

/// Waits until the page tells this of itself.
async fn wait_told(launched: &mut Launched, what: &str) {
    let told = next(launched, what, |event| match event {
        PageEvent::Attached(probe) if probe.bridge == what => Some(()),
        _ => None,
    });
    told.await;
}

#[tokio::test]
async fn a_page_rests_again_when_nobody_waits_for_its_picture() {
    let simulator = Simulator::start().await;
    let (bench, mut launched) = page_at_rest(&simulator).await;
    let page = launched.page.clone();
    {
        let mut picture = std::pin::pin!(page.screenshot());
        assert!(futures::poll!(&mut picture).is_pending(), "it takes its time");
        wait_told(&mut launched, IN_A_PICTURE).await;
    }
    wait_told(&mut launched, AT_REST).await;
    page.kill().await;
    bench.assert_nothing_left(launched.process_group).await;
}

#[tokio::test]
async fn a_page_lets_go_by_being_drawn_and_then_touched_when_it_is_a_minute_old() {
    let simulator = Simulator::start().await;
    let begun = Instant::now();
    let (bench, mut launched) = page_at_rest(&simulator).await;
    let page = launched.page.clone();
    let letting_go = tokio::spawn(async move { page.let_go().await });
    for _ in 0..3 {
        wait_told(&mut launched, IN_A_PICTURE).await;
        wait_told(&mut launched, AT_REST).await;
    }
    wait_told(&mut launched, "a pointer moved").await;
    assert!(begun.elapsed() > Duration::from_secs(60), "{:?}", begun.elapsed());
    letting_go.await.expect("it ends").expect("the page could");
    launched.page.kill().await;
    bench.assert_nothing_left(launched.process_group).await;
}

#[tokio::test]
async fn a_page_that_ends_is_not_waited_for_until_it_has_let_go() {
    let simulator = Simulator::start().await;
    let (bench, mut launched) = page_at_rest(&simulator).await;
    let page = launched.page.clone();
    let letting_go = tokio::spawn(async move { page.let_go().await });
    wait_told(&mut launched, IN_A_PICTURE).await;
    wait_told(&mut launched, AT_REST).await;
    launched.page.kill().await;
    gone(&mut launched).await;
    // Whether it says that the page is gone depends on what it was about to do.
    let _let_go = within(Duration::from_secs(10), "answer", letting_go).await.expect("it ends");
    bench.assert_nothing_left(launched.process_group).await;
}
