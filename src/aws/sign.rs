//! Signature Version 4 for websocket URLs (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html>): in
//! the query for an EC2 Instance Connect Endpoint, in headers for Session Manager. The SDK signs the API calls.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, SignableBody, SignableRequest, SignatureLocation, SigningInstructions, SigningSettings, sign,
};
use aws_sigv4::sign::v4::SigningParams;
use aws_smithy_runtime_api::client::identity::Identity;

use crate::secret::Secret;

/// Signs requests for one region with one set of credentials.
#[derive(Debug)]
pub(crate) struct Signer {
    identity: Identity,
    region: String,
}

/// A header's name and its value, which may be a secret.
pub(crate) type Header = (String, Secret<String>);

impl Signer {
    pub(super) fn new(credentials: Credentials, region: &str) -> Self {
        Self { identity: credentials.into(), region: region.to_owned() }
    }

    /// For tests: creates a signer from an access key, its secret, and the session token of temporary credentials.
    #[cfg(test)]
    pub(crate) fn with_keys(access_key: &str, secret: &str, token: Option<&str>, region: &str) -> Self {
        Self::new(Credentials::new(access_key, secret, token.map(str::to_owned), None, "given"), region)
    }

    /// Returns `url` with the signature in its query, valid for `lifetime` from `time` on. Anyone who has it can use
    /// it.
    ///
    /// # Errors
    /// If the URL is invalid or cannot be signed.
    pub(crate) fn presign(
        &self,
        service: &str,
        url: &str,
        lifetime: Duration,
        time: SystemTime,
    ) -> Result<Secret<String>, String> {
        let mut settings = SigningSettings::default();
        settings.signature_location = SignatureLocation::QueryParams;
        settings.expires_in = Some(lifetime);
        let (_, parameters) = self.sign(service, url, settings, time)?.into_parts();
        let mut signed = url.to_owned();
        for (name, value) in parameters {
            signed.push(if signed.contains('?') { '&' } else { '?' });
            signed.push_str(name);
            signed.push('=');
            signed.push_str(&percent_encode(&value));
        }
        Ok(Secret::new(signed))
    }

    /// Returns the headers that sign a GET of `url`.
    ///
    /// # Errors
    /// If the URL is invalid or cannot be signed.
    pub(crate) fn headers(&self, service: &str, url: &str, time: SystemTime) -> Result<Vec<Header>, String> {
        let mut settings = SigningSettings::default();
        settings.payload_checksum_kind = PayloadChecksumKind::NoHeader;
        let (headers, _) = self.sign(service, url, settings, time)?.into_parts();
        Ok(headers.iter().map(|header| (header.name().to_owned(), Secret::new(header.value().to_owned()))).collect())
    }

    fn sign(
        &self,
        service: &str,
        url: &str,
        settings: SigningSettings,
        time: SystemTime,
    ) -> Result<SigningInstructions, String> {
        let parameters = SigningParams::builder()
            .identity(&self.identity)
            .region(&self.region)
            .name(service)
            .time(time)
            .settings(settings)
            .build()
            .map_err(|error| error.to_string())?
            .into();
        let request = SignableRequest::new("GET", url, std::iter::empty(), SignableBody::Bytes(b""));
        let request = request.map_err(|error| error.to_string())?;
        Ok(sign(request, &parameters).map_err(|error| error.to_string())?.into_parts().0)
    }
}

/// Percent-encodes every byte except RFC 3986's unreserved characters as `%XX`, as SigV4 requires.
pub(crate) fn percent_encode(text: &str) -> String {
    text.bytes().fold(String::with_capacity(text.len()), |mut out, byte| {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
        out
    })
}

#[cfg(test)]
mod tests;
