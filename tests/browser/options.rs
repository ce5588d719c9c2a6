//! What one session's options make of its browser, as the page in it sees it.

use crate::support::{Bench, next, settings, simulator::Simulator};
use drover::page::{PageEvent, PageOptions};

/// A bridge that tells what a page can see of its browser.
const SPY: &str = r"
    (async () => {
      const hints = navigator.userAgentData;
      const date = new Date(Date.UTC(2026, 0, 5)).toLocaleDateString(undefined, { weekday: 'long', timeZone: 'UTC' });
      const seen = [navigator.userAgent, navigator.platform, navigator.languages, hints?.platform, hints?.brands, date,
        [innerWidth, innerHeight, screen.width, screen.height, devicePixelRatio]];
      window.__droverNotice(JSON.stringify({ type: 'attached', bridge: JSON.stringify(seen), missing: [] }));
    })();
";

#[tokio::test]
async fn a_page_sees_the_user_agent_the_locale_and_the_size_of_its_session() {
    let simulator = Simulator::start().await;
    let mut bench = Bench::with_bridge(SPY, settings("headless-shell", &simulator.https));
    let agent = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/155.0.0.0 Safari/537.36 Edg/155.0.0.0";
    bench.options = PageOptions {
        user_agent: Some(agent.to_owned()),
        locale: Some("es-AR".to_owned()),
        arguments: vec!["--window-size=1000,700".to_owned()],
        ..PageOptions::default()
    };
    let mut launched = bench.launch().await;
    let seen = next(&mut launched, "what it sees", |event| match event {
        PageEvent::Attached(probe) => Some(probe.bridge.clone()),
        _ => None,
    });
    let seen: serde_json::Value = serde_json::from_str(&seen.await).expect("JSON");
    assert_eq!((seen[0].as_str(), seen[1].as_str()), (Some(agent), Some("Win32")), "{seen}");
    assert_eq!(seen[2], serde_json::json!(["es-AR", "es"]), "{seen}");
    assert_eq!(seen[3], "Windows", "{seen}");
    assert!(seen[4].to_string().contains("Microsoft Edge"), "{seen}");
    assert_eq!(seen[5], "lunes", "{seen}");
    // Few pixels while nobody looks, every one of them in a picture, and few again.
    assert_eq!(seen[6], serde_json::json!([1000, 700, 1000, 700, 0.25]), "{seen}");
    for _ in 0..2 {
        let png = launched.page.screenshot().await.expect("a picture");
        let size = |at: usize| u32::from_be_bytes(png[at..at + 4].try_into().expect("four bytes"));
        assert_eq!((size(16), size(20)), (1000, 700));
    }
    launched.page.kill().await;
    bench.assert_nothing_left(launched.process_group).await;
}
