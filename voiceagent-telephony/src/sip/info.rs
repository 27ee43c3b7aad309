use crate::DtmfKey;

/// The key that an `INFO` request carries, in either of the two forms that are in use:
/// `application/dtmf-relay` with `Signal=5`, and `application/dtmf` with the key alone.
pub(super) fn key_of(content_type: &str, body: &[u8]) -> Option<DtmfKey> {
    let text = str::from_utf8(body).ok()?;
    let kind = content_type.split(';').next().unwrap_or_default().trim();
    if kind.eq_ignore_ascii_case("application/dtmf-relay") {
        let signal = text.lines().find_map(|line| {
            let (name, value) = line.split_once('=')?;
            name.trim().eq_ignore_ascii_case("signal").then_some(value)
        })?;
        return DtmfKey::parse(signal.trim());
    }
    kind.eq_ignore_ascii_case("application/dtmf").then(|| DtmfKey::parse(text.trim())).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_keys_are_read_and_nothing_else() {
        let read = |kind, body: &[u8]| key_of(kind, body).map(DtmfKey::as_char);
        assert_eq!(read("application/dtmf-relay", b"Signal=5\r\nDuration=160\r\n"), Some('5'));
        assert_eq!(read("Application/DTMF-Relay; x=y", b"signal = # "), Some('#'));
        assert_eq!(read("application/dtmf", b"*\r\n"), Some('*'));
        assert_eq!(read("application/dtmf", b"12"), None);
        assert_eq!(read("text/plain", b"5"), None);
        assert_eq!(read("application/dtmf-relay", b"\xFF\xFE"), None);
    }
}
