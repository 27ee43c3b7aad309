//! A sound behind the agent, which makes the agent's line continuous.
//!
//! The session knows nothing of it: what it sends is mixed on its way to the line. Between its
//! sounds, the background alone keeps the far end's buffer from running dry.

use std::time::Duration;

use super::Driver;
use crate::{
    CallTime, Result,
    agent::Recipe,
    audio::{AudioFormat, AudioFrame, MediaTime, Mixer},
    transport::{CallInfo, Media, Outbound},
};

const FRAME: Duration = Duration::from_millis(20);
/// How far ahead of the playhead the background alone is sent, and so how much later than without
/// it an answer may begin to sound. Twice as much as a driver's timer is late on a busy machine.
const LEAD: Duration = Duration::from_millis(60);

/// What plays behind the agent on one line.
pub(crate) struct BackgroundLine {
    mixer: Mixer,
    format: AudioFormat,
    /// Everything up to here has been sent.
    sent: u64,
    /// A place that the playhead has passed, and when.
    anchor: (CallTime, u64),
    /// The far end takes nothing for a while.
    is_held: bool,
}

impl BackgroundLine {
    /// The background of a call; `None` if it has none, or no sound at all.
    pub(crate) fn of(recipe: &Recipe, info: &CallInfo) -> Result<Option<Self>> {
        let (Some(background), Media::Audio { outbound, .. }) = (&recipe.background, info.media)
        else {
            return Ok(None);
        };
        let mixer = Mixer::new(background, outbound)?;
        let anchor = (CallTime::ZERO, 0);
        Ok(Some(Self { mixer, format: outbound, sent: 0, anchor, is_held: false }))
    }

    /// Adds the background to what is sent.
    fn mix(&mut self, now: CallTime, outbound: Outbound) -> Outbound {
        match outbound {
            Outbound::Audio(frame) => {
                let payload = self.mixer.mix(&frame.payload);
                Outbound::Audio(self.frame(now, payload))
            }
            Outbound::Clear => {
                self.mixer.rewind(self.sent - self.position(now));
                self.anchor = (now, self.sent);
                Outbound::Clear
            }
            Outbound::HangUp
            | Outbound::Mark(_)
            | Outbound::Text { .. }
            | Outbound::TextEnd { .. }
            | Outbound::Transfer(_) => outbound,
        }
    }

    /// A frame of the background alone, if it is time for one.
    fn poll(&mut self, now: CallTime) -> Option<Outbound> {
        if self.due()? > now {
            return None;
        }
        let samples = self.format.samples_in(FRAME) as usize;
        let payload = self.mixer.alone(samples);
        Some(Outbound::Audio(self.frame(now, payload)))
    }

    /// When a frame of the background alone is to be sent; `None` while the call is on hold.
    pub(super) fn due(&self) -> Option<CallTime> {
        let (at, position) = self.anchor;
        let end = at + self.format.duration_of(self.sent - position);
        (!self.is_held).then(|| end.saturating_sub(LEAD - FRAME))
    }

    fn frame(&mut self, now: CallTime, payload: bytes::Bytes) -> AudioFrame {
        if self.position(now) >= self.sent {
            self.anchor = (now, self.sent);
        }
        let frame = AudioFrame::new(self.format, MediaTime(self.sent), payload);
        self.sent += frame.samples();
        frame
    }

    /// Where our own pace says that the playhead is.
    fn position(&self, now: CallTime) -> u64 {
        let (at, position) = self.anchor;
        (position + self.format.samples_in(now - at)).min(self.sent)
    }
}

impl Driver {
    /// Gives the call a background.
    pub(crate) fn with_background(mut self, background: Option<BackgroundLine>) -> Self {
        self.background = background;
        self
    }

    /// Sends something to the caller, with the background behind it.
    pub(super) fn send(&mut self, outbound: Outbound) {
        if self.background.is_none() {
            return self.put(outbound);
        }
        let now = self.now();
        if matches!(outbound, Outbound::HangUp) {
            self.background = None;
        }
        let mixed = match &mut self.background {
            Some(background) => background.mix(now, outbound),
            None => outbound,
        };
        self.put(mixed);
        self.play_background();
    }

    /// Has the background wait while the call is on hold, with all of it that was not heard.
    pub(super) fn hold_background(&mut self, is_held: bool) {
        let Some(background) = &mut self.background else { return };
        background.is_held = is_held;
        if is_held {
            self.send(Outbound::Clear);
        } else {
            self.play_background();
        }
    }

    /// Sends as much of the background alone as keeps the line from falling silent.
    pub(super) fn play_background(&mut self) {
        let now = self.now();
        while !self.ended
            && let Some(outbound) =
                self.background.as_mut().and_then(|background| background.poll(now))
        {
            self.put(outbound);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::{Background, Clip, Decibels};

    fn payload(outbound: Outbound) -> Vec<u8> {
        let Outbound::Audio(frame) = outbound else { panic!("no audio: {outbound:?}") };
        frame.payload.to_vec()
    }

    #[test]
    fn i17_what_a_clear_kept_from_being_heard_of_the_background_is_played_again() {
        let format = AudioFormat::PCM_8K;
        let ramp: Vec<u8> = (0..8_000_i16).flat_map(i16::to_le_bytes).collect();
        let background = Background::new(Clip::new(format, &ramp).unwrap());
        let plain = background.with_gain(Decibels(0.0)).with_duck(Decibels(0.0));
        let mixer = Mixer::new(&plain, format).unwrap();
        let anchor = (CallTime::ZERO, 0);
        let mut line = BackgroundLine { mixer, format, sent: 0, anchor, is_held: false };
        let silence = AudioFrame::new(format, MediaTime(0), vec![0; 8_000].into());
        // Half a second is sent, and 100 ms of it have sounded.
        let sent = payload(line.mix(CallTime::ZERO, Outbound::Audio(silence)));
        let now = CallTime::from_millis(100);
        line.mix(now, Outbound::Clear);
        let again = payload(line.poll(now).expect("the line falls silent"));
        assert_eq!(again, sent[1_600..][..again.len()], "it goes on where it was");
    }

    #[test]
    fn i17_the_background_waits_while_the_call_is_on_hold() {
        let format = AudioFormat::MULAW_8K;
        let background = Background::new(Clip::new(format, &[0x10; 800]).unwrap());
        let mixer = Mixer::new(&background, format).unwrap();
        let anchor = (CallTime::ZERO, 0);
        let mut line = BackgroundLine { mixer, format, sent: 0, anchor, is_held: true };
        let later = CallTime::from_millis(60_000);
        assert_eq!((line.due(), line.poll(later).is_none()), (None, true));
        line.is_held = false;
        assert!(line.poll(later).is_some());
    }
}
