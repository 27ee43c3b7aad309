//! Requests that were changed on their way, by chance.

use proptest::{
    collection::vec,
    prelude::*,
    test_runner::{Config, TestRunner},
};
use voiceagent_core::Secret;
use voiceagent_telephony::signature::{
    PlivoSignature, SignalWireSignature, TelnyxSignature, TwilioSignature, VonageSignature,
};

/// For each carrier; with five ways to sign, some ten thousand in all.
const CASES: u32 = 2_000;

const NONCE: &str = "05429567804466091622";
const AT: u64 = 1_700_000_000;
const BODY: &[u8] = br#"{"data":{"event_type":"call.initiated","id":"e1"}}"#;
const TELNYX: &str =
    "mAMwzdE/9f0hloctqTt3F2HVmehCrisHcw/ZZNhs4m5JLLwkIlaxqd6oOyknxQDvrmBNlKky24Zf+L3W63JiBg==";

/// Parts of a request: URL, names and values of its fields, nonce or time, and signature.
type Parts = Vec<Vec<u8>>;

fn text(part: &[u8]) -> String {
    String::from_utf8_lossy(part).into_owned()
}

fn fields(parts: &[Vec<u8>]) -> Vec<(String, String)> {
    parts.chunks(2).map(|pair| (text(&pair[0]), text(&pair[1]))).collect()
}

/// A change of one part: a byte is replaced, put in or taken out, or two parts are exchanged.
fn forged(parts: &Parts, which: usize, place: usize, byte: u8, kind: u8) -> Parts {
    let mut forged = parts.clone();
    let which = which % forged.len();
    let other = place % forged.len();
    let part = &mut forged[which];
    let place = place % part.len().max(1);
    match kind % 4 {
        0 if !part.is_empty() => part[place] = byte,
        1 => part.insert(place, byte),
        2 if !part.is_empty() => drop(part.remove(place)),
        _ => forged.swap(which, other),
    }
    forged
}

/// Whether two requests mean the same to a carrier: options behind `#` are not signed, a URL may
/// have the default port, fields may come in any order, and nothing but space stands between two `&`
/// or beside the commas of a list.
fn same(parts: &Parts, other: &Parts) -> bool {
    let plain = |parts: &Parts| {
        let url = text(&parts[0]).replace(":443", "");
        let url = url.split('#').next().unwrap_or_default().to_owned();
        let url: Vec<_> =
            url.split(['?', '&']).filter(|part| !part.is_empty()).map(str::to_owned).collect();
        let beside = |c: char| c == ',' || c.is_whitespace();
        let list = parts.last().map(|list| text(list).trim_matches(beside).to_owned());
        let (form, behind) = parts[1..parts.len() - 1].split_at(FORM.min(parts.len() - 2));
        let mut fields: Vec<_> = form.chunks(2).map(<[_]>::to_vec).collect();
        fields.sort();
        (url, fields, behind.to_vec(), list)
    };
    plain(parts) == plain(other)
}

fn refuses_forgeries(parts: &Parts, holds: impl Fn(&Parts) -> bool) {
    assert!(holds(parts), "the original holds");
    let changes = vec((any::<usize>(), any::<usize>(), any::<u8>(), any::<u8>()), 1..3);
    let config = Config { cases: CASES, failure_persistence: None, ..Config::default() };
    let refused = TestRunner::new(config).run(&changes, |changes| {
        let mut other = parts.clone();
        for (which, place, byte, kind) in changes {
            other = forged(&other, which, place, byte, kind);
        }
        prop_assume!(!same(parts, &other));
        prop_assert!(
            !holds(&other),
            "{:?}",
            other.iter().map(|part| text(part)).collect::<Vec<_>>()
        );
        Ok(())
    });
    refused.unwrap();
}

/// Names and values of a form.
const FORM: usize = 6;

/// A form of three fields between its URL and what is signed with it.
fn parts(url: &str, behind: &[&str]) -> Parts {
    let form = ["CallSid", "CA1234567890ABCDE", "From", "+14158675310", "To", "+18005551212"];
    let all = [url].into_iter().chain(form).chain(behind.iter().copied());
    all.map(|part| part.as_bytes().to_vec()).collect()
}

const URL: &str = "https://mycompany.com/myapp.php?foo=1&bar=2";

#[test]
fn twilios_requests_cannot_be_changed() {
    let key = Secret::new("12345");
    let signature = TwilioSignature::sign(&key, URL, &fields(&parts(URL, &[])[1..]));
    let check = TwilioSignature::new([key]).unwrap();
    refuses_forgeries(&parts(URL, &[&signature]), |parts| {
        let [url, form @ .., signature] = parts.as_slice() else { return false };
        check.form(&text(url), &fields(form), &text(signature)).is_ok()
    });
}

#[test]
fn signalwires_requests_cannot_be_changed() {
    let key = Secret::new("PSK");
    let signature = SignalWireSignature::sign_form(&key, URL, &fields(&parts(URL, &[])[1..]));
    let bodies = SignalWireSignature::sign_body(&key, URL, BODY);
    let check = SignalWireSignature::new([key]).unwrap();
    refuses_forgeries(&parts(URL, &[&signature]), |parts| {
        let [url, form @ .., signature] = parts.as_slice() else { return false };
        check.form(&text(url), &fields(form), &text(signature)).is_ok()
    });
    let [sha1, sha256] = bodies.map(|signature| signature.into_bytes());
    refuses_forgeries(&vec![URL.into(), BODY.to_vec(), sha1], |parts| {
        check.body(&text(&parts[0]), &parts[1], &text(&parts[2])).is_ok()
    });
    refuses_forgeries(&vec![URL.into(), BODY.to_vec(), sha256], |parts| {
        check.body_sha256(&text(&parts[0]), &parts[1], &text(&parts[2])).is_ok()
    });
}

#[test]
fn plivos_requests_cannot_be_changed() {
    let key = Secret::new("MA_token");
    let signature = PlivoSignature::sign(&key, URL, &fields(&parts(URL, &[])[1..]), NONCE);
    let check = PlivoSignature::new([key]).unwrap();
    refuses_forgeries(&parts(URL, &[NONCE, &signature]), |parts| {
        let [url, form @ .., nonce, signature] = parts.as_slice() else { return false };
        check.form(&text(url), &fields(form), &text(nonce), &text(signature)).is_ok()
    });
}

#[test]
fn telnyxs_requests_cannot_be_changed() {
    let key = Secret::new("A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg=");
    let check = TelnyxSignature::new([key]).unwrap();
    let original = vec![AT.to_string().into_bytes(), BODY.to_vec(), TELNYX.into()];
    refuses_forgeries(&original, |parts| {
        check.body(&text(&parts[0]), &parts[1], &text(&parts[2]), AT).is_ok()
    });
}

#[test]
fn vonages_requests_cannot_be_changed() {
    let key = Secret::new("signature secret");
    let token = VonageSignature::sign(&key, BODY, AT);
    let check = VonageSignature::new([key]).unwrap();
    refuses_forgeries(&vec![BODY.to_vec(), token.into_bytes()], |parts| {
        check.body(&parts[0], &text(&parts[1]), AT).is_ok()
    });
}
