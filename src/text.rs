//! Untrusted text made fit for a person's terminal. Pure; everything may import it.
//!
//! What came from AWS or from the far side (names, tags, banners, error messages) may hold escape sequences that move
//! the cursor, retitle the window or reorder what is read. It is shown only through [`neutralise`].

/// The text with control characters and bidirectional overrides replaced by a visible escape such as `\u{1b}`.
pub fn neutralise(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut out, c| {
        if is_dangerous(c) {
            out.extend(c.escape_unicode());
        } else {
            out.push(c);
        }
        out
    })
}

/// As [`neutralise`], for text of several lines: line feeds stay, carriage returns before them go.
pub fn neutralise_lines(text: &str) -> String {
    text.lines().map(neutralise).collect::<Vec<_>>().join("\n")
}

fn is_dangerous(c: char) -> bool {
    // C0, DEL and C1; then the invisible characters that reorder or hide text (Unicode TR 36).
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// The text as one word for a POSIX shell, quoted only where it must be.
pub fn shell_word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "@%+=:,./-_".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}
