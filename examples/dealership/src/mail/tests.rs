use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::TcpListener,
    sync::mpsc,
};
use voiceagent_core::{ErrorKind, Secret};

use super::*;
use crate::store::ReplyKind;

/// What a server does with a letter.
#[derive(Clone, Copy, PartialEq)]
enum Mood {
    Takes,
    Refuses,
    HasNoTime,
    /// It is gone when it has the letter, and says nothing.
    Vanishes,
}

/// A server that takes one letter (RFC 5321). Returns its address, and where the letter comes out.
async fn serve(mood: Mood) -> (String, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("smtp://{}", listener.local_addr().unwrap());
    let (letters, taken) = mpsc::channel(1);
    tokio::spawn(async move {
        let (mut tcp, _) = listener.accept().await.unwrap();
        let (read, mut write) = tcp.split();
        let mut lines = BufReader::new(read).lines();
        write.write_all(b"220 here\r\n").await.unwrap();
        while let Some(line) = lines.next_line().await.unwrap() {
            let verb = line.get(..4).unwrap_or_default().to_uppercase();
            let answer = match (verb.as_str(), mood) {
                ("RCPT", Mood::Refuses) => "550 5.1.1 nobody@example.com: unknown",
                ("RCPT", Mood::HasNoTime) => "451 later",
                ("DATA", _) => {
                    write.write_all(b"354 go on\r\n").await.unwrap();
                    let mut letter = String::new();
                    while let Some(line) = lines.next_line().await.unwrap() {
                        if line == "." {
                            break;
                        }
                        letter.push_str(&line);
                        letter.push('\n');
                    }
                    letters.send(letter).await.unwrap();
                    if mood == Mood::Vanishes {
                        return;
                    }
                    "250 taken"
                }
                ("QUIT", _) => "221 bye",
                _ => "250 yes",
            };
            write.write_all(format!("{answer}\r\n").as_bytes()).await.unwrap();
        }
    });
    (url, taken)
}

fn mailer(url: String) -> SmtpMailer {
    SmtpMailer::new(SmtpServer {
        url,
        login: None,
        from: "Nair Motors <service@nair.example>".to_owned(),
        unsubscribe: Some("https://agent.example.com/unsubscribe/".to_owned()),
    })
    .unwrap()
}

const TOKEN: &str = "00112233445566778899aabbccddeeff";

async fn send(mood: Mood) -> (Result<String>, mpsc::Receiver<String>) {
    let (url, taken) = serve(mood).await;
    let (to, subject) = ("ana@example.com", "Dein Auto für morgen");
    let mail = Mail { token: TOKEN, to, subject, text: "Hello Ana.\n.\nBye." };
    (mailer(url).send(&mail).await, taken)
}

#[tokio::test]
async fn a_letter_names_itself_and_has_a_button_against_the_next() {
    let (sent, mut taken) = send(Mood::Takes).await;
    let name = format!("<{TOKEN}@nair.example>");
    assert_eq!(sent.unwrap(), name);
    let letter = taken.recv().await.unwrap();
    let link = format!("https://agent.example.com/unsubscribe/{TOKEN}");
    for line in [
        format!("Message-ID: {name}"),
        "To: ana@example.com".to_owned(),
        "List-Unsubscribe-Post: List-Unsubscribe=One-Click".to_owned(),
    ] {
        assert!(letter.contains(&line), "{line}: {letter}");
    }
    let unfolded = letter.replace("\n ", " ").replace("=\n", "");
    assert!(unfolded.contains("List-Unsubscribe: ") && unfolded.contains(&format!("<{link}>")));
    assert!(unfolded.contains("Subject: Dein Auto =?utf-8?"), "{letter}");
    assert!(unfolded.contains(&format!("To get no more letters: {link}")), "{letter}");
    assert!(letter.contains("\n..\n"), "a lone dot is none of the end: {letter}");
}

#[tokio::test]
async fn what_became_of_a_letter_is_told_and_its_address_is_not() {
    for (mood, kind) in [
        (Mood::Refuses, ErrorKind::Rejected),
        (Mood::HasNoTime, ErrorKind::RateLimited),
        (Mood::Vanishes, ErrorKind::Disconnected),
    ] {
        let (sent, _taken) = send(mood).await;
        let error = sent.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(!format!("{error:?}").contains("example.com"), "{error:?}");
    }
    // Whoever did not answer the door has taken nothing.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("smtp://{}", listener.local_addr().unwrap());
    drop(listener);
    let mail = Mail { token: TOKEN, to: "ana@example.com", subject: "a", text: "b" };
    assert_eq!(mailer(url.clone()).send(&mail).await.unwrap_err().kind(), ErrorKind::Closed);
    let nobody = Mail { to: "nobody", ..mail };
    assert_eq!(mailer(url).send(&nobody).await.unwrap_err().kind(), ErrorKind::Rejected);
}

fn letter(head: &str, text: &str) -> Option<crate::store::Reply> {
    let head = head.replace('\n', "\r\n");
    let letter =
        format!("From: Ana <ana@example.com>\r\nMessage-ID: <1@example.com>\r\n{head}\r\n{text}");
    read(letter.as_bytes())
}

#[test]
fn answers_are_told_from_wishes_for_no_more_and_from_programs() {
    let about = format!("In-Reply-To: <{TOKEN}@nair.example>\nSubject: Re: Your car\n");
    let answer = letter(&about, "Stop by on Monday? Yes, I will.").unwrap();
    assert_eq!((answer.kind, answer.tokens), (ReplyKind::Answer, vec![TOKEN.to_owned()]));
    assert_eq!(answer.address.as_deref(), Some("ana@example.com"));
    assert_eq!(answer.key, "email:1@example.com");

    let stop = letter(&about, "\n  Unsubscribe.\n> Hello Ana").unwrap();
    assert_eq!(stop.kind, ReplyKind::Stop);
    let stop = letter("Subject: STOP\nReferences: <x@y> <0@z>\n", "").unwrap();
    assert_eq!((stop.kind, stop.tokens.len()), (ReplyKind::Stop, 0));

    let away = format!("Auto-Submitted: auto-replied\n{about}");
    assert!(letter(&away, "I am away until Monday.").is_none());
    assert!(letter(&format!("Auto-Submitted: no\n{about}"), "Hello").is_some());
}

#[test]
fn a_letter_that_came_back_is_known_by_what_stands_in_the_report() {
    let report = |action: &str| {
        let parts = format!(
            "--b\r\nContent-Type: text/plain\r\n\r\nSorry.\r\n\
             --b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example\r\n\r\n\
             Final-Recipient: rfc822; ana@example.com\r\nAction: {action}\r\nStatus: 5.1.1\r\n\r\n\
             --b\r\nContent-Type: text/rfc822-headers\r\n\r\nMessage-ID: <{TOKEN}@nair.example>\r\n\
             --b--\r\n"
        );
        let kind = "Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\
                    Auto-Submitted: auto-replied\n";
        letter(kind, &parts)
    };
    let returned = report("failed").unwrap();
    assert_eq!((returned.kind, returned.tokens), (ReplyKind::Returned, vec![TOKEN.to_owned()]));
    assert_eq!(returned.address, None, "a server has written it");
    assert!(report("delayed").is_none(), "it may arrive yet");
}

#[test]
fn tokens_are_guessed_by_nobody_and_a_password_goes_over_tls() {
    let (one, other) = (token().unwrap(), token().unwrap());
    assert!(one.len() == 32 && one != other);
    let account = |url: &str| {
        ImapInbox::new(ImapAccount {
            url: url.to_owned(),
            user: "service".to_owned(),
            password: Secret::new("hush"),
        })
    };
    for url in ["imap://mail.example.com", "mail.example.com", "imaps://", "imaps://a:b"] {
        let error = account(url).unwrap_err();
        assert!(error.message().contains("`email.imap`"), "{url}: {error}");
    }
    let inbox = account("imaps://mail.example.com").unwrap();
    assert!(!format!("{inbox:?}").contains("hush"));
    account("imap://127.0.0.1:1143").unwrap();
}

/// What is said where nothing is tested.
const SKIPPED: &str = "SKIPPED: no server of letters is named; see .ci/mailboxes";

/// Letters of two senders lie in the box; the script has put them there.
#[tokio::test]
async fn letters_are_read_from_a_box_once() {
    let Ok(url) = std::env::var("DEALERSHIP_TEST_IMAP") else { return println!("{SKIPPED}") };
    let account = |password: &str| ImapAccount {
        url: url.clone(),
        user: "service".to_owned(),
        password: Secret::new(password),
    };
    let error = ImapInbox::new(account("wrong")).unwrap().unread().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthorized, "{error}");
    let inbox = ImapInbox::new(account("hush")).unwrap();
    let letters = inbox.unread().await.unwrap();
    let kinds: Vec<_> =
        letters.iter().filter_map(|(_, letter)| read(letter)).map(|reply| reply.kind).collect();
    assert_eq!(kinds, [ReplyKind::Answer, ReplyKind::Stop]);
    assert_eq!(inbox.unread().await.unwrap().len(), letters.len(), "reading alone marks nothing");
    let numbers: Vec<u32> = letters.iter().map(|(number, _)| *number).collect();
    inbox.mark_read(&numbers).await.unwrap();
    assert!(inbox.unread().await.unwrap().is_empty());
}

/// A server that this project has not written takes the letter as it was meant.
#[tokio::test]
async fn a_letter_arrives_at_a_server_of_somebody_else() {
    let Ok(smtp) = std::env::var("DEALERSHIP_TEST_SMTP") else { return println!("{SKIPPED}") };
    let mailer = mailer(smtp);
    let mail =
        Mail { token: TOKEN, to: "ana@example.com", subject: "Your car", text: "Hello Ana." };
    mailer.send(&mail).await.unwrap();
    let letters = std::fs::read(std::env::var("DEALERSHIP_TEST_LETTERS").unwrap()).unwrap();
    let message = mail_parser::MessageParser::default().parse(&letters).unwrap();
    assert_eq!(message.subject(), Some("Your car"));
    assert_eq!(message.message_id(), Some(format!("{TOKEN}@nair.example").as_str()));
    let text = message.body_text(0).unwrap();
    assert!(text.starts_with("Hello Ana.") && text.contains("/unsubscribe/"), "{text}");
}
