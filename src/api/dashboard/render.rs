//! Templates, and the words they have for texts, times and amounts. Everything that is filled in is escaped, unless it was made by
//! one of the functions here.

use std::sync::OnceLock;

use minijinja::{
    Environment, Error, ErrorKind, State, UndefinedBehavior, Value,
    syntax::SyntaxConfig,
    value::{Kwargs, Serde, ValueKind},
};

use super::language::Language;
use crate::api::wire::rfc3339;

macro_rules! templates {
    ($($name:literal,)*) => {
        const TEMPLATES: &[(&str, &str)] =
            &[$(($name, include_str!(concat!("../../../assets/dashboard/templates/", $name))),)*];
    };
}

templates! {
    "layout.html",
    "sign_in.html",
    "outcome.html",
    "overview.html",
    "overview_counts.html",
    "overview_row.html",
    "session.html",
    "session_actions.html",
    "session_code.html",
    "session_facts.html",
    "session_queue.html",
    "session_timeline.html",
    "session_messages.html",
    "session_dead.html",
    "plot.html",
    "plots.html",
    "dead_letter.html",
    "memory.html",
    "memory_row.html",
    "memory_state.html",
    "queue.html",
    "queue_state.html",
    "queue_row.html",
    "activity.html",
    "activity_row.html",
    "webhooks.html",
    "webhooks_list.html",
    "webhooks_dead.html",
    "keys.html",
}

/// The templates, ready to be drawn. They are read when the first page is drawn: a dashboard that nobody opens costs no memory.
#[derive(Default)]
pub(super) struct Templates {
    environment: OnceLock<Environment<'static>>,
}

impl Templates {
    /// # Panics
    /// When one of them cannot be read: they are part of the binary, and tested.
    fn read() -> Environment<'static> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::SemiStrict);
        let mut whitespace = SyntaxConfig::builder();
        whitespace.trim_blocks(true).lstrip_blocks(true);
        environment.set_syntax(whitespace.build().expect("the usual delimiters"));
        environment.add_function("t", t);
        environment.add_function("named", named);
        environment.add_function("ago", ago);
        environment.add_function("at", at);
        environment.add_filter("bytes", bytes);
        environment.add_filter("number", number);
        for (name, source) in TEMPLATES {
            environment.add_template(name, source).expect("the templates are part of the binary, and tested");
        }
        environment
    }

    /// A template with its values.
    ///
    /// # Errors
    /// When a value is missing that the template needs.
    pub(super) fn draw(&self, name: &str, values: &Value) -> Result<String, Error> {
        self.environment.get_or_init(Self::read).get_template(name)?.render(values.clone())
    }
}

/// A value that is written as JSON elsewhere.
pub(super) fn shown<T: serde::Serialize>(value: &T) -> Value {
    Value::from(Serde(value))
}

fn language(state: &State<'_, '_>) -> Language {
    state.lookup("lang").and_then(|tag| tag.as_str().and_then(Language::of_tag)).unwrap_or(Language::English)
}

fn as_place(language: Language, value: &Value) -> String {
    match value.kind() {
        ValueKind::None => String::new(),
        ValueKind::Number => value.as_i64().map_or_else(|| value.to_string(), |number| grouped(language, number)),
        _ => value.to_string(),
    }
}

/// `t("group.key", place=value)`: what the catalogue says. With `n`, `key.one` or `key.other` is taken where there is one.
fn t(state: &State<'_, '_>, key: &str, places: Kwargs) -> Result<String, Error> {
    let language = language(state);
    let mut filled = Vec::new();
    for name in places.args() {
        filled.push((name, as_place(language, &places.get::<Value>(name)?)));
    }
    let count = filled.iter().find(|(name, _)| *name == "n").map(|(_, value)| value == "1");
    let counted = count.map(|is_one| format!("{key}_{}", if is_one { "one" } else { "other" }));
    let key = counted.filter(|key| language.text(key).is_some()).unwrap_or_else(|| key.to_owned());
    let filled: Vec<(&str, &str)> = filled.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let unknown = || Error::new(ErrorKind::InvalidOperation, format!("the catalogue has no '{key}'"));
    language.say(&key, &filled).ok_or_else(unknown)
}

/// `named("group", code, fallback)`: what the catalogue says of a code (in `webhook_unreachable:<id>` of what stands before the colon), or
/// the fallback, or the code itself.
fn named(state: &State<'_, '_>, group: &str, code: &str, fallback: Option<String>) -> String {
    let stem = code.split_once(':').map_or(code, |(stem, _)| stem);
    let known = language(state).text(&format!("{group}.{stem}")).map(str::to_owned);
    known.or(fallback).unwrap_or_else(|| code.to_owned())
}

/// How long ago, or in how long, in words of one unit.
pub(super) fn relative(language: Language, at_ms: i64, now_ms: i64) -> String {
    let seconds = (now_ms - at_ms) / 1_000;
    let (key, n) = match seconds.abs() {
        0..5 => ("now", 0),
        5..60 => ("seconds", seconds.abs()),
        60..3_600 => ("minutes", seconds.abs() / 60),
        3_600..86_400 => ("hours", seconds.abs() / 3_600),
        _ => ("days", seconds.abs() / 86_400),
    };
    let way = if seconds < 0 && key != "now" { "time.in_" } else { "time." };
    language.say(&format!("{way}{key}"), &[("n", &n.to_string())]).unwrap_or_default()
}

/// A time as how long ago it is; the script keeps it right, and shows the time of day where the person is.
fn ago(state: &State<'_, '_>, at_ms: i64) -> Value {
    let now_ms = state.lookup("now_ms").and_then(|now| i64::try_from(now).ok()).unwrap_or(at_ms);
    let text = relative(language(state), at_ms, now_ms);
    Value::from_safe_string(format!("<time datetime=\"{}\" data-ago=\"{at_ms}\">{text}</time>", rfc3339(at_ms)))
}

/// A time of day (UTC until the script knows better).
fn at(at_ms: i64) -> Value {
    let iso = rfc3339(at_ms);
    let short = iso.get(11..19).unwrap_or_default();
    Value::from_safe_string(format!("<time datetime=\"{iso}\" data-at=\"{at_ms}\">{short}</time>"))
}

fn bytes(state: &State<'_, '_>, bytes: f64) -> String {
    amount(language(state), bytes)
}

/// An amount of memory: MB below a GB, GB with one place above.
pub(super) fn amount(language: Language, bytes: f64) -> String {
    const MIB: f64 = 1_048_576.0;
    if bytes < 1_024.0 * MIB {
        return format!("{:.0} MB", bytes / MIB);
    }
    let text = format!("{:.1} GB", bytes / MIB / 1_024.0);
    text.replace('.', &language.separators().1.to_string())
}

fn number(state: &State<'_, '_>, number: i64) -> String {
    grouped(language(state), number)
}

/// A whole number with its thousands apart.
pub(super) fn grouped(language: Language, number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(language.separators().0);
        }
        text.push(digit);
    }
    if number < 0 {
        text.insert(0, '−');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use minijinja::context;

    fn drawn(source: &'static str, values: Value) -> Result<String, Error> {
        let mut environment = Templates::read();
        environment.add_template("test.html", source).expect("a template");
        Templates { environment: environment.into() }.draw("test.html", &values)
    }

    #[test]
    fn what_is_filled_in_is_escaped() {
        let values = context! { lang => "en", name => "<script>\"'&" };
        let text = drawn("{{ name }}|{{ t('session.title', name=name) }}", values).expect("it is drawn");
        assert!(!text.contains("<script>") && text.contains("&lt;script&gt;"), "{text}");
    }

    #[test]
    fn a_text_that_is_not_there_is_an_error_and_a_code_that_is_not_is_itself() {
        assert!(drawn("{{ t('no.such') }}", context! { lang => "en" }).is_err());
        let text = drawn("{{ named('state', 'flying') }} {{ named('state', 'x', 'far') }}", context! { lang => "es" });
        assert_eq!(text.expect("it is drawn"), "flying far");
        let text = drawn("{{ named('alert', 'webhook_unreachable:wh_1', 'far') }}", context! { lang => "es" });
        assert_eq!(text.expect("it is drawn"), "Su webhook no acepta eventos; esperan.");
    }

    #[test]
    fn counts_are_filled_in_with_their_thousands_apart() {
        let counted = |language: &str, n: i64| {
            drawn("{{ t('limits.left', n=n) }}, {{ t('flag.dead', n=n) }}", context! { lang => language, n })
                .expect("it is drawn")
        };
        assert_eq!(counted("es", 59_984), "quedan 59.984, 59.984 mensajes fallidos");
        assert_eq!(counted("en", 1), "1 left, 1 dead letter");
        let group = |n: i64| drawn("{{ t('group.stopped', n=n) }}", context! { lang => "es", n });
        assert_eq!((group(1).expect("drawn").as_str(), group(2).expect("drawn").as_str()), ("detenida", "detenidas"));
    }

    #[test]
    fn times_are_told_by_their_distance() {
        for (seconds, text) in [
            (0, "now"),
            (-2, "now"),
            (59, "59 s ago"),
            (60, "1 min ago"),
            (7_300, "2 h ago"),
            (90_000, "1 d ago"),
            (-130, "in 2 min"),
        ] {
            assert_eq!(relative(Language::English, 1_000_000, 1_000_000 + seconds * 1_000), text);
        }
    }

    #[test]
    fn amounts_are_written_as_the_language_does() {
        assert_eq!(amount(Language::English, 1_610_612_736.0), "1.5 GB");
        assert_eq!(amount(Language::Spanish, 1_610_612_736.0), "1,5 GB");
        assert_eq!(amount(Language::English, 104_857_600.0), "100 MB");
        assert_eq!(grouped(Language::English, 1_234_567), "1,234,567");
        assert_eq!(grouped(Language::Spanish, -1_000), "−1.000");
        assert_eq!(grouped(Language::English, 999), "999");
    }
}
