use tokio::{
    io::AsyncBufReadExt,
    time::{pause, resume},
};

use super::*;

#[tokio::test]
async fn a_call_is_greeted_and_goes_on_while_the_store_hangs_and_books_when_it_answers_again() {
    let store = Store::fresh().await;
    store.seed(Clock::System.now()).await.unwrap();
    let config = DealershipConfig::default();
    let reception = Reception::open(store.clone(), Clock::System, &config).await.unwrap();
    activate(&store, r#"{ "greeting_by_name": "Hello {first_name}." }"#).await;
    let (mut keyboard, input) = duplex(4_096);
    let (output, screen) = duplex(65_536);
    let mut screen = BufReader::new(screen).lines();
    let mut next = async || screen.next_line().await.unwrap().unwrap();
    let leg = Terminal::interactive("slow", BufReader::new(input), output);
    let leg = leg.with_from("+16305550111");

    let held = store.hang().await;
    // While all of the store is held, nothing but clocks is waited for.
    pause();
    let begun = Instant::now();
    let call = reception.answer(Box::new(leg)).await.unwrap();
    let greeting = next().await;
    let waited = begun.elapsed();
    resume();
    assert!(greeting.contains("Thank you for calling"), "nobody knows who calls: {greeting}");
    assert!(waited < Duration::from_secs(1), "{waited:?}");
    drop(held);
    while store.call("slow").await.unwrap().is_none() {
        tokio::task::yield_now().await;
    }

    let held = store.hang().await;
    pause();
    keyboard.write_all(b"What are your hours?\n").await.unwrap();
    let told = next().await;
    resume();
    assert!(told.contains("How can I help you?"), "nobody is left in silence: {told}");
    drop(held);
    for (said, answer) in [
        ("I need an oil change", "What day"),
        ("tomorrow", "orks best"),
        ("the first one", "Is that right?"),
        ("yes", "You're booked for an oil change"),
        ("no thanks", "Goodbye!"),
    ] {
        keyboard.write_all(format!("{said}\n").as_bytes()).await.unwrap();
        let told = next().await;
        assert!(told.contains(answer), "{said}: {told}");
    }
    call.finished().await;
    reception.conclude(&CallId::new("slow")).await;
    let noted = store.call("slow").await.unwrap().unwrap();
    assert_eq!(noted.disposition.as_deref(), Some("booked"));
}

#[tokio::test]
async fn a_call_is_answered_by_its_template_and_noted_while_somebody_else_has_the_turn_to_write() {
    // In memory nobody reads while somebody writes.
    let file = std::env::temp_dir().join(format!("turn-{}.db", std::process::id()));
    let store = Store::open(&file).await.unwrap();
    let config = DealershipConfig::default();
    let reception = Reception::open(store.clone(), Clock::System, &config).await.unwrap();
    let version = activate(&store, r#"{ "greeting": "{name}, good day." }"#).await;
    let (mut keyboard, input) = duplex(4_096);
    let (output, screen) = duplex(65_536);
    let mut screen = BufReader::new(screen).lines();
    let leg = Terminal::interactive("busy", BufReader::new(input), output);

    let held = store.hang_writers().await;
    let call = reception.answer(Box::new(leg)).await.unwrap();
    let greeting = screen.next_line().await.unwrap().unwrap();
    assert!(greeting.contains("good day"), "what is read is known: {greeting}");
    assert!(store.call("busy").await.unwrap().is_none(), "nothing can be written yet");
    drop(held);
    keyboard.write_all(b"goodbye\n").await.unwrap();
    call.finished().await;
    reception.conclude(&CallId::new("busy")).await;
    let noted = store.call("busy").await.unwrap().unwrap();
    assert_eq!(noted.template, Some((INBOUND.to_owned(), version)));
    store.close().await;
    for end in ["", "-shm", "-wal"] {
        let _gone = std::fs::remove_file(format!("{}{end}", file.display()));
    }
}
