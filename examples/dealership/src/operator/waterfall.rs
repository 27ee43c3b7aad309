use maud::{Markup, html};

use crate::store::Stages;

/// A part of what a caller waits for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Part {
    /// What it is.
    pub(super) name: &'static str,
    /// Its class in the style sheet.
    class: &'static str,
    /// In milliseconds.
    pub(super) ms: i64,
}

/// The parts of an answer, in the order in which they are waited for. What was not measured is left
/// out, and what nobody claims is the way of the audio to the line.
pub(super) fn parts(stages: Stages) -> Vec<Part> {
    let sentence = stages.first_sentence.zip(stages.first_token).map(|(text, token)| text - token);
    let known = [
        ("end of turn", "turn", stages.end_of_turn),
        ("language model", "model", stages.first_token),
        ("first sentence", "sentence", sentence),
        ("voice", "voice", stages.first_audio),
    ];
    let mut parts: Vec<Part> = known
        .into_iter()
        .filter_map(|(name, class, ms)| Some(Part { name, class, ms: ms?.max(0) }))
        .collect();
    let claimed: i64 = parts.iter().map(|part| part.ms).sum();
    let rest = stages.response.map_or(0, |response| response - claimed);
    if rest > 0 {
        parts.push(Part { name: "plan, tools, sending", class: "rest", ms: rest });
    }
    if let Some(playout) = stages.playout {
        parts.push(Part { name: "line", class: "line", ms: playout.max(0) });
    }
    parts
}

/// The part of an answer that took longest; `None` if nothing was measured, or nothing took any time.
pub(super) fn slowest(stages: Stages) -> Option<&'static str> {
    stages.response?;
    let parts = parts(stages);
    let longest = parts.iter().rev().max_by_key(|part| part.ms)?;
    (longest.ms > 0).then_some(longest.name)
}

/// What the colours of the bars stand for.
pub(super) fn legend() -> Markup {
    let all = Stages {
        end_of_turn: Some(1),
        first_token: Some(1),
        first_sentence: Some(2),
        first_audio: Some(1),
        response: Some(5),
        playout: Some(1),
        transcription: None,
    };
    html! {
        ul.legend {
            @for part in parts(all) {
                li {
                    svg viewBox="0 0 10 10" aria-hidden="true" {
                        rect class=(part.class) width="10" height="10" {}
                    }
                    (part.name)
                }
            }
        }
    }
}

/// The answer to a turn as a row of bars, on a scale of so many milliseconds.
pub(super) fn drawn(stages: Stages, scale: i64) -> Markup {
    /// Of the drawing, whatever the screen's.
    const WIDTH: i64 = 1_000;
    let scale = scale.max(1);
    let mut at = 0;
    let bars: Vec<(Part, i64, i64)> = parts(stages)
        .into_iter()
        .map(|part| {
            let (from, width) = (at * WIDTH / scale, part.ms * WIDTH / scale);
            at += part.ms;
            (part, from, width)
        })
        .collect();
    let told = bars.iter().map(|(part, ..)| format!("{} {} ms", part.name, part.ms));
    let told = told.collect::<Vec<_>>().join(", ");
    html! {
        svg.waterfall viewBox=(format!("0 0 {WIDTH} 18")) preserveAspectRatio="none" role="img"
            aria-label=(told) {
            @for (part, from, width) in &bars {
                rect class=(part.class) x=(from) y="2" width=(width) height="14" {
                    title { (part.name) ": " (part.ms) " ms" }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stages() -> Stages {
        Stages {
            end_of_turn: Some(400),
            transcription: Some(180),
            first_token: Some(820),
            first_sentence: Some(900),
            first_audio: Some(150),
            response: Some(1_500),
            playout: Some(60),
        }
    }

    #[test]
    fn an_answer_falls_into_parts_that_add_up_and_the_slowest_is_named() {
        let told: Vec<_> = parts(stages()).iter().map(|part| (part.name, part.ms)).collect();
        assert_eq!(
            told,
            [
                ("end of turn", 400),
                ("language model", 820),
                ("first sentence", 80),
                ("voice", 150),
                ("plan, tools, sending", 50),
                ("line", 60)
            ]
        );
        assert_eq!(slowest(stages()), Some("language model"));
        let slow_voice = Stages { first_audio: Some(2_000), response: Some(3_400), ..stages() };
        assert_eq!(slowest(slow_voice), Some("voice"));
        let slow_tool = Stages { response: Some(9_000), ..stages() };
        assert_eq!(slowest(slow_tool), Some("plan, tools, sending"));
        assert_eq!(slowest(Stages { response: None, ..stages() }), None, "nobody was answered");
        assert_eq!(slowest(Stages::default()), None);
    }

    #[test]
    fn bars_are_as_long_as_what_they_stand_for() {
        let drawn = drawn(stages(), 2_000).into_string();
        assert!(drawn.contains(r#"class="turn" x="0" y="2" width="200""#), "{drawn}");
        assert!(drawn.contains(r#"class="model" x="200" y="2" width="410""#), "{drawn}");
        assert!(drawn.contains("language model 820 ms"), "{drawn}");
        for part in parts(stages()) {
            assert!(legend().into_string().contains(part.name), "{}", part.name);
        }
    }
}
