use std::{collections::BTreeMap, sync::Arc, time::Duration};

use tokio::{sync::Semaphore, task::spawn_blocking, time::timeout};
use tracing::{error, warn};

use super::{VoiceWebhook, builder::Parameters};

/// For the application to say what a call is to know. With the rest, the answer takes less than
/// 200 ms.
const LOOK_UP: Duration = Duration::from_millis(150);

/// Look-ups at the same time. One that hangs keeps its thread, of which the whole process has some
/// 500; these many answer hundreds of calls each second when they take their 150 ms.
const AT_ONCE: usize = 32;

/// What the application is asked about calls.
pub(super) struct LookUps {
    ask: Parameters,
    free: Arc<Semaphore>,
}

impl LookUps {
    pub(super) fn new(ask: Parameters) -> Self {
        Self { ask, free: Arc::new(Semaphore::new(AT_ONCE)) }
    }

    /// Asks the application for parameters, and does not wait long.
    pub(super) async fn ask(&self, webhook: &VoiceWebhook) -> BTreeMap<String, String> {
        let call = webhook.call();
        let Ok(counted) = Arc::clone(&self.free).try_acquire_owned() else {
            warn!(call, "too many calls wait for `parameters`: the call has none");
            return BTreeMap::new();
        };
        let (ask, asked) = (Arc::clone(&self.ask), webhook.clone());
        // On a thread of its own, since it may block.
        let looking = spawn_blocking(move || {
            // Nobody may wait for it any more, and it still has the thread.
            let _counted = counted;
            ask(&asked)
        });
        match timeout(LOOK_UP, looking).await {
            Ok(Ok(parameters)) => return parameters,
            Ok(Err(_panicked)) => error!(call, "`parameters` panicked: the call has none"),
            Err(_late) => warn!(call, "`parameters` took too long: the call has none"),
        }
        BTreeMap::new()
    }
}
