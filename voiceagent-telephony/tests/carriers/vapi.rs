use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime},
};

use voiceagent_core::{CallId, ErrorKind, Secret};
use voiceagent_telephony::{
    control::{Answer, CallControl, Callee, NewCall},
    document::Response,
    front_door::CallStatus,
    vapi::{EndedBy, VapiConfig, VapiRest},
};
use voiceagent_testkit::vendor::CarrierApi;

use crate::control::directory;

#[tokio::test]
async fn a_hosted_call_is_made_once_to_whom_the_directory_knows() {
    let api = CarrierApi::vapi().await;
    let config = VapiConfig::new(Secret::new(CarrierApi::SECRET), "a-1", "p-1");
    let vapi = VapiRest::new(config.with_base_url(api.url()).with_directory(directory())).unwrap();
    let desk = Callee::Target("front desk".to_owned());
    let variables = BTreeMap::from([("name".to_owned(), "Zoë".to_owned())]);
    let call = vapi.call(&desk, &variables).await.unwrap();
    let request = api.requests().pop().unwrap();
    for (field, value) in [
        ("assistantId", "a-1"),
        ("assistantOverrides", r#"{"variableValues":{"name":"Zoë"}}"#),
        ("customer", r#"{"number":"+14155550100"}"#),
        ("phoneNumberId", "p-1"),
    ] {
        assert_eq!(request.field(field), Some(value));
    }
    let status = vapi.status(&call).await.unwrap();
    assert_eq!((&*status.status, status.ended), ("queued", None));
    api.fail_next(200, r#"{"status":"ended","endedReason":"customer-did-not-answer"}"#);
    assert_eq!(vapi.status(&call).await.unwrap().ended, Some(EndedBy::NoAnswer));
    let error = vapi.status(&CallId::new("gone")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Closed);
    let before = api.requests().len();
    api.fail_next(500, "");
    let error = vapi.call(&desk, &variables).await.unwrap_err();
    assert_eq!((error.kind(), api.requests().len()), (ErrorKind::Overloaded, before + 1));
    let stranger = Callee::Number("+19005550123".parse().unwrap());
    let error = vapi.call(&stranger, &variables).await.unwrap_err();
    assert_eq!((error.kind(), api.requests().len()), (ErrorKind::Rejected, before + 1));
    let shown = format!("{vapi:?}");
    assert!(!shown.contains(CarrierApi::SECRET), "{shown}");
}

#[tokio::test]
async fn a_hosted_call_is_found_again_by_whom_it_went_to_and_since_when() {
    let api = CarrierApi::vapi().await;
    let config = VapiConfig::new(Secret::new(CarrierApi::SECRET), "a-1", "p-1");
    let line = VapiRest::new(config.with_base_url(api.url()).with_directory(directory())).unwrap();
    let line: &dyn CallControl = &line;
    assert!(line.capabilities().dial && line.capabilities().made && line.capabilities().status);
    let desk = Callee::Target("front desk".to_owned());
    let before = SystemTime::now() - Duration::from_secs(30);
    assert!(line.made(&desk, before).await.unwrap().is_empty());
    let call = line.dial(&NewCall::to(desk.clone())).await.unwrap();
    assert_eq!(line.made(&desk, before).await.unwrap(), std::slice::from_ref(&call));
    assert_eq!(line.status(&call).await.unwrap(), CallStatus::Queued);
    for (told, status) in [
        (r#"{"status":"ringing"}"#, CallStatus::Ringing),
        (r#"{"status":"in-progress"}"#, CallStatus::InProgress),
        (r#"{"status":"ended","endedReason":"customer-busy"}"#, CallStatus::Busy),
        (r#"{"status":"ended","endedReason":"customer-ended-call"}"#, CallStatus::Completed),
        (r#"{"status":"ended","endedReason":"pipeline-error-x"}"#, CallStatus::Failed),
    ] {
        api.fail_next(200, told);
        assert_eq!(line.status(&call).await.unwrap(), status, "{told}");
    }
    api.age(Duration::from_secs(120));
    assert!(line.made(&desk, before).await.unwrap().is_empty(), "it was made before");
    let document = NewCall::to(desk).with_answer(Answer::Document(Response::new()));
    assert_eq!(line.dial(&document).await.unwrap_err().kind(), ErrorKind::Unsupported);
    assert_eq!(line.hang_up(&call).await.unwrap_err().kind(), ErrorKind::Unsupported);
}
