//! Tables of untrusted text, at most as wide as the terminal: columns are left out, the name is cut, and at last each row becomes
//! several lines. An id or a fingerprint is never cut. Pure.

use anstyle::{AnsiColor, Style};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::text::sanitize;

/// The number of blanks between two columns, and before the lines of a stacked row that follow its first.
const GAP: usize = 2;
/// The width to which a column is cut at most.
const MIN_CUT_WIDTH: usize = 16;

/// How a column gives way when the table is too wide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fit {
    Keep,
    Cut,
    Drop(u8),
}

/// A column of a table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Column {
    name: &'static str,
    fit: Fit,
    style: fn(&str) -> Style,
}

impl Column {
    /// Makes a column that is always whole.
    pub(crate) const fn keep(name: &'static str) -> Self {
        Self { name, fit: Fit::Keep, style: plain }
    }

    /// Makes a column whose cells may be cut.
    pub(crate) const fn cut(name: &'static str) -> Self {
        Self { name, fit: Fit::Cut, style: plain }
    }

    /// Makes a column that may be left out; the lowest rank is left out first.
    pub(crate) const fn drop(name: &'static str, rank: u8) -> Self {
        Self { name, fit: Fit::Drop(rank), style: plain }
    }

    /// Gives each cell a style by its text.
    pub(crate) const fn styled(self, style: fn(&str) -> Style) -> Self {
        Self { style, ..self }
    }
}

fn plain(_: &str) -> Style {
    Style::new()
}

/// Returns the style of an instance's state.
pub(crate) fn state_style(state: &str) -> Style {
    let color = match state {
        "running" => AnsiColor::Green,
        "pending" | "stopping" | "shutting-down" => AnsiColor::Yellow,
        "stopped" | "terminated" => AnsiColor::Red,
        _ => return Style::new(),
    };
    color.on_default()
}

/// The room for a table.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Layout {
    /// The width in columns; `None` for a file or a pipe.
    pub width: Option<usize>,
    /// Whether the cells have their colors.
    pub colored: bool,
}

/// A text table with a header.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<String>>,
    numbered: bool,
}

impl Table {
    /// Creates an empty table with these columns.
    pub(crate) fn new(columns: &[Column]) -> Self {
        Self { columns: columns.to_vec(), rows: Vec::new(), numbered: false }
    }

    /// Adds a row; control characters in its cells are escaped.
    pub(crate) fn push(&mut self, row: Vec<String>) {
        self.rows.push(row.iter().map(|cell| sanitize(cell)).collect());
    }

    /// Numbers the rows from 1, for a choice.
    #[must_use]
    pub(crate) fn numbered(self) -> Self {
        Self { numbered: true, ..self }
    }

    /// Returns the table as text.
    pub(crate) fn render(&self, layout: Layout) -> String {
        let mut shown: Vec<usize> = (0..self.columns.len()).collect();
        let mut widths: Vec<usize> = shown.iter().map(|column| self.natural_width(*column)).collect();
        let Some(width) = layout.width.map(|width| width.saturating_sub(self.prefix_width())) else {
            return self.lines(&shown, &widths, layout);
        };
        let total = |shown: &[usize], widths: &[usize]| {
            shown.iter().map(|column| widths[*column]).sum::<usize>() + GAP * shown.len().saturating_sub(1)
        };
        while total(&shown, &widths) > width {
            let Some(at) = self.next_to_drop(&shown) else { break };
            shown.remove(at);
        }
        let excess = total(&shown, &widths).saturating_sub(width);
        if let Some(cut) = shown.iter().find(|column| self.columns[**column].fit == Fit::Cut) {
            let shortest = MIN_CUT_WIDTH.min(widths[*cut]);
            widths[*cut] = widths[*cut].saturating_sub(excess).max(shortest);
        }
        if total(&shown, &widths) > width { self.stacked(width, layout) } else { self.lines(&shown, &widths, layout) }
    }

    fn natural_width(&self, column: usize) -> usize {
        let cells = self.rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.width());
        cells.chain([self.columns[column].name.width()]).max().unwrap_or(0)
    }

    fn next_to_drop(&self, shown: &[usize]) -> Option<usize> {
        // What is empty in each row is left out first.
        let rank = |column: usize| match self.columns[column].fit {
            Fit::Drop(rank) => Some((!self.is_empty(column), rank)),
            Fit::Keep | Fit::Cut => None,
        };
        let ranked = shown.iter().enumerate().filter_map(|(at, column)| Some((rank(*column)?, at)));
        ranked.min().map(|(_, at)| at)
    }

    fn is_empty(&self, column: usize) -> bool {
        self.rows.iter().all(|row| row.get(column).is_none_or(|cell| matches!(cell.as_str(), "" | "-")))
    }

    /// The width of the numbers, with the gap behind them.
    fn prefix_width(&self) -> usize {
        if self.numbered { self.rows.len().to_string().len() + GAP } else { 0 }
    }

    fn prefix(&self, number: Option<usize>) -> String {
        let number = number.map_or(String::new(), |number| number.to_string());
        let width = self.prefix_width();
        if width == 0 { String::new() } else { format!("{number:>0$}{1:GAP$}", width - GAP, "") }
    }

    fn lines(&self, shown: &[usize], widths: &[usize], layout: Layout) -> String {
        let header: Vec<String> = self.columns.iter().map(|column| column.name.to_owned()).collect();
        let line = |number: Option<usize>, row: &[String]| {
            let mut line = self.prefix(number);
            let mut pad = 0;
            for column in shown.iter().copied() {
                let cell = truncate(row.get(column).map_or("", String::as_str), widths[column]);
                line += &" ".repeat(pad);
                pad = widths[column] - cell.width().min(widths[column]) + GAP;
                line += &self.paint(column, &cell, layout.colored && number.is_some());
            }
            line.trim_end().to_owned() + "\n"
        };
        let rows = self.rows.iter().enumerate().map(|(at, row)| line(Some(at + 1), row));
        std::iter::once(line(None, &header)).chain(rows).collect()
    }

    /// Puts the name of each row on a line of its own, and the other cells below it.
    fn stacked(&self, width: usize, layout: Layout) -> String {
        let name = self.columns.iter().position(|column| column.fit == Fit::Cut).unwrap_or(0);
        let mut text = String::new();
        for (at, row) in self.rows.iter().enumerate() {
            let cell = |column: usize| row.get(column).map_or("", String::as_str);
            let width_of_name = if self.columns[name].fit == Fit::Cut { width } else { usize::MAX };
            let first = truncate(cell(name), width_of_name);
            text += &(self.prefix(Some(at + 1)) + &self.paint(name, &first, layout.colored));
            let mut used = width;
            for column in (0..self.columns.len()).filter(|column| *column != name && !matches!(cell(*column), "" | "-"))
            {
                let needed = cell(column).width() + GAP;
                if used + needed > width {
                    text += &format!("\n{}", self.prefix(None));
                    used = 0;
                }
                text += &format!("{:GAP$}{}", "", self.paint(column, cell(column), layout.colored));
                used += needed;
            }
            text.push('\n');
        }
        text
    }

    fn paint(&self, column: usize, cell: &str, colored: bool) -> String {
        let style = (self.columns[column].style)(cell);
        if colored { format!("{style}{cell}{style:#}") } else { cell.to_owned() }
    }
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

#[cfg(test)]
mod tests;
