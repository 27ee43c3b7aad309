//! The agent's voice that comes back from a speakerphone: how soon it is known, how much of it is
//! missed, and how soon a caller is heard over it.
//!
//! `docs/echo.md` defines each figure.

mod room;

use std::{error::Error, fmt::Write as _, hint::black_box};

use voiceagent_core::{
    CallTime,
    audio::{AudioFormat, AudioFrame, MediaTime, Resampler, g711::Law},
    echo::{EchoDetector, Heard},
};

use self::room::{Room, decibels, level};
use crate::vad::{LEVEL, MILLI, RATE, Sound, recordings, thread_time};

const FORMAT: AudioFormat = AudioFormat::MULAW_8K;
/// Samples of a frame of 20 ms.
const FRAME: usize = 160;
/// How far ahead the agent's audio is sent.
const AHEAD: usize = 1_600;
/// Samples of half a second, which lie between what the agent says.
const PAUSE: usize = 4_000;

/// How late an echo comes, in samples: 50 to 400 ms.
const DELAYS: [usize; 4] = [400, 960, 2_000, 3_200];
/// How far below the agent the echo is, in dB, and the line's noise in dBFS.
const LINES: [(f32, f32); 6] =
    [(6.0, -70.0), (12.0, -60.0), (20.0, -60.0), (25.0, -65.0), (30.0, -75.0), (20.0, -50.0)];

/// Measures the echo detector and prints what came out.
///
/// # Errors
///
/// When recordings or the time of this thread cannot be read.
#[expect(clippy::print_stdout, reason = "a bench reports on stdout")]
pub fn run() -> Result<(), Box<dyn Error>> {
    let voices: Vec<Vec<f32>> = recordings()?.iter().map(narrow).collect();
    let agent = agent(&voices);
    let mut table = String::from(
        "| Echo | found after | missed of its frames | caller as loud as the agent heard after, \
         p50 / p90 | 6 dB lower |\n|---|---|---|---|---|\n",
    );
    for (attenuation, noise) in LINES {
        let room = |delay| Room { delay, attenuation, noise };
        let found = DELAYS.map(|delay| echo_alone(&agent, room(delay))).into_iter();
        let (mut begun, mut all, mut missed) = (Vec::new(), 0, 0);
        for found in found {
            begun.push(found.after * 20);
            all += found.audible;
            missed += found.missed;
        }
        begun.sort_unstable();
        let heard = [0.0, 6.0].map(|lower| {
            let mut late: Vec<usize> =
                DELAYS.iter().flat_map(|it| callers(&agent, &voices, room(*it), lower)).collect();
            late.sort_unstable();
            let at = |share: f64| late[((late.len() - 1) as f64 * share).round() as usize];
            format!("{} / {} ms", at(0.5), at(0.9))
        });
        writeln!(
            table,
            "| {attenuation} dB down, noise at {noise} dBFS | {} | {:.1} % | {} | {} |",
            range(begun[0], begun[begun.len() - 1]),
            100.0 * missed as f64 / all.max(1) as f64,
            heard[0],
            heard[1],
        )?;
    }
    println!("{table}");
    let (pairs, taken) = other_voices(&voices);
    println!("Of {pairs} pairs of other voices, {taken} were taken for an echo.");
    println!("It costs {:.2} ms for each second in which the agent speaks.", cost(&agent)?);
    Ok(())
}

fn range(least: usize, most: usize) -> String {
    if least == most { format!("{least} ms") } else { format!("{least} to {most} ms") }
}

/// A recording's speech at the usual level, at 8 kHz.
fn narrow(sound: &Sound) -> Vec<f32> {
    let from = sound.speech.first().map_or(0, |it| it.start * MILLI);
    let to = sound.speech.last().map_or(0, |it| it.end * MILLI).min(sound.samples.len());
    let factor = LEVEL / sound.level();
    let loud: Vec<f32> = sound.samples[from..to].iter().map(|it| factor * it).collect();
    let mut narrow = Vec::new();
    Resampler::new(RATE as u32, FORMAT.sample_rate).process(&loud, &mut narrow);
    narrow
}

/// One thing after the other.
fn agent(voices: &[Vec<f32>]) -> Vec<f32> {
    let mut agent = Vec::new();
    for voice in voices {
        agent.extend(voice);
        agent.resize(agent.len() + PAUSE, 0.0);
    }
    agent.truncate(agent.len() / FRAME * FRAME);
    agent
}

/// What was made of an echo without anybody else.
struct Found {
    /// Frames in which it was audible before it was found, and after, and of these the missed.
    after: usize,
    audible: usize,
    missed: usize,
}

fn echo_alone(agent: &[f32], room: Room) -> Found {
    let verdicts = listen(agent, &room.echo(agent), FRAME).0;
    let clean = Room { noise: f32::NEG_INFINITY, ..room }.echo(agent);
    let is_audible =
        |number: &usize| decibels(level(&clean[number * FRAME..][..FRAME])) > room.noise;
    let first = verdicts.iter().position(|it| *it == Heard::Echo).unwrap_or(verdicts.len());
    let audible: Vec<usize> = (first..verdicts.len()).filter(is_audible).collect();
    Found {
        after: (0..first).filter(is_audible).count(),
        missed: audible.iter().filter(|number| verdicts[**number] != Heard::Echo).count(),
        audible: audible.len(),
    }
}

/// After how many milliseconds each of several callers is heard who speak while the agent does.
fn callers(agent: &[f32], voices: &[Vec<f32>], room: Room, lower: f32) -> Vec<usize> {
    /// The first comes when the echo is known; so far apart, none hears another.
    const FIRST: usize = 8 * 8_000;
    const APART: usize = 5 * 8_000;
    /// A second of each.
    const LENGTH: usize = 8_000;
    let mut heard = room.echo(agent);
    let gain = 10_f32.powf(-lower / 20.0);
    let begins: Vec<usize> = (FIRST..agent.len() - LENGTH).step_by(APART).collect();
    for (number, begin) in begins.iter().enumerate() {
        // Not the voice that the agent has there.
        let own = &voices[(number * 5 + 2) % voices.len()];
        for (sample, own) in heard[*begin..].iter_mut().zip(&own[..LENGTH.min(own.len())]) {
            *sample += gain * own;
        }
    }
    let verdicts = listen(agent, &heard, FRAME).0;
    let late = |begin: usize| {
        let after = verdicts[begin / FRAME..].iter();
        20 * after.take_while(|it| **it != Heard::Caller).count()
    };
    begins.into_iter().map(late).collect()
}

/// How many pairs of different voices there are, of which one may be backwards, and how many of
/// them are taken for a voice and its echo.
fn other_voices(voices: &[Vec<f32>]) -> (usize, usize) {
    let (mut pairs, mut taken) = (0, 0);
    for (number, played) in voices.iter().enumerate() {
        for (_, other) in voices.iter().enumerate().filter(|(other, _)| *other != number) {
            let backwards: Vec<f32> = other.iter().rev().copied().collect();
            for (heard, late) in [(other, 0), (other, 2_600), (&backwards, 700)] {
                let heard = [vec![0.0; late], heard.clone()].concat();
                pairs += 1;
                taken += usize::from(listen(played, &heard, FRAME).1);
            }
        }
    }
    (pairs, taken)
}

/// Whose voice each frame is, and whether an echo was found.
fn listen(played: &[f32], heard: &[f32], piece: usize) -> (Vec<Heard>, bool) {
    let mut echo = EchoDetector::new(FORMAT, FORMAT).expect("a format of telephones");
    let at = |sample: usize| CallTime::ZERO + FORMAT.duration_of(sample as u64);
    let (played, heard) = (frames(played, piece), frames(heard, piece));
    let mut sent = 0;
    let verdicts = heard.iter().enumerate().map(|(number, frame)| {
        let now = number * piece;
        while let Some(next) = played.get(sent).filter(|_| sent * piece < now + AHEAD) {
            echo.played(at(now), next);
            sent += 1;
        }
        black_box(echo.heard(at(now + piece), frame))
    });
    let verdicts = verdicts.collect();
    (verdicts, echo.delay().is_some())
}

fn frames(samples: &[f32], piece: usize) -> Vec<AudioFrame> {
    let frame = |(number, samples): (usize, &[f32])| {
        let mut codes = Vec::new();
        Law::Mulaw.encode_f32_into(samples, &mut codes);
        AudioFrame::new(FORMAT, MediaTime((number * piece) as u64), codes.into())
    };
    samples.chunks_exact(piece).enumerate().map(frame).collect()
}

/// Milliseconds of a core for a second in which the agent speaks and its echo comes back.
fn cost(agent: &[f32]) -> Result<f64, Box<dyn Error>> {
    /// The least of so many runs counts, as others use the machine.
    const RUNS: usize = 7;
    let heard = Room { delay: DELAYS[1], attenuation: 12.0, noise: -60.0 }.echo(agent);
    let seconds = agent.len() as f64 / f64::from(FORMAT.sample_rate);
    let mut least = f64::INFINITY;
    for _ in 0..RUNS {
        let before = thread_time()?;
        black_box(listen(agent, &heard, FRAME));
        least = least.min((thread_time()? - before) / seconds);
    }
    Ok(least)
}
