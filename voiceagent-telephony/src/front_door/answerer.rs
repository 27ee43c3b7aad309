use voiceagent_core::transport::{Answerer, Inbound};

/// What a carrier has found out about who took a call, in the words of any: `AnsweredBy` of
/// Twilio, SignalWire and Telnyx, `Machine` of Plivo, `status` and `sub_state` of Vonage.
pub(super) fn read_answerer<'a>(field: impl Fn(&str) -> Option<&'a str>) -> Vec<Inbound> {
    let verdict = match (field("AnsweredBy"), field("Machine"), field("status")) {
        (Some(verdict), _, _) => verdict,
        (None, Some("true"), _) | (None, None, Some("machine")) => "machine",
        (None, Some("false"), _) | (None, None, Some("human")) => "human",
        (None, _, _) => return Vec::new(),
    };
    let answerer = match verdict {
        "human" => Answerer::Human,
        "fax" => Answerer::Machine,
        verdict if verdict.starts_with("machine") => Answerer::Machine,
        // Who cannot be told from a person is treated as one.
        _ => Answerer::Unknown,
    };
    let mut news = vec![Inbound::AnsweredBy(answerer)];
    // However its greeting ended, the machine records from here on.
    let records = verdict.starts_with("machine_end") || field("sub_state") == Some("beep_start");
    if records && answerer == Answerer::Machine {
        news.push(Inbound::Beep);
    }
    news
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cp35_each_carriers_verdict_is_understood_and_doubt_is_no_machine() {
        let told = |fields: &[(&str, &'static str)]| {
            let fields: Vec<_> = fields.iter().map(|(n, v)| ((*n).to_owned(), *v)).collect();
            read_answerer(|name| fields.iter().find(|(n, _)| n == name).map(|(_, value)| *value))
        };
        let by = Inbound::AnsweredBy;
        assert_eq!(told(&[("AnsweredBy", "human")]), [by(Answerer::Human)]);
        assert_eq!(told(&[("AnsweredBy", "machine_start")]), [by(Answerer::Machine)]);
        for unsure in ["unknown", "not_sure", ""] {
            assert_eq!(told(&[("AnsweredBy", unsure)]), [by(Answerer::Unknown)]);
        }
        for ended in ["machine_end_beep", "machine_end_silence", "machine_end_other"] {
            let told = told(&[("AnsweredBy", ended)]);
            assert_eq!(told, [by(Answerer::Machine), Inbound::Beep], "{ended}");
        }
        assert_eq!(told(&[("Machine", "true")]), [by(Answerer::Machine)]);
        assert_eq!(told(&[("Machine", "false")]), [by(Answerer::Human)]);
        assert_eq!(told(&[("status", "human")]), [by(Answerer::Human)]);
        let beep = [("status", "machine"), ("sub_state", "beep_start")];
        assert_eq!(told(&beep), [by(Answerer::Machine), Inbound::Beep]);
        assert!(told(&[("status", "answered"), ("CallStatus", "in-progress")]).is_empty());
    }
}
