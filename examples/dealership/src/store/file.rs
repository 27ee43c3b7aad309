//! SQLite, in a file or in memory.

use std::{
    fmt::Write as _,
    fs::OpenOptions,
    io,
    path::Path,
    sync::Arc,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use sqlx::{
    AnyPool, ConnectOptions, Connection,
    any::{AnyConnectOptions, AnyPoolOptions},
    sqlite::{SqliteConnectOptions, SqliteJournalMode},
};
use tokio::time::{Instant, sleep};
use voiceagent_core::Result;

use super::{Balanced, Dialect, PATIENCE, READERS, Store, connections, fault, schema, unusable};

/// Between two attempts to get a lock that SQLite does not wait for.
const RETRY: Duration = Duration::from_millis(10);

/// Opens the database in a file, and makes it if there is none.
pub(super) async fn open(path: &Path) -> Result<Store> {
    create(path).map_err(|error| unusable(uncreated(path, &error)).with_source(error))?;
    keep_a_log(path).await?;
    let writer = writer(path).await?;
    schema::bring_up_to_date(Dialect::Sqlite, &writer).await?;
    let reader = pool(READERS, path, "mode=ro").await?;
    Ok(Store {
        dialect: Dialect::Sqlite,
        writer,
        reader,
        keeper: None,
        life: None,
        shared: None,
        ranker: Arc::<Balanced>::default(),
        librarian: Arc::default(),
    })
}

/// Opens the database in a file, which is there, to read it.
pub(super) async fn open_read_only(path: &Path) -> Result<Store> {
    if !path.exists() {
        return Err(unusable("it does not exist; name another file"));
    }
    let opened = read(path, "mode=ro").await;
    let reader = match opened {
        // SQLite reads such a database only beside files of its own. Where it cannot make them
        // nobody else can either, and nothing changes; unless a log is left that it must read.
        Err(_) if is_settled(path) => read(path, "mode=ro&immutable=true").await,
        opened => opened,
    }?;
    Ok(Store {
        dialect: Dialect::Sqlite,
        writer: reader.clone(),
        reader,
        keeper: None,
        life: None,
        shared: None,
        ranker: Arc::<Balanced>::default(),
        librarian: Arc::default(),
    })
}

/// Opens an empty database that lives as long as the store.
pub(super) async fn in_memory() -> Result<Store> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    // With a name it is a memory of its own that several connections share.
    let name = format!("file:store-{}", COUNT.fetch_add(1, Ordering::Relaxed));
    let memory = |connections| pool(connections, Path::new(&name), "mode=memory&cache=shared");
    let keeper = memory(1).await?;
    // In shared memory a reader would wait for the writer, so one connection does both.
    let writer = memory(1).await?;
    schema::bring_up_to_date(Dialect::Sqlite, &writer).await?;
    let reader = writer.clone();
    Ok(Store {
        dialect: Dialect::Sqlite,
        writer,
        reader,
        keeper: Some(keeper),
        life: None,
        shared: None,
        ranker: Arc::<Balanced>::default(),
        librarian: Arc::default(),
    })
}

async fn read(path: &Path, parameters: &str) -> Result<AnyPool> {
    let reader = pool(1, path, parameters).await?;
    schema::check(Dialect::Sqlite, &reader).await?;
    Ok(reader)
}

/// Connections to a file, by SQLite's parameters for them.
pub(super) async fn pool(most: u32, path: &Path, parameters: &str) -> Result<AnyPool> {
    opened(connections(most), path, parameters).await
}

/// The one connection that writes to a file. SQLite waits longer and longer for its turn, up to a
/// tenth of a second; beside programs that write without a rest it would never come. This one gives
/// up soon, and [`Dialect::begin`] asks again.
async fn writer(path: &Path) -> Result<AnyPool> {
    let one = connections(1).after_connect(|connection, _| {
        Box::pin(async {
            sqlx::raw_sql("PRAGMA busy_timeout = 3").execute(connection).await?;
            Ok(())
        })
    });
    opened(one, path, "mode=rw").await
}

async fn opened(pool: AnyPoolOptions, path: &Path, parameters: &str) -> Result<AnyPool> {
    pool.connect_with(address(path, parameters)?)
        .await
        .map_err(|cause| unusable(fault::unusable(&cause)).with_source(cause))
}

/// The address of a file. Every character of its name that could mean something in an address is
/// written as a number.
fn address(path: &Path, parameters: &str) -> Result<AnyConnectOptions> {
    let unfit = || unusable("its name is not UTF-8; name another file");
    let mut address = "sqlite:".to_owned();
    for byte in path.to_str().ok_or_else(unfit)?.bytes() {
        if byte.is_ascii_alphanumeric() {
            address.push(char::from(byte));
        } else {
            // Writing to a string does not fail.
            let _ = write!(address, "%{byte:02X}");
        }
    }
    let address = format!("{address}?{parameters}");
    address.parse().map_err(|cause: sqlx::Error| unusable("it cannot be named").with_source(cause))
}

/// Has the file keep a log of what is written, beside it: then readers wait for nobody. It stays
/// that way. Each commit is synced, which is how SQLite begins: the log keeps the file sound, but a
/// power cut may lose the last commits otherwise.
async fn keep_a_log(path: &Path) -> Result<()> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        .busy_timeout(PATIENCE);
    let deadline = Instant::now() + PATIENCE;
    loop {
        let opened = options.connect().await;
        let done = match opened {
            Ok(connection) => connection.close().await,
            Err(cause) => Err(cause),
        };
        match done {
            // SQLite waits for locks, but not where a wait might be for ever: two programs that
            // both make a new file a WAL database are in each other's way.
            Err(cause) if fault::is_busy(&cause) && Instant::now() < deadline => {
                sleep(RETRY).await;
            }
            done => {
                return done.map_err(|cause| unusable(fault::unusable(&cause)).with_source(cause));
            }
        }
    }
}

/// Whether all that was written is in the file itself, and nothing in the log beside it.
fn is_settled(path: &Path) -> bool {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    std::fs::metadata(log).map_or(true, |log| log.len() == 0)
}

/// Makes the file if there is none. SQLite gives the files that it puts beside it the same mode.
pub(super) fn create(path: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}

fn uncreated(path: &Path, error: &io::Error) -> String {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    match (error.kind(), folder) {
        (io::ErrorKind::NotFound, Some(folder)) if !folder.exists() => {
            format!("the folder {} does not exist; make it, or name another file", folder.display())
        }
        // Some file systems say so of a file that they do not let anybody make.
        (io::ErrorKind::NotFound, Some(folder)) => {
            format!("no file can be made in the folder {}; name another file", folder.display())
        }
        (io::ErrorKind::IsADirectory, _) => "it is a folder; name a file".to_owned(),
        (io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem, _) => {
            "this user may not write it; make the file and its folder writable, or name another \
             file"
                .to_owned()
        }
        (io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded, _) => {
            "the disk is full; make room, or name another file".to_owned()
        }
        _ => format!("{error}; name another file"),
    }
}
