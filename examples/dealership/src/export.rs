//! Calls as lines of JSON, for evaluation and training, without what says who was on the phone.

use std::collections::BTreeSet;

use fancy_regex::Regex;
use jiff::{Timestamp, ToSpan};
use serde::Serialize;
use voiceagent_core::Result;

use crate::{
    phone::Phone,
    store::{CallFilter, CallSummary, Store},
    trace::Trace,
};

/// Calls that are read at once.
const PAGE: u32 = 200;

/// A call as it is exported.
#[derive(Debug, Serialize)]
struct Line {
    /// Its trace, by which people who may see the call find it.
    call: String,
    direction: String,
    status: String,
    template: Option<String>,
    disposition: Option<String>,
    sentiment: Option<String>,
    summary: Option<String>,
    turns: Vec<Said>,
    tools: Vec<Used>,
    path: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Said {
    speaker: &'static str,
    words: String,
    interrupted: bool,
    response_ms: Option<i64>,
}

#[derive(Debug, Serialize)]
struct Used {
    name: String,
    code: String,
}

/// Hands every call that is over and began at `since` or later to `write`, the latest first, one a
/// line. Names, numbers, codes and addresses of e-mail are masked; words are else as they were said.
///
/// # Errors
///
/// When the store cannot be read.
pub async fn calls(
    store: &Store,
    since: Option<Timestamp>,
    mut write: impl FnMut(&str),
) -> Result<()> {
    let mut filter = CallFilter { most: PAGE, ..CallFilter::default() };
    let mut told = BTreeSet::new();
    loop {
        let page = store.calls(&filter).await?;
        let is_meant =
            |call: &CallSummary| since.is_none_or(|since| call.started_at >= Some(since));
        let mut news = 0;
        for call in page.iter().filter(|call| is_meant(call)) {
            if !told.insert(call.call.clone()) {
                continue;
            }
            news += 1;
            if call.status != "live" {
                let line = line(store, call).await?;
                // A struct of texts and numbers is JSON.
                write(&serde_json::to_string(&line).unwrap_or_default());
            }
        }
        let Some(last) = page.last().and_then(|call| call.started_at).filter(|_| news > 0) else {
            return Ok(());
        };
        // The next page begins with the moment at which this one ends: calls may share it.
        let next = last.saturating_add(1.millisecond()).unwrap_or(last);
        told.retain(|call| {
            page.iter().any(|one| one.call == *call && one.started_at == Some(last))
        });
        filter.before = Some(next);
    }
}

async fn line(store: &Store, call: &CallSummary) -> Result<Line> {
    let name = call.call.as_str();
    let mask = Mask::new(&store.names(name, call.phone.as_ref()).await?);
    let turns = store.turns(name).await?;
    let tools = store.tool_runs(name).await?;
    let path = store.steps(name).await?;
    Ok(Line {
        call: Trace::of(&name.into()).id().to_owned(),
        direction: call.direction.clone(),
        status: call.status.clone(),
        template: call.template.as_ref().map(|(slug, version)| format!("{slug}:{version}")),
        disposition: call.disposition.clone(),
        sentiment: call.sentiment.clone(),
        summary: call.summary.as_deref().map(|summary| mask.over(summary)),
        turns: turns
            .iter()
            .map(|turn| Said {
                speaker: if turn.by_agent { "agent" } else { "caller" },
                words: mask.over(&turn.words),
                interrupted: turn.interrupted,
                response_ms: turn.stages.response,
            })
            .collect(),
        tools: tools.into_iter().map(|run| Used { name: run.name, code: run.code }).collect(),
        path: path.into_iter().map(|step| step.node).collect(),
    })
}

/// What is put over words that say who somebody is.
struct Mask {
    rules: Vec<(Regex, &'static str)>,
}

impl Mask {
    /// A mask for a call with people of these names.
    fn new(names: &[String]) -> Self {
        const DIGIT: &str =
            "(?:oh|zero|one|two|three|four|five|six|seven|eight|nine|double|triple)";
        let names: Vec<_> = names
            .iter()
            .filter(|name| name.chars().count() > 1)
            .map(|name| fancy_regex::escape(name).into_owned())
            .collect();
        let mut rules = vec![
            (r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+".to_owned(), "[mail]"),
            (r"(?i)\b[\w.]+ at [\w-]+ dot (?:com|net|org)\b".to_owned(), "[mail]"),
            // VINs, plates and confirmation codes.
            (r"\b(?=\w*\d)(?=\w*[A-Za-z])\w{5,}\b".to_owned(), "[code]"),
            (format!(r"(?i)\b{DIGIT}(?:[ ,-]+{DIGIT}){{2,}}\b"), "[number]"),
            (r"\d+(?:[ ().:/-]*\d+)*".to_owned(), "#"),
            // Who says a name says it behind these.
            (
                r"(?i:\b(?:my name is|this is|i am|i'm|name's)) \K(?-i:[A-Z][\w'-]+(?: [A-Z][\w'-]+)*)"
                    .to_owned(),
                "[name]",
            ),
        ];
        if !names.is_empty() {
            // Behind the addresses, which hold names too.
            rules.insert(2, (format!(r"(?i)\b(?:{})\b", names.join("|")), "[name]"));
        }
        let rules = rules.into_iter().map(|(pattern, mask)| {
            (Regex::new(&pattern).expect("the rules are part of the program"), mask)
        });
        Self { rules: rules.collect() }
    }

    fn over(&self, words: &str) -> String {
        let mut words = words.to_owned();
        for (rule, mask) in &self.rules {
            words = rule.replace_all(&words, *mask).into_owned();
        }
        words
    }
}

impl Store {
    /// The names of the people who have this number, and of those who were noted in this call.
    async fn names(&self, call: &str, phone: Option<&Phone>) -> Result<Vec<String>> {
        let people = self.people_of(call, phone).await?;
        let mut names: Vec<String> =
            people.iter().flat_map(|name| name.split_whitespace()).map(str::to_owned).collect();
        names.sort_unstable();
        names.dedup();
        Ok(names)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use voiceagent_core::transport::Direction;

    use super::*;
    use crate::store::{CallTurn, Ending, Stages};

    #[test]
    fn who_somebody_is_is_masked_and_what_they_want_is_not() {
        let mask = Mask::new(&["Ana".to_owned(), "Morales".to_owned()]);
        for (said, masked) in [
            (
                "This is ana Morales, I need an oil change",
                "This is [name] [name], I need an oil change",
            ),
            (
                "my name is Robin Vega and I drive a Subaru",
                "my name is [name] and I drive a Subaru",
            ),
            ("call me at (630) 555-0123 please", "call me at (# please"),
            ("six three oh, five five five, oh one", "[number]"),
            ("one of the two brakes", "one of the two brakes"),
            ("VIN 1HGCM82633A004352, code K7P2QX", "VIN [code], code [code]"),
            ("write to ana.m@example.com or ana at gmail dot com", "write to [mail] or [mail]"),
            ("born 1990-05-17, ZIP 60540", "born #, ZIP #"),
            ("I'm calling about Monday", "I'm calling about Monday"),
        ] {
            assert_eq!(mask.over(said), masked, "{said}");
        }
    }

    #[tokio::test]
    async fn calls_that_are_over_are_a_line_each_without_whom_they_are_of() {
        let now: Timestamp = "2026-11-20T18:00:00Z".parse().unwrap();
        let store = Store::fresh().await;
        store.seed(now).await.unwrap();
        let ana = Phone::parse("+16305550111");
        for call in ["CA1", "CA2"] {
            store.begin_call(call, ana.as_ref(), Direction::Inbound, now).await.unwrap();
            let turn = CallTurn {
                by_agent: false,
                from_ms: 0,
                to_ms: 900,
                words: "Ana Morales, 60540, when is my visit?".to_owned(),
                interrupted: false,
                stages: Stages::default(),
            };
            store.note_turns(call, &[(0, turn)]).await.unwrap();
        }
        store.conclude("CA1", Ending::default(), now).await.unwrap();
        let mut lines: Vec<Value> = Vec::new();
        calls(&store, None, |line| lines.push(serde_json::from_str(line).unwrap())).await.unwrap();
        let [line] = lines.as_slice() else { panic!("one call is over: {lines:?}") };
        assert_eq!(line["turns"][0]["words"], "[name] [name], #, when is my visit?");
        assert_eq!(line["disposition"], "abandoned");
        let told = line.to_string();
        for who in ["Ana", "Morales", "6305550111", "CA1"] {
            assert!(!told.contains(who), "{told}");
        }
        let mut later = 0;
        let tomorrow = "2026-11-21T18:00:00Z".parse().ok();
        calls(&store, tomorrow, |_| later += 1).await.unwrap();
        assert_eq!(later, 0);
    }
}
