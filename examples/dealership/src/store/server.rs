//! PostgreSQL, on a server.

use std::sync::Arc;

use jiff::Timestamp;
use sqlx::{AnyPool, any::AnyConnectOptions};
use voiceagent_core::{Result, Secret};

use super::{
    Balanced, Dialect, Place, READERS, Store, connections, fault, ids::version_7, place, schema,
    unusable,
};

/// Writers of this program at once. One has the turn; the next one waits for it at the server, so
/// that no time passes between the two.
const WRITERS: u32 = 2;

/// Opens the database at an address. It must be there.
pub(super) async fn open(address: &Secret) -> Result<Store> {
    let options = place::options(address)?;
    let writer = pool(WRITERS, options.clone()).await?;
    schema::bring_up_to_date(Dialect::Postgres, &writer).await?;
    let reader = pool(READERS, options).await?;
    Ok(Store {
        dialect: Dialect::Postgres,
        writer,
        reader,
        keeper: None,
        life: None,
        shared: None,
        ranker: Arc::<Balanced>::default(),
        librarian: Arc::default(),
    })
}

/// Opens the database at an address to read it.
pub(super) async fn open_read_only(address: &Secret) -> Result<Store> {
    let options = with(place::options(address)?, "default_transaction_read_only", "on");
    let reader = pool(1, options).await?;
    schema::check(Dialect::Postgres, &reader).await?;
    Ok(Store {
        dialect: Dialect::Postgres,
        writer: reader.clone(),
        reader,
        keeper: None,
        life: None,
        shared: None,
        ranker: Arc::<Balanced>::default(),
        librarian: Arc::default(),
    })
}

/// Makes an empty schema in the database at an address. Returns the place that it is, and its name.
pub(super) async fn make_schema(address: &Secret) -> Result<(Place, String)> {
    let options = place::options(address)?;
    let name = format!("scratch_{}", version_7(Timestamp::now()).simple());
    on_server(&options, &format!("CREATE SCHEMA {name}")).await?;
    let place = with(options, "search_path", &name).database_url.to_string();
    Ok((Place::from(place.as_str()), name))
}

/// Removes a schema and all that is in it.
pub(super) async fn drop_schema(address: &Secret, name: &str) -> Result<()> {
    on_server(&place::options(address)?, &format!("DROP SCHEMA IF EXISTS {name} CASCADE")).await
}

async fn on_server(options: &AnyConnectOptions, statement: &str) -> Result<()> {
    let pool = pool(1, options.clone()).await?;
    // The statement is made of words of this program.
    let done = sqlx::raw_sql(sqlx::AssertSqlSafe(statement)).execute(&pool).await;
    pool.close().await;
    done.map(drop).map_err(|cause| unusable(fault::unreachable(&cause)).with_source(cause))
}

async fn pool(most: u32, options: AnyConnectOptions) -> Result<AnyPool> {
    connections(most)
        .connect_with(options)
        .await
        .map_err(|cause| unusable(fault::unreachable(&cause)).with_source(fault::plain(cause)))
}

/// Has the server set something at the beginning of each connection.
fn with(mut options: AnyConnectOptions, setting: &str, value: &str) -> AnyConnectOptions {
    let key = format!("options[{setting}]");
    options.database_url.query_pairs_mut().append_pair(&key, value);
    options
}
