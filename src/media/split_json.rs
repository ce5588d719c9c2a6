//! Takes the one long text out of a JSON body: `{"file": {"data": "<base64>"}}`. It goes to a file as it is decoded, so that a body
//! of 100 MB takes no more memory than one of a kilobyte.

use std::{
    cell::Cell,
    io::{self, BufReader, Read},
    path::Path,
    rc::Rc,
};

use struson::{
    reader::{JsonReader, JsonStreamReader, ReaderError, TransferError, ValueType},
    writer::{JsonStreamWriter, JsonWriter},
};

use super::{
    FileError,
    scratch::{ScratchFile, WriteError},
};

/// How much is read ahead.
const READ_AHEAD_BYTES: usize = 64 << 10;

/// A body that could not be taken apart.
#[derive(Debug, thiserror::Error)]
pub enum SplitError {
    /// It is no JSON object.
    #[error("this must be a JSON object: {0}")]
    Syntax(String),
    /// What is left without the data is too long.
    #[error("the body without the file is longer than {limit_bytes} bytes")]
    TooLong {
        /// The most.
        limit_bytes: usize,
    },
    /// The data is no base64.
    #[error("this is no base64: {0}")]
    InvalidData(String),
    /// It cannot be kept.
    #[error(transparent)]
    File(#[from] FileError),
}

/// The body without the data, and the data.
pub(super) fn split(
    mut body: ScratchFile,
    folder: &Path,
    rest_limit_bytes: usize,
    data_limit_bytes: u64,
) -> Result<(Vec<u8>, Option<ScratchFile>), SplitError> {
    let meter = Meter::new(rest_limit_bytes + 2 * READ_AHEAD_BYTES);
    let text = Metered { text: body.reread().map_err(FileError::from)?, meter: meter.clone() };
    let mut rest = Vec::new();
    let mut splitter = Splitter {
        reader: JsonStreamReader::new(BufReader::with_capacity(READ_AHEAD_BYTES, text)),
        writer: JsonStreamWriter::new(&mut rest),
        data: None,
        meter: meter.clone(),
    };
    let data = match splitter.copy_body(folder, data_limit_bytes) {
        Ok(()) => {
            let Splitter { reader, writer, data, .. } = splitter;
            reader
                .consume_trailing_whitespace()
                .map_err(of_reader)
                .and_then(|()| Ok(writer.finish_document().map_err(FileError::from).map(|_| data)?))
        }
        Err(error) => Err(error),
    };
    if meter.is_over.get() || rest.len() > rest_limit_bytes {
        return Err(SplitError::TooLong { limit_bytes: rest_limit_bytes });
    }
    Ok((rest, data?))
}

struct Splitter<R: Read, W: io::Write> {
    reader: JsonStreamReader<R>,
    writer: JsonStreamWriter<W>,
    data: Option<ScratchFile>,
    meter: Meter,
}

impl<R: Read, W: io::Write> Splitter<R, W> {
    fn copy_body(&mut self, folder: &Path, data_limit_bytes: u64) -> Result<(), SplitError> {
        self.begin_object()?;
        while self.reader.has_next().map_err(of_reader)? {
            let name = self.reader.next_name_owned().map_err(of_reader)?;
            self.writer.name(&name).map_err(FileError::from)?;
            if name == "file" && self.reader.peek().map_err(of_reader)? == ValueType::Object {
                self.copy_file(folder, data_limit_bytes)?;
            } else {
                self.copy_value()?;
            }
        }
        self.end_object()
    }

    fn copy_file(&mut self, folder: &Path, data_limit_bytes: u64) -> Result<(), SplitError> {
        self.begin_object()?;
        while self.reader.has_next().map_err(of_reader)? {
            let name = self.reader.next_name_owned().map_err(of_reader)?;
            if name == "data" && self.reader.peek().map_err(of_reader)? == ValueType::String {
                // The last of the same name counts, as everywhere in JSON that is read here.
                self.data = Some(self.take_data(folder, data_limit_bytes)?);
            } else {
                self.writer.name(&name).map_err(FileError::from)?;
                self.copy_value()?;
            }
        }
        self.end_object()
    }

    fn take_data(&mut self, folder: &Path, data_limit_bytes: u64) -> Result<ScratchFile, SplitError> {
        let mut file = ScratchFile::create(folder, data_limit_bytes).map_err(FileError::from)?;
        self.meter.is_resting.set(true);
        let text = self.reader.next_string_reader().map_err(of_reader)?;
        file.append_base64(text).map_err(of_data)?;
        self.meter.is_resting.set(false);
        Ok(file)
    }

    fn begin_object(&mut self) -> Result<(), SplitError> {
        self.reader.begin_object().map_err(of_reader)?;
        Ok(self.writer.begin_object().map_err(FileError::from)?)
    }

    fn end_object(&mut self) -> Result<(), SplitError> {
        self.reader.end_object().map_err(of_reader)?;
        Ok(self.writer.end_object().map_err(FileError::from)?)
    }

    fn copy_value(&mut self) -> Result<(), SplitError> {
        self.reader.transfer_to(&mut self.writer).map_err(|error| match error {
            TransferError::ReaderError(error) => of_reader(error),
            TransferError::WriterError(error) => FileError::from(error).into(),
        })
    }
}

/// How much is still read that is not data.
#[derive(Clone)]
struct Meter {
    left_bytes: Rc<Cell<usize>>,
    is_resting: Rc<Cell<bool>>,
    is_over: Rc<Cell<bool>>,
}

impl Meter {
    fn new(bytes: usize) -> Self {
        Self { left_bytes: Rc::new(Cell::new(bytes)), is_resting: Rc::default(), is_over: Rc::default() }
    }
}

/// A text that ends with an error when too much of it is read, so that no name or text in it fills the memory.
struct Metered<R> {
    text: R,
    meter: Meter,
}

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.text.read(buffer)?;
        if !self.meter.is_resting.get() {
            let Some(left_bytes) = self.meter.left_bytes.get().checked_sub(read) else {
                self.meter.is_over.set(true);
                return Err(io::Error::other("too long"));
            };
            self.meter.left_bytes.set(left_bytes);
        }
        Ok(read)
    }
}

fn of_reader(error: ReaderError) -> SplitError {
    match error {
        ReaderError::IoError { error, .. } if error.raw_os_error().is_some() => FileError::from(error).into(),
        error => SplitError::Syntax(error.to_string()),
    }
}

fn of_data(error: WriteError) -> SplitError {
    match error {
        // What the JSON around it breaks off, is told as such by neither of the two.
        WriteError::Disk(error) if error.raw_os_error().is_none() => SplitError::InvalidData(error.to_string()),
        error => FileError::from(error).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::{Engine, prelude::BASE64_STANDARD};
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn split_text(
        text: &str,
        rest_limit_bytes: usize,
        data_limit_bytes: u64,
    ) -> Result<(Value, Option<u64>), SplitError> {
        let folder = tempfile::tempdir().expect("a folder");
        let mut body = ScratchFile::create(folder.path(), u64::MAX).expect("a file");
        body.append(text.as_bytes()).expect("written");
        let (rest, data) = split(body, folder.path(), rest_limit_bytes, data_limit_bytes)?;
        let length = data.map(|mut data| io::copy(data.reread().expect("there"), &mut io::sink()).expect("readable"));
        Ok((serde_json::from_slice(&rest).expect("JSON"), length))
    }

    #[test]
    fn the_data_is_taken_out_and_nothing_else() {
        let data = BASE64_STANDARD.encode([7; 100_000]);
        let text = json!({
            "session": "main", "chatId": "1@c.us", "caption": "a \"quoted\" \u{1f600} line\n", "data": "mine",
            "file": { "mimetype": "image/png", "data": data, "filename": "a.png", "deep": { "data": "too" } },
            "numbers": [1, 2.5, -3e10, true, null],
        });
        let (rest, length) = split_text(&text.to_string(), 1024, 200_000).expect("it is right");
        let mut expected = text;
        expected["file"].as_object_mut().expect("an object").remove("data");
        assert_eq!((rest, length), (expected, Some(100_000)));
    }

    #[test]
    fn a_body_without_data_stays_as_it_is() {
        for text in
            [json!({}), json!({ "file": { "url": "https://example.org/a" } }), json!({ "file": "text", "data": "x" })]
        {
            let (rest, length) = split_text(&text.to_string(), 1024, 10).expect("it is right");
            assert_eq!((rest, length), (text, None));
        }
    }

    #[test]
    fn what_is_wrong_is_told_apart() {
        let long = format!(r#"{{"{}":1}}"#, "x".repeat(1 << 20));
        let big = format!(r#"{{"file":{{"data":"{}"}}}}"#, "A".repeat(400_000));
        for (text, expected) in [
            ("", "Syntax"),
            ("[]", "Syntax"),
            ("null", "Syntax"),
            ("{} {}", "Syntax"),
            (r#"{"file":{"data":"AAAA""#, "Syntax"),
            (r#"{"file":{"data":"not base64!"}}"#, "InvalidData"),
            (r#"{"file":{"data":"AAAA"#, "InvalidData"),
            (long.as_str(), "TooLong"),
            (big.as_str(), "File(TooLarge"),
        ] {
            let shown = format!("{:?}", split_text(text, 1024, 100_000).expect_err("it is wrong"));
            assert!(shown.starts_with(expected), "{}: {shown}", text.chars().take(40).collect::<String>());
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in r#"[\[\]{}":,a-f0-9 \\]{0,60}|\{"file":\{"data":".{0,20}"?\}?\}?"#) {
            let _ = split_text(&text, 1024, 1024);
        }
    }
}
