use proptest::prelude::*;

use super::*;

const OFFER: &str = "v=0\r\no=- 3 3 IN IP4 192.0.2.9\r\ns=call\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n\
    m=audio 4000/2 RTP/AVP 96 9 8 0 101 121 13\r\nc=IN IP4 192.0.2.10/127\r\n\
    a=rtpmap:96 opus/48000/2\r\na=rtpmap:101 telephone-event/8000\r\n\
    a=rtpmap:121 telephone-event/48000\r\na=fmtp:101 0-15\r\na=sendonly\r\n\
    m=video 4002 RTP/AVP 99\r\na=rtpmap:99 H264/90000\r\n";

#[test]
fn an_offer_is_read_with_what_its_media_say_for_themselves() {
    let offer = Description::parse(OFFER).unwrap();
    let audio = &offer.media[0];
    assert_eq!((audio.kind.as_str(), audio.port), ("audio", 4_000));
    assert_eq!(audio.address, Some([192, 0, 2, 10].into()));
    assert_eq!(audio.direction, Direction::SendOnly);
    let expected = [
        #[cfg(feature = "opus")]
        (96, RtpCodec::Opus),
        (9, RtpCodec::G722),
        (8, RtpCodec::Pcma),
        (0, RtpCodec::Pcmu),
    ];
    assert_eq!(audio.codecs(), expected);
    assert_eq!(audio.number_of("telephone-event", 8_000), Some(101));
    assert_eq!(audio.number_of("telephone-event", 16_000), None);
    assert!(audio.has(13) && !audio.has(14));
    let video = &offer.media[1];
    assert_eq!((video.address, video.direction), (Some([192, 0, 2, 9].into()), Direction::Both));
}

#[test]
fn names_of_codecs_count_in_any_case_and_numbers_may_be_moved() {
    let text = "v=0\r\nm=audio 1 RTP/AVP 97 0 98\r\na=rtpmap:97 l16/16000\r\n\
                a=rtpmap:0 speex/8000\r\na=rtpmap:98 pcmu/8000/1\r\na=rtpmap:99 PCMA/8000\r\n";
    let offer = Description::parse(text).unwrap();
    assert_eq!(offer.media[0].codecs(), [(97, RtpCodec::L16At16k), (98, RtpCodec::Pcmu)]);
    assert_eq!(offer.media[0].address, None);
}

#[test]
fn an_answer_keeps_the_media_in_their_order_and_is_itself_a_description() {
    let mut offer = Description::parse(OFFER).unwrap();
    offer.media.swap(0, 1);
    let ours = Ours {
        formats: vec![(8, RtpCodec::Pcma)],
        keys: vec![(101, 8_000)],
        noise: Some(13),
        direction: Direction::ReceiveOnly,
        crypto: None,
        has_feedback: false,
    };
    let text = ours.write(&Beside::of(&offer, 1), ([192, 0, 2, 1], 7_000).into(), (3, 4));
    assert!(text.starts_with("v=0\r\no=- 3 4 IN IP4 192.0.2.1\r\n"), "{text}");
    let answer = Description::parse(&text).unwrap();
    assert_eq!(answer.media.len(), 2);
    assert_eq!((answer.media[0].port, answer.media[0].kind.as_str()), (0, "video"));
    let audio = &answer.media[1];
    assert_eq!((audio.port, audio.direction), (7_000, Direction::ReceiveOnly));
    assert_eq!(audio.codecs(), [(8, RtpCodec::Pcma)]);
    assert!(text.ends_with("a=ptime:20\r\na=recvonly\r\n"));
}

#[test]
fn what_is_no_description_is_refused() {
    for text in ["", "v=1\r\nm=audio 1 RTP/AVP 0", "v=0", "v=0\r\nx=audio 1 RTP/AVP 0"] {
        assert_eq!(Description::parse(text), None, "{text}");
    }
}

proptest! {
    #[test]
    fn no_text_breaks_the_reader(
        lines in prop::collection::vec("[vmcas]=[ -~]{0,40}|m=audio [0-9]{1,6} RTP/AVP[ 0-9]{0,20}|a=rtpmap:[0-9]{1,4} [a-zA-Z0-9/]{0,20}|\\PC{0,20}", 0..30)
    ) {
        let text = format!("v=0\r\n{}", lines.join("\r\n"));
        if let Some(offer) = Description::parse(&text) {
            for media in &offer.media {
                let _ = media.codecs();
            }
            let ours = Ours {
                formats: vec![(0, RtpCodec::Pcmu)],
                keys: vec![],
                noise: None,
                direction: Direction::Both,
                crypto: None,
                has_feedback: false,
            };
            let answer = ours.write(&Beside::of(&offer, 0), ([1, 2, 3, 4], 5).into(), (1, 1));
            prop_assert_eq!(Description::parse(&answer).unwrap().media.len(), offer.media.len());
        }
    }
}
