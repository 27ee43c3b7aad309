//! Files that belong to one call.

use std::{
    fs::{File, OpenOptions},
    io,
    path::{Path, PathBuf},
};

use crate::CallId;

/// Where the file of a call is, whatever characters the carrier uses in its name.
pub(crate) fn path(folder: &Path, call: &CallId, extension: &str) -> PathBuf {
    let name: String = call
        .as_str()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' })
        .collect();
    folder.join(format!("{name}.{extension}"))
}

/// Makes a file that nobody but its owner may read.
pub(crate) fn create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}
