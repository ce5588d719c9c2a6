//! What is said of input that is no such thing as was asked for, without what it was: it may be a secret in the wrong field.

/// serde's message (`invalid type: string "…", expected a sequence`) without the value that it repeats.
#[must_use]
pub fn without_value(message: &str) -> String {
    let Some((said, expected)) = message.rsplit_once(", expected ") else { return message.to_owned() };
    let begins = |with: &str| said.starts_with(with);
    let said = if begins("invalid type: string") {
        "invalid type: a string"
    } else if begins("invalid type: integer") {
        "invalid type: an integer"
    } else if begins("invalid value: string") {
        "invalid value: a string"
    } else if begins("invalid value: integer") {
        "invalid value: an integer"
    } else if begins("unknown variant") {
        "unknown variant"
    } else {
        said
    };
    format!("{said}, expected {expected}")
}

#[cfg(test)]
mod tests {
    use super::without_value;

    #[test]
    fn what_came_is_not_repeated() {
        for (message, expected) in [
            (
                r#"invalid type: string "a, expected b", expected a sequence"#,
                "invalid type: a string, expected a sequence",
            ),
            ("invalid type: integer `15551234567`, expected a string", "invalid type: an integer, expected a string"),
            (r#"invalid value: string "hush", expected an id"#, "invalid value: a string, expected an id"),
            ("unknown variant `hush`, expected one of `low`, `high`", "unknown variant, expected one of `low`, `high`"),
            ("invalid type: map, expected a string", "invalid type: map, expected a string"),
            ("missing field `chatId`", "missing field `chatId`"),
        ] {
            assert_eq!(without_value(message), expected);
        }
    }
}
