use std::borrow::Cow;

/// The fields of a form, decoded, in the order in which they were sent.
#[derive(Debug, Default)]
pub(crate) struct Form(pub(crate) Vec<(String, String)>);

/// The pairs of a query, decoded, in their order (URL Standard,
/// "application/x-www-form-urlencoded parsing").
pub(crate) fn read_pairs(text: &str) -> Vec<(String, String)> {
    let pairs = text.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(name), decode(value))
        })
        .collect()
}

fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, behind @ ..] = rest {
        let digits = behind.first_chunk().filter(|_| *first == b'%');
        let byte = digits.and_then(|digits: &[u8; 2]| {
            let digits = str::from_utf8(digits).ok()?;
            // Signs would be taken for a part of the number.
            let plain = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
            plain.then(|| u8::from_str_radix(digits, 16).ok())?
        });
        match byte {
            Some(byte) => {
                bytes.push(byte);
                rest = &behind[2..];
            }
            None => {
                bytes.push(if *first == b'+' { b' ' } else { *first });
                rest = behind;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The URL as it is, and with the default port of its scheme added or left out: carriers do
/// either, depending on the product. A port that is not the default is never left out.
pub(super) fn spellings(url: &str) -> Vec<Cow<'_, str>> {
    let mut spellings = vec![Cow::Borrowed(url)];
    let Some((scheme, rest)) = url.split_once("://") else { return spellings };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, tail) = rest.split_at(end);
    let port = match scheme {
        "https" | "wss" => ":443",
        "http" | "ws" => ":80",
        _ => return spellings,
    };
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    // The colons of an IPv6 address stand before its bracket.
    let has_port = host.rsplit_once(':').is_some_and(|(_, after)| !after.contains(']'));
    if let Some(bare) = authority.strip_suffix(port).filter(|_| has_port) {
        spellings.push(format!("{scheme}://{bare}{tail}").into());
    } else if !has_port {
        spellings.push(format!("{scheme}://{authority}{port}{tail}").into());
    }
    spellings
}

/// Options of a webhook (`#rc=3`) stand behind the address and are not signed.
pub(super) fn without_fragment(url: &str) -> &str {
    url.split_once('#').map_or(url, |(url, _)| url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cp34_a_plus_is_a_space_unless_it_is_written_as_what_it_is() {
        let pairs = read_pairs("From=%2B1555&City=New+York&a&&b=%zz%+1&c=%C3%BC");
        let pairs: Vec<_> = pairs.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        assert_eq!(
            pairs,
            [("From", "+1555"), ("City", "New York"), ("a", ""), ("b", "%zz% 1"), ("c", "ü")]
        );
    }
}
