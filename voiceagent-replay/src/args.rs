use std::{path::PathBuf, time::Duration};

use clap::Parser;

use crate::clock;

/// Plays journals of calls again, and tells what other settings would have done.
///
/// Exits with 0 when everything was done, 1 when a replay differs from the call, and 2 when
/// something cannot be read or is not a setting. What people said is not shown without --texts.
#[derive(Clone, Debug, Parser)]
#[command(name = "voiceagent-replay", version)]
#[non_exhaustive]
pub struct Args {
    /// A journal; with --sweep, a folder of them.
    pub path: PathBuf,
    /// Another value of a setting, as in `endpointing.min_delay=250ms`. May be given repeatedly.
    #[arg(long, value_name = "SETTING=VALUE")]
    pub set: Vec<String>,
    /// Many values of a setting, as in `endpointing.min_delay=100ms..1000ms/50ms` or `=1,2,4`.
    #[arg(long, value_name = "SETTING=VALUES")]
    pub sweep: Option<String>,
    /// A decision cut the caller off who goes on within this time.
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = clock::parse)]
    pub cut_window: Duration,
    /// The folder into which --sweep writes the picture, `sweep.svg`.
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    pub out: PathBuf,
    /// Prints JSON in place of text.
    #[arg(long)]
    pub json: bool,
    /// Shows what people said.
    #[arg(long)]
    pub texts: bool,
}

/// How soon a caller who was cut off goes on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window(pub(crate) Duration);
