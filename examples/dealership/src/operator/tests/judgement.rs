//! What people make of calls, on the dashboard.

use super::*;
use crate::{
    analysis,
    config::RecordingsConfig,
    store::{AppointmentId, Change},
};

impl House {
    /// Sends a form as a page of the dashboard does.
    async fn submit(&self, path: &str, form: &str) -> Told {
        let cookie = self.sign_in(KEY).await.header(header::SET_COOKIE).to_owned();
        let request = HttpRequest::builder()
            .method(Method::POST)
            .uri(path)
            .header(header::HOST, "agent.example.com")
            .header(header::ORIGIN, "https://agent.example.com")
            .header(header::COOKIE, cookie.split(';').next().unwrap())
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Body::from(form.to_owned()));
        self.send(request.unwrap()).await
    }

    async fn page(&self, path: &str) -> Told {
        self.browse(Method::GET, path, None).await
    }
}

#[tokio::test]
async fn people_label_calls_and_see_how_far_they_agree_with_each_other_and_the_rules() {
    let house = house().await;
    for call in ["CA1", "CA2"] {
        house.call(call, true).await;
        assert_eq!(analysis::catch_up(&house.store, None, now()).await.unwrap(), 1);
    }
    assert_eq!(analysis::catch_up(&house.store, None, now()).await.unwrap(), 0, "once is enough");
    for (call, who, outcome) in [
        ("CA1", "Ana", "info_given"),
        ("CA1", "Ben", "booked"),
        ("CA2", "Ana", "abandoned"),
        ("CA2", "Ben", "abandoned"),
        // Ben has looked again.
        ("CA1", "Ben", "info_given"),
    ] {
        let form = format!("labeller={who}&outcome={outcome}&qualified=yes");
        let told = house.submit(&format!("/dashboard/calls/{call}/label"), &form).await;
        assert_eq!(told.status, StatusCode::SEE_OTHER, "{}", told.text());
    }
    let call = house.page("/dashboard/calls/CA1").await;
    for part in [
        "Ana: info_given, qualified",
        "Ben: info_given",
        "By the rules: ",
        "Took part by ",
        "Make a scenario",
    ] {
        assert!(call.text().contains(part), "{part} in {}", call.text());
    }
    let labels = house.page("/dashboard/labels").await;
    assert!(labels.text().contains("2 in all, accuracy 1.00, kappa 1.00"), "{}", labels.text());
    let lines = house.page("/dashboard/labels.jsonl").await;
    let lines: Vec<Value> =
        lines.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 2);
    let first = lines.iter().find(|line| line["labels"][0]["outcome"] == "info_given").unwrap();
    assert_eq!(first["agent"], "booked");
    assert_eq!(
        first["labels"][1],
        json!({
            "labeller": "Ben", "outcome": "info_given", "qualified": true,
        })
    );
    let whole = Value::from(lines).to_string();
    assert!(!whole.contains("oil change") && !whole.contains("6305550111"), "{whole}");
}

#[tokio::test]
async fn a_label_that_cannot_be_meant_is_refused() {
    let house = house().await;
    house.call("CA1", true).await;
    house.call("CA2", false).await;
    for (call, form, status) in [
        ("CA1", "labeller=Ana&outcome=sold", StatusCode::BAD_REQUEST),
        ("CA1", "labeller=+&outcome=booked", StatusCode::BAD_REQUEST),
        ("CA2", "labeller=Ana&outcome=booked", StatusCode::BAD_REQUEST),
        ("CA3", "labeller=Ana&outcome=booked", StatusCode::NOT_FOUND),
    ] {
        let told = house.submit(&format!("/dashboard/calls/{call}/label"), form).await;
        assert_eq!(told.status, status, "{call} {form}");
    }
    assert!(house.store.labels(None).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_call_is_taken_from_its_page_as_a_scenario() {
    let house = house().await;
    house.call("CA1", true).await;
    let told = house.page("/dashboard/calls/CA1/scenario").await;
    assert_eq!(told.status, StatusCode::OK);
    assert_eq!(told.header(header::CONTENT_TYPE), "application/yaml");
    let scenario = crate::eval::Scenario::parse(told.text()).unwrap();
    assert_eq!(scenario.title, "A call that was booked");
    assert!(told.text().contains("say: \"I need an oil change\""), "{}", told.text());
}

#[tokio::test]
async fn recordings_are_heard_told_and_erased_with_their_person() {
    let folder = std::env::temp_dir().join(format!("heard-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let config = RecordingsConfig { folder: Some(folder.clone()), ..Default::default() };
    let recordings = Recordings::of(&config).unwrap();
    let keys = OfficeKeys { operator: Some(Secret::new(KEY)), metrics: None, is_https: true };
    let house = house_of(keys, recordings).await;
    let ana = Phone::parse("+16305550111").unwrap();
    house.call("CA1", true).await;
    for name in ["CA1.wav", "CA2.wav"] {
        std::fs::write(folder.join(name), name).unwrap();
    }
    let page = house.page("/dashboard/calls/CA1").await;
    assert!(page.text().contains("/dashboard/calls/CA1/recordings/CA1.wav"), "{}", page.text());
    let sound = house.page("/dashboard/calls/CA1/recordings/CA1.wav").await;
    assert_eq!((sound.text(), sound.header(header::CONTENT_TYPE)), ("CA1.wav", "audio/wav"));
    for foreign in ["CA2.wav", "..%2FCA1.wav", "CA1.journal"] {
        let told = house.page(&format!("/dashboard/calls/CA1/recordings/{foreign}")).await;
        assert_eq!(told.status, StatusCode::NOT_FOUND, "{foreign}");
    }
    let told = house.get("/api/people/+16305550111").await.json();
    assert_eq!(told["recordings"], json!(["CA1.wav"]));
    for visit in house.store.person(&ana).await.unwrap()["appointment"].clone() {
        let appointment = AppointmentId::parse(visit["id"].as_str().unwrap()).unwrap();
        let change = Change { appointment, key: "erase".to_owned() };
        // Visits to come stand against it.
        house.store.cancel(&change, None, now()).await.unwrap();
    }
    let erased = house.ask(Method::DELETE, "/api/people/+16305550111", None).await;
    assert_eq!(erased.status, StatusCode::OK, "{}", erased.text());
    assert_eq!(erased.json()["recordings"], 1);
    assert!(!folder.join("CA1.wav").exists() && folder.join("CA2.wav").exists());
    std::fs::remove_dir_all(&folder).unwrap();
}
