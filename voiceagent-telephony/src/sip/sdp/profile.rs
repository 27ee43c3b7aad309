/// What the packets of a medium go by.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(in crate::sip) struct Profile {
    /// Whether they are protected (RFC 3711).
    pub(in crate::sip) is_protected: bool,
    /// Whether who hears them may report at once what is missing (RFC 4585; RFC 5124). What may be
    /// reported so is agreed on apart (`a=rtcp-fb`), and we agree on nothing: reports are then those
    /// of the profile without it.
    pub(in crate::sip) has_feedback: bool,
}

impl Profile {
    /// `None` for what we cannot do.
    pub(super) fn parse(protocol: &str) -> Option<Self> {
        let all = [(false, false), (false, true), (true, false), (true, true)];
        let mut all =
            all.map(|(is_protected, has_feedback)| Self { is_protected, has_feedback }).into_iter();
        all.find(|profile| profile.name() == protocol)
    }

    pub(super) const fn name(self) -> &'static str {
        match (self.is_protected, self.has_feedback) {
            (false, false) => "RTP/AVP",
            (false, true) => "RTP/AVPF",
            (true, false) => "RTP/SAVP",
            (true, true) => "RTP/SAVPF",
        }
    }
}
