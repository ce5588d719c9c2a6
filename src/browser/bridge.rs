//! The script that is put into the page: the built-in bridge, or the file that `browser.bridge` names, which is read anew at
//! every start of a page.

use std::path::PathBuf;

const BUILT_IN: &str = include_str!("../../assets/bridge/bridge.js");

/// The binding by which the bridge speaks.
pub(super) const BINDING: &str = "__droverNotice";

/// Where bridges come from.
#[derive(Debug, Clone)]
pub(super) struct BridgeSource {
    file: Option<PathBuf>,
}

impl BridgeSource {
    /// From the file, or the built-in one if the setting is empty.
    pub(super) fn new(setting: &str) -> Self {
        Self { file: (!setting.is_empty()).then(|| PathBuf::from(setting)) }
    }

    /// The scripts to try, best first. A file that cannot be read must not take every session down with it: it is passed over,
    /// and said so.
    pub(super) async fn candidates(&self) -> Vec<String> {
        let mut scripts = Vec::new();
        if let Some(file) = &self.file {
            match tokio::fs::read_to_string(file).await {
                Ok(text) => scripts.push(text),
                Err(error) => tracing::error!(
                    file = %file.display(), %error,
                    "the bridge named in browser.bridge (DROVER_BRIDGE) cannot be read: using the built-in one"
                ),
            }
        }
        scripts.push(BUILT_IN.to_owned());
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

    #[tokio::test]
    async fn a_file_comes_before_the_built_in_one_and_is_read_each_time() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("bridge.js");
        let source = BridgeSource::new(&file.display().to_string());
        assert_eq!(source.candidates().await, [BUILT_IN]);
        std::fs::write(&file, "1").expect("written");
        assert_eq!(source.candidates().await, ["1", BUILT_IN]);
        std::fs::write(&file, "2").expect("written");
        assert_eq!(source.candidates().await[0], "2");
        assert_eq!(BridgeSource::new("").candidates().await, [BUILT_IN]);
    }

    #[test]
    fn arguments_are_json_and_so_javascript() {
        let text = call_expression("send", &serde_json::json!({"body": "a\"b\u{2028}</script>"}));
        assert!(text.starts_with("window.__drover?.call(\"send\", {\"body\":\"a\\\"b"));
    }
}
