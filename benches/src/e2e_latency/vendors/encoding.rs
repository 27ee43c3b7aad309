use bytes::Bytes;
use voiceagent_core::audio::g711::Law;

/// How audio travels on a vendor's socket, always 8 000 samples a second. Inside the bench it is
/// mu-law, as on the phone line.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Encoding {
    Linear16,
    Mulaw,
}

impl Encoding {
    /// What a client asked for; `None` when the bench does not serve it.
    pub(super) fn asked_for(query: &str) -> Option<Self> {
        let value =
            |key: &str| query.split('&').find_map(|pair| pair.strip_prefix(key)?.strip_prefix('='));
        match (value("encoding")?, value("sample_rate")?) {
            ("linear16", "8000") => Some(Self::Linear16),
            ("mulaw", "8000") => Some(Self::Mulaw),
            _ => None,
        }
    }

    /// What was sent on the socket, as mu-law.
    pub(super) fn decode(self, audio: Bytes) -> Bytes {
        match self {
            Self::Linear16 => {
                let samples = audio.as_chunks::<2>().0.iter();
                samples.map(|sample| Law::Mulaw.encode(i16::from_le_bytes(*sample))).collect()
            }
            Self::Mulaw => audio,
        }
    }

    /// Mu-law, as it is sent on the socket.
    pub(super) fn encode(self, audio: Bytes) -> Bytes {
        match self {
            Self::Linear16 => {
                audio.iter().flat_map(|code| Law::Mulaw.decode(*code).to_le_bytes()).collect()
            }
            Self::Mulaw => audio,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::e2e_latency::tag::Tag;

    #[test]
    fn what_a_client_asks_for_is_read_from_its_query() {
        let encoding = |query| Encoding::asked_for(query);
        assert_eq!(encoding("model=x&encoding=mulaw&sample_rate=8000"), Some(Encoding::Mulaw));
        assert_eq!(encoding("sample_rate=8000&encoding=linear16"), Some(Encoding::Linear16));
        assert_eq!(encoding("encoding=linear16&sample_rate=16000"), None);
        assert_eq!(encoding(""), None);
    }

    #[test]
    fn a_tag_survives_a_client_that_decodes_the_line() {
        let tag = Tag { call: 4_000_000_001, utterance: 3 };
        let line = Bytes::copy_from_slice(&tag.write());
        let encoding = Encoding::Linear16;
        let there_and_back = encoding.decode(encoding.encode(line));
        assert_eq!(Tag::read(&there_and_back), Some(tag));
    }
}
