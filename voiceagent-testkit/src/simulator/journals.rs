use std::{fs, io, path::Path};

use voiceagent_core::{journal::Recording, session::Input};

use super::{
    Settings, Violation,
    profile::Profile,
    world::{self, CALL},
};

/// Nobody needs to be woken more often in a second.
const MOST_WAKES: usize = 400;

/// Plays the call of a seed, and leaves its journal in `folder`, under the number of the seed.
///
/// # Errors
///
/// Those of the file system.
pub fn record(seed: u64, settings: &Settings, folder: &Path) -> io::Result<()> {
    world::run(seed, &Profile::new(seed, settings), false, Some(folder));
    fs::rename(folder.join(format!("{CALL}.journal")), folder.join(format!("{seed}.journal")))
}

/// Plays the call of a seed twice and compares the two journals, which lie in `folder` meanwhile;
/// then replays one without the world.
///
/// # Panics
///
/// When the folder cannot be written to.
#[must_use]
pub fn compare(seed: u64, settings: &Settings, folder: &Path) -> Vec<Violation> {
    let profile = Profile::new(seed, settings);
    let path = folder.join(format!("{CALL}.journal"));
    let journals: [Vec<u8>; 2] = [(); 2].map(|()| {
        world::run(seed, &profile, false, Some(folder));
        let journal = fs::read(&path).expect("the journal was written");
        // The next call of this id would get another name.
        fs::remove_file(&path).expect("the journal is ours");
        journal
    });
    let [one, two] = &journals;
    let mut violations = Vec::new();
    let mut found = |law, seen| violations.push(Violation { law, seen });
    if one != two {
        let at = one.iter().zip(two).take_while(|(one, two)| one == two).count();
        let line = one[..at].iter().filter(|byte| **byte == b'\n').count() + 1;
        found("one seed, one journal", format!("the journals differ from line {line} on"));
    }
    let text = String::from_utf8_lossy(one);
    match Recording::parse(&text) {
        Ok(recording) => {
            if recording.replay() != recording.commands() {
                found("a journal replays", "other commands".to_owned());
            }
            if let Some(line) = recording.rewritten().first() {
                found("a journal replays", format!("line {line} would be written otherwise"));
            }
            let wakes = recording.inputs().iter().filter(|(_, input)| *input == Input::Timeout);
            let (wakes, length) = (wakes.count(), recording.inputs().last().map(|(at, _)| *at));
            let seconds = length.map_or(0, |at| at.as_millis() as usize / 1_000) + 1;
            if wakes > seconds * MOST_WAKES {
                found("law 3: no spinning", format!("{wakes} wakes in {seconds} s"));
            }
        }
        Err(error) => found("a journal can be read", error.to_string()),
    }
    violations
}
