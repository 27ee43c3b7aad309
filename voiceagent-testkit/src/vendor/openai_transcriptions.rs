use std::{io, time::Duration};

use serde_json::{Value, json};
use tokio::time::Instant;
use voiceagent_core::audio::{AudioFormat, Clip};

use super::{
    TurnScript,
    ears::{Ears, Heard},
    http::{HttpRequest, push_chunk},
    openai_http::{Connection, Endpoint},
    server::State,
};

/// What the audio is listened to in.
const FORMAT: AudioFormat = AudioFormat::PCM_16K;

/// Less audio is refused.
const SHORTEST: Duration = Duration::from_millis(100);

const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\n\
    transfer-encoding: chunked\r\n\r\n";

const KNOWN: [&str; 8] = [
    "file",
    "language",
    "model",
    "prompt",
    "response_format",
    "stream",
    "temperature",
    "timestamp_granularities[]",
];

/// OpenAI's `/v1/audio/transcriptions` (OpenAI API reference, "Create transcription"), as Whisper
/// serves it. Each file is an utterance; one in which nobody speaks is an empty text.
pub(super) struct Transcriptions {
    script: TurnScript,
    /// Utterances whose transcripts were sent.
    told: usize,
}

impl Transcriptions {
    pub(super) fn new(script: TurnScript, state: &State) -> Self {
        Self { script, told: state.adopt() }
    }
}

impl Endpoint for Transcriptions {
    const PATH: &'static str = "/v1/audio/transcriptions";

    fn note(&self, request: &HttpRequest) -> String {
        let fields = fields(request);
        let texts = fields.iter().filter(|field| field.file.is_none());
        let lines = texts.map(|it| format!("{}={}", it.name, String::from_utf8_lossy(it.value)));
        lines.collect::<Vec<_>>().join("\n")
    }

    async fn answer(
        &mut self,
        request: &HttpRequest,
        connection: &mut Connection,
    ) -> io::Result<Result<(), &'static str>> {
        let asked = match Asked::check(&fields(request)) {
            Ok(asked) => asked,
            Err(code) => return Ok(Err(code)),
        };
        connection.note_audio(asked.samples.len());
        let said = asked.listen();
        let text = match said {
            Some(_) => self.script.utterances.get(self.told).map_or("", |it| it),
            None => "",
        };
        connection.until(Instant::now() + self.script.delay).await?;
        if asked.stream {
            let mut out = HEAD.to_vec();
            stream(&mut out, text);
            connection.http.write(&out).await?;
        } else {
            let body = asked.body(text, said.unwrap_or_default()).to_string();
            let length = body.len().to_string();
            connection.http.respond(200, &[("content-length", &*length)], &body).await?;
        }
        self.told += usize::from(said.is_some());
        Ok(Ok(()))
    }

    fn cut(&self, state: &State) {
        state.leave(self.told);
    }
}

/// What a request asks for.
struct Asked {
    stream: bool,
    verbose: bool,
    words: bool,
    samples: Vec<u8>,
}

impl Asked {
    /// Checks a request; the error is the code of a refusal.
    fn check(fields: &[Field<'_>]) -> Result<Self, &'static str> {
        if fields.iter().any(|field| !KNOWN.contains(&field.name)) {
            return Err("unknown_field");
        }
        let text = |name: &str| {
            let field = fields.iter().find(|field| field.name == name)?;
            std::str::from_utf8(field.value).ok()
        };
        if text("model").is_none_or(str::is_empty) {
            return Err("model");
        }
        let verbose = match text("response_format") {
            None | Some("json") => false,
            Some("verbose_json") => true,
            Some(_) => return Err("response_format"),
        };
        let words = fields.iter().any(|it| it.name.starts_with("timestamp") && it.value == b"word");
        let stream = text("stream") == Some("true");
        if words && !verbose || stream && verbose {
            return Err("timestamp_granularities");
        }
        if text("language").is_some_and(|it| it.len() != 2) {
            return Err("language");
        }
        let file = fields.iter().find(|field| field.name == "file").ok_or("file")?;
        if !file.file.is_some_and(|name| name.ends_with(".wav")) {
            return Err("unsupported_format");
        }
        let clip = Clip::from_wav(file.value).map_err(|_| "unsupported_format")?;
        if clip.duration() < SHORTEST {
            return Err("audio_too_short");
        }
        let samples = clip.encode(FORMAT).map_err(|_| "unsupported_format")?.to_vec();
        Ok(Self { stream, verbose, words, samples })
    }

    /// Where somebody speaks, if anybody does.
    fn listen(&self) -> Option<(Duration, Duration)> {
        let mut ears = Ears::new(FORMAT);
        let heard = ears.hear(&self.samples);
        let began = heard.iter().find_map(|(_, heard)| match heard {
            Heard::Began(at) => Some(*at),
            Heard::Speech | Heard::Silence(_) => None,
        });
        began.map(|began| (began, ears.last_voice()))
    }

    fn body(&self, text: &str, (start, end): (Duration, Duration)) -> Value {
        if !self.verbose {
            return json!({ "text": text });
        }
        let said: Vec<_> = text.split_whitespace().collect();
        let one = end.saturating_sub(start) / u32::try_from(said.len().max(1)).unwrap_or(1);
        let word = |(at, word): (u32, &&str)| {
            let begins = start + one * at;
            let plain = word.trim_end_matches([',', '.', '?', '!']);
            json!({ "word": plain, "start": begins.as_secs_f64(),
                "end": (begins + one).as_secs_f64() })
        };
        let words: Vec<_> = (0..).zip(&said).map(word).collect();
        let segment = json!({ "id": 0, "start": start.as_secs_f64(), "end": end.as_secs_f64(),
            "text": format!(" {text}"), "no_speech_prob": 0.01 });
        let mut body = json!({ "task": "transcribe", "language": "english", "text": text,
            "segments": [segment] });
        if self.words {
            body["words"] = words.into();
        }
        body
    }
}

fn stream(out: &mut Vec<u8>, text: &str) {
    let mut event = |event: Value| push_chunk(out, format!("data: {event}\n\n").as_bytes());
    for word in text.split_inclusive(' ') {
        event(json!({ "type": "transcript.text.delta", "delta": word }));
    }
    event(json!({ "type": "transcript.text.done", "text": text }));
    out.extend_from_slice(b"0\r\n\r\n");
}

/// A field of a form (RFC 7578).
struct Field<'a> {
    name: &'a str,
    /// The file's name, if it is one.
    file: Option<&'a str>,
    value: &'a [u8],
}

/// The fields of a request; what is no form has none.
fn fields(request: &HttpRequest) -> Vec<Field<'_>> {
    let boundary = request.header("content-type").and_then(|it| it.split_once("boundary="));
    let Some((_, boundary)) = boundary else { return Vec::new() };
    let (begin, end) = (format!("--{boundary}\r\n"), format!("\r\n--{boundary}"));
    let mut fields = Vec::new();
    let mut rest = &request.body[..];
    while let Some(part) = rest.strip_prefix(begin.as_bytes()) {
        let Some(length) = find(part, end.as_bytes()) else { return fields };
        fields.extend(field(&part[..length]));
        rest = part.get(length + 2..).unwrap_or_default();
    }
    fields
}

fn field(part: &[u8]) -> Option<Field<'_>> {
    let head = find(part, b"\r\n\r\n")?;
    let value = &part[head + 4..];
    let head = std::str::from_utf8(&part[..head]).ok()?;
    let quoted = |key: &str| {
        let (_, rest) = head.split_once(key)?;
        rest.split_once('"').map(|(value, _)| value)
    };
    Some(Field { name: quoted("; name=\"")?, file: quoted("; filename=\""), value })
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len()).position(|window| window == wanted)
}
