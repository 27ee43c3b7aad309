use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;
use voiceagent_core::audio::{AudioFormat, Encoding};

use super::{
    SpeakScript, TurnScript,
    contexts::Contexts,
    hearing::{Hearing, Sound},
    outbox::{Outbox, Output},
    query::Query,
    server::{Script, Session},
};

/// Azure's `/speech/recognition/conversation`, as its JavaScript SDK 1.52.0 speaks it.
pub(super) struct AzureListen(pub(super) TurnScript);

/// Azure's `/cognitiveservices/websocket/v2`, likewise: texts come in pieces, one request is served
/// at a time, and a clause that is not complete is kept back.
pub(super) struct AzureSpeak(pub(super) SpeakScript);

const HEADERS: [(&str, &str); 1] = [("ocp-apim-subscription-key", "scripted-vendor-key")];

/// Pieces of stale audio that still come before a request is stopped, and how long that takes.
const STOPPING: Duration = Duration::from_millis(20);

impl Script for AzureListen {
    fn path(&self) -> &str {
        "/speech/recognition/conversation/cognitiveservices/v1"
    }

    fn headers(&self) -> &'static [(&'static str, &'static str)] {
        &HEADERS
    }

    fn check(&self, query: &Query) -> Result<(), String> {
        query.check_known(&["format", "language", "profanity"])?;
        let is_tag = query.get("language").is_some_and(|tag| tag.contains('-'));
        match (is_tag, query.get("format")) {
            (true, Some("detailed")) => Ok(()),
            _ => Err("language or format is not supported".to_owned()),
        }
    }

    fn begin(&self, _query: &Query, progress: usize) -> Box<dyn Session> {
        let hearing = Hearing::new(&self.0, AudioFormat::PCM_16K, progress);
        Box::new(Phrases { hearing, knows: (false, None), began: false })
    }
}

struct Phrases {
    hearing: Hearing,
    /// Who speaks, and the request.
    knows: (bool, Option<String>),
    /// The head of the audio has come.
    began: bool,
}

impl Session for Phrases {
    fn on_audio(&mut self, message: &[u8], now: Instant) {
        let Some((headers, mut audio)) = split(message) else { return self.refuse(now) };
        let ours = self.knows.1.as_deref();
        if header(&headers, "path") != Some("audio") || header(&headers, "x-requestid") != ours {
            return self.refuse(now);
        }
        if !std::mem::replace(&mut self.began, true) {
            let Some((format, rest)) = read_wav(audio) else { return self.refuse(now) };
            self.hearing.listen_in(format);
            audio = rest;
            self.say(now, "turn.start", &json!({ "context": { "serviceTag": "scripted" } }));
        }
        while let Some(sound) = self.hearing.notice(&mut audio) {
            match sound {
                Sound::Began(at) => {
                    self.say(now, "speech.startDetected", &json!({ "Offset": ticks(at) }));
                }
                Sound::Words => {
                    let text = self.hearing.words_so_far().join(" ");
                    let (start, end) = self.hearing.speech().unwrap_or_default();
                    self.say(
                        now,
                        "speech.hypothesis",
                        &json!({ "Text": text, "Offset": ticks(start),
                            "Duration": ticks(end.saturating_sub(start)) }),
                    );
                }
                Sound::Silence(since) if since >= self.hearing.script.end_after => self.end(now),
                Sound::Silence(_) => {}
            }
        }
    }

    fn on_text(&mut self, text: &str, now: Instant) -> bool {
        let Some((headers, body)) = text.split_once("\r\n\r\n") else {
            self.refuse(now);
            return false;
        };
        let body: Value = serde_json::from_str(body).unwrap_or_default();
        let request = header(headers, "x-requestid").map(str::to_owned);
        match header(headers, "path") {
            Some("speech.config") if body["context"]["system"]["name"].is_string() => {
                self.knows.0 = true;
            }
            Some("speech.context")
                if self.knows.0 && body["phraseDetection"]["mode"] == "Conversation" =>
            {
                self.knows.1 = request;
            }
            _ => self.refuse(now),
        }
        false
    }

    fn poll(&mut self, now: Instant) -> Option<Output> {
        self.hearing.poll(now)
    }

    fn wake_at(&self) -> Option<Instant> {
        self.hearing.wake_at()
    }

    fn progress(&self) -> usize {
        self.hearing.progress()
    }
}

impl Phrases {
    /// Tells the whole phrase.
    fn end(&mut self, now: Instant) {
        let words = self.hearing.words();
        let (start, end) = self.hearing.speech().unwrap_or_default();
        let times = self.hearing.times(&words);
        let timed: Vec<_> = words
            .iter()
            .zip(times)
            .map(|(word, (start, end))| {
                let bare = word.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase();
                json!({ "Word": bare, "Offset": ticks(start), "Duration": ticks(end - start) })
            })
            .collect();
        let best = json!({ "Confidence": 0.97, "Display": words.join(" "), "Words": timed });
        let phrase = json!({ "RecognitionStatus": "Success", "Offset": ticks(start),
            "Duration": ticks(end.saturating_sub(start)), "NBest": [best], "is_last": true });
        self.say(now, "speech.phrase", &phrase);
        self.hearing.end();
    }

    fn say(&mut self, now: Instant, path: &str, body: &Value) {
        let request = self.knows.1.clone().unwrap_or_default();
        self.hearing.say_text(now, frame(path, &request, body));
    }

    fn refuse(&mut self, now: Instant) {
        self.hearing.refuse(now, &json!({}), 1007);
    }
}

impl Script for AzureSpeak {
    fn path(&self) -> &str {
        "/cognitiveservices/websocket/v2"
    }

    fn headers(&self) -> &'static [(&'static str, &'static str)] {
        &HEADERS
    }

    fn check(&self, query: &Query) -> Result<(), String> {
        query.check_known(&[])
    }

    fn begin(&self, _query: &Query, _progress: usize) -> Box<dyn Session> {
        Box::new(Requests {
            script: self.0.clone(),
            known: false,
            current: None,
            contexts: Contexts::default(),
            refusals: Outbox::default(),
        })
    }
}

struct Requests {
    script: SpeakScript,
    known: bool,
    current: Option<Request>,
    contexts: Contexts,
    refusals: Outbox,
}

/// What is being spoken.
struct Request {
    name: String,
    format: AudioFormat,
    text: String,
    /// How many bytes of the text were spoken.
    spoken: usize,
    /// When its last message is sent, if that is known.
    ends: Option<Instant>,
}

impl Session for Requests {
    fn on_audio(&mut self, _audio: &[u8], now: Instant) {
        self.refuse(now);
    }

    fn on_text(&mut self, text: &str, now: Instant) -> bool {
        self.current.take_if(|request| request.ends.is_some_and(|ends| ends <= now));
        let taken = text.split_once("\r\n\r\n").and_then(|(headers, body)| {
            let name = header(headers, "x-requestid")?;
            match header(headers, "path")? {
                "speech.config" => {
                    self.known = true;
                    Some(())
                }
                "synthesis.context" => self.start(name, body),
                "text.piece" => self.hear(name, body, now),
                "text.end" => self.end(name, now),
                "synthesis.control" => self.stop(name, body, now),
                _ => None,
            }
        });
        if taken.is_none() {
            self.refuse(now);
        }
        false
    }

    fn poll(&mut self, now: Instant) -> Option<Output> {
        self.refusals.pop(now).or_else(|| self.contexts.pop(now))
    }

    fn wake_at(&self) -> Option<Instant> {
        self.refusals.due().into_iter().chain(self.contexts.due()).min()
    }

    fn progress(&self) -> usize {
        0
    }
}

impl Requests {
    fn start(&mut self, name: &str, body: &str) -> Option<()> {
        let context: Value = serde_json::from_str(body).ok()?;
        let synthesis = &context["synthesis"];
        let input = &synthesis["input"];
        let format = match synthesis["audio"]["outputFormat"].as_str()? {
            "raw-8khz-8bit-mono-alaw" => AudioFormat::ALAW_8K,
            "raw-8khz-8bit-mono-mulaw" => AudioFormat::MULAW_8K,
            "raw-8khz-16bit-mono-pcm" => AudioFormat::PCM_8K,
            "raw-16khz-16bit-mono-pcm" => AudioFormat::PCM_16K,
            "raw-24khz-16bit-mono-pcm" => AudioFormat::PCM_24K,
            _ => return None,
        };
        let speaks = input["bidirectionalStreamingMode"] == true && input["voiceName"].is_string();
        let free = self.known && self.current.is_none();
        (speaks && free).then_some(())?;
        let name = name.to_owned();
        self.current = Some(Request { name, format, text: String::new(), spoken: 0, ends: None });
        Some(())
    }

    fn hear(&mut self, name: &str, text: &str, now: Instant) -> Option<()> {
        let request = self.current.as_mut().filter(|it| it.name == name && it.ends.is_none())?;
        request.text.push_str(text);
        let clauses = request.text.rfind(['.', ',', '?', '!']).map_or(0, |at| at + 1);
        self.speak(clauses, now);
        Some(())
    }

    /// Speaks the text of the request up to `end`.
    fn speak(&mut self, end: usize, now: Instant) {
        let Some(request) = self.current.as_mut().filter(|it| it.spoken < end) else { return };
        let text = request.text[request.spoken..end].to_owned();
        request.spoken = end;
        let (name, format) = (request.name.clone(), request.format);
        let context = self.contexts.named(&name);
        let words = boundaries(&text, context.position, self.script.per_character);
        let words = frame("audio.metadata", &name, &json!({ "Metadata": words }));
        context.push(now + self.script.first_audio_delay, Output::Text(words));
        for piece in context.speak(&self.script, format, &text, now) {
            context.push(piece.due, Output::Binary(audio(&name, &piece.audio)));
        }
    }

    fn end(&mut self, name: &str, now: Instant) -> Option<()> {
        let request = self.current.as_ref().filter(|it| it.name == name && it.ends.is_none())?;
        let end = request.text.len();
        self.speak(end, now);
        let context = self.contexts.named(name);
        context.ended = true;
        let due = context.last_due().unwrap_or(now).max(now);
        context.push(due, Output::Binary(audio(name, &[])));
        context.push(due, Output::Text(frame("turn.end", name, &json!({}))));
        self.current.as_mut()?.ends = Some(due);
        Some(())
    }

    fn stop(&mut self, name: &str, body: &str, now: Instant) -> Option<()> {
        body.contains(r#""stop""#).then_some(())?;
        // One that is over has told so already.
        let Some(request) = self.current.as_mut().filter(|it| it.name == name) else {
            return Some(());
        };
        let due = now + STOPPING;
        request.ends = Some(due);
        self.contexts.cancel(name);
        let context = self.contexts.named(name);
        context.push(due, Output::Text(frame("turn.end", name, &json!({}))));
        Some(())
    }

    fn refuse(&mut self, now: Instant) {
        self.refusals.push(now, Output::Close(1007, "a message could not be read"));
    }
}

/// A message of text.
fn frame(path: &str, request: &str, body: &Value) -> String {
    format!(
        "X-RequestId:{request}\r\nContent-Type:application/json; charset=utf-8\r\nPath:{path}\r\n\
         \r\n{body}"
    )
}

/// A message of audio.
fn audio(request: &str, audio: &[u8]) -> bytes::Bytes {
    let head = format!("X-RequestId:{request}\r\nX-StreamId:1\r\nPath:audio\r\n");
    let length = u16::try_from(head.len()).unwrap_or(u16::MAX).to_be_bytes();
    [&length[..], head.as_bytes(), audio].concat().into()
}

/// The headers and the body of a message of bytes.
fn split(message: &[u8]) -> Option<(String, &[u8])> {
    let length = usize::from(u16::from_be_bytes([*message.first()?, *message.get(1)?]));
    let headers = String::from_utf8(message.get(2..2 + length)?.to_vec()).ok()?;
    Some((headers, &message[2 + length..]))
}

/// The value of a header.
fn header<'a>(headers: &'a str, name: &str) -> Option<&'a str> {
    let fields = headers.lines().filter_map(|line| line.split_once(':'));
    fields
        .filter(|(field, _)| field.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.trim())
        .next_back()
}

/// The format that the head of a WAV file tells, and the audio behind it.
fn read_wav(audio: &[u8]) -> Option<(AudioFormat, &[u8])> {
    let (head, rest) = audio.split_at_checked(44)?;
    let number =
        |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
    let encoding = match head[20] {
        1 => Encoding::PcmS16Le,
        6 => Encoding::Alaw,
        7 => Encoding::Mulaw,
        _ => return None,
    };
    let format = AudioFormat::mono(encoding, number(24));
    let width = u32::try_from(format.sample_bytes()?).ok()?;
    let fits = head.starts_with(b"RIFF") && number(28) == number(24) * width;
    fits.then_some((format, rest))
}

/// When the words of a text are spoken that begins at `position`.
fn boundaries(text: &str, position: Duration, per_character: Duration) -> Vec<Value> {
    let at = |bytes: usize| {
        let characters = u32::try_from(text[..bytes].chars().count()).unwrap_or(u32::MAX);
        position + per_character * characters
    };
    let boundary = |word: &str| {
        let begins = word.as_ptr().addr() - text.as_ptr().addr();
        let (start, end) = (at(begins), at(begins + word.len()));
        json!({ "Type": "WordBoundary", "Data": { "Offset": ticks(start),
            "Duration": ticks(end - start),
            "text": { "Text": word, "Length": word.len(), "BoundaryType": "WordBoundary" } } })
    };
    text.split_whitespace().map(boundary).collect()
}

/// In units of 100 ns.
fn ticks(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos() / 100).unwrap_or(u64::MAX)
}
