//! Where a link is shown. A terminal gets a screen of its own, drawn anew on every change and given back at the end, whatever
//! ends it; so no code stays in the scrollback. Anything else gets each code once, and lines.

use std::io::{self, IsTerminal, Write};

use super::progress::Frame;
use crate::qr::Ink;

/// Enters the alternate screen and hides the cursor (xterm's 1049 and 25).
const ENTER: &str = "\x1b[?1049h\x1b[?25l";
/// Shows the cursor and goes back to the screen of before.
const LEAVE: &str = "\x1b[?25h\x1b[?1049l";
/// To the upper left corner.
const HOME: &str = "\x1b[H";
/// Clears to the end of the line.
const CLEAR_LINE: &str = "\x1b[K";
/// Clears to the end of the screen.
const CLEAR_REST: &str = "\x1b[J";

/// Where a link is shown.
pub(super) struct Screen {
    ink: Ink,
    is_terminal: bool,
    /// The key of what was shown last.
    shown: Option<String>,
}

impl Screen {
    /// Takes the terminal, if there is one.
    pub(super) fn open(is_light: bool) -> io::Result<Self> {
        let is_terminal = io::stdout().is_terminal();
        let no_colour = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let ink = match (is_terminal && !no_colour, is_light) {
            (true, _) => Ink::Coloured,
            (false, true) => Ink::PlainOnLight,
            (false, false) => Ink::PlainOnDark,
        };
        let mut screen = Self { ink, is_terminal, shown: None };
        if screen.is_terminal {
            screen.write(ENTER)?;
        }
        Ok(screen)
    }

    /// Shows a frame.
    pub(super) fn show(&mut self, frame: &Frame) -> io::Result<()> {
        if self.is_terminal {
            let size = terminal_size::terminal_size().map(|(width, height)| (width.0.into(), height.0.into()));
            let lines = fitting(frame, self.ink, size);
            let text = lines.iter().map(|line| format!("{line}{CLEAR_LINE}")).collect::<Vec<_>>().join("\r\n");
            self.write(&format!("{HOME}{text}{CLEAR_REST}"))?;
        } else if self.shown.as_ref() != Some(&frame.key) {
            let drawing = frame.drawing.iter().flat_map(|code| code.lines(self.ink));
            let text: String = drawing.chain(frame.lines.iter().cloned()).map(|line| format!("{line}\n")).collect();
            self.write(&text)?;
        }
        self.shown = Some(frame.key.clone());
        Ok(())
    }

    /// Gives the terminal back.
    pub(super) fn close(mut self) -> io::Result<()> {
        self.leave()
    }

    fn leave(&mut self) -> io::Result<()> {
        if std::mem::take(&mut self.is_terminal) { self.write(LEAVE) } else { Ok(()) }
    }

    #[expect(clippy::unused_self, reason = "whoever writes must hold the screen")]
    fn write(&mut self, text: &str) -> io::Result<()> {
        let mut stdout = io::stdout().lock();
        stdout.write_all(text.as_bytes())?;
        stdout.flush()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // There is nobody left to tell that the terminal is gone.
        let _ = self.leave();
    }
}

/// The frame's lines, or what to do where they do not fit into `size` (columns and lines): half a code cannot be scanned.
fn fitting(frame: &Frame, ink: Ink, size: Option<(usize, usize)>) -> Vec<String> {
    let mut lines = Vec::new();
    let texts: Vec<_> = frame.lines.iter().chain(&frame.countdown).cloned().collect();
    if let Some(code) = &frame.drawing {
        let needed = (code.columns(), code.rows() + texts.len());
        match size {
            Some(size) if size.0 < needed.0 || size.1 < needed.1 => lines.push(format!(
                "The window is too small for the code: make it {}x{} at least (it is {}x{}), or the letters smaller.",
                needed.0, needed.1, size.0, size.1
            )),
            _ => lines.extend(code.lines(ink)),
        }
    }
    lines.extend(texts);
    match size {
        Some((columns, _)) => lines.into_iter().map(|line| cut(line, columns)).collect(),
        None => lines,
    }
}

/// A line that is longer than the window would wrap and push the code away. One with colours holds blocks alone, and fits.
fn cut(line: String, columns: usize) -> String {
    if line.contains('\x1b') || line.chars().count() <= columns {
        return line;
    }
    line.chars().take(columns.saturating_sub(1)).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::qr::Code;

    fn frame() -> Frame {
        Frame {
            key: "qr 1".to_owned(),
            drawing: Some(Code::of("2@ref,a,b,c,1").expect("it fits")),
            lines: vec!["scan this".to_owned()],
            countdown: Some("Valid for 20 s".to_owned()),
        }
    }

    #[test]
    fn a_frame_that_fits_is_drawn_whole() {
        let frame = frame();
        let code = frame.drawing.clone().expect("a code");
        let size = (code.columns(), code.rows() + 2);
        let lines = fitting(&frame, Ink::Coloured, Some(size));
        assert_eq!(lines.len(), size.1);
        assert_eq!(lines[..code.rows()], code.lines(Ink::Coloured));
        assert_eq!(lines, fitting(&frame, Ink::Coloured, None));
    }

    #[test]
    fn a_window_that_is_too_small_is_told_and_gets_no_half_code() {
        let frame = frame();
        let code = frame.drawing.clone().expect("a code");
        for size in [(code.columns() - 1, 100), (100, code.rows() + 1)] {
            let lines = fitting(&frame, Ink::Coloured, Some(size));
            assert_eq!(lines.len(), 3);
            assert!(lines[0].starts_with("The window is too"), "{}", lines[0]);
            assert!(lines.iter().all(|line| line.chars().count() <= size.0));
        }
    }
}
