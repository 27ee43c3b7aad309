use std::{sync::Arc, time::Duration};

use futures_util::future::join_all;
use tokio::time::timeout;
use voiceagent_core::{
    TurnId,
    audio::{AudioFormat, AudioFrame, MediaTime},
    llm::Message,
    turn::{TurnDetector, TurnScore, TurnSnapshot},
};

use super::Report;
use crate::tone;

/// Checks a turn detector: the range of its scores, that it answers within `deadline` for all
/// kinds of turns and for several at once, and that an unfinished sentence does not score higher
/// than a finished one.
///
/// # Cancel safety
///
/// Dropping the future ends the checks; there is no report then.
pub async fn turn(subject: &str, detector: &dyn TurnDetector, deadline: Duration) -> Report {
    let mut report = Report::new("end-of-turn predictor", subject);
    for (what, snapshot) in snapshots() {
        let check = format!("it scores {what} from 0 to 1 in time");
        report.note(check, score(detector, snapshot, deadline).await.map(|_| ()));
    }
    let turns = (0..8).map(|number| {
        score(detector, TurnSnapshot::new(TurnId::new(number), "I would like a car."), deadline)
    });
    let at_once = join_all(turns).await.into_iter().collect::<Result<Vec<_>, _>>();
    report.note("it scores eight turns at once in time", at_once.map(|_| ()));
    let check = "an unfinished sentence does not score higher than a finished one";
    report.note(check, order(detector, deadline).await);
    report
}

fn snapshots() -> Vec<(&'static str, TurnSnapshot)> {
    let turn = |text: &str| TurnSnapshot::new(TurnId::new(1), text);
    let format = AudioFormat::MULAW_8K;
    let frame = |number: u64| {
        let at = MediaTime(number * 160);
        AudioFrame::new(format, at, tone::speech(format, at, 160))
    };
    let mut spoken = turn("Tomorrow at nine.");
    spoken.audio = (0..400).map(frame).collect();
    spoken.history = Arc::from([
        Message::User { text: "I need an appointment.".into() },
        Message::Assistant { text: "When does it suit you?".into(), interrupted: false },
    ]);
    vec![
        ("a turn without words", turn("")),
        ("a word", turn("Yes")),
        ("a turn of 5,000 words", turn(&"and so on ".repeat(1_666))),
        ("a turn in another script", turn("明日の九時にお願いします。")),
        ("a turn with 8 s of audio and a history", spoken),
    ]
}

async fn score(
    detector: &dyn TurnDetector,
    snapshot: TurnSnapshot,
    deadline: Duration,
) -> Result<TurnScore, String> {
    let scored = timeout(deadline, detector.score(snapshot)).await;
    let score = scored.map_err(|_| "no answer".to_owned())?.map_err(|error| error.to_string())?;
    let sound = [score.end_of_turn, score.backchannel].iter().all(|p| (0.0..=1.0).contains(p));
    if sound { Ok(score) } else { Err(format!("{score:?}")) }
}

async fn order(detector: &dyn TurnDetector, deadline: Duration) -> Result<(), String> {
    let ask = |text: &str| score(detector, TurnSnapshot::new(TurnId::new(1), text), deadline);
    let open = ask("I would like to book a car for tomorrow and").await?.end_of_turn;
    let done = ask("I would like to book a car for tomorrow.").await?.end_of_turn;
    if open <= done { Ok(()) } else { Err(format!("{open} against {done}")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{conformance::Outcome, fakes::FakeTurnDetector};

    async fn failed(detector: FakeTurnDetector) -> usize {
        let report = turn("faulty", &detector, Duration::from_millis(200)).await;
        let failed = |outcome: &Outcome| matches!(outcome, Outcome::Failed(_));
        report.checks().iter().filter(|(_, outcome)| failed(outcome)).count()
    }

    #[tokio::test(start_paused = true)]
    async fn a_detector_that_breaks_its_promises_fails() {
        assert_eq!(failed(FakeTurnDetector::new(|_| Some(TurnScore::new(1.5)))).await, 7);
        assert_eq!(failed(FakeTurnDetector::new(|_| None)).await, 7);
        let late = FakeTurnDetector::new(|_| Some(TurnScore::new(0.5)));
        assert_eq!(failed(late.with_delay(Duration::from_secs(1))).await, 7);
        let backwards = FakeTurnDetector::new(|turn| {
            Some(TurnScore::new(if turn.text.ends_with("and") { 0.9 } else { 0.1 }))
        });
        assert_eq!(failed(backwards).await, 1);
    }
}
