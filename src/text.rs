//! Makes untrusted text safe for a terminal. Pure; every module may import it.
//!
//! Text from AWS or from the remote side (names, tags, banners, error messages) may contain escape sequences that move
//! the cursor, retitle the window or reorder what is read. It is shown only through [`sanitize`].

/// Replaces control characters and bidirectional overrides by a visible escape, for example `\u{1b}`.
pub(crate) fn sanitize(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut out, c| {
        if is_dangerous(c) {
            out.extend(c.escape_unicode());
        } else {
            out.push(c);
        }
        out
    })
}

/// Does the same as [`sanitize`] for text of several lines: keeps line feeds, and drops carriage returns before them.
pub(crate) fn sanitize_lines(text: &str) -> String {
    text.lines().map(sanitize).collect::<Vec<_>>().join("\n")
}

/// Does the same as [`sanitize_lines`] for a document that is to be read: keeps tabs, and leaves out colors (SGR sequences).
pub(crate) fn sanitize_document(text: &str) -> String {
    let line = |line: &str| without_colors(line).split('\t').map(sanitize).collect::<Vec<_>>().join("\t");
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

fn without_colors(line: &str) -> String {
    let mut parts = line.split("\u{1b}[");
    let mut kept = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let rest = part.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';');
        match rest.strip_prefix('m') {
            Some(rest) => kept += rest,
            None => kept += &format!("\u{1b}[{part}"),
        }
    }
    kept
}

/// Replaces characters that a terminal interprets by JSON escapes (`\u009b`), which leaves the strings' values
/// unchanged. The serializer itself escapes the rest of the control characters.
pub(crate) fn sanitize_json(json: &str) -> String {
    json.chars().fold(String::with_capacity(json.len()), |mut out, c| {
        if is_dangerous(c) && c != '\n' {
            // JSON encodes a character beyond the Basic Multilingual Plane as a surrogate pair.
            out.extend(c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")));
        } else {
            out.push(c);
        }
        out
    })
}

fn is_dangerous(c: char) -> bool {
    // These are C0, DEL and C1, then the invisible characters that reorder or hide text (Unicode TR 36).
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(c, '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Quotes a name from AWS as the target in a suggested command: one word that is never parsed as an option.
pub(crate) fn instance_word(name: &str) -> String {
    let option_like = if name.starts_with('-') { "-- " } else { "" };
    format!("{option_like}{}", shell_word(name))
}

/// Quotes the text as one word for a POSIX shell, only if necessary.
pub(crate) fn shell_word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "@%+=:,./-_".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests;
