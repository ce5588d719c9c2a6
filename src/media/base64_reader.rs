//! Base64 as people send it: with or without padding, in either alphabet, with line breaks, behind `data:...;base64,`.

use std::io::{self, BufRead, BufReader, Read};

use base64::{
    alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
    read::DecoderReader,
};

/// The longest head of a data URL.
const LONGEST_HEAD: usize = 512;

static LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// Decodes on the way. What is no base64 is an error of the kind `InvalidData`.
///
/// # Errors
/// When the text cannot be read.
pub(super) fn decoder(text: impl Read) -> io::Result<impl Read> {
    let mut text = BufReader::with_capacity(32 << 10, text);
    skip_data_head(&mut text)?;
    Ok(DecoderReader::new(Plain(text), &LENIENT))
}

/// `data:image/png;base64,` (RFC 2397) is what browsers give; the type in it is nothing that [`super::mime_type`] needs.
fn skip_data_head(text: &mut impl BufRead) -> io::Result<()> {
    let start = text.fill_buf()?;
    if !start.get(..5).is_some_and(|start| start.eq_ignore_ascii_case(b"data:")) {
        return Ok(());
    }
    let head = &start[..start.len().min(LONGEST_HEAD)];
    let comma = head.iter().position(|byte| *byte == b',');
    let comma = comma.filter(|comma| head[..*comma].to_ascii_lowercase().ends_with(b";base64"));
    let comma = comma.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "this data: URL is not base64"))?;
    text.consume(comma + 1);
    Ok(())
}

/// The text without blanks, in the standard alphabet.
struct Plain<R>(R);

impl<R: Read> Read for Plain<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = self.0.read(buffer)?;
            let mut kept = 0;
            for index in 0..read {
                let byte = match buffer[index] {
                    byte if byte.is_ascii_whitespace() => continue,
                    b'-' => b'+',
                    b'_' => b'/',
                    byte => byte,
                };
                buffer[kept] = byte;
                kept += 1;
            }
            if kept > 0 || read == 0 || buffer.is_empty() {
                return Ok(kept);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::{Engine, prelude::*};
    use proptest::prelude::*;

    fn decode(text: &str) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        decoder(text.as_bytes())?.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    #[test]
    fn every_usual_form_is_read() {
        for text in [
            "+/+/aGVsbG8=",
            "-_-_aGVsbG8=",
            "+/+/aGVsbG8",
            "+/+/\r\naGVs\n bG8=\n",
            "data:image/png;base64,+/+/aGVsbG8=",
            "DATA:text/plain;charset=utf-8;BASE64,+/+/aGVsbG8=",
        ] {
            assert_eq!(decode(text).expect(text), b"\xfb\xff\xbfhello", "{text}");
        }
        assert_eq!(decode("").expect("nothing"), b"");
    }

    #[test]
    fn what_is_no_base64_is_refused() {
        for text in ["not base64!", "aGVsbG8=aGVsbG8=", "a", "data:text/plain,hello", "data:", "aGVs\u{e9}"] {
            let error = decode(text).expect_err(text);
            assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn what_was_encoded_is_decoded(bytes in proptest::collection::vec(any::<u8>(), 0..5000), every in 1_usize..90) {
            for text in [BASE64_STANDARD.encode(&bytes), BASE64_URL_SAFE_NO_PAD.encode(&bytes)] {
                let lines: Vec<_> = text.as_bytes().chunks(every).map(String::from_utf8_lossy).collect();
                prop_assert_eq!(&decode(&lines.join("\r\n")).expect("base64"), &bytes);
            }
        }

        #[test]
        fn no_text_panics(text in ".*") {
            let _ = decode(&text);
        }
    }
}
