//! Every kind in every language renders, counts well and keeps to its language; what is wrong in a folder is refused.

use super::*;
use std::fs;

#[test]
fn every_built_in_template_renders_in_both_languages() {
    let templates = Templates::load(Path::new(""), None);
    for kind in KINDS {
        for language in LANGUAGES {
            for letter in samples(kind, language) {
                let mail = templates.render(&letter).unwrap_or_else(|error| panic!("{kind}: {error:#}"));
                assert!(!mail.subject.is_empty() && mail.text.len() > 100 && mail.html.contains("</html>"), "{kind}");
                assert!(!mail.text.contains("\n\n\n") && !mail.text.contains("{{"), "{}", mail.text);
                assert!(!mail.html.contains("{{") && !mail.html.contains("{%"), "{kind}");
            }
        }
    }
}

#[test]
fn what_comes_from_outside_is_no_html() {
    let mut letter = samples("disconnected", Language::En).remove(0);
    letter.message = "<script>alert(1)</script>".to_owned();
    letter.reason = Some(crate::model::Reason::new("odd", "<b>bold</b>\r\nBcc: x"));
    letter.account = Some("<i>Ana</i>".to_owned());
    let mail = Templates::load(Path::new(""), None).render(&letter).expect("it renders");
    for tag in ["<script>", "<b>bold", "<i>Ana"] {
        assert!(!mail.html.contains(tag), "{tag}");
    }
    assert!(!mail.subject.contains(['\r', '\n']));
}

#[test]
fn one_with_an_error_is_refused_with_its_line_and_the_one_before_stays() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("linked")).unwrap();
    let file = folder.path().join("linked/subject.en.txt");
    let subject =
        |templates: &Templates| templates.render(&samples("linked", Language::En)[0]).expect("it renders").subject;
    fs::write(&file, "ours: {{ session }}\n").unwrap();
    let first = Templates::load(folder.path(), None);
    assert_eq!((subject(&first), first.refused()), ("ours: shop".to_owned(), &[][..]));
    for (wrong, line) in
        [("fine\n{{ session", 2), ("{% if %}", 1), ("one\ntwo {{ sesion }}", 2), ("{{ nothing() }}", 1)]
    {
        fs::write(&file, wrong).unwrap();
        let next = Templates::load(folder.path(), Some(&first));
        assert_eq!(subject(&next), "ours: shop", "the one before stays after {wrong}");
        let refused = &next.refused()[0];
        assert_eq!(
            (refused.name.as_str(), refused.line, next.refused().len()),
            ("linked/subject.en.txt", Some(line), 1),
            "{refused:?}"
        );
        // At a start there is none before: the built-in one stays.
        assert!(subject(&Templates::load(folder.path(), None)).contains("the phone is linked"));
    }
    fs::remove_file(&file).unwrap();
    assert!(subject(&Templates::load(folder.path(), Some(&first))).contains("the phone is linked"));
}

#[test]
fn a_shared_one_with_an_error_is_refused_too() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("layout.html"), "<p>{% block body %}{% endblock %}{{ nobody.knows }}</p>").unwrap();
    let templates = Templates::load(folder.path(), None);
    assert_eq!(templates.refused().len(), 1);
    let mail = templates.render(&samples("disk_low", Language::Es)[0]).expect("it renders");
    assert!(mail.html.contains("</html>"), "the built-in layout");
}

/// What a reader of the HTML sees, without commands: those are the same in every language.
fn seen(html: &str) -> String {
    let mut text = html.split_once("<body>").map_or(html, |(_, body)| body).to_owned();
    for (start, end) in [("<code>", "</code>"), ("<", ">")] {
        while let Some(from) = text.find(start) {
            let to = text[from..].find(end).map_or(text.len(), |length| from + length + end.len());
            text.replace_range(from..to, "");
        }
    }
    text
}

/// The sentences of a text, and their parts, that are long enough to be of one language.
fn sentences(text: &str) -> Vec<String> {
    let is_word = |word: &&str| word.contains(char::is_alphabetic);
    let pieces = text.split(['.', ':', ';', ',', '?', '\n']).map(str::trim);
    pieces.filter(|piece| piece.split_whitespace().filter(is_word).count() > 2).map(str::to_owned).collect()
}

/// Everything that English mails of all kinds say.
fn english_catalogue(templates: &Templates) -> Vec<String> {
    let letters = KINDS.iter().flat_map(|kind| samples(kind, Language::En));
    let mails = letters.map(|letter| templates.render(&letter).expect("it renders"));
    mails.flat_map(|mail| sentences(&format!("{}\n{}", mail.subject, seen(&mail.html)))).collect()
}

#[test]
fn no_english_sentence_reaches_a_spanish_mail() {
    const FOREIGN: &str = "as the code says it";
    let templates = Templates::load(Path::new(""), None);
    let english = english_catalogue(&templates);
    assert!(english.len() > 100 && english.contains(&"Its messages wait".to_owned()), "{english:?}");
    for kind in KINDS {
        for mut letter in samples(kind, Language::Es) {
            letter.message = FOREIGN.to_owned();
            letter.details.entry("error").and_modify(|error| *error = FOREIGN.into());
            for reason in [None, Some("unlinked"), Some("navigation_failed"), Some("of_another_version")] {
                letter.reason = reason.map(|code| crate::model::Reason::new(code, FOREIGN));
                let mail = templates.render(&letter).expect("it renders");
                for body in [&mail.subject, &mail.text, &seen(&mail.html)] {
                    assert!(!body.contains(FOREIGN), "{kind}: {body}");
                    let found: Vec<_> = english.iter().filter(|sentence| body.contains(sentence.as_str())).collect();
                    assert!(found.is_empty(), "{kind}: {found:?} in {body}");
                }
            }
        }
    }
}

#[test]
fn one_of_anything_is_said_as_one() {
    let templates = Templates::load(Path::new(""), None);
    let wrong = ["1 messages", "1 mensajes", "1 problems", "1 problemas", "1 times", "1 veces", "once times"];
    for (kind, language) in KINDS.iter().flat_map(|kind| LANGUAGES.map(|language| (kind, language))) {
        for letter in samples(kind, language) {
            let mail = templates.render(&letter).expect("it renders");
            for body in [&mail.subject, &mail.text, &seen(&mail.html)] {
                assert!(!wrong.iter().any(|wrong| body.contains(wrong)), "{kind}: {body}");
            }
        }
    }
    let one = |kind: &str, language| templates.render(&samples(kind, language).remove(1)).expect("it renders");
    for (kind, language, subject, words) in [
        (
            "dead_letters",
            Language::En,
            "shop: 1 message was given up",
            "1 message of the session shop could not be sent and lies",
        ),
        (
            "dead_letters",
            Language::Es,
            "shop: se abandonó 1 mensaje",
            "1 mensaje de la sesión shop no se pudo enviar y está",
        ),
        (
            "queue_stuck",
            Language::En,
            "shop: its queue does not move",
            "1 message of the session shop waits to be sent; it has waited",
        ),
        (
            "queue_stuck",
            Language::Es,
            "shop: su cola no avanza",
            "1 mensaje de la sesión shop espera su envío desde hace",
        ),
        ("quarantined", Language::En, "shop: crashes too often", "The session shop crashed once within an hour"),
        ("quarantined", Language::Es, "shop: se cae demasiado", "La sesión shop se cayó una vez en una hora"),
        ("digest", Language::En, "drover-1: 1 problem came again", "it could not be brought back"),
        ("digest", Language::Es, "drover-1: 1 problema volvió a ocurrir", "no se podía recuperar"),
    ] {
        let mail = one(kind, language);
        assert_eq!(mail.subject, subject);
        for body in [&mail.text, &seen(&mail.html)] {
            assert!(body.contains(words), "{kind}: {body}");
        }
    }
}
