use voiceagent_core::turn::Cues;

/// Telephone turns with the places at which their speakers paused.
const TURNS: &str = include_str!("../../../voiceagent-core/testdata/turns/turns.txt");
/// One in so many of the agent's questions is held back, with all of its answers.
const HELD_BACK: usize = 3;

/// The turns have 1.0 pauses each. Callers of the simulator make 0.62.
const WEIGHT_OF_PAUSE: f64 = 0.6;

/// What somebody had said when they paused, or had finished.
#[derive(Clone, Debug)]
pub(super) struct Case {
    /// What the agent had said before.
    pub(super) agent: &'static str,
    pub(super) text: String,
    /// Nothing followed.
    pub(super) is_complete: bool,
    /// It is not for choosing weights.
    pub(super) is_held_back: bool,
    pub(super) form: Form,
}

/// How a recognizer writes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Form {
    /// With capitals and punctuation.
    Written,
    /// Nothing but words.
    Bare,
}

impl Case {
    pub(super) fn cues(&self) -> Cues {
        Cues::of(&self.text, self.agent, None)
    }

    pub(super) fn target(&self) -> f64 {
        f64::from(u8::from(self.is_complete))
    }

    /// How much it counts. The turns have more pauses than people make, so that there are all
    /// kinds of them.
    pub(super) fn weight(&self) -> f64 {
        if self.is_complete { 1.0 } else { WEIGHT_OF_PAUSE }
    }
}

/// All pauses and ends of all turns, in both forms.
pub(super) fn cases() -> Vec<Case> {
    let mut questions: Vec<&str> = Vec::new();
    let mut cases = Vec::new();
    for (agent, turn) in TURNS.lines().filter_map(|line| line.split_once(" > ")) {
        let question = questions.iter().position(|known| *known == agent).unwrap_or_else(|| {
            questions.push(agent);
            questions.len() - 1
        });
        let is_held_back = question % HELD_BACK == HELD_BACK - 1;
        let tokens: Vec<&str> = turn.split_whitespace().collect();
        let places = tokens.iter().enumerate().filter(|(_, token)| is_pause(token));
        let ends = places.map(|(place, _)| place).chain([tokens.len()]);
        for end in ends {
            let spoken = tokens[..end].iter().filter(|token| !is_pause(token));
            let written = spoken.copied().collect::<Vec<_>>().join(" ");
            let is_complete = end == tokens.len();
            let forms = [(Form::Written, written.clone()), (Form::Bare, bare(&written))];
            for ((form, text), agent) in
                forms.into_iter().flat_map(|form| [(form.clone(), agent), (form, "")])
            {
                cases.push(Case { agent, text, is_complete, is_held_back, form });
            }
        }
    }
    cases
}

fn is_pause(token: &str) -> bool {
    matches!(token, "|" | "/")
}

fn bare(text: &str) -> String {
    let words = text.split(' ').map(|word| word.trim_matches(|c: char| !c.is_alphanumeric()));
    words.collect::<Vec<_>>().join(" ").to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pause_of_a_turn_is_a_case_and_none_is_complete_but_the_last() {
        let cases = cases();
        let turn: Vec<(&str, bool)> = cases
            .iter()
            .filter(|case| case.agent == "Was anybody hurt?" && case.form == Form::Written)
            .map(|case| (case.text.as_str(), case.is_complete))
            .collect();
        let wanted =
            [("No, thank God.", true), ("My neck is", false), ("My neck is a bit stiff.", true)];
        assert_eq!(turn, wanted);
        assert_eq!(bare("No, thank God."), "no thank god");
    }

    #[test]
    fn a_third_of_the_questions_is_held_back_with_all_of_their_answers() {
        let cases = cases();
        let (held, used): (Vec<&Case>, Vec<&Case>) =
            cases.iter().partition(|case| case.is_held_back);
        assert!(
            held.len() * 2 < used.len() * 3 / 2 && held.len() * 4 > used.len(),
            "{}",
            held.len()
        );
        let agents = held.iter().map(|case| case.agent).filter(|agent| !agent.is_empty());
        for agent in agents {
            assert!(used.iter().all(|other| other.agent != agent), "{agent}");
        }
    }
}
