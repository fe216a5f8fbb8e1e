//! Times in ISO 8601 for JSON: `2026-11-26T08:30:00Z`, in seconds since the Unix epoch here.

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use serde::{Deserialize, Deserializer, Serializer, de, ser};

/// Writes the time; `null` if it is not known.
pub(super) fn serialize<S: Serializer>(seconds: &Option<i64>, to: S) -> Result<S::Ok, S::Error> {
    match seconds {
        Some(seconds) => {
            let text = DateTime::from_secs(*seconds).fmt(Format::DateTime).map_err(ser::Error::custom)?;
            to.serialize_some(&text)
        }
        None => to.serialize_none(),
    }
}

/// Reads a time that was written here.
pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<i64>, D::Error> {
    let Some(text) = Option::<String>::deserialize(from)? else { return Ok(None) };
    DateTime::from_str(&text, Format::DateTime).map(|time| Some(time.secs())).map_err(de::Error::custom)
}
