//! What a file is: its first bytes held against what was declared and what it is to be sent as.
//!
//! The signatures are `infer`'s. A type is compared by family, since one format has many names, and one container holds many.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use super::Kind;

/// How many of the first bytes tell what a file is: `infer` looks at no more.
pub(super) const HEAD_BYTES: usize = 8192;

const UNKNOWN: &str = "application/octet-stream";
const OPUS: &str = "audio/ogg; codecs=opus";

/// What is known of a file's type.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Claims<'c> {
    /// What whoever sends it says; it must be true.
    pub(super) declared: Option<&'c str>,
    /// What the server said that it came from; servers are often wrong, so it is the last thing believed.
    pub(super) served: Option<&'c str>,
    /// Its name.
    pub(super) file_name: Option<&'c str>,
}

/// A file that is not what it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mismatch {
    /// What it should be.
    pub(super) expected: String,
    /// What its first bytes say.
    pub(super) found: String,
}

/// Formats that are told by their first bytes, whatever their name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    Text,
    Zip,
    Ole,
    IsoMedia,
    Matroska,
    Ogg,
    Named(&'static str),
}

/// The type that a file is sent with.
///
/// # Errors
/// When its first bytes contradict what was declared, or what it is to be sent as.
pub(super) fn decide(kind: Kind, claims: Claims<'_>, head: &[u8]) -> Result<String, Mismatch> {
    let sniffed = sniff(head);
    let declared = claims.declared.map(essence).filter(|mime| !is_generic(mime));
    let found = || sniffed.unwrap_or("of no type that is known").to_owned();
    if let Some(declared) = &declared
        && contradicts(declared, sniffed, head)
    {
        return Err(Mismatch { expected: declared.clone(), found: found() });
    }
    let decided = match kind {
        Kind::Image | Kind::Sticker => sniffed.filter(|mime| is_picture(mime)).map(str::to_owned),
        Kind::Video => sniffed.filter(|mime| mime.starts_with("video/")).map(|sniffed| {
            // A container has one signature and several names.
            declared.filter(|mime| mime.starts_with("video/")).unwrap_or_else(|| sniffed.to_owned())
        }),
        Kind::Audio => sniffed.and_then(|sniffed| sound(sniffed, declared.as_deref())),
        // What the phones' own recorder makes. They show another format as a voice message that does not play.
        Kind::Voice => is_opus(head).then(|| OPUS.to_owned()),
        Kind::Document => Some(declared.unwrap_or_else(|| guess(claims, sniffed))),
    };
    decided.ok_or_else(|| Mismatch { expected: expectation(kind).to_owned(), found: found() })
}

/// The first bytes of a file. Blocks.
pub(super) fn read_head(path: &Path) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    File::open(path)?.take(HEAD_BYTES as u64).read_to_end(&mut head)?;
    Ok(head)
}

/// The type by the first bytes alone.
pub(super) fn sniff(head: &[u8]) -> Option<&'static str> {
    let known = infer::get(head).map(|found| found.mime_type());
    // infer knows the usual brands of ISO media files only (ISO/IEC 14496-12, section 4.3; 3GPP TS 26.244, section 5.3).
    let brand = head.get(4..12).filter(|bytes| bytes.starts_with(b"ftyp")).map(|bytes| &bytes[4..]);
    known.or_else(|| brand.map(|brand| if brand.starts_with(b"3g") { "video/3gpp" } else { "video/mp4" }))
}

fn expectation(kind: Kind) -> &'static str {
    match kind {
        Kind::Image | Kind::Sticker => "a picture (JPEG, PNG, WebP, GIF, BMP or AVIF)",
        Kind::Video => "a video",
        Kind::Audio => "a recording",
        Kind::Voice => {
            "a voice message: OGG with Opus (drover converts nothing; sendAudio and sendFile take other formats)"
        }
        Kind::Document => "a file",
    }
}

/// What Chromium can draw.
fn is_picture(mime: &str) -> bool {
    matches!(mime, "image/jpeg" | "image/png" | "image/webp" | "image/gif" | "image/bmp" | "image/avif")
}

/// An Ogg stream whose first page names Opus (RFC 7845, section 5.1).
fn is_opus(head: &[u8]) -> bool {
    head.starts_with(b"OggS") && head.windows(8).take(1024).any(|window| window == b"OpusHead")
}

fn sound(sniffed: &str, declared: Option<&str>) -> Option<String> {
    let own = match sniffed {
        "audio/opus" => OPUS,
        "audio/m4a" | "video/mp4" | "video/x-m4v" | "video/3gpp" => "audio/mp4",
        "video/webm" | "video/x-matroska" => "audio/webm",
        other if other.starts_with("audio/") => other,
        _ => return None,
    };
    let declared = declared.filter(|mime| mime.starts_with("audio/") && own != OPUS);
    Some(declared.unwrap_or(own).to_owned())
}

/// A document's type where nobody declared one.
fn guess(claims: Claims<'_>, sniffed: Option<&'static str>) -> String {
    let by_name = || {
        let name = claims.file_name?;
        mime_guess::from_path(name).first_raw().map(str::to_owned)
    };
    let served = || claims.served.map(essence).filter(|mime| !is_generic(mime));
    match sniffed {
        // What is in such a container is told by the name only.
        Some(container @ ("application/zip" | "application/x-ole-storage" | "text/xml" | "text/html")) => {
            by_name().or_else(served).unwrap_or_else(|| container.to_owned())
        }
        Some(sniffed) => sniffed.to_owned(),
        None => by_name().or_else(served).unwrap_or_else(|| UNKNOWN.to_owned()),
    }
}

fn contradicts(declared: &str, sniffed: Option<&str>, head: &[u8]) -> bool {
    let claimed = family(declared);
    match sniffed {
        // A text may begin like anything.
        _ if claimed == Some(Family::Text) => !is_text(head),
        None => {
            let signed = ["jpeg", "png", "gif", "webp", "pdf"].map(|name| Some(Family::Named(name)));
            signed.contains(&claimed) || matches!(claimed, Some(Family::IsoMedia | Family::Matroska | Family::Ogg))
        }
        Some(sniffed) => match family(sniffed) {
            // Many formats are one of these within, and a name for them is nobody's list.
            Some(Family::Zip | Family::Ole) => !declared.starts_with("application/"),
            known @ Some(_) => claimed != known && !(known == Some(Family::Text) && claimed.is_none()),
            None => declared != sniffed && claimed.is_some(),
        },
    }
}

/// Text in UTF-8, or in an encoding that has no byte 0.
fn is_text(head: &[u8]) -> bool {
    head.starts_with(&[0xff, 0xfe]) || head.starts_with(&[0xfe, 0xff]) || !head.contains(&0)
}

fn family(mime: &str) -> Option<Family> {
    let named = |name| Some(Family::Named(name));
    match mime {
        "image/jpeg" | "image/jpg" | "image/pjpeg" => named("jpeg"),
        "image/png" | "image/x-png" => named("png"),
        "image/gif" => named("gif"),
        "image/webp" => named("webp"),
        "image/bmp" | "image/x-ms-bmp" | "image/x-bmp" => named("bmp"),
        "image/avif" | "image/heif" | "image/heic" => named("heif"),
        "application/pdf" | "application/x-pdf" => named("pdf"),
        "audio/mpeg" | "audio/mp3" | "audio/mpeg3" | "audio/x-mpeg" => named("mp3"),
        "audio/aac" | "audio/aacp" | "audio/x-aac" => named("aac"),
        "audio/amr" => named("amr"),
        "audio/x-flac" | "audio/flac" => named("flac"),
        "audio/x-wav" | "audio/wav" | "audio/wave" | "audio/vnd.wave" => named("wav"),
        "audio/ogg" | "audio/opus" | "video/ogg" | "application/ogg" => Some(Family::Ogg),
        "video/webm" | "audio/webm" | "video/x-matroska" | "audio/x-matroska" => Some(Family::Matroska),
        "audio/m4a" | "audio/x-m4a" | "audio/mp4" | "video/mp4" | "video/x-m4v" | "video/quicktime" | "video/3gpp"
        | "audio/3gpp" => Some(Family::IsoMedia),
        "application/gzip" | "application/x-gzip" => named("gzip"),
        "application/vnd.rar" | "application/x-rar-compressed" | "application/x-rar" => named("rar"),
        "application/zip" | "application/x-zip-compressed" | "application/java-archive" => Some(Family::Zip),
        "application/msword" | "application/x-ole-storage" => Some(Family::Ole),
        "application/json" | "application/xml" | "application/javascript" | "application/yaml" | "image/svg+xml" => {
            Some(Family::Text)
        }
        _ if mime.starts_with("text/") && mime != "text/rtf" => Some(Family::Text),
        _ if mime.ends_with("+xml") || mime.ends_with("+json") => Some(Family::Text),
        _ if mime.ends_with("+zip") || mime.contains("openxmlformats") || mime.contains("opendocument") => {
            Some(Family::Zip)
        }
        _ if mime.starts_with("application/vnd.ms-") => Some(Family::Ole),
        _ => None,
    }
}

/// A type without its parameters, in lower case.
fn essence(mime: &str) -> String {
    mime.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

fn is_generic(mime: &str) -> bool {
    matches!(
        mime,
        "" | "*/*" | UNKNOWN | "binary/octet-stream" | "application/x-download" | "application/force-download"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";
    const JPEG: &[u8] = b"\xff\xd8\xff\xe0\0\x10JFIF\0";
    const WEBP: &[u8] = b"RIFF\x24\0\0\0WEBPVP8 ";
    const MP4: &[u8] = b"\0\0\0\x20ftypisom\0\0\x02\0";
    const THREE_GP: &[u8] = b"\0\0\0\x18ftyp3gp5\0\0\0\0";
    const M4A: &[u8] = b"\0\0\0\x20ftypM4A \0\0\0\0";
    const OGG: &[u8] = b"OggS\0\x02\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\x13OpusHead\x01";
    const VORBIS: &[u8] = b"OggS\0\x02\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\x1e\x01vorbis\0\0\0\0";
    const MP3: &[u8] = b"ID3\x04\0\0\0\0\0\0";
    const PDF: &[u8] = b"%PDF-1.7\n";
    const ZIP: &[u8] = b"PK\x03\x04\x14\0\0\0\x08\0";
    const HTML: &[u8] = b"<!DOCTYPE html><html><body>Sign in</body></html>";

    fn of(kind: Kind, declared: &str, head: &[u8]) -> Result<String, String> {
        let claims = Claims { declared: Some(declared).filter(|mime| !mime.is_empty()), ..Claims::default() };
        decide(kind, claims, head).map_err(|mismatch| mismatch.found)
    }

    #[test]
    fn what_fits_is_taken_with_the_right_name() {
        for (kind, declared, head, mime) in [
            (Kind::Image, "", PNG, "image/png"),
            (Kind::Image, "image/jpg", JPEG, "image/jpeg"),
            (Kind::Image, "application/octet-stream", JPEG, "image/jpeg"),
            (Kind::Sticker, "image/webp", WEBP, "image/webp"),
            (Kind::Video, "", MP4, "video/mp4"),
            (Kind::Video, "video/quicktime", MP4, "video/quicktime"),
            (Kind::Video, "", THREE_GP, "video/3gpp"),
            (Kind::Audio, "", M4A, "audio/mp4"),
            (Kind::Audio, "audio/mp4", MP4, "audio/mp4"),
            (Kind::Audio, "audio/mp3", MP3, "audio/mp3"),
            (Kind::Voice, "audio/ogg; codecs=opus", OGG, "audio/ogg; codecs=opus"),
            (Kind::Document, "application/pdf", PDF, "application/pdf"),
            (Kind::Document, "", PDF, "application/pdf"),
            (Kind::Document, "text/csv", b"BM;name\n1;2\n", "text/csv"),
            (Kind::Document, "", b"just some words", "application/octet-stream"),
            (Kind::Document, "application/vnd.android.package-archive", ZIP, "application/vnd.android.package-archive"),
            (Kind::Document, "application/x-of-our-own", b"\x01\x02\x03", "application/x-of-our-own"),
        ] {
            assert_eq!(of(kind, declared, head).as_deref(), Ok(mime), "{kind:?} {declared}");
        }
    }

    #[test]
    fn what_contradicts_is_refused() {
        for (kind, declared, head, found) in [
            (Kind::Image, "", PDF, "application/pdf"),
            (Kind::Image, "image/png", JPEG, "image/jpeg"),
            (Kind::Image, "", HTML, "text/html"),
            (Kind::Image, "image/png", b"not a picture", "of no type that is known"),
            (Kind::Video, "", PNG, "image/png"),
            (Kind::Video, "video/mp4", HTML, "text/html"),
            (Kind::Audio, "", PNG, "image/png"),
            (Kind::Voice, "", MP3, "audio/mpeg"),
            (Kind::Voice, "audio/mp4", M4A, "audio/m4a"),
            (Kind::Voice, "", VORBIS, "audio/ogg"),
            (Kind::Document, "application/pdf", HTML, "text/html"),
            (Kind::Document, "application/pdf", b"hello", "of no type that is known"),
            (Kind::Document, "image/png", ZIP, "application/zip"),
            (Kind::Document, "text/plain", PNG, "image/png"),
        ] {
            assert_eq!(of(kind, declared, head), Err(found.to_owned()), "{kind:?} {declared}");
        }
    }

    #[test]
    fn a_document_without_a_type_gets_the_one_of_its_name() {
        let claims = |name, served| Claims {
            declared: None,
            served: Some(served).filter(|mime: &&str| !mime.is_empty()),
            file_name: Some(name),
        };
        for (name, served, head, mime) in [
            ("prices.xlsx", "", ZIP, "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
            ("table.csv", "text/plain", b"a,b".as_slice(), "text/csv"),
            ("table", "text/csv; charset=utf-8", b"a,b", "text/csv"),
            ("photo.pdf", "", PNG, "image/png"),
            ("what", "application/octet-stream", b"?", "application/octet-stream"),
        ] {
            assert_eq!(decide(Kind::Document, claims(name, served), head).as_deref(), Ok(mime), "{name}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_and_no_claims_panic(
            head in proptest::collection::vec(any::<u8>(), 0..600),
            declared in proptest::option::of("[ -~]{0,40}"),
            kind in proptest::sample::select(Kind::ALL.to_vec()),
        ) {
            let claims = Claims { declared: declared.as_deref(), ..Claims::default() };
            if let Ok(mime) = decide(kind, claims, &head) {
                prop_assert!(!mime.is_empty());
                prop_assert!(kind != Kind::Image || is_picture(&mime));
                prop_assert!(kind != Kind::Video || mime.starts_with("video/"));
                prop_assert!(kind != Kind::Audio || mime.starts_with("audio/"));
            }
        }
    }
}
