//! Tables of untrusted text, as wide as the terminal at most. Pure.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::text::neutralise;

/// Between two columns.
const GAP: usize = 2;
/// A column is not made narrower than this.
const NARROWEST: usize = 6;

/// A table with a header.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    header: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// An empty one with these columns.
    pub fn new(header: &[&str]) -> Self {
        Self { header: header.iter().map(|name| (*name).to_owned()).collect(), rows: Vec::new() }
    }

    /// Adds a row; every cell is neutralised.
    pub fn push(&mut self, row: Vec<String>) {
        self.rows.push(row.iter().map(|cell| neutralise(cell)).collect());
    }

    /// The table as text. With a width the widest columns give way until it fits, as far as they can.
    pub fn render(&self, width: Option<usize>) -> String {
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
    let gaps = GAP * widths.len().saturating_sub(1);
    while widths.iter().sum::<usize>() + gaps > width {
        match widths.iter_mut().max() {
            Some(widest) if *widest > NARROWEST => *widest -= 1,
            _ => return,
        }
    }
}

fn line(row: &[String], widths: &[usize]) -> String {
    let mut line = String::new();
    for (cell, width) in row.iter().zip(widths) {
        let cell = cut(cell, *width);
        let pad = width - cell.width().min(*width) + GAP;
        line.push_str(&cell);
        line.push_str(&" ".repeat(pad));
    }
    line.trim_end().to_owned()
}

/// The text in at most `width` columns, with an ellipsis where it was cut.
fn cut(text: &str, width: usize) -> String {
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
