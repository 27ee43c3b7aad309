//! Damaged copies of good inputs, played to what reads them.
//!
//! A reader of what comes from outside must neither panic nor hang, whatever it is given. This plays
//! it the files of a corpus, and then copies of them that were cut, mixed, repeated, and filled with
//! what programs trip over. It needs nothing but a stable compiler, takes seconds, and is the same
//! each time; the same readers and corpora serve fuzzers that follow coverage.
//!
//! ```
//! use voiceagent_testkit::fuzz;
//!
//! let corpus = [b"data: hello\n\n".to_vec()];
//! fuzz::play("lines", &corpus, |bytes| {
//!     let lines = String::from_utf8_lossy(bytes).lines().count();
//!     assert!(lines <= bytes.len());
//! });
//! ```

mod edit;

use std::{
    cell::Cell,
    env, fmt, fs,
    hash::{BuildHasher as _, RandomState},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use proptest::{
    collection::vec,
    prelude::*,
    test_runner::{Config, RngAlgorithm, TestError, TestRng, TestRunner},
};

use self::edit::Edit;

/// Between two messages of an input for readers that take several, as in JSON text sequences
/// (RFC 7464).
pub const SEPARATOR: u8 = 0x1E;

/// Says how long to play, in seconds, in place of a thousand inputs.
pub const SECONDS: &str = "VOICEAGENT_FUZZ_SECONDS";

/// Damaged copies in a test that is not told otherwise: seconds for all readers, also of a debug
/// build.
const INPUTS: u32 = 1_000;

/// Messages in one input. More of them show no more than further inputs do.
const MESSAGES: usize = 4;

/// Changes of one input. What has been changed more often looks like nothing any more, and is
/// refused by the first check.
const EDITS: usize = 6;

/// Plays a corpus and damaged copies of it to a reader, and prints how many there were.
///
/// # Panics
///
/// When the reader panics, with the shortest input for which it does; and when the corpus is empty.
#[expect(clippy::print_stdout, reason = "whoever plays for minutes reads it")]
pub fn play(target: &str, corpus: &[Vec<u8>], reader: impl Fn(&[u8])) {
    assert!(!corpus.is_empty(), "{target}: the corpus is empty");
    let played = Cell::new(0_u64);
    let count = |bytes: &[u8]| {
        played.set(played.get() + 1);
        reader(bytes);
    };
    for good in corpus {
        count(good);
    }
    let longest = env::var(SECONDS).ok().map(|seconds| {
        Duration::from_secs(seconds.parse().unwrap_or_else(|_| panic!("{SECONDS} is no number")))
    });
    let began = Instant::now();
    loop {
        // The same inputs in each run of the tests, others whenever there is time for more.
        let rng = match longest {
            None => TestRng::deterministic_rng(RngAlgorithm::ChaCha),
            Some(_) => TestRng::from_seed(RngAlgorithm::ChaCha, &seed()),
        };
        let config = Config { cases: INPUTS, failure_persistence: None, ..Config::default() };
        let outcome = TestRunner::new_with_rng(config, rng).run(&damaged(corpus), |input| {
            count(&input.0);
            Ok(())
        });
        if let Err(TestError::Fail(why, input)) = outcome {
            panic!("{target}: {input:?}: {}", why.message());
        }
        if longest.is_none_or(|longest| began.elapsed() >= longest) {
            break;
        }
    }
    println!("fuzz: {target}: {} inputs", played.get());
}

/// Chance: the keys of a hasher are drawn by the system.
fn seed() -> [u8; 32] {
    let mut seed = [0; 32];
    for part in seed.chunks_exact_mut(8) {
        part.copy_from_slice(&RandomState::new().hash_one(0).to_le_bytes());
    }
    seed
}

/// The files in a folder and in those below it, in their order.
///
/// # Panics
///
/// When the folder cannot be read.
#[must_use]
pub fn corpus(folder: impl AsRef<Path>) -> Vec<Vec<u8>> {
    let mut files = files(folder.as_ref());
    files.sort();
    let read = |path: PathBuf| {
        fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    };
    files.into_iter().map(read).collect()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries =
        fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let paths = entries.map(|entry| entry.expect("the folder can be listed").path());
    paths.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// An input, shown so that it can be copied into a test or a corpus.
#[derive(Clone)]
struct Input(Vec<u8>);

impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "b\"{}\"", self.0.escape_ascii())
    }
}

fn damaged(corpus: &[Vec<u8>]) -> impl Strategy<Value = Input> + '_ {
    let picks = vec(any::<prop::sample::Index>(), 1..=MESSAGES);
    (picks, vec(edit::change(), 0..=EDITS)).prop_map(|(picks, edits): (_, Vec<Edit>)| {
        let parts: Vec<&[u8]> = picks.iter().map(|pick| pick.get(corpus).as_slice()).collect();
        let mut bytes = parts.join(&SEPARATOR);
        for edit in &edits {
            edit.apply(&mut bytes);
        }
        Input(bytes)
    })
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;

    #[test]
    fn a_reader_that_trips_is_found_with_the_shortest_input() {
        let corpus = [br#"{"length":12}"#.to_vec()];
        let trips = |bytes: &[u8]| assert!(!bytes.contains(&0), "a zero");
        let found = catch_unwind(AssertUnwindSafe(|| play("zero", &corpus, trips)));
        let why = *found.expect_err("zeros are among the damages").downcast::<String>().unwrap();
        assert!(why.starts_with("zero: b\"") && why.contains("\\x00"), "{why}");
        assert!(why.contains("a zero"), "{why}");
    }

    #[test]
    fn the_inputs_are_the_same_each_time() {
        let run = || {
            let seen = std::cell::RefCell::new(Vec::new());
            play("same", &[b"one".to_vec(), b"two".to_vec()], |bytes| {
                seen.borrow_mut().push(bytes.to_vec());
            });
            seen.into_inner()
        };
        let first = run();
        assert_eq!(first, run());
        assert_eq!(first[..2], [b"one".to_vec(), b"two".to_vec()], "the corpus comes first");
    }

    #[test]
    #[should_panic(expected = "the corpus is empty")]
    fn an_empty_corpus_is_no_test() {
        play("nothing", &[], |_| {});
    }
}
