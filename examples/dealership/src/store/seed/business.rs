use jiff::Timestamp;
use sqlx::AnyConnection;

use super::super::{BrokerId, Fault, Store, claims, ids::version_7};

struct Area {
    name: &'static str,
    zips: &'static [&'static str],
    city: (&'static str, &'static str),
}

struct Advisor {
    name: &'static str,
    zone: &'static str,
    languages: &'static str,
    /// `None` is the desk for all the rest.
    area: Option<usize>,
}

const AREAS: [Area; 2] = [
    Area { name: "Chicago West", zips: &["60540", "60563", "60565"], city: ("Naperville", "IL") },
    Area { name: "Tampa", zips: &["33602", "33609"], city: ("Tampa", "FL") },
];

const BROKERS: [Advisor; 4] = [
    Advisor {
        name: "Rosa Delgado",
        zone: "America/Chicago",
        languages: r#"["en-US","es-US"]"#,
        area: Some(0),
    },
    Advisor {
        name: "Walter Quinn",
        zone: "America/New_York",
        languages: r#"["en-US"]"#,
        area: Some(1),
    },
    Advisor {
        name: "Ines Fuentes",
        zone: "America/New_York",
        languages: r#"["es-US","en-US"]"#,
        area: Some(1),
    },
    Advisor {
        name: "National Desk",
        zone: "America/New_York",
        languages: r#"["en-US","es-US"]"#,
        area: None,
    },
];

/// What a broker owes for a consultation.
const FEE_CENTS: i64 = 2_500;

const TRACKING_NUMBERS: [&str; 2] = ["+16305550190", "+16305550191"];

/// Identifier, title, category, text.
const DOCUMENTS: [(&str, &str, &str, &str); 4] = [
    (
        "oil-prices",
        "Oil change prices",
        "pricing",
        "A conventional oil change is 49.95 dollars, full synthetic 89.95 dollars, up to 6 quarts.",
    ),
    (
        "loaner-cars",
        "Loaner cars",
        "policies",
        "There are loaner cars for warranty repairs of more than four hours, for drivers of 25 or \
         older, while we have any. There is none for an oil change.",
    ),
    (
        "financing",
        "Financing consultation",
        "financing",
        "A consultation about financing takes about 30 minutes by phone, is free and does not run \
         a credit check. Rates depend on the lender, and the advisor tells them.",
    ),
    (
        "cancelling",
        "Cancellation policy",
        "policies",
        "A visit can be cancelled or moved until it begins, at no cost.",
    ),
];

/// Service, miles, months.
const UPKEEP: [(&str, i64, i64); 3] =
    [("oil_change", 7_500, 12), ("tire_rotation", 7_500, 12), ("brake_inspection", 20_000, 24)];

impl Store {
    /// Adds brokers and their territories, numbers to give away, documents and a maintenance
    /// schedule, all invented.
    ///
    /// # Errors
    ///
    /// When the store cannot be written.
    pub async fn furnish(&self, now: Timestamp) -> Result<(), Fault> {
        let mut writes = self.begin().await?;
        brokers(&mut writes, now).await?;
        for number in TRACKING_NUMBERS {
            sqlx::query("INSERT INTO tracking_number (phone_e164, changed_at) VALUES ($1, $2)")
                .bind(number)
                .bind(now.as_millisecond())
                .execute(&mut *writes)
                .await?;
        }
        for (service, miles, months) in UPKEEP {
            sqlx::query(
                "INSERT INTO upkeep (type_code, every_miles, every_months, source_doc)
                 VALUES ($1, $2, $3, 'Maintenance schedule')",
            )
            .bind(service)
            .bind(miles)
            .bind(months)
            .execute(&mut *writes)
            .await?;
        }
        writes.commit().await?;
        for (id, title, category, text) in DOCUMENTS {
            self.write_document(id, (title, category, text), now).await?;
        }
        Ok(())
    }
}

async fn brokers(writes: &mut AnyConnection, now: Timestamp) -> Result<(), Fault> {
    let territories: Vec<String> = AREAS.iter().map(|_| version_7(now).to_string()).collect();
    for (area, id) in AREAS.iter().zip(&territories) {
        sqlx::query("INSERT INTO territory (id, name) VALUES ($1, $2)")
            .bind(id)
            .bind(area.name)
            .execute(&mut *writes)
            .await?;
        for zip in area.zips {
            sqlx::query("INSERT INTO territory_zip (zip, territory_id) VALUES ($1, $2)")
                .bind(zip)
                .bind(id)
                .execute(&mut *writes)
                .await?;
        }
        sqlx::query("INSERT INTO territory_city (city, state, territory_id) VALUES ($1, $2, $3)")
            .bind(area.city.0)
            .bind(area.city.1)
            .bind(id)
            .execute(&mut *writes)
            .await?;
    }
    for broker in BROKERS {
        let id = BrokerId::new(now).to_string();
        let no: i64 = claims::number(&mut *writes).await?;
        sqlx::query(
            "INSERT INTO broker (id, no, name, tz, languages, is_fallback, fee_cents)
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(&id)
        .bind(no)
        .bind(broker.name)
        .bind(broker.zone)
        .bind(broker.languages)
        .bind(i64::from(broker.area.is_none()))
        .bind(FEE_CENTS)
        .execute(&mut *writes)
        .await?;
        if let Some(area) = broker.area {
            sqlx::query("INSERT INTO broker_territory (territory_id, broker_id) VALUES ($1, $2)")
                .bind(&territories[area])
                .bind(&id)
                .execute(&mut *writes)
                .await?;
        }
    }
    Ok(())
}
