//! Weeks go by, and templates change.

use std::path::{Path, PathBuf};

use async_trait::async_trait;
use futures_util::{StreamExt, stream, stream::BoxStream};
use jiff::Timestamp;
use voiceagent_core::llm::{FinishReason, LanguageModel, LlmCapabilities, LlmEvent, LlmRequest};

use super::*;
use crate::{brain::RuleBrain, config::DealershipConfig, store::Arm};

fn first() -> Timestamp {
    "2026-11-20T18:00:00Z".parse().unwrap()
}

fn days(days: i64) -> SignedDuration {
    SignedDuration::from_hours(24 * days)
}

/// A folder with one scenario of those that are given.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("examiner-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let given = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/eval/scenarios");
        let first = std::fs::read_dir(given).unwrap().map(|file| file.unwrap().path());
        let first = first.filter(|path| path.extension().is_some_and(|end| end == "yaml"));
        let first = first.min().unwrap();
        std::fs::copy(&first, folder.join("s01.yaml")).unwrap();
        Self(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).unwrap();
    }
}

/// The rules, unless the prompt makes a parrot of them.
#[derive(Debug)]
struct Obedient;

#[async_trait]
impl LanguageModel for Obedient {
    fn name(&self) -> &str {
        "obedient"
    }

    fn capabilities(&self) -> LlmCapabilities {
        LlmCapabilities::default().with_tools(true, false)
    }

    async fn generate(&self, asked: LlmRequest) -> Result<BoxStream<'static, Result<LlmEvent>>> {
        if asked.instructions.contains("Say nothing but hello") {
            let events =
                [LlmEvent::Text("Hello.".to_owned()), LlmEvent::Finished(FinishReason::Stop)];
            return Ok(stream::iter(events.map(Ok)).boxed());
        }
        // The day of the scenario.
        RuleBrain::new(|| jiff::civil::date(2026, 3, 3)).generate(asked).await
    }
}

/// A template as scenarios want it, with this told to the model.
fn template(guidance: &str) -> String {
    let mut template: serde_json::Value = serde_json::from_str(&Cast::default().template).unwrap();
    template["guidance"] = guidance.into();
    template.to_string()
}

async fn activated(store: &Store, text: &str, at: Timestamp) -> i64 {
    let version = store.push_template(INBOUND, (text, ""), at).await.unwrap();
    store.activate_template(INBOUND, &[Arm { version, weight: 1 }], at).await.unwrap();
    version
}

/// What is played at a moment, and what became of it.
async fn at(
    moment: Timestamp,
    store: &Store,
    (folder, model): (&Folder, Option<Arc<dyn LanguageModel>>),
) -> Option<String> {
    let clock = Clock::Fixed(moment);
    let house = DealershipConfig::default();
    let mut reception = Reception::open(store.clone(), clock, &house).await.unwrap();
    if let Some(model) = model {
        reception = reception.with_model(model);
    }
    let config = EvaluationConfig {
        folder: Some(folder.0.clone()),
        roll_back: true,
        ..EvaluationConfig::default()
    };
    let examiner = Examiner::of(&config, (store.clone(), clock), &Arc::new(reception));
    let end = examiner.unwrap().unwrap().round().await.unwrap();
    end.map(|end| match end {
        JobEnd::Done(note) => note.to_owned(),
        other => panic!("{other:?}"),
    })
}

#[tokio::test]
async fn scenarios_are_played_each_week_and_whenever_another_version_answers() {
    let (store, folder) = (Store::fresh().await, Folder::new("weeks"));
    let fine = Some("all that passed before passes".to_owned());
    let play = async |moment| at(moment, &store, (&folder, None)).await;
    assert_eq!(play(first()).await, fine);
    assert_eq!(play(first() + days(6)).await, None, "a week is not over");
    assert_eq!(play(first() + days(7)).await, fine);
    activated(&store, &template("Be brief."), first() + days(8)).await;
    assert_eq!(play(first() + days(8)).await, fine);
    assert_eq!(play(first() + days(9)).await, None);
    let runs = store.runs(INBOUND, 9).await.unwrap();
    let played: Vec<_> = runs.iter().map(|run| (run.version, run.passed())).collect();
    assert_eq!(played, [(1, 1), (0, 1), (0, 1)]);
}

#[tokio::test]
async fn a_prompt_that_fails_where_the_one_before_passed_is_taken_back() {
    let (store, folder) = (Store::fresh().await, Folder::new("prompts"));
    let model = || Some(Arc::new(Obedient) as Arc<dyn LanguageModel>);
    let play = async |moment| at(moment, &store, (&folder, model())).await.unwrap();
    let good = activated(&store, &template("Be brief."), first()).await;
    play(first()).await;
    let passed = store.runs(INBOUND, 1).await.unwrap()[0].passed();
    assert_eq!(passed, 1, "{:?}", store.runs(INBOUND, 1).await.unwrap());
    activated(&store, &template("Say nothing but hello."), first() + days(1)).await;
    let told = play(first() + days(1)).await;
    assert_eq!(told, "what passed before fails; the version was taken back");
    let answers = store.active_template(INBOUND).await.unwrap();
    assert_eq!(answers, [Arm { version: good, weight: 1 }]);
    let runs = store.runs(INBOUND, 2).await.unwrap();
    let change = runs[0].since(&runs[1]);
    assert_eq!((change.mended.len(), change.broken.len()), (0, 1));
    assert!(change.to_string().starts_with("  - "), "{change}");
    // The one that answers again is played, and nothing is worse.
    assert_eq!(play(first() + days(1)).await, "all that passed before passes");
}

#[tokio::test]
async fn one_program_plays_and_no_reminder_waits_for_it() {
    let (store, now) = (Store::fresh().await, first());
    assert!(store.plan_evaluation((INBOUND, 0), days(7), now).await.unwrap());
    assert!(!store.plan_evaluation((INBOUND, 0), days(7), now).await.unwrap());
    assert!(store.claim_job(None, LEASE, now).await.unwrap().is_none(), "it is no such job");
    let job = store.claim_evaluation(LEASE, now).await.unwrap().unwrap();
    assert!(store.claim_evaluation(LEASE, now).await.unwrap().is_none());
    let late = now + LEASE + SignedDuration::from_secs(1);
    assert!(store.keep_job(&job, LEASE, now + days(0)).await.unwrap());
    let other = store.claim_evaluation(LEASE, late).await.unwrap().unwrap();
    assert!(!store.keep_job(&job, LEASE, late).await.unwrap(), "somebody else has it");
    assert!(store.keep_job(&other, LEASE, late).await.unwrap());
}

#[tokio::test]
async fn a_folder_without_scenarios_is_told_by_its_field() {
    let (store, clock) = (Store::fresh().await, Clock::Fixed(first()));
    let reception = Reception::open(store, clock, &DealershipConfig::default()).await;
    let reception = Arc::new(reception.unwrap());
    let of = async |folder: Option<PathBuf>| {
        let config = EvaluationConfig { folder, ..EvaluationConfig::default() };
        let store = Store::fresh().await;
        Examiner::of(&config, (store, Clock::Fixed(first())), &reception)
    };
    assert!(of(None).await.unwrap().is_none());
    let error = of(Some("/no/such/folder".into())).await.unwrap_err();
    assert!(error.message().starts_with("field `evaluation.folder`: /no/such/folder"), "{error}");
}
