use super::{Settings, dice::Dice};

/// Which legs simulated calls have.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, clap::ValueEnum)]
#[non_exhaustive]
pub enum Legs {
    /// Each seed draws its own: of a hundred calls 60 have a cascade, 15 a speech-to-speech model
    /// that speaks when it is told to, 10 a duplex model and 15 a text leg; a flow decides in one
    /// of four that can have one.
    #[default]
    All,
    /// A recognizer, a language model and a voice on a line that carries audio.
    Cascade,
    /// A speech-to-speech model that speaks when it is told to.
    Realtime,
    /// A speech-to-speech model that takes turns by itself.
    Duplex,
    /// A far end that hears and speaks by itself, and a language model.
    Text,
}

/// Which legs one call has.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    Cascade,
    Realtime,
    Duplex,
    Text,
}

impl Kind {
    /// The legs of a call, and whether a flow decides in it.
    ///
    /// What a seed draws here is drawn from nothing else, so that its cascade is the same call
    /// whatever other seeds have.
    pub(super) fn draw(seed: u64, settings: &Settings) -> (Self, bool) {
        let mut dice = Dice::new(seed, 8);
        let drawn = match dice.between(0, 99) {
            0..60 => Self::Cascade,
            60..75 => Self::Realtime,
            75..85 => Self::Duplex,
            _ => Self::Text,
        };
        let has_flow = dice.percent(25);
        let kind = match settings.legs {
            Legs::All => drawn,
            Legs::Cascade => Self::Cascade,
            Legs::Realtime => Self::Realtime,
            Legs::Duplex => Self::Duplex,
            Legs::Text => Self::Text,
        };
        let by_chance = has_flow && settings.legs != Legs::Cascade;
        (kind, settings.flow.unwrap_or(by_chance) && !kind.is_realtime())
    }

    /// Whether a model hears and speaks by itself.
    pub(super) fn is_realtime(self) -> bool {
        matches!(self, Self::Realtime | Self::Duplex)
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Cascade => "cascade",
            Self::Realtime => "realtime",
            Self::Duplex => "duplex",
            Self::Text => "text",
        }
    }
}
