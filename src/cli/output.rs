//! Writing for people and programs.

use std::io::{self, Write};

use super::error::CliError;

/// A line on stdout.
pub(super) fn say(line: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{line}")?;
    stdout.flush()
}

/// An error on stderr. Whoever closed our stdout (`| head`) heard enough: that is none.
pub(super) fn complain(error: &CliError) {
    if error.exit_code() != 0 {
        // There is nobody left to tell that stderr is closed.
        let _ = writeln!(io::stderr().lock(), "drover: {error}");
    }
}

/// Rows below their headings, each column as wide as its widest cell.
pub(super) fn table<const N: usize>(headings: [&str; N], rows: &[[String; N]]) -> Vec<String> {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([headings[column].chars().count()]).max().unwrap_or_default()
    };
    let widths: [usize; N] = std::array::from_fn(width);
    let line = |cells: &[String; N]| {
        let padded = cells.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let headings = headings.map(str::to_owned);
    std::iter::once(&headings).chain(rows).map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [["main".to_owned(), "WORKING".to_owned()], ["ñandú-2".to_owned(), String::new()]];
        assert_eq!(table(["NAME", "STATUS"], &rows), ["NAME     STATUS", "main     WORKING", "ñandú-2"]);
        assert_eq!(table(["NAME"], &[]), ["NAME"]);
    }
}
