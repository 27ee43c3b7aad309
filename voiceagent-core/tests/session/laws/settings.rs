//! Settings that pass the check can be lived with.

use std::{collections::BTreeSet, time::Duration};

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Value, json};
use voiceagent_core::{
    CallTime, GenerationId, SessionConfig, ToolCallId,
    llm::Message,
    session::{Input, Session},
};

use super::{
    config, input,
    life::{Watch, live},
};

const DURATIONS: [Duration; 8] = [
    Duration::ZERO,
    Duration::from_nanos(1),
    Duration::from_millis(20),
    Duration::from_secs(30),
    Duration::from_secs(31),
    Duration::from_secs(24 * 60 * 60),
    Duration::from_secs(365 * 24 * 60 * 60),
    Duration::MAX,
];
const NUMBERS: [u32; 8] = [0, 1, 2, 255, 4_000, 48_000, 192_000, u32::MAX];

/// Sees to it that a session goes on, whatever it does.
struct Unmoved;

impl Watch for Unmoved {
    fn note(&mut self, _: &Input) {}

    fn drain(&mut self, session: &mut Session) -> Result<(), TestCaseError> {
        while session.poll().is_some() {}
        Ok(())
    }

    fn read(&self, _: &[Message]) -> Result<(), TestCaseError> {
        Ok(())
    }

    fn take_calls(&mut self) -> BTreeSet<(GenerationId, ToolCallId)> {
        BTreeSet::new()
    }
}

/// The durations and numbers of the settings, as JSON pointers.
fn places(path: &str, value: &Value, places: &mut Vec<String>) {
    match value {
        Value::Number(_) => places.push(path.to_owned()),
        Value::Object(fields) if fields.contains_key("secs") => places.push(path.to_owned()),
        Value::Object(fields) => {
            for (name, value) in fields {
                self::places(&format!("{path}/{name}"), value, places);
            }
        }
        Value::Array(values) => {
            for (index, value) in values.iter().enumerate() {
                self::places(&format!("{path}/{index}"), value, places);
            }
        }
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

/// The settings with extreme values in some places; `None` where they do not fit there.
fn extreme(config: &SessionConfig, changes: &[(usize, usize)]) -> Option<SessionConfig> {
    let mut tree = serde_json::to_value(config).expect("plain data");
    tree["tools"] = json!([]);
    let mut all = Vec::new();
    places("", &tree, &mut all);
    for (place, nth) in changes {
        let value = tree.pointer_mut(&all[place % all.len()]).expect("it was found");
        *value = if value.is_object() { json!(DURATIONS[*nth]) } else { json!(NUMBERS[*nth]) };
    }
    serde_json::from_value(tree).ok()
}

/// A user who is answered and goes on.
fn conversation() -> [(u64, Input); 4] {
    let moment = CallTime::from_millis;
    let generation = GenerationId::new(1);
    [
        (100, Input::Synthesized { generation, payload: Bytes::from(vec![0; 16_000]) }),
        (400, Input::SpeechStarted { since: moment(450) }),
        (200, Input::SpeechStopped { since: moment(650) }),
        (900, Input::Synthesized { generation, payload: Bytes::from(vec![0; 16_000]) }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_settings_that_pass_the_check_cause_a_panic_or_a_spin(
        bits in any::<u32>(),
        changes in prop::collection::vec((0_usize..100, 0..DURATIONS.len()), 1..4),
        history in prop::collection::vec((0_u64..700, input()), 0..20),
    ) {
        let Some(settings) = extreme(&config(bits | 32), &changes) else { return Ok(()) };
        if settings.validate().is_err() {
            return Ok(());
        }
        let history = [&conversation()[..], &history].concat();
        let (mut session, from) = live(settings, &mut Unmoved, &history)?;
        let mut now = from;
        for _ in 0..500 {
            let Some((at, _)) = session.poll_timeout() else { return Ok(()) };
            now = now.max(at);
            session.handle(now, Input::Timeout);
            Unmoved.drain(&mut session)?;
        }
        prop_assert!(now - from > Duration::from_secs(1), "it spins: {:?}", session.poll_timeout());
    }
}
