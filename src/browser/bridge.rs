//! The script that is put into the page: the built-in bridge, or what `browser.bridge` names (a script, or a folder of parts),
//! which is read anew at every start of a page.
//!
//! A bridge's parts share one closure. A folder may hold parts that this drover does not know: they come before the last one.

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    sync::{Arc, LazyLock, Mutex, PoisonError},
};

/// The built-in parts, in their order.
const PARTS: [(&str, &str); 13] = [
    ("names.js", include_str!("../../assets/bridge/names.js")),
    ("memory.js", include_str!("../../assets/bridge/memory.js")),
    ("state.js", include_str!("../../assets/bridge/state.js")),
    ("linking.js", include_str!("../../assets/bridge/linking.js")),
    ("reading.js", include_str!("../../assets/bridge/reading.js")),
    ("incoming.js", include_str!("../../assets/bridge/incoming.js")),
    ("contacts.js", include_str!("../../assets/bridge/contacts.js")),
    ("media.js", include_str!("../../assets/bridge/media.js")),
    ("lookup.js", include_str!("../../assets/bridge/lookup.js")),
    ("kinds.js", include_str!("../../assets/bridge/kinds.js")),
    ("actions.js", include_str!("../../assets/bridge/actions.js")),
    ("sending.js", include_str!("../../assets/bridge/sending.js")),
    (LAST, include_str!("../../assets/bridge/attach.js")),
];

/// The part that sets everything going.
const LAST: &str = "attach.js";

/// The binding by which the bridge speaks.
pub(super) const BINDING: &str = "__droverNotice";

/// The bridge that drover was built with.
#[must_use]
pub fn built_in_bridge() -> String {
    put_together(PARTS.iter().map(|(_, text)| *text))
}

/// The bridge at a path: a whole script, or a folder of parts (`*.js`).
///
/// # Errors
/// When it cannot be read, or the folder holds no part.
pub fn read_bridge(path: &Path) -> io::Result<String> {
    if !path.is_dir() {
        return std::fs::read_to_string(path);
    }
    let mut parts = BTreeMap::new();
    for entry in std::fs::read_dir(path)? {
        let file = entry?.path();
        if file.extension().is_some_and(|extension| extension == "js") {
            let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
            parts.insert((place(&name), name), std::fs::read_to_string(&file)?);
        }
    }
    if parts.is_empty() {
        return Err(io::Error::new(io::ErrorKind::NotFound, "the folder holds no part of a bridge (*.js)"));
    }
    Ok(put_together(parts.values().map(String::as_str)))
}

/// Where a part stands; those that are not known stand before the last.
fn place(name: &str) -> usize {
    let unknown = PARTS.len() - 1;
    match PARTS.iter().position(|(known, _)| *known == name) {
        Some(place) if name == LAST => place + 1,
        Some(place) => place,
        None => unknown,
    }
}

fn put_together<'a>(parts: impl Iterator<Item = &'a str> + Clone) -> String {
    const BEGIN: &str = "(() => {\n'use strict';\n";
    const END: &str = "})();\n";
    let mut script = String::with_capacity(BEGIN.len() + parts.clone().map(str::len).sum::<usize>() + END.len());
    script.push_str(BEGIN);
    script.extend(parts);
    script.push_str(END);
    script
}

/// A script to keep for as long as a page lives: most pages have the built-in one, and share it.
pub(super) fn to_keep(source: &str) -> Arc<str> {
    static BUILT_IN: LazyLock<Arc<str>> = LazyLock::new(|| built_in_bridge().into());
    if source == &**BUILT_IN { Arc::clone(&BUILT_IN) } else { source.into() }
}

/// Where bridges come from. Clones share what is known of them.
#[derive(Debug, Clone)]
pub(super) struct BridgeSource {
    path: Option<PathBuf>,
    known: Arc<Mutex<Known>>,
}

/// What running pages said of bridges.
#[derive(Debug, Default)]
struct Known {
    /// The one in use, if it is not the built-in one.
    good: Option<String>,
    /// One that a page refused.
    refused: Option<String>,
}

impl BridgeSource {
    /// From the path, or the built-in one if the setting is empty.
    pub(super) fn new(setting: &str) -> Self {
        let path = (!setting.is_empty()).then(|| PathBuf::from(setting));
        // One that cannot be read is reported by each start of a page.
        let good = path.as_deref().and_then(|path| read_bridge(path).ok());
        Self { path, known: Arc::new(Mutex::new(Known { good, refused: None })) }
    }

    /// The bridge in use.
    pub(super) fn good(&self) -> String {
        self.with_known(|known| known.good.clone()).unwrap_or_else(built_in_bridge)
    }

    /// Running pages took this one.
    pub(super) fn accept(&self, source: &str) {
        self.with_known(|known| *known = Known { good: Some(source.to_owned()), refused: None });
    }

    /// A running page refused this one: no other gets it.
    pub(super) fn refuse(&self, source: &str) {
        self.with_known(|known| known.refused = Some(source.to_owned()));
    }

    fn with_known<T>(&self, act: impl FnOnce(&mut Known) -> T) -> T {
        act(&mut self.known.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The scripts to try, best first. What cannot be read must not take every session down with it: it is passed over, and
    /// said so.
    pub(super) fn candidates(&self) -> Vec<String> {
        let mut scripts = Vec::new();
        if let Some(path) = &self.path {
            match read_bridge(path) {
                Ok(text) if self.with_known(|known| known.refused.as_ref() == Some(&text)) => scripts.push(self.good()),
                Ok(text) => scripts.push(text),
                Err(error) => tracing::error!(
                    path = %path.display(), %error,
                    "the bridge named in browser.bridge (DROVER_BRIDGE) cannot be read: using the built-in one"
                ),
            }
        }
        scripts.push(built_in_bridge());
        scripts
    }
}

/// The expression that calls a function of the bridge. Where there is no bridge, nothing is loaded.
pub(super) fn call_expression(function: &str, argument: &serde_json::Value) -> String {
    format!("window.__drover?.call({function:?}, {argument}) ?? {{ok: false, kind: 'not_loaded'}}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_comes_before_the_built_in_one_and_is_read_each_time() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("bridge.js");
        let source = BridgeSource::new(&file.display().to_string());
        assert_eq!(source.candidates(), [built_in_bridge()]);
        std::fs::write(&file, "1").expect("written");
        assert_eq!(source.candidates(), ["1".to_owned(), built_in_bridge()]);
        std::fs::write(&file, "2").expect("written");
        assert_eq!(source.candidates()[0], "2");
        source.accept("2");
        std::fs::write(&file, "3").expect("written");
        source.refuse("3");
        assert_eq!(source.candidates(), ["2".to_owned(), built_in_bridge()], "what a page refused is not tried again");
        std::fs::write(&file, "4").expect("written");
        assert_eq!(source.candidates()[0], "4");
        assert_eq!(BridgeSource::new("").candidates(), [built_in_bridge()]);
    }

    #[test]
    fn a_folder_of_parts_is_put_together_with_what_is_new_before_the_last() {
        let built_in = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/assets/bridge"));
        assert_eq!(read_bridge(built_in).expect("in the checkout"), built_in_bridge(), "every part is on the list");
        let folder = tempfile::tempdir().expect("a folder");
        assert!(read_bridge(folder.path()).is_err(), "nothing in it");
        for (name, text) in
            [("attach.js", "4;"), ("zebra.js", "3;"), ("ant.js", "2;"), ("names.js", "1;"), ("notes", "x")]
        {
            std::fs::write(folder.path().join(name), text).expect("written");
        }
        assert_eq!(read_bridge(folder.path()).expect("read"), put_together(["1;2;3;4;"].into_iter()));
    }

    #[test]
    fn arguments_are_json_and_so_javascript() {
        let text = call_expression("send", &serde_json::json!({"body": "a\"b\u{2028}</script>"}));
        assert!(text.starts_with("window.__drover?.call(\"send\", {\"body\":\"a\\\"b"));
    }
}
