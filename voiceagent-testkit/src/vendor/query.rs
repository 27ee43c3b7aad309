use voiceagent_core::audio::{AudioFormat, Encoding};

/// The parameters of a request.
#[derive(Clone, Debug, Default)]
pub(super) struct Query(pub(super) Vec<(String, String)>);

impl Query {
    pub(super) fn parse(raw: &str) -> Self {
        let pairs = raw.split('&').filter(|pair| !pair.is_empty());
        Self(pairs.map(|pair| pair.split_once('=').unwrap_or((pair, ""))).map(decoded).collect())
    }

    pub(super) fn get(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    pub(super) fn is_on(&self, key: &str) -> bool {
        self.get(key) == Some("true")
    }

    pub(super) fn number<T: std::str::FromStr>(&self, key: &str) -> Result<Option<T>, String> {
        let number = self.get(key).map(str::parse).transpose();
        number.map_err(|_| format!("{key} must be a number"))
    }

    /// Refuses parameters that the vendor does not know, as it does itself.
    pub(super) fn check_known(&self, known: &[&str]) -> Result<(), String> {
        match self.0.iter().find(|(key, _)| !known.contains(&key.as_str())) {
            Some((key, _)) => Err(format!("unknown parameter {key}")),
            None => Ok(()),
        }
    }

    /// The format of raw audio.
    pub(super) fn format(&self) -> Result<AudioFormat, String> {
        let rate = self.number("sample_rate")?.ok_or("sample_rate is missing")?;
        let encoding = match self.get("encoding") {
            Some("mulaw") => Encoding::Mulaw,
            Some("alaw") => Encoding::Alaw,
            Some("linear16") => Encoding::PcmS16Le,
            other => return Err(format!("encoding {other:?} is not supported")),
        };
        if !(8_000..=48_000).contains(&rate) {
            return Err("sample_rate must be between 8000 and 48000".to_owned());
        }
        Ok(AudioFormat::mono(encoding, rate))
    }
}

fn decoded((key, value): (&str, &str)) -> (String, String) {
    (decode(key), decode(value))
}

/// Undoes percent-encoding.
fn decode(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        let mut digit = || bytes.next().and_then(|it| char::from(it).to_digit(16)).unwrap_or(0);
        let (high, low) = (digit(), digit());
        out.push(u8::try_from(high * 16 + low).unwrap_or(b'?'));
    }
    String::from_utf8_lossy(&out).into_owned()
}
