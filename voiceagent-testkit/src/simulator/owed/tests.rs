use voiceagent_core::tool::Effect;

use super::*;
use crate::simulator::{
    floor,
    log::{ToolRun, Word},
};

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// The caller has said something until 1.6 s, and the turn is over at 2 s.
fn asked() -> Account {
    Account {
        caller: vec![Span { from: ms(1_000), to: ms(1_600) }],
        said: vec!["u1".to_owned()],
        said_at: vec![ms(1_300)],
        events: vec![(ms(2_000), over(1, "u1"))],
        ..Account::default()
    }
}

fn over(turn: u64, text: &str) -> Event {
    Event::UserTurn {
        turn: TurnId::new(turn),
        pii_text: text.into(),
        end_of_turn_delay: ms(300),
        transcription_delay: None,
    }
}

impl Account {
    /// Lets the agent speak.
    fn speech(mut self, nth: u64, turn: Option<u64>, from: u64, to: u64) -> Self {
        let (generation, turn) = (GenerationId::new(nth), turn.map(TurnId::new));
        self.events.push((ms(from), Event::AgentStarted { generation, turn }));
        self.agent.push(Span { from: ms(from + 30), to: ms(to) });
        let stopped =
            Event::AgentStopped { generation, pii_heard: "yes".into(), interrupted: false };
        self.events.push((ms(to), stopped));
        self
    }

    fn fault(mut self, at: u64, what: &'static str) -> Self {
        self.faults.push((ms(at), what));
        self
    }

    fn word(mut self, nth: u64, text: &str) -> Self {
        let voice = GenerationId::new(nth);
        let (made, text) = (ms(0), text.to_owned());
        let (sent, heard, denied, told_at) = (None, None, None, None);
        self.words.push(Word { text, voice, made, told_at, sent, heard, faked: false, denied });
        self
    }
}

fn calm() -> Profile {
    let mut profile = floor::tests::calm();
    (profile.manner.holds_the_line, profile.greeting) = (true, true);
    profile
}

/// How many replies were judged, and how many were missing.
fn judge(account: &Account) -> (u64, usize) {
    judge_in(&calm(), account)
}

fn judge_in(profile: &Profile, account: &Account) -> (u64, usize) {
    let judged = Replies::of(account, profile, &Settings::default()).judge();
    (judged.judged, judged.found.len())
}

#[test]
fn only_sound_of_an_answer_is_a_reply() {
    assert_eq!(judge(&asked().speech(1, Some(1), 3_000, 4_000)), (1, 0));
    assert_eq!(judge(&asked()), (1, 1), "silence");
    assert_eq!(judge(&asked().speech(1, Some(1), 6_500, 7_000)), (1, 1), "late");
    let mut older = asked();
    older.events.insert(0, (ms(500), over(0, "")));
    let older = older.speech(1, Some(0), 3_000, 9_000);
    let judged = judge(&older);
    assert_eq!(judged.1, 1, "an older answer is none: {judged:?}");
    assert_eq!(judge(&asked().speech(1, None, 3_000, 4_000)), (1, 1), "nor what is said besides");
    let filler = asked().word(1, "filler1").speech(1, None, 3_000, 4_000);
    assert_eq!(judge(&filler), (1, 0), "a filler holds the line");
    let greeting = asked().speech(1, None, 900, 5_000).speech(2, Some(1), 8_000, 8_500);
    assert_eq!(judge(&greeting), (1, 0), "what was begun before is heard first");
}

#[test]
fn a_model_that_takes_turns_owes_what_it_begins_until_it_gives_way() {
    let mut profile = calm();
    profile.kind = Kind::Duplex;
    let begun = || Account { begun: vec![ms(2_000)], ..Account::default() };
    assert_eq!(judge_in(&profile, &begun()), (1, 1), "silence");
    assert_eq!(judge_in(&profile, &begun().speech(1, None, 2_100, 3_000)), (1, 0));
    let mut talked_over = begun();
    talked_over.gave_way = vec![ms(2_050)];
    assert_eq!(judge_in(&profile, &talked_over), (0, 0), "it hears whom it speaks over");
    talked_over.gave_way = vec![ms(1_950)];
    assert_eq!(judge_in(&profile, &talked_over), (1, 1), "what it begins after that is owed");
}

#[test]
fn the_time_begins_with_the_last_sound_that_was_understood() {
    let mut late = asked();
    late.events = vec![(ms(15_000), over(1, "u1"))];
    let late = late.speech(1, Some(1), 15_500, 16_000);
    assert_eq!(judge(&late), (1, 1), "a turn that ends late is owed all the same");
    let deaf = late.fault(1_700, "the recognizer stalls");
    assert_eq!(judge(&deaf), (1, 0), "unless the recognizer was not well");
    let mut goes_on = asked();
    goes_on.caller.push(Span { from: ms(3_000), to: ms(5_000) });
    assert_eq!(judge(&goes_on.speech(1, Some(1), 8_500, 9_000)), (1, 0), "the caller goes on");
    let mut din = asked();
    din.caller.push(Span { from: ms(3_000), to: ms(60_000) });
    assert_eq!(judge(&din.speech(1, Some(1), 30_000, 31_000)), (1, 1), "but a machine may");
}

#[test]
fn a_fault_excuses_only_what_it_touches() {
    assert_eq!(judge(&asked().fault(2_500, "a frame of the caller is lost")), (1, 1));
    assert_eq!(judge(&asked().fault(2_500, "the model hangs")), (1, 1), "words hold the line");
    assert_eq!(judge(&asked().fault(2_500, "the voice stalls")), (0, 0), "and need a voice");
    let mut early = asked();
    for (at, _) in &mut early.events {
        *at += ms(20_000);
    }
    early.said_at[0] += ms(20_000);
    early.caller[0] = Span { from: ms(21_000), to: ms(21_600) };
    assert_eq!(judge(&early.fault(2_000, "the voice stalls")), (1, 1), "that is long over");
    let mut works = asked();
    works.tools.push(ToolRun {
        name: "look_up".into(),
        id: "call-1".into(),
        generation: GenerationId::new(1),
        effect: Effect::Pure,
        key: "key".into(),
        begun: ms(2_200),
        ended: None,
        output: None,
        dropped: None,
        cancellable: true,
    });
    assert_eq!(judge(&works), (1, 1), "a tool excuses nothing either");
    let mut gone = asked();
    gone.hung_up = Some(ms(3_000));
    assert_eq!(judge(&gone), (0, 0), "nobody waits any more");
}

#[test]
fn a_voice_whose_end_nobody_tells_may_keep_an_answer_waiting_for_as_long_as_a_watchdog() {
    let mut starts = calm();
    (starts.kind, starts.relay.starts) = (Kind::Text, true);
    let mut silent = starts.clone();
    silent.relay.starts = false;
    // The caller has said something more, of which nothing is understood, from 2.2 to 2.6 s.
    let lost = |answered: u64, is_dropped: bool| {
        let mut account = asked();
        account.caller.push(Span { from: ms(2_200), to: ms(2_600) });
        account.said.push("u2".to_owned());
        account.said_at.push(ms(2_300));
        let turn = TurnId::new(2);
        let since = voiceagent_core::CallTime::from_millis(2_400);
        account.events.push((ms(2_400), Event::UserStarted { turn, since }));
        if is_dropped {
            account.events.push((ms(7_400), Event::TurnDropped { turn }));
        }
        account.speech(1, Some(1), answered, answered + 500)
    };
    assert_eq!(judge_in(&starts, &lost(11_300, true)), (1, 0));
    assert_eq!(judge_in(&starts, &lost(11_500, true)), (1, 1), "5 s and 4 s after it began");
    assert_eq!(judge_in(&starts, &lost(8_000, false)), (1, 1), "words have ended the turn");
    assert_eq!(judge_in(&silent, &lost(8_000, true)), (1, 1), "what nobody tells excuses nothing");
    assert_eq!(judge(&lost(8_000, true)), (1, 1), "nor where a detector tells the end");
}
