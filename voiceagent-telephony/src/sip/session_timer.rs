use std::time::Duration;

use rsipstack::sip::Header;
use voiceagent_core::CallTime;

/// The shortest time that is taken (RFC 4028, section 5).
pub(super) const SHORTEST: Duration = Duration::from_secs(90);

/// The shortest pause before a refused request comes again, so that an impatient answer makes no
/// storm of it.
const PAUSE: Duration = Duration::from_secs(1);

/// Keeps watch over a call that must be confirmed from time to time (RFC 4028).
#[derive(Debug, PartialEq)]
pub(super) struct SessionTimer {
    interval: Duration,
    /// How often the other side lets itself be asked at most.
    least: Duration,
    refreshes: Refresher,
    is_supported: bool,
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
    /// Whether the other side knows timers. A proxy may ask for one where it does not.
    is_supported: bool,
}

impl SessionExpires {
    /// Reads the header of a request of the other side.
    pub(super) fn parse(value: &str) -> Option<Self> {
        let mut parts = value.split(';').map(str::trim);
        let interval = Duration::from_secs(parts.next()?.parse::<u32>().ok()?.into());
        let refresher = parts.find_map(|part| {
            let (name, value) = part.split_once('=')?;
            if !name.trim_end().eq_ignore_ascii_case("refresher") {
                return None;
            }
            match value.trim_start().to_ascii_lowercase().as_str() {
                "uac" => Some(Refresher::Them),
                "uas" => Some(Refresher::Us),
                _ => None,
            }
        });
        Some(Self { interval, refresher, is_supported: true })
    }

    /// The same of a side that does not know timers: only we can confirm its call (RFC 4028, section
    /// 9, table 2).
    pub(super) const fn unsupported(self) -> Self {
        Self { refresher: Some(Refresher::Us), is_supported: false, ..self }
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
        let SessionExpires { is_supported, .. } = asked;
        let (least, last, next) = (SHORTEST, now, None);
        let mut timer = Self { interval, least, refreshes, is_supported, last, next };
        timer.confirm(now);
        timer
    }

    /// What our answer says of it.
    pub(super) fn headers(&self) -> Vec<Header> {
        let required = self.is_supported.then(|| Header::Require("timer".into()));
        std::iter::once(Header::SessionExpires(self.header().into())).chain(required).collect()
    }

    fn header(&self) -> String {
        let refresher = match self.refreshes {
            Refresher::Them => "uac",
            Refresher::Us => "uas",
        };
        format!("{};refresher={refresher}", self.interval.as_secs())
    }

    /// The header of our own request.
    pub(super) fn header_of_refresh(&self) -> String {
        format!("{};refresher=uac", self.asked().as_secs())
    }

    /// What our own request says that the other side wants at least, where that is more than all
    /// must take (RFC 4028, section 7.4).
    pub(super) fn least_of_refresh(&self) -> Option<String> {
        (self.least > SHORTEST).then(|| self.least.as_secs().to_string())
    }

    fn asked(&self) -> Duration {
        self.interval.max(self.least)
    }

    /// The other side has confirmed the call and has not said how it goes on: as before, and by us
    /// where it does not know timers, but not more often than it lets itself be asked (RFC 4028,
    /// section 9).
    pub(super) fn go_on(&mut self, now: CallTime, is_supported: bool, least: Option<Duration>) {
        self.is_supported = is_supported;
        if !is_supported {
            self.refreshes = Refresher::Us;
        }
        self.interval = self.asked().max(least.unwrap_or_default());
        self.confirm(now);
    }

    /// Both sides know again that the call goes on.
    pub(super) fn confirm(&mut self, now: CallTime) {
        self.last = now;
        self.next = (self.refreshes == Refresher::Us).then(|| now + self.interval / 2);
    }

    /// The other side has confirmed the call when we asked, and may have said how it goes on.
    pub(super) fn confirmed(&mut self, now: CallTime, answer: Option<SessionExpires>) {
        self.interval = answer.map_or(self.asked(), |answer| answer.interval.max(SHORTEST));
        self.refreshes = answer.and_then(|answer| answer.refresher).unwrap_or(self.refreshes);
        self.confirm(now);
    }

    /// The other side could not be asked now: it is asked then. Not where it has confirmed the call
    /// meanwhile, or does so itself from now on.
    pub(super) fn ask_again(&mut self, at: CallTime) {
        if self.refreshes == Refresher::Us {
            self.next.get_or_insert(at);
        }
    }

    /// The other side is asked again when it says, else after a quarter of the time that is left.
    pub(super) fn ask_later(&mut self, now: CallTime, wait: Option<Duration>) {
        let left = self.end() - now;
        self.ask_again(now + wait.unwrap_or(left / 4).max(PAUSE));
    }

    /// The other side does not let itself be asked so often: it is asked again at once, to be asked
    /// less often. Whether that is less than what it was asked.
    pub(super) fn lengthen(&mut self, now: CallTime, least: Duration) -> bool {
        let is_longer = least > self.asked();
        if is_longer {
            self.least = least;
            self.ask_again(now);
        }
        is_longer
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
    fn whoever_does_not_know_timers_is_asked_by_us_and_need_not_know_them() {
        let asked = SessionExpires::parse("1800").unwrap();
        assert_eq!(SessionTimer::new(at(0), asked).headers().len(), 2, "both are told");
        let mut timer = SessionTimer::new(at(0), asked.unsupported());
        assert_eq!(timer.headers(), [Header::SessionExpires("1800;refresher=uas".into())]);
        assert_eq!(timer.poll(at(900)), Some(Due::Refresh));
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
    fn cp52_nobody_is_asked_again_who_has_confirmed_the_call_meanwhile() {
        let ours = SessionExpires::parse("90;refresher=uas").unwrap();
        let mut timer = SessionTimer::new(at(0), ours);
        assert_eq!(timer.poll(at(45)), Some(Due::Refresh));
        timer.confirm(at(46));
        timer.ask_again(at(48));
        assert_eq!(timer.poll_timeout(), at(91), "half of the time from then");
        assert_eq!(timer.poll(at(91)), Some(Due::Refresh));
        // From now on they confirm it.
        let mut timer = SessionTimer::new(at(92), SessionExpires::parse("90").unwrap());
        timer.ask_again(at(94));
        timer.ask_later(at(94), None);
        assert_eq!((timer.poll_timeout(), timer.poll(at(151))), (at(152), None));
    }

    #[test]
    fn whoever_cannot_confirm_a_call_now_is_asked_when_they_say_or_while_time_is_left() {
        let asked = SessionExpires::parse("90;refresher=uas").unwrap();
        let mut timer = SessionTimer::new(at(0), asked);
        assert_eq!(timer.poll(at(45)), Some(Due::Refresh));
        timer.ask_later(at(45), Some(Duration::ZERO));
        assert_eq!(timer.poll_timeout(), at(46));
        assert_eq!(timer.poll(at(46)), Some(Due::Refresh));
        timer.ask_later(at(48), None);
        assert_eq!(timer.poll_timeout(), at(51));
        assert_eq!(timer.poll(at(51)), Some(Due::Refresh));
        timer.ask_later(at(59), None);
        assert_eq!(timer.poll(at(60)), Some(Due::End));
    }

    #[test]
    fn whoever_wants_to_be_asked_less_often_is_asked_so() {
        let asked = SessionExpires::parse("90;refresher=uas").unwrap();
        let mut timer = SessionTimer::new(at(0), asked);
        assert_eq!(timer.poll(at(45)), Some(Due::Refresh));
        assert_eq!((timer.lengthen(at(45), SHORTEST), timer.poll(at(45))), (false, None));
        let long = Duration::from_secs(120);
        assert_eq!((timer.least_of_refresh(), timer.lengthen(at(45), long)), (None, true));
        assert_eq!(timer.poll(at(45)), Some(Due::Refresh));
        assert_eq!(timer.header_of_refresh(), "120;refresher=uac");
        assert_eq!(timer.least_of_refresh().as_deref(), Some("120"));
        assert_eq!(timer.poll(at(60)), Some(Due::End), "nothing has been agreed on yet");
        assert!(!timer.lengthen(at(46), long), "it would be the same again");
        timer.confirmed(at(46), None);
        assert_eq!(timer.poll_timeout(), at(106));
        timer.confirmed(at(47), SessionExpires::parse_answer("300;refresher=uas"));
        assert_eq!(timer.poll_timeout(), at(47 + 300 - 32), "they confirm it from now on");
    }

    #[test]
    fn headers_are_read_as_they_come_and_nonsense_is_none() {
        let read = |value| SessionExpires::parse(value);
        assert_eq!(read("600").unwrap().refresher, None);
        for ours in ["600;x=y;refresher=uas", "600 ; Refresher = UAS"] {
            assert_eq!(read(ours).unwrap().refresher, Some(Refresher::Us), "{ours}");
        }
        let answered = |value| SessionExpires::parse_answer(value).unwrap().refresher;
        assert_eq!(answered("600;refresher=uac"), Some(Refresher::Us));
        assert_eq!(answered("600;refresher=uas"), Some(Refresher::Them));
        assert_eq!(answered("600"), Some(Refresher::Us));
        for wrong in ["", "soon", "-5", "99999999999"] {
            assert_eq!(read(wrong), None);
        }
    }
}
