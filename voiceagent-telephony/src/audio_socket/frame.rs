use bytes::{Buf, Bytes, BytesMut};

/// A message: its type, its length in two bytes, the high one first, and so many bytes.
#[derive(Debug, PartialEq)]
pub(super) enum Frame {
    /// 16-bit PCM at 8 kHz, little-endian.
    Audio(Bytes),
    /// Asterisk could not go on.
    Failed,
    HangUp,
    Key(char),
    /// Something that a call does not need.
    Other,
    /// The name of the call, which comes first.
    Uuid([u8; 16]),
}

const HANG_UP: u8 = 0x00;
const UUID: u8 = 0x01;
const KEY: u8 = 0x03;
const AUDIO: u8 = 0x10;
const FAILED: u8 = 0xFF;

/// Type and length.
const HEAD: usize = 3;

/// Takes the first message out of the buffer, if it is there as a whole.
pub(super) fn take(buffer: &mut BytesMut) -> Option<Frame> {
    let [kind, high, low] = *buffer.first_chunk::<HEAD>()?;
    let length = usize::from(u16::from_be_bytes([high, low]));
    if buffer.len() < HEAD + length {
        return None;
    }
    buffer.advance(HEAD);
    let payload = buffer.split_to(length).freeze();
    Some(match (kind, &*payload) {
        (AUDIO, audio) if !audio.is_empty() && audio.len().is_multiple_of(2) => {
            Frame::Audio(payload)
        }
        (FAILED, _) => Frame::Failed,
        (HANG_UP, _) => Frame::HangUp,
        (KEY, [key]) => Frame::Key(char::from(*key)),
        (UUID, name) => name.try_into().map_or(Frame::Other, Frame::Uuid),
        (_, _) => Frame::Other,
    })
}

/// Writes up to 20 ms of audio.
pub(super) fn audio(piece: &[u8]) -> Vec<u8> {
    let [high, low] = u16::try_from(piece.len()).expect("20 ms are 320 bytes").to_be_bytes();
    [&[AUDIO, high, low], piece].concat()
}

/// Writes the end of a call.
pub(super) const fn hang_up() -> [u8; HEAD] {
    [HANG_UP, 0, 0]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_read_however_they_are_cut() {
        let wire = [
            &[UUID, 0, 16][..],
            &[7; 16],
            &[KEY, 0, 1, b'#'],
            &[AUDIO, 0, 0],
            &[AUDIO, 0, 4, 1, 2, 3, 4],
            &[AUDIO, 0, 3, 1, 2, 3],
            &[0x42, 1, 0],
            &[9; 256],
            &[FAILED, 0, 1, 4],
            &[HANG_UP, 0, 0],
        ]
        .concat();
        let expected = [
            Frame::Uuid([7; 16]),
            Frame::Key('#'),
            Frame::Other,
            Frame::Audio(Bytes::from_static(&[1, 2, 3, 4])),
            Frame::Other,
            Frame::Other,
            Frame::Failed,
            Frame::HangUp,
        ];
        for size in [1, 2, 3, 7, wire.len()] {
            let (mut buffer, mut read) = (BytesMut::new(), Vec::new());
            for piece in wire.chunks(size) {
                buffer.extend_from_slice(piece);
                read.extend(std::iter::from_fn(|| take(&mut buffer)));
            }
            assert_eq!(read, expected, "in pieces of {size}");
            assert!(buffer.is_empty());
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        let mut buffer = BytesMut::from(&*[&audio(&[5; 320])[..], &hang_up()].concat());
        assert_eq!(take(&mut buffer), Some(Frame::Audio(vec![5; 320].into())));
        assert_eq!(take(&mut buffer), Some(Frame::HangUp));
    }
}
