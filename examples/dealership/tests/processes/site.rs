use std::{env, fs, path::PathBuf};

use dealership::store::{Place, Scratch};
use sqlx::{AnyPool, AssertSqlSafe};

/// A database that several processes use, for the length of a test.
pub(crate) struct Site {
    /// Where it is: the name of a file, or the address of a server.
    pub(crate) place: String,
    folder: PathBuf,
    scratch: Option<Scratch>,
}

impl Site {
    #[expect(clippy::print_stdout, reason = "what is not tested is said loudly")]
    pub(crate) async fn new(test: &str) -> Self {
        let folder = env::temp_dir().join(format!("dealership-{test}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let Ok(server) = env::var("DEALERSHIP_TEST_POSTGRES") else {
            println!("SKIPPED on PostgreSQL: DEALERSHIP_TEST_POSTGRES names no server");
            let place = folder.join("dealership.db").to_str().unwrap().to_owned();
            return Self { place, folder, scratch: None };
        };
        let scratch = Scratch::open(Some(&Place::from(server.as_str()))).await.unwrap();
        let place = match &scratch.place {
            Some(Place::Server(address)) => address.expose().to_owned(),
            other => panic!("{other:?} is no server"),
        };
        Self { place, folder, scratch: Some(scratch) }
    }

    /// Whether it is a server.
    pub(crate) fn is_server(&self) -> bool {
        self.scratch.is_some()
    }

    /// A way to the tables past the store.
    pub(crate) async fn pool(&self) -> AnyPool {
        sqlx::any::install_default_drivers();
        let address = match &self.scratch {
            Some(_) => self.place.clone(),
            None => format!("sqlite:{}", self.place),
        };
        AnyPool::connect(&address).await.unwrap()
    }

    /// What a query counts, past the store.
    pub(crate) async fn count(&self, query: &str) -> i64 {
        let pool = self.pool().await;
        let count = sqlx::query_scalar(AssertSqlSafe(query)).fetch_one(&pool).await.unwrap();
        pool.close().await;
        count
    }

    pub(crate) async fn remove(self) {
        if let Some(scratch) = self.scratch {
            scratch.remove().await.unwrap();
        }
        fs::remove_dir_all(&self.folder).unwrap();
    }
}
