use super::HttpRequest;

/// What a carrier takes at one path.
pub(super) struct Rule {
    pub(super) method: &'static str,
    /// `{}` stands for a name.
    pub(super) path: &'static str,
    pub(super) required: &'static [&'static str],
    pub(super) allowed: &'static [&'static str],
    /// Fields of which there must be exactly one.
    pub(super) one_of: &'static [&'static str],
    pub(super) effect: Effect,
}

/// A rule that the others are written from.
pub(super) const NOTHING: Rule = Rule {
    method: "POST",
    path: "",
    required: &[],
    allowed: &[],
    one_of: &[],
    effect: Effect::Note("{}"),
};

#[derive(Clone, Copy)]
pub(super) enum Effect {
    /// Makes a call, and names it in this field.
    Create(&'static str),
    /// Ends a call.
    End,
    /// Names the calls in the state of the query, each in this field of an entry of this list; the entry is the
    /// name itself where the field is empty.
    List(&'static str, &'static str),
    /// Names the calls (or, if not, the messages) of the query in an entry each of this list, with
    /// when they were made.
    Made(&'static str, bool),
    /// Names the calls of a number's name in the query, since when it says, as Vapi lists them.
    MadeByHost,
    /// Does nothing that is kept, and says this.
    Note(&'static str),
    /// Sends a message, and says this.
    Send(&'static str),
    /// Tells the status in this field.
    Status(&'static str),
    /// Changes a call.
    Update,
}

impl Rule {
    /// The names in the path, when it is this rule's.
    pub(super) fn find(&self, request: &HttpRequest) -> Option<Vec<String>> {
        if request.method != self.method {
            return None;
        }
        let (mut names, mut asked) = (Vec::new(), request.path.split('/'));
        for part in self.path.split('/') {
            let asked = asked.next()?;
            match part.split_once("{}") {
                Some((before, after)) => {
                    let name = asked.strip_prefix(before)?.strip_suffix(after)?;
                    names.push(name.replace("%3A", ":"));
                }
                None if part == asked => {}
                None => return None,
            }
        }
        asked.next().is_none().then_some(names)
    }

    pub(super) fn check(&self, fields: &[(String, String)]) -> Result<(), String> {
        let has = |name: &&&str| fields.iter().any(|(known, _)| known == **name);
        if let Some(missing) = self.required.iter().find(|name| !has(name)) {
            return Err(format!("{missing} is missing"));
        }
        let known = |name: &str| {
            [self.required, self.allowed, self.one_of].iter().any(|list| list.contains(&name))
        };
        if let Some((unknown, _)) = fields.iter().find(|(name, _)| !known(name)) {
            return Err(format!("{unknown} is not known"));
        }
        if !self.one_of.is_empty() && self.one_of.iter().filter(has).count() != 1 {
            return Err(format!("exactly one of {}", self.one_of.join(", ")));
        }
        let long = |(name, value): &&(String, String)| {
            (name == "Twiml" || name == "Texml") && value.chars().count() > 4_000
        };
        match fields.iter().find(long) {
            Some((name, _)) => Err(format!("{name} is too long")),
            None => Ok(()),
        }
    }
}
