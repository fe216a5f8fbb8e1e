//! Parses a shared config or credentials file as the AWS CLI does. Pure.
//!
//! The AWS CLI reads both files with Python's `configparser`: `=` and `:` separate key and value, a deeper indentation continues
//! a value, only whole lines are comments, what follows the `]` of a header is ignored, and keys of `[DEFAULT]` apply to every
//! section. The AWS CLI refuses a whole file for one invalid line; here such a line is a [`Problem`] of its section, so that the
//! other sections can be used.

use std::collections::BTreeMap;

/// A line that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    /// The line number, counted from 1; `None` if the file as a whole cannot be read.
    pub line: Option<usize>,
    /// The defect of the line.
    pub text: String,
}

/// The properties of a section, keys in lower case. The value of a key with subkeys begins with a line feed.
pub(super) type Properties = BTreeMap<String, String>;

/// A section of the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Section {
    /// The text between the brackets.
    pub name: String,
    /// The properties of the section.
    pub properties: Properties,
    /// The first of its lines that cannot be read.
    pub problem: Option<Problem>,
}

/// The content of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Ini {
    /// The sections in their order; a name that occurs again continues its section.
    pub sections: Vec<Section>,
    /// The first line outside any section that cannot be read.
    pub problem: Option<Problem>,
}

const DEFAULTS: &str = "DEFAULT";

/// Parses the bytes of a file.
pub(super) fn parse(bytes: &[u8]) -> Ini {
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    let mut parser = Parser::default();
    for (index, line) in lines(bytes).enumerate() {
        parser.read(index + 1, line);
    }
    parser.finish()
}

/// Splits at LF, CRLF and CR, as Python's text files do.
fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.split(|byte| *byte == b'\n').flat_map(|line| {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        line.split(|byte| *byte == b'\r')
    })
}

#[derive(Default)]
struct Parser {
    ini: Ini,
    /// The index of the section that lines belong to.
    section: Option<usize>,
    /// The key that a deeper line continues, and the indentation of its line.
    key: Option<String>,
    indentation: usize,
}

impl Parser {
    fn read(&mut self, number: usize, line: &[u8]) {
        let text = String::from_utf8_lossy(line);
        let content = text.trim();
        if content.starts_with(['#', ';']) {
            return;
        }
        if content.is_empty() {
            self.append("");
            return;
        }
        if let Err(error) = std::str::from_utf8(line) {
            let byte = line.get(error.valid_up_to()).copied().unwrap_or_default();
            self.read_valid(number, &text, content);
            self.complain(number, format!("the byte 0x{byte:02x} is not valid UTF-8"));
            return;
        }
        self.read_valid(number, &text, content);
    }

    fn read_valid(&mut self, number: usize, line: &str, content: &str) {
        let indentation = line.chars().take_while(|c| c.is_whitespace()).count();
        if self.key.is_some() && indentation > self.indentation {
            self.append(content);
            return;
        }
        self.indentation = indentation;
        match header(content) {
            Some(name) => self.open(name),
            None if content.starts_with('[') => {
                // The lines that follow belong to a section whose name is not known.
                (self.section, self.key) = (None, None);
                self.complain(number, "the section's header has no ']'".to_owned());
            }
            None => self.property(number, content),
        }
    }

    fn open(&mut self, name: &str) {
        let known = self.ini.sections.iter().position(|section| section.name == name);
        self.section = Some(known.unwrap_or_else(|| {
            self.ini.sections.push(Section { name: name.to_owned(), ..Section::default() });
            self.ini.sections.len() - 1
        }));
        self.key = None;
    }

    fn property(&mut self, number: usize, content: &str) {
        self.key = None;
        let Some((key, value)) = content.split_once(['=', ':']) else {
            return self.complain(number, "expected 'key = value'".to_owned());
        };
        let key = key.trim().to_lowercase();
        if key.is_empty() {
            return self.complain(number, "the key before '=' is empty".to_owned());
        }
        match self.section {
            Some(index) => {
                self.ini.sections[index].properties.insert(key.clone(), value.trim().to_owned());
                self.key = Some(key);
            }
            None => self.complain(number, "the line is in no section".to_owned()),
        }
    }

    /// Adds a line to the current value.
    fn append(&mut self, line: &str) {
        if let (Some(index), Some(key)) = (self.section, &self.key)
            && let Some(value) = self.ini.sections[index].properties.get_mut(key)
        {
            value.push('\n');
            value.push_str(line);
        }
    }

    fn complain(&mut self, number: usize, text: String) {
        let problem = match self.section {
            Some(index) => &mut self.ini.sections[index].problem,
            None => &mut self.ini.problem,
        };
        problem.get_or_insert(Problem { line: Some(number), text });
    }

    fn finish(self) -> Ini {
        let Ini { mut sections, problem } = self.ini;
        for value in sections.iter_mut().flat_map(|section| section.properties.values_mut()) {
            value.truncate(value.trim_end().len());
        }
        if let Some(index) = sections.iter().position(|section| section.name == DEFAULTS) {
            let defaults = sections.remove(index).properties;
            for section in &mut sections {
                let own = std::mem::replace(&mut section.properties, defaults.clone());
                section.properties.extend(own);
            }
        }
        Ini { sections, problem }
    }
}

/// Returns the name in a header: `[name] anything`.
fn header(content: &str) -> Option<&str> {
    let (name, _) = content.strip_prefix('[')?.split_once(']')?;
    (!name.is_empty()).then_some(name)
}

/// Returns the subkeys of a value that begins with a line feed.
pub(super) fn nested(value: &str) -> impl Iterator<Item = (&str, &str)> {
    let pairs = value.lines().filter_map(|line| line.split_once('='));
    pairs.map(|(key, value)| (key.trim(), value.trim())).filter(|(key, _)| !key.is_empty())
}

#[cfg(test)]
mod tests;
