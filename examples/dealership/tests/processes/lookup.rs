use std::time::{Duration, Instant};

use dealership::{
    phone::Phone,
    shared::Shared,
    store::{BookingRequest, SlotSearch},
    vin::{Decoder, Source, Vin},
};
use jiff::civil::date;
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

#[test]
fn bookings_and_decoded_numbers_are_timed_among_many_customers() {
    let customers = setting("DEALERSHIP_CUSTOMERS", 2_000);
    run(async {
        let site = Site::new("booking").await;
        let store = open(&site.place).await;
        store.seed(friday()).await.unwrap();
        settle(&site, customers).await;
        let search = SlotSearch {
            service: "oil_change".to_owned(),
            from: date(2026, 11, 23),
            to: date(2026, 12, 23),
            earliest: None,
            latest: None,
            advisor: None,
            location: None,
            preferred: None,
            limit: 60,
        };
        let begun = Instant::now();
        let found = store.find_slots(&search, friday()).await.unwrap();
        println!("a search over a month: {:?}", begun.elapsed());
        let mut booking = Vec::new();
        for (nth, slot) in found.slots.iter().enumerate() {
            let phone = Phone::parse(&number(nth as u64)).unwrap();
            let customer = store.customers_by_phone(&phone).await.unwrap()[0].id;
            let request = BookingRequest {
                service: search.service.clone(),
                start: slot.start.timestamp(),
                advisor: None,
                location: None,
                customer,
                vehicle: None,
                notes: None,
                call: None,
                key: format!("timed {nth}"),
            };
            let begun = Instant::now();
            let booked = store.book(&request, friday()).await.unwrap();
            booking.push(begun.elapsed());
            assert_eq!(booked.start, slot.start);
        }
        assert_eq!(booking.len(), 60);
        let vin = Vin::parse("1M8GDM9AXKP042788").unwrap();
        store.cache_vin(&vin, &vin.decode(), friday()).await.unwrap();
        let decoder = Decoder::new(store.clone(), None);
        let mut decoding = Vec::new();
        for _ in 0..60 {
            let begun = Instant::now();
            let (decoded, source) = decoder.decode(&vin, friday()).await.unwrap();
            decoding.push(begun.elapsed());
            assert_eq!((decoded, source), (vin.decode(), Source::Cache));
        }
        println!(
            "a booking {}, a number that was decoded before {}",
            told(booking),
            told(decoding)
        );
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
