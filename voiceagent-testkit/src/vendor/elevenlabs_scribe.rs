use std::time::Duration;

use base64_simd::STANDARD;
use serde_json::{Value, json};
use tokio::time::Instant;
use voiceagent_core::audio::{AudioFormat, Encoding};

use super::{
    TurnScript,
    hearing::{Hearing, Sound},
    outbox::Output,
    query::Query,
    server::{Script, Session},
};

/// ElevenLabs' `/v1/speech-to-text/realtime`, as its Python SDK 2.78.0 types it.
pub(super) struct Scribe(pub(super) TurnScript);

const HEADERS: [(&str, &str); 1] = [("xi-api-key", "scripted-vendor-key")];

const KNOWN: [&str; 11] = [
    "audio_format",
    "commit_strategy",
    "enable_logging",
    "include_timestamps",
    "keyterms",
    "language_code",
    "min_silence_duration_ms",
    "min_speech_duration_ms",
    "model_id",
    "vad_silence_threshold_secs",
    "vad_threshold",
];

/// Less audio is not committed.
const SHORTEST: Duration = Duration::from_millis(300);

impl Script for Scribe {
    fn path(&self) -> &str {
        "/v1/speech-to-text/realtime"
    }

    fn headers(&self) -> &'static [(&'static str, &'static str)] {
        &HEADERS
    }

    fn check(&self, query: &Query) -> Result<(), String> {
        query.check_known(&KNOWN)?;
        format(query)?;
        if query.get("model_id") != Some("scribe_v2_realtime") {
            return Err("model_id must be scribe_v2_realtime".to_owned());
        }
        silence(query).map(drop)
    }

    fn begin(&self, query: &Query, progress: usize) -> Box<dyn Session> {
        let format = format(query).expect("the parameters were checked");
        let mut hearing = Hearing::new(&self.0, format, progress);
        hearing.say(
            Instant::now(),
            &json!({ "message_type": "session_started",
            "session_id": "scripted", "config": { "sample_rate": format.sample_rate } }),
        );
        Box::new(Segments {
            hearing,
            rate: format.sample_rate,
            silence: silence(query).expect("the parameters were checked"),
            timestamps: query.is_on("include_timestamps"),
            from: Duration::ZERO,
        })
    }
}

fn format(query: &Query) -> Result<AudioFormat, String> {
    let name = query.get("audio_format").unwrap_or("pcm_16000");
    let parts = name.split_once('_').and_then(|(kind, rate)| Some((kind, rate.parse().ok()?)));
    match parts {
        Some(("ulaw", 8_000)) => Ok(AudioFormat::MULAW_8K),
        Some(("pcm", rate @ (8_000 | 16_000 | 22_050 | 24_000 | 44_100 | 48_000))) => {
            Ok(AudioFormat::mono(Encoding::PcmS16Le, rate))
        }
        _ => Err(format!("audio_format {name} is not supported")),
    }
}

/// After how much silence the vendor commits by itself; `None` if it is asked to.
fn silence(query: &Query) -> Result<Option<Duration>, String> {
    let seconds = query.number::<f64>("vad_silence_threshold_secs")?.unwrap_or(1.5);
    match query.get("commit_strategy") {
        None | Some("manual") => Ok(None),
        Some("vad") if (0.3..=3.0).contains(&seconds) => Ok(Some(Duration::from_secs_f64(seconds))),
        _ => Err("commit_strategy or vad_silence_threshold_secs is not supported".to_owned()),
    }
}

struct Segments {
    hearing: Hearing,
    rate: u32,
    silence: Option<Duration>,
    timestamps: bool,
    /// Where the audio begins that was not committed.
    from: Duration,
}

impl Session for Segments {
    fn on_audio(&mut self, _audio: &[u8], now: Instant) {
        self.refuse(now, "input_error");
    }

    fn on_text(&mut self, text: &str, now: Instant) -> bool {
        let message: Value = serde_json::from_str(text).unwrap_or_default();
        let audio = message["audio_base_64"].as_str().map(|audio| STANDARD.decode_to_vec(audio));
        match audio {
            Some(Ok(audio)) if message["message_type"] == "input_audio_chunk" => {
                if message["sample_rate"] != self.rate {
                    self.refuse(now, "input_error");
                    return false;
                }
                self.hear(&audio, now);
                if message["commit"] == true {
                    self.on_commit(now);
                }
            }
            _ => self.refuse(now, "invalid_request"),
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

impl Segments {
    fn hear(&mut self, mut audio: &[u8], now: Instant) {
        while let Some(sound) = self.hearing.notice(&mut audio) {
            match sound {
                Sound::Words => {
                    let text = self.hearing.words_so_far().join(" ");
                    let partial = json!({ "message_type": "partial_transcript", "text": text });
                    self.hearing.say(now, &partial);
                }
                Sound::Silence(since) if self.silence.is_some_and(|limit| since >= limit) => {
                    self.commit(now);
                }
                Sound::Began(_) | Sound::Silence(_) => {}
            }
        }
    }

    fn on_commit(&mut self, now: Instant) {
        if self.hearing.position() < self.from + SHORTEST {
            let error = json!({ "message_type": "commit_throttled", "error": "too little audio" });
            self.hearing.say(now, &error);
        } else {
            self.commit(now);
        }
    }

    fn commit(&mut self, now: Instant) {
        self.from = self.hearing.position();
        let spoke = self.hearing.speech().is_some();
        let words = self.hearing.words();
        let text = words.join(" ");
        let plain = json!({ "message_type": "committed_transcript", "text": text });
        if spoke && !self.timestamps {
            self.hearing.say_last(now, plain);
        } else {
            self.hearing.say(now, &plain);
        }
        if self.timestamps {
            let times = self.hearing.times(&words);
            let word = |(text, (start, end)): (&String, &(Duration, Duration))| {
                json!({ "text": text, "start": start.as_secs_f64(), "end": end.as_secs_f64(),
                    "type": "word", "logprob": -0.01 })
            };
            let words: Vec<_> = words.iter().zip(&times).map(word).collect();
            let timed = json!({ "message_type": "committed_transcript_with_timestamps",
                "text": text, "language_code": "en", "words": words });
            if spoke {
                self.hearing.say_last(now, timed);
            } else {
                self.hearing.say(now, &timed);
            }
        }
        self.hearing.end();
    }

    fn refuse(&mut self, now: Instant, kind: &str) {
        let error = json!({ "message_type": kind, "error": "refused by the script" });
        self.hearing.refuse(now, &error, 1008);
    }
}
