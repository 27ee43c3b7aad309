//! Recorded calls as tests.

use std::path::Path;

use voiceagent_core::journal::Recording;

/// Plays a journal again and fails the test at the first command that differs.
///
/// ```no_run
/// use voiceagent_testkit::replay::assert_replays;
///
/// assert_replays("tests/calls/cut_off_in_the_address.journal");
/// ```
///
/// # Panics
///
/// When the journal cannot be read, or when the replay does something else than the call did. The
/// message names the file, the input and both commands; it holds what was said.
#[track_caller]
pub fn assert_replays(path: impl AsRef<Path>) {
    let path = path.as_ref();
    let recording = match Recording::open(path) {
        Ok(recording) => recording,
        Err(error) => panic!("{error}"),
    };
    if let Some(difference) = recording.first_difference() {
        panic!("{} does not replay: {difference:#?}", path.display());
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const HEAD: &str = r#"{"voiceagent_journal":1,"config":{"greeting":"Hello!"}}"#;
    const OPENED: &str = r#"{"at":0,"input":{"input":"opened"}}"#;
    const HUNG_UP: &str = r#"{"at":9000000,"input":{"input":"hung_up"}}"#;

    #[test]
    #[should_panic(expected = "does not replay")]
    fn a_call_that_goes_otherwise_fails_the_test() {
        let name = format!("voiceagent-assert-replays-{}.journal", std::process::id());
        let path = std::env::temp_dir().join(name);
        // A call that ends without a word about it is not what a session does.
        fs::write(
            &path,
            format!("{HEAD}\n{OPENED}\n{HUNG_UP}\n{{\"command\":{{\"command\":\"end\"}}}}\n"),
        )
        .unwrap();
        let caught = std::panic::catch_unwind(|| assert_replays(&path));
        fs::remove_file(path).unwrap();
        if let Err(panic) = caught {
            std::panic::resume_unwind(panic);
        }
    }
}
