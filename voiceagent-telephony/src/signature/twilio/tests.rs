use super::*;

const FORM: [(&str, &str); 5] = [
    ("To", "+18005551212"),
    ("CallSid", "CA1234567890ABCDE"),
    ("Digits", "1234"),
    ("Caller", "+14158675310"),
    ("From", "+14158675310"),
];
const URL: &str = "https://mycompany.com/myapp.php?foo=1&bar=2";
const SIGNATURE: &str = "GvWf1cFY/Q7PnoempGyD5oXAezc=";
const NO_FIELDS: [(&str, &str); 0] = [];

fn check() -> TwilioSignature {
    TwilioSignature::new([Secret::new("12345")]).unwrap()
}

#[test]
fn the_published_vectors_hold() {
    let check = check();
    assert_eq!(check.form(URL, &FORM, SIGNATURE), Ok(()));
    let with_port = URL.replace(".com/", ".com:443/");
    assert_eq!(check.form(&with_port, &FORM, "5s2PFy0qmPcZucb4eH4b08ZJtL0="), Ok(()));
    let json = "https://mycompany.com/hook?bodySHA256=09ad9fd2fb648cb2f62141215828ea00a62c299db05d20aa9ade2f527a301cc6";
    let signature = "RnI8toflDjiPofjf0pBb4gYw5xs=";
    assert_eq!(check.body(json, r#"{"a":1,"b":"é"}"#.as_bytes(), signature), Ok(()));
    assert_eq!(check.body(json, br#"{"a":2,"b":"e"}"#, signature), Err(SignatureRefusal::Body));
    assert_eq!(check.url("wss://mycompany.com/stream", "DlELQE5iuG0XFAEQgMbv2UNcQU4="), Ok(()));
    assert_eq!(check.url("wss://mycompany.com/stream/", "u+LCj3K4Zdmo8l24BEQ1agcRZe8="), Ok(()));
    let repeated = [("A", "2"), ("A", "1"), ("A", "2")];
    assert_eq!(check.form("https://x.y/", &repeated, "FEKYGYS8H6JK2L+V4K1CR1A+SKc="), Ok(()));
}

#[test]
fn signing_makes_the_published_signatures() {
    assert_eq!(TwilioSignature::sign(&Secret::new("12345"), URL, &FORM), SIGNATURE);
}

#[test]
fn the_default_port_may_be_there_or_not() {
    let check = check();
    for (signed, seen) in [
        ("https://h.example/x", "https://h.example:443/x"),
        ("https://h.example:443/x", "https://h.example/x"),
        ("wss://h.example/x", "wss://h.example:443/x"),
        ("wss://h.example:443/x", "wss://h.example/x"),
        ("http://h.example:80?q=1", "http://h.example?q=1"),
        ("https://u:p@h.example/x", "https://u:p@h.example:443/x"),
        ("https://[::1]/x", "https://[::1]:443/x"),
        ("https://h.example/x", "https://h.example/x#rc=3&ct=1000"),
    ] {
        let signature = TwilioSignature::sign(&Secret::new("12345"), signed, &NO_FIELDS);
        assert_eq!(check.url(seen, &signature), Ok(()), "{signed} seen as {seen}");
    }
    for (signed, seen) in [
        ("https://h.example/x", "https://h.example:8443/x"),
        ("https://h.example/x", "http://h.example/x"),
        ("https://h.example/x", "https://h.example/x/"),
        ("wss://h.example/x", "wss://h.example:80/x"),
    ] {
        let signature = TwilioSignature::sign(&Secret::new("12345"), signed, &NO_FIELDS);
        assert_eq!(check.url(seen, &signature), Err(SignatureRefusal::Mismatch), "{seen}");
    }
}

#[test]
fn both_tokens_hold_while_they_are_rotated() {
    let check = TwilioSignature::new(["new", "12345"].map(Secret::new)).unwrap();
    assert_eq!(check.form(URL, &FORM, SIGNATURE), Ok(()));
    let signature = TwilioSignature::sign(&Secret::new("new"), URL, &FORM);
    assert_eq!(check.form(URL, &FORM, &signature), Ok(()));
}

#[test]
fn a_check_without_a_token_cannot_be_made() {
    assert!(TwilioSignature::new([]).is_err());
    assert!(TwilioSignature::new([Secret::new("12345"), Secret::new("")]).is_err());
}

#[test]
fn a_thousand_forgeries_are_refused() {
    let check = check();
    let signature = STANDARD.decode_to_vec(SIGNATURE).unwrap();
    let mut tried = 0;
    // Each bit of the signature, then lengths.
    for bit in 0..signature.len() * 8 {
        let mut forged = signature.clone();
        forged[bit / 8] ^= 1 << (bit % 8);
        let forged = STANDARD.encode_to_string(forged);
        assert!(check.form(URL, &FORM, &forged).is_err());
        tried += 1;
    }
    for length in 0..signature.len() {
        let forged = STANDARD.encode_to_string(&signature[..length]);
        assert!(check.form(URL, &FORM, &forged).is_err());
        tried += 1;
    }
    // Each character of the URL, changed and left out.
    for place in 0..URL.len() {
        let changed = char::from(URL.as_bytes()[place] ^ 1).to_string();
        for with in ["", changed.as_str()] {
            let mut url = URL.to_owned();
            url.replace_range(place..=place, with);
            assert!(check.form(&url, &FORM, SIGNATURE).is_err(), "{url}");
            tried += 1;
        }
    }
    // Each character of each field, each field left out, and fields added.
    for field in 0..FORM.len() {
        for bit in 0..7 {
            for place in 0..FORM[field].1.len() {
                let mut value = FORM[field].1.as_bytes().to_vec();
                value[place] ^= 1 << bit;
                let value = String::from_utf8(value).unwrap();
                let mut form = FORM.to_vec();
                form[field].1 = &value;
                assert!(check.form(URL, &form, SIGNATURE).is_err());
                tried += 1;
            }
        }
        let mut form = FORM.to_vec();
        form.remove(field);
        assert!(check.form(URL, &form, SIGNATURE).is_err());
        tried += 1;
    }
    for added in 0..400 {
        let name = format!("X{added}");
        let mut form = FORM.to_vec();
        form.push((&name, "1"));
        assert!(check.form(URL, &form, SIGNATURE).is_err());
        tried += 1;
    }
    for token in ["", "1234", "123456", "12345 "] {
        let forged = TwilioSignature::sign(&Secret::new(token), URL, &FORM);
        assert!(check.form(URL, &FORM, &forged).is_err());
        tried += 1;
    }
    for unreadable in ["", "!", "GvWf1cFY/Q7PnoempGyD5oXAezc", "GvWf1cFY_Q7PnoempGyD5oXAezc="] {
        assert!(check.form(URL, &FORM, unreadable).is_err(), "{unreadable}");
    }
    assert!(tried >= 1_000, "{tried}");
}
