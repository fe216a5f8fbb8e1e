//! Tables of untrusted text, at most as wide as the terminal. Pure.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::text::sanitize;

/// The number of blanks between two columns.
const COLUMN_GAP: usize = 2;
/// The width below which a column is not shrunk.
const MIN_COLUMN_WIDTH: usize = 6;

/// A text table with a header.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Table {
    header: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// Creates an empty table with these columns.
    pub(crate) fn new(header: &[&str]) -> Self {
        Self { header: header.iter().map(|name| (*name).to_owned()).collect(), rows: Vec::new() }
    }

    /// Adds a row; control characters in its cells are escaped.
    pub(crate) fn push(&mut self, row: Vec<String>) {
        self.rows.push(row.iter().map(|cell| sanitize(cell)).collect());
    }

    /// Returns the table as text. If a width is given, the widest columns are shrunk until it fits, as far as possible.
    pub(crate) fn render(&self, width: Option<usize>) -> String {
        let mut widths: Vec<usize> = (0..self.header.len()).map(|column| self.natural_width(column)).collect();
        if let Some(width) = width {
            shrink(&mut widths, width);
        }
        let lines = std::iter::once(&self.header).chain(&self.rows);
        lines.map(|row| line(row, &widths) + "\n").collect()
    }

    fn natural_width(&self, column: usize) -> usize {
        let cells = std::iter::once(&self.header).chain(&self.rows).filter_map(|row| row.get(column));
        cells.map(|cell| cell.width()).max().unwrap_or(0)
    }
}

fn shrink(widths: &mut [usize], width: usize) {
    let gaps = COLUMN_GAP * widths.len().saturating_sub(1);
    while widths.iter().sum::<usize>() + gaps > width {
        match widths.iter_mut().max() {
            Some(widest) if *widest > MIN_COLUMN_WIDTH => *widest -= 1,
            _ => return,
        }
    }
}

fn line(row: &[String], widths: &[usize]) -> String {
    let mut line = String::new();
    for (cell, width) in row.iter().zip(widths) {
        let cell = truncate(cell, *width);
        let pad = width - cell.width().min(*width) + COLUMN_GAP;
        line.push_str(&cell);
        line.push_str(&" ".repeat(pad));
    }
    line.trim_end().to_owned()
}

/// Truncates the text to at most `width` columns, with an ellipsis at the end.
fn truncate(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut used = 1;
    let kept = text.chars().take_while(|c| {
        used += c.width().unwrap_or(0);
        used <= width
    });
    kept.chain(['…']).collect()
}
