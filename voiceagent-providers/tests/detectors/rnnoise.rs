use serde_json::json;
use voiceagent_core::ErrorKind;
use voiceagent_testkit::conformance;

use super::registry;

#[test]
fn rnnoise_passes() {
    let rnnoise = registry().vad.build(json!({ "provider": "rnnoise" })).unwrap();
    conformance::vad("rnnoise", &*rnnoise).assert();
    let unknown = registry().vad.build(json!({ "provider": "rnnoise", "model": "better" }));
    assert_eq!(unknown.unwrap_err().kind(), ErrorKind::Config);
}
