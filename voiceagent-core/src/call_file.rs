//! Files that belong to one call.

use std::{
    fs::{File, OpenOptions},
    io,
    path::{Path, PathBuf},
};

use crate::CallId;

/// Makes a file that nobody but its owner may read. An id that comes again, or that differs only in
/// what file names cannot hold, gets a file of its own: two calls never share one.
pub(crate) fn create(folder: &Path, call: &CallId, extension: &str) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut path = path(folder, call, extension);
    for number in 2_u64.. {
        match options.open(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                path = folder.join(format!("{}-{number}.{extension}", name(call)));
            }
            opened => return opened,
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

/// Where the first file of a call is, whatever characters the carrier uses in its name.
pub(crate) fn path(folder: &Path, call: &CallId, extension: &str) -> PathBuf {
    folder.join(format!("{}.{extension}", name(call)))
}

fn name(call: &CallId) -> String {
    let held = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
    call.as_str().chars().map(held).collect()
}
