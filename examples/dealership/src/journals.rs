//! The journals that calls leave, of which each is as long as the call and holds all that was said.

use std::{
    io,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use tokio::task::spawn_blocking;
use tracing::warn;

/// How their names end.
const EXTENSION: &str = "journal";

/// Deletes the journals of these calls. Returns how many there were.
pub(crate) async fn remove(folder: &Path, calls: &[String]) -> u64 {
    let stems: Vec<String> = calls.iter().map(|call| stem(call)).collect();
    remove_all(folder, move |path, _| {
        let name = path.file_stem().and_then(|name| name.to_str()).unwrap_or_default();
        stems.iter().any(|stem| is_of(name, stem))
    })
    .await
}

/// Deletes the journals that nobody has written for so long. Returns how many there were.
pub(crate) async fn remove_older(folder: &Path, than: Duration) -> u64 {
    remove_all(folder, move |_, age| age.is_some_and(|age| age > than)).await
}

async fn remove_all(
    folder: &Path,
    is_meant: impl Fn(&Path, Option<Duration>) -> bool + Send + 'static,
) -> u64 {
    let folder = folder.to_owned();
    let removed = spawn_blocking(move || remove_from(&folder, is_meant)).await;
    match removed {
        Ok(Ok(count)) => count,
        Ok(Err(error)) => {
            warn!(%error, "journals cannot be deleted");
            0
        }
        // It was not run: the program ends.
        Err(_) => 0,
    }
}

fn remove_from(
    folder: &PathBuf,
    is_meant: impl Fn(&Path, Option<Duration>) -> bool,
) -> io::Result<u64> {
    let mut count = 0;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path();
        if path.extension().is_none_or(|extension| extension != EXTENSION) {
            continue;
        }
        let written = entry.metadata()?.modified();
        let age = written.ok().and_then(|at| SystemTime::now().duration_since(at).ok());
        if is_meant(&path, age) {
            std::fs::remove_file(&path)?;
            count += 1;
        }
    }
    Ok(count)
}

/// A call's name as file names hold it; the core writes them so.
fn stem(call: &str) -> String {
    let held = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
    call.chars().map(held).collect()
}

/// Whether a file is of a call: its first one, or a later one, which has a number behind.
fn is_of(name: &str, stem: &str) -> bool {
    let Some(behind) = name.strip_prefix(stem) else { return false };
    let number = behind.strip_prefix('-').unwrap_or("x");
    behind.is_empty() || !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_journals_of_a_person_go_and_those_of_others_stay_until_they_are_old() {
        let folder = std::env::temp_dir().join(format!("journals-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        for name in ["CA1.journal", "CA1-2.journal", "CA12.journal", "CA1-x.journal", "CA1.txt"] {
            std::fs::write(folder.join(name), "").unwrap();
        }
        assert_eq!(remove(&folder, &["CA1".to_owned()]).await, 2);
        let left = || std::fs::read_dir(&folder).unwrap().count();
        assert_eq!(left(), 3);
        assert_eq!(remove_older(&folder, Duration::from_secs(3_600)).await, 0);
        let long_ago = SystemTime::now() - Duration::from_secs(7_200);
        let old = std::fs::File::options().write(true).open(folder.join("CA12.journal")).unwrap();
        old.set_modified(long_ago).unwrap();
        assert_eq!(remove_older(&folder, Duration::from_secs(3_600)).await, 1);
        assert_eq!(left(), 2);
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
