use std::collections::BTreeMap;

use rsipstack::sip::{HasHeaders as _, Header, Request, prelude::HeadersExt as _};
use voiceagent_core::{
    Result,
    transport::{CallInfo, Media},
};

use super::lists;
use crate::{media_stream::is_name, random::random_name};

/// What is taken of a header, and of how many.
const LONGEST: usize = 1_024;
const MOST: usize = 64;

/// What a request says of its call: who calls whom, and the headers that others have put in.
pub(super) fn call_info(request: &Request, media: Media) -> Result<CallInfo> {
    let id = request.header_value("call-id").filter(|id| is_name(id));
    let id = id.map_or_else(|| random_name("name a call"), Ok)?;
    let mut info = CallInfo::new(id.as_str(), media);
    // Who has vouched for the caller comes before what the caller says (RFC 3325, section 9.1).
    let names = ["p-asserted-identity", "remote-party-id", "from"];
    let from = names.iter().find_map(|name| user_of(&request.header_value(name)?));
    if let Some(from) = from.filter(|from| from != "anonymous") {
        info = info.with_from(from);
    }
    if let Some(to) = user_of(&request.uri.to_string()) {
        info = info.with_to(to);
    }
    Ok(info.with_parameters(parameters(request)))
}

fn parameters(request: &Request) -> BTreeMap<String, String> {
    let mut parameters = BTreeMap::new();
    for header in request.headers().iter() {
        let (name, value) = (header.name(), header.value().trim());
        let is_custom = name.get(..2).is_some_and(|start| start.eq_ignore_ascii_case("x-"));
        let value = match header {
            // Who forwarded the call: the first is the last who did (RFC 5806, section 5.2).
            Header::Diversion(_) => user_of(value),
            _ if is_custom => Some(value.to_owned()),
            _ => None,
        };
        let fits = name.len() + value.as_ref().map_or(0, String::len) <= LONGEST;
        if let Some(value) = value
            && fits
            && parameters.len() < MOST
        {
            parameters.entry(name.to_owned()).or_insert(value);
        }
    }
    parameters
}

/// The user of an address with or without a name before it and parameters behind it; of a phone's
/// address, the number; of a list, of its first.
pub(super) fn user_of(value: &str) -> Option<String> {
    let (address, _) = lists::address(lists::entries(value).next()?);
    let (scheme, rest) = address.trim().split_once(':')?;
    let user = match scheme.to_ascii_lowercase().as_str() {
        "sip" | "sips" => rest.split_once('@')?.0,
        "tel" => rest,
        _ => return None,
    };
    let user = user.split([';', ':']).next()?;
    let user = user.replace("%2B", "+").replace("%2b", "+").replace("%23", "#");
    (is_name(&user) && user.len() <= 128).then_some(user)
}

#[cfg(test)]
mod tests {
    use super::*;
    use voiceagent_core::audio::AudioFormat;

    #[test]
    fn users_are_found_in_all_forms_of_addresses() {
        for (address, user) in [
            (r#""Ann <x>" <sip:+14155550100@192.0.2.1;user=phone>;tag=7"#, Some("+14155550100")),
            ("<sip:%2B1415@host>", Some("+1415")),
            ("sip:1001@host;tag=1", Some("1001")),
            ("<tel:+14155550100;phone-context=x>", Some("+14155550100")),
            ("<sips:alice:secret@host>", Some("alice")),
            ("sip:host", None),
            ("<sip:a b@host>", None),
            ("mailto:a@b", None),
            (r#""Ann, <a>" <sip:+14155550100@h>, <tel:+14155550999>"#, Some("+14155550100")),
            ("<sip:last@h>;reason=no-answer, <sip:first@h>;reason=busy", Some("last")),
            ("sip:last@h;reason=busy,<sip:first@h>", Some("last")),
            ("<sip:a,b@h>, <sip:c@h>", Some("a,b")),
            (r#""a \" <b>" <sip:1001@h>"#, Some("1001")),
            (r#""Ann <sip:1001@h>"#, Some("1001")),
            ("<sip:1001@h", Some("1001")),
            ("", None),
        ] {
            assert_eq!(user_of(address).as_deref(), user, "{address}");
        }
    }

    #[test]
    fn headers_become_what_is_known_of_a_call() {
        let text = "INVITE sip:+14155550199@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\n\
            From: <sip:anonymous@anonymous.invalid>;tag=1\r\nTo: <sip:a@b>\r\nCall-ID: call-7@h\r\n\
            P-Asserted-Identity: \"Ann\" <sip:+14155550100@h>\r\nCSeq: 1 INVITE\r\n\
            Diversion: <sip:+14155550111@h>;reason=no-answer\r\nX-Account: 42\r\nx-account: 43\r\n\
            Content-Length: 0\r\n\r\n";
        let request = Request::try_from(text.as_bytes()).unwrap();
        let info = call_info(&request, Media::audio(AudioFormat::MULAW_8K)).unwrap();
        assert_eq!(info.id.as_str(), "call-7@h");
        assert_eq!(info.from.unwrap().expose(), "+14155550100");
        assert_eq!(info.to.unwrap().expose(), "+14155550199");
        let said: Vec<_> = info.parameters.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        assert_eq!(said, [("Diversion", "+14155550111"), ("X-Account", "42"), ("x-account", "43")]);
    }
}
