use std::time::{Duration, UNIX_EPOCH};

use voiceagent_core::{ErrorKind, transport::Direction};
use voiceagent_telephony::{control::LiveCall, front_door::CallStatus};
use voiceagent_testkit::phone::Carrier;

use crate::control::{ALL, Bench, to_desk};

#[tokio::test]
async fn the_calls_that_go_on_are_listed() {
    for carrier in ALL {
        let bench = Bench::of(carrier).await;
        let listed = bench.control.live().await;
        assert_eq!(bench.control.capabilities().live, listed.is_ok(), "{carrier:?}");
        match listed {
            Ok(calls) => {
                let [call] = &calls[..] else { panic!("{carrier:?}: {calls:?}") };
                assert_eq!((&call.id, call.status), (&bench.caller, CallStatus::InProgress));
                // Plivo names its calls and no more.
                let is_told = carrier != Carrier::Plivo;
                assert_eq!(call.direction, is_told.then_some(Direction::Inbound), "{carrier:?}");
                let number = call.number.as_deref().map(|number| number.trim_start_matches('*'));
                assert_eq!(number, is_told.then_some("23"), "{carrier:?}: {call:?}");
                // Vonage tells the time of calls that are over.
                let has_time = is_told && carrier != Carrier::Vonage;
                let at = UNIX_EPOCH + Duration::from_secs(1_577_880_000);
                assert_eq!(call.since, has_time.then_some(at), "{carrier:?}");
            }
            Err(error) => assert_eq!(error.kind(), ErrorKind::Unsupported, "{carrier:?}"),
        }
        bench.control.hang_up(&bench.caller).await.unwrap();
        if bench.control.capabilities().live {
            assert_eq!(bench.control.live().await.unwrap(), [], "{carrier:?}");
        }
    }
}

#[tokio::test]
async fn calls_that_ring_or_wait_to_be_made_are_listed_behind_those_that_go_on_and_can_be_ended() {
    for carrier in ALL {
        let bench = Bench::of(carrier).await;
        if !bench.control.capabilities().live {
            continue;
        }
        let made = bench.control.dial(&to_desk()).await.unwrap();
        let states = |calls: Vec<LiveCall>| -> Vec<_> {
            calls.into_iter().map(|call| (call.id, call.status)).collect()
        };
        // Vonage begins to make each at once.
        let begins = match carrier {
            Carrier::Vonage => CallStatus::Initiated,
            _ => CallStatus::Queued,
        };
        let live = states(bench.control.live().await.unwrap());
        let running = (bench.caller.clone(), CallStatus::InProgress);
        assert_eq!(live, [running.clone(), (made.clone(), begins)], "{carrier:?}");
        bench.control.hang_up(&made).await.unwrap();
        assert_eq!(states(bench.control.live().await.unwrap()), [running], "{carrier:?}");
    }
}

#[tokio::test]
async fn a_hundred_calls_in_full_are_listed() {
    let bench = Bench::of(Carrier::Twilio).await;
    // As long as an entry of the carrier, with the addresses of all that belongs to a call.
    let entry = |n: usize| {
        format!(r#"{{"sid":"CA{n:032x}","subresource_uris":{{"a":"{}"}}}}"#, "/x".repeat(1_100))
    };
    let entries: Vec<_> = (0..100).map(entry).collect();
    bench.api.fail_next(200, format!(r#"{{"calls":[{}]}}"#, entries.join(",")));
    // And the one that goes on.
    assert_eq!(bench.control.live().await.unwrap().len(), 101);
}
