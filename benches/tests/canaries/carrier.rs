//! Twilio's side: it signs what it sends, and dials as it is answered.

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use voiceagent_core::Secret;
use voiceagent_telephony::signature::TwilioSignature;
use voiceagent_testkit::phone::Dial;

const PATH: &str = "/twilio/voice";

pub(crate) struct Carrier {
    url: String,
    key: Secret,
}

impl Carrier {
    pub(crate) fn new(url: &str, key: &str) -> Self {
        Self { url: url.to_owned(), key: Secret::new(key) }
    }

    /// Sends a webhook that was signed with `key`, and gives the whole response.
    pub(crate) async fn webhook(&self, from: &str, key: &str) -> String {
        let fields = [("CallSid", "CA1"), ("From", from), ("To", "+15005550100")];
        let target = format!("{}{PATH}", self.url);
        let signature = TwilioSignature::sign(&Secret::new(key), &target, &fields);
        let pairs = fields.map(|(name, value)| format!("{name}={}", value.replace('+', "%2B")));
        let body = pairs.join("&");
        let host = self.url.trim_start_matches("http://");
        let request = format!(
            "POST {PATH} HTTP/1.1\r\nHost: {host}\r\nX-Twilio-Signature: {signature}\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\
             Connection: close\r\n\r\n{body}",
            body.len()
        );
        let mut socket = TcpStream::connect(host).await.unwrap();
        socket.write_all(request.as_bytes()).await.unwrap();
        let mut response = String::new();
        socket.read_to_string(&mut response).await.unwrap();
        response
    }

    /// The call that the answer of a webhook asks for.
    pub(crate) fn dial(&self, twiml: &str) -> Dial {
        let url = attribute(twiml, "<Stream ", "url");
        let signature = TwilioSignature::sign::<&str, &str>(&self.key, &url, &[]);
        let dial = Dial::to(url).call_id("CA1").header("x-twilio-signature", signature);
        dial.parameter("token", parameter(twiml, "token"))
    }
}

/// The value of a parameter of the stream.
pub(crate) fn parameter(twiml: &str, name: &str) -> String {
    attribute(twiml, &format!("<Parameter name=\"{name}\""), "value")
}

fn attribute(xml: &str, element: &str, name: &str) -> String {
    let (_, rest) = xml.split_once(element).unwrap_or_else(|| panic!("no {element} in {xml}"));
    let (_, value) = rest.split_once(&format!("{name}=\"")).unwrap();
    value.split_once('"').unwrap().0.to_owned()
}
