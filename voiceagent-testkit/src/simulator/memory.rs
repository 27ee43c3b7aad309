use voiceagent_core::Event;

use super::{Violation, heard::Places, log::Account, profile::Profile};

/// What a speech-to-speech model knows of what it said: nothing that nobody heard, if it can be
/// told and the carrier reports what it played; and nothing that it was told wrongly.
pub(super) fn check(account: &Account, profile: &Profile) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut violation = |law, seen| found.push(Violation { law, seen });
    if !account.misuse.is_empty() {
        violation("a vendor is told what it can take", format!("{:?}", account.misuse));
    }
    if profile.speaker.truncates && profile.carrier.marks && !ends_in_speech(account) {
        let places = Places::of(account, profile);
        let remembered = account.memory.iter().flat_map(|(of, words)| {
            words.iter().map(move |(_, number)| (of, &account.words[*number as usize]))
        });
        let mut unheard =
            remembered.filter(|(_, word)| word.heard.is_none() && !places.is_near(word));
        if let Some((generation, word)) = unheard.next() {
            let seen = format!("{generation} goes on to {word:?}, for the model");
            violation("the model forgets what was not heard", seen);
        }
    }
    found
}

/// Whether the agent was speaking when the call ended: the model is told of nothing any more.
fn ends_in_speech(account: &Account) -> bool {
    let mut speaks = false;
    let mut stopped = None;
    for (at, event) in &account.events {
        match event {
            Event::AgentStarted { .. } => speaks = true,
            Event::AgentStopped { .. } => (speaks, stopped) = (false, Some(*at)),
            Event::Ended { .. } => return speaks || stopped == Some(*at),
            _ => {}
        }
    }
    true
}
