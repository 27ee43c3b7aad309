//! Law 4: what is stale changes nothing.

use bytes::Bytes;
use proptest::prelude::*;
use voiceagent_core::{
    ErrorKind, GenerationId,
    llm::{FinishReason, ToolCall},
    session::{Command, Input},
};
use voiceagent_testkit::scenario::Scenario;

use crate::presets::{phone_with_finalize, tool};

/// What the live attempt has come to.
#[derive(Clone, Copy, Debug)]
enum Stage {
    Asked,
    Beginning,
    Paused,
    Sounding,
    Waiting,
}

/// One answer was heard, a draft was dropped, and one answer was interrupted. The next, the last
/// of the attempts, has come to `stage`.
fn call(stage: Stage) -> (Scenario, Vec<GenerationId>) {
    let mut config = phone_with_finalize();
    config.speculation.enabled = true;
    config.tools = [tool("book")].into();
    let mut call = Scenario::new(config);
    call.at(1_000).says("Hello?").at(2_000).model("Good day.").voice("Good day.", 500);
    call.at(4_000).speaks().at(4_500).hears("Do you have");
    call.at(5_000).hears("a red one?").at(5_300).stops().at(6_000);
    call.model("Yes, we have one here.").voice("Yes, we have one here.", 3_000);
    call.at(7_500).says("Then book it").at(9_500);
    match stage {
        Stage::Asked => {}
        Stage::Beginning => {
            let generation = call.model("It is done.").generation();
            call.feed(Input::Synthesized { generation, payload: vec![0; 8_000].into() });
        }
        Stage::Waiting => _ = call.model_calls(&[("b", "book")]),
        Stage::Sounding => _ = call.model("It is done.").voice("It is done.", 3_000),
        Stage::Paused => {
            call.model("It is done.").voice("It is done.", 3_000).at(10_000).speaks().at(10_200);
            assert!(call.trace().contains("paused"), "{}", call.trace());
        }
    }
    let attempts = attempts(&call);
    (call, attempts)
}

fn attempts(call: &Scenario) -> Vec<GenerationId> {
    let asked = call.commands().iter().filter_map(|(_, command)| match command {
        Command::Generate { generation, .. } => Some(*generation),
        _ => None,
    });
    asked.collect()
}

fn stale(generation: GenerationId) -> Vec<Input> {
    let book = ToolCall { id: "x".into(), name: "book".into(), arguments: "{}".into() };
    vec![
        Input::LlmProgress { generation },
        Input::LlmText { generation, text: "No, wait.".into() },
        Input::LlmToolCall { generation, call: book },
        Input::LlmFinished { generation, reason: FinishReason::Stop },
        Input::LlmFailed { generation, kind: ErrorKind::Overloaded, retry_after: None },
        Input::Planned { generation, plan: None },
        Input::Synthesized { generation, payload: Bytes::from_static(&[0; 1_600]) },
        Input::SynthesisHeard { generation, text: "No".into() },
        Input::SynthesisContinued { generation, texts: 0, bytes: 4, again: 1 },
        Input::SynthesisSpoken { generation, texts: 1 },
        Input::SynthesisFinished { generation },
        Input::ToolFinished { generation, id: "x".into(), output: "1".into() },
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn law_4_what_is_stale_changes_nothing(
        stage in prop_oneof![
            Just(Stage::Asked), Just(Stage::Beginning), Just(Stage::Paused),
            Just(Stage::Sounding), Just(Stage::Waiting)
        ],
        which in 0_usize..6,
        later in 0_u64..6_000,
    ) {
        let (mut one, attempts) = call(stage);
        let (mut other, _) = call(stage);
        let (_, ended) = attempts.split_last().expect("it was asked");
        prop_assert!(ended.len() >= 3, "{attempts:?} {}", one.trace());
        // Beyond those that have ended are some that were never begun.
        let never = GenerationId::new(100 + which as u64);
        let generation = ended.get(which).copied().unwrap_or(never);
        let now = 10_300 + later;
        for input in stale(generation) {
            one.at(now).feed(input.clone());
            other.at(now).feed(Input::Timeout);
            prop_assert_eq!(one.commands(), other.commands(), "{:?}", input);
            prop_assert_eq!(one.session().messages(), other.session().messages());
            prop_assert_eq!(one.session().poll_timeout(), other.session().poll_timeout());
        }
        // And what follows is the same.
        prop_assert_eq!(one.at(now + 5_000).commands(), other.at(now + 5_000).commands());
    }
}
