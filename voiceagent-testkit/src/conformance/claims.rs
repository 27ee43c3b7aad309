use serde::Serialize;
use serde_json::Value;
use voiceagent_core::audio::{AudioFormat, Encoding};

/// Each field of capabilities, and what it says in words; nothing for what is not there.
pub(super) fn of(capabilities: &impl Serialize) -> Vec<(String, String)> {
    let fields = serde_json::to_value(capabilities).expect("capabilities are plain data");
    let fields = fields.as_object().into_iter().flatten();
    fields.map(|(field, value)| (field.replace('_', " "), shown(value))).collect()
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null | Value::Bool(false) => String::new(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Array(all) => all.iter().map(shown).collect::<Vec<_>>().join(", "),
        format @ Value::Object(_) => serde_json::from_value::<AudioFormat>(format.clone())
            .map_or_else(|_| format.to_string(), in_words),
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.clone(),
    }
}

fn in_words(format: AudioFormat) -> String {
    let encoding = match format.encoding {
        Encoding::Alaw => "A-law",
        Encoding::Mulaw => "mu-law",
        Encoding::PcmS16Le => "PCM",
        other => return format!("{other:?}"),
    };
    format!("{encoding} {} kHz", f64::from(format.sample_rate) / 1_000.0)
}

#[cfg(test)]
mod tests {
    use voiceagent_core::stt::SttCapabilities;

    use super::*;

    #[test]
    fn each_field_is_told_in_words() {
        let mut claims = SttCapabilities::new(vec![AudioFormat::MULAW_8K, AudioFormat::PCM_16K]);
        claims.interim = true;
        let told = of(&claims);
        let of =
            |field: &str| told.iter().find(|(name, _)| name == field).map(|(_, how)| how.as_str());
        assert_eq!(of("interim"), Some("yes"));
        assert_eq!(of("end of turn"), Some(""));
        assert_eq!(of("formats"), Some("mu-law 8 kHz, PCM 16 kHz"));
    }
}
