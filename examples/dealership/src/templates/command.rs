use std::{collections::BTreeMap, fmt::Write as _, fs, path::PathBuf, sync::Arc};

use clap::{Args, Subcommand};
use jiff::{Timestamp, ToSpan};
use serde_json::Value;
use voiceagent_core::{Error, Result, llm::LanguageModel};

use super::{INBOUND, Interval, SLUGS, Template, Vendors, difference};
use crate::{
    eval::{self, Cast, Run, Scenario, cycle},
    store::{Arm, Fault, Refusal, Store, StoredTemplate},
};

/// How many runs are shown.
const RUNS: u32 = 20;

/// What is done with the templates from the command line.
#[derive(Args, Clone, Debug)]
#[non_exhaustive]
pub struct TemplateCommand {
    /// Which template: `inbound`, or `reminder`, `callback` or `campaign` for calls that we make,
    /// which are answered by `inbound` as long as they have none of their own.
    #[arg(long, default_value = INBOUND, global = true, value_parser = slug)]
    pub slug: String,
    /// What to do.
    #[command(subcommand)]
    pub action: TemplateAction,
}

/// What is done with a template.
#[derive(Clone, Debug, Subcommand)]
#[non_exhaustive]
pub enum TemplateAction {
    /// Lets versions answer the calls that begin from now on.
    Activate {
        /// A version, such as `3`; or several with weights, such as `1:70 2:30`.
        #[arg(required = true, value_parser = arm)]
        arms: Vec<Arm>,
    },
    /// Shows what differs between two versions.
    Diff {
        /// The one.
        first: i64,
        /// The other.
        second: i64,
    },
    /// Checks a file and writes it as a new version, which answers nothing yet.
    #[command(visible_alias = "push")]
    Import {
        /// The file, in JSON.
        file: PathBuf,
        /// What the version is for.
        #[arg(long, default_value = "")]
        note: String,
    },
    /// Lists the versions, and which of them answer.
    List,
    /// Lets a version answer if it passes every scenario that the one which answers now passes.
    Promote {
        /// The version.
        version: i64,
        /// A folder of scenarios in YAML.
        #[arg(long)]
        scenarios: PathBuf,
    },
    /// Shows what came of the calls that each version answered.
    Results,
    /// Goes back to what answered before.
    Rollback,
    /// Shows what versions did in scenarios of late, and what differs from run to run.
    Runs,
    /// Shows what a version says.
    Show {
        /// The version; without it, the newest.
        version: Option<i64>,
    },
}

impl TemplateCommand {
    /// Does it, and returns what to show.
    ///
    /// # Errors
    ///
    /// When a file cannot be read or holds no template, there is no such version, or the store
    /// cannot be used; the message says what.
    pub async fn run(
        &self,
        store: &Store,
        (vendors, model): (&Vendors, Option<Result<Arc<dyn LanguageModel>>>),
        now: Timestamp,
    ) -> Result<String> {
        let slug = self.slug.as_str();
        match &self.action {
            TemplateAction::Activate { arms } => {
                store.activate_template(slug, arms, now).await.map_err(unknown)?;
                Ok(answers(arms))
            }
            TemplateAction::Diff { first, second } => {
                let first = read(&version(store, slug, Some(*first)).await?)?;
                let second = read(&version(store, slug, Some(*second)).await?)?;
                Ok(difference::between(&first, &second))
            }
            TemplateAction::Import { file, note } => {
                let told = |why: &str| Error::config(format!("{}: {why}", file.display()));
                let text = fs::read_to_string(file)
                    .map_err(|cause| told("it cannot be read").with_source(cause))?;
                let checked = Template::read(&text).and_then(|template| vendors.check(&template));
                checked.map_err(|error| told(error.message()))?;
                let version = store.push_template(slug, (&text, note), now).await?;
                Ok(format!("Version {version} is written.\n"))
            }
            TemplateAction::List => list(store, slug).await,
            TemplateAction::Promote { version: number, scenarios } => {
                let stage = Stage { scenarios: eval::scenarios(scenarios)?, vendors, model };
                promote(store, (slug, *number), stage, now).await
            }
            TemplateAction::Results => results(store, slug).await,
            TemplateAction::Rollback => {
                let arms = store.roll_back_template(slug, now).await.map_err(unknown)?;
                Ok(answers(&arms))
            }
            TemplateAction::Runs => Ok(told(&store.runs(slug, RUNS).await?)),
            TemplateAction::Show { version: number } => {
                let stored = version(store, slug, *number).await?;
                Ok(format!("{:#}\n", read(&stored)?))
            }
        }
    }
}

/// Where a version has to show what it does.
struct Stage<'a> {
    scenarios: Vec<Scenario>,
    vendors: &'a Vendors,
    /// That of the configuration.
    model: Option<Result<Arc<dyn LanguageModel>>>,
}

impl Stage<'_> {
    /// Who plays by a template.
    fn cast(&self, template: String, model: Option<Arc<dyn LanguageModel>>) -> Result<Cast> {
        let own = self.vendors.parts(&Template::read(&template)?)?.llm;
        Ok(Cast { template, model: own.or(model) })
    }
}

/// Plays what answers now and another version, and lets that one answer if nothing is worse.
async fn promote(
    store: &Store,
    (slug, number): (&str, i64),
    mut stage: Stage<'_>,
    now: Timestamp,
) -> Result<String> {
    if stage.scenarios.is_empty() {
        return Err(Error::config("there is no scenario in that folder"));
    }
    let model = stage.model.take().transpose()?;
    let arms = store.active_template(slug).await?;
    let answering = arms.iter().max_by_key(|arm| arm.weight).map(|arm| arm.version);
    let mut runs = Vec::new();
    for number in answering.into_iter().chain([number]) {
        let config = version(store, slug, Some(number)).await?.config;
        let cast = stage.cast(config, model.clone())?;
        let mut failures = BTreeMap::new();
        for scenario in &stage.scenarios {
            failures.insert(scenario.id.clone(), cycle::failures(scenario, &cast).await);
        }
        // The candidate's is the later one.
        let at =
            if runs.is_empty() { now } else { now.saturating_add(1.millisecond()).unwrap_or(now) };
        let run = Run::new((slug, number), at, failures);
        store.note_run(&run).await?;
        runs.insert(0, run);
    }
    let mut text = told(&runs);
    let is_worse = match runs.as_slice() {
        [candidate, before] => candidate.since(before).is_worse(),
        _ => false,
    };
    if is_worse {
        text.push_str("It answers nothing: what passes now would fail.\n");
        return Err(Error::config(text));
    }
    let arms = [Arm { version: number, weight: 1 }];
    store.activate_template(slug, &arms, now).await.map_err(unknown)?;
    text.push_str(&answers(&arms));
    Ok(text)
}

/// Runs, the latest first, each with what differs from the one before.
fn told(runs: &[Run]) -> String {
    let mut text = String::new();
    for (place, run) in runs.iter().enumerate() {
        let change = runs.get(place + 1).map(|before| run.since(before).to_string());
        let _ = write!(text, "{run}{}", change.unwrap_or_default());
    }
    if text.is_empty() { "No runs.\n".to_owned() } else { text }
}

async fn version(store: &Store, slug: &str, number: Option<i64>) -> Result<StoredTemplate> {
    let stored = store.templates(slug).await?;
    let found = stored.into_iter().find(|one| number.is_none_or(|number| one.version == number));
    found.ok_or_else(|| unknown(Refusal::NotFound.into()))
}

fn read(stored: &StoredTemplate) -> Result<Value> {
    serde_json::from_str(&stored.config)
        .map_err(|cause| Error::config("the version is no JSON").with_source(cause))
}

async fn list(store: &Store, slug: &str) -> Result<String> {
    let active = store.active_template(slug).await?;
    let mut lines = String::new();
    for stored in store.templates(slug).await? {
        let weight = active.iter().find(|arm| arm.version == stored.version);
        let weight = weight.map_or(String::new(), |arm| format!("answers, weight {}", arm.weight));
        let line = format!("{:>4}  {:20}  {}", stored.version, weight, stored.note);
        lines.push_str(line.trim_end());
        lines.push('\n');
    }
    if lines.is_empty() { Ok("No templates.\n".to_owned()) } else { Ok(lines) }
}

async fn results(store: &Store, slug: &str) -> Result<String> {
    let mut lines = "version  calls  booked  share of calls (95 %)  to a person  abandoned  \
                     seconds a call  answers p50/p95 ms  interrupted  cents a call\n"
        .to_owned();
    let results = store.template_results(slug).await?;
    for one in &results {
        let each = one.seconds.checked_div(one.calls).unwrap_or_default();
        let share = Interval::share(one.booked, one.calls).map_or_else(String::new, percent);
        let answers = one.response_ms.map(|(half, most)| format!("{half}/{most}"));
        let (cost, priced) = one.cost_micros;
        let cents = (priced > 0).then(|| format!("{:.2}", cost as f64 / priced as f64 / 1e4));
        lines.push_str(&format!(
            "{:>7}  {:>5}  {:>6}  {share:>21}  {:>11}  {:>9}  {each:>14}  {:>18}  {:>11}  {:>12}\n",
            one.version,
            one.calls,
            one.booked,
            one.handed_over,
            one.abandoned,
            answers.as_deref().unwrap_or("-"),
            one.interruptions,
            cents.as_deref().unwrap_or("-"),
        ));
    }
    // The arms that answer now are compared with the first of them.
    let arms = store.active_template(slug).await?;
    let share = |arm: &Arm| {
        let result = results.iter().find(|one| one.version == arm.version)?;
        Interval::share(result.booked, result.calls)
    };
    if let Some((first, others)) = arms.split_first() {
        for other in others {
            if let (Some(own), Some(base)) = (share(other), share(first)) {
                lines.push_str(&compared((other.version, own), (first.version, base)));
            }
        }
    }
    Ok(lines)
}

/// "12.5 % (8.0 to 19.0)"
fn percent(share: Interval) -> String {
    let Interval { seen, low, high } = share;
    format!("{:.1} % ({:.1} to {:.1})", 100.0 * seen, 100.0 * low, 100.0 * high)
}

/// What can be said of two arms.
fn compared((version, share): (i64, Interval), (base, of_base): (i64, Interval)) -> String {
    let more = share.over(of_base);
    let bounds = format!("{:+.1} to {:+.1} points", 100.0 * more.low, 100.0 * more.high);
    match (more.is_clear(), more.seen > 0.0) {
        (true, true) => format!("Version {version} books more than version {base}: {bounds}.\n"),
        (true, false) => format!("Version {version} books less than version {base}: {bounds}.\n"),
        (false, _) => {
            format!("Between versions {version} and {base} nothing can be told yet: {bounds}.\n")
        }
    }
}

fn answers(arms: &[Arm]) -> String {
    let versions: Vec<String> = arms.iter().map(|arm| arm.version.to_string()).collect();
    format!("New calls are answered by version {}.\n", versions.join(" or "))
}

fn unknown(fault: Fault) -> Error {
    match fault {
        Fault::Refused(Refusal::NotFound) => {
            Error::config("there is no such version; `dealership template list` shows them")
        }
        fault => fault.into(),
    }
}

fn arm(written: &str) -> std::result::Result<Arm, &'static str> {
    const HOW: &str = "write it like `3`, or `1:70` with a weight";
    let (version, weight) = written.split_once(':').unwrap_or((written, "1"));
    let version = version.parse().map_err(|_| HOW)?;
    let weight = weight.parse().ok().filter(|weight| *weight > 0).ok_or(HOW)?;
    Ok(Arm { version, weight })
}

fn slug(written: &str) -> std::result::Result<String, String> {
    let known = SLUGS.contains(&written);
    known.then(|| written.to_owned()).ok_or_else(|| format!("there are {}", SLUGS.join(", ")))
}

#[cfg(test)]
mod tests {
    use voiceagent_core::registry::Registry;

    use super::*;

    fn now() -> Timestamp {
        "2026-11-20T18:00:00Z".parse().unwrap()
    }

    async fn run(store: &Store, action: TemplateAction) -> Result<String> {
        let vendors = Vendors::new(Registry::default(), |_| None);
        TemplateCommand { slug: INBOUND.to_owned(), action }
            .run(store, (&vendors, None), now())
            .await
    }

    #[tokio::test]
    async fn a_file_becomes_a_version_that_answers_when_it_is_activated() {
        let store = Store::fresh().await;
        let file = std::env::temp_dir().join(format!("template-{}.json", std::process::id()));
        let import = || TemplateAction::Import { file: file.clone(), note: "shorter".to_owned() };
        let told = run(&store, import()).await.unwrap_err();
        assert!(told.message().ends_with("it cannot be read"), "{}", told.message());
        for (text, wrong) in [
            (r#"{"greting":"Hi"}"#, "field `greting` is none of"),
            (r#"{"llm":{"provider":"nobody"}}"#, "table `[llm]`: unknown provider `nobody`"),
        ] {
            fs::write(&file, text).unwrap();
            let told = run(&store, import()).await.unwrap_err();
            assert!(told.message().contains(wrong), "{}", told.message());
        }
        fs::write(&file, r#"{"greeting":"Hi"}"#).unwrap();
        assert_eq!(run(&store, import()).await.unwrap(), "Version 1 is written.\n");
        fs::write(&file, r#"{"greeting":"Hello"}"#).unwrap();
        run(&store, import()).await.unwrap();
        fs::remove_file(&file).unwrap();
        let arms = ["1:70", "2:30"].map(|written| arm(written).unwrap()).to_vec();
        let done = run(&store, TemplateAction::Activate { arms }).await.unwrap();
        assert_eq!(done, "New calls are answered by version 1 or 2.\n");
        assert_eq!(
            run(&store, TemplateAction::List).await.unwrap(),
            "   2  answers, weight 30    shorter\n   1  answers, weight 70    shorter\n"
        );
        let shown = run(&store, TemplateAction::Show { version: None }).await.unwrap();
        assert_eq!(shown, "{\n  \"greeting\": \"Hello\"\n}\n");
        let diff = run(&store, TemplateAction::Diff { first: 1, second: 2 }).await.unwrap();
        assert_eq!(diff, "- greeting = \"Hi\"\n+ greeting = \"Hello\"\n");
        for action in [TemplateAction::Rollback, TemplateAction::Show { version: Some(3) }] {
            let none = run(&store, action).await.unwrap_err();
            assert!(none.message().starts_with("there is no such version"));
        }
        assert!(arm("1:0").is_err() && arm("x").is_err());
        assert!(slug("reminder").is_ok() && slug("nightly").is_err());
    }

    #[tokio::test]
    async fn a_version_answers_only_if_it_fails_nothing_that_the_one_before_passes() {
        let store = Store::fresh().await;
        let folder = std::env::temp_dir().join(format!("promote-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let given = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/eval/scenarios");
        let name = "s01_new_customer_oil_change.yaml";
        fs::copy(PathBuf::from(given).join(name), folder.join(name)).unwrap();
        let good = Cast::default().template;
        let bad = r#"{ "greeting": "Hi." }"#;
        for text in [good.as_str(), bad, good.as_str()] {
            store.push_template(INBOUND, (text, ""), now()).await.unwrap();
        }
        let promote = |version| {
            let scenarios = folder.clone();
            run(&store, TemplateAction::Promote { version, scenarios })
        };
        let first = promote(1).await.unwrap();
        assert!(first.contains("version 1: 1 of 1 passed"), "{first}");
        let refused = promote(2).await.unwrap_err();
        assert!(refused.message().contains("  - s01 fails now: "), "{}", refused.message());
        assert!(refused.message().ends_with("It answers nothing: what passes now would fail.\n"));
        let answers = store.active_template(INBOUND).await.unwrap();
        assert_eq!(answers, [Arm { version: 1, weight: 1 }]);
        let last = promote(3).await.unwrap();
        assert!(last.ends_with("New calls are answered by version 3.\n"), "{last}");
        let runs = run(&store, TemplateAction::Runs).await.unwrap();
        assert_eq!(runs.lines().filter(|line| line.contains(" passed")).count(), 5, "{runs}");
        fs::remove_dir_all(&folder).unwrap();
    }

    #[tokio::test]
    async fn what_came_of_each_version_is_told_with_its_times_and_its_cost() {
        use crate::store::{CallTurn, Stages};
        use voiceagent_core::{observer::CallUsage, transport::Direction};

        let store = Store::fresh().await;
        store.seed(now()).await.unwrap();
        for words in ["One.", "Two."] {
            let text = serde_json::json!({ "greeting": words }).to_string();
            store.push_template(INBOUND, (&text, ""), now()).await.unwrap();
        }
        // Of forty calls each, the second version books in thirty, the first in one.
        for nth in 0..80 {
            let (call, version) = (format!("CA{nth}"), 1 + nth / 40);
            store.begin_call(&call, None, Direction::Inbound, now()).await.unwrap();
            store.note_template(&call, (INBOUND, version), now()).await.unwrap();
            let stages = Stages { response: Some(700 * version + nth), ..Stages::default() };
            let turn = CallTurn {
                by_agent: false,
                from_ms: 0,
                to_ms: 900,
                words: "hello".to_owned(),
                interrupted: nth % 40 == 0,
                stages,
            };
            store.note_turns(&call, &[(0, turn)]).await.unwrap();
            let used = (&CallUsage::default(), Some(20_000 * version));
            store.note_usage(&call, used, now()).await.unwrap();
        }
        let two = [Arm { version: 1, weight: 1 }, Arm { version: 2, weight: 1 }];
        store.activate_template(INBOUND, &two, now()).await.unwrap();
        let told = run(&store, TemplateAction::Results).await.unwrap();
        assert!(told.contains("0.0 % (0.0 to 8.8)"), "nobody has booked: {told}");
        assert!(told.contains("nothing can be told yet: -8.8 to +8.8 points"), "{told}");
        store
            .run(
                "UPDATE appointment SET source_call = 'CA0' WHERE confirmation_code =
                   (SELECT min(confirmation_code) FROM appointment)",
            )
            .await;
        for nth in 40..70 {
            let row = [
                ("id", serde_json::json!(format!("a{nth}"))),
                ("source_call", serde_json::json!(format!("CA{nth}"))),
                ("idempotency_key", serde_json::json!(format!("k{nth}"))),
            ];
            let like = store.export("SELECT * FROM appointment LIMIT 1").await.unwrap();
            let mut whole: Vec<(&'static str, Value)> = row.into();
            for column in [
                "location_id",
                "type_code",
                "customer_id",
                "starts_at",
                "ends_at",
                "tz",
                "local_start",
                "confirmation_code",
                "created_at",
                "updated_at",
            ] {
                whole.push((column, like[0][column].clone()));
            }
            store.insert("appointment", &whole).await.unwrap();
        }
        let told = run(&store, TemplateAction::Results).await.unwrap();
        let lines: Vec<&str> = told.lines().collect();
        assert!(lines[1].contains("75.0 % (59.8 to 85.8)"), "{told}");
        assert!(lines[1].contains("1459/1477") && lines[1].trim_end().ends_with("4.00"), "{told}");
        assert!(lines[2].contains("2.5 % (0.4 to 12.9)"), "{told}");
        assert!(lines[2].contains("719/737") && lines[2].trim_end().ends_with("2.00"), "{told}");
        assert!(lines[3].starts_with("Version 2 books more than version 1: +"), "{told}");
    }
}
