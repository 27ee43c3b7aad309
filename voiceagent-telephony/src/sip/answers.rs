use std::time::Duration;

use rsipstack::{
    sip::{HasHeaders, Header, Method, Request, StatusCode, prelude::HeadersExt as _},
    transaction::Transaction,
};

use super::session_timer::{SHORTEST, SessionExpires};

/// What we take within a call and outside of one. Not `REFER`: nobody on the line makes us call
/// somebody else.
pub(super) const METHODS: [Method; 8] = [
    Method::Invite,
    Method::Ack,
    Method::Cancel,
    Method::Bye,
    Method::Options,
    Method::Info,
    Method::Update,
    Method::Notify,
];

/// For how long a caller who finds no room should stay away.
pub(super) const RETRY_AFTER: Duration = Duration::from_secs(5);

/// Why a call is not taken.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Refusal {
    /// As many calls as may be are there; whether we say so by being busy.
    Full { is_busy: bool },
    /// Nothing is left for it on this machine, or nobody takes calls any more.
    Unavailable,
    /// An extension is asked for that we do not have.
    Extension,
    /// It asks to be confirmed more often than is good.
    TooShort,
    /// There is no description of media, or none that we can do.
    Media,
    /// The call that it is to take the place of is not there.
    NoSuchCall,
    /// It would only take the place of a call that has not been answered.
    Answered,
    /// It says what cannot be understood.
    Nonsense,
    /// It rings already: the same request has come by another way (RFC 3261, section 8.2.2.2).
    Merged,
}

impl Refusal {
    pub(super) const fn why(self) -> &'static str {
        match self {
            Self::Full { .. } => "the limit of calls is reached",
            Self::Unavailable => "there is no room for it",
            Self::Extension => "it requires an extension that is not there",
            Self::TooShort => "it wants to be confirmed too often",
            Self::Media => "it offers no media that is taken",
            Self::NoSuchCall => "the call that it is to replace is not there",
            Self::Answered => "the call that it is to replace has been answered",
            Self::Nonsense => "it cannot be understood",
            Self::Merged => "it has come by another way, too",
        }
    }

    pub(super) fn status(self) -> StatusCode {
        match self {
            Self::Full { is_busy: true } => StatusCode::BusyHere,
            Self::Full { is_busy: false } | Self::Unavailable => StatusCode::ServiceUnavailable,
            Self::Extension => StatusCode::BadExtension,
            Self::TooShort => StatusCode::SessionIntervalTooSmall,
            Self::Media => StatusCode::NotAcceptableHere,
            Self::NoSuchCall => StatusCode::CallTransactionDoesNotExist,
            Self::Answered => StatusCode::BusyHere,
            Self::Nonsense => StatusCode::BadRequest,
            Self::Merged => StatusCode::LoopDetected,
        }
    }

    pub(super) fn headers(self, request: &Request) -> Vec<Header> {
        match self {
            Self::Full { .. } | Self::Unavailable => vec![try_again_after(RETRY_AFTER)],
            Self::Extension => vec![Header::Unsupported(unknown(request).join(", ").into())],
            Self::TooShort => vec![Header::MinSE(SHORTEST.as_secs().to_string().into())],
            Self::Media | Self::NoSuchCall | Self::Answered | Self::Nonsense | Self::Merged => {
                vec![]
            }
        }
    }
}

/// When whoever is refused may try again.
pub(super) fn try_again_after(wait: Duration) -> Header {
    // Whole seconds, and not before the time.
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    Header::RetryAfter(seconds.to_string().into())
}

/// Whether what a request insists on is there.
pub(super) fn check(request: &Request) -> Result<Option<SessionExpires>, Refusal> {
    if !unknown(request).is_empty() {
        return Err(Refusal::Extension);
    }
    match session_expires(request) {
        Some(asked) if asked.interval < SHORTEST => Err(Refusal::TooShort),
        asked => Ok(asked),
    }
}

/// What a request says of how often it is to be confirmed.
pub(super) fn session_expires(request: &Request) -> Option<SessionExpires> {
    let value = request.header_value("session-expires").or_else(|| request.header_value("x"))?;
    let asked = SessionExpires::parse(&value)?;
    if knows_timers(request) {
        return Some(asked);
    }
    // Nobody is there to be told that it is too short.
    (asked.interval >= SHORTEST).then(|| asked.unsupported())
}

/// Whether whoever asks knows timers (RFC 4028, section 7.1).
pub(super) fn knows_timers(request: &Request) -> bool {
    let names = ["supported", "k", "require"];
    let is_told =
        |header: &&Header| names.iter().any(|name| header.name().eq_ignore_ascii_case(name));
    let told = request.headers().iter().filter(is_told);
    let mut options = told.flat_map(|header| header.value().split(','));
    options.any(|option| option.trim().eq_ignore_ascii_case("timer"))
}

/// How often whoever asks, and all on the way, let themselves be asked at most (RFC 4028, section 5).
pub(super) fn least_interval(request: &Request) -> Option<Duration> {
    let value = request.header_value("min-se")?;
    let seconds: u32 = value.split(';').next()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds.into()))
}

/// Whether nothing but the last answer may be sent without being confirmed (RFC 3262, section 3). We
/// send nothing between then: the caller does not hear that it rings.
pub(super) fn wants_confirmations(request: &Request) -> bool {
    required(request).any(|option| option.eq_ignore_ascii_case("100rel"))
}

/// Extensions that are required and that we do not have.
fn unknown(request: &Request) -> Vec<String> {
    let is_known = |option: &str| {
        ["timer", "100rel", "replaces"].iter().any(|o| option.eq_ignore_ascii_case(o))
    };
    required(request).filter(|option| !is_known(option)).map(str::to_owned).collect()
}

fn required(request: &Request) -> impl Iterator<Item = &str> {
    let headers = request.headers().iter().filter(|header| matches!(header, Header::Require(_)));
    let options = headers.flat_map(|header| header.value().split(',')).map(str::trim);
    options.filter(|option| !option.is_empty())
}

/// The body of a request, if it is a description of media.
pub(super) fn description(request: &Request) -> Option<&str> {
    let kind = request.header_value("content-type")?;
    let kind = kind.split(';').next()?.trim();
    let is_sdp = kind.eq_ignore_ascii_case("application/sdp");
    is_sdp.then(|| str::from_utf8(&request.body).ok()).flatten()
}

/// Whether somebody says that they take an `UPDATE` (RFC 3311, section 5.1).
pub(super) fn allows_update(message: &impl HasHeaders) -> bool {
    let allowed = message.headers().iter().filter(|header| matches!(header, Header::Allow(_)));
    let mut methods = allowed.flat_map(|header| header.value().split(','));
    methods.any(|method| method.trim() == "UPDATE")
}

/// The headers of what says that we are there, and what we can do.
pub(super) fn abilities() -> Vec<Header> {
    let methods: Vec<_> = METHODS.iter().map(ToString::to_string).collect();
    vec![
        Header::Allow(methods.join(", ").into()),
        Header::Accept("application/sdp".into()),
        Header::Supported("timer, replaces".into()),
    ]
}

/// Answers a request and sees it through: its answer may have to be repeated.
pub(super) async fn reply(mut request: Transaction, status: StatusCode, headers: Vec<Header>) {
    if request.reply_with(status, headers, None).await.is_ok() {
        while request.receive().await.is_some() {}
    }
}
