//! Templates are edited in the dashboard, by those who are signed in and from no other page.

use super::*;

const OWN: Option<&str> = Some("https://agent.example.com");

impl House {
    /// Sends a form as a browser does in which somebody is signed in.
    async fn fill(&self, path: &str, fields: &[(&str, &str)], origin: Option<&str>) -> Told {
        let cookie = self.sign_in(KEY).await.header(header::SET_COOKIE).to_owned();
        let mut request = HttpRequest::post(path)
            .header(header::HOST, "agent.example.com")
            .header(header::COOKIE, cookie.split(';').next().unwrap())
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        if let Some(origin) = origin {
            request = request.header(header::ORIGIN, origin);
        }
        let quoted =
            |text: &str| -> String { text.bytes().map(|byte| format!("%{byte:02X}")).collect() };
        let body: Vec<String> =
            fields.iter().map(|(name, value)| format!("{name}={}", quoted(value))).collect();
        self.send(request.body(Body::from(body.join("&"))).unwrap()).await
    }

    async fn shown(&self, path: &str) -> String {
        self.browse(Method::GET, path, None).await.text().to_owned()
    }

    async fn versions(&self) -> Vec<(i64, String)> {
        let all = self.store.templates("inbound").await.unwrap();
        all.into_iter().map(|one| (one.version, one.config)).collect()
    }
}

const PAGE: &str = "/dashboard/templates/inbound";

#[tokio::test]
async fn a_template_is_written_activated_and_rolled_back_in_the_dashboard() {
    let house = house().await;
    assert!(house.shown(PAGE).await.contains("no version is active"));
    for greeting in ["One, {name}.", "Two, {name}."] {
        let config = json!({ "greeting": greeting }).to_string();
        let done = house.fill(PAGE, &[("config", &config), ("note", "a test")], OWN).await;
        assert_eq!(done.status, StatusCode::SEE_OTHER, "{}", done.text());
        assert!(
            house.shown(done.header(header::LOCATION)).await.contains("It answers nothing yet.")
        );
    }
    for version in ["1", "2"] {
        let path = format!("{PAGE}/activate");
        let done = house.fill(&path, &[("version", version)], OWN).await;
        let page = house.shown(done.header(header::LOCATION)).await;
        assert!(page.contains(&format!("New calls are answered by version {version}.")), "{page}");
    }
    let page = house.shown(PAGE).await;
    assert!(page.contains("A new version from 2") && page.contains("Two, {name}."), "{page}");
    assert!(
        page.contains("- greeting = &quot;One, {name}.&quot;"),
        "what differs is shown: {page}"
    );
    let done = house.fill(&format!("{PAGE}/rollback"), &[], OWN).await;
    assert_eq!(done.status, StatusCode::SEE_OTHER);
    assert_eq!(house.store.active_template("inbound").await.unwrap()[0].version, 1);
    assert!(house.shown(&format!("{PAGE}?from=2")).await.contains("A new version from 2"));
    let none = house.browse(Method::GET, &format!("{PAGE}?from=9"), None).await;
    assert_eq!(none.status, StatusCode::NOT_FOUND);
    let again = house.fill(&format!("{PAGE}/rollback"), &[], OWN).await;
    assert_eq!(again.status, StatusCode::NOT_FOUND, "nothing answered before");
}

#[tokio::test]
async fn what_is_wrong_in_the_editor_is_told_by_its_field_and_the_text_is_kept() {
    let house = house().await;
    for (config, told) in [
        (r#"{"greeting":"Hi {who}"}"#, "field `greeting`: write a sentence"),
        (r#"{"greting":"Hi"}"#, "field `greting` is none of"),
        (r#"{"stt":{"provider":"nobody"}}"#, "table `[stt]`: unknown provider `nobody`"),
        (r#"{"stt":{"provider":"deepgram","api_key":"k"}}"#, "keys are not kept in templates"),
        ("{ <b>", "the text is no JSON"),
    ] {
        let told_page = house.fill(PAGE, &[("config", config)], OWN).await;
        assert_eq!(told_page.status, StatusCode::UNPROCESSABLE_ENTITY, "{config}");
        let page = told_page.text();
        assert!(page.contains(told), "{config}: {page}");
        let kept = config.replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;");
        assert!(page.contains(&kept), "{config}: {page}");
    }
    assert!(house.versions().await.is_empty());
}

#[tokio::test]
async fn who_hears_answers_and_speaks_is_chosen_from_those_that_are_registered() {
    let house = house().await;
    let page = house.shown(PAGE).await;
    for name in ["deepgram", "assemblyai", "openai", "cartesia"] {
        assert!(page.contains(&format!("<option value=\"{name}\">")), "{name}: {page}");
    }
    let config =
        r#"{"stt":{"provider":"deepgram","model":"nova-3"},"tts":{"provider":"cartesia"}}"#;
    let form = [("config", config), ("stt", "assemblyai"), ("tts", "-")];
    let done = house.fill(PAGE, &form, OWN).await;
    assert_eq!(done.status, StatusCode::SEE_OTHER, "{}", done.text());
    let same = [("config", config), ("stt", "deepgram"), ("tts", "deepgram")];
    house.fill(PAGE, &same, OWN).await;
    let written: Vec<Value> = house
        .versions()
        .await
        .iter()
        .map(|(_, config)| serde_json::from_str(config).unwrap())
        .collect();
    assert_eq!(written[1], json!({ "stt": { "provider": "assemblyai" } }), "its model went along");
    assert_eq!(
        written[0],
        json!({
            "stt": { "provider": "deepgram", "model": "nova-3" }, "tts": { "provider": "deepgram" },
        })
    );
}

#[tokio::test]
async fn no_template_is_changed_from_a_foreign_page_or_by_who_is_not_signed_in() {
    let house = house().await;
    house.fill(PAGE, &[("config", "{}")], OWN).await;
    for path in [PAGE.to_owned(), format!("{PAGE}/activate"), format!("{PAGE}/rollback")] {
        let fields = [("config", "{}"), ("version", "1")];
        let foreign = house.fill(&path, &fields, Some("https://evil.example")).await;
        assert_eq!(foreign.status, StatusCode::FORBIDDEN, "{path}");
        let stranger = HttpRequest::post(&path).body(Body::empty()).unwrap();
        assert_eq!(house.send(stranger).await.status, StatusCode::UNAUTHORIZED, "{path}");
    }
    assert_eq!(house.versions().await.len(), 1);
    assert!(house.store.active_template("inbound").await.unwrap().is_empty());
    let unknown = house.fill("/dashboard/templates/nothing", &[("config", "{}")], OWN).await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn outcomes_success_speed_and_places_are_drawn_by_days_and_by_weeks() {
    let house = house().await;
    house.call("CA1", true).await;
    for path in ["/dashboard/trends", "/dashboard/trends?by=week"] {
        let page = house.shown(path).await;
        for drawn in ["booked 1</title>", "did not fail 100 %</title>", "median 1250 ms</title>"] {
            assert!(page.contains(drawn), "{path}: {drawn}: {page}");
        }
        assert!(
            !page.contains(" style=") && !page.contains("id=\"cost\""),
            "nothing has cost anything"
        );
    }
    let odd = house.browse(Method::GET, "/dashboard/trends?by=hour", None).await;
    assert_eq!(odd.status, StatusCode::BAD_REQUEST);
}
