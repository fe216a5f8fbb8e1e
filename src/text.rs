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

/// JSON text whose strings say the same with nothing in them that a terminal obeys: `\u009b` for what is one character.
/// The serialiser itself escapes the rest of the control characters.
pub fn neutralise_json(json: &str) -> String {
    json.chars().fold(String::with_capacity(json.len()), |mut out, c| {
        if is_dangerous(c) && c != '\n' {
            // Beyond the Basic Multilingual Plane JSON writes a pair of surrogates.
            out.extend(c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")));
        } else {
            out.push(c);
        }
        out
    })
}

fn is_dangerous(c: char) -> bool {
    // C0, DEL and C1; then the invisible characters that reorder or hide text (Unicode TR 36).
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(c, '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// A name from AWS as the INSTANCE in a command to type: one word, and never taken for an option.
pub fn instance_word(name: &str) -> String {
    let option_like = if name.starts_with('-') { "-- " } else { "" };
    format!("{option_like}{}", shell_word(name))
}

/// The text as one word for a POSIX shell, quoted only where it must be.
pub fn shell_word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "@%+=:,./-_".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}
