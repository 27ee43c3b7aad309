//! The files that calls leave in a folder, named by their call: journals and recordings.

use std::{
    io,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use tokio::task::spawn_blocking;
use tracing::warn;

/// The files of one kind that calls leave in a folder.
#[derive(Clone, Debug)]
pub(crate) struct CallFiles {
    folder: PathBuf,
    /// How their names end.
    extension: &'static str,
}

impl CallFiles {
    /// Journals, of which each is as long as the call and holds all that was said.
    pub(crate) fn journals(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), extension: "journal" }
    }

    /// Recordings, in stereo.
    pub(crate) fn recordings(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), extension: "wav" }
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The files of these calls, by their names.
    pub(crate) async fn of(&self, calls: &[String]) -> Vec<PathBuf> {
        let stems: Vec<String> = calls.iter().map(|call| stem(call)).collect();
        self.find(move |path, _| is_of_any(path, &stems)).await
    }

    /// The files that nobody has written for so long.
    pub(crate) async fn older(&self, than: Duration) -> Vec<PathBuf> {
        self.find(move |_, age| age.is_some_and(|age| age > than)).await
    }

    /// Deletes the files of these calls. Returns how many there were.
    pub(crate) async fn remove(&self, calls: &[String]) -> u64 {
        remove_all(self.of(calls).await).await
    }

    /// Deletes the files that nobody has written for so long. Returns how many there were.
    pub(crate) async fn remove_older(&self, than: Duration) -> u64 {
        remove_all(self.older(than).await).await
    }

    async fn find(
        &self,
        is_meant: impl Fn(&Path, Option<Duration>) -> bool + Send + 'static,
    ) -> Vec<PathBuf> {
        let Self { folder, extension } = self.clone();
        match spawn_blocking(move || look(&folder, extension, is_meant)).await {
            Ok(Ok(found)) => found,
            Ok(Err(error)) => {
                warn!(%error, extension = self.extension, "files of calls cannot be listed");
                Vec::new()
            }
            // It was not run: the program ends.
            Err(_) => Vec::new(),
        }
    }
}

/// Deletes files. Returns how many were there.
pub(crate) async fn remove_all(files: Vec<PathBuf>) -> u64 {
    let removed = spawn_blocking(move || {
        let mut count = 0;
        for file in files {
            match std::fs::remove_file(&file) {
                Ok(()) => count += 1,
                // Somebody else was quicker.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => warn!(%error, "a file of a call cannot be deleted"),
            }
        }
        count
    });
    removed.await.unwrap_or_default()
}

fn look(
    folder: &Path,
    extension: &str,
    is_meant: impl Fn(&Path, Option<Duration>) -> bool,
) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path();
        if path.extension().is_none_or(|known| known != extension) {
            continue;
        }
        let written = entry.metadata()?.modified();
        let age = written.ok().and_then(|at| SystemTime::now().duration_since(at).ok());
        if is_meant(&path, age) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// A call's name as file names hold it; the core writes them so.
pub(crate) fn stem(call: &str) -> String {
    let held = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
    call.chars().map(held).collect()
}

fn is_of_any(path: &Path, stems: &[String]) -> bool {
    let name = path.file_stem().and_then(|name| name.to_str()).unwrap_or_default();
    stems.iter().any(|stem| is_of(name, stem))
}

/// Whether a file is of a call: its first one, or a later one, which has a number behind.
pub(crate) fn is_of(name: &str, stem: &str) -> bool {
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
        for name in ["CA1.journal", "CA1-2.journal", "CA12.journal", "CA1-x.journal", "CA1.wav"] {
            std::fs::write(folder.join(name), "").unwrap();
        }
        let journals = CallFiles::journals(&folder);
        assert_eq!(journals.remove(&["CA1".to_owned()]).await, 2);
        let left = || std::fs::read_dir(&folder).unwrap().count();
        assert_eq!(left(), 3);
        assert_eq!(journals.remove_older(Duration::from_secs(3_600)).await, 0);
        let long_ago = SystemTime::now() - Duration::from_secs(7_200);
        let old = std::fs::File::options().write(true).open(folder.join("CA12.journal")).unwrap();
        old.set_modified(long_ago).unwrap();
        assert_eq!(journals.remove_older(Duration::from_secs(3_600)).await, 1);
        assert_eq!(left(), 2);
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
