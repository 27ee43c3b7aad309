use tokio::io::{AsyncReadExt, DuplexStream, duplex};
use voiceagent_core::{GenerationId, MarkId};

use super::*;

const GENERATION: GenerationId = GenerationId::new(1);

fn text(text: &str) -> Outbound {
    Outbound::Text { generation: GENERATION, text: text.into() }
}

fn end() -> Outbound {
    Outbound::TextEnd { generation: GENERATION }
}

async fn open_piped(script: &'static str) -> (Link<Outbound, Inbound>, DuplexStream) {
    let (output, screen) = duplex(4096);
    let leg = Terminal::piped("test", script.as_bytes(), output);
    (Box::new(leg).open().await.unwrap(), screen)
}

async fn printed(mut screen: DuplexStream) -> String {
    let mut text = String::new();
    screen.read_to_string(&mut text).await.unwrap();
    text
}

async fn next(link: &mut Link<Outbound, Inbound>) -> Inbound {
    link.recv().await.unwrap().unwrap()
}

#[tokio::test(start_paused = true)]
async fn lines_of_a_pipe_take_turns_with_the_agent() {
    let (mut link, screen) = open_piped("hello\n\n  nine thirty \n").await;
    for part in [text("Good day. "), text("How can I help?"), end()] {
        link.try_send(part).unwrap();
    }
    assert_eq!(next(&mut link).await, Inbound::Transcript(Transcript::final_("hello")));
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert!(link.try_recv().is_none(), "the second line waits for the answer to the first");
    link.try_send(text("When?")).unwrap();
    link.try_send(end()).unwrap();
    assert_eq!(next(&mut link).await, Inbound::Transcript(Transcript::final_("nine thirty")));
    link.try_send(text("Fine.")).unwrap();
    link.try_send(end()).unwrap();
    assert_eq!(next(&mut link).await, Inbound::HungUp);
    assert!(link.recv().await.is_none());
    assert_eq!(
        printed(screen).await,
        "Agent: Good day. How can I help?\nYou:   hello\nAgent: When?\nYou:   nine thirty\n\
         Agent: Fine.\n"
    );
}

#[tokio::test(start_paused = true)]
async fn a_mark_is_answered_when_what_was_sent_before_it_is_printed() {
    let (mut link, mut screen) = open_piped("").await;
    link.try_send(text("Hello.")).unwrap();
    link.try_send(Outbound::Mark(MarkId::new(7))).unwrap();
    assert_eq!(next(&mut link).await, Inbound::MarkPlayed(MarkId::new(7)));
    let mut shown = [0; 13];
    screen.read_exact(&mut shown).await.unwrap();
    assert_eq!(&shown, b"Agent: Hello.");
}

#[tokio::test(start_paused = true)]
async fn a_silent_agent_does_not_hold_a_pipe_for_ever() {
    let (mut link, _screen) = open_piped("anybody?\n").await;
    assert_eq!(next(&mut link).await, Inbound::Transcript(Transcript::final_("anybody?")));
    assert_eq!(next(&mut link).await, Inbound::HungUp);
}

#[tokio::test(start_paused = true)]
async fn a_person_may_type_before_the_agent_is_silent() {
    let (output, _screen) = duplex(4096);
    let leg = Terminal::interactive("test", "wait\n".as_bytes(), output).with_from("+16305550111");
    assert_eq!(leg.call().from.as_ref().unwrap().expose(), "+16305550111");
    let mut link = Box::new(leg).open().await.unwrap();
    let before = Instant::now();
    assert_eq!(next(&mut link).await, Inbound::Transcript(Transcript::final_("wait")));
    assert_eq!(Instant::now(), before, "nothing was waited for");
}

#[tokio::test(start_paused = true)]
async fn the_agent_hangs_up() {
    let (input, _keeps_open) = duplex(64);
    let (output, screen) = duplex(4096);
    let leg = Terminal::interactive("test", BufReader::new(input), output);
    let mut link = Box::new(leg).open().await.unwrap();
    link.try_send(text("Goodbye!")).unwrap();
    link.try_send(Outbound::HangUp).unwrap();
    assert_eq!(next(&mut link).await, Inbound::HungUp);
    assert!(link.recv().await.is_none());
    assert_eq!(printed(screen).await, "Agent: Goodbye!\n");
}
