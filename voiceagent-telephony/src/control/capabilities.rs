/// What a carrier can do with a call beside its media.
///
/// Each flag names the request of [`CallControl`](super::CallControl) that works.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct ControlCapabilities {
    /// `dial`.
    pub dial: bool,
    /// `redirect`, and with it `transfer` and `join_conference`; with `dial`, warm transfers.
    pub redirect: bool,
    /// `live`.
    pub live: bool,
    /// `made`.
    pub made: bool,
    /// `status`.
    pub status: bool,
    /// `send_keys`. SignalWire takes keys over the media stream in its place:
    /// [`MediaStream::keys`](crate::media_stream::MediaStream::keys).
    pub keys: bool,
    /// `start_recording` and `stop_recording`.
    pub recording: bool,
    /// `hold` and `resume`.
    pub hold: bool,
}

impl ControlCapabilities {
    /// Says whether calls can be made.
    #[must_use]
    pub const fn with_dial(mut self, dial: bool) -> Self {
        self.dial = dial;
        self
    }

    /// Says whether calls can be redirected, and so handed on.
    #[must_use]
    pub const fn with_redirect(mut self, redirect: bool) -> Self {
        self.redirect = redirect;
        self
    }

    /// Says whether the calls that go on can be listed.
    #[must_use]
    pub const fn with_live(mut self, live: bool) -> Self {
        self.live = live;
        self
    }

    /// Says whether the calls that were made can be listed.
    #[must_use]
    pub const fn with_made(mut self, made: bool) -> Self {
        self.made = made;
        self
    }

    /// Says whether calls can be asked about.
    #[must_use]
    pub const fn with_status(mut self, status: bool) -> Self {
        self.status = status;
        self
    }

    /// Says whether keys can be pressed.
    #[must_use]
    pub const fn with_keys(mut self, keys: bool) -> Self {
        self.keys = keys;
        self
    }

    /// Says whether the carrier records.
    #[must_use]
    pub const fn with_recording(mut self, recording: bool) -> Self {
        self.recording = recording;
        self
    }

    /// Says whether the carrier plays music over a media stream.
    #[must_use]
    pub const fn with_hold(mut self, hold: bool) -> Self {
        self.hold = hold;
        self
    }

    /// Whether warm transfers work.
    #[must_use]
    pub const fn warm_transfer(self) -> bool {
        self.dial && self.redirect
    }
}
