use md5::Md5;
use rsipstack::sip::{HasHeaders as _, Header, Response, StatusCode};
use sha2::{Digest, Sha256, Sha512_256};
use voiceagent_core::{Result, Secret};

use crate::{hex::hex, random::random_name};

/// Who we are, where somebody wants it proven.
#[derive(Clone, Debug)]
pub(super) struct Credentials {
    pub(super) login: String,
    pub(super) password: Secret,
}

/// How a proof is computed (RFC 8760, section 2).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Algorithm {
    Md5,
    Sha256,
    Sha512,
}

impl Algorithm {
    const ALL: [Self; 3] = [Self::Md5, Self::Sha256, Self::Sha512];

    const fn name(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::Sha256 => "SHA-256",
            Self::Sha512 => "SHA-512-256",
        }
    }

    fn hash(self, text: &[u8]) -> String {
        match self {
            Self::Md5 => hex(&Md5::digest(text)),
            Self::Sha256 => hex(&Sha256::digest(text)),
            Self::Sha512 => hex(&Sha512_256::digest(text)),
        }
    }
}

/// What a proof covers beside the address that is asked for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Quality {
    Auth,
    /// The body, too.
    AuthInt,
}

impl Quality {
    const fn name(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::AuthInt => "auth-int",
        }
    }
}

/// Somebody wants to know who we are: digest authentication by RFC 7616, and by the older RFC 2617
/// and RFC 2069 where a challenge is of that age.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Challenge {
    realm: String,
    nonce: String,
    opaque: Option<String>,
    algorithm: Algorithm,
    /// Whether the password is hashed with the nonce first (`MD5-sess` and so on).
    is_session: bool,
    /// As it was written; an answer says the same, or nothing.
    algorithm_name: Option<String>,
    quality: Option<Quality>,
    /// Only the nonce was too old, and not the proof wrong.
    pub(super) is_stale: bool,
    is_proxy: bool,
}

/// What a proof is for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked<'a> {
    pub(super) method: &'a str,
    pub(super) uri: &'a str,
    pub(super) body: &'a [u8],
}

impl Challenge {
    /// The first challenge of a refusal that we can answer: the refuser likes the first best (RFC
    /// 8760, section 2.4).
    pub(super) fn of(answer: &Response) -> Option<Self> {
        let is_proxy = match answer.status_code {
            StatusCode::Unauthorized => false,
            StatusCode::ProxyAuthenticationRequired => true,
            _ => return None,
        };
        answer.headers().iter().find_map(|header| match (header, is_proxy) {
            (Header::WwwAuthenticate(_), false) | (Header::ProxyAuthenticate(_), true) => {
                Self::parse(header.value(), is_proxy)
            }
            _ => None,
        })
    }

    fn parse(value: &str, is_proxy: bool) -> Option<Self> {
        let (scheme, rest) = value.trim().split_once(char::is_whitespace)?;
        if !scheme.eq_ignore_ascii_case("digest") {
            return None;
        }
        let parts = parts(rest)?;
        let part = |name: &str| {
            let found = parts.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
            found.map(|(_, value)| (*value).to_owned())
        };
        let algorithm_name = part("algorithm");
        let name = algorithm_name.as_deref().unwrap_or("MD5");
        let is_session = name.to_ascii_lowercase().ends_with("-sess");
        let base = if is_session { &name[..name.len() - 5] } else { name };
        let algorithm =
            Algorithm::ALL.into_iter().find(|known| known.name().eq_ignore_ascii_case(base))?;
        let quality = match part("qop") {
            None => None,
            Some(offered) => {
                let has = |quality: Quality| {
                    offered.split(',').any(|name| name.trim().eq_ignore_ascii_case(quality.name()))
                };
                Some([Quality::Auth, Quality::AuthInt].into_iter().find(|quality| has(*quality))?)
            }
        };
        Some(Self {
            realm: part("realm")?,
            nonce: part("nonce")?,
            opaque: part("opaque"),
            algorithm,
            is_session,
            algorithm_name,
            quality,
            is_stale: part("stale").is_some_and(|stale| stale.eq_ignore_ascii_case("true")),
            is_proxy,
        })
    }

    /// The header that proves who we are.
    ///
    /// # Errors
    ///
    /// When the system has no random numbers.
    pub(super) fn answer(&self, credentials: &Credentials, asked: Asked<'_>) -> Result<Header> {
        let value = self.proof(credentials, asked, &random_name("prove who we are")?);
        Ok(if self.is_proxy {
            Header::ProxyAuthorization(value.into())
        } else {
            Header::Authorization(value.into())
        })
    }

    /// `nonce_of_ours` is the `cnonce`. Each challenge is answered once, so the count is one.
    fn proof(&self, credentials: &Credentials, asked: Asked<'_>, nonce_of_ours: &str) -> String {
        let Self { realm, nonce, algorithm, .. } = self;
        let hash = |text: &str| algorithm.hash(text.as_bytes());
        let (login, password) = (&credentials.login, credentials.password.expose());
        let mut secret = hash(&format!("{login}:{realm}:{password}"));
        if self.is_session {
            secret = hash(&format!("{secret}:{nonce}:{nonce_of_ours}"));
        }
        let (method, uri) = (asked.method, asked.uri);
        let what = match self.quality {
            Some(Quality::AuthInt) => format!("{method}:{uri}:{}", algorithm.hash(asked.body)),
            _ => format!("{method}:{uri}"),
        };
        let what = hash(&what);
        let response = match self.quality {
            Some(quality) => {
                let quality = quality.name();
                hash(&format!("{secret}:{nonce}:00000001:{nonce_of_ours}:{quality}:{what}"))
            }
            None => hash(&format!("{secret}:{nonce}:{what}")),
        };
        let mut header = format!(
            "Digest username=\"{login}\", realm=\"{realm}\", nonce=\"{nonce}\", uri=\"{uri}\", \
             response=\"{response}\""
        );
        if let Some(name) = &self.algorithm_name {
            header += &format!(", algorithm={name}");
        }
        if let Some(opaque) = &self.opaque {
            header += &format!(", opaque=\"{opaque}\"");
        }
        if self.quality.is_some() || self.is_session {
            header += &format!(", cnonce=\"{nonce_of_ours}\"");
        }
        if let Some(quality) = self.quality {
            header += &format!(", qop={}, nc=00000001", quality.name());
        }
        header
    }
}

/// Names and values, without the quotes around and with the escapes within: they are hashed and
/// repeated as they were written (RFC 7616, section 3.4.1).
fn parts(mut text: &str) -> Option<Vec<(&str, &str)>> {
    let mut parts = Vec::new();
    while !text.trim_start_matches([' ', '\t', ',']).is_empty() {
        let (name, rest) = text.trim_start_matches([' ', '\t', ',']).split_once('=')?;
        let rest = rest.trim_start();
        let (value, after) = match rest.strip_prefix('"') {
            Some(quoted) => {
                let mut is_escaped = false;
                let end = quoted.find(|c| {
                    let ends = c == '"' && !is_escaped;
                    is_escaped = c == '\\' && !is_escaped;
                    ends
                })?;
                (&quoted[..end], &quoted[end + 1..])
            }
            None => rest.split_at(rest.find(',').unwrap_or(rest.len())),
        };
        // They become part of a message of ours.
        if value.contains(|c: char| c.is_control()) {
            return None;
        }
        parts.push((name.trim(), value.trim()));
        text = after;
    }
    Some(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proof(challenge: &str, asked: Asked<'_>, cnonce: &str) -> String {
        let login = "Mufasa".to_owned();
        let credentials = Credentials { login, password: Secret::new("Circle of Life") };
        Challenge::parse(challenge, false).unwrap().proof(&credentials, asked, cnonce)
    }

    fn has_response(proof: &str, response: &str) {
        assert!(proof.contains(&format!("response=\"{response}\"")), "{proof}");
    }

    const CNONCE: &str = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";

    #[test]
    fn the_proofs_of_the_standard_are_ours() {
        // RFC 7616, section 3.9.1, and with Python's hashlib where it has none.
        let of = |algorithm: &str| {
            let challenge = format!(
                "Digest realm=\"http-auth@example.org\", qop=\"auth, auth-int\", \
                 algorithm={algorithm}, nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", \
                 opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\""
            );
            let asked = Asked { method: "GET", uri: "/dir/index.html", body: b"" };
            proof(&challenge, asked, CNONCE)
        };
        has_response(&of("MD5"), "8ca523f5e9506fed4657c9700eebdbec");
        has_response(
            &of("SHA-256"),
            "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
        );
        has_response(
            &of("SHA-512-256"),
            "430d05014cecc49cab6fbe03176d41a1da86cbfe24a16580e22aaad928d960d0",
        );
        has_response(
            &of("SHA-256-sess"),
            "2fd51b3a77ad75bad6afad6003e818d767133c46d9e2749e7f5232ae1ea3efd7",
        );
        let said = of("SHA-256");
        for part in [
            "algorithm=SHA-256",
            "qop=auth, nc=00000001",
            "opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\"",
        ] {
            assert!(said.contains(part), "{said}");
        }
    }

    #[test]
    fn a_body_is_covered_where_only_that_is_offered() {
        let challenge = "Digest realm=\"r\",nonce=\"n\",qop=\"auth-int\",algorithm=SHA-256";
        let asked = Asked { method: "INVITE", uri: "sip:a@b", body: b"v=0" };
        // With Python's hashlib.
        let said = proof(challenge, asked, "c");
        has_response(&said, "9973d6a283cfe8e12558054a0158a0d5932e0439a1e877fd7df817d2f04e1e8e");
        assert!(said.contains("qop=auth-int"));
    }

    #[test]
    fn challenges_are_read_as_they_come_and_others_are_not_answered() {
        let read = |value| Challenge::parse(value, true);
        let quoted = read(r#"digest realm="a, \"b\" = c" , nonce = "n=1,2",stale=TRUE"#).unwrap();
        assert_eq!((quoted.realm.as_str(), quoted.nonce.as_str()), (r#"a, \"b\" = c"#, "n=1,2"));
        assert!(quoted.is_stale && quoted.quality.is_none());
        for wrong in [
            "",
            "Digest",
            "Basic realm=\"x\"",
            "Digest realm=\"x\"",
            "Digest realm=\"x\", nonce=\"open",
            "Digest realm=\"x\", nonce=\"n\", algorithm=AKAv1-MD5",
            "Digest realm=\"x\", nonce=\"n\", algorithm=-sess",
            "Digest realm=\"x\", nonce=\"n\", qop=\"auth-conf\"",
            "Digest realm=\"x\r\nX: y\", nonce=\"n\"",
        ] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn the_first_challenge_that_can_be_answered_is_taken() {
        let answer = |status: &str, headers: &str| {
            let text = format!("SIP/2.0 {status} x\r\n{headers}\r\n");
            Challenge::of(&Response::try_from(text.as_bytes()).unwrap())
        };
        let list = "WWW-Authenticate: Digest realm=\"r\", nonce=\"1\", algorithm=SHA3-256\r\n\
                    WWW-Authenticate: Digest realm=\"r\", nonce=\"2\", algorithm=SHA-256\r\n\
                    WWW-Authenticate: Digest realm=\"r\", nonce=\"3\", algorithm=MD5\r\n\
                    Proxy-Authenticate: Digest realm=\"r\", nonce=\"4\"\r\n";
        assert_eq!(answer("401", list).unwrap().nonce, "2");
        assert_eq!(answer("407", list).unwrap().nonce, "4");
        assert_eq!(answer("403", list), None);
        assert_eq!(answer("407", "WWW-Authenticate: Digest realm=\"r\", nonce=\"1\"\r\n"), None);
    }
}
