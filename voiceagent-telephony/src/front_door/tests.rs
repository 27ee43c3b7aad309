use std::sync::atomic::{AtomicUsize, Ordering};

use tower_service::Service;
use voiceagent_core::Secret;

use super::*;

static CHECKS: AtomicUsize = AtomicUsize::new(0);

/// Counts what it is asked, and lets nobody in.
#[derive(Debug)]
struct Counting;

impl CheckSignature for Counting {
    fn check(&self, _: &SignedRequest<'_>) -> Result<(), SignatureRefusal> {
        CHECKS.fetch_add(1, Ordering::Relaxed);
        Err(SignatureRefusal::Mismatch)
    }

    fn hint(&self, _: SignatureRefusal) -> &'static str {
        "none"
    }
}

static SIGNS_URL: House = House { signatures: |_| Ok(Arc::new(Counting)), ..house::SIGNALWIRE };
static SIGNS_TELNYX: House = House { signatures: |_| Ok(Arc::new(Counting)), ..house::TELNYX };
static SIGNS_VONAGE: House = House { signatures: |_| Ok(Arc::new(Counting)), ..house::VONAGE };

#[tokio::test]
async fn other_addresses_are_tried_only_where_the_address_is_signed() {
    for (house, is_signed) in [(&SIGNS_URL, true), (&SIGNS_TELNYX, false), (&SIGNS_VONAGE, false)] {
        let door = FrontDoorBuilder::new(house).auth_token(Secret::new("1")).on_call(|_| async {});
        let request = Request::post(format!("/{}/voice", house.carrier))
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Body::from("CallSid=CA1"));
        let answer = door.build().unwrap().call(request.unwrap()).await.unwrap();
        assert_eq!(answer.status(), StatusCode::FORBIDDEN);
        let checks = CHECKS.swap(0, Ordering::Relaxed);
        assert_eq!(checks > 1, is_signed, "{}: {checks}", house.carrier);
    }
}
