use std::{
    borrow::Cow,
    net::{IpAddr, SocketAddr},
};

use axum::{
    extract::{ConnectInfo, OriginalUri},
    http::{HeaderMap, Uri, header::HOST, request::Parts},
};
use voiceagent_core::{Error, Result};

/// Where the outside finds us, which is what signatures are made over.
#[derive(Clone, Default)]
pub(super) struct PublicAddress {
    /// Scheme, host, port, and the part of the path that a proxy strips.
    base: Option<String>,
    trusted: Vec<IpAddr>,
}

impl PublicAddress {
    pub(super) fn new(base: Option<&str>, trusted: Vec<IpAddr>) -> Result<Self> {
        let base = base.map(|base| base.trim_end_matches('/').to_owned());
        if let Some(base) = &base {
            let wrong = || Error::config("public_url: http:// or https://, a host, no query");
            let uri: Uri = base.parse().map_err(|_| wrong())?;
            let scheme = uri.scheme_str().is_some_and(|scheme| matches!(scheme, "http" | "https"));
            if !scheme || uri.authority().is_none() || uri.query().is_some() || base.contains('#') {
                return Err(wrong());
            }
        }
        // Peers are compared in this form, since a socket for both families tells the other.
        let trusted = trusted.iter().map(IpAddr::to_canonical).collect();
        Ok(Self { base, trusted })
    }

    /// The base for a request: what was configured, else what a trusted proxy says, else what the
    /// request itself says. Whoever invents a host cannot sign for it.
    pub(super) fn base(&self, parts: &Parts) -> String {
        if let Some(base) = &self.base {
            return base.clone();
        }
        if self.is_trusted(parts)
            && let Some(base) = forwarded(&parts.headers)
        {
            return base;
        }
        format!("http://{}", header(&parts.headers, HOST.as_str()).unwrap_or_default())
    }

    /// Where the routes of the door lie: the base, and the path under which the application has
    /// nested them, which the router takes away before the door sees a request.
    pub(super) fn root(&self, parts: &Parts) -> String {
        let whole = parts.extensions.get::<OriginalUri>().map_or("", |OriginalUri(uri)| uri.path());
        let nest = whole.strip_suffix(parts.uri.path()).unwrap_or_default();
        format!("{}{nest}", self.base(parts))
    }

    /// Whether a carrier that signs no address would be led to one that it does not reach: nobody
    /// has said how we are found, and somebody in between speaks TLS.
    pub(super) fn is_doubtful(&self, parts: &Parts) -> bool {
        let outer = header(&parts.headers, "x-forwarded-proto");
        self.base(parts).starts_with("http:") && outer == Some("https")
    }

    /// Addresses that the sender may have signed instead, to find out what is set up wrong.
    pub(super) fn guesses(&self, parts: &Parts) -> Vec<String> {
        let host = header(&parts.headers, HOST.as_str()).unwrap_or_default();
        let mut bases = vec![format!("https://{host}"), format!("http://{host}")];
        bases.extend(forwarded(&parts.headers));
        if let Some(base) = &self.base {
            let (scheme, rest) = base.split_once("://").unwrap_or(("https", base));
            let other = if scheme == "https" { "http" } else { "https" };
            bases.push(format!("{other}://{rest}"));
            bases.extend(rest.split_once('/').map(|(host, _)| format!("{scheme}://{host}")));
            bases.push(base.clone());
        }
        let target = target(parts);
        let (path, query) = target.split_once('?').map_or((&*target, None), |(p, q)| (p, Some(q)));
        let slashed = match path.strip_suffix('/') {
            Some(bare) => bare.to_owned(),
            None => format!("{path}/"),
        };
        let slashed = query.map_or_else(|| slashed.clone(), |query| format!("{slashed}?{query}"));
        bases
            .iter()
            .flat_map(|base| [format!("{base}{target}"), format!("{base}{slashed}")])
            .collect()
    }

    /// What to set when this is the address that the sender has signed.
    pub(super) fn hint(&self, parts: &Parts, signed: &str) -> &'static str {
        let proxys = forwarded(&parts.headers);
        let is_proxys = |base: &String| websocket(signed).starts_with(&websocket(base));
        if self.base.is_none() && proxys.as_ref().is_some_and(is_proxys) {
            return "the auth token is right and the URL is not: a proxy that is not trusted says \
                    the right one; set trusted_proxy or public_url";
        }
        "the auth token is right and the URL is not: set public_url"
    }

    fn is_trusted(&self, parts: &Parts) -> bool {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        peer.is_some_and(|ConnectInfo(peer)| self.trusted.contains(&peer.ip().to_canonical()))
    }
}

/// Path and query exactly as they were sent.
pub(super) fn target(parts: &Parts) -> String {
    let uri = parts.extensions.get::<OriginalUri>().map_or(&parts.uri, |OriginalUri(uri)| uri);
    uri.path_and_query().map_or_else(|| uri.path().to_owned(), ToString::to_string)
}

/// A URL without the name and the password that may stand in it.
pub(super) fn without_userinfo(url: &str) -> Cow<'_, str> {
    let Some((scheme, rest)) = url.split_once("://") else { return Cow::Borrowed(url) };
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    match authority.rsplit_once('@') {
        Some((_, host)) => Cow::Owned(format!("{scheme}://[secret]@{host}{path}")),
        None => Cow::Borrowed(url),
    }
}

/// The same address for a WebSocket.
pub(super) fn websocket(url: &str) -> String {
    match url.strip_prefix("http") {
        Some(rest) => format!("ws{rest}"),
        None => url.to_owned(),
    }
}

fn forwarded(headers: &HeaderMap) -> Option<String> {
    let scheme = header(headers, "x-forwarded-proto")?;
    let host = header(headers, "x-forwarded-host").or_else(|| header(headers, HOST.as_str()))?;
    Some(format!("{scheme}://{host}"))
}

/// The first value of a header: of a chain of proxies, the outermost.
fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()?.split(',').next().map(str::trim)
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    fn request(peer: &str) -> Parts {
        let request = Request::builder()
            .uri("/voice?b=2&a=%20+")
            .header("host", "inner:3000")
            .header("x-forwarded-proto", "https, http")
            .header("x-forwarded-host", "outer.example");
        let mut parts = request.body(()).unwrap().into_parts().0;
        let peer: SocketAddr = peer.parse().unwrap();
        parts.extensions.insert(ConnectInfo(peer));
        parts
    }

    #[test]
    fn the_configured_address_wins_then_a_trusted_proxy_then_the_host() {
        let proxies = || vec!["10.0.0.1".parse().unwrap()];
        let parts = request("10.0.0.1:9");
        let configured = PublicAddress::new(Some("https://a.example/agents/"), proxies()).unwrap();
        assert_eq!(configured.base(&parts), "https://a.example/agents");
        let proxied = PublicAddress::new(None, proxies()).unwrap();
        assert_eq!(proxied.base(&parts), "https://outer.example");
        assert_eq!(proxied.base(&request("[::ffff:10.0.0.1]:9")), "https://outer.example");
        assert_eq!(proxied.base(&request("10.0.0.2:9")), "http://inner:3000");
        let mapped = PublicAddress::new(None, vec!["::ffff:10.0.0.1".parse().unwrap()]).unwrap();
        assert_eq!(mapped.base(&parts), "https://outer.example");
        assert_eq!(target(&parts), "/voice?b=2&a=%20+");
    }

    #[test]
    fn a_wrong_address_is_found_before_the_first_call() {
        for wrong in ["agent.example", "ftp://a.example", "https://", "https://a?b=1", ""] {
            let error = PublicAddress::new(Some(wrong), Vec::new()).err().unwrap();
            assert!(error.message().starts_with("public_url:"), "{wrong}");
        }
    }

    #[test]
    fn a_media_socket_has_the_scheme_of_its_webhook() {
        assert_eq!(websocket("https://a.example/m"), "wss://a.example/m");
        assert_eq!(websocket("http://127.0.0.1:1/m"), "ws://127.0.0.1:1/m");
    }

    #[test]
    fn a_password_in_an_address_is_left_out() {
        for (url, shown) in [
            ("https://user:p@ss@a.example:8/x@y", "https://[secret]@a.example:8/x@y"),
            ("wss://user@a.example?q=@", "wss://[secret]@a.example?q=@"),
            ("https://a.example/x@y", "https://a.example/x@y"),
            ("user:pw", "user:pw"),
        ] {
            assert_eq!(without_userinfo(url), shown);
        }
    }
}
