use std::time::Duration;

use voiceagent_core::CallTime;

/// The shortest time that is taken (RFC 4028, section 5).
pub(super) const SHORTEST: Duration = Duration::from_secs(90);

/// Keeps watch over a call that must be confirmed from time to time (RFC 4028).
#[derive(Debug, PartialEq)]
pub(super) struct SessionTimer {
    interval: Duration,
    refreshes: Refresher,
    last: CallTime,
    /// When we ask; never, where the other side does or an answer is still to come.
    next: Option<CallTime>,
}

/// Who confirms.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Refresher {
    Us,
    Them,
}

/// What the timer asks for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Due {
    /// Nobody has confirmed the call for too long.
    End,
    Refresh,
}

/// What a `Session-Expires` header says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct SessionExpires {
    pub(super) interval: Duration,
    /// In requests of the other side, `uas` is us.
    pub(super) refresher: Option<Refresher>,
}

impl SessionExpires {
    /// Reads the header of a request of the other side.
    pub(super) fn parse(value: &str) -> Option<Self> {
        let mut parts = value.split(';').map(str::trim);
        let interval = Duration::from_secs(parts.next()?.parse::<u32>().ok()?.into());
        let refresher = parts.find_map(|part| match part.strip_prefix("refresher=")? {
            "uac" => Some(Refresher::Them),
            "uas" => Some(Refresher::Us),
            _ => None,
        });
        Some(Self { interval, refresher })
    }

    /// Reads the header of an answer to a request of ours, in which `uac` is us.
    pub(super) fn parse_answer(value: &str) -> Option<Self> {
        let read = Self::parse(value)?;
        let refresher = match read.refresher {
            Some(Refresher::Us) => Refresher::Them,
            Some(Refresher::Them) | None => Refresher::Us,
        };
        Some(Self { refresher: Some(refresher), ..read })
    }
}

impl SessionTimer {
    /// Begins with the answer to a request that asks for it. Whoever asks confirms, unless they say
    /// that we shall.
    pub(super) fn new(now: CallTime, asked: SessionExpires) -> Self {
        let interval = asked.interval.max(SHORTEST);
        let refreshes = asked.refresher.unwrap_or(Refresher::Them);
        let mut timer = Self { interval, refreshes, last: now, next: None };
        timer.confirm(now);
        timer
    }

    /// The header of our answer.
    pub(super) fn header(&self) -> String {
        let refresher = match self.refreshes {
            Refresher::Them => "uac",
            Refresher::Us => "uas",
        };
        format!("{};refresher={refresher}", self.interval.as_secs())
    }

    /// The header of our own request.
    pub(super) fn header_of_refresh(&self) -> String {
        format!("{};refresher=uac", self.interval.as_secs())
    }

    /// Both sides know again that the call goes on.
    pub(super) fn confirm(&mut self, now: CallTime) {
        self.last = now;
        self.next = (self.refreshes == Refresher::Us).then(|| now + self.interval / 2);
    }

    /// The other side could not be asked now: it is asked then.
    pub(super) const fn ask_again(&mut self, at: CallTime) {
        self.next = Some(at);
    }

    pub(super) fn poll(&mut self, now: CallTime) -> Option<Due> {
        if now >= self.end() {
            return Some(Due::End);
        }
        self.next.take_if(|next| now >= *next).map(|_| Due::Refresh)
    }

    pub(super) fn poll_timeout(&self) -> CallTime {
        self.next.map_or_else(|| self.end(), |next| next.min(self.end()))
    }

    /// A little before the other side gives up (section 10).
    fn end(&self) -> CallTime {
        self.last + (self.interval - (self.interval / 3).min(Duration::from_secs(32)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> CallTime {
        CallTime::from_millis(seconds * 1_000)
    }

    #[test]
    fn a_call_that_the_other_side_does_not_confirm_ends() {
        let asked = SessionExpires::parse("1800 ; refresher=uac").unwrap();
        let mut timer = SessionTimer::new(at(0), asked);
        assert_eq!(timer.header(), "1800;refresher=uac");
        assert_eq!(timer.poll_timeout(), at(1_768));
        assert_eq!(timer.poll(at(1_767)), None);
        timer.confirm(at(1_767));
        assert_eq!(timer.poll(at(3_534)), None);
        assert_eq!(timer.poll(at(3_535)), Some(Due::End));
    }

    #[test]
    fn a_call_that_we_confirm_is_asked_for_once_at_half_time() {
        let asked = SessionExpires::parse("90;refresher=uas").unwrap();
        let mut timer = SessionTimer::new(at(0), asked);
        assert_eq!(timer.poll(at(44)), None);
        assert_eq!(timer.poll(at(45)), Some(Due::Refresh));
        assert_eq!(timer.poll(at(46)), None);
        assert_eq!(timer.poll_timeout(), at(60));
        timer.confirm(at(46));
        assert_eq!(timer.poll_timeout(), at(91));
    }

    #[test]
    fn cp52_whoever_could_not_be_asked_is_asked_again_until_the_call_is_over() {
        let asked = SessionExpires::parse("90;refresher=uas").unwrap();
        let mut timer = SessionTimer::new(at(0), asked);
        assert_eq!(timer.poll(at(45)), Some(Due::Refresh));
        timer.ask_again(at(48));
        assert_eq!((timer.poll_timeout(), timer.poll(at(47))), (at(48), None));
        assert_eq!(timer.poll(at(48)), Some(Due::Refresh));
        timer.ask_again(at(70));
        assert_eq!((timer.poll_timeout(), timer.poll(at(60))), (at(60), Some(Due::End)));
        timer.confirm(at(60));
        assert_eq!(timer.poll(at(70)), None, "the other side has confirmed it meanwhile");
    }

    #[test]
    fn headers_are_read_as_they_come_and_nonsense_is_none() {
        let read = |value| SessionExpires::parse(value);
        assert_eq!(read("600").unwrap().refresher, None);
        assert_eq!(read("600;x=y;refresher=uas").unwrap().refresher, Some(Refresher::Us));
        let answered = |value| SessionExpires::parse_answer(value).unwrap().refresher;
        assert_eq!(answered("600;refresher=uac"), Some(Refresher::Us));
        assert_eq!(answered("600;refresher=uas"), Some(Refresher::Them));
        assert_eq!(answered("600"), Some(Refresher::Us));
        for wrong in ["", "soon", "-5", "99999999999"] {
            assert_eq!(read(wrong), None);
        }
    }
}
