//! The graph, checked over all that the tables and a caller may say.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    brain::dialogue::Task,
    graph::{
        Node, Script,
        facts::{CodeState, Deed, Facts, Handed, LeadState, Shown, Standing},
        offer,
        place::Place,
        router::{self, Next},
        script::DEEDS,
        signals::{Beside, Choice, Interrupt, Signals},
    },
};

const STANDINGS: [Standing; 3] = [Standing::Usual, Standing::Machine, Standing::OptedOut];
const SHOWN: [Shown; 3] = [Shown::No, Shown::Yes, Shown::Locked];
const LEADS: [LeadState; 4] =
    [LeadState::None, LeadState::Open, LeadState::Qualified, LeadState::NotQualified];
const DEEDS_DONE: [Deed; 5] = [Deed::Pending, Deed::Done, Deed::Lost, Deed::Refused, Deed::Failed];
const CODES: [CodeState; 3] = [CodeState::None, CodeState::Sent, CodeState::Settled];
const HANDED: [Handed; 4] = [Handed::No, Handed::Failed, Handed::Callback, Handed::Through];
const INTERRUPTS: [Option<Interrupt>; 5] = [
    None,
    Some(Interrupt::Emergency),
    Some(Interrupt::Goodbye),
    Some(Interrupt::Human),
    Some(Interrupt::OptOut),
];
const TASKS: [Option<Task>; 5] =
    [None, Some(Task::Book), Some(Task::Cancel), Some(Task::Check), Some(Task::Reschedule)];
const BESIDES: [Beside; 3] = [Beside::Nothing, Beside::Objection, Beside::Question];
const CHOICES: [Choice; 4] = [Choice::None, Choice::Visit, Choice::Time, Choice::Agreed];

/// All that the tables can say.
fn all_facts() -> impl Iterator<Item = Facts> {
    let mut all = Vec::new();
    for standing in STANDINGS {
        for shown in SHOWN {
            for lead in LEADS {
                for deed in DEEDS_DONE {
                    for code in CODES {
                        for handed in HANDED {
                            for (visit_stands, time_is_free) in
                                [(false, false), (false, true), (true, false), (true, true)]
                            {
                                all.push(Facts {
                                    standing,
                                    shown,
                                    lead,
                                    visit_stands,
                                    time_is_free,
                                    deed,
                                    code,
                                    handed,
                                });
                            }
                        }
                    }
                }
            }
        }
    }
    all.into_iter()
}

/// All that a turn can say.
fn all_signals() -> Vec<Signals> {
    let mut all = Vec::new();
    for interrupt in INTERRUPTS {
        for task in TASKS {
            for aside in BESIDES {
                for choice in CHOICES {
                    for progress in [false, true] {
                        all.push(Signals { interrupt, task, aside, choice, progress });
                    }
                }
            }
        }
    }
    all
}

/// Where each node can lead: what the page on the graph draws.
const EDGES: [(Node, &[Node]); 14] = {
    use Node::{
        Answer, Close, Code, Collect, Confirm, Escalate, Execute, Greet, Intent, Manage,
        Objections, Qualify, Verify, Voicemail,
    };
    [
        (Greet, &[Intent, Escalate, Voicemail, Close]),
        (Verify, &[Intent, Answer, Collect, Escalate, Voicemail, Close]),
        (Intent, &[Manage, Qualify, Answer, Collect, Escalate, Voicemail, Close]),
        (Manage, &[Verify, Intent, Answer, Collect, Confirm, Escalate, Voicemail, Close]),
        (Qualify, &[Intent, Manage, Answer, Objections, Collect, Escalate, Voicemail, Close]),
        (Answer, &[Escalate, Voicemail, Close]),
        (Objections, &[Answer, Escalate, Voicemail, Close]),
        (Collect, &[Intent, Manage, Answer, Objections, Confirm, Escalate, Voicemail, Close]),
        (Confirm, &[Intent, Manage, Answer, Collect, Execute, Escalate, Voicemail, Close]),
        (Execute, &[Manage, Answer, Collect, Code, Escalate, Voicemail, Close]),
        (Code, &[Answer, Escalate, Voicemail, Close]),
        (Escalate, &[Answer, Voicemail, Close]),
        (Voicemail, &[Escalate, Close]),
        (Close, &[Intent, Answer, Escalate, Voicemail]),
    ]
};

/// The facts that routers ask a caller's words with. What came of a deed and of a code they ask alone.
fn facts_beside_words() -> impl Iterator<Item = Facts> {
    all_facts().filter(|facts| facts.deed == Deed::Pending && facts.code == CodeState::None)
}

/// What a node decides over all facts and these turns.
fn decisions(node: Node, signals: &[Signals]) -> BTreeSet<Next> {
    let mut decided: BTreeSet<Next> =
        all_facts().map(|facts| router::by_facts(node, &facts)).collect();
    let mut last = Next::Stay;
    for facts in facts_beside_words() {
        for said in signals {
            let next = router::by_words(node, &facts, said);
            if next != last {
                decided.insert(next);
                last = next;
            }
        }
    }
    decided
}

#[test]
fn what_a_turn_leads_to_does_not_hang_on_deeds_that_were_done_before_it() {
    let (mut dice, signals) = (Dice(3), all_signals());
    for _ in 0..50_000 {
        let (node, said) = (dice.pick(&Node::ALL), dice.pick(&signals));
        let facts = rolled_facts(&mut dice);
        let plain = Facts { deed: Deed::Pending, code: CodeState::None, ..facts };
        assert_eq!(router::by_words(node, &facts, &said), router::by_words(node, &plain, &said));
    }
}

#[test]
fn over_all_facts_and_turns_the_routers_keep_to_the_edges_and_use_all_of_them() {
    let signals = all_signals();
    for (node, edges) in EDGES {
        let mut used = BTreeSet::new();
        for decided in decisions(node, &signals) {
            match decided {
                Next::To(to) | Next::Aside(to) => drop(used.insert(to)),
                Next::Back | Next::Stay => {}
            }
        }
        used.remove(&node);
        let edges: BTreeSet<Node> = edges.iter().copied().collect();
        assert_eq!(used, edges, "from {}", node.name());
    }
}

#[test]
fn every_node_is_come_to_and_leads_to_the_end() {
    let edges: BTreeMap<Node, &[Node]> = EDGES.into_iter().collect();
    let from = |start: Node| {
        let mut seen = BTreeSet::from([start]);
        let mut todo = vec![start];
        while let Some(node) = todo.pop() {
            todo.extend(edges[&node].iter().copied().filter(|next| seen.insert(*next)));
        }
        seen
    };
    assert_eq!(from(Node::Greet).len(), Node::ALL.len());
    for node in Node::ALL {
        assert!(from(node).contains(&Node::Close), "{}", node.name());
    }
}

#[test]
fn from_every_node_a_goodbye_an_opt_out_and_a_wish_for_a_person_are_followed_at_once() {
    for node in Node::ALL {
        for facts in facts_beside_words().filter(|one| one.standing == Standing::Usual) {
            for (interrupt, leads_to) in [
                (Interrupt::Goodbye, Node::Close),
                (Interrupt::OptOut, Node::Close),
                (Interrupt::Human, Node::Escalate),
                (Interrupt::Emergency, Node::Escalate),
            ] {
                for task in TASKS {
                    let said = Signals { interrupt: Some(interrupt), task, ..Signals::default() };
                    let next = router::by_words(node, &facts, &said);
                    let follows = match next {
                        Next::To(to) | Next::Aside(to) => to == leads_to,
                        Next::Stay => node == leads_to,
                        Next::Back => false,
                    };
                    assert!(follows, "{}: {next:?}", node.name());
                }
            }
        }
    }
}

/// Numbers that look random and are the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: usize) -> usize {
        // The generator of Knuth's MMIX.
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        usize::try_from(self.0 >> 33).unwrap() % below
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.roll(from.len())]
    }
}

fn rolled_facts(dice: &mut Dice) -> Facts {
    Facts {
        standing: dice.pick(&STANDINGS),
        shown: dice.pick(&SHOWN),
        lead: dice.pick(&LEADS),
        visit_stands: dice.roll(2) == 0,
        time_is_free: dice.roll(2) == 0,
        deed: dice.pick(&DEEDS_DONE),
        code: dice.pick(&CODES),
        handed: dice.pick(&HANDED),
    }
}

#[test]
fn each_turn_takes_of_what_is_left_of_a_call_whatever_the_place_and_whatever_is_said() {
    let (mut dice, script, signals) = (Dice(7), Script::default(), all_signals());
    for _ in 0..100_000 {
        let visits = std::array::from_fn(|_| u32::try_from(dice.roll(18)).unwrap());
        let (turns, idle) = (dice.roll(12), dice.roll(3));
        let mut place = Place::at(dice.pick(&Node::ALL), []).worn(
            visits,
            u32::try_from(turns).unwrap(),
            u32::try_from(idle).unwrap(),
        );
        for _ in 0..dice.roll(4) {
            place.aside_from.push(dice.pick(&Node::ALL));
        }
        let before = place.left(&script);
        let facts = rolled_facts(&mut dice);
        let said = dice.pick(&signals);
        let stood = place.clone();
        place.take_turn((&facts, &said), 0, &script);
        let after = place.left(&script);
        assert!(place.is_over || after < before, "{stood:?} {facts:?} {said:?} leads to {place:?}");
        assert!(place.aside_from.len() <= 3);
    }
}

#[test]
fn no_caller_however_contrary_keeps_a_call_from_its_end() {
    let (mut dice, script, signals) = (Dice(11), Script::default(), all_signals());
    let mut longest = 0;
    for _ in 0..2_000 {
        let mut place = Place::at(Node::Greet, []);
        let mut turns = 0;
        // Some callers are of one mind for long.
        let (mut facts, mut said) = (rolled_facts(&mut dice), dice.pick(&signals));
        while !place.is_over {
            if dice.roll(3) == 0 {
                (facts, said) = (rolled_facts(&mut dice), dice.pick(&signals));
            }
            place.take_turn((&facts, &said), 0, &script);
            turns += 1;
            assert!(turns < 2_000, "{place:?}");
        }
        longest = longest.max(turns);
    }
    println!("the longest of 2,000 calls took {longest} turns");
}

#[test]
fn what_promises_anything_can_be_done_only_where_it_was_agreed_to() {
    for node in Node::ALL {
        for back in Node::ALL {
            let mut place = Place::at(node, []);
            place.aside_from = vec![back];
            let is_agreed =
                node == Node::Execute || (node, back) == (Node::Escalate, Node::Execute);
            for deed in DEEDS {
                assert_eq!(offer::may_do(deed, &place), is_agreed, "{} {deed}", node.name());
            }
        }
    }
    let unsure: Vec<Signals> =
        all_signals().into_iter().filter(|said| said.choice != Choice::Agreed).collect();
    for node in Node::ALL {
        let decided = decisions(node, &unsure);
        let enters = [Next::To(Node::Execute), Next::Aside(Node::Execute)];
        assert!(enters.iter().all(|next| !decided.contains(next)), "{}", node.name());
    }
}

#[test]
fn a_question_on_the_side_lets_nothing_be_done_and_comes_back() {
    let script = Script::default();
    for node in Node::ALL.into_iter().filter(|node| *node != Node::Voicemail) {
        let mut place = Place::at(node, []);
        let facts = Facts::default();
        let asks = Signals { aside: Beside::Question, progress: true, ..Signals::default() };
        place.take_turn((&facts, &asks), 0, &script);
        assert_eq!(place.node, Node::Answer, "from {}", node.name());
        let writes = [
            "book_appointment",
            "cancel_appointment",
            "end_call",
            "record_opt_out",
            "save_interaction",
            "update_lead_info",
            "upsert_customer",
            "verify_identity",
        ];
        let offered = offer::tools(&script, &place, &facts);
        assert!(writes.iter().all(|write| !offered.contains(write)), "{offered:?}");
        let back = place.aside_from.last().copied().unwrap_or(Node::Intent);
        let path = place.take_turn(
            (&facts, &Signals { progress: true, ..Signals::default() }),
            0,
            &script,
        );
        if node != Node::Answer {
            assert_eq!(path.first().map(|(node, _)| *node), Some(back), "from {}", node.name());
        }
    }
}

#[test]
fn what_opens_a_way_by_the_facts_can_be_made_so_in_its_node() {
    let script = Script::default();
    let ways = [
        (Node::Verify, "verify_identity"),
        (Node::Qualify, "update_lead_info"),
        (Node::Execute, "book_appointment"),
        (Node::Execute, "cancel_appointment"),
        (Node::Execute, "reschedule_appointment"),
        (Node::Code, "send_appointment_confirmation"),
        (Node::Code, "verify_appointment_confirmation"),
        (Node::Escalate, "transfer_to_human"),
        (Node::Escalate, "schedule_callback"),
        (Node::Close, "end_call"),
    ];
    for (node, tool) in ways {
        assert!(script.node(node).tools.iter().any(|one| one == tool), "{} {tool}", node.name());
    }
}

#[test]
fn the_page_draws_the_ways_that_the_routers_take() {
    let page = include_str!("../../../../../docs/dealership-graph.md");
    let drawing = page.split("```mermaid").nth(1).unwrap().split("```").next().unwrap();
    let mut drawn = BTreeSet::new();
    for line in drawing.lines().filter(|line| line.contains("-->")) {
        let (from, to) = line.split_once("-->").unwrap();
        let to = to.rsplit('|').next().unwrap();
        let node = |name: &str| Node::named(name.trim()).expect(name);
        drawn.insert((node(from), node(to)));
    }
    // To these every node leads, which is drawn once.
    let common = [Node::Answer, Node::Escalate, Node::Voicemail, Node::Close];
    let ways: BTreeSet<(Node, Node)> =
        EDGES.iter().flat_map(|(from, to)| to.iter().map(|to| (*from, *to))).collect();
    assert!(drawn.is_subset(&ways), "{:?}", drawn.difference(&ways));
    let missing: Vec<_> = ways.difference(&drawn).filter(|(_, to)| !common.contains(to)).collect();
    assert!(missing.is_empty(), "{missing:?}");
    for node in Node::ALL {
        assert!(drawing.contains(&format!("        {}\n", node.name())), "{}", node.name());
        assert!(page.contains(&format!("| `{}` |", node.name())), "{}", node.name());
    }
}
