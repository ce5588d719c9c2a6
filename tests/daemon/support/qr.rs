//! Reading QR codes as a phone's camera does: from a PNG, and from a terminal.

use image::{GrayImage, Luma};

/// What the QR in a PNG says.
#[track_caller]
pub fn decode_png(png: &[u8]) -> String {
    let picture = image::load_from_memory_with_format(png, image::ImageFormat::Png).expect("a PNG").to_luma8();
    decode(&picture).expect("a readable QR in the picture")
}

/// The same, None when there is none.
pub fn try_decode_png(png: &[u8]) -> Option<String> {
    let picture = image::load_from_memory_with_format(png, image::ImageFormat::Png).expect("a PNG").to_luma8();
    decode(&picture)
}

/// What the last QR that a terminal was given says, drawn with half blocks; None when none is readable (yet). Both ways of
/// drawing are taken: a full block for a dark module, or for a light one on a dark terminal.
pub fn decode_terminal(output: &str) -> Option<String> {
    let plain = without_escapes(output);
    let lines: Vec<&str> = plain.lines().collect();
    let is_drawn = |line: &&str| line.chars().count() >= 20 && line.chars().all(|c| matches!(c, '█' | '▀' | '▄' | ' '));
    let end = lines.iter().rposition(|line| is_drawn(line) && line.chars().any(|c| c != ' '))? + 1;
    let begin = end - lines[..end].iter().rev().take_while(|line| is_drawn(line)).count();
    let blocks = &lines[begin..end];
    [false, true].into_iter().find_map(|full_is_dark| decode(&photograph(blocks, full_is_dark)))
}

fn decode(picture: &GrayImage) -> Option<String> {
    let mut prepared = rqrr::PreparedImage::prepare(picture.clone());
    prepared.detect_grids().iter().find_map(|grid| grid.decode().ok()).map(|(_, text)| text)
}

/// The picture of a terminal: two modules a character, one above the other, each some pixels wide, with a quiet zone around.
fn photograph(lines: &[&str], full_is_dark: bool) -> GrayImage {
    const PIXELS: u32 = 6;
    const QUIET: u32 = 4;
    let width = lines.iter().map(|line| line.chars().count()).max().unwrap_or_default() as u32;
    let height = lines.len() as u32 * 2;
    let mut is_full = vec![vec![false; width as usize]; height as usize];
    for (row, line) in lines.iter().enumerate() {
        for (column, character) in line.chars().enumerate() {
            is_full[row * 2][column] = matches!(character, '█' | '▀');
            is_full[row * 2 + 1][column] = matches!(character, '█' | '▄');
        }
    }
    GrayImage::from_fn((width + 2 * QUIET) * PIXELS, (height + 2 * QUIET) * PIXELS, |x, y| {
        let (column, row) = ((x / PIXELS).checked_sub(QUIET), (y / PIXELS).checked_sub(QUIET));
        let module = row.zip(column).and_then(|(row, column)| is_full.get(row as usize)?.get(column as usize).copied());
        let is_dark = module.is_some_and(|full| full == full_is_dark);
        Luma([if is_dark { 0 } else { 255 }])
    })
}

/// Without control sequences (ECMA-48: ESC [ ... final byte).
fn without_escapes(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '\u{1b}' => {
                if characters.next() == Some('[') {
                    characters.by_ref().find(|c| ('@'..='~').contains(c));
                }
            }
            '\r' => {}
            other => plain.push(other),
        }
    }
    plain
}
