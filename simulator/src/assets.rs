//! The simulated page's files, embedded.
//!
//! The list is explicit; a test holds it against the folder. With `--page <folder>` they are read from there at each
//! request instead, so that the page can be worked on without building.

use std::borrow::Cow;
use std::path::Path;

/// Every `Module.export` that the page defines, one a line.
pub const SURFACE: &str = include_str!("../page/surface.txt");

/// Where the HTML wants what the server has to say (PROTOCOL.md, "What the HTML carries").
pub(crate) const PLACE_FOR_SIMULATOR: &str = "<!--simulator-->";

const INDEX: &str = "index.html";

macro_rules! files {
    ($($name:literal)+) => {
        &[$(($name, include_str!(concat!("../page/", $name)))),+]
    };
}

/// Name and text of each file.
const FILES: &[(&str, &str)] = files! {
    "index.html"
    "acks.js" "bytes.js" "calls.js" "cards.js" "chats.js" "collections.js" "edits.js" "events.js" "faults.js" "getters.js"
    "groups.js" "images.js" "incoming.js" "linking.js" "login.js" "logout.js" "main.js" "media.js" "messages.js" "model.js"
    "msgkey.js" "opaque.js" "outbox.js" "people.js" "phones.js" "pictures.js" "polls.js" "presence.js" "qr.js" "reactions.js"
    "runtime.js" "screen.css" "screen.js" "sending.js" "socket.js" "stanzas.js" "state.js" "storage.js" "switches.js"
    "syncing.js" "texts.js" "transfer.js" "unread.js" "version.js" "wid.js"
};

/// The HTML of the page.
pub(crate) fn index(folder: Option<&Path>) -> Option<Cow<'static, str>> {
    file(folder, INDEX)
}

/// A script or stylesheet of the page, and its media type.
pub(crate) fn part(folder: Option<&Path>, name: &str) -> Option<(Cow<'static, str>, &'static str)> {
    let media_type = match name.rsplit_once('.')?.1 {
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        _ => return None,
    };
    file(folder, name).map(|text| (text, media_type))
}

fn file(folder: Option<&Path>, name: &str) -> Option<Cow<'static, str>> {
    let Some(folder) = folder else {
        return FILES.iter().find(|(known, _)| *known == name).map(|(_, text)| Cow::Borrowed(*text));
    };
    if name.contains(['/', '\\']) {
        return None;
    }
    std::fs::read_to_string(folder.join(name)).ok().map(Cow::Owned)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_file_of_the_folder_is_embedded() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/page");
        let there: BTreeSet<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| [".js", ".css", ".html"].iter().any(|end| name.ends_with(end)))
            .collect();
        let embedded: BTreeSet<String> = FILES.iter().map(|(name, _)| (*name).to_owned()).collect();
        assert_eq!(embedded, there);
    }

    #[test]
    fn the_html_has_its_place_and_nothing_else_is_served() {
        assert!(index(None).unwrap().contains(PLACE_FOR_SIMULATOR));
        assert!(part(None, "main.js").is_some());
        for wrong in ["index.html", "surface.txt", "none.js", "../src/lib.rs", ""] {
            assert!(part(None, wrong).is_none(), "{wrong}");
        }
    }
}
