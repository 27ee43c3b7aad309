//! What each carrier takes, and by whom it lets itself be asked.

use base64_simd::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::Value;

use super::{
    CarrierApi,
    rules::{Effect, NOTHING, Rule},
};
use crate::phone::Carrier;

/// Whether a request with this header `Authorization` comes from the account.
pub(super) fn is_authorized(carrier: Carrier, header: &str) -> bool {
    let secret = CarrierApi::SECRET;
    match carrier {
        Carrier::Telnyx => header == format!("Bearer {secret}"),
        Carrier::Vonage => header.strip_prefix("Bearer ").is_some_and(names_application),
        Carrier::Exotel
        | Carrier::Jambonz
        | Carrier::Plivo
        | Carrier::SignalWire
        | Carrier::Twilio => {
            let pair = format!("{}:{secret}", CarrierApi::ACCOUNT);
            header == format!("Basic {}", STANDARD.encode_to_string(pair))
        }
    }
}

/// Whether a token (RFC 7519) has the shape and the claims that Vonage wants. Its signature is
/// not checked: the public key is the test's.
fn names_application(token: &str) -> bool {
    let mut parts = token.split('.').map(|part| URL_SAFE_NO_PAD.decode_to_vec(part).ok());
    let (Some(Some(header)), Some(Some(claims)), Some(Some(_signature)), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    let read = |json: &[u8]| serde_json::from_slice::<Value>(json).unwrap_or_default();
    let claims = read(&claims);
    let has = |name: &str| !claims[name].is_null();
    read(&header)["alg"] == "RS256"
        && claims["application_id"] == CarrierApi::ACCOUNT
        && has("iat")
        && has("exp")
        && has("jti")
}

pub(super) fn rules(carrier: Carrier) -> &'static [Rule] {
    match carrier {
        Carrier::SignalWire => &SIGNALWIRE,
        Carrier::Telnyx => &TELNYX,
        Carrier::Twilio => &TWILIO,
        Carrier::Plivo => &PLIVO,
        Carrier::Vonage => &VONAGE,
        Carrier::Exotel | Carrier::Jambonz => &[],
    }
}

/// What the three carriers that speak Twilio's API know about a call to be made.
const CREATE: &[&str] = &[
    "AsyncAmd",
    "AsyncAmdStatusCallback",
    "MachineDetection",
    "StatusCallback",
    "StatusCallbackEvent",
    "Timeout",
];

/// "REST API: Call resource", "Recording resource".
static TWILIO: [Rule; 11] = [
    Rule {
        method: "GET",
        path: "/2010-04-01/Accounts/AC1/Calls.json?Status={}&PageSize=100",
        effect: Effect::List("/calls", "sid"),
        ..NOTHING
    },
    Rule {
        method: "GET",
        path: "/2010-04-01/Accounts/AC1/Calls.json?PageSize=50&{}",
        effect: Effect::Made("calls", true),
        ..NOTHING
    },
    Rule {
        method: "GET",
        path: "/2010-04-01/Accounts/AC1/Messages.json?PageSize=50&{}",
        effect: Effect::Made("messages", false),
        ..NOTHING
    },
    Rule {
        path: "/v2/Services/VA1/Verifications",
        required: &["To", "Channel"],
        allowed: &[],
        effect: Effect::Send(r#"{"sid":"VE1","status":"pending"}"#),
        ..NOTHING
    },
    Rule {
        path: "/v2/Services/VA1/VerificationCheck",
        required: &["VerificationSid", "Code"],
        allowed: &[],
        effect: Effect::Send(r#"{"status":"pending"}"#),
        ..NOTHING
    },
    Rule {
        path: "/2010-04-01/Accounts/AC1/Messages.json",
        required: &["To", "From"],
        allowed: &["ContentVariables"],
        one_of: &["Body", "ContentSid"],
        effect: Effect::Send(r#"{"sid":"SM1","status":"queued"}"#),
        ..NOTHING
    },
    Rule {
        path: "/2010-04-01/Accounts/AC1/Calls.json",
        required: &["To", "From"],
        allowed: CREATE,
        one_of: &["Url", "Twiml", "ApplicationSid"],
        effect: Effect::Create("sid"),
        ..NOTHING
    },
    Rule {
        path: "/2010-04-01/Accounts/AC1/Calls/{}.json",
        one_of: &["Url", "Twiml", "Status"],
        effect: Effect::Update,
        ..NOTHING
    },
    Rule {
        method: "GET",
        path: "/2010-04-01/Accounts/AC1/Calls/{}.json",
        effect: Effect::Status("status"),
        ..NOTHING
    },
    Rule {
        path: "/2010-04-01/Accounts/AC1/Calls/{}/Recordings.json",
        allowed: &["RecordingChannels"],
        effect: Effect::Note(r#"{"sid":"RE1","status":"in-progress"}"#),
        ..NOTHING
    },
    Rule {
        path: "/2010-04-01/Accounts/AC1/Calls/{}/Recordings/{}.json",
        required: &["Status"],
        effect: Effect::Note(r#"{"sid":"RE1"}"#),
        ..NOTHING
    },
];

/// "Compatibility API": as Twilio's, but no document stands in a request.
static SIGNALWIRE: [Rule; 12] = [
    Rule {
        method: "GET",
        path: "/api/laml/2010-04-01/Accounts/AC1/Calls?Status={}&PageSize=100",
        effect: Effect::List("/calls", "sid"),
        ..NOTHING
    },
    Rule {
        method: "GET",
        path: "/api/laml/2010-04-01/Accounts/AC1/Calls?PageSize=50&{}",
        effect: Effect::Made("calls", true),
        ..NOTHING
    },
    Rule {
        method: "GET",
        path: "/api/laml/2010-04-01/Accounts/AC1/Messages?PageSize=50&{}",
        effect: Effect::Made("messages", false),
        ..NOTHING
    },
    Rule {
        path: "/api/relay/rest/mfa/sms",
        required: &["to", "from"],
        allowed: &[],
        effect: Effect::Send(r#"{"id":"VE1","success":true}"#),
        ..NOTHING
    },
    Rule {
        path: "/api/relay/rest/mfa/call",
        required: &["to", "from"],
        allowed: &[],
        effect: Effect::Send(r#"{"id":"VE1","success":true}"#),
        ..NOTHING
    },
    Rule {
        path: "/api/relay/rest/mfa/VE1/verify",
        required: &["token"],
        allowed: &[],
        effect: Effect::Send(r#"{"success":false}"#),
        ..NOTHING
    },
    Rule {
        path: "/api/laml/2010-04-01/Accounts/AC1/Messages",
        required: &["To", "From", "Body"],
        effect: Effect::Send(r#"{"sid":"SM1","status":"queued"}"#),
        ..NOTHING
    },
    Rule {
        path: "/api/laml/2010-04-01/Accounts/AC1/Calls",
        required: &["To", "From", "Url"],
        allowed: CREATE,
        effect: Effect::Create("sid"),
        ..NOTHING
    },
    Rule {
        path: "/api/laml/2010-04-01/Accounts/AC1/Calls/{}",
        one_of: &["Url", "Status"],
        effect: Effect::Update,
        ..NOTHING
    },
    Rule {
        method: "GET",
        path: "/api/laml/2010-04-01/Accounts/AC1/Calls/{}",
        effect: Effect::Status("status"),
        ..NOTHING
    },
    Rule {
        path: "/api/laml/2010-04-01/Accounts/AC1/Calls/{}/Recordings",
        allowed: &["RecordingChannels"],
        effect: Effect::Note(r#"{"sid":"RE1"}"#),
        ..NOTHING
    },
    Rule {
        path: "/api/laml/2010-04-01/Accounts/AC1/Calls/{}/Recordings/{}",
        required: &["Status"],
        effect: Effect::Note(r#"{"sid":"RE1"}"#),
        ..NOTHING
    },
];

/// "TeXML REST commands", "Call commands".
static TELNYX: [Rule; 12] = [
    Rule {
        path: "/v2/verifications/sms",
        required: &["phone_number", "verify_profile_id"],
        allowed: &[],
        effect: Effect::Send(r#"{"data":{"id":"VE1"}}"#),
        ..NOTHING
    },
    Rule {
        path: "/v2/verifications/call",
        required: &["phone_number", "verify_profile_id"],
        allowed: &[],
        effect: Effect::Send(r#"{"data":{"id":"VE1"}}"#),
        ..NOTHING
    },
    Rule {
        path: "/v2/verifications/VE1/actions/verify",
        required: &["code"],
        allowed: &[],
        effect: Effect::Send(r#"{"data":{"response_code":"rejected"}}"#),
        ..NOTHING
    },
    Rule {
        path: "/v2/messages",
        required: &["to", "from", "text"],
        effect: Effect::Send(r#"{"data":{"id":"SM1"}}"#),
        ..NOTHING
    },
    Rule {
        path: "/v2/texml/Accounts/AC1/Calls",
        required: &["To", "From", "ApplicationSid"],
        allowed: CREATE,
        one_of: &["Url", "Texml"],
        effect: Effect::Create("call_sid"),
        ..NOTHING
    },
    Rule {
        path: "/v2/texml/Accounts/AC1/Calls/{}",
        one_of: &["Url", "Texml", "Status"],
        effect: Effect::Update,
        ..NOTHING
    },
    Rule {
        method: "GET",
        path: "/v2/texml/Accounts/AC1/Calls/{}",
        effect: Effect::Status("status"),
        ..NOTHING
    },
    Rule {
        path: "/v2/texml/Accounts/AC1/Calls/{}/Recordings.json",
        allowed: &["RecordingChannels"],
        effect: Effect::Note(r#"{"sid":"RE1"}"#),
        ..NOTHING
    },
    Rule {
        path: "/v2/texml/Accounts/AC1/Calls/{}/Recordings/{}.json",
        required: &["Status"],
        effect: Effect::Note(r#"{"sid":"RE1"}"#),
        ..NOTHING
    },
    Rule {
        path: "/v2/calls/{}/actions/send_dtmf",
        required: &["digits"],
        allowed: &["command_id"],
        effect: Effect::Note(r#"{"data":{"result":"ok"}}"#),
        ..NOTHING
    },
    Rule {
        path: "/v2/calls/{}/actions/playback_start",
        required: &["audio_url"],
        allowed: &["command_id", "loop"],
        effect: Effect::Note(r#"{"data":{"result":"ok"}}"#),
        ..NOTHING
    },
    Rule {
        path: "/v2/calls/{}/actions/playback_stop",
        allowed: &["command_id"],
        effect: Effect::Note(r#"{"data":{"result":"ok"}}"#),
        ..NOTHING
    },
];

/// "Voice API: Calls". Numbers stand without their `+`.
static PLIVO: [Rule; 11] = [
    Rule {
        method: "GET",
        path: "/v1/Account/AC1/Call/?status={}",
        effect: Effect::List("/calls", ""),
        ..NOTHING
    },
    Rule {
        path: "/v1/Account/AC1/Message/",
        required: &["src", "dst", "text", "type"],
        effect: Effect::Send(r#"{"message_uuid":["SM1"]}"#),
        ..NOTHING
    },
    Rule {
        path: "/v1/Account/AC1/Call/",
        required: &["to", "from", "answer_url"],
        allowed: &[
            "answer_method",
            "hangup_url",
            "machine_detection",
            "machine_detection_url",
            "ring_timeout",
            "ring_url",
        ],
        effect: Effect::Create("request_uuid"),
        ..NOTHING
    },
    Rule {
        path: "/v1/Account/AC1/Call/{}/",
        required: &["legs", "aleg_url"],
        allowed: &["aleg_method"],
        ..NOTHING
    },
    Rule {
        method: "GET",
        path: "/v1/Account/AC1/Call/{}/?status=live",
        effect: Effect::Status("call_status"),
        ..NOTHING
    },
    Rule { method: "DELETE", path: "/v1/Account/AC1/Call/{}/", effect: Effect::End, ..NOTHING },
    Rule {
        path: "/v1/Account/AC1/Call/{}/DTMF/",
        required: &["digits"],
        allowed: &["leg"],
        ..NOTHING
    },
    Rule {
        path: "/v1/Account/AC1/Call/{}/Record/",
        allowed: &["record_channel_type"],
        effect: Effect::Note(r#"{"recording_id":"RE1","url":"https://media.example/RE1"}"#),
        ..NOTHING
    },
    Rule { method: "DELETE", path: "/v1/Account/AC1/Call/{}/Record/", ..NOTHING },
    Rule {
        path: "/v1/Account/AC1/Call/{}/Play/",
        required: &["urls"],
        allowed: &["loop"],
        ..NOTHING
    },
    Rule { method: "DELETE", path: "/v1/Account/AC1/Call/{}/Play/", ..NOTHING },
];

/// "Voice API". Numbers stand without their `+`.
static VONAGE: [Rule; 8] = [
    Rule {
        method: "GET",
        path: "/v1/calls?status={}&page_size=100",
        effect: Effect::List("/_embedded/calls", "uuid"),
        ..NOTHING
    },
    Rule {
        path: "/v1/messages",
        required: &["channel", "message_type", "from", "to", "text"],
        effect: Effect::Send(r#"{"message_uuid":"SM1"}"#),
        ..NOTHING
    },
    Rule {
        path: "/v1/calls",
        required: &["to", "from"],
        allowed: &[
            "advanced_machine_detection",
            "answer_method",
            "event_method",
            "event_url",
            "ringing_timer",
        ],
        one_of: &["answer_url", "ncco"],
        effect: Effect::Create("uuid"),
        ..NOTHING
    },
    Rule {
        method: "PUT",
        path: "/v1/calls/{}",
        required: &["action"],
        allowed: &["destination"],
        effect: Effect::Update,
        ..NOTHING
    },
    Rule { method: "GET", path: "/v1/calls/{}", effect: Effect::Status("status"), ..NOTHING },
    Rule { method: "PUT", path: "/v1/calls/{}/dtmf", required: &["digits"], ..NOTHING },
    Rule {
        method: "PUT",
        path: "/v1/calls/{}/stream",
        required: &["stream_url"],
        allowed: &["loop"],
        ..NOTHING
    },
    Rule { method: "DELETE", path: "/v1/calls/{}/stream", ..NOTHING },
];

/// "Calls".
pub(super) static VAPI: [Rule; 3] = [
    Rule {
        path: "/call",
        required: &["assistantId", "customer", "phoneNumberId"],
        allowed: &["assistantOverrides"],
        effect: Effect::Create("id"),
        ..NOTHING
    },
    Rule { method: "GET", path: "/call?{}", effect: Effect::MadeByHost, ..NOTHING },
    Rule { method: "GET", path: "/call/{}", effect: Effect::Status("status"), ..NOTHING },
];
