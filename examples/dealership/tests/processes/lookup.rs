use std::time::{Duration, Instant};

use dealership::{phone::Phone, shared::Shared};
use sqlx::{AssertSqlSafe, Row};

use super::{friday, open, run, setting, site::Site};

/// Customers that are asked for, each once.
const ASKED: u64 = 500;

#[test]
fn a_customer_is_found_by_number_among_many_without_looking_at_all_of_them() {
    let customers = setting("DEALERSHIP_CUSTOMERS", 2_000);
    run(async {
        let site = Site::new("lookup").await;
        let store = open(&site.place).await;
        store.seed(friday()).await.unwrap();
        settle(&site, customers).await;
        let cached = store.clone().sharing(Shared::local());
        let mut times = [Vec::new(), Vec::new()];
        for nth in 0..ASKED.min(customers) {
            let at = nth * 7_919 % customers;
            let phone = Phone::parse(&number(at)).unwrap();
            for times in &mut times {
                let begun = Instant::now();
                let found = cached.customers_by_phone(&phone).await.unwrap();
                times.push(begun.elapsed());
                assert_eq!(found[0].last_name, format!("Number{at}"));
            }
        }
        let [uncached, cached] = times.map(told);
        println!("{customers} customers, a lookup: from the database {uncached}, kept {cached}");
        if !site.is_server() {
            let pool = site.pool().await;
            let plan = sqlx::query(
                "EXPLAIN QUERY PLAN SELECT id FROM customer
                 JOIN customer_phone ON customer_id = id WHERE phone_e164 = '+12122000000'",
            );
            for step in plan.fetch_all(&pool).await.unwrap() {
                let step: String = step.get("detail");
                assert!(step.starts_with("SEARCH"), "{step}");
            }
            pool.close().await;
        }
        store.close().await;
        site.remove().await;
    });
}

/// Median, 99th percentile and the longest.
fn told(mut times: Vec<Duration>) -> String {
    times.sort();
    let at = |share: usize| times[(times.len() - 1) * share / 100];
    format!("{:?}, 99 % within {:?}, at most {:?}", at(50), at(99), at(100))
}

fn number(nth: u64) -> String {
    format!("+1{}", 2_120_000_000_u64 + 2_000_000 + nth)
}

/// Fills the tables, past the store.
async fn settle(site: &Site, customers: u64) {
    let series = "WITH RECURSIVE series (n) AS (
        SELECT 0 UNION ALL SELECT n + 1 FROM series WHERE n + 1 < ";
    let people = format!(
        "{series} {customers})
         INSERT INTO customer (id, first_name, last_name, language, created_at, updated_at)
         SELECT {}, 'Sam', 'Number' || n, 'en-US', 0, 0 FROM series",
        id()
    );
    let phones = format!(
        "{series} {customers})
         INSERT INTO customer_phone (phone_e164, customer_id)
         SELECT '+1' || (2120000000 + 2000000 + n), {} FROM series",
        id()
    );
    for statement in [people, phones] {
        let pool = site.pool().await;
        sqlx::query(AssertSqlSafe(statement)).execute(&pool).await.unwrap();
        pool.close().await;
    }
}

/// The identifier of the nth customer, as SQL.
fn id() -> &'static str {
    "'00000000-0000-7000-8000-' || substr('000000000000' || n, length('' || n) + 1)"
}
