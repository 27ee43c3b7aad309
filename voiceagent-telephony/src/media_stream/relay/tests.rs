use std::sync::Mutex;

use tokio::time::Instant;
use voiceagent_core::{Error, ErrorKind, GenerationId};

use super::*;
use crate::{
    control::{ControlCapabilities, Directory},
    media_stream::fake_socket::FakeSocket,
};

const GOODBYE: &str = "Thank you for calling, your appointment is booked for tomorrow, and we look \
                       forward to seeing you then. Have a good day. Goodbye!";

/// A carrier that notes when it is asked.
#[derive(Debug)]
struct FakeControl {
    began: Instant,
    asked: Mutex<Vec<(&'static str, Duration)>>,
    answers: bool,
    directory: Directory,
}

impl FakeControl {
    fn new(answers: bool) -> Arc<Self> {
        let (began, directory) = (Instant::now(), Directory::default());
        Arc::new(Self { began, asked: Mutex::default(), answers, directory })
    }

    async fn note(&self, what: &'static str) -> Result<()> {
        self.asked.lock().unwrap().push((what, self.began.elapsed()));
        if self.answers { Ok(()) } else { std::future::pending().await }
    }

    /// The only thing that was asked, and when.
    fn asked(&self) -> (&'static str, Duration) {
        let asked = self.asked.lock().unwrap();
        assert_eq!(asked.len(), 1, "{asked:?}");
        asked[0]
    }
}

#[async_trait]
impl CallControl for FakeControl {
    async fn hang_up(&self, _: &CallId) -> Result<()> {
        self.note("hang up").await
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

    async fn transfer(&self, _: &CallId, _: &str) -> Result<()> {
        self.note("transfer").await
    }
}

fn open(control: &Arc<FakeControl>) -> (FakeSocket, Link<Outbound, Inbound>) {
    let socket = FakeSocket::default();
    let control: Arc<dyn CallControl> = control.clone();
    let leg = Leg::new(socket.clone(), CallId::new("CA1"), Some(control), None);
    (socket, Link::spawn(LINK, move |peer| leg.run(peer)))
}

fn say(link: &Link<Outbound, Inbound>, text: &str) {
    let generation = GenerationId::new(1);
    link.try_send(Outbound::Text { generation, text: text.into() }).unwrap();
    link.try_send(Outbound::TextEnd { generation }).unwrap();
}

/// What the far end was told, without pings and goodbyes.
fn told(socket: &FakeSocket) -> Vec<String> {
    let wire = socket.wire();
    let texts = wire.written.iter().filter_map(|message| message.to_text().ok());
    let texts = texts.filter_map(|text| serde_json::from_str::<serde_json::Value>(text).ok());
    texts.map(|message| message["type"].as_str().unwrap().to_owned()).collect()
}

/// Lets the far end answer pings, as those do that are there.
fn keep_alive(socket: &FakeSocket) -> impl Drop + use<> {
    struct Stop(tokio::task::JoinHandle<()>);
    impl Drop for Stop {
        fn drop(&mut self) {
            self.0.abort();
        }
    }
    let socket = socket.clone();
    Stop(tokio::spawn(async move {
        loop {
            tokio::time::sleep(Duration::from_secs(3)).await;
            socket.say(Some(Ok(Message::Pong(Default::default()))));
        }
    }))
}

/// What comes last of a link, before it ends.
async fn last(link: &mut Link<Outbound, Inbound>) -> Vec<Result<Inbound>> {
    let mut all = Vec::new();
    while let Some(item) = link.recv().await {
        all.push(item);
    }
    all
}

#[tokio::test(start_paused = true)]
async fn d1_cp31_a_hang_up_waits_until_the_goodbye_will_have_been_spoken() {
    let control = FakeControl::new(true);
    let (socket, mut link) = open(&control);
    let _alive = keep_alive(&socket);
    say(&link, GOODBYE);
    link.try_send(Outbound::HangUp).unwrap();
    let hung_up = link.recv().await.unwrap().unwrap();
    assert_eq!(hung_up, Inbound::HungUp);
    let (what, when) = control.asked();
    assert_eq!(what, "hang up");
    assert!((8.0..10.0).contains(&when.as_secs_f64()), "{when:?}");
    assert_eq!(told(&socket), ["text", "text", "end"]);
}

#[tokio::test(start_paused = true)]
async fn d1_cp31_a_goodbye_is_spoken_although_the_owner_of_the_call_has_gone() {
    let control = FakeControl::new(true);
    let (socket, link) = open(&control);
    let _alive = keep_alive(&socket);
    say(&link, GOODBYE);
    link.try_send(Outbound::HangUp).unwrap();
    drop(link);
    tokio::time::sleep(Duration::from_secs(7)).await;
    assert_eq!(told(&socket), ["text", "text"]);
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!(told(&socket), ["text", "text", "end"]);
    let (_, when) = control.asked();
    assert!((8.0..10.0).contains(&when.as_secs_f64()), "{when:?}");
}

#[tokio::test(start_paused = true)]
async fn d1_a_hang_up_waits_no_longer_than_the_far_end_speaks() {
    let interrupt = r#"{"type":"interrupt","utteranceUntilInterrupt":"Thank"}"#;
    let silent = r#"{"type":"info","name":"agentSpeaking","value":"off"}"#;
    for (message, longest) in [(Some(interrupt), 2.1), (Some(silent), 3.6), (None, 2.1)] {
        let control = FakeControl::new(true);
        let (socket, mut link) = open(&control);
        say(&link, GOODBYE);
        link.try_send(Outbound::HangUp).unwrap();
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert!(control.asked.lock().unwrap().is_empty(), "it is being spoken");
        socket.say(message.map(|message| Ok(Message::text(message))));
        assert_eq!(link.recv().await.unwrap().unwrap(), Inbound::HungUp, "{message:?}");
        let (_, when) = control.asked();
        assert!((2.0..longest).contains(&when.as_secs_f64()), "{message:?}: {when:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn d1_no_text_holds_up_the_end_for_more_than_a_minute() {
    let control = FakeControl::new(true);
    let (socket, mut link) = open(&control);
    let _alive = keep_alive(&socket);
    say(&link, &GOODBYE.repeat(20));
    link.try_send(Outbound::HangUp).unwrap();
    assert_eq!(link.recv().await.unwrap().unwrap(), Inbound::HungUp);
    let (_, when) = control.asked();
    assert!((60.0..61.0).contains(&when.as_secs_f64()), "{when:?}");
}

#[tokio::test(start_paused = true)]
async fn d1_a_transfer_waits_for_what_was_said_before_it_and_listens_meanwhile() {
    for (text, earliest, latest) in
        [("One moment, I will put you through.", 3.0, 4.0), (GOODBYE, 8.0, 10.0)]
    {
        let control = FakeControl::new(true);
        let (socket, mut link) = open(&control);
        let _alive = keep_alive(&socket);
        say(&link, text);
        link.try_send(Outbound::Transfer("front desk".into())).unwrap();
        tokio::time::sleep(Duration::from_secs(1)).await;
        socket.say(Some(Ok(Message::text(r#"{"type":"dtmf","digit":"1"}"#))));
        assert_eq!(link.recv().await.unwrap().unwrap(), Inbound::Dtmf('1'));
        assert_eq!(link.recv().await.unwrap().unwrap(), Inbound::Transferred);
        let (what, when) = control.asked();
        assert_eq!(what, "transfer");
        assert!((earliest..latest).contains(&when.as_secs_f64()), "{when:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_transfer_is_told_to_have_failed_before_a_session_stops_waiting_for_it() {
    let control = FakeControl::new(false);
    let (socket, mut link) = open(&control);
    let _alive = keep_alive(&socket);
    say(&link, &GOODBYE.repeat(3));
    let began = Instant::now();
    link.try_send(Outbound::Transfer("front desk".into())).unwrap();
    let failed = link.recv().await.unwrap().unwrap();
    assert_eq!(failed, Inbound::NotTransferred(ErrorKind::Timeout));
    let (_, when) = control.asked();
    assert!((10.0..10.5).contains(&when.as_secs_f64()), "{when:?}");
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_hang_up_that_the_carrier_never_answers_is_told() {
    let control = FakeControl::new(false);
    let (_socket, mut link) = open(&control);
    link.try_send(Outbound::HangUp).unwrap();
    let all = last(&mut link).await;
    let kinds: Vec<_> = all.iter().map(|item| item.as_ref().map_err(Error::kind)).collect();
    assert_eq!(kinds, [Err(ErrorKind::Timeout), Ok(&Inbound::HungUp)]);
    assert_eq!(control.began.elapsed().as_secs(), 15);
}
