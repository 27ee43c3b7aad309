//! A phone line that speaks the media-stream protocol of a [`Carrier`].
//!
//! [`PhoneCall`] plays the caller and the carrier between: it sends audio every 20 ms, silence when
//! there is nothing to say, plays what comes back in real time, answers marks when they are reached,
//! and drops its queue when it is told to, with or without its marks, as the carrier does. What the caller heard, and when, is in the [`Recording`].

mod audio_socket;
mod call;
mod carrier;
mod dial;
mod line;
mod messages;
mod playout;
mod recording;
mod relay;
mod sip;

pub use audio_socket::AudioSocketPhone;
pub use call::{PhoneCall, Spoken};
pub use carrier::Carrier;
pub use dial::Dial;
pub use messages::frame_messages;
pub use playout::is_audible;
pub use recording::{Cleared, Closed, MarkEcho, Recording, Stretch, Wire};
pub use relay::{RelayAsked, RelayPhone};
pub use sip::{SipPhone, SipSeen};
