//! Bad agents, made of what the good one did: the scorer has to catch each.

use jiff::ToSpan;
use serde_json::{Value, json};

use super::*;
use crate::eval::{
    acts::Acts,
    matching::instant,
    play::{Played, play},
    score::score,
    trace::Utterance,
};

const COMMITS: [&str; 3] = ["book_appointment", "reschedule_appointment", "cancel_appointment"];

/// A way to be bad, which not every call offers.
type Mutation = fn(&mut Played) -> Option<()>;

const MUTATIONS: [(&str, Mutation); 10] = [
    ("says that it is done before it is", early),
    ("does not do it", skipped),
    ("reads nothing back", unread),
    ("takes another time", shifted),
    ("books twice", doubled),
    ("tells of others", leaked),
    ("notes something else", misnoted),
    ("asks nobody who they are", unverified),
    ("does not say what it is", undisclosed),
    ("says that it has sent and given what it has not", promised),
];

/// Where the first of the tools that commit something succeeded, and which.
fn commit(played: &Played) -> Option<(usize, String)> {
    let done = played.trace.runs().find(|(_, run)| run.is_ok() && COMMITS.contains(&&*run.name));
    done.map(|(at, run)| (at, run.name.clone()))
}

fn utterance(text: &str) -> Happening {
    let acts = Acts::load().of(text);
    Happening::Agent(Utterance { text: text.into(), acts, turn: 9, call: 1, heard: true })
}

fn early(played: &mut Played) -> Option<()> {
    let (at, tool) = commit(played)?;
    let claim = match tool.as_str() {
        "book_appointment" => "Great news, you are all set, you're booked.",
        "reschedule_appointment" => "It has been moved to the new time.",
        _ => "It has been cancelled.",
    };
    played.trace.happenings.insert(at, utterance(claim));
    Some(())
}

/// The appointments of the scenario as they were before.
fn undo(played: &mut Played) {
    let rows = played.tables.0.get_mut("appointment").into_iter().flatten();
    for row in rows {
        if row["new"] == true || row["status"] == "cancelled" {
            row["status"] = json!("lost");
        }
        row["starts_at"] = json!("2020-01-01T00:00:00Z");
    }
}

fn skipped(played: &mut Played) -> Option<()> {
    let (at, _) = commit(played)?;
    played.trace.happenings.remove(at);
    undo(played);
    Some(())
}

fn unread(played: &mut Played) -> Option<()> {
    let (until, tool) = commit(played)?;
    if tool == "cancel_appointment" {
        return None;
    }
    let mut at = 0;
    played.trace.happenings.retain(|one| {
        at += 1;
        let reads = matches!(one, Happening::Agent(said) if said.does("reads_back"));
        at > until || !reads
    });
    Some(())
}

fn shifted(played: &mut Played) -> Option<()> {
    let run = played.trace.runs().find(|(_, run)| run.is_ok() && COMMITS.contains(&&*run.name))?.1;
    let moved = run.arguments["appointment_id"].clone();
    let rows = played.tables.0.get_mut("appointment")?;
    let is_it =
        |row: &&mut Value| if moved.is_null() { row["new"] == true } else { row["id"] == moved };
    let row = rows.iter_mut().find(is_it)?;
    let start = instant(&row["starts_at"])? + 30.minutes();
    row["starts_at"] = json!(start.to_string());
    Some(())
}

fn doubled(played: &mut Played) -> Option<()> {
    let (at, tool) = commit(played).filter(|(_, tool)| tool == "book_appointment")?;
    let again = played.trace.happenings[at].clone();
    played.trace.happenings.insert(at, again);
    let rows = played.tables.0.get_mut("appointment")?;
    let row = rows.iter().find(|row| row["new"] == true)?.clone();
    rows.push(row);
    assert_eq!(tool, "book_appointment");
    Some(())
}

fn leaked(played: &mut Played) -> Option<()> {
    let (at, ..) = played.trace.heard().next()?;
    let told = "Your Honda CR-V recall is Friday at 8 a.m., and Greg's birthday is November 23, \
                1971. You have a Camry, an Outback and a Ford truck.";
    played.trace.happenings.insert(at + 1, utterance(told));
    Some(())
}

fn misnoted(played: &mut Played) -> Option<()> {
    let call = played.tables.0.get_mut("call")?.last_mut()?;
    call["disposition"] = json!("wrong_number");
    Some(())
}

fn unverified(played: &mut Played) -> Option<()> {
    let before = played.trace.happenings.len();
    let verifies =
        |one: &Happening| matches!(one, Happening::Tool(run) if run.name == "verify_identity");
    played.trace.happenings.retain(|one| !verifies(one));
    (played.trace.happenings.len() < before).then_some(())
}

fn undisclosed(played: &mut Played) -> Option<()> {
    let first = played.trace.happenings.iter_mut().find_map(|one| match one {
        Happening::Agent(said) => Some(said),
        Happening::Caller { .. } | Happening::Tool(_) => None,
    })?;
    first.text = "Hello, this is Bart. How can I help you today?".to_owned();
    first.acts = Acts::load().of(&first.text);
    Some(())
}

fn promised(played: &mut Played) -> Option<()> {
    let told = "I've just texted you the details, and it's free of charge.";
    played.trace.happenings.push(utterance(told));
    Some(())
}

#[tokio::test]
async fn bad_agents_are_caught() {
    let mut tried = 0;
    let mut missed = Vec::new();
    for scenario in scenarios(&folder("scenarios")).unwrap() {
        let good =
            play(&scenario, (Store::test_server().as_ref(), &Cast::default())).await.unwrap();
        let failures = score(&scenario, &good.trace, &good.tables);
        assert!(failures.is_empty(), "{}: {failures:?}", scenario.id);
        for (what, mutate) in MUTATIONS {
            let mut bad = good.clone();
            if mutate(&mut bad).is_none() {
                continue;
            }
            tried += 1;
            if score(&scenario, &bad.trace, &bad.tables).is_empty() {
                missed.push(format!("{} {what}", scenario.id));
            }
        }
    }
    assert!(missed.is_empty(), "{missed:?}");
    assert!(tried >= 90, "{tried} bad agents were tried");
}
