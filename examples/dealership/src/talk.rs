//! A call in a browser: a page where a person types, or speaks through the browser's own speech
//! recognition and voice.

mod leg;
mod screen;
mod wire;

use std::{net::SocketAddr, sync::Arc};

use axum::{
    Router,
    extract::{ConnectInfo, Request, State, WebSocketUpgrade},
    http::{HeaderMap, HeaderName, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::get,
};
use tokio::sync::mpsc;
use uuid::Uuid;
use voiceagent_core::{
    CallId,
    transport::{CallInfo, Media},
};

pub use self::{leg::TalkLeg, screen::Screen};

/// The largest message of the page. The longest is one turn of speech.
const LARGEST_MESSAGE: usize = 16 * 1024;

/// How many visitors may wait to be answered. The page is for one person who tries the agent.
const WAITING: usize = 4;

/// Somebody who opened the page and began a call.
#[derive(Debug)]
#[non_exhaustive]
pub struct Visitor {
    /// The call's leg, to be given to an agent.
    pub leg: TalkLeg,
    /// Shows what happens in the call beside the conversation.
    pub screen: Screen,
}

/// The talk page: its routes, and whoever begins a call on it.
#[derive(Debug)]
#[non_exhaustive]
pub struct Talk {
    /// Serves `/` and the page's files, and the socket at `/talk`.
    pub router: Router,
    /// The calls that were begun. When it is dropped or full, further calls are refused.
    pub visitors: mpsc::Receiver<Visitor>,
}

impl Talk {
    /// A page that answers under these host names, with or without a port; under no others, so
    /// that a foreign site cannot reach it through a name of its own.
    ///
    /// An empty list means browsers on this machine only: the names are `localhost`, `127.0.0.1`
    /// and `[::1]`, the connection must come from this machine, and not through a proxy. That needs
    /// the peer's address, which [`serve`](voiceagent_telephony::server::serve) provides.
    #[must_use]
    pub fn new(hosts: &[String]) -> Self {
        let local = ["localhost", "127.0.0.1", "[::1]"].map(str::to_owned);
        let is_local = hosts.is_empty();
        let hosts = if is_local { local.to_vec() } else { hosts.to_vec() };
        let (accepted, visitors) = mpsc::channel(WAITING);
        let desk = Arc::new(Desk { accepted, hosts });
        let router = Router::new()
            .route("/", get(page))
            .route("/talk.css", get(style))
            .route("/talk.js", get(script))
            .route("/talk", get(socket))
            .with_state(desk);
        let router = match is_local {
            true => router.route_layer(middleware::from_fn(refuse_strangers)),
            false => router,
        };
        Self { router, visitors }
    }
}

#[derive(Debug)]
struct Desk {
    accepted: mpsc::Sender<Visitor>,
    hosts: Vec<String>,
}

impl Desk {
    /// The host by which the page was asked for, if it is one of ours.
    fn host<'a>(&self, headers: &'a HeaderMap) -> Option<&'a str> {
        let host = headers.get(header::HOST)?.to_str().ok()?;
        let name = match host.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
            Some(_) | None => host,
        };
        self.hosts.iter().any(|known| known.eq_ignore_ascii_case(name)).then_some(host)
    }

    /// Whether the socket was asked for by our own page. Browsers always say who asks.
    fn is_own_page(&self, headers: &HeaderMap) -> bool {
        let origin = headers.get(header::ORIGIN).and_then(|origin| origin.to_str().ok());
        let origin = origin.and_then(|origin| {
            origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"))
        });
        self.host(headers).is_some_and(|host| origin == Some(host))
    }
}

/// Lets in who comes from this machine. What its proxies pass on came from elsewhere.
async fn refuse_strangers(request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
    let is_here = peer.is_some_and(|ConnectInfo(peer)| peer.ip().to_canonical().is_loopback());
    let is_passed_on = request
        .headers()
        .keys()
        .any(|name| *name == header::FORWARDED || name.as_str().starts_with("x-forwarded-"));
    if is_here && !is_passed_on {
        return next.run(request).await;
    }
    (StatusCode::FORBIDDEN, "This page is for browsers on its own machine.\n").into_response()
}

async fn page(State(desk): State<Arc<Desk>>, headers: HeaderMap) -> Response {
    file(&desk, &headers, "text/html; charset=utf-8", include_str!("talk/page.html"))
}

async fn style(State(desk): State<Arc<Desk>>, headers: HeaderMap) -> Response {
    file(&desk, &headers, "text/css; charset=utf-8", include_str!("talk/page.css"))
}

async fn script(State(desk): State<Arc<Desk>>, headers: HeaderMap) -> Response {
    file(&desk, &headers, "text/javascript; charset=utf-8", include_str!("talk/page.js"))
}

fn file(desk: &Desk, headers: &HeaderMap, kind: &str, content: &'static str) -> Response {
    let Some(host) = desk.host(headers) else {
        return (StatusCode::FORBIDDEN, "This page does not answer under that name.\n")
            .into_response();
    };
    // Older browsers do not count a socket of the same host as 'self'.
    let policy = format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; \
         connect-src 'self' ws://{host} wss://{host}; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'"
    );
    let permissions = HeaderName::from_static("permissions-policy");
    let fixed = [
        (header::CONTENT_SECURITY_POLICY, policy.as_str()),
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (permissions, "camera=(), geolocation=(), microphone=(self)"),
    ];
    (fixed, content).into_response()
}

async fn socket(
    State(desk): State<Arc<Desk>>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    if !desk.is_own_page(&headers) {
        return (StatusCode::FORBIDDEN, "Only the talk page may connect.\n").into_response();
    }
    let Ok(seat) = desk.accepted.clone().try_reserve_owned() else {
        return (StatusCode::SERVICE_UNAVAILABLE, "Nobody is free to answer.\n").into_response();
    };
    // Bookings and journals remember their call, so calls of several runs must differ.
    let call = CallInfo::new(CallId::new(format!("talk-{}", Uuid::now_v7())), Media::Text);
    upgrade.max_message_size(LARGEST_MESSAGE).on_upgrade(move |socket| async move {
        let (screen, notes) = Screen::new();
        seat.send(Visitor { leg: TalkLeg::new(call, socket, notes), screen });
    })
}

#[cfg(test)]
mod tests;
