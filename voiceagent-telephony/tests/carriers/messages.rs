use voiceagent_core::{ErrorKind, Secret};
use voiceagent_telephony::{
    compatible::{CompatibleApi, CompatibleConfig, CompatibleRest},
    control::Callee,
    message::{Channel, TextMessage},
    verify::{CodeChannel, CodeVerdict, Verifier},
};
use voiceagent_testkit::{phone::Carrier, vendor::CarrierApi};

use crate::control::{ALL, Bench, directory};

#[tokio::test]
async fn a_message_goes_to_who_is_in_the_directory_and_once() {
    let message = |to: &str| TextMessage::new(Callee::Target(to.to_owned()), "Your car is ready");
    for carrier in ALL {
        let bench = Bench::of(carrier).await;
        assert_eq!(bench.messenger.send(&message("front desk").unwrap()).await.unwrap(), "SM1");
        let request = bench.last();
        for part in ["14155550100", "14155550199", "Your car is ready"] {
            assert!(request.fields.iter().any(|(_, value)| value.contains(part)), "{request:?}");
        }
        let error = bench.messenger.send(&message("mallory").unwrap()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Rejected);
        bench.api.fail_next(500, "");
        let error = bench.messenger.send(&message("front desk").unwrap()).await.unwrap_err();
        assert_eq!((error.kind(), bench.api.requests().len()), (ErrorKind::Overloaded, 2));
    }
    for wrong in ["", &"x".repeat(1_601)] {
        let to = Callee::Target("front desk".to_owned());
        assert_eq!(TextMessage::new(to, wrong).unwrap_err().kind(), ErrorKind::Rejected);
    }
}

#[tokio::test]
async fn whatsapp_goes_where_the_carrier_has_it() {
    let to = Callee::Target("front desk".to_owned());
    let message = TextMessage::new(to, "Your car is ready").unwrap().by(Channel::WhatsApp);
    for carrier in ALL {
        let bench = Bench::of(carrier).await;
        let sent = bench.messenger.send(&message).await;
        match carrier {
            Carrier::Twilio => {
                sent.unwrap();
                assert_eq!(bench.last().field("To"), Some("whatsapp:+14155550100"));
                assert_eq!(bench.last().field("From"), Some("whatsapp:+14155550199"));
            }
            Carrier::Vonage => {
                sent.unwrap();
                assert_eq!(bench.last().field("channel"), Some("whatsapp"));
            }
            _ => {
                assert_eq!(sent.unwrap_err().kind(), ErrorKind::Unsupported);
                assert!(!bench.messenger.has(Channel::WhatsApp));
                assert!(bench.api.requests().is_empty());
            }
        }
    }
}

fn verifier(kind: CompatibleApi, api: &CarrierApi) -> CompatibleRest {
    let secret = Secret::new(CarrierApi::SECRET);
    let mut config = CompatibleConfig::new(kind, CarrierApi::ACCOUNT, secret)
        .with_base_url(api.url())
        .with_directory(directory());
    config.verify_url = Some(api.url());
    config.verify_service = Some("VA1".to_owned());
    CompatibleRest::new(config).unwrap()
}

#[tokio::test]
async fn cp39_a_wrong_code_is_no_error_and_one_that_is_gone_is_over() {
    let code = Secret::new("4711");
    for (carrier, kind, right) in [
        (Carrier::SignalWire, CompatibleApi::SignalWire, r#"{"success":true}"#),
        (Carrier::Telnyx, CompatibleApi::Telnyx, r#"{"data":{"response_code":"accepted"}}"#),
        (Carrier::Twilio, CompatibleApi::Twilio, r#"{"status":"approved"}"#),
    ] {
        let api = CarrierApi::start(carrier).await;
        let verifier = verifier(kind, &api);
        let desk = Callee::Target("front desk".to_owned());
        let sent = verifier.send_code(&desk, CodeChannel::Sms).await.unwrap();
        let request = api.requests().pop().unwrap();
        assert!(request.fields.iter().any(|(_, value)| value == "+14155550100"), "{request:?}");
        assert_eq!(verifier.check_code(&sent, &code).await.unwrap(), CodeVerdict::Wrong);
        let request = api.requests().pop().unwrap();
        assert!(request.fields.iter().any(|(_, value)| value == "4711"), "{request:?}");
        for (answer, verdict) in [
            ((200, right), CodeVerdict::Right),
            ((404, ""), CodeVerdict::Over),
            ((200, r#"{"status":"max_attempts_reached"}"#), CodeVerdict::Over),
        ] {
            api.fail_next(answer.0, answer.1);
            assert_eq!(verifier.check_code(&sent, &code).await.unwrap(), verdict, "{carrier:?}");
        }
        // An attempt may have been counted.
        let before = api.requests().len();
        api.fail_next(503, "");
        let error = verifier.check_code(&sent, &code).await.unwrap_err();
        assert_eq!((error.kind(), api.requests().len()), (ErrorKind::Overloaded, before + 1));
        let stranger = Callee::Target("mallory".to_owned());
        let error = verifier.send_code(&stranger, CodeChannel::Call).await.unwrap_err();
        assert_eq!((error.kind(), api.requests().len()), (ErrorKind::Rejected, before + 1));
    }
}
