use base64_simd::STANDARD;

/// What a vendor sends.
#[derive(Debug)]
pub(super) enum Message {
    Audio(Vec<u8>),
    Text(String),
}

impl Message {
    pub(super) fn bytes(&self) -> &[u8] {
        match self {
            Self::Audio(audio) => audio,
            Self::Text(text) => text.as_bytes(),
        }
    }
}

/// The n-th message, about what the vendor calls so.
type Write = fn(usize, &str) -> Message;

/// An adapter and what its vendor sends it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Case {
    /// What is measured.
    pub(super) name: &'static str,
    /// What the registry is asked for, in JSON.
    pub(super) settings: &'static str,
    pub(super) message: Write,
    /// What the vendor says before it is told anything, or before an answer.
    pub(super) hello: Option<&'static str>,
}

impl Case {
    const fn new(name: &'static str, settings: &'static str, message: Write) -> Self {
        Self { name, settings, message, hello: None }
    }

    const fn after(self, hello: &'static str) -> Self {
        Self { hello: Some(hello), ..self }
    }
}

pub(super) const RECOGNIZERS: [Case; 10] = [
    Case::new("assemblyai, final", r#"{"provider":"assemblyai"}"#, assemblyai)
        .after(r#"{"type":"Begin","id":"s","expires_at":1800000000}"#),
    Case::new("azure, final", r#"{"provider":"azure"}"#, azure),
    Case::new("cartesia, final", r#"{"provider":"cartesia"}"#, ink)
        .after(r#"{"type":"connected"}"#),
    Case::new("cartesia manual, final", r#"{"provider":"cartesia","manual":true}"#, ink_manual),
    Case::new("deepgram, final", r#"{"provider":"deepgram"}"#, deepgram),
    Case::new("deepgram-flux, final", r#"{"provider":"deepgram-flux"}"#, flux)
        .after(r#"{"type":"Connected","request_id":"r","sequence_id":0}"#),
    Case::new("elevenlabs, final", r#"{"provider":"elevenlabs"}"#, scribe)
        .after(r#"{"message_type":"session_started","session_id":"s"}"#),
    Case::new("openai-realtime, final", r#"{"provider":"openai-realtime"}"#, openai_words)
        .after(r#"{"type":"session.updated","session":{}}"#),
    Case::new("soniox, final", r#"{"provider":"soniox"}"#, soniox),
    // The last words of an utterance come before its end, which is a message by itself.
    Case::new("speechmatics, last words", r#"{"provider":"speechmatics"}"#, speechmatics)
        .after(r#"{"message":"RecognitionStarted","id":"r"}"#),
];

/// Models that answer over HTTP.
pub(super) const MODELS: [Case; 4] = [
    Case::new("anthropic, token", r#"{"provider":"anthropic"}"#, anthropic),
    Case::new("gemini, token", r#"{"provider":"gemini"}"#, gemini),
    Case::new("openai, token", r#"{"provider":"openai"}"#, openai),
    Case::new("openai Responses, token", r#"{"provider":"openai","api":"responses"}"#, responses),
];

/// The one that answers over a WebSocket.
pub(super) const SOCKET_MODEL: Case = Case::new(
    "openai Responses over a WebSocket, token",
    r#"{"provider":"openai","api":"responses_websocket"}"#,
    responses_event,
)
.after(r#"{"type":"response.created","response":{"id":"resp","status":"in_progress"}}"#);

pub(super) const VOICES: [Case; 5] = [
    Case::new(
        "azure, 20 ms",
        r#"{"provider":"azure","voice":"en-US-AvaMultilingualNeural"}"#,
        azure_audio,
    ),
    Case::new("cartesia, 20 ms", r#"{"provider":"cartesia","voice":"v"}"#, cartesia),
    Case::new("deepgram, 20 ms", r#"{"provider":"deepgram"}"#, audio),
    Case::new("deepgram-flux, 20 ms", r#"{"provider":"deepgram-flux"}"#, audio)
        .after(r#"{"type":"Connected","request_id":"r"}"#),
    Case::new("elevenlabs, 20 ms", r#"{"provider":"elevenlabs","voice":"v"}"#, elevenlabs),
];

const WORDS: [&str; 7] = ["could", "I", "come", "in", "on", "Friday", "at"];

/// Each of the seven words, and a last one that differs, in a vendor's writing.
fn words(number: usize, write: impl Fn(usize, &str) -> String) -> String {
    let last = number.to_string();
    let words = WORDS.iter().copied().chain([last.as_str()]).enumerate();
    words.map(|(at, word)| write(at, word)).collect::<Vec<_>>().join(",")
}

fn text(number: usize) -> String {
    format!("{} {number}", WORDS.join(" "))
}

/// A message of usual length.
pub(super) fn floor(number: usize, _: &str) -> Message {
    Message::Text(format!("{number:0>600}"))
}

fn assemblyai(number: usize, _: &str) -> Message {
    let words = words(number, |at, word| {
        let (start, end) = (at * 200, at * 200 + 180);
        format!(
            r#"{{"start":{start},"end":{end},"text":"{word}","confidence":0.98,"word_is_final":true}}"#
        )
    });
    Message::Text(format!(
        r#"{{"type":"Turn","turn_order":{number},"turn_is_formatted":false,"end_of_turn":true,"transcript":"{}","utterance":"","end_of_turn_confidence":0.92,"words":[{words}]}}"#,
        text(number)
    ))
}

fn azure(number: usize, _: &str) -> Message {
    let words = words(number, |at, word| {
        let (offset, duration) = (at * 2_000_000, 1_800_000);
        format!(r#"{{"Word":"{word}","Offset":{offset},"Duration":{duration}}}"#)
    });
    let text = text(number);
    Message::Text(format!(
        "X-RequestId: {:032x}\r\nContent-Type: application/json\r\nPath: speech.phrase\r\n\r\n\
         {{\"RecognitionStatus\":\"Success\",\"Offset\":0,\"Duration\":16000000,\"NBest\":[{{\
         \"Confidence\":0.93,\"Lexical\":\"{text}\",\"ITN\":\"{text}\",\"MaskedITN\":\"{text}\",\
         \"Display\":\"{text}.\",\"Words\":[{words}]}}]}}",
        7
    ))
}

fn ink(number: usize, _: &str) -> Message {
    let text = text(number);
    Message::Text(format!(
        r#"{{"type":"turn.end","request_id":"r","turn_id":{number},"transcript":"{text}"}}"#
    ))
}

fn ink_manual(number: usize, _: &str) -> Message {
    let (text, words) = (text(number), words(number, timed));
    Message::Text(format!(
        r#"{{"type":"transcript","request_id":"r","is_final":true,"text":"{text}","duration":1.6,"words":[{words}]}}"#
    ))
}

fn deepgram(number: usize, _: &str) -> Message {
    let (text, words) = (text(number), words(number, timed));
    let start = number as f64 * 1.6;
    Message::Text(format!(
        r#"{{"type":"Results","channel_index":[0,1],"duration":1.6,"start":{start:.2},"is_final":true,"speech_final":true,"channel":{{"alternatives":[{{"transcript":"{text}","confidence":0.99,"words":[{words}]}}]}},"metadata":{{"request_id":"r","model_uuid":"m"}},"from_finalize":false}}"#
    ))
}

fn flux(number: usize, _: &str) -> Message {
    let (text, words) = (text(number), words(number, timed));
    Message::Text(format!(
        r#"{{"type":"TurnInfo","request_id":"r","sequence_id":{number},"event":"EndOfTurn","turn_index":{number},"audio_window_start":0.0,"audio_window_end":1.6,"transcript":"{text}","words":[{words}],"end_of_turn_confidence":0.9}}"#
    ))
}

fn scribe(number: usize, _: &str) -> Message {
    let words = words(number, |at, word| {
        let (start, end) = (at as f64 * 0.2, at as f64 * 0.2 + 0.18);
        format!(
            r#"{{"text":"{word}","start":{start:.2},"end":{end:.2},"type":"word","logprob":-0.1}}"#
        )
    });
    let text = text(number);
    Message::Text(format!(
        r#"{{"message_type":"committed_transcript_with_timestamps","text":"{text}","language_code":"en","words":[{words}]}}"#
    ))
}

fn openai_words(number: usize, _: &str) -> Message {
    let text = text(number);
    Message::Text(format!(
        r#"{{"type":"conversation.item.input_audio_transcription.completed","event_id":"e","item_id":"item_{number}","content_index":0,"transcript":"{text}"}}"#
    ))
}

fn timed(at: usize, word: &str) -> String {
    let (start, end) = (at as f64 * 0.2, at as f64 * 0.2 + 0.18);
    format!(r#"{{"word":"{word}","start":{start:.2},"end":{end:.2},"confidence":0.98}}"#)
}

fn soniox(number: usize, _: &str) -> Message {
    let tokens = words(number, |at, word| {
        let (start, end) = (at * 200, at * 200 + 180);
        format!(
            r#"{{"text":" {word}","start_ms":{start},"end_ms":{end},"confidence":0.98,"is_final":true}}"#
        )
    });
    Message::Text(format!(
        r#"{{"tokens":[{tokens},{{"text":"<end>","confidence":1.0,"is_final":true}}],"final_audio_proc_ms":1600,"total_audio_proc_ms":1600}}"#
    ))
}

fn speechmatics(number: usize, _: &str) -> Message {
    let words = words(number, |at, word| {
        let (start, end) = (at as f64 * 0.2, at as f64 * 0.2 + 0.18);
        format!(
            r#"{{"type":"word","start_time":{start:.2},"end_time":{end:.2},"alternatives":[{{"content":"{word}","confidence":0.98,"language":"en"}}]}}"#
        )
    });
    let text = text(number);
    Message::Text(format!(
        r#"{{"message":"AddPartialTranscript","format":"2.9","metadata":{{"start_time":0.0,"end_time":1.6,"transcript":"{text}"}},"results":[{words}]}}"#
    ))
}

fn anthropic(number: usize, _: &str) -> Message {
    Message::Text(format!(
        "event: content_block_delta\ndata: {{\"type\":\"content_block_delta\",\"index\":0,\
         \"delta\":{{\"type\":\"text_delta\",\"text\":\" {number}\"}}}}\n\n"
    ))
}

fn gemini(number: usize, _: &str) -> Message {
    Message::Text(format!(
        "data: {{\"candidates\":[{{\"content\":{{\"parts\":[{{\"text\":\" {number}\"}}],\"role\":\
         \"model\"}},\"index\":0}}],\"modelVersion\":\"gemini\"}}\r\n\r\n"
    ))
}

fn openai(number: usize, _: &str) -> Message {
    Message::Text(format!(
        "data: {{\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"gpt\",\
         \"choices\":[{{\"index\":0,\"delta\":{{\"content\":\" {number}\"}},\"finish_reason\":null}}\
         ]}}\n\n"
    ))
}

fn responses(number: usize, context: &str) -> Message {
    let event = responses_event(number, context);
    let event = String::from_utf8_lossy(event.bytes());
    Message::Text(format!("event: response.output_text.delta\ndata: {event}\n\n"))
}

fn responses_event(number: usize, _: &str) -> Message {
    Message::Text(format!(
        r#"{{"type":"response.output_text.delta","sequence_number":{number},"item_id":"msg","output_index":0,"content_index":0,"delta":" {number}"}}"#
    ))
}

fn sound(bytes: usize, number: usize) -> Vec<u8> {
    (0..bytes).map(|at| ((at + number) % 200) as u8).collect()
}

fn audio(number: usize, _: &str) -> Message {
    Message::Audio(sound(160, number))
}

fn cartesia(number: usize, context: &str) -> Message {
    let data = STANDARD.encode_to_string(sound(160, number));
    Message::Text(format!(
        r#"{{"type":"chunk","context_id":"{context}","status_code":206,"done":false,"data":"{data}","step_time":4.2}}"#
    ))
}

fn elevenlabs(number: usize, context: &str) -> Message {
    let audio = STANDARD.encode_to_string(sound(160, number));
    Message::Text(format!(
        r#"{{"audio":"{audio}","isFinal":null,"normalizedAlignment":null,"alignment":null,"contextId":"{context}"}}"#
    ))
}

fn azure_audio(number: usize, context: &str) -> Message {
    let head = format!("X-RequestId: {context}\r\nContent-Type: audio/x-mulaw\r\nPath: audio\r\n");
    let length = u16::try_from(head.len()).expect("a head is short");
    let length = length.to_be_bytes();
    Message::Audio([&length[..], head.as_bytes(), &sound(160, number)].concat())
}
