use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use redis::{
    AsyncCommands, Client, FromRedisValue, Script,
    aio::{ConnectionManager, ConnectionManagerConfig},
};
use tokio::time::{sleep, timeout};
use tracing::{info, warn};
use voiceagent_core::{Error, ErrorKind, Result, Secret};

/// The longest that an operation may take: a caller waits for it.
const LIMIT: Duration = Duration::from_secs(2);
/// Between two questions whether the server answers.
const PULSE: Duration = Duration::from_secs(1);
/// Connections. Each carries any number of operations at once; a second one is there for when the
/// first is held up by a long answer.
const CONNECTIONS: usize = 2;
/// What keys begin with, so that others may share the server.
const PREFIX: &str = "dealership:";

const WRONG: &str =
    "field `redis.url` is no address; write it like `redis://127.0.0.1:6379/0`, without TLS";

/// In one step, so that of two who write at once one sees the other.
const UPDATE: &str = "
local held = redis.call('HGET', KEYS[1], 'version')
if held and tonumber(held) >= tonumber(ARGV[1]) then return 0 end
redis.call('HSET', KEYS[1], 'version', ARGV[1], 'value', ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1";

/// A count without an end would be left where a program dies between two steps.
const COUNT: &str = "
local count = redis.call('INCR', KEYS[1])
if count == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return count";

/// What lies on a Redis server.
pub(super) struct Remote {
    connections: Vec<ConnectionManager>,
    turn: AtomicUsize,
    is_up: Arc<AtomicBool>,
    update: Script,
    count: Script,
}

impl Remote {
    /// Connects when it is first used.
    pub(super) fn new(address: &Secret) -> Result<Self> {
        let client = client(address)?;
        let settings = || {
            ConnectionManagerConfig::new()
                .set_connection_timeout(Some(LIMIT))
                .set_response_timeout(Some(LIMIT))
                // Whether the server is there is asked again and again anyway.
                .set_number_of_retries(0)
        };
        let connect = |_| ConnectionManager::new_lazy_with_config(client.clone(), settings());
        let connections = (0..CONNECTIONS).map(connect).collect::<Result<Vec<_>, _>>();
        Ok(Self {
            connections: connections.map_err(|_| Error::config(WRONG))?,
            turn: AtomicUsize::new(0),
            is_up: Arc::new(AtomicBool::new(false)),
            update: Script::new(UPDATE),
            count: Script::new(COUNT),
        })
    }

    /// Whether it answered when it was last asked.
    pub(super) fn is_up(&self) -> bool {
        self.is_up.load(Ordering::Relaxed)
    }

    /// Asks again and again whether the server answers. Nobody else waits for one that does not.
    pub(super) async fn watch(&self) {
        loop {
            let mut answers = true;
            for connection in &self.connections {
                let mut connection = connection.clone();
                let pong = redis::cmd("PING");
                answers &= within(pong.query_async::<String>(&mut connection)).await.is_ok();
            }
            if self.is_up.swap(answers, Ordering::Relaxed) != answers {
                if answers {
                    info!("Redis answers");
                } else {
                    warn!("Redis does not answer; this process does without it");
                }
            }
            sleep(PULSE).await;
        }
    }

    pub(super) async fn get(&self, key: &str) -> Result<Option<String>> {
        let mut connection = self.connection();
        self.done(within(connection.get(named(key))).await)
    }

    pub(super) async fn put(&self, key: &str, value: &str, time: Duration) -> Result<()> {
        let mut connection = self.connection();
        self.done(within(connection.pset_ex(named(key), value, millis(time))).await)
    }

    pub(super) async fn forget(&self, key: &str) -> Result<()> {
        let mut connection = self.connection();
        self.done(within(connection.del(named(key))).await)
    }

    pub(super) async fn update(
        &self,
        key: &str,
        (version, value): (u64, &str),
        time: Duration,
    ) -> Result<bool> {
        let mut script = self.update.key(named(key));
        script.arg(version).arg(value).arg(millis(time));
        let mut connection = self.connection();
        self.done(within(script.invoke_async(&mut connection)).await)
    }

    pub(super) async fn version(&self, key: &str) -> Result<Option<(u64, String)>> {
        let mut connection = self.connection();
        let asked = connection.hmget(named(key), &["version", "value"]);
        let (version, value): (Option<u64>, Option<String>) = self.done(within(asked).await)?;
        Ok(version.zip(value))
    }

    pub(super) async fn count(&self, key: &str, time: Duration) -> Result<u64> {
        let mut script = self.count.key(named(key));
        script.arg(millis(time));
        let mut connection = self.connection();
        self.done(within(script.invoke_async(&mut connection)).await)
    }

    fn connection(&self) -> ConnectionManager {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        self.connections[turn % CONNECTIONS].clone()
    }

    /// A server that failed once is left alone until it answers again.
    fn done<T>(&self, done: Result<T>) -> Result<T> {
        done.inspect_err(|error| {
            if self.is_up.swap(false, Ordering::Relaxed) {
                warn!(%error, "Redis does not answer; this process does without it");
            }
        })
    }
}

pub(super) fn client(address: &Secret) -> Result<Client> {
    // What the client says may hold the password.
    Client::open(address.expose()).map_err(|_| Error::config(WRONG))
}

/// Waits for an operation, but not long.
async fn within<T: FromRedisValue>(
    asked: impl Future<Output = redis::RedisResult<T>>,
) -> Result<T> {
    match timeout(LIMIT, asked).await {
        Ok(done) => done.map_err(|cause| {
            let error = Error::new(ErrorKind::Disconnected, "ask Redis", "it failed");
            error.with_source(cause)
        }),
        Err(_late) => Err(Error::new(ErrorKind::Timeout, "ask Redis", "it took more than 2 s")),
    }
}

fn named(key: &str) -> String {
    format!("{PREFIX}{key}")
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX).max(1)
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The address may hold a password.
        f.debug_struct("Remote").field("is_up", &self.is_up()).finish_non_exhaustive()
    }
}
