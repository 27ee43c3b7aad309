//! Calls are recorded, and those of callers who say no are not.

use std::{fs, path::PathBuf, time::Duration};

use serde_json::json;
use tokio::time::{sleep, timeout};
use voiceagent_core::audio::g711::Law;
use voiceagent_testkit::{
    clips,
    vendor::chat::{ChatRequest, Reply},
};

use crate::{PRIYA, house::House, listens};

/// The head of the core's WAV files, behind which the samples are.
const HEAD: usize = 80;
const GREETING: &str =
    "Thank you for calling Bart's Automotive. This call may be recorded. How can I help you?";

/// A model that heeds what the caller says about recordings.
fn heeds(request: &ChatRequest) -> Reply {
    match request.tool_results().len() {
        0 => Reply::tool_call("set_recording_consent", &json!({ "granted": false })),
        _ => Reply::text("Very well, this call is not recorded."),
    }
}

fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("{name}-{}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    folder
}

/// One side of a recording: 0 is the caller, 1 the agent.
fn side(file: &[u8], side: usize) -> Vec<i16> {
    let moments = file[HEAD..].chunks_exact(4);
    moments.map(|both| i16::from_le_bytes([both[side * 2], both[side * 2 + 1]])).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_is_recorded_in_stereo_as_it_was_heard_and_told_so() {
    let folder = folder("recorded");
    let settings = format!("[recordings]\nfolder = {:?}\n", folder);
    let house = House::open_with(&settings, &[], heeds).await;
    let phone = house.call("CA1", PRIYA).await;
    listens(&phone).await;
    phone.speak(clips::HELLO).await.unwrap();
    let heard = phone.heard().await.unwrap().heard.remove(0).audio;
    assert_eq!(heard.len(), (GREETING.len() * crate::CHARACTER).next_multiple_of(160));
    phone.hang_up().await.unwrap();
    house.is_quiet().await;
    let store = house.store().await;
    assert_eq!(store.call("CA1").await.unwrap().unwrap().recording, "not_asked");
    store.close().await;
    let file = fs::read(folder.join("CA1.wav")).unwrap();
    assert_eq!((&file[..4], &file[8..12]), (&b"RIFF"[..], &b"WAVE"[..]));
    let told = u32::from_le_bytes(file[HEAD - 4..HEAD].try_into().unwrap());
    assert_eq!(file.len(), HEAD + told as usize, "the head tells how much there is");
    let (caller, agent) = (side(&file, 0), side(&file, 1));
    assert!(caller.iter().any(|sample| sample.unsigned_abs() > 1_000), "the caller has spoken");
    let decoded: Vec<i16> = heard.iter().map(|code| Law::Mulaw.decode(*code)).collect();
    let words = &decoded[..decoded.len().min(8_000)];
    assert!(agent.windows(words.len()).any(|part| part == words), "a second, sample by sample");
    assert!(!caller.windows(words.len()).any(|part| part == words), "each has a side");
    fs::remove_dir_all(&folder).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_who_says_no_is_recorded_no_longer_and_nothing_of_them_is_kept() {
    let folder = folder("refused");
    let settings = format!("[recordings]\nfolder = {:?}\n", folder);
    let house = House::open_with(&settings, &["please do not record this call"], heeds).await;
    let phone = house.call("CA1", PRIYA).await;
    listens(&phone).await;
    assert!(folder.join("CA1.wav").exists());
    phone.speak(clips::APPOINTMENT).await.unwrap();
    listens(&phone).await;
    let store = house.store().await;
    assert_eq!(store.call("CA1").await.unwrap().unwrap().recording, "refused");
    assert!(!folder.join("CA1.wav").exists(), "it goes while the call goes on");
    phone.hang_up().await.unwrap();
    house.is_quiet().await;
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
    store.close().await;
    fs::remove_dir_all(&folder).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_callers_are_asked_a_call_without_a_yes_is_not_kept() {
    let folder = folder("asked");
    let settings = format!("[recordings]\nfolder = {:?}\nconsent = \"ask\"\n", folder);
    let house = House::open_with(&settings, &[], heeds).await;
    let phone = house.call("CA1", PRIYA).await;
    listens(&phone).await;
    assert!(folder.join("CA1.wav").exists());
    phone.hang_up().await.unwrap();
    house.is_quiet().await;
    let gone = async {
        while folder.join("CA1.wav").exists() {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(crate::house::SOON, gone).await.expect("nobody has agreed");
    fs::remove_dir_all(&folder).unwrap();
}
