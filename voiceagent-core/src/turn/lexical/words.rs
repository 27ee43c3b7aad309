//! English words that every conversation has, by what they say about what follows them.

/// What may follow a word, and what it may be the end of.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    /// "um"
    Hesitation,
    /// "the", "my": a noun follows.
    Determiner,
    /// "of", "with"
    Preposition,
    /// "in", "on": a preposition, or the end of a verb: "come in".
    Particle,
    /// "and", "because"
    Conjunction,
    /// "so", "that": a conjunction, or the end of something.
    Joiner,
    /// "I", "they"
    Subject,
    /// "is", "don't"
    Auxiliary,
    /// "need", "called": an object follows.
    Transitive,
    /// "what"
    Question,
    /// "very", "about": what it is said of follows.
    Degree,
    /// "new", "next": a noun follows, more often than not.
    Attribute,
    /// "it", "them": the object of what came before.
    Object,
    /// "today", "again": they come last.
    Late,
    /// "yes", "okay"
    Answer,
    /// "please", "thanks"
    Courtesy,
    /// "hello"
    Greeting,
    /// "four", "4711", "b"
    Symbol,
    Other,
}

/// The kind of a word in lower case.
pub(super) fn kind(word: &str) -> Kind {
    match word {
        "er" | "erm" | "hm" | "hmm" | "uh" | "uhm" | "um" | "umm" => Kind::Hesitation,
        "a" | "an" | "another" | "any" | "each" | "either" | "every" | "her" | "his" | "its"
        | "my" | "our" | "some" | "the" | "their" | "these" | "your" => Kind::Determiner,
        "against" | "at" | "before" | "behind" | "below" | "between" | "by" | "during"
        | "except" | "for" | "from" | "into" | "near" | "of" | "than" | "through" | "to"
        | "toward" | "under" | "until" | "till" | "via" | "with" | "without" => Kind::Preposition,
        "around" | "down" | "in" | "off" | "on" | "out" | "over" | "up" => Kind::Particle,
        "although" | "and" | "as" | "because" | "but" | "cause" | "if" | "nor" | "or" | "since"
        | "unless" | "whenever" | "whether" | "while" => Kind::Conjunction,
        "like" | "so" | "that" | "then" | "though" => Kind::Joiner,
        "he" | "i" | "she" | "they" | "we" | "you" => Kind::Subject,
        _ if is_auxiliary(word) => Kind::Auxiliary,
        "ask" | "asked" | "bring" | "brought" | "buy" | "called" | "check" | "find" | "found"
        | "get" | "give" | "got" | "guess" | "keep" | "keeps" | "let" | "likes" | "looking"
        | "made" | "make" | "mean" | "need" | "needs" | "put" | "said" | "saw" | "say" | "says"
        | "see" | "send" | "sent" | "take" | "takes" | "tell" | "told" | "took" | "trying"
        | "use" | "used" | "want" | "wanted" | "wants" | "wondering" => Kind::Transitive,
        "how" | "what" | "when" | "where" | "which" | "who" | "whose" | "why" | "whatever"
        | "whichever" => Kind::Question,
        "about" | "almost" | "even" | "ever" | "just" | "maybe" | "more" | "only" | "probably"
        | "quite" | "rather" | "really" | "still" | "too" | "very" => Kind::Degree,
        "big" | "best" | "first" | "full" | "last" | "little" | "new" | "next" | "old"
        | "other" | "same" | "second" | "small" | "whole" | "wrong" => Kind::Attribute,
        "anything" | "everything" | "him" | "it" | "me" | "mine" | "nothing" | "one" | "ones"
        | "something" | "that's" | "them" | "this" | "those" | "us" | "yours" => Kind::Object,
        "actually" | "again" | "already" | "anymore" | "anyway" | "anytime" | "afternoon"
        | "evening" | "here" | "home" | "later" | "morning" | "night" | "now" | "sometimes"
        | "soon" | "there" | "today" | "tomorrow" | "tonight" | "well" | "yesterday" | "yet" => {
            Kind::Late
        }
        "absolutely" | "alright" | "certainly" | "correct" | "definitely" | "exactly" | "fine"
        | "good" | "great" | "nah" | "no" | "nope" | "not" | "oh" | "ok" | "okay" | "perfect"
        | "right" | "sure" | "true" | "yeah" | "yep" | "yes" => Kind::Answer,
        "bye" | "goodbye" | "please" | "thank" | "thanks" => Kind::Courtesy,
        "hello" | "hey" | "hi" => Kind::Greeting,
        _ if is_symbol(word) => Kind::Symbol,
        _ => Kind::Other,
    }
}

/// Whether a question with this word before its subject wants a yes or a no.
pub(super) fn is_auxiliary(word: &str) -> bool {
    matches!(
        word,
        "am" | "are"
            | "aren't"
            | "be"
            | "been"
            | "being"
            | "can"
            | "can't"
            | "could"
            | "couldn't"
            | "did"
            | "didn't"
            | "do"
            | "does"
            | "doesn't"
            | "don't"
            | "had"
            | "has"
            | "hasn't"
            | "have"
            | "haven't"
            | "he's"
            | "i'd"
            | "i'll"
            | "i'm"
            | "i've"
            | "is"
            | "isn't"
            | "it's"
            | "may"
            | "might"
            | "must"
            | "shall"
            | "she's"
            | "should"
            | "there's"
            | "they're"
            | "they've"
            | "was"
            | "wasn't"
            | "we'd"
            | "we'll"
            | "we're"
            | "we've"
            | "were"
            | "what's"
            | "will"
            | "won't"
            | "would"
            | "wouldn't"
            | "you'd"
            | "you'll"
            | "you're"
            | "you've"
    )
}

/// Whether a word is part of what is read out: a digit, a number, a letter.
pub(super) fn is_symbol(word: &str) -> bool {
    matches!(
        word,
        "zero"
            | "two"
            | "three"
            | "four"
            | "five"
            | "six"
            | "seven"
            | "eight"
            | "nine"
            | "ten"
            | "eleven"
            | "twelve"
            | "thirteen"
            | "fourteen"
            | "fifteen"
            | "sixteen"
            | "seventeen"
            | "eighteen"
            | "nineteen"
            | "twenty"
            | "thirty"
            | "forty"
            | "fifty"
            | "sixty"
            | "seventy"
            | "eighty"
            | "ninety"
            | "hundred"
            | "thousand"
            | "double"
            | "triple"
    ) || word.starts_with(|c: char| c.is_ascii_digit())
        || (word.len() == 1 && !matches!(word, "a" | "i"))
}

/// Whether those who end with these words want an answer, or no more than that.
pub(super) fn is_closing(words: &[&str]) -> bool {
    matches!(
        words,
        [.., "bye" | "goodbye" | "please" | "thanks"]
            | [.., "thank", "you"]
            | [.., "that's" | "was" | "be", "all" | "it" | "everything"]
            | [.., "is", "all" | "it" | "fine" | "good" | "okay"]
            | [.., "that's" | "sounds", "fine" | "good" | "great" | "okay"]
            | [.., "go", "ahead"]
    )
}

/// Whether those who end with these words look for others.
pub(super) fn is_hesitation(words: &[&str]) -> bool {
    matches!(
        words,
        [.., "hold", "on"]
            | [.., "i", "mean" | "guess"]
            | [.., "let", "me", "see" | "think" | "check" | "look"]
            | [.., "let's", "see"]
            | [.., "one" | "a" | "just", "moment" | "sec" | "second" | "minute"]
            | [.., "kind" | "sort", "of"]
            | [.., "you", "know"]
            | [.., "wait" | "well"]
    ) || words.last().is_some_and(|word| kind(word) == Kind::Hesitation)
}
