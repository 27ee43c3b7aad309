//! Smart Turn, version 3: whether the caller has finished, by how they sound, from a model file
//! that the user supplies.
//!
//! The file is `smart-turn-v3.2-cpu.onnx` or another of version 3 of the
//! [Smart Turn project](https://github.com/pipecat-ai/smart-turn) (BSD-2-Clause). It also lies in
//! the Python package `pipecat-ai`, under `pipecat/audio/turn/smart_turn/data`. It runs on
//! [rten](https://docs.rs/rten), in this process.
//!
//! ```no_run
//! use std::sync::Arc;
//! use voiceagent_core::Agent;
//! use voiceagent_providers::smart_turn::SmartTurn;
//!
//! let smart_turn = SmartTurn::load("models/smart-turn-v3.2-cpu.onnx")?;
//! let agent = Agent::builder().turn_detector(Arc::new(smart_turn));
//! # Ok::<(), voiceagent_core::Error>(())
//! ```

mod audio;
mod features;

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

use async_trait::async_trait;
use rten::{Model, NodeId, RunOptions, ThreadPool};
use rten_tensor::{NdTensorView, Tensor, prelude::*};
use serde::Deserialize;
use tokio::{
    sync::{Semaphore, oneshot},
    task::spawn_blocking,
};
use voiceagent_core::{
    Error, ErrorKind, Result,
    audio::AudioFrame,
    registry::Registry,
    turn::{TurnDetector, TurnScore, TurnSnapshot},
};

use self::features::{BANDS, Features, MOMENTS};

const NAME: &str = "smart-turn";

/// More would be a mistake.
const MOST_THREADS: usize = 256;

/// Registers the turn detector `smart-turn`, which takes the fields of [`SmartTurnConfig`].
pub fn register(registry: &mut Registry) {
    registry.turn.register(NAME, |config: SmartTurnConfig| {
        Ok(Arc::new(SmartTurn::with_config(&config)?) as Arc<dyn TurnDetector>)
    });
}

/// Settings of [`SmartTurn`].
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct SmartTurnConfig {
    /// Where the model is.
    pub model: PathBuf,
    /// How many threads predict, for all calls together. 1 unless given.
    #[serde(default = "one")]
    pub threads: usize,
}

const fn one() -> usize {
    1
}

impl SmartTurnConfig {
    /// A model, and one thread.
    pub fn new(model: impl Into<PathBuf>) -> Self {
        Self { model: model.into(), threads: one() }
    }
}

/// Hears from the last 8 s of the caller's audio whether the turn is over.
///
/// A prediction takes a tenth of a second of a core, on a thread for work that blocks. One that
/// nobody waits for any longer is not begun, and is left between its two parts.
#[derive(Clone, Debug)]
pub struct SmartTurn {
    predictor: Arc<Predictor>,
    /// As many predictions as threads; others wait.
    permits: Arc<Semaphore>,
}

impl SmartTurn {
    /// Reads a model, 9 MB. It blocks: call it at start-up.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`], with the path, when the file cannot be read, is no model, or hears
    /// or answers something else.
    pub fn load(path: impl Into<PathBuf>) -> Result<Self> {
        Self::with_config(&SmartTurnConfig::new(path))
    }

    /// Reads a model as [`load`](Self::load) does, with all settings.
    ///
    /// # Errors
    ///
    /// As [`load`](Self::load), and for a number of threads below 1 or above 256.
    pub fn with_config(config: &SmartTurnConfig) -> Result<Self> {
        if !(1..=MOST_THREADS).contains(&config.threads) {
            let expected = format!("`threads`: 1 to {MOST_THREADS}");
            return Err(Error::config(expected).with_provider(NAME));
        }
        Ok(Self {
            predictor: Arc::new(Predictor::load(&config.model, config.threads)?),
            permits: Arc::new(Semaphore::new(config.threads)),
        })
    }
}

#[async_trait]
impl TurnDetector for SmartTurn {
    async fn score(&self, turn: TurnSnapshot) -> Result<TurnScore> {
        let permit = Arc::clone(&self.permits).acquire_owned().await;
        let permit = permit.expect("nobody closes it");
        let predictor = Arc::clone(&self.predictor);
        let (answer, answered) = oneshot::channel();
        spawn_blocking(move || {
            let _permit = permit;
            let is_awaited = || !answer.is_closed();
            let score = predictor.predict(&turn.audio, is_awaited);
            if let Some(score) = score.transpose() {
                // Nobody may wait for it any longer.
                let _ = answer.send(score);
            }
        });
        let end_of_turn = answered.await.map_err(|_| failed("the prediction broke down"))??;
        Ok(TurnScore::new(end_of_turn))
    }
}

struct Predictor {
    features: Features,
    model: Model,
    input: NodeId,
    output: NodeId,
    options: RunOptions,
}

impl Predictor {
    fn load(path: &Path, threads: usize) -> Result<Self> {
        let wrong = |why: String| {
            Error::config(format!("`model` {}: {why}", path.display())).with_provider(NAME)
        };
        let model = Model::load_file(path).map_err(|error| wrong(error.to_string()))?;
        let ([input], [output]) = (model.input_ids(), model.output_ids()) else {
            return Err(wrong("expected a model with one input and one output".into()));
        };
        let (input, output) = (*input, *output);
        let threads = Arc::new(ThreadPool::with_num_threads(threads));
        let options = RunOptions::default().with_thread_pool(Some(threads));
        let predictor = Self { features: Features::new(), model, input, output, options };
        // A prediction from silence tells whether the model takes and gives what is expected.
        predictor.predict(&[], || true).map_err(|error| wrong(error.message().to_owned()))?;
        Ok(predictor)
    }

    /// `None` if nobody waits for the prediction any longer.
    fn predict(&self, frames: &[AudioFrame], is_awaited: impl Fn() -> bool) -> Result<Option<f32>> {
        if !is_awaited() {
            return Ok(None);
        }
        let levels = self.features.levels(&audio::samples(frames)?);
        if !is_awaited() {
            return Ok(None);
        }
        self.run(&levels).map(Some)
    }

    fn run(&self, levels: &[f32]) -> Result<f32> {
        let input = NdTensorView::from_data([1, BANDS, MOMENTS], levels);
        let input = vec![(self.input, input.into())];
        let [output] = self
            .model
            .run_n(input, [self.output], Some(self.options.clone()))
            .map_err(|error| failed(error.to_string()))?;
        let output: Tensor<f32> =
            output.try_into().map_err(|_| failed("the model gave no number"))?;
        let probability = output.iter().next().copied();
        probability
            .filter(|it| (0.0..=1.0).contains(it))
            .ok_or_else(|| failed("the model gave no probability"))
    }
}

impl fmt::Debug for Predictor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Predictor").finish_non_exhaustive()
    }
}

fn failed(why: impl Into<String>) -> Error {
    Error::new(ErrorKind::Protocol, "turn.score", why.into()).with_provider(NAME)
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, task::Context};

    use futures_util::task::noop_waker_ref;
    use voiceagent_core::TurnId;

    use super::*;

    fn tiny() -> SmartTurn {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/detectors/smart_turn/tiny.onnx");
        SmartTurn::load(path).unwrap()
    }

    #[test]
    fn a_prediction_that_nobody_waits_for_stops_before_its_next_part() {
        let smart_turn = tiny();
        let asked = Cell::new(0);
        let awaited_for = |times: u32| {
            asked.set(0);
            let is_awaited = || asked.replace(asked.get() + 1) < times;
            smart_turn.predictor.predict(&[], is_awaited).unwrap()
        };
        assert_eq!((awaited_for(0), asked.get()), (None, 1));
        assert_eq!((awaited_for(1), asked.get()), (None, 2));
        assert!(awaited_for(2).is_some());
    }

    #[tokio::test]
    async fn a_prediction_that_is_dropped_while_it_waits_for_a_thread_is_not_begun() {
        let smart_turn = tiny();
        let busy = smart_turn.permits.acquire().await.unwrap();
        let mut waiting = smart_turn.score(TurnSnapshot::new(TurnId::new(1), ""));
        let poll = waiting.as_mut().poll(&mut Context::from_waker(noop_waker_ref()));
        assert!(poll.is_pending());
        drop(waiting);
        drop(busy);
        assert_eq!(smart_turn.permits.available_permits(), 1);
    }
}
