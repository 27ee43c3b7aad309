use super::{
    Node,
    facts::Facts,
    router::{self, Next},
    script::Script,
    signals::Signals,
};

/// How many nodes a talk may stand aside from at once.
const DEEPEST: usize = 3;
/// After so many turns in a row that say nothing new, a person is offered.
const PATIENCE: u32 = 2;

/// Where a talk stands in the graph.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Place {
    pub(crate) node: Node,
    /// The nodes that it comes back to, the last first.
    pub(crate) aside_from: Vec<Node>,
    /// How often it came to each node.
    visits: [u32; Node::ALL.len()],
    /// Turns of the caller since it came to this one.
    turns: u32,
    /// Turns in a row that said nothing new.
    idle: u32,
    /// Tools that had run when it came to this one.
    pub(crate) ran_before: usize,
    /// Whether no node is left that it may go to.
    pub(crate) is_over: bool,
}

/// Why a talk went where it went.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Cause {
    /// The database said so.
    Facts,
    /// A limit was reached.
    Limit,
    /// The caller got nowhere.
    Stuck,
    /// The caller said so.
    Words,
}

impl Cause {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Facts => "facts",
            Self::Limit => "limit",
            Self::Stuck => "stuck",
            Self::Words => "words",
        }
    }
}

impl Place {
    /// The place of a call that begins, or goes on, at a node, after these visits.
    pub(crate) fn at(node: Node, before: impl IntoIterator<Item = Node>) -> Self {
        let mut visits = [0; Node::ALL.len()];
        before.into_iter().chain([node]).for_each(|node| visits[node.index()] += 1);
        Self {
            node,
            aside_from: Vec::new(),
            visits,
            turns: 0,
            idle: 0,
            ran_before: 0,
            is_over: false,
        }
    }

    /// Takes in a turn of the caller. Returns the nodes that were come to, and why.
    pub(crate) fn take_turn(
        &mut self,
        (facts, said): (&Facts, &Signals),
        ran: usize,
        script: &Script,
    ) -> Vec<(Node, Cause)> {
        let mut path = Vec::new();
        self.follow_facts(facts, ran, script, &mut path);
        self.turns += 1;
        self.idle = if said.progress { 0 } else { self.idle + 1 };
        loop {
            let next = router::by_words(self.node, facts, said);
            // What the facts say of a deed is of one that was done before this turn.
            if !self.go(next, (Cause::Words, ran), script, &mut path) || self.node == Node::Execute
            {
                break;
            }
            self.follow_facts(facts, ran, script, &mut path);
        }
        let is_stuck = self.idle >= PATIENCE && said.interrupt.is_none();
        let may_be_stuck = !matches!(self.node, Node::Escalate | Node::Close | Node::Voicemail);
        if is_stuck && may_be_stuck {
            self.idle = 0;
            self.go(Next::Aside(Node::Escalate), (Cause::Stuck, ran), script, &mut path);
        }
        if self.turns > script.node(self.node).turns {
            self.leave(ran, script, &mut path);
        }
        path
    }

    /// Takes in what the database says now. Returns the nodes that were come to, and why.
    pub(crate) fn take_facts(
        &mut self,
        facts: &Facts,
        ran: usize,
        script: &Script,
    ) -> Vec<(Node, Cause)> {
        let mut path = Vec::new();
        self.follow_facts(facts, ran, script, &mut path);
        path
    }

    fn follow_facts(
        &mut self,
        facts: &Facts,
        ran: usize,
        script: &Script,
        path: &mut Vec<(Node, Cause)>,
    ) {
        while self.go(router::by_facts(self.node, facts), (Cause::Facts, ran), script, path) {}
    }

    /// Goes where a router says. A node is come to once in a turn. Returns whether it went.
    fn go(
        &mut self,
        next: Next,
        (cause, ran): (Cause, usize),
        script: &Script,
        path: &mut Vec<(Node, Cause)>,
    ) -> bool {
        let to = match next {
            Next::Stay => return false,
            Next::To(node) | Next::Aside(node) => node,
            Next::Back => self.aside_from.last().copied().unwrap_or(Node::Intent),
        };
        if to == self.node || path.iter().any(|(node, _)| *node == to) {
            return false;
        }
        match next {
            Next::Aside(_) => {
                self.aside_from.retain(|node| *node != self.node);
                self.aside_from.push(self.node);
                if self.aside_from.len() > DEEPEST {
                    self.aside_from.remove(0);
                }
            }
            Next::Back => drop(self.aside_from.pop()),
            Next::Stay | Next::To(_) => self.aside_from.clear(),
        }
        if self.visits[to.index()] < script.node(to).visits {
            self.enter(to, (cause, ran), path);
            true
        } else {
            self.leave(ran, script, path);
            false
        }
    }

    fn enter(&mut self, to: Node, (cause, ran): (Cause, usize), path: &mut Vec<(Node, Cause)>) {
        self.node = to;
        self.visits[to.index()] += 1;
        (self.turns, self.ran_before) = (0, ran);
        path.push((to, cause));
    }

    /// Leaves a node in which there is nothing more to be had: for a person, else for the end.
    fn leave(&mut self, ran: usize, script: &Script, path: &mut Vec<(Node, Cause)>) {
        let ways = match self.node {
            Node::Escalate | Node::Objections | Node::Voicemail => &[Node::Close][..],
            Node::Close => &[],
            _ => &[Node::Escalate, Node::Close],
        };
        let may = |node: &&Node| self.visits[node.index()] < script.node(**node).visits;
        match ways.iter().find(may) {
            Some(to) => {
                self.aside_from.clear();
                self.enter(*to, (Cause::Limit, ran), path);
            }
            None => self.is_over = true,
        }
    }

    /// What a call may still go through: each turn and each step takes some of it, so every call
    /// comes to its end.
    #[cfg(test)]
    pub(super) fn left(&self, script: &Script) -> u64 {
        let longest = Node::ALL.iter().map(|node| script.node(*node).turns).max().unwrap_or(0) + 2;
        let visits: u32 = Node::ALL
            .iter()
            .map(|node| script.node(*node).visits.saturating_sub(self.visits[node.index()]))
            .sum();
        let turns = (script.node(self.node).turns + 1).saturating_sub(self.turns);
        u64::from(visits) * u64::from(longest) + u64::from(turns)
    }

    #[cfg(test)]
    pub(super) fn worn(mut self, visits: [u32; Node::ALL.len()], turns: u32, idle: u32) -> Self {
        (self.visits, self.turns, self.idle) = (visits, turns, idle);
        self
    }
}
