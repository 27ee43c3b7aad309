use crate::{
    Error, ErrorKind, Result,
    audio::{AudioFormat, Transcoder},
};

/// The format to open a provider with: the wanted one if it has it, else the best of its own that
/// can be `converted`.
pub(super) fn choose(
    own: &[AudioFormat],
    wanted: AudioFormat,
    converted: impl Fn(AudioFormat) -> Result<Transcoder>,
) -> Result<AudioFormat> {
    let same = own.iter().find(|format| **format == wanted);
    let chosen = same.or_else(|| own.iter().find(|format| converted(**format).is_ok()));
    chosen.copied().ok_or_else(|| {
        Error::new(
            ErrorKind::Unsupported,
            "open",
            "its audio formats are none that can be converted",
        )
    })
}

/// Those of the `first` formats that all others have or can be converted to or from.
pub(super) fn common(
    first: Vec<AudioFormat>,
    all: impl Fn(&dyn Fn(&[AudioFormat]) -> bool) -> bool,
    converted: impl Fn(AudioFormat, AudioFormat) -> Result<Transcoder>,
) -> Vec<AudioFormat> {
    let mut common = first;
    common.retain(|format| {
        let fits = |own: &[AudioFormat]| own.iter().any(|it| converted(*format, *it).is_ok());
        format.is_stream() && all(&fits)
    });
    common
}
