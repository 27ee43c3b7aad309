//! What the agent asked last.

/// What an answer will be about.
///
/// It is read from the agent's words, not remembered, so that the brain understands answers to
/// questions that another model asked.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum Question {
    AnythingElse,
    Birthday,
    BookInstead,
    /// What somebody can spend.
    Budget,
    Callback,
    CancelIt,
    /// What was texted to them.
    Code,
    /// Whether they come to a visit that they have.
    Coming,
    Day,
    Help,
    /// Whether it is the person that was called.
    IsIt,
    LastName,
    MoveOrCancel,
    Name,
    Offer,
    /// Nothing that is known here.
    #[default]
    Open,
    /// Whether somebody shall be put through to a person.
    Person,
    Phone,
    ReadBack,
    Service,
    Vehicle,
    Vin,
    Which,
    Zip,
}

impl Question {
    /// The last question in what the agent said. One that was cut off was not asked.
    pub(crate) fn of(text: &str) -> Self {
        let text = text.to_lowercase();
        let Some(end) = text.rfind('?') else { return Self::Open };
        let stops = [". ", "! ", "? ", ": "].iter().filter_map(|stop| text[..end].rfind(stop));
        let start = stops.max().map_or(0, |stop| stop + 1);
        let question = &text[start..end];
        let found = MARKS.iter().find(|(_, all)| {
            all.iter().all(|any| any.split('|').any(|mark| question.contains(mark)))
        });
        found.map_or(Self::Open, |(question, _)| *question)
    }
}

/// A question and the words that mark it: one of each group, the first match counts.
const MARKS: [(Question, &[&str]); 27] = [
    (Question::Name, &["who am i"]),
    (Question::IsIt, &["am i speaking with|am i talking to"]),
    (Question::Coming, &["will you be there|can you make it"]),
    (Question::MoveOrCancel, &["move it", "cancel"]),
    (Question::Budget, &["budget"]),
    (Question::Code, &["is the code"]),
    (Question::Birthday, &["date of birth|birthday|birth date"]),
    (Question::Person, &["connect you|transfer you|put you through"]),
    (Question::Callback, &["call you", "back"]),
    (Question::Zip, &["zip|postal code"]),
    (Question::AnythingElse, &["anything else|something else"]),
    (Question::CancelIt, &["cancel", "shall|should|confirm|want me|sure|like me"]),
    (Question::BookInstead, &["book|make", "instead|new one|one now|a new"]),
    (Question::ReadBack, &["right|correct|confirm|sound good|shall i|should i|go ahead"]),
    (Question::Which, &["which", "appointment|visit|booking"]),
    (Question::Name, &["first", "name"]),
    (Question::Vehicle, &["which", "car|vehicle"]),
    (Question::LastName, &["last name", "and|your last"]),
    (Question::Vin, &["vin|vehicle identification"]),
    (Question::Name, &["name|who am i"]),
    (Question::Phone, &["phone|number"]),
    (
        Question::Offer,
        &["which|any of|either|would one|does that|do any", "work|suit|best|prefer|time|like"],
    ),
    (Question::Service, &["bring|service|need|car", "what|which"]),
    (Question::Day, &["day|when|what time|date"]),
    (Question::Offer, &["work|suit|prefer"]),
    (Question::Help, &["help"]),
    (Question::Help, &["do for you"]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_of_any_model_are_known() {
        let table = [
            ("How can I help you?", Question::Help),
            ("Happy to help. May I have your first and last name?", Question::Name),
            ("And your last name?", Question::LastName),
            ("What is the best phone number to reach you?", Question::Phone),
            ("I have nine and ten. Which one works best?", Question::Offer),
            ("I have nine thirty. Does that work for you?", Question::Offer),
            ("To confirm: an oil change at 9:30 AM. Is that correct?", Question::ReadBack),
            ("Shall I cancel your oil change on Friday?", Question::CancelIt),
            ("Which appointment do you mean?", Question::Which),
            ("What day would you like to come in?", Question::Day),
            ("What does your car need?", Question::Service),
            ("Can you read me the VIN?", Question::Vin),
            ("You're booked. Is there anything else?", Question::AnythingElse),
            ("Would you like to book one instead?", Question::BookInstead),
            ("Nobody is here. Shall I have somebody call you back?", Question::Callback),
            ("For your security, what is your ZIP code?", Question::Zip),
            ("To verify your identity, what is your date of birth?", Question::Birthday),
            ("Shall I connect you with a person?", Question::Person),
            ("Who am I speaking with?", Question::Name),
            ("It is about an appointment. Am I speaking with Ana?", Question::IsIt),
            ("You are all set.", Question::Open),
        ];
        for (text, question) in table {
            assert_eq!(Question::of(text), question, "{text}");
        }
    }

    #[test]
    fn a_question_that_was_cut_off_was_not_asked() {
        assert_eq!(Question::of("To confirm: an oil change on Wednes"), Question::Open);
    }
}
