use jiff::{SignedDuration, Timestamp};
use reqwest::{Client, StatusCode};
use serde::Deserialize;
use serde_json::Value;
use voiceagent_core::Secret;

use super::{Finding, State, finding, ok};
use crate::{config::Config, server};

/// A job that is due for longer is done by nobody.
const LATE: SignedDuration = SignedDuration::from_mins(10);
/// The identifier of no job.
const NOBODY: &str = "00000000-0000-7000-8000-000000000000";

const OPERATOR: &str = "DEALERSHIP_OPERATOR_KEY is not set here; it cannot be asked";

#[derive(Deserialize)]
struct Jobs {
    jobs: Vec<Job>,
}

#[derive(Deserialize)]
struct Job {
    kind: String,
    state: String,
    run_at: String,
}

/// A program that runs, as its operator sees it from outside.
pub(super) struct Running<'a> {
    pub(super) client: &'a Client,
    /// Without a slash at its end.
    pub(super) url: &'a str,
    pub(super) key: Option<&'a Secret>,
}

impl Running<'_> {
    /// Whether it is ready, whether its jobs are done, and whether the operator's side answers.
    pub(super) async fn examine(&self, now: Timestamp) -> Vec<Finding> {
        vec![
            self.health().await,
            self.jobs(now).await,
            self.trigger().await,
            self.dashboard().await,
        ]
    }

    async fn health(&self) -> Finding {
        const WHAT: &str = "health";
        let wrong = |seen: &str, next: &str| finding(WHAT, State::Wrong, seen, next);
        let Some((status, health)) = self.json("/readyz", None).await else {
            let next = "Start the program, and the tunnel or proxy that leads to it.";
            return wrong(&format!("{} does not answer", self.url), next);
        };
        if health["database"] == false {
            return wrong("it has no database", "Look at the database, and at the program's log.");
        }
        if health["has_room"] == false {
            return finding(WHAT, State::Warning, "it is full, and sends new calls elsewhere", "");
        }
        if health["takes_calls"] == false && status != StatusCode::OK {
            return wrong("it was told to stop, and takes no calls", "Start it.");
        }
        let Some(calls) = health["calls"].as_u64().filter(|_| status == StatusCode::OK) else {
            let next = "The proxy: it has to pass `/readyz` to the program.";
            return wrong(&format!("{}/readyz answers {}", self.url, status.as_u16()), next);
        };
        let version = self.json("/version", None).await.map(|(_, version)| version);
        let commit = version.as_ref().and_then(|version| version["commit"].as_str());
        ok(WHAT, &format!("ready, {calls} calls, of commit {}", commit.unwrap_or("unknown")))
    }

    async fn jobs(&self, now: Timestamp) -> Finding {
        const WHAT: &str = "jobs";
        let Some(key) = self.key else { return finding(WHAT, State::Optional, OPERATOR, "") };
        let told = self.json("/api/jobs?all=true", Some(key)).await;
        let jobs = match told {
            Some((StatusCode::OK, told)) => serde_json::from_value::<Jobs>(told).ok(),
            other => return refused(WHAT, other.map(|(status, _)| status)),
        };
        let Some(Jobs { jobs }) = jobs else {
            return finding(WHAT, State::Wrong, "the answer is not understood", "");
        };
        let is_late = |job: &&Job| {
            let due = job.run_at.parse::<Timestamp>();
            job.state == "ready" && due.is_ok_and(|due| now.duration_since(due) > LATE)
        };
        let late: Vec<&Job> = jobs.iter().filter(is_late).collect();
        if let Some(one) = late.first() {
            let seen = format!("{} wait for too long, such as `{}`", late.len(), one.kind);
            let next = "Start a program with the role `jobs` and `outbound.from`; see `dealership \
                        jobs list`, and `jobs resume` if they were stopped.";
            return finding(WHAT, State::Wrong, &seen, next);
        }
        let dead = jobs.iter().filter(|job| job.state == "dead").count();
        if dead > 0 {
            let next = "See what they say: `dealership jobs list --all`; `jobs run` tries again.";
            return finding(WHAT, State::Warning, &format!("{dead} have failed for good"), next);
        }
        let open = jobs.iter().filter(|job| matches!(&*job.state, "ready" | "running")).count();
        ok(WHAT, &format!("{open} to be done, none late"))
    }

    /// Asks to do a job that there is not: who may ask is told so, and nothing is done.
    async fn trigger(&self) -> Finding {
        const WHAT: &str = "jobs by hand";
        let Some(key) = self.key else { return finding(WHAT, State::Optional, OPERATOR, "") };
        let url = format!("{}/api/jobs/{NOBODY}/run", self.url);
        let asked = self.client.post(url).bearer_auth(key.expose()).send().await.ok();
        let Some(answer) = asked else { return refused(WHAT, None) };
        let status = answer.status();
        let told = answer.json::<Value>().await.unwrap_or_default();
        // A proxy's 404 has no such error.
        if status == StatusCode::NOT_FOUND && told["error"].is_string() {
            return ok(WHAT, "would be done");
        }
        refused(WHAT, Some(status))
    }

    async fn dashboard(&self) -> Finding {
        const WHAT: &str = "dashboard";
        let Some(key) = self.key else { return finding(WHAT, State::Optional, OPERATOR, "") };
        match self.json("/api/statistics", Some(key)).await {
            Some((StatusCode::OK, told)) if told.is_object() => ok(WHAT, "its API answers"),
            other => refused(WHAT, other.map(|(status, _)| status)),
        }
    }

    async fn json(&self, path: &str, key: Option<&Secret>) -> Option<(StatusCode, Value)> {
        let mut request = self.client.get(format!("{}{path}", self.url));
        if let Some(key) = key {
            request = request.bearer_auth(key.expose());
        }
        let answer = request.send().await.ok()?;
        let status = answer.status();
        Some((status, answer.json().await.unwrap_or_default()))
    }
}

fn refused(what: &'static str, status: Option<StatusCode>) -> Finding {
    let (seen, next) = match status {
        None => ("it does not answer".to_owned(), "Start the program."),
        Some(StatusCode::UNAUTHORIZED) => (
            "the program that runs there has another key".to_owned(),
            "Set DEALERSHIP_OPERATOR_KEY to the one that it was started with.",
        ),
        Some(StatusCode::NOT_FOUND) => (
            "it is not there".to_owned(),
            "Start the program with DEALERSHIP_OPERATOR_KEY and the role `web`, and let the proxy \
             pass `/api/` to those who may come.",
        ),
        Some(status) => (format!("it answers {}", status.as_u16()), "Look at the program's log."),
    };
    finding(what, State::Wrong, &seen, next)
}

/// Whether the sheet with leads can be read.
pub(super) async fn sheet(config: &Config) -> Finding {
    const WHAT: &str = "leads";
    let sheet = match server::sheet(&config.leads) {
        Ok(None) => return finding(WHAT, State::Optional, "no sheet is configured", ""),
        Ok(Some(sheet)) => sheet,
        Err(error) => return finding(WHAT, State::Wrong, error.message(), ""),
    };
    match sheet.rows().await {
        Ok(rows) => ok(WHAT, &format!("the sheet can be read, {rows} rows")),
        Err(error) => {
            let next = "See that the sheet is shared with who agreed, and that the keys are good: \
                        `dealership calendar connect`.";
            finding(WHAT, State::Wrong, error.message(), next)
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::{
        Json, Router,
        http::HeaderMap,
        routing::{get, post},
    };
    use serde_json::json;
    use tokio::net::TcpListener;

    use super::*;

    const KEY: &str = "the key of the operator in tests";

    fn now() -> Timestamp {
        "2026-11-20T18:00:00Z".parse().unwrap()
    }

    async fn serve(router: Router) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        url
    }

    /// A program with this health and these jobs, as far as the doctor asks.
    fn program(health: (StatusCode, Value), jobs: Value) -> Router {
        let knows = |headers: &HeaderMap| {
            headers.get("authorization").is_some_and(|told| told == &format!("Bearer {KEY}"))
        };
        let told = move |headers: HeaderMap, body: Value| match knows(&headers) {
            true => Ok(Json(body)),
            false => Err(StatusCode::UNAUTHORIZED),
        };
        let run = post(move |headers: HeaderMap| async move {
            told(headers, Value::Null)
                .map(|_| (StatusCode::NOT_FOUND, Json(json!({"error": "no"}))))
        });
        Router::new()
            .route("/readyz", get(move || async move { (health.0, Json(health.1)) }))
            .route("/version", get(|| async { Json(json!({ "commit": "abc" })) }))
            .route("/api/jobs", get(move |headers| async move { told(headers, jobs) }))
            .route("/api/jobs/{id}/run", run)
            .route("/api/statistics", get(move |headers| async move { told(headers, json!({})) }))
    }

    async fn findings(url: &str, key: Option<&str>) -> Vec<Finding> {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let (client, key) = (Client::new(), key.map(Secret::new));
        Running { client: &client, url, key: key.as_ref() }.examine(now()).await
    }

    fn well() -> (StatusCode, Value) {
        (StatusCode::OK, json!({ "database": true, "takes_calls": true, "calls": 3 }))
    }

    fn states(findings: &[Finding]) -> Vec<State> {
        findings.iter().map(|finding| finding.state).collect()
    }

    #[tokio::test]
    async fn a_program_that_runs_is_asked_for_health_jobs_a_run_by_hand_and_its_api() {
        let job = |state: &str, run_at: &str| json!({"kind": "reminder", "state": state, "run_at": run_at});
        let soon = job("ready", "2026-11-20T18:05:00Z");
        let url = serve(program(well(), json!({ "jobs": [soon] }))).await;
        let findings_of = findings(&url, Some(KEY)).await;
        assert_eq!(states(&findings_of), [State::Ok; 4], "{findings_of:?}");
        assert_eq!(findings_of[0].seen, "ready, 3 calls, of commit abc");
        assert_eq!(findings_of[1].seen, "1 to be done, none late");

        let keyless = findings(&url, None).await;
        assert_eq!(states(&keyless)[1..], [State::Optional; 3], "{keyless:?}");
        let other = findings(&url, Some("another key")).await;
        assert!(other[1..].iter().all(|one| one.seen.contains("another key")), "{other:?}");
        assert!(!format!("{other:?}").contains(KEY));

        let late = job("ready", "2026-11-20T17:00:00Z");
        let url = serve(program(well(), json!({ "jobs": [late] }))).await;
        let late = &findings(&url, Some(KEY)).await[1];
        assert!(late.state == State::Wrong && late.seen.contains("`reminder`"), "{late:?}");
        let dead = job("dead", "2026-11-20T17:00:00Z");
        let url = serve(program(well(), json!({ "jobs": [dead] }))).await;
        assert_eq!(findings(&url, Some(KEY)).await[1].state, State::Warning);
    }

    #[tokio::test]
    async fn of_a_program_that_takes_no_calls_it_is_said_why() {
        let unready = |health: Value| (StatusCode::SERVICE_UNAVAILABLE, health);
        for (health, seen) in [
            (unready(json!({ "database": false, "takes_calls": true })), "it has no database"),
            (unready(json!({ "database": true, "takes_calls": false })), "it was told to stop"),
            ((StatusCode::NOT_FOUND, json!({})), "/readyz answers 404"),
        ] {
            let url = serve(program(health, json!({ "jobs": [] }))).await;
            let told = &findings(&url, Some(KEY)).await[0];
            assert!(told.state == State::Wrong && told.seen.contains(seen), "{told:?}");
        }
        let full = unready(json!({ "database": true, "takes_calls": true, "has_room": false }));
        let url = serve(program(full, json!({ "jobs": [] }))).await;
        assert_eq!(findings(&url, Some(KEY)).await[0].state, State::Warning);
        let nobody = findings("http://127.0.0.1:9", Some(KEY)).await;
        assert_eq!(states(&nobody), [State::Wrong; 4], "{nobody:?}");
        // A proxy that knows no such page.
        let url = serve(Router::new()).await;
        assert_eq!(states(&findings(&url, Some(KEY)).await), [State::Wrong; 4]);
    }

    #[tokio::test]
    async fn a_sheet_that_is_not_configured_is_no_hindrance() {
        let found = sheet(&Config::default()).await;
        assert_eq!(found.state, State::Optional, "{found:?}");
    }
}
