use mail_parser::{HeaderValue, Message, MessageParser, MimeHeaders};
use voiceagent_core::{Error, ErrorKind, Result};

use crate::store::{Reply, ReplyKind};

/// How many letters of a token: 128 bits.
const TOKEN: usize = 32;

/// A token that nobody guesses.
///
/// # Errors
///
/// When the system has no randomness.
pub fn token() -> Result<String> {
    let mut random = [0; TOKEN / 2];
    rustls::crypto::ring::default_provider().secure_random.fill(&mut random).map_err(|_| {
        Error::new(ErrorKind::Overloaded, "write a letter", "the system has no randomness")
    })?;
    Ok(random.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// What a letter is, as it came. `None` if it is none, or was written by a program that only says
/// that somebody is away: nobody has answered then.
#[must_use]
pub fn read(letter: &[u8]) -> Option<Reply> {
    let message = MessageParser::default().parse(letter)?;
    let address = message.from().and_then(|from| from.first()?.address()).map(str::to_owned);
    let is_report = message.content_type().is_some_and(|kind| {
        kind.ctype().eq_ignore_ascii_case("multipart")
            && kind.subtype().is_some_and(|kind| kind.eq_ignore_ascii_case("report"))
    });
    let mut tokens = tokens(&named(&message));
    let kind = if is_report {
        // The letter that came back stands somewhere in the report (RFC 3462).
        tokens.extend(self::tokens(&String::from_utf8_lossy(letter)));
        if !is_final(&String::from_utf8_lossy(letter)) {
            return None;
        }
        ReplyKind::Returned
    } else if is_automatic(&message) {
        return None;
    } else if wants_no_more(&message) {
        ReplyKind::Stop
    } else {
        ReplyKind::Answer
    };
    let key = match message.message_id() {
        Some(id) => format!("email:{id}"),
        None => format!("email:{}:{}", address.as_deref().unwrap_or_default(), letter.len()),
    };
    Some(Reply {
        key,
        phone: None,
        address: address.filter(|_| !is_report),
        tokens,
        kind,
        stars: None,
    })
}

/// The letters that a letter answers (RFC 5322, section 3.6.4).
fn named(message: &Message<'_>) -> String {
    let mut all = String::new();
    for value in [message.in_reply_to(), message.references()] {
        match value {
            HeaderValue::Text(text) => all.push_str(text),
            HeaderValue::TextList(texts) => {
                texts.iter().for_each(|text| {
                    all.push_str(text);
                    all.push(' ');
                });
            }
            _ => {}
        }
        all.push(' ');
    }
    all
}

/// What may be tokens of ours: as many hexadecimal digits as they have, before an `@`.
fn tokens(text: &str) -> Vec<String> {
    let is_digit = |byte: &u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(byte);
    let mut found = Vec::new();
    for (at, _) in text.match_indices('@') {
        let Some(start) = at.checked_sub(TOKEN) else { continue };
        let digits = &text.as_bytes()[start..at];
        let is_whole = start == 0 || !is_digit(&text.as_bytes()[start - 1]);
        if digits.iter().all(is_digit) && is_whole {
            let token = String::from_utf8_lossy(digits).into_owned();
            if !found.contains(&token) {
                found.push(token);
            }
        }
    }
    found
}

/// Whether a report says that a letter will not arrive, rather than that it takes time (RFC 3464,
/// section 2.3.3).
fn is_final(report: &str) -> bool {
    report.lines().any(|line| {
        let mut parts = line.splitn(2, ':');
        parts.next().is_some_and(|name| name.trim().eq_ignore_ascii_case("action"))
            && parts.next().is_some_and(|action| action.trim().eq_ignore_ascii_case("failed"))
    })
}

/// RFC 3834, section 5.
fn is_automatic(message: &Message<'_>) -> bool {
    message
        .header_raw("Auto-Submitted")
        .is_some_and(|how| !how.trim().to_ascii_lowercase().starts_with("no"))
}

fn wants_no_more(message: &Message<'_>) -> bool {
    let subject = message.subject().unwrap_or_default();
    let text = message.body_text(0).unwrap_or_default();
    let first = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    is_stop(subject) || is_stop(first)
}

/// Whether the whole of a line says that somebody wants no more of it.
pub(crate) fn is_stop(line: &str) -> bool {
    const WORDS: [&str; 12] = [
        "alto",
        "arret",
        "cancel",
        "end",
        "no more",
        "opt out",
        "optout",
        "quit",
        "remove me",
        "stop",
        "stopall",
        "unsubscribe",
    ];
    let line = line.to_lowercase();
    let line = line.trim().trim_end_matches(['.', '!']).trim_end_matches(" please");
    WORDS.contains(&line)
}
