//! Who talks in a call beside the first agent.

use std::{collections::BTreeMap, sync::Arc};

use voiceagent_core::{adapt::Voices, transport::CallInfo, tts::TextToSpeech};

use super::{Makings, Occasion};
use crate::{
    team::{Member, Team},
    templates::{FIRST, Profile},
};

/// Who speaks; calls in text have nobody.
type Voice = Option<Arc<dyn TextToSpeech>>;

impl Makings {
    /// Who speaks at first.
    pub(super) fn voice(&self, occasion: &Occasion) -> Voice {
        occasion.parts.tts.as_ref().or(self.tts.as_ref()).map(Arc::clone)
    }

    /// Those between whom the talk can be handed, and what speaks for all of them; `None` where there
    /// is one alone.
    pub(super) fn team(&self, call: &CallInfo, occasion: &Occasion) -> Option<(Arc<Team>, Voice)> {
        let Occasion { template, parts, .. } = occasion;
        if template.profiles.is_empty() {
            return None;
        }
        let first = Member {
            about: "everything else, which is where the call has begun".to_owned(),
            instructions: self.instructions(call, occasion).into(),
            without: Vec::new(),
            greeting: None,
        };
        let member = |(name, profile): (&String, &Profile)| {
            let prompt = profile.prompt.as_deref().or(template.prompt.as_deref());
            let guidance = profile.guidance.as_deref().or(template.guidance.as_deref());
            let greeting = profile.greeting.as_ref();
            let member = Member {
                about: profile.about.clone(),
                instructions: self.instructions_by(call, occasion, (prompt, guidance)).into(),
                without: profile.without.clone(),
                greeting: greeting.map(|words| words.replace("{name}", self.name(occasion))),
            };
            (name.clone(), member)
        };
        let mut members: BTreeMap<String, Member> = template.profiles.iter().map(member).collect();
        members.insert(FIRST.to_owned(), first);
        let voices = self.voice(occasion).map(|first| {
            let voices = Voices::new(FIRST, first);
            parts.voices.iter().fold(voices, |voices, (name, voice)| {
                voices.with_voice(name.as_str(), Arc::clone(voice))
            })
        });
        let team = Team::new(members, voices.as_ref().map(Voices::switch));
        Some((team, voices.map(|voices| -> Arc<dyn TextToSpeech> { Arc::new(voices) })))
    }
}
