//! The list of what the page defines, against the page. `WRITE_SURFACE=1` writes the list anew instead.

use serde_json::Value;

use crate::Session;

#[tokio::test]
async fn the_surface_is_what_the_page_defines() {
    let mut session = Session::waiting(&[]).await;
    let defined = session.page.eval("client.surface()").await;
    let defined: Vec<&str> = defined.as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
    if std::env::var_os("WRITE_SURFACE").is_some() {
        let list = concat!(env!("CARGO_MANIFEST_DIR"), "/page/surface.txt");
        std::fs::write(list, defined.join("\n") + "\n").unwrap();
        return;
    }
    let listed: Vec<&str> = drover_simulator::SURFACE.lines().collect();
    assert_eq!(listed, defined);
}

#[tokio::test]
async fn nothing_is_there_that_the_real_app_does_not_have() {
    let mut session = Session::ready(&[]).await;
    let page = &mut session.page;
    for gone in ["refreshQR", "mainLoaded"] {
        let there = page.eval(&format!("'{gone}' in require('WAWebCmd').Cmd")).await;
        assert_eq!(there, false, "{gone}");
    }
    let key = page.eval("Object.keys(new (require('WAWebMsgKey'))({fromMe: true, remote: require('WAWebUserPrefsMeUser').getMaybeMePnUser(), id: 'X'}))").await;
    assert!(!key.as_array().unwrap().contains(&Value::from("_serialized")), "{key}");
    let unknown = page.try_eval("require('WAWebNoSuchModule')").await;
    assert!(unknown.unwrap_err().contains("Requiring unknown module"));
    page.eval("require('WAWebSocketModel').Socket.logout()").await;
    page.noted("navigated https://web.whatsapp.com/?post_logout=1").await;
    let notes = page.take_notes();
    for silent in ["cmd main_loaded", "cmd logout"] {
        assert!(!notes.iter().any(|note| note == silent), "{notes:#?}");
    }
}
