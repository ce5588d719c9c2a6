//! The templates of the mails: built in, and replaced one by one by those of a folder.
//!
//! One folder an alert: `<alert>/{subject,text,html}.<language>.{txt,html}`, around them `layout.*`, `parts.html`, `problem.*`, `reason.*`.
//! Invariant: whatever is loaded renders: each template was tried with sample content when it was taken.

use std::{borrow::Cow, collections::BTreeMap, path::Path, sync::Arc};

use minijinja::{Environment, UndefinedBehavior, context, syntax::SyntaxConfig, value::Serde};

use super::{
    letter::{self, Letter},
    samples::samples,
};
use crate::model::Language;

macro_rules! built_in {
    ($($kind:literal,)*) => {
        /// The kinds of mails: the codes of alerts that have one of their own, and `recovered`, `digest` and `other`.
        pub const KINDS: &[&str] = &[$($kind,)*];

        const OF_KINDS: &[(&str, &str)] = &[$(
            built_in!(@ $kind, "/subject.en.txt"), built_in!(@ $kind, "/text.en.txt"), built_in!(@ $kind, "/html.en.html"),
            built_in!(@ $kind, "/subject.es.txt"), built_in!(@ $kind, "/text.es.txt"), built_in!(@ $kind, "/html.es.html"),
        )*];
    };
    (@ $kind:literal, $file:literal) => {
        (concat!($kind, $file), include_str!(concat!("../../assets/email/", $kind, $file)))
    };
}

built_in! {
    "linked",
    "disconnected",
    "auth_failed",
    "attempts_spent",
    "needs_a_person",
    "recovered",
    "memory_critical",
    "queue_stuck",
    "dead_letters",
    "whatsapp_restricted",
    "web_changed",
    "disk_low",
    "disk_unwritable",
    "quarantined",
    "webhook_unreachable",
    "bridge_refused",
    "other",
    "digest",
}

const SHARED: &[(&str, &str)] = &[
    ("layout.txt", include_str!("../../assets/email/layout.txt")),
    ("layout.html", include_str!("../../assets/email/layout.html")),
    ("parts.html", include_str!("../../assets/email/parts.html")),
    ("problem.en.txt", include_str!("../../assets/email/problem.en.txt")),
    ("problem.es.txt", include_str!("../../assets/email/problem.es.txt")),
    ("reason.en.txt", include_str!("../../assets/email/reason.en.txt")),
    ("reason.es.txt", include_str!("../../assets/email/reason.es.txt")),
];

const LANGUAGES: [Language; 2] = [Language::En, Language::Es];

/// A template that has an error: the one before it stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedTemplate {
    /// Its path within the folder.
    pub name: String,
    /// Where the error is, as far as that is known.
    pub line: Option<usize>,
    /// What is wrong.
    pub why: String,
}

/// Templates that render. Mails are rare, and a hundred templates that are ready hold more memory than all else of the alerts: those of a
/// mail are compiled when it is written.
pub(super) struct Templates {
    texts: Texts,
    refused: Vec<RefusedTemplate>,
}

/// The templates' texts, by name.
type Texts = Arc<BTreeMap<String, Cow<'static, str>>>;

/// A mail as it is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rendered {
    pub(super) subject: String,
    pub(super) text: String,
    pub(super) html: String,
}

impl Templates {
    /// The built-in ones, and over them those of the folder (an empty path is none). For one with an error, what `before` has stays,
    /// else the built-in one.
    pub(super) fn load(folder: &Path, before: Option<&Self>) -> Self {
        let mut texts = built_in_texts();
        let mut refused = Vec::new();
        if !folder.as_os_str().is_empty() {
            let names: Vec<String> = texts.keys().cloned().collect();
            // The shared ones first: the others are tried with them.
            let (own, shared): (Vec<_>, Vec<_>) = names.into_iter().partition(|name| name.contains('/'));
            for name in shared.into_iter().chain(own) {
                let Some(text) = read(folder, &name, &mut refused) else { continue };
                let kept = Arc::make_mut(&mut texts).insert(name.clone(), text.into());
                if let Some(error) = broken_by(&texts, &name) {
                    refused.push(refusal(&name, &error));
                    let old = before.and_then(|before| before.texts.get(&name).cloned()).or(kept).unwrap_or_default();
                    Arc::make_mut(&mut texts).insert(name.clone(), old);
                    // The old one may not fit what is new around it.
                    if broken_by(&texts, &name).is_some() {
                        Arc::make_mut(&mut texts).insert(name.clone(), built_in(&name).into());
                    }
                }
            }
        }
        Self { texts, refused }
    }

    /// Those that were refused when these were loaded.
    pub(super) fn refused(&self) -> &[RefusedTemplate] {
        &self.refused
    }

    /// Writes a letter.
    pub(super) fn render(&self, letter: &Letter) -> Result<Rendered, minijinja::Error> {
        render(&environment(&self.texts), letter)
    }

    /// What a problem is called in a language.
    pub(super) fn problem(&self, code: &str, language: Language) -> String {
        let name = format!("problem.{}.txt", language.code());
        let environment = environment(&self.texts);
        let rendered = environment
            .get_template(&name)
            .and_then(|template| template.render(context! { code, stem => letter::stem(code) }));
        rendered.map_or_else(|_| code.to_owned(), |text| text.trim().to_owned())
    }
}

fn built_in(name: &str) -> &'static str {
    OF_KINDS.iter().chain(SHARED).find(|(known, _)| *known == name).map_or("", |(_, text)| text)
}

fn built_in_texts() -> Texts {
    let all = OF_KINDS.iter().chain(SHARED);
    Arc::new(all.map(|(name, text)| ((*name).to_owned(), Cow::Borrowed(*text))).collect())
}

/// The file, if it is there; one that cannot be read is refused.
fn read(folder: &Path, name: &str, refused: &mut Vec<RefusedTemplate>) -> Option<String> {
    match std::fs::read_to_string(folder.join(name)) {
        Ok(text) => Some(text),
        Err(error) if matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) => None,
        Err(error) => {
            refused.push(RefusedTemplate {
                name: name.to_owned(),
                line: None,
                why: format!("it cannot be read: {error}"),
            });
            None
        }
    }
}

/// Compiles each template when it is first asked for.
fn environment(texts: &Texts) -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::SemiStrict);
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
    environment.set_syntax(syntax.expect("these two contradict nothing"));
    let texts = texts.clone();
    environment.set_loader(move |name| Ok(texts.get(name).map(|text| text.to_string())));
    environment
}

/// The error that the template of this name brings, tried with sample content: of its own kind, or of every kind where it is shared.
fn broken_by(texts: &Texts, name: &str) -> Option<minijinja::Error> {
    let environment = environment(texts);
    // Also where no sample takes it in.
    if let Err(error) = environment.get_template(name) {
        return Some(error);
    }
    let kinds = KINDS.iter().filter(|kind| name.split_once('/').is_none_or(|(own, _)| own == **kind));
    for kind in kinds {
        for language in
            LANGUAGES.iter().filter(|language| !name.contains('/') || name.contains(&format!(".{}.", language.code())))
        {
            for letter in samples(kind, *language) {
                if let Err(error) = render(&environment, &letter) {
                    return Some(error);
                }
            }
        }
    }
    None
}

fn refusal(name: &str, error: &minijinja::Error) -> RefusedTemplate {
    // The error may show in a template that takes this one in: the innermost names the place.
    let mut innermost = error;
    while let Some(cause) =
        std::error::Error::source(innermost).and_then(|cause| cause.downcast_ref::<minijinja::Error>())
    {
        innermost = cause;
    }
    let line = innermost.line().filter(|_| innermost.name().is_none_or(|named| named == name));
    let why = innermost
        .detail()
        .map_or_else(|| innermost.kind().to_string(), |detail| format!("{}: {detail}", innermost.kind()));
    RefusedTemplate { name: name.to_owned(), line, why }
}

fn render(environment: &Environment<'_>, letter: &Letter) -> Result<Rendered, minijinja::Error> {
    let language = letter.language.code();
    let one = |name: String, context: minijinja::Value| environment.get_template(&name)?.render(context);
    let facts = minijinja::Value::from(Serde(letter));
    let why = one(format!("reason.{language}.txt"), facts.clone())?;
    let problem = one(format!("problem.{language}.txt"), facts.clone())?;
    let why = why.trim().trim_end_matches('.').to_owned();
    let all = context! { why, problem => problem.trim(), language, ..facts };
    let subject = one(format!("{}/subject.{language}.txt", letter.kind), all.clone())?;
    // A subject is one line, whatever it was made of.
    let subject = subject.split_whitespace().collect::<Vec<_>>().join(" ");
    let text = one(format!("{}/text.{language}.txt", letter.kind), all.clone())?;
    let html = one(format!("{}/html.{language}.html", letter.kind), context! { subject => subject.clone(), ..all })?;
    Ok(Rendered { subject, text: without_gaps(&text), html })
}

/// With one empty line where there were several.
fn without_gaps(text: &str) -> String {
    let mut lines: Vec<&str> = Vec::new();
    for line in text.lines().map(|line| if line == "-- " { line } else { line.trim_end() }) {
        if !line.is_empty() || lines.last().is_some_and(|last| !last.is_empty()) {
            lines.push(line);
        }
    }
    format!("{}\n", lines.join("\n").trim_end())
}

#[cfg(test)]
mod tests;
