//! Whether a call went as its scenario wants it.

mod general;

use serde_json::Value;

use super::{
    matching::{at, fits, row_fits},
    scenario::{Forbid, Rule, SayWant, Scenario, ToolWant},
    tables::Tables,
    trace::{ToolRun, Trace, Utterance},
};

/// What is wrong with a call; nothing if it passes. `counterpart` is the number of the caller.
pub(super) fn score(scenario: &Scenario, trace: &Trace, tables: &Tables) -> Vec<String> {
    let expect = &scenario.expect;
    let mut failures: Vec<String> =
        expect.tools.iter().flat_map(|want| tool(want, trace)).collect();
    let ran = |name: &&String| trace.done(&[name.as_str()]).is_some();
    let never = expect.tools_never.iter().filter(ran);
    failures.extend(never.map(|name| format!("tool {name} must not run")));
    failures.extend(tables.check(&expect.db));
    let call = tables.rows("call").last().unwrap_or(&Value::Null);
    let wrong = expect.call.iter().filter(|(field, wanted)| !fits(wanted, &call[field.as_str()]));
    failures.extend(
        wrong.map(|(field, wanted)| {
            format!("call {field} is {}, not {wanted}", call[field.as_str()])
        }),
    );
    failures.extend(expect.says.iter().filter_map(|want| said(want, trace)));
    failures.extend(scenario.forbid.iter().filter_map(|rule| forbidden(rule, trace)));
    failures.extend(order(scenario, trace));
    let turns = trace.said().count();
    if turns > scenario.limits.max_agent_turns {
        failures.push(format!("the agent speaks {turns} times"));
    }
    failures.extend(general::broken(scenario, trace, tables));
    failures
}

/// What a scenario wants that only a call with sound can show.
pub(super) fn unchecked(scenario: &Scenario) -> Vec<&str> {
    let audio = scenario.expect.audio.keys().filter(|key| *key != "interrupted_turns_min");
    let timing = scenario.expect.timing.keys();
    let rules = scenario.forbid.iter().filter(|one| one.rule == Some(Rule::DtmfNotInStt));
    let rules = rules.map(|one| one.id.as_str());
    audio.chain(timing).map(String::as_str).chain(rules).collect()
}

fn tool(want: &ToolWant, trace: &Trace) -> Vec<String> {
    let names: Vec<&str> = want.name.iter().chain(&want.any_of).map(String::as_str).collect();
    let is_wanted = |run: &ToolRun| {
        names.contains(&run.name.as_str())
            && row_fits(&want.args, &run.arguments)
            && want.result.iter().all(|(path, wanted)| fits(wanted, at(&run.result, path)))
    };
    let places: Vec<usize> =
        trace.runs().filter(|(_, run)| is_wanted(run)).map(|(at, _)| at).collect();
    let least = want.count.or(want.count_min).unwrap_or(1);
    let most = want.count.or(want.count_max).unwrap_or(usize::MAX);
    let mut failures = Vec::new();
    if !(least..=most).contains(&places.len()) {
        failures.push(format!("tool {names:?} as wanted ran {} times", places.len()));
    }
    if let Some(before) = &want.before
        && let (Some(first), Some(then)) = (places.first(), trace.done(&[before]))
        && *first > then
    {
        failures.push(format!("tool {names:?} ran after {before}"));
    }
    failures
}

fn said(want: &SayWant, trace: &Trace) -> Option<String> {
    if let Some(language) = &want.language {
        let spoken = trace.said().any(|(_, said)| said.is_spanish());
        return (!spoken).then(|| format!("nothing is said in {language}"));
    }
    let until = want
        .before_tool
        .as_ref()
        .and_then(|tool| trace.runs().find(|(_, run)| run.name == *tool).map(|(at, _)| at));
    let counts = |(at, said): &(usize, &Utterance)| {
        want.by_turn.is_none_or(|turn| said.turn <= turn)
            && want.call.is_none_or(|call| said.call == call)
            && until.is_none_or(|until| *at < until)
            && (want.act.as_ref().is_some_and(|act| said.does(act))
                || want.any_act.iter().any(|act| said.does(act))
                || want.matches.as_ref().is_some_and(|pattern| pattern.is_in(&said.text)))
    };
    let count = trace.said().filter(counts).count();
    let fits = (want.min.unwrap_or(1)..=want.max.unwrap_or(usize::MAX)).contains(&count);
    let what = || want.act.clone().or(want.matches.as_ref().map(|pattern| format!("{pattern:?}")));
    (!fits).then(|| {
        format!("said {count} times: {}", what().unwrap_or_else(|| want.any_act.join(" or ")))
    })
}

fn forbidden(forbid: &Forbid, trace: &Trace) -> Option<String> {
    if let Some(rule) = forbid.rule {
        return breaks(rule, forbid, trace).then(|| format!("forbidden {}", forbid.id));
    }
    let begun = |tool: &str| trace.runs().find(|(_, run)| run.name == tool).map(|(at, _)| at);
    let never = usize::MAX;
    let mut from = 0;
    if let Some(tool) = &forbid.after_tool {
        from = begun(tool).unwrap_or(never);
    }
    if let Some(id) = &forbid.after_caller {
        from = trace.heard().find(|(_, heard, _)| heard == id).map_or(never, |(at, ..)| at);
    }
    let until = forbid.until_tool.as_ref().and_then(|tool| trace.done(&[tool])).unwrap_or(never);
    let is_wrong = |(at, said): &(usize, &Utterance)| {
        (from..until).contains(at)
            && forbid.call.is_none_or(|call| said.call == call)
            && match (&forbid.act, &forbid.matches) {
                (Some(act), _) => said.does(act),
                (None, Some(pattern)) => pattern.is_in(&said.text),
                (None, None) => false,
            }
            && !forbid.unless_matches.as_ref().is_some_and(|unless| unless.is_in(&said.text))
    };
    let (_, said) = trace.said().filter(is_wrong).nth(forbid.max.unwrap_or_default())?;
    Some(format!("forbidden {}: {:?}", forbid.id, said.text))
}

fn breaks(rule: Rule, forbid: &Forbid, trace: &Trace) -> bool {
    match rule {
        Rule::MaxToolCalls => {
            let count =
                trace.runs().filter(|(_, run)| Some(&run.name) == forbid.tool.as_ref()).count();
            count > forbid.max.unwrap_or_default()
        }
        Rule::ConfirmedTrueRequiresFullReadback => {
            let commits = trace.runs().filter(|(_, run)| {
                run.arguments["confirmed"] == true
                    && run.is_ok()
                    && run.name != "cancel_appointment"
            });
            commits.into_iter().any(|(at, _)| !general::was_agreed(trace, at))
        }
        Rule::NoSpeechBeforeBeep => match (trace.said().next(), trace.heard().next()) {
            (Some((said, _)), Some((heard, ..))) => said < heard,
            (Some(_), None) => true,
            (None, _) => false,
        },
        // Keys and words come apart on a leg in text.
        Rule::DtmfNotInStt => false,
    }
}

/// What has to follow on what, and what has to be cut off.
fn order(scenario: &Scenario, trace: &Trace) -> Vec<String> {
    let mut failures = Vec::new();
    let expect = &scenario.expect;
    if let Some(within) = expect.order.get("transfer_within_agent_turns_of") {
        let from = trace.heard().find(|(_, id, _)| Some(*id) == within["caller"].as_str());
        let to = trace.done(&["transfer_to_human"]);
        let turns = from.zip(to).map(|((from, ..), to)| {
            trace.said().filter(|(at, _)| (from..to).contains(at)).count() as u64
        });
        if turns.is_none_or(|turns| within["max"].as_u64().is_none_or(|most| turns > most)) {
            failures.push("the transfer comes late".to_owned());
        }
    }
    if let Some(least) = expect.audio.get("interrupted_turns_min").and_then(Value::as_u64) {
        let cut = trace.said().filter(|(_, said)| !said.heard).count() as u64;
        if cut < least {
            failures.push(format!("{cut} turns of the agent are interrupted"));
        }
    }
    failures
}
