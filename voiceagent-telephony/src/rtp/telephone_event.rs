use crate::DtmfKey;

/// The names of the events, by number (RFC 4733, section 3.2).
const KEYS: [char; 16] =
    ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', '*', '#', 'A', 'B', 'C', 'D'];

/// How loud a key is said to be, in dB below the highest: what phones send.
const VOLUME: u8 = 10;

/// A key that is held, as one packet says it (RFC 4733, section 2.3).
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct TelephoneEvent {
    pub(super) key: DtmfKey,
    pub(super) is_end: bool,
    /// Since it was pressed, in units of the timestamp.
    pub(super) duration: u16,
}

impl TelephoneEvent {
    /// Reads a payload; `None` for what is no key, such as the tones of a fax.
    pub(super) fn parse(payload: &[u8]) -> Option<Self> {
        let [event, flags, high, low] = *payload.first_chunk()?;
        let key = DtmfKey::new(*KEYS.get(usize::from(event))?)?;
        let duration = u16::from_be_bytes([high, low]);
        Some(Self { key, is_end: flags & 0x80 != 0, duration })
    }

    /// Writes the payload.
    pub(super) fn write(self) -> [u8; 4] {
        let number = KEYS.iter().position(|key| *key == self.key.as_char());
        let number = number.and_then(|number| u8::try_from(number).ok());
        let [high, low] = self.duration.to_be_bytes();
        [number.expect("a key is one of sixteen"), u8::from(self.is_end) << 7 | VOLUME, high, low]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_read_as_it_is_written() {
        for name in KEYS {
            let key = DtmfKey::new(name).unwrap();
            for is_end in [false, true] {
                let event = TelephoneEvent { key, is_end, duration: 40_000 };
                assert_eq!(TelephoneEvent::parse(&event.write()), Some(event));
            }
        }
        assert_eq!(TelephoneEvent::parse(&[11, 0x8A, 0x03, 0x20]).unwrap().duration, 800);
        assert_eq!(TelephoneEvent::parse(&[36, 10, 0, 0]), None);
        assert_eq!(TelephoneEvent::parse(&[1, 10, 0]), None);
    }
}
