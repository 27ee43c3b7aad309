use std::time::Duration;

use tokio::time::{Instant, pause, resume, timeout};
use voiceagent_core::{ErrorKind, transport::Inbound};

use crate::{
    crossings::{HALF, OURS, Taken},
    server::{SOON, Server},
    within::Begun,
};

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[tokio::test]
async fn a_side_that_cannot_confirm_a_call_now_is_asked_again_and_the_call_goes_on() {
    let Taken { mut phone, link, .. } = Taken::by(OURS).await;
    pause();
    let mut before = phone.request_within("INVITE", HALF * 2).await;
    for (status, headers, expected) in [
        ("503 Service Unavailable", "Retry-After: 1\r\n", seconds(1)..=seconds(2)),
        ("480 Temporarily Unavailable", "Retry-After: 3\r\n", seconds(3)..=seconds(4)),
        ("500 Server Internal Error", "", seconds(1)..=seconds(5)),
    ] {
        phone.answer(&before, status, headers, "").await;
        phone.request("ACK").await;
        let begin = Instant::now();
        let again = phone.request_within("INVITE", HALF).await;
        assert!(expected.contains(&begin.elapsed()), "{status}: {:?}", begin.elapsed());
        assert!(again.number() > before.number() && again.body() == before.body());
        before = again;
    }
    phone.answer(&before, "200 OK", OURS, &phone.description()).await;
    phone.request("ACK").await;
    // The time counts from there, and the call is confirmed once more.
    let begin = Instant::now();
    phone.request_within("INVITE", HALF * 2).await;
    assert!((HALF - seconds(1)..=HALF + seconds(1)).contains(&begin.elapsed()));
    drop(link);
}

#[tokio::test]
async fn a_side_that_wants_to_be_asked_less_often_is_asked_so() {
    let Taken { mut phone, link, .. } = Taken::by(OURS).await;
    pause();
    let first = phone.request_within("INVITE", HALF * 2).await;
    assert_eq!(first.headers("Min-SE").count(), 0, "{}", first.text);
    phone.answer(&first, "422 Session Interval Too Small", "Min-SE: 120\r\n", "").await;
    phone.request("ACK").await;
    let begin = Instant::now();
    let again = phone.request("INVITE").await;
    assert!(begin.elapsed() <= seconds(1), "{:?}", begin.elapsed());
    assert!(again.header("Session-Expires").starts_with("120;refresher=uac"), "{}", again.text);
    assert_eq!(again.header("Min-SE"), "120");
    let longer = OURS.replace("90", "120");
    phone.answer(&again, "200 OK", &longer, &phone.description()).await;
    phone.request("ACK").await;
    let begin = Instant::now();
    phone.request_within("INVITE", HALF * 2).await;
    assert!((seconds(59)..=seconds(61)).contains(&begin.elapsed()), "{:?}", begin.elapsed());
    drop(link);
}

#[tokio::test]
async fn a_call_that_the_other_side_does_not_know_any_more_ends_at_once() {
    let Taken { mut phone, mut link, .. } = Taken::by(OURS).await;
    pause();
    let ours = phone.request_within("INVITE", HALF * 2).await;
    phone.answer(&ours, "481 Call/Transaction Does Not Exist", "", "").await;
    phone.request("ACK").await;
    let begin = Instant::now();
    phone.request("BYE").await;
    assert!(begin.elapsed() <= seconds(1), "{:?}", begin.elapsed());
    let ended = async {
        loop {
            if let Err(error) = link.recv().await.expect("why it has ended") {
                return error;
            }
        }
    };
    assert_eq!(timeout(SOON, ended).await.unwrap().kind(), ErrorKind::Disconnected);
}

#[tokio::test]
async fn a_side_that_confirms_the_call_itself_from_now_on_is_not_asked_again() {
    for status in ["491 Request Pending", "503 Service Unavailable"] {
        let Taken { mut phone, invite, link, .. } = Taken::by(OURS).await;
        pause();
        let ours = phone.request_within("INVITE", HALF * 2).await;
        let theirs = "Session-Expires: 90;refresher=uac\r\nSupported: timer\r\n";
        phone.ask(&invite, "UPDATE", 2, theirs, "").await;
        let taken = phone.answer_to("UPDATE", 2).await;
        assert!(taken.text.starts_with("SIP/2.0 200"), "{}", taken.text);
        phone.answer(&ours, status, "Retry-After: 1\r\n", "").await;
        phone.request("ACK").await;
        let asked = timeout(HALF, phone.request_within("INVITE", HALF * 2)).await;
        assert!(asked.is_err(), "{status}: {asked:?}");
        drop(link);
        phone.request("BYE").await;
        resume();
    }
}

#[tokio::test]
async fn a_description_that_is_refused_does_not_change_how_often_the_call_is_confirmed() {
    let mut config = Server::config();
    config.media_timeout = seconds(3_600);
    let timer =
        |interval| format!("Supported: timer\r\nSession-Expires: {interval};refresher=uac\r\n");
    let Begun { mut phone, answer, mut link, .. } = Begun::with(config, &timer(1_800)).await;
    let useless = phone.description().replace("AVP 0", "AVP 18");
    let headers = timer(90) + "Content-Type: application/sdp\r\n";
    phone.ask(&answer, "INVITE", 2, &headers, &useless).await;
    let refused = phone.answer_to("INVITE", 2).await;
    assert!(refused.text.starts_with("SIP/2.0 488"), "{}", refused.text);
    pause();
    let ended = async {
        loop {
            match link.recv().await {
                Some(Ok(Inbound::Audio(_) | Inbound::Quality(_))) => {}
                other => return other,
            }
        }
    };
    // It would end after 60 s by what was refused.
    let ended = timeout(seconds(90), ended).await;
    assert!(ended.is_err(), "{ended:?}");
}

#[tokio::test]
async fn whoever_describes_the_call_anew_is_told_that_it_is_still_to_be_confirmed() {
    let timer = "Supported: timer\r\nSession-Expires: 90;refresher=uac\r\n";
    let Begun { mut phone, answer, link, .. } = Begun::with(Server::config(), timer).await;
    let described = phone.description();
    for (number, method, headers, expected, required) in [
        (2, "INVITE", "Supported: timer\r\n", "90;refresher=uac", Some("timer")),
        (3, "UPDATE", "Supported: timer\r\n", "90;refresher=uac", Some("timer")),
        (4, "UPDATE", "k: timer\r\nMin-SE: 120\r\n", "120;refresher=uac", Some("timer")),
        // Whoever does not say that it knows timers is confirmed by us.
        (5, "INVITE", "", "120;refresher=uas", None),
    ] {
        let headers = format!("{headers}Content-Type: application/sdp\r\n");
        phone.ask(&answer, method, number, &headers, &described).await;
        let taken = phone.answer_to(method, number).await;
        assert!(taken.text.starts_with("SIP/2.0 200"), "{}", taken.text);
        assert_eq!(taken.headers("Session-Expires").next(), Some(expected), "{}", taken.text);
        assert_eq!(taken.headers("Require").next(), required, "{}", taken.text);
        if method == "INVITE" {
            phone.ask(&answer, "ACK", number, "", "").await;
        }
    }
    drop(link);
}
