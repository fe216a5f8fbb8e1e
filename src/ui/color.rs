//! The colors of the labels, and whether a stream takes colors. NO_COLOR, CLICOLOR, CLICOLOR_FORCE and TERM=dumb are honored, as
//! <https://bixense.com/clicolors/> and <https://no-color.org> describe them.

use anstream::stream::RawStream;
use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};

/// Whether a stream takes colors.
pub(super) fn is_colored(stream: &impl RawStream) -> bool {
    AutoStream::choice(stream) != ColorChoice::Never
}

/// Returns the style of a label at the beginning of a line.
pub(super) fn style_of(label: &str) -> Style {
    match label {
        "Error:" => AnsiColor::Red.on_default().bold(),
        "Warning:" => AnsiColor::Yellow.on_default().bold(),
        "Caused by:" => Style::new().bold(),
        "Hint:" => AnsiColor::Green.on_default(),
        "Route:" => AnsiColor::Cyan.on_default(),
        _ => Style::new(),
    }
}

/// The labels that have a style.
const LABELS: [&str; 5] = ["Error:", "Warning:", "Caused by:", "Hint:", "Route:"];

/// Gives the label at the beginning of a line its style. The line is safe to show already.
pub(super) fn with_label(line: &str) -> String {
    match LABELS.iter().find_map(|label| Some((label, line.strip_prefix(label)?))) {
        Some((label, rest)) => {
            let style = style_of(label);
            format!("{style}{label}{style:#}{rest}")
        }
        None => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_label_is_colored() {
        assert_eq!(with_label("Error: no Hint: here"), "\u{1b}[1m\u{1b}[31mError:\u{1b}[0m no Hint: here");
        assert_eq!(with_label("no Error: here"), "no Error: here");
    }
}
