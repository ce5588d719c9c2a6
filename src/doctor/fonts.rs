//! Fonts: without those of a script, screenshots show boxes in their place. Sending does not depend on them.

use std::{path::Path, process::Stdio};

use super::Finding;

const CHECK: &str = "fonts";
/// Scripts that people write in, each by a language of it as fontconfig names it.
const SCRIPTS: [(&str, &str); 11] = [
    ("Latin", "en"),
    ("Cyrillic", "ru"),
    ("Greek", "el"),
    ("Arabic", "ar"),
    ("Hebrew", "he"),
    ("Devanagari", "hi"),
    ("Thai", "th"),
    ("Chinese", "zh-cn"),
    ("Japanese", "ja"),
    ("Korean", "ko"),
    ("emoji", "und-zsye"),
];
const FOLDERS: [&str; 3] = ["/usr/share/fonts", "/usr/local/share/fonts", "/usr/share/X11/fonts"];
const ADVICE: &str = "screenshots show boxes for them; nothing else depends on it: apt-get install fonts-noto-core fonts-noto-cjk \
                      fonts-noto-color-emoji";

pub(super) async fn examine() -> Finding {
    let mut command = tokio::process::Command::new("fc-list");
    command.args(["--format", "%{lang}\n"]).stdin(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    match command.output().await {
        Ok(output) if output.status.success() => judge(&String::from_utf8_lossy(&output.stdout)),
        _ if FOLDERS.iter().any(|folder| has_files(Path::new(folder))) => {
            Finding::ok(CHECK, "there are some; without fc-list nobody tells of which scripts")
        }
        _ => Finding::warn(CHECK, "there are none", ADVICE),
    }
}

/// `languages` has a line a font, such as `aa|af|en`.
fn judge(languages: &str) -> Finding {
    let has = |language: &str| languages.lines().any(|font| font.split('|').any(|known| known == language));
    let (covered, missing): (Vec<_>, Vec<_>) = SCRIPTS.iter().partition(|(_, language)| has(language));
    let names = |scripts: &[&(&str, &str)]| scripts.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
    if missing.is_empty() {
        return Finding::ok(CHECK, names(&covered));
    }
    Finding::warn(CHECK, format!("none for {}", names(&missing)), ADVICE)
}

fn has_files(folder: &Path) -> bool {
    std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict;

    #[test]
    fn what_no_font_covers_is_named() {
        let finding = judge("en|ru|el|ar|he\nhi\nth|zh-cn|ja\n");
        assert_eq!((finding.verdict, finding.found.as_str()), (Verdict::Warn, "none for Korean, emoji"));
        let all: String = SCRIPTS.iter().map(|(_, language)| format!("{language}\n")).collect();
        assert_eq!(judge(&all).verdict, Verdict::Ok);
    }
}
