use serde::Deserialize;

/// Whether media is protected, by SRTP with keys from the descriptions (RFC 3711, RFC 4568).
///
/// The keys can be read by everybody who can read the signalling: TLS belongs to it.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum SipSrtp {
    /// Where the other side offers it.
    #[default]
    Accepted,
    /// Always. Calls with plain media are refused with 488.
    Required,
}
