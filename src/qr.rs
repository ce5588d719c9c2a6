//! Draws QR codes, as PNG and for terminals. What is drawn is a secret for as long as it lives: whoever scans it holds the
//! account, so a drawing is shown to whoever asked and never logged.
//!
//! Both drawings keep the quiet zone of four modules that ISO/IEC 18004 demands. Error correction is at its lowest level,
//! which makes the modules largest: a screen has no scratches.

use image::{ExtendedColorType, ImageEncoder, codecs::png::PngEncoder};
use qrcode::{Color, EcLevel, QrCode};

/// The modules left empty around a code.
const QUIET_MODULES: usize = 4;
/// The side of a module in the PNG, in pixels.
const MODULE_PX: usize = 8;
/// Black on white, whatever the terminal's own colours are (xterm's 256 colours 16 and 231).
const BLACK_ON_WHITE: &str = "\x1b[38;5;16;48;5;231m";
/// Back to the terminal's own colours.
const RESET: &str = "\x1b[0m";

/// The payload does not fit into any QR code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a text of {bytes} bytes does not fit into a QR code")]
pub struct TooLong {
    bytes: usize,
}

/// How a terminal shows light and dark modules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ink {
    /// Colours of its own: right on every terminal.
    Coloured,
    /// No colours, on a dark background: the light modules are drawn.
    PlainOnDark,
    /// No colours, on a light background: the dark modules are drawn.
    PlainOnLight,
}

/// A code, with its quiet zone.
#[derive(Clone, PartialEq, Eq)]
pub struct Code {
    side: usize,
    dark: Vec<bool>,
}

impl Code {
    /// The code of a payload.
    ///
    /// # Errors
    /// When the payload has more than some 2,900 bytes.
    pub fn of(payload: &str) -> Result<Self, TooLong> {
        let code =
            QrCode::with_error_correction_level(payload, EcLevel::L).map_err(|_| TooLong { bytes: payload.len() })?;
        let inner = code.width();
        let side = inner + 2 * QUIET_MODULES;
        let mut dark = vec![false; side * side];
        for (index, colour) in code.to_colors().into_iter().enumerate() {
            let (row, column) = (index / inner + QUIET_MODULES, index % inner + QUIET_MODULES);
            dark[row * side + column] = colour == Color::Dark;
        }
        Ok(Self { side, dark })
    }

    /// The code as PNG, grey, eight pixels a module.
    #[must_use]
    pub fn png(&self) -> Vec<u8> {
        let side_px = self.side * MODULE_PX;
        let pixels: Vec<u8> = (0..side_px * side_px)
            .map(|index| {
                let (row, column) = (index / side_px / MODULE_PX, index % side_px / MODULE_PX);
                if self.is_dark(row, column) { 0 } else { u8::MAX }
            })
            .collect();
        let side_px = u32::try_from(side_px).expect("the largest code has 177 modules a side");
        let mut png = Vec::new();
        PngEncoder::new(&mut png)
            .write_image(&pixels, side_px, side_px, ExtendedColorType::L8)
            .expect("the pixels fill the picture, and a vector takes whatever is written");
        png
    }

    /// The code as SVG, one unit a module: a piece of a path for each run of dark ones.
    #[must_use]
    pub fn svg(&self) -> String {
        let side = self.side;
        let mut path = String::new();
        for row in 0..side {
            let mut column = 0;
            while column < side {
                let run = (column..side).take_while(|column| self.is_dark(row, *column)).count();
                if run > 0 {
                    path.push_str(&format!("M{column} {row}h{run}v1h-{run}z"));
                }
                column += run + 1;
            }
        }
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {side} {side}\" shape-rendering=\"crispEdges\">\
             <path fill=\"#fff\" d=\"M0 0h{side}v{side}H0z\"/><path d=\"{path}\"/></svg>"
        )
    }

    /// The code as lines of a terminal, two rows of modules a line.
    #[must_use]
    pub fn lines(&self, ink: Ink) -> Vec<String> {
        let draws = |row, column| self.is_dark(row, column) != (ink == Ink::PlainOnDark);
        (0..self.rows())
            .map(|line| {
                let blocks: String = (0..self.side)
                    .map(|column| match (draws(2 * line, column), draws(2 * line + 1, column)) {
                        (true, true) => '█',
                        (true, false) => '▀',
                        (false, true) => '▄',
                        (false, false) => ' ',
                    })
                    .collect();
                if ink == Ink::Coloured { format!("{BLACK_ON_WHITE}{blocks}{RESET}") } else { blocks }
            })
            .collect()
    }

    /// How many columns of a terminal it takes.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.side
    }

    /// How many lines of a terminal it takes.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.side.div_ceil(2)
    }

    /// What is outside is light: the last line of a terminal may have one row of modules only.
    fn is_dark(&self, row: usize, column: usize) -> bool {
        row < self.side && self.dark[row * self.side + column]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Of the length and shape that WhatsApp Web shows.
    fn payload() -> String {
        let key = "q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA=";
        format!("2@{}==,{key},{key},{key},1", "Ab3xY9".repeat(12))
    }

    fn decode(side_px: usize, pixel: impl FnMut(usize, usize) -> u8) -> String {
        let mut image = rqrr::PreparedImage::prepare_from_greyscale(side_px, side_px, pixel);
        let grids = image.detect_grids();
        assert_eq!(grids.len(), 1, "one code is to be found");
        grids[0].decode().expect("a code that can be read").1
    }

    fn decode_png(png: &[u8]) -> String {
        let image = image::load_from_memory(png).expect("a picture").to_luma8();
        let side_px = image.width() as usize;
        decode(side_px, |x, y| image.as_raw()[y * side_px + x])
    }

    /// What an eye sees: `light` is what the terminal shows where nothing is drawn.
    fn decode_lines(lines: &[String], light: u8, drawn: u8) -> String {
        const SCALE: usize = 4;
        let rows: Vec<Vec<char>> = lines.iter().map(|line| line.chars().collect()).collect();
        let side_px = rows[0].len().max(rows.len() * 2) * SCALE;
        decode(side_px, |x, y| {
            let (column, row) = (x / SCALE, y / SCALE);
            let block = rows.get(row / 2).and_then(|row| row.get(column)).copied().unwrap_or(' ');
            let is_drawn = matches!((block, row % 2), ('█', _) | ('▀', 0) | ('▄', 1));
            if is_drawn { drawn } else { light }
        })
    }

    #[test]
    fn the_png_can_be_scanned() {
        let png = Code::of(&payload()).expect("it fits").png();
        assert_eq!(decode_png(&png), payload());
    }

    #[test]
    fn the_svg_fills_the_same_modules() {
        let code = Code::of(&payload()).expect("it fits");
        let svg = code.svg();
        let path = svg.split("<path d=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a path");
        let mut dark = vec![false; code.side * code.side];
        for run in path.split('M').skip(1) {
            let numbers: Vec<usize> =
                run.split([' ', 'h', 'v']).take(3).map(|number| number.parse().expect("a number")).collect();
            let [column, row, length] = numbers[..] else { panic!("{run}") };
            dark[row * code.side + column..][..length].fill(true);
        }
        assert!(dark == code.dark);
    }

    #[test]
    fn the_quiet_zone_has_four_modules() {
        let code = Code::of(&payload()).expect("it fits");
        for edge in 0..QUIET_MODULES {
            for along in 0..code.side {
                let far = code.side - 1 - edge;
                assert!(!code.is_dark(edge, along) && !code.is_dark(far, along));
                assert!(!code.is_dark(along, edge) && !code.is_dark(along, far));
            }
        }
        assert!(code.is_dark(QUIET_MODULES, QUIET_MODULES), "the code begins right behind it");
    }

    #[test]
    fn the_terminals_drawing_can_be_scanned_on_dark_and_light() {
        let code = Code::of(&payload()).expect("it fits");
        let coloured = code.lines(Ink::Coloured);
        let blocks: Vec<String> = coloured
            .iter()
            .map(|line| {
                let line = line.strip_prefix(BLACK_ON_WHITE).expect("each line sets its colours");
                line.strip_suffix(RESET).expect("each line resets them").to_owned()
            })
            .collect();
        assert_eq!(decode_lines(&blocks, u8::MAX, 0), payload());
        assert_eq!(decode_lines(&code.lines(Ink::PlainOnLight), u8::MAX, 0), payload());
        assert_eq!(decode_lines(&code.lines(Ink::PlainOnDark), 0, u8::MAX), payload());
    }

    #[test]
    fn the_drawing_has_the_size_it_says() {
        let code = Code::of(&payload()).expect("it fits");
        for ink in [Ink::PlainOnDark, Ink::PlainOnLight] {
            let lines = code.lines(ink);
            assert_eq!(lines.len(), code.rows());
            assert!(lines.iter().all(|line| line.chars().count() == code.columns()));
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        assert_eq!(Code::of(&"x".repeat(4000)).err(), Some(TooLong { bytes: 4000 }));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn whatever_is_drawn_is_what_is_scanned(text in "[A-Za-z0-9@,+/=:#.]{1,300}") {
            let code = Code::of(&text).expect("it fits");
            prop_assert_eq!(decode_png(&code.png()), text.clone());
            prop_assert_eq!(decode_lines(&code.lines(Ink::PlainOnLight), u8::MAX, 0), text);
        }
    }
}
