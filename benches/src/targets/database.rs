use std::{env, error::Error, fs, path::PathBuf};

use dealership::store::{Place, Scratch, Store};
use jiff::Timestamp;
use sqlx::{AnyPool, AssertSqlSafe};

/// The database of a dealership with many customers, for the length of a run.
#[derive(Debug)]
pub(super) struct Database {
    pub(super) customers: u32,
    /// The name of its file, or the address of its server.
    pub(super) place: String,
    kept: Kept,
}

#[derive(Debug)]
enum Kept {
    File(PathBuf),
    Server(Scratch),
}

/// The nth customer's number.
pub(super) fn number(nth: u32) -> String {
    format!("+1{}", FIRST + u64::from(nth))
}

/// The customer who has a number.
pub(super) fn customer(number: &str) -> Option<u32> {
    let number: u64 = number.strip_prefix("+1")?.parse().ok()?;
    let nth: u32 = number.checked_sub(FIRST)?.try_into().ok()?;
    (nth < MOST).then_some(nth)
}

/// The number of the first customer, in Manhattan, and how many numbers there are behind it.
const FIRST: u64 = 2_122_000_000;
const MOST: u32 = 8_000_000;

impl Database {
    /// Makes one: the house that is invented for tests, and so many customers.
    pub(super) async fn filled(
        server: Option<&str>,
        customers: u32,
    ) -> Result<Self, Box<dyn Error>> {
        let (place, kept) = match server {
            None => {
                let folder = env::temp_dir().join(format!("targets-{}", std::process::id()));
                fs::create_dir_all(&folder)?;
                let file = folder.join("dealership.db").to_string_lossy().into_owned();
                (file, Kept::File(folder))
            }
            Some(server) => {
                let scratch = Scratch::open(Some(&Place::from(server))).await?;
                let Some(Place::Server(address)) = &scratch.place else {
                    return Err("that is no address of a PostgreSQL server".into());
                };
                (address.expose().to_owned(), Kept::Server(scratch))
            }
        };
        let database = Self { customers, place, kept };
        let store = database.open().await?;
        store.seed(Timestamp::now()).await?;
        store.close().await;
        database.fill().await?;
        Ok(database)
    }

    pub(super) async fn open(&self) -> Result<Store, Box<dyn Error>> {
        Ok(Store::open(self.place.as_str()).await?)
    }

    /// Past the store: one by one, so many take minutes.
    async fn fill(&self) -> Result<(), Box<dyn Error>> {
        let series = format!(
            "WITH RECURSIVE series (n) AS (
                 SELECT 0 UNION ALL SELECT n + 1 FROM series WHERE n + 1 < {})",
            self.customers
        );
        let id = "'00000000-0000-7000-8000-' || substr('000000000000' || n, length('' || n) + 1)";
        let pool = self.pool().await?;
        for statement in [
            format!(
                "{series} INSERT INTO customer
                     (id, first_name, last_name, language, created_at, updated_at)
                 SELECT {id}, 'Sam', 'Number' || n, 'en-US', 0, 0 FROM series"
            ),
            format!(
                "{series} INSERT INTO customer_phone (phone_e164, customer_id)
                 SELECT '+1' || ({FIRST} + n), {id} FROM series"
            ),
        ] {
            sqlx::query(AssertSqlSafe(statement)).execute(&pool).await?;
        }
        pool.close().await;
        Ok(())
    }

    /// How many visits were booked in calls since `begun`.
    pub(super) async fn booked(&self, begun: Timestamp) -> Result<usize, Box<dyn Error>> {
        let store = self.open().await?;
        let entries = store.changed_after(begun).await?;
        store.close().await;
        Ok(entries.iter().filter(|entry| entry.customer.starts_with("Sam Number")).count())
    }

    async fn pool(&self) -> Result<AnyPool, sqlx::Error> {
        sqlx::any::install_default_drivers();
        match &self.kept {
            Kept::File(_) => AnyPool::connect(&format!("sqlite:{}", self.place)).await,
            Kept::Server(_) => AnyPool::connect(&self.place).await,
        }
    }

    /// Removes it.
    pub(super) async fn remove(self) -> Result<(), Box<dyn Error>> {
        match self.kept {
            Kept::File(folder) => Ok(fs::remove_dir_all(folder)?),
            Kept::Server(scratch) => Ok(scratch.remove().await?),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_customer_is_known_by_their_number() {
        assert_eq!(customer(&number(17)), Some(17));
        assert_eq!(customer("+16305550100"), None);
        assert_eq!(customer("+12025550100"), None);
        assert_eq!(customer("withheld"), None);
    }
}
