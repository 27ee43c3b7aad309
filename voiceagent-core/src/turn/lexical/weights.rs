//! Made by `cargo run -p voiceagent-benches --bin turns -- --fit`.

use super::Cues;

pub(super) const WEIGHTS: [f32; Cues::COUNT] = [
    1.524,  // always
    -1.312, // one word
    -1.019, // two or three words
    2.606,  // ends with a question mark
    -3.956, // ends with a comma or dash
    -0.807, // ends with a hesitation
    -2.306, // ends with a determiner
    -2.439, // ends with a preposition
    -0.712, // ends with a particle
    -1.950, // ends with a conjunction
    -0.085, // ends with so, that or the like
    -1.430, // ends with a subject
    -2.265, // ends with an auxiliary
    0.632,  // yes it is
    -1.099, // ends with a verb that wants an object
    -2.017, // ends with a question word
    -1.699, // ends with an adverb of degree
    0.353,  // ends with an attribute
    -0.061, // ends with an object
    -0.084, // ends with an adverb that comes last
    1.654,  // ends with a thanks or the like
    -0.176, // nothing but answers
    -0.930, // nothing but greetings
    -1.463, // greets first, and little more
    -0.269, // has the form of a question
    -0.657, // what, and at the end a gap for it
    0.293,  // a conjunction one or two words before the end
    -0.461, // to and one word more
    -0.348, // a condition without what it is for
    -0.432, // no verb, and nobody asked for a word
    -0.743, // ends with a digit or letter
    0.166,  // reads out, one or two so far
    -0.530, // nothing yet of the thing asked for
    -0.457, // leads in the thing asked for
    1.132,  // answers a yes-or-no question
    0.674,  // answers a choice
    -0.014, // a bare phrase for a question
    -0.788, // a sentence begun for a question
    -0.071, // a sentence for an open question
];
