use std::{sync::Mutex, time::Duration};

use async_trait::async_trait;
use tokio::sync::Notify;
use voiceagent_core::{
    Link, MarkId,
    audio::{AudioFrame, MediaTime},
};

use super::*;
use crate::{
    control::{ControlCapabilities, Directory},
    media_stream::{Carrier, fake_socket::FakeSocket, writer::OUTBOUND_BLOCK},
};

/// A carrier that notes what it is asked, and answers when it is told.
#[derive(Debug, Default)]
struct FakeControl {
    asked: Mutex<Vec<String>>,
    answer: Notify,
    refuses: bool,
    transfers: bool,
    directory: Directory,
}

#[async_trait]
impl CallControl for FakeControl {
    async fn hang_up(&self, call: &CallId) -> Result<()> {
        self.asked.lock().unwrap().push(format!("hang up {call}"));
        self.answer.notified().await;
        if self.refuses {
            return Err(Error::new(ErrorKind::Overloaded, "hang up", "no"));
        }
        Ok(())
    }

    fn can_transfer(&self) -> bool {
        true
    }

    fn capabilities(&self) -> ControlCapabilities {
        ControlCapabilities::default()
    }

    fn directory(&self) -> &Directory {
        &self.directory
    }

    async fn transfer(&self, call: &CallId, target: &str) -> Result<()> {
        self.asked.lock().unwrap().push(format!("transfer {call} to {target}"));
        if self.transfers {
            self.answer.notified().await;
            return Ok(());
        }
        Err(Error::new(ErrorKind::Rejected, "transfer", "no such target"))
    }
}

fn open(control: Option<Arc<dyn CallControl>>) -> (FakeSocket, Link<Outbound, Inbound>) {
    open_for(Carrier::Twilio, control)
}

fn open_for(
    carrier: Carrier,
    control: Option<Arc<dyn CallControl>>,
) -> (FakeSocket, Link<Outbound, Inbound>) {
    open_noted(carrier, control, None)
}

fn open_noted(
    carrier: Carrier,
    control: Option<Arc<dyn CallControl>>,
    heard: Option<Arc<HeardCalls>>,
) -> (FakeSocket, Link<Outbound, Inbound>) {
    let socket = FakeSocket::default();
    let leg = Leg {
        call: CallId::new("CA1"),
        stream: "MZ1".to_owned(),
        dialect: Dialect::of(carrier),
        inbound: AudioFormat::MULAW_8K,
        outbound: AudioFormat::MULAW_8K,
        control,
        heard,
        news: mpsc::channel(1).1,
        keys: mpsc::channel(1).1,
    };
    let pump = Pump::new(socket.clone(), leg);
    (socket, Link::spawn(64, move |peer| pump.run(peer)))
}

fn frame() -> Outbound {
    let payload = Bytes::from_static(&[0x7F; 160]);
    Outbound::Audio(AudioFrame::new(AudioFormat::MULAW_8K, MediaTime(0), payload))
}

/// Lets everything that can happen at this moment happen.
async fn settle() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}

async fn end_of(mut link: Link<Outbound, Inbound>) -> Option<ErrorKind> {
    let mut end = None;
    while let Some(said) = link.recv().await {
        end = said.err().map(|error| error.kind());
    }
    end
}

#[tokio::test(start_paused = true)]
async fn i6_clear_overtakes_audio_that_the_socket_has_not_taken() {
    let (socket, link) = open(None);
    socket.stick(true);
    for _ in 0..20 {
        link.try_send(frame()).unwrap();
    }
    link.try_send(Outbound::Mark(MarkId::new(1))).unwrap();
    settle().await;
    link.try_send(Outbound::Clear).unwrap();
    link.try_send(frame()).unwrap();
    settle().await;
    socket.stick(false);
    settle().await;
    assert_eq!(socket.events(), ["media", "clear", "mark", "media"]);
}

#[tokio::test(start_paused = true)]
async fn cp4_a_mark_that_a_clear_overtakes_is_answered_by_us_where_the_carrier_does_not() {
    for (carrier, cleared) in
        [(Carrier::Plivo, Some(r#"{"event":"clearedAudio"}"#)), (Carrier::Telnyx, None)]
    {
        let (socket, mut link) = open_for(carrier, None);
        link.try_send(frame()).unwrap();
        link.try_send(Outbound::Mark(MarkId::new(1))).unwrap();
        settle().await;
        socket.stick(true);
        link.try_send(frame()).unwrap();
        settle().await;
        for outbound in [frame(), Outbound::Mark(MarkId::new(2)), Outbound::Clear, frame()] {
            link.try_send(outbound).unwrap();
        }
        settle().await;
        socket.stick(false);
        settle().await;
        // The second mark never went out.
        assert_eq!(socket.events().len(), 5, "{carrier}: {:?}", socket.events());
        if let Some(cleared) = cleared {
            assert!(link.try_recv().is_none(), "{carrier}");
            socket.say(Some(Ok(Message::Text(cleared.into()))));
        }
        for number in [1, 2] {
            let answered = link.recv().await.unwrap().unwrap();
            assert_eq!(answered, Inbound::MarkPlayed(MarkId::new(number)), "{carrier}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn i6_clear_overtakes_audio_although_the_backlog_is_full() {
    let (socket, link) = open(None);
    socket.stick(true);
    for _ in 0..180 {
        link.try_send(frame()).unwrap();
        settle().await;
    }
    link.try_send(Outbound::Clear).unwrap();
    settle().await;
    socket.stick(false);
    settle().await;
    assert_eq!(socket.events(), ["media", "clear"]);
}

#[tokio::test(start_paused = true)]
async fn a_far_end_that_reads_again_hears_no_audio_that_is_late() {
    let (socket, link) = open(None);
    socket.stick(true);
    for number in 0..40 {
        link.try_send(frame()).unwrap();
        link.try_send(Outbound::Mark(MarkId::new(number))).unwrap();
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    socket.stick(false);
    settle().await;
    let events = socket.events();
    let count = |event| events.iter().filter(|seen| *seen == event).count();
    // One was being written; three had waited for less than 400 ms.
    assert_eq!((count("media"), count("mark")), (1 + 3, 40), "{events:?}");
}

#[tokio::test(start_paused = true)]
async fn a_far_end_that_does_not_read_is_noticed_and_costs_little() {
    let (socket, link) = open(None);
    socket.stick(true);
    let began = Instant::now();
    let mut taken = 0;
    while link.try_send(frame()).is_ok() {
        taken += 1;
        settle().await;
    }
    // The frame that is being written, what waits in the pump, and the link's own queue.
    assert_eq!(taken, 1 + 128 + 64);
    // Its own messages still come, so silence is not what gives it away.
    let talking = tokio::spawn(async move {
        loop {
            socket.say(Some(Ok(Message::Text(r#"{"event":"connected"}"#.into()))));
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    });
    assert_eq!(end_of(link).await, Some(ErrorKind::Disconnected));
    assert!(began.elapsed() >= WRITE && began.elapsed() <= WRITE + WATCH);
    talking.abort();
}

#[tokio::test(start_paused = true)]
async fn ra2_a_half_open_connection_is_noticed_within_twelve_seconds() {
    let (socket, link) = open(None);
    let began = Instant::now();
    assert_eq!(end_of(link).await, Some(ErrorKind::Disconnected));
    assert!(began.elapsed() <= Duration::from_secs(12), "{:?}", began.elapsed());
    let pings = socket.wire().written.iter().filter(|m| matches!(m, Message::Ping(_))).count();
    assert_eq!(pings, 2);
}

#[tokio::test(start_paused = true)]
async fn a_far_end_that_answers_pings_is_alive() {
    let (socket, mut link) = open(None);
    for _ in 0..12 {
        tokio::time::sleep(Duration::from_secs(5)).await;
        socket.say(Some(Ok(Message::Pong(Bytes::new()))));
        settle().await;
    }
    assert!(link.try_recv().is_none());
    socket.say(Some(Ok(Message::Text(r#"{"event":"stop"}"#.into()))));
    assert_eq!(link.recv().await.unwrap().unwrap(), Inbound::HungUp);
    assert!(link.recv().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_lost_socket_is_told_from_a_goodbye() {
    for (item, lost) in [
        (Some(Err("connection reset")), true),
        (Some(Ok(Message::Close(None))), false),
        (None, false),
        (Some(Ok(Message::Text(r#"{"event":"stop"}"#.into()))), false),
    ] {
        let (socket, mut link) = open(None);
        socket.say(item);
        match link.recv().await.unwrap() {
            Ok(said) => assert_eq!((said, lost), (Inbound::HungUp, false)),
            Err(error) => assert_eq!((error.kind(), lost), (ErrorKind::Disconnected, true)),
        }
        assert!(link.recv().await.is_none());
    }
}

#[tokio::test(start_paused = true)]
async fn hanging_up_waits_for_the_audio_before_it_and_asks_once() {
    let control = Arc::new(FakeControl::default());
    let (socket, mut link) = open(Some(control.clone()));
    for outbound in [frame(), Outbound::Mark(MarkId::new(1)), Outbound::HangUp, Outbound::HangUp] {
        link.try_send(outbound).unwrap();
    }
    settle().await;
    assert_eq!(socket.events(), ["media", "mark"]);
    assert_eq!(*control.asked.lock().unwrap(), ["hang up CA1"]);
    control.answer.notify_one();
    assert_eq!(link.recv().await.unwrap().unwrap(), Inbound::HungUp);
    assert!(link.recv().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn the_line_is_free_although_the_carrier_refuses_to_hang_up() {
    let control = Arc::new(FakeControl { refuses: true, ..FakeControl::default() });
    let (_socket, mut link) = open(Some(control.clone()));
    link.try_send(Outbound::HangUp).unwrap();
    control.answer.notify_one();
    assert_eq!(link.recv().await.unwrap().unwrap_err().kind(), ErrorKind::Overloaded);
    assert_eq!(link.recv().await.unwrap().unwrap(), Inbound::HungUp);
    assert!(link.recv().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_carrier_that_never_answers_does_not_hold_the_line() {
    let (_socket, link) = open(Some(Arc::new(FakeControl::default())));
    link.try_send(Outbound::HangUp).unwrap();
    let began = Instant::now();
    assert_eq!(end_of(link).await, Some(ErrorKind::Disconnected));
    assert!(began.elapsed() <= CONTROL);
}

#[tokio::test(start_paused = true)]
async fn a_hang_up_reaches_the_carrier_although_its_owner_has_gone() {
    let control = Arc::new(FakeControl::default());
    let (socket, link) = open(Some(control.clone()));
    socket.stick(true);
    link.try_send(frame()).unwrap();
    link.try_send(Outbound::HangUp).unwrap();
    settle().await;
    drop(link);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(*control.asked.lock().unwrap(), ["hang up CA1"]);
}

#[tokio::test(start_paused = true)]
async fn a_transfer_that_fails_is_reported_and_the_call_goes_on() {
    let control = Arc::new(FakeControl::default());
    let (socket, mut link) = open(Some(control.clone()));
    link.try_send(Outbound::Transfer("+14155550100".into())).unwrap();
    let refused = |kind| Inbound::NotTransferred(kind);
    assert_eq!(link.recv().await.unwrap().unwrap(), refused(ErrorKind::Rejected));
    link.try_send(frame()).unwrap();
    settle().await;
    assert_eq!(socket.events(), ["media"]);
    let (_socket, mut link) = open(None);
    link.try_send(Outbound::Transfer("desk".into())).unwrap();
    assert_eq!(link.recv().await.unwrap().unwrap(), refused(ErrorKind::Unsupported));
}

#[tokio::test(start_paused = true)]
async fn a_transfer_is_told_before_the_end_although_the_socket_closes_first() {
    let control = Arc::new(FakeControl { transfers: true, ..FakeControl::default() });
    let (socket, mut link) = open(Some(control.clone()));
    link.try_send(Outbound::Transfer("desk".into())).unwrap();
    settle().await;
    socket.say(Some(Ok(Message::Close(None))));
    settle().await;
    control.answer.notify_one();
    assert_eq!(link.recv().await.unwrap().unwrap(), Inbound::Transferred);
    assert_eq!(link.recv().await.unwrap().unwrap(), Inbound::HungUp);
}

#[tokio::test(start_paused = true)]
async fn a_second_transfer_is_refused_while_the_first_is_under_way() {
    let control = Arc::new(FakeControl { transfers: true, ..FakeControl::default() });
    let (_socket, mut link) = open(Some(control.clone()));
    for target in ["desk", "garage"] {
        link.try_send(Outbound::Transfer(target.into())).unwrap();
    }
    let refused = Inbound::NotTransferred(ErrorKind::Overloaded);
    assert_eq!(link.recv().await.unwrap().unwrap(), refused);
    control.answer.notify_one();
    assert_eq!(link.recv().await.unwrap().unwrap(), Inbound::Transferred);
    assert_eq!(*control.asked.lock().unwrap(), ["transfer CA1 to desk"]);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_link_says_goodbye_on_the_socket() {
    let (socket, link) = open(None);
    drop(link);
    settle().await;
    assert!(matches!(socket.wire().written.last(), Some(Message::Close(Some(_)))));
}

#[tokio::test(start_paused = true)]
async fn a_far_end_that_answers_no_goodbye_holds_up_the_end_for_two_seconds_only() {
    for stuck in [false, true] {
        let (socket, mut link) = open(None);
        socket.say(Some(Ok(Message::Text(r#"{"event":"stop"}"#.into()))));
        socket.stick(stuck);
        assert_eq!(link.recv().await.unwrap().unwrap(), Inbound::HungUp);
        let began = Instant::now();
        assert!(link.recv().await.is_none());
        assert_eq!(began.elapsed(), Duration::from_secs(2));
    }
}

#[tokio::test(start_paused = true)]
async fn outbound_messages_reuse_their_memory() {
    let (socket, link) = open(None);
    let mut places = Vec::new();
    for _ in 0..1_000 {
        link.try_send(frame()).unwrap();
        settle().await;
        let written = std::mem::take(&mut socket.wire().written);
        places.extend(written.iter().map(|message| message.to_text().unwrap().as_ptr() as usize));
    }
    assert_eq!(places.len(), 1_000);
    let span = places.iter().max().unwrap() - places.iter().min().unwrap();
    assert!(span < OUTBOUND_BLOCK, "{span}");
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_has_heard_nothing_is_left_to_the_carrier() {
    for (speaks, is_asked) in [(false, false), (true, true)] {
        let control = Arc::new(FakeControl::default());
        control.answer.notify_one();
        let heard = Arc::new(HeardCalls::default());
        let (_socket, link) =
            open_noted(Carrier::Twilio, Some(control.clone()), Some(heard.clone()));
        if speaks {
            link.try_send(frame()).unwrap();
        }
        link.try_send(Outbound::HangUp).unwrap();
        assert_eq!(end_of(link).await, None);
        assert_eq!(!control.asked.lock().unwrap().is_empty(), is_asked);
        assert_eq!(heard.has(&CallId::new("CA1")), speaks);
    }
}
