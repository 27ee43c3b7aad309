use super::*;

fn negotiation() -> Negotiation {
    let codecs = vec![RtpCodec::G722, RtpCodec::Pcma, RtpCodec::Pcmu];
    Negotiation::new(codecs, SipSrtp::Accepted, ([192, 0, 2, 1], 7_000).into())
}

fn offer(formats: &str, rest: &str) -> String {
    format!(
        "v=0\r\nc=IN IP4 192.0.2.9\r\nm=audio 4000 RTP/AVP {formats}\r\n\
         a=rtpmap:101 telephone-event/8000\r\n{rest}\r\n"
    )
}

#[test]
fn the_codec_that_we_like_best_is_taken_and_kept_when_offers_are_shuffled() {
    let mut negotiation = negotiation();
    let first = negotiation.answer(&offer("0 8 101 13", "")).unwrap();
    assert_eq!(first.types.audio, (8, RtpCodec::Pcma));
    assert_eq!((first.types.keys, first.types.noise), (Some(101), Some(13)));
    assert_eq!(first.said, ([192, 0, 2, 9], 4_000).into());
    let again = negotiation.answer(&offer("0 8 101 13", "")).unwrap();
    assert_eq!(again.answer, first.answer, "nothing has changed");
    let shuffled = negotiation.answer(&offer("9 0 8 101", "")).unwrap();
    assert_eq!(shuffled.types.audio.1, RtpCodec::Pcma);
    assert!(shuffled.answer.contains(" 2 IN IP4 "), "{}", shuffled.answer);
    let other = negotiation.answer(&offer("0", "")).unwrap();
    assert_eq!(other.types.audio.1, RtpCodec::Pcmu);
}

#[test]
fn both_ways_to_hold_are_understood() {
    let cases = [
        ("a=sendonly", true, "recvonly"),
        ("a=inactive", true, "inactive"),
        ("a=recvonly", false, "sendonly"),
        ("a=sendrecv", false, "sendrecv"),
        ("c=IN IP4 0.0.0.0", true, "recvonly"),
    ];
    for (line, is_held, expected) in cases {
        let terms = negotiation().answer(&offer("0 101", line)).unwrap();
        assert_eq!(terms.is_held, is_held, "{line}");
        assert!(terms.answer.ends_with(&format!("a={expected}\r\n")), "{line}");
    }
}

#[test]
fn a_medium_that_cannot_be_read_is_refused_and_the_others_are_taken() {
    let audio = "m=audio 4000 RTP/AVP 0\r\n";
    for (line, refused) in [
        ("m=video 99999 RTP/AVP 31", "m=video 0 RTP/AVP 31\r\n"),
        ("m=video many RTP/AVP 31 32", "m=video 0 RTP/AVP 31 32\r\n"),
        ("m=video 4002 RTP/AVP", "m=video 0 RTP/AVP 0\r\n"),
        ("m=video", "m=video 0 - 0\r\n"),
        ("m=", "m=- 0 - 0\r\n"),
    ] {
        for media in [format!("{line}\r\n{audio}"), format!("{audio}{line}\r\n")] {
            let offer = format!("v=0\r\nc=IN IP4 192.0.2.9\r\n{media}");
            let terms = negotiation().answer(&offer).expect(&offer);
            assert_eq!(terms.said, ([192, 0, 2, 9], 4_000).into());
            let (ours, theirs) = (terms.answer.find("m=audio 7000"), terms.answer.find(refused));
            assert!(ours.is_some() && theirs.is_some(), "{}", terms.answer);
            assert_eq!(ours < theirs, media.starts_with(audio), "{}", terms.answer);
        }
    }
    assert_eq!(negotiation().answer(&offer("0", "").replace("4000", "99999")), None);
}

#[test]
fn media_is_sent_to_one_host_and_never_to_many() {
    for many in ["255.255.255.255", "224.0.0.1", "239.1.2.3/127", "host.example"] {
        for direction in ["a=sendrecv", "a=recvonly", "a=sendonly", "a=inactive"] {
            let theirs = offer("0", direction).replace("192.0.2.9", many);
            assert_eq!(negotiation().answer(&theirs), None, "{theirs}");
            let mut ours = negotiation();
            ours.offer(false).unwrap();
            assert_eq!(ours.answered(&theirs), None, "{theirs}");
            // Beside another medium it is passed over, whatever the whole description says.
            let line = format!("c=IN IP4 {many}\r\n{direction}\r\nm=audio 4002 RTP/AVP 0");
            let terms = negotiation().answer(&offer("0", &line)).expect(&line);
            assert_eq!(terms.said, ([192, 0, 2, 9], 4_002).into(), "{line}");
        }
    }
    let at = SocketAddr::from(([0_u16; 8], 7_000));
    let mut ours = Negotiation::new(vec![RtpCodec::Pcmu], SipSrtp::Accepted, at);
    for (address, is_taken) in
        [("2001:db8::9", true), ("::ffff:255.255.255.255", false), ("ff02::1", false)]
    {
        let theirs = offer("0", "").replace("IP4 192.0.2.9", &format!("IP6 {address}"));
        assert_eq!(ours.answer(&theirs).is_some(), is_taken, "{address}");
    }
}

#[test]
fn packets_of_ours_are_as_long_as_the_other_side_wants() {
    for (line, expected) in [
        ("", 20),
        ("a=maxptime:10", 10),
        ("a=ptime:30", 30),
        ("a=ptime:20\r\na=maxptime:10", 10),
        ("a=ptime:12.5", 10),
        ("a=ptime:0", 20),
        ("a=ptime:many", 20),
    ] {
        let expected = Duration::from_millis(expected);
        assert_eq!(negotiation().answer(&offer("0", line)).unwrap().packet, expected, "{line}");
        let mut ours = negotiation();
        ours.offer(false).unwrap();
        assert_eq!(ours.answered(&offer("0", line)).unwrap().packet, expected, "{line}");
    }
}

#[test]
fn an_offer_with_feedback_is_answered_by_its_own_profile_and_with_none() {
    let feedback = "a=rtcp-fb:* nack\r\na=rtcp-fb:0 trr-int 100";
    let mut plain = negotiation();
    let terms = plain.answer(&offer("0", feedback).replace("RTP/AVP", "RTP/AVPF")).unwrap();
    assert!(terms.answer.contains("m=audio 7000 RTP/AVPF 0\r\n"), "{}", terms.answer);
    assert!(terms.srtp.is_none() && !terms.answer.contains("rtcp-fb"), "{}", terms.answer);
    assert!(plain.reoffer().unwrap().contains(" RTP/AVPF 9 8 0 "));
    let mut secret = negotiation();
    let offered = protected("AES_CM_128_HMAC_SHA1_80", KEY).replace("RTP/SAVP", "RTP/SAVPF");
    let terms = secret.answer(&offered).unwrap();
    assert!(terms.answer.contains("m=audio 7000 RTP/SAVPF 8 101\r\n"), "{}", terms.answer);
    assert!(terms.srtp.is_some());
    // What is said again is answered by the same.
    assert_eq!(secret.answered(&offered).unwrap().srtp, terms.srtp);
    assert_eq!(secret.answered(&offered.replace("SAVPF", "SAVP")), None);
    // Protected media still goes first, and without a key there is none.
    let both = offer("0", "").replace("RTP/AVP", "RTP/AVPF").replace("4000", "4010") + &offered;
    assert!(negotiation().answer(&both).unwrap().srtp.is_some());
    assert_eq!(negotiation().answer(&offer("0", "").replace("RTP/AVP", "RTP/SAVPF")), None);
    let dtls = offer("0", "").replace("RTP/AVP", "UDP/TLS/RTP/SAVPF");
    assert_eq!(negotiation().answer(&dtls), None);
}

const KEY: &str = "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz";

fn protected(suite: &str, key: &str) -> String {
    let crypto = format!("a=crypto:4 {suite} inline:{key}");
    offer("0 8 101", &crypto).replace("RTP/AVP", "RTP/SAVP")
}

#[test]
fn media_that_is_offered_protected_is_taken_with_a_key_of_ours_that_stays() {
    let mut negotiation = negotiation();
    let first = negotiation.answer(&protected("AES_CM_128_HMAC_SHA1_80", KEY)).unwrap();
    let srtp = first.srtp.clone().unwrap();
    assert_eq!(srtp.theirs.to_base64(), KEY);
    let ours = format!("a=crypto:4 AES_CM_128_HMAC_SHA1_80 inline:{}", srtp.ours.to_base64());
    assert!(first.answer.contains(&ours) && first.answer.contains("m=audio 7000 RTP/SAVP 8 "));
    assert_ne!(srtp.ours, srtp.theirs);
    assert!(!format!("{first:?}").contains(&srtp.ours.to_base64()));
    let again = negotiation.answer(&protected("AES_CM_128_HMAC_SHA1_80", KEY)).unwrap();
    assert_eq!(again, first);
    let short = negotiation.answer(&protected("AES_CM_128_HMAC_SHA1_32", KEY)).unwrap();
    assert_ne!(short.srtp.unwrap().ours, srtp.ours, "a key has one use");
    assert_eq!(negotiation.answer(&protected("F8_128_HMAC_SHA1_80", KEY)), None);
    let both = protected("AES_CM_128_HMAC_SHA1_80", KEY);
    let both = format!("{}m=audio 4002 RTP/AVP 0\r\n", both);
    assert_eq!(negotiation.answer(&both).unwrap().said.port(), 4_000);
}

#[test]
fn what_is_answered_to_our_offer_is_gone_by_and_offered_from_then_on() {
    let mut ours = negotiation();
    let offered = ours.offer(true).unwrap();
    assert!(offered.contains("m=audio 7000 RTP/SAVP 9 8 0 101 13\r\n"), "{offered}");
    let mut theirs =
        Negotiation::new(vec![RtpCodec::Pcmu], SipSrtp::Required, ([192, 0, 2, 7], 9_000).into());
    let answer = theirs.answer(&offered).unwrap();
    let terms = ours.answered(&answer.answer).unwrap();
    assert_eq!(terms.types, answer.types);
    assert_eq!((terms.said, terms.is_held), (([192, 0, 2, 7], 9_000).into(), false));
    let (one, other) = (terms.srtp.unwrap(), answer.srtp.unwrap());
    assert_eq!((&one.ours, &one.theirs), (&other.theirs, &other.ours));
    let again = ours.repeat().unwrap();
    assert!(again.contains(" 2 IN IP4 ") && again.contains("RTP/SAVP 0 101 13"), "{again}");
    assert_eq!(theirs.answer(again).unwrap().srtp, Some(other), "the keys stay");
    for wrong in [
        answer.answer.replace("RTP/SAVP", "RTP/AVP"),
        answer.answer.replace("a=crypto:1", "a=crypto:2"),
        answer.answer.replace("audio 9000", "audio 0"),
        answer.answer.replace("PCMU/8000", "GSM/8000"),
    ] {
        assert_eq!(ours.answered(&wrong), None, "{wrong}");
    }
    let mut plain = negotiation();
    let offered = plain.offer(false).unwrap();
    assert!(!offered.contains("crypto"));
    assert_eq!(plain.answered(&answer.answer), None, "nobody asked for keys");
}

#[test]
fn reports_go_where_a_description_wants_them() {
    for (line, expected) in [
        ("", None),
        ("a=rtcp:4700", Some("192.0.2.9:4700")),
        ("a=rtcp:4700 IN IP4 192.0.2.77", Some("192.0.2.77:4700")),
        ("a=rtcp:0", None),
        ("a=rtcp:4700 IN IP4 224.0.0.1", None),
        ("a=rtcp:4700 IN IP4 host.example", None),
        ("a=rtcp:many", None),
    ] {
        let terms = negotiation().answer(&offer("0", line)).unwrap();
        assert_eq!(terms.reports, expected.map(|at| at.parse().unwrap()), "{line}");
    }
}

#[test]
fn all_codecs_of_an_answer_may_come_until_a_new_description_has_one() {
    let mut ours = negotiation();
    ours.offer(false).unwrap();
    let terms = ours.answered(&offer("8 0 101", "")).unwrap();
    assert_eq!(terms.types.audio, (8, RtpCodec::Pcma));
    let others: Vec<_> = terms.types.others.into_iter().flatten().collect();
    assert_eq!(others, [(0, RtpCodec::Pcmu)]);
    assert!(ours.repeat().unwrap().contains("RTP/AVP 8 101\r\n"));
    let terms = ours.answered(&offer("8 101", "")).unwrap();
    assert_eq!(terms.types.others, OtherCodecs::default());
}

#[test]
fn the_answer_to_what_is_said_again_moves_holds_and_changes_the_media() {
    let mut ours = negotiation();
    ours.offer(false).unwrap();
    ours.answered(&offer("8 101", "")).unwrap();
    let moved = offer("0 8 101", "").replace("4000", "4100").replace("192.0.2.9", "192.0.2.8");
    let terms = ours.answered(&moved).unwrap();
    assert_eq!(terms.said, ([192, 0, 2, 8], 4_100).into());
    assert_eq!(terms.types.audio.1, RtpCodec::Pcma, "the codec of before is still there");
    assert!(ours.repeat().unwrap().contains(" 2 IN IP4 "), "nothing of ours has changed");
    for (line, is_held) in [("a=inactive", true), ("a=sendonly", true), ("a=sendrecv", false)] {
        assert_eq!(ours.answered(&offer("8", line)).unwrap().is_held, is_held, "{line}");
    }
    let other = ours.answered(&offer("0 101", "")).unwrap();
    assert_eq!((other.types.audio, other.types.keys), ((0, RtpCodec::Pcmu), Some(101)));
    assert_eq!(ours.answered(&offer("0 101", "").replace("192.0.2.9", "224.0.0.1")), None);
}

#[test]
fn what_is_said_again_keeps_the_media_that_were_refused_and_its_answer_is_read_by_its_place() {
    let video = "m=video 5000 RTP/AVP 99\r\n";
    let key = format!("a=crypto:4 AES_CM_128_HMAC_SHA1_80 inline:{KEY}\r\n");
    let audio = |port| format!("m=audio {port} RTP/SAVP 0\r\n{key}");
    let head = "v=0\r\nc=IN IP4 192.0.2.9\r\n";
    let mut ours = negotiation();
    let first = ours.answer(&format!("{head}{video}{}", audio(4_000))).unwrap();
    let again = ours.repeat().unwrap().to_owned();
    assert_eq!(again, first.answer);
    assert!(again.contains("m=video 0 RTP/AVP 99\r\nm=audio 7000 RTP/SAVP 0\r\n"), "{again}");
    let refused = video.replace("5000", "0");
    let terms = ours.answered(&format!("{head}{refused}{}", audio(4_100))).unwrap();
    assert_eq!((terms.said.port(), terms.srtp), (4_100, first.srtp));
    assert_eq!(ours.repeat(), Some(again.as_str()));
    assert_eq!(ours.answered(&format!("{head}{}", audio(4_100))), None, "a medium is missing");
}

#[test]
fn a_call_that_is_not_protected_any_more_is_said_again_without_a_key() {
    let mut ours = negotiation();
    ours.answer(&protected("AES_CM_128_HMAC_SHA1_80", KEY)).unwrap();
    ours.answer(&offer("0 101", "")).unwrap();
    assert!(!ours.repeat().unwrap().contains("crypto"));
    assert_eq!(ours.answered(&offer("0 101", "")).unwrap().srtp, None);
}

#[test]
fn media_that_is_protected_again_after_it_was_plain_has_a_new_key() {
    let mut negotiation = negotiation();
    let mut secure = |offer: &str| negotiation.answer(offer).unwrap().srtp.map(|srtp| srtp.ours);
    let offered = protected("AES_CM_128_HMAC_SHA1_80", KEY);
    let first = secure(&offered).unwrap();
    assert_eq!(secure(&offer("0 101", "")), None);
    assert_ne!(secure(&offered).unwrap(), first);
}

#[test]
fn plain_media_is_refused_where_it_must_be_protected() {
    let mut negotiation = negotiation();
    negotiation.srtp = SipSrtp::Required;
    assert_eq!(negotiation.answer(&offer("0 101", "")), None);
    assert!(negotiation.answer(&protected("AES_CM_128_HMAC_SHA1_80", KEY)).is_some());
}

#[test]
fn what_we_cannot_do_is_refused() {
    let mut negotiation = negotiation();
    for wrong in [
        offer("18", ""),
        offer("0", "").replace("RTP/AVP", "RTP/SAVP"),
        offer("0", "").replace("audio", "video"),
        offer("0", "").replace("192.0.2.9", "host.example"),
        offer("0", "").replace("4000", "0"),
        String::new(),
    ] {
        assert_eq!(negotiation.answer(&wrong), None, "{wrong}");
    }
    assert_eq!(negotiation.repeat(), None);
}

#[test]
fn each_call_describes_itself_under_a_number_of_its_own() {
    let origin = |words: &str| words.lines().nth(1).unwrap().split(' ').nth(1).unwrap().to_owned();
    let (mut one, mut other) = (negotiation(), negotiation());
    let first = one.offer(false).unwrap();
    assert_eq!(origin(&first), origin(one.repeat().unwrap()));
    assert_ne!(origin(&first), origin(&other.offer(false).unwrap()));
}
