use std::sync::Arc;

use axum::{
    Form, Router,
    extract::{DefaultBodyLimit, OriginalUri, Path, State},
    http::{HeaderMap, StatusCode, header},
    response::{Html, IntoResponse, Response},
    routing::{get, post},
};
use tracing::{info, warn};
use voiceagent_core::{Error, Result, Secret};
use voiceagent_telephony::signature::TwilioSignature;

use crate::{
    clock::Clock,
    mail,
    own_pages::OwnPage,
    phone::Phone,
    rating,
    store::{Channel, Fault, Reply, ReplyKind, Store},
};

/// Where the carrier reports what people write.
pub(crate) const MESSAGES: &str = "/twilio/messages";
/// Where people go who want no more letters.
pub(crate) const UNSUBSCRIBE: &str = "/unsubscribe/";
/// A message has some twenty short fields.
const LONGEST: usize = 64 * 1024;

/// What the routes share.
#[derive(Debug)]
struct Desk {
    store: Store,
    clock: Clock,
    signature: TwilioSignature,
    url: String,
}

/// Takes in what people write, and lets them end it.
///
/// # Errors
///
/// [`Config`](voiceagent_core::ErrorKind::Config) when the token of the carrier is empty.
pub(crate) fn routes(
    store: Store,
    clock: Clock,
    (public_url, token): (&str, &Secret),
) -> Result<Router> {
    let signature = TwilioSignature::new([token.clone()])?;
    let url = public_url.trim_end_matches('/').to_owned();
    let desk = Desk { store, clock, signature, url };
    Ok(Router::new()
        .route(MESSAGES, post(message))
        .route(&format!("{UNSUBSCRIBE}{{token}}"), get(ask).post(unsubscribe))
        .layer(DefaultBodyLimit::max(LONGEST))
        .with_state(Arc::new(desk)))
}

/// A message that came in ("TwiML for Programmable Messaging"). It is answered with nothing: whoever
/// wrote hears from a person.
async fn message(
    State(desk): State<Arc<Desk>>,
    OriginalUri(uri): OriginalUri,
    head: HeaderMap,
    Form(fields): Form<Vec<(String, String)>>,
) -> Response {
    let signature = head.get("x-twilio-signature").and_then(|value| value.to_str().ok());
    let url = format!("{}{uri}", desk.url);
    let check = |signature| desk.signature.form(&url, &fields, signature);
    if let Some(refusal) = signature.map_or(Some("there is none".to_owned()), |signature| {
        check(signature).err().map(|refusal| refusal.to_string())
    }) {
        warn!(refusal, "a message is not the carrier's");
        return StatusCode::FORBIDDEN.into_response();
    }
    let field = |name: &str| {
        fields.iter().find(|(field, _)| field == name).map_or("", |(_, value)| value.as_str())
    };
    let (channel, from) = match field("From").strip_prefix("whatsapp:") {
        Some(from) => (Channel::WhatsApp, from),
        None => (Channel::Sms, field("From")),
    };
    let (Some(phone), name) = (Phone::parse(from), field("MessageSid")) else {
        // Some senders are words; nobody can be answered there.
        return script();
    };
    let kind = if mail::is_stop(field("Body")) { ReplyKind::Stop } else { ReplyKind::Answer };
    let reply = Reply {
        key: format!("message:{name}"),
        phone: Some(phone),
        kind,
        stars: rating::stars(field("Body")),
        ..Reply::default()
    };
    match desk.store.note_reply((&reply, channel), desk.clock.now()).await {
        Ok(is_news) => info!(is_news, ?kind, ?channel, "message.received"),
        Err(fault) => return failed(fault),
    }
    script()
}

/// Programs that look through mail follow links: only who presses the button has decided.
async fn ask(State(desk): State<Arc<Desk>>, Path(token): Path<String>) -> Response {
    match desk.store.letter(&token).await {
        Ok(Some(_)) => page(
            "<p>Do you want no more letters from us?</p>\
             <form method=\"post\"><button>No more letters</button></form>",
        ),
        Ok(None) => unknown(),
        Err(fault) => failed(fault),
    }
}

/// The button of the page, or that of a program for mail (RFC 8058).
async fn unsubscribe(State(desk): State<Arc<Desk>>, Path(token): Path<String>) -> Response {
    match desk.store.unsubscribe(&token, desk.clock.now()).await {
        Ok(true) => page("<p>You get no more letters from us.</p>"),
        Ok(false) => unknown(),
        Err(fault) => failed(fault),
    }
}

fn page(body: &str) -> Response {
    let page = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">\
         <meta name=\"robots\" content=\"noindex\"><title>Letters</title>{body}</html>"
    );
    let policy = "default-src 'none'; form-action 'self'; frame-ancestors 'none'";
    let mut response = Html(page).into_response();
    OwnPage { policy, referrer: "no-referrer" }.keep(response.headers_mut());
    response
}

fn unknown() -> Response {
    (StatusCode::NOT_FOUND, page("<p>This link is none of ours.</p>")).into_response()
}

fn script() -> Response {
    ([(header::CONTENT_TYPE, "text/xml")], "<Response/>").into_response()
}

fn failed(fault: Fault) -> Response {
    warn!(error = %Error::from(fault), "what somebody wrote is not noted");
    StatusCode::SERVICE_UNAVAILABLE.into_response()
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;
    use crate::store::Store;

    const NOW: &str = "2026-11-20T18:00:00Z";

    /// The routes on loopback, known under another address.
    async fn serve(store: &Store) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let clock = Clock::Fixed(NOW.parse().unwrap());
        let house = ("https://agent.example.com/", &Secret::new("hush"));
        let routes = routes(store.clone(), clock, house).unwrap();
        tokio::spawn(async move { axum::serve(listener, routes).await });
        url
    }

    async fn write(url: &str, fields: &[(&str, &str)], token: &str) -> u16 {
        let known = "https://agent.example.com/twilio/messages";
        let signature = TwilioSignature::sign(&Secret::new(token), known, fields);
        let request = reqwest::Client::new().post(format!("{url}{MESSAGES}")).form(fields);
        request.header("x-twilio-signature", signature).send().await.unwrap().status().as_u16()
    }

    #[tokio::test]
    async fn who_writes_stop_is_contacted_no_more_and_only_the_carrier_says_so() {
        let _installed = rustls::crypto::ring::default_provider().install_default();
        let store = Store::fresh().await;
        let url = serve(&store).await;
        let ana = Phone::parse("+16305550111").unwrap();
        let stop = [("MessageSid", "SM1"), ("From", "+16305550111"), ("Body", " Stop. ")];
        assert_eq!(write(&url, &stop, "another").await, 403);
        assert!(!store.is_blocked(&ana, "sms").await.unwrap());
        let hello = [("MessageSid", "SM0"), ("From", "+16305550111"), ("Body", "Stop by at 5?")];
        assert_eq!(write(&url, &hello, "hush").await, 200);
        assert!(!store.is_blocked(&ana, "sms").await.unwrap());
        for _ in 0..2 {
            assert_eq!(write(&url, &stop, "hush").await, 200);
        }
        for channel in ["sms", "voice_ai", "email"] {
            assert!(store.is_blocked(&ana, channel).await.unwrap(), "{channel}");
        }
        let entries = store.export("SELECT count(*) AS n FROM dnc_entry").await.unwrap();
        assert_eq!(entries[0]["n"], 1, "what is told twice counts once");
    }

    #[tokio::test]
    async fn a_number_that_somebody_writes_after_a_call_is_its_rating() {
        let _installed = rustls::crypto::ring::default_provider().install_default();
        let store = Store::fresh().await;
        let url = serve(&store).await;
        store
            .run(
                "INSERT INTO follow_up (call, phone_e164, words, asks_rating, created_at)
                 VALUES ('CA1', '+16305550111', '', 1, 1795197000000)",
            )
            .await;
        store
            .run(
                "INSERT INTO contact_attempt (id, phone_e164, channel, purpose, about_id,
                     dedupe_key, state, outcome, created_at, updated_at)
                 VALUES ('a', '+16305550111', 'sms', 'follow_up', 'CA1', 'k', 'completed', 'sent',
                         1795197000000, 1795197000000)",
            )
            .await;
        let answer = [("MessageSid", "SM1"), ("From", "+16305550111"), ("Body", "5 stars!")];
        for _ in 0..2 {
            assert_eq!(write(&url, &answer, "hush").await, 200);
        }
        assert_eq!(store.ratings(jiff::Timestamp::MIN).await.unwrap(), [(5, 1)].into());
    }

    #[tokio::test]
    async fn a_link_that_is_none_of_ours_ends_nothing() {
        let _installed = rustls::crypto::ring::default_provider().install_default();
        let url = serve(&Store::fresh().await).await;
        let client = reqwest::Client::new();
        let link = format!("{url}{UNSUBSCRIBE}0123456789abcdef");
        assert_eq!(client.get(&link).send().await.unwrap().status().as_u16(), 404);
        assert_eq!(client.post(&link).send().await.unwrap().status().as_u16(), 404);
    }
}
