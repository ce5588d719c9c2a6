//! Tables for people: aligned by what a terminal shows (a wide character takes two columns), cut to its width, and with a
//! tone for the column that says how something stands.

use std::io;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::{
    output::say,
    terminal::{self, Tone},
};

/// Between two columns.
const GAP: &str = "  ";
/// A column is not cut below this.
const NARROW: usize = 8;

/// The lines of a table as a program reads them, for tests.
#[cfg(test)]
pub(super) fn table<const N: usize>(headings: [&str; N], rows: &[[String; N]]) -> Vec<String> {
    Layout::of(headings, rows, None).lines(headings, rows, None)
}

/// Prints rows below their headings; the column `standing` has words whose tone is shown.
pub(super) fn print<const N: usize>(
    headings: [&str; N],
    rows: &[[String; N]],
    standing: Option<usize>,
) -> io::Result<()> {
    let layout = Layout::of(headings, rows, terminal::columns());
    let tones = terminal::takes_colours().then_some(standing);
    layout.lines(headings, rows, tones).iter().try_for_each(|line| say(line))
}

/// Prints names and what they are, one a line.
pub(super) fn print_facts(facts: &[(&str, String)]) -> io::Result<()> {
    let width = facts.iter().map(|(name, _)| name.width()).max().unwrap_or_default();
    facts.iter().filter(|(_, value)| !value.is_empty()).try_for_each(|(name, value)| {
        let name = format!("{name}{}", " ".repeat(width - name.width()));
        let value = Tone::of(value).map_or_else(|| value.clone(), |tone| tone.paint(value));
        say(&format!("{}{GAP}{value}", Tone::Heading.paint(&name)))
    })
}

/// How wide each column is.
struct Layout<const N: usize> {
    widths: [usize; N],
}

impl<const N: usize> Layout<N> {
    /// As wide as the cells, or as `columns` allow: then the widest column gives way first.
    fn of(headings: [&str; N], rows: &[[String; N]], columns: Option<usize>) -> Self {
        let mut widths: [usize; N] = std::array::from_fn(|column| {
            let cells = rows.iter().map(|row| row[column].width());
            cells.chain([headings[column].width()]).max().unwrap_or_default()
        });
        if let Some(columns) = columns {
            let gaps = GAP.len() * N.saturating_sub(1);
            while widths.iter().sum::<usize>() + gaps > columns {
                let Some(widest) = widths.iter_mut().max().filter(|width| **width > NARROW) else { break };
                *widest -= 1;
            }
        }
        Self { widths }
    }

    /// The lines; with `tones`, in colours.
    fn lines(&self, headings: [&str; N], rows: &[[String; N]], tones: Option<Option<usize>>) -> Vec<String> {
        let headings = headings.map(str::to_owned);
        let heading = self.line(&headings, &|_, cell| match tones {
            Some(_) => Tone::Heading.coloured(cell),
            None => cell.to_owned(),
        });
        let rows = rows.iter().map(|row| {
            self.line(row, &|column, cell| match tones.flatten().filter(|standing| *standing == column) {
                Some(_) => Tone::of(cell).map_or_else(|| cell.to_owned(), |tone| tone.coloured(cell)),
                None => cell.to_owned(),
            })
        });
        std::iter::once(heading).chain(rows).collect()
    }

    fn line(&self, cells: &[String; N], paint: &dyn Fn(usize, &str) -> String) -> String {
        let last = cells.iter().rposition(|cell| !cell.is_empty()).unwrap_or_default();
        let mut line = String::new();
        for (column, (cell, width)) in cells.iter().zip(self.widths).take(last + 1).enumerate() {
            let cell = cut(cell, width);
            let room = if column == last { 0 } else { width - cell.width() + GAP.len() };
            line.push_str(&paint(column, &cell));
            line.push_str(&" ".repeat(room));
        }
        line
    }
}

/// A cell that fits into so many columns, on one line.
fn cut(cell: &str, width: usize) -> String {
    let cell: String = cell.chars().map(|character| if character.is_control() { ' ' } else { character }).collect();
    if cell.width() <= width {
        return cell;
    }
    let mut short = String::new();
    let mut taken = 1;
    for character in cell.chars() {
        taken += character.width().unwrap_or(0);
        if taken > width {
            break;
        }
        short.push(character);
    }
    short.push('…');
    short
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn row<const N: usize>(cells: [&str; N]) -> [String; N] {
        cells.map(str::to_owned)
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [row(["main", "WORKING"]), row(["ñandú-2", ""])];
        assert_eq!(table(["NAME", "STATUS"], &rows), ["NAME     STATUS", "main     WORKING", "ñandú-2"]);
        assert_eq!(table(["NAME"], &[]), ["NAME"]);
    }

    #[test]
    fn a_wide_character_takes_two_columns() {
        let rows = [row(["日本", "x"]), row(["abc", "y"])];
        assert_eq!(table(["N", "V"], &rows), ["N     V", "日本  x", "abc   y"]);
    }

    #[test]
    fn the_widest_column_gives_way_where_the_terminal_is_narrow() {
        let rows = [row(["main", "the server said no, and said it at length"])];
        let layout = Layout::of(["NAME", "REASON"], &rows, Some(24));
        let lines = layout.lines(["NAME", "REASON"], &rows, None);
        assert_eq!(lines, ["NAME  REASON", "main  the server said n…"]);
    }

    #[test]
    fn only_the_column_that_says_how_it_stands_has_tones() {
        let rows = [row(["ok", "fail"])];
        let lines = Layout::of(["A", "B"], &rows, None).lines(["A", "B"], &rows, Some(Some(1)));
        assert_eq!(lines[1], "ok  \u{1b}[31mfail\u{1b}[0m");
        assert_eq!(lines[0], "\u{1b}[1mA\u{1b}[0m   \u{1b}[1mB\u{1b}[0m");
    }

    #[test]
    fn what_would_break_the_line_becomes_a_blank() {
        assert_eq!(cut("a\nb\x1b[31m", 20), "a b [31m");
    }

    proptest! {
        #[test]
        fn no_line_is_wider_than_the_terminal(cells in prop::collection::vec("\\PC{0,60}", 3), columns in 30_usize..200) {
            let rows = [[cells[0].clone(), cells[1].clone(), cells[2].clone()]];
            let layout = Layout::of(["A", "B", "C"], &rows, Some(columns));
            for line in layout.lines(["A", "B", "C"], &rows, None) {
                prop_assert!(line.width() <= columns, "{line:?}");
            }
        }
    }
}
