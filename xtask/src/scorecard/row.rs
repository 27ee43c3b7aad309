/// One promise of the scorecard.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    pub(crate) id: u8,
    pub(crate) what: &'static str,
    /// One program with its arguments each, started in the folder of the workspace. None where
    /// nothing measures the row yet.
    pub(crate) commands: &'static [&'static str],
    /// What the figure must be.
    pub(crate) target: &'static str,
    pub(crate) how: How,
}

/// How a figure comes about. Where a program does it, the commands fail when the target is missed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum How {
    /// Tests that assert the target: the figure is how many there are.
    Tests,
    /// The line of the output that holds these words.
    Line(&'static str),
    /// It takes too long, or another machine, and somebody reads it off.
    ByHand,
}
