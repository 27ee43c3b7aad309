/// What the database says of a call: all that the routers may decide on, beside the caller's words.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Facts {
    pub(crate) standing: Standing,
    pub(crate) shown: Shown,
    pub(crate) lead: LeadState,
    /// Whether the visit that is talked about is still to come.
    pub(crate) visit_stands: bool,
    /// Whether the time that was chosen is still free.
    pub(crate) time_is_free: bool,
    pub(crate) deed: Deed,
    pub(crate) code: CodeState,
    pub(crate) handed: Handed,
}

/// Whether anybody is to be talked with.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum Standing {
    #[default]
    Usual,
    /// A machine has answered.
    Machine,
    /// Somebody was taken off the list in this call.
    OptedOut,
}

/// Whether the caller has shown who they are.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum Shown {
    #[default]
    No,
    Yes,
    /// They may not try again.
    Locked,
}

/// What is known of the lead that the call is about.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum LeadState {
    /// The call is about no lead.
    #[default]
    None,
    /// Nobody knows whether they qualify.
    Open,
    Qualified,
    NotQualified,
}

/// What came of the last attempt to book, to move or to cancel since it was agreed to.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum Deed {
    /// It was not tried.
    #[default]
    Pending,
    Done,
    /// The time cannot be had.
    Lost,
    /// The visit cannot be changed.
    Refused,
    /// The store does not answer.
    Failed,
}

/// How far a code is that confirms an appointment.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum CodeState {
    #[default]
    None,
    Sent,
    /// It was read out, or nothing more is done about it.
    Settled,
}

/// Whether a person has taken over.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum Handed {
    #[default]
    No,
    /// Nobody could be had.
    Failed,
    /// Somebody calls back.
    Callback,
    /// The call is put through.
    Through,
}
