//! Server-sent events, read as they come (WHATWG HTML, section 9.2.6).

/// An event as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Message {
    /// The id to resume from.
    pub(super) id: Option<String>,
    /// What it says.
    pub(super) data: String,
}

/// Takes bytes in any cuts and gives events.
#[derive(Debug, Default)]
pub(super) struct Parser {
    rest: Vec<u8>,
    id: Option<String>,
    data: Vec<String>,
}

impl Parser {
    /// The events that these bytes complete.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Vec<Message> {
        self.rest.extend_from_slice(bytes);
        let mut messages = Vec::new();
        while let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.rest.drain(..=end).collect();
            let line = String::from_utf8_lossy(&line);
            messages.extend(self.take(line.trim_end_matches(['\n', '\r'])));
        }
        messages
    }

    fn take(&mut self, line: &str) -> Option<Message> {
        if line.is_empty() {
            let data = std::mem::take(&mut self.data);
            return (!data.is_empty()).then(|| Message { id: self.id.clone(), data: data.join("\n") });
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "data" => self.data.push(value.to_owned()),
            "id" => self.id = Some(value.to_owned()),
            // A comment, a kind or a time to retry after: the data says all.
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const STREAM: &str = ": drover\nretry: 2000\n\nid: 1\nevent: qr\ndata: {\"a\":\ndata: 1}\n\n: \n\nid: 2\r\ndata:ñ\r\n\r\nid: 3\ndata: cut";

    fn expected() -> Vec<Message> {
        let message = |id: &str, data: &str| Message { id: Some(id.to_owned()), data: data.to_owned() };
        vec![message("1", "{\"a\":\n1}"), message("2", "ñ")]
    }

    #[test]
    fn a_stream_gives_its_whole_events() {
        assert_eq!(Parser::default().feed(STREAM.as_bytes()), expected());
    }

    proptest! {
        #[test]
        fn the_cuts_do_not_matter(cuts in prop::collection::vec(0..STREAM.len(), 0..12)) {
            let mut cuts = cuts;
            cuts.extend([0, STREAM.len()]);
            cuts.sort_unstable();
            let mut parser = Parser::default();
            let parts = cuts.windows(2).map(|cut| &STREAM.as_bytes()[cut[0]..cut[1]]);
            let messages: Vec<_> = parts.flat_map(|part| parser.feed(part)).collect();
            prop_assert_eq!(messages, expected());
        }
    }
}
