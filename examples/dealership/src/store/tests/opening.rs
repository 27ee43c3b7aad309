use std::{
    fs,
    path::{Path, PathBuf},
};

use super::*;

/// Somewhat longer than it takes to ask for the turn.
const RETRY: Duration = Duration::from_millis(100);

/// A folder that is gone with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(test: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("store-{test}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

async fn complaint(path: &Path) -> String {
    let error = Store::open(path).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    error.message().to_owned()
}

#[tokio::test]
async fn what_cannot_be_opened_is_told_with_the_cause_and_the_next_step() {
    let folder = Folder::new("opening");
    let missing = folder.0.join("missing");
    let told = complaint(&missing.join("a.db")).await;
    assert!(told.contains(&format!("the folder {} does not exist; make it", missing.display())));

    let told = complaint(&folder.0).await;
    assert!(told.ends_with("it is a folder; name a file"), "{told}");

    let letter = folder.0.join("letter.txt");
    fs::write(&letter, "Dear Sir or Madam, this is a letter. ".repeat(99)).unwrap();
    let told = complaint(&letter).await;
    assert!(told.ends_with("letter.txt: it is no SQLite database; name another file"), "{told}");
    let beside = complaint(&letter.join("a.db")).await;
    assert!(beside.contains("a.db: ") && beside.contains("name another file"), "{beside}");

    let foreign = folder.0.join("foreign.db");
    let other = file::pool(1, &foreign, "mode=rwc").await.unwrap();
    sqlx::query("CREATE TABLE bookmarks (url TEXT)").execute(&other).await.unwrap();
    other.close().await;
    let told = complaint(&foreign).await;
    assert!(told.contains("the database of another program"), "{told}");
}

#[tokio::test]
async fn a_folder_that_is_there_is_not_said_to_be_missing() {
    // A folder in which nobody can make a file, and which says so as if it were missing itself.
    let proc = Path::new("/proc/x.db");
    if !Path::new("/proc/self").exists() {
        println!("skipped: this system has no /proc");
        return;
    }
    let told = complaint(proc).await;
    assert!(told.starts_with("/proc/x.db: no file can be made in the folder /proc"), "{told}");
    assert!(told.ends_with("name another file"), "{told}");
}

#[tokio::test]
async fn a_full_disk_is_not_taken_for_another_version() {
    let folder = Folder::new("full");
    let path = folder.0.join("a.db");
    let writer = small(&path).await;
    let told = schema::bring_up_to_date(Dialect::Sqlite, &writer).await.unwrap_err();
    assert_eq!(told.message(), "the disk is full; make room, or name another file");
    writer.close().await;
    // Nothing half-made is left behind.
    Store::open(&path).await.unwrap().close().await;

    let writer = small(&path).await;
    let filler = "CREATE TABLE filler AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 \
                  FROM n LIMIT 5000) SELECT hex(randomblob(500)) FROM n";
    let full = sqlx::query(filler).execute(&writer).await.unwrap_err();
    let told = fault::error(full);
    assert_eq!((told.kind(), told.message()), (ErrorKind::Config, "the disk is full; make room"));
    writer.close().await;
}

/// A database that cannot grow.
async fn small(path: &Path) -> AnyPool {
    let writer = file::pool(1, path, "mode=rwc").await.unwrap();
    sqlx::query("PRAGMA max_page_count = 4").fetch_one(&writer).await.unwrap();
    writer
}

#[test]
fn programs_that_make_one_database_at_once_all_get_it() {
    let folder = Folder::new("at-once");
    let run = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for round in 0..10 {
        let path = folder.0.join(format!("{round}.db"));
        let program = || {
            run().block_on(async {
                let store = Store::open(&path).await?;
                store.seed(friday()).await?;
                store.close().await;
                Ok::<(), Error>(())
            })
        };
        std::thread::scope(|threads| {
            let programs: Vec<_> = (0..6).map(|_| threads.spawn(program)).collect();
            for program in programs {
                program.join().unwrap().unwrap();
            }
        });
        run().block_on(async {
            let store = Store::open(&path).await.unwrap();
            assert_eq!(count(&store, "SELECT count(*) FROM location").await, 1);
            assert!(count(&store, "SELECT count(*) FROM customer").await > 0);
            store.close().await;
        });
    }
}

#[tokio::test]
async fn a_database_can_be_read_where_nothing_can_be_written() {
    let folder = Folder::new("read-only");
    let path = folder.0.join("a.db");
    let store = Store::open(&path).await.unwrap();
    store.seed(friday()).await.unwrap();
    let booked = store.agenda(friday()).await.unwrap().len();
    assert!(booked > 0);
    store.close().await;
    let files = || fs::read_dir(&folder.0).unwrap().count();
    assert_eq!(files(), 1);
    // As on a file system that is mounted read-only, SQLite cannot make its files beside it.
    fs::create_dir(folder.0.join("a.db-shm")).unwrap();
    let store = Store::open_read_only(&path).await.unwrap();
    assert_eq!(store.agenda(friday()).await.unwrap().len(), booked);
    let refused = store.seed(friday()).await.map_err(Error::from).unwrap_err();
    assert!(refused.message().contains("cannot be written"), "{refused}");
    store.close().await;
    fs::remove_dir(folder.0.join("a.db-shm")).unwrap();
}

#[tokio::test]
async fn what_is_only_read_is_neither_made_nor_brought_up_to_date() {
    let folder = Folder::new("unread");
    let told = async |path: &Path| {
        let error = Store::open_read_only(path).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        error.message().to_owned()
    };
    let path = folder.0.join("a.db");
    let missing = told(&path).await;
    assert!(missing.ends_with("a.db: it does not exist; name another file"), "{missing}");
    assert!(!path.exists());
    file::create(&path).unwrap();
    assert!(told(&path).await.contains("the schema is older than this program"));
    assert_eq!(fs::metadata(&path).unwrap().len(), 0);

    Store::open(&path).await.unwrap().close().await;
    let other = file::pool(1, &path, "mode=rw").await.unwrap();
    sqlx::query(
        "UPDATE _sqlx_migrations SET version = 99, description = 'breaks all' WHERE version = 3",
    )
    .execute(&other)
    .await
    .unwrap();
    other.close().await;
    assert!(told(&path).await.contains("the schema is newer than this program"));
    let newer = complaint(&path).await;
    assert!(newer.contains("the schema is newer than this program"), "{newer}");
}

#[tokio::test]
async fn a_file_keeps_a_log_syncs_each_commit_and_checks_what_rows_refer_to() {
    let folder = Folder::new("pragmas");
    let store = Store::open(folder.0.join("odd %3F?name#.db")).await.unwrap();
    let mode: String =
        sqlx::query_scalar("PRAGMA journal_mode").fetch_one(&store.writer).await.unwrap();
    assert_eq!(mode, "wal");
    assert_eq!(count(&store, "PRAGMA synchronous").await, 2, "FULL");
    assert_eq!(count(&store, "PRAGMA foreign_keys").await, 1);
    assert!(folder.0.join("odd %3F?name#.db").exists());
    store.close().await;
}

#[tokio::test]
async fn a_server_that_cannot_be_used_is_told_with_the_cause_and_the_next_step() {
    let told = async |address: &str| {
        let error = Store::open(address).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        let told = format!("{error:?} {error}");
        assert!(!told.contains("s3cret"), "{told}");
        error.message().to_owned()
    };
    // Nobody listens on the port of this name.
    let gone = told("postgres://ana:s3cret@127.0.0.1:1/shop").await;
    assert!(gone.starts_with("postgres://127.0.0.1:1/shop: the server does not answer"), "{gone}");
    let odd = told("postgres://ana:s3cret@127.0.0.1:99999/shop").await;
    assert!(odd.contains("it is no address of a server"), "{odd}");
    let Some(Place::Server(server)) = Store::test_server() else {
        println!("SKIPPED on PostgreSQL: DEALERSHIP_TEST_POSTGRES names no server");
        return;
    };
    let (server, _database) = server.expose().rsplit_once('/').unwrap();
    let missing = told(&format!("{server}/nowhere")).await;
    assert!(missing.contains("the server has no such database; create it"), "{missing}");
}

#[tokio::test]
async fn a_schema_is_read_without_being_changed_and_refused_if_it_is_anothers() {
    let Some(place @ Place::Server(_)) = Store::test_server() else {
        println!("SKIPPED: DEALERSHIP_TEST_POSTGRES names no server");
        return;
    };
    let scratch = Scratch::open(Some(&place)).await.unwrap();
    let own = scratch.place.clone().unwrap();
    scratch.store.seed(friday()).await.unwrap();
    let store = Store::open_read_only(&own).await.unwrap();
    assert!(!store.agenda(friday()).await.unwrap().is_empty());
    let refused = store.seed(friday()).await.map_err(Error::from).unwrap_err();
    assert!(refused.message().contains("cannot be written"), "{refused}");
    store.close().await;
    scratch
        .store
        .run("UPDATE _sqlx_migrations SET version = 99, description = 'breaks all' WHERE version = 3")
        .await;
    let newer = Store::open(&own).await.unwrap_err();
    assert!(newer.message().contains("the schema is newer than this program"), "{newer}");
    scratch.store.run("DROP TABLE _sqlx_migrations").await;
    let foreign = Store::open(&own).await.unwrap_err();
    assert!(foreign.message().contains("the database of another program"), "{foreign}");
    scratch.remove().await.unwrap();
}

#[tokio::test]
async fn who_waits_too_long_for_the_turn_gives_up_and_the_next_one_writes() {
    let Some(place @ Place::Server(_)) = Store::test_server() else {
        println!("SKIPPED: DEALERSHIP_TEST_POSTGRES names no server");
        return;
    };
    let scratch = Scratch::open(Some(&place)).await.unwrap();
    let other = Store::open(scratch.place.as_ref().unwrap()).await.unwrap();
    let turn = scratch.store.begin().await.unwrap();
    let phone = Phone::parse("+16305550111").unwrap();
    let late = other.meet_lead(&phone, friday()).await.map_err(Error::from).unwrap_err();
    assert_eq!(late.kind(), ErrorKind::Overloaded, "{late:?}");
    // The one who is dropped while they wait is in nobody's way either.
    let dropped = tokio::time::timeout(RETRY, other.meet_lead(&phone, friday())).await;
    assert!(dropped.is_err());
    drop(turn);
    assert!(other.meet_lead(&phone, friday()).await.unwrap().1);
    other.close().await;
    scratch.remove().await.unwrap();
}

#[tokio::test]
async fn a_database_that_cannot_be_written_says_so() {
    let folder = Folder::new("reading");
    let path = folder.0.join("a.db");
    Store::open(&path).await.unwrap().close().await;
    let reader = file::pool(1, &path, "mode=ro").await.unwrap();
    let refused = sqlx::query("DELETE FROM location").execute(&reader).await.unwrap_err();
    assert!(fault::unusable(&refused).contains("make the file and its folder writable"));
    assert!(fault::error(refused).message().contains("cannot be written"));
    reader.close().await;
}

#[cfg(unix)]
#[tokio::test]
async fn nobody_but_its_owner_reads_the_database() {
    use std::os::unix::fs::PermissionsExt;

    let folder = Folder::new("private");
    let store = Store::open(folder.0.join("a.db")).await.unwrap();
    store.seed(friday()).await.unwrap();
    let mut files = Vec::new();
    for file in fs::read_dir(&folder.0).unwrap() {
        let file = file.unwrap();
        let mode = file.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{file:?} is {mode:o}");
        files.push(file.file_name().into_string().unwrap());
    }
    files.sort();
    assert_eq!(files, ["a.db", "a.db-shm", "a.db-wal"]);
    store.close().await;
}

#[tokio::test]
async fn rows_that_somebody_has_changed_are_named_and_not_panicked_about() {
    let changes = [
        ("location", "UPDATE location SET id = 'main-street'"),
        ("location", "UPDATE location SET step_minutes = 1000000000000000000"),
        (
            "customer",
            "UPDATE customer SET id = 'priya' WHERE first_name = 'Priya';
             UPDATE customer_phone SET customer_id = 'priya' WHERE phone_e164 = '+16305550113'",
        ),
        ("appointment", "UPDATE appointment SET id = 'a' || id"),
        (
            "appointment",
            "UPDATE appointment
             SET starts_at = 9000000000000000000, ends_at = 9000000000000000001",
        ),
        ("vehicle", "UPDATE vehicle SET id = 'v' || id"),
        ("appointment_type", "UPDATE appointment_type SET minutes = 1000000000000000000"),
        ("appointment_need", "UPDATE appointment_need SET minutes = 1000000000000000000"),
    ];
    for (table, change) in changes {
        let store = seeded().await;
        let priya = Phone::parse("+16305550113").unwrap();
        let customer = store.customers_by_phone(&priya).await.unwrap().remove(0).id;
        let mut connection = store.writer.acquire().await.unwrap();
        let careless = match store.dialect {
            Dialect::Postgres => "SET session_replication_role = replica",
            Dialect::Sqlite => "PRAGMA foreign_keys = OFF",
        };
        sqlx::raw_sql(careless).execute(&mut *connection).await.unwrap();
        sqlx::raw_sql(change).execute(&mut *connection).await.unwrap();
        drop(connection);
        let faults = [
            store.location().await.err(),
            store.customers_by_phone(&priya).await.err(),
            store.agenda(friday()).await.err(),
            store.vehicles_of(customer).await.err(),
            of_all_services(&store).await,
        ];
        let told: Vec<String> =
            faults.into_iter().flatten().map(|fault| Error::from(fault).to_string()).collect();
        assert!(
            told.iter().any(|told| told.contains(&format!("table `{table}`"))),
            "{change}: {told:?}"
        );
    }
}

async fn of_all_services(store: &Store) -> Option<Fault> {
    for code in store.service_codes().await.unwrap() {
        if let Err(fault) = store.service(&code).await {
            return Some(fault);
        }
    }
    None
}
