//! Instructions, counted by valgrind's callgrind: the same on a busy machine as on a quiet one.

use std::{
    env, io,
    process::{Command, Stdio},
};

/// Whether there is a valgrind.
pub(crate) fn is_installed() -> bool {
    let version = Command::new("valgrind").arg("--version").stdout(Stdio::null()).status();
    version.is_ok_and(|status| status.success())
}

/// What one more of many costs this program: the instructions of `many`, less those of `few`.
///
/// `arguments` makes the program do so many and nothing else that depends on how many.
pub(crate) fn of_each(
    (few, many): (u32, u32),
    arguments: impl Fn(u32) -> Vec<String>,
) -> io::Result<f64> {
    let (less, more) = (instructions(&arguments(few))?, instructions(&arguments(many))?);
    Ok((more as f64 - less as f64) / f64::from(many - few))
}

fn instructions(arguments: &[String]) -> io::Result<u64> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(env::current_exe()?)
        .args(arguments)
        .stdin(Stdio::null())
        .output()?;
    let told = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        return Err(io::Error::other(format!("valgrind ended with {}: {told}", output.status)));
    }
    collected(&told).ok_or_else(|| io::Error::other(format!("valgrind counted nothing: {told}")))
}

/// The figure in a line such as `==7== Collected : 1234`.
fn collected(told: &str) -> Option<u64> {
    let line = told.lines().find_map(|line| line.split_once("Collected :"))?;
    line.1.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_is_read_among_other_lines() {
        let told = "==7== Callgrind, a call-graph profiler\n==7== Events    : Ir\n\
                    ==7== Collected : 61872540\n==7== \n";
        assert_eq!(collected(told), Some(61_872_540));
        assert_eq!(collected("==7== Events    : Ir"), None);
    }
}
