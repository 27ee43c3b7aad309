mod business;

use jiff::{
    Timestamp, ToSpan,
    civil::{Date, Time, time},
    tz::TimeZone,
};
use sqlx::AnyConnection;

use crate::phone::Phone;

use super::{
    BookingRequest, CustomerId, Fault, LocationId, NewCustomer, NewVehicle, Refusal, Store,
    VehicleId, claims, ids::version_7,
};

/// Code, kind, name, minutes in total, minutes of an advisor; a service also needs a bay.
const SERVICES: [(&str, &str, &str, i64, i64); 11] = [
    ("oil_change", "service", "oil change", 30, 15),
    ("tire_rotation", "service", "tire rotation", 30, 15),
    ("brake_inspection", "service", "brake inspection", 60, 15),
    ("diagnostic", "service", "diagnostic", 60, 15),
    ("battery", "service", "battery check", 30, 15),
    ("state_inspection", "service", "state inspection", 30, 15),
    ("recall", "service", "recall repair", 120, 15),
    ("major_service", "service", "major service", 120, 15),
    ("test_drive", "test_drive", "test drive", 30, 30),
    ("sales_consult", "sales_consult", "sales consultation", 30, 30),
    // The broker is claimed, and nobody of the house.
    ("broker_consult", "broker_consult", "phone consultation", 30, 0),
];

const RESOURCES: [(&str, &str); 5] = [
    ("bay", "Bay 1"),
    ("bay", "Bay 2"),
    ("bay", "Bay 3"),
    ("advisor", "Kim Osei"),
    ("advisor", "Rey Castillo"),
];

/// First name, last name, phone, ZIP code. The numbers are reserved for fiction; the last two
/// share one.
const CUSTOMERS: [(&str, &str, &str, &str); 5] = [
    ("Ana", "Morales", "+16305550111", "60563"),
    ("Greg", "Tillman", "+16305550112", "60540"),
    ("Priya", "Nair", "+16305550113", "60565"),
    ("Tom", "Hale", "+16305550114", "60515"),
    ("Jane", "Hale", "+16305550114", "60515"),
];

/// Index of the owner, VIN, year, make, model.
const VEHICLES: [(usize, &str, i64, &str, &str); 5] = [
    (0, "2HKRW2H87KH600001", 2019, "Honda", "CR-V"),
    (1, "1FTEW1EP7MFA00001", 2021, "Ford", "F-150"),
    (1, "4T1BF1FK1GU100001", 2016, "Toyota", "Camry"),
    (2, "4S4BTACC4L3100001", 2020, "Subaru", "Outback"),
    (4, "2GNAXSEV7J6100001", 2018, "Chevrolet", "Equinox"),
];

/// Index of the vehicle, service, days ahead at least, local start.
const APPOINTMENTS: [(usize, &str, i32, Time); 3] = [
    (0, "brake_inspection", 2, time(10, 0, 0, 0)),
    (1, "oil_change", 3, time(8, 30, 0, 0)),
    (3, "major_service", 4, time(13, 0, 0, 0)),
];

impl Store {
    /// Fills an empty database with a dealership in Naperville and the people of
    /// [`populate`](Self::populate). One that holds a dealership already only gets its name.
    ///
    /// # Errors
    ///
    /// When the store cannot be written.
    pub async fn seed(&self, now: Timestamp) -> Result<(), Fault> {
        if self.establish("Bart's Automotive", "America/Chicago", now).await? {
            self.populate(now).await?;
        }
        Ok(())
    }

    /// Gives the place of business its name and its time zone, by IANA name. In an empty database
    /// it also opens one: usual hours, three bays, two advisors and the services, but no
    /// customers. Returns whether it did.
    ///
    /// # Errors
    ///
    /// When the store cannot be written.
    pub async fn establish(&self, name: &str, zone: &str, now: Timestamp) -> Result<bool, Fault> {
        let mut writes = self.begin().await?;
        let known = sqlx::query(
            "UPDATE location SET name = $1, tz = $2 WHERE id = (SELECT min(id) FROM location)",
        )
        .bind(name)
        .bind(zone)
        .execute(&mut *writes)
        .await?;
        if known.rows_affected() > 0 {
            writes.commit().await?;
            return Ok(false);
        }
        let location = LocationId::new(now).to_string();
        sqlx::query("INSERT INTO location (id, name, tz, phone_e164) VALUES ($1, $2, $3, $4)")
            .bind(&location)
            .bind(name)
            .bind(zone)
            .bind("+16305550100")
            .execute(&mut *writes)
            .await?;
        for weekday in 1..=6 {
            let (opens, closes) =
                if weekday == 6 { ("09:00", "14:00") } else { ("08:00", "18:00") };
            sqlx::query(
                "INSERT INTO business_hours (location_id, weekday, opens, closes)
                 VALUES ($1, $2, $3, $4)",
            )
            .bind(&location)
            .bind(weekday)
            .bind(opens)
            .bind(closes)
            .execute(&mut *writes)
            .await?;
        }
        for (kind, name) in RESOURCES {
            let no: i64 = claims::number(&mut writes).await?;
            sqlx::query("INSERT INTO resource (id, no, location_id, kind, name) VALUES ($1, $2, $3, $4, $5)")
                .bind(version_7(now).to_string())
                .bind(no)
                .bind(&location)
                .bind(kind)
                .bind(name)
                .execute(&mut *writes)
                .await?;
        }
        services(&mut writes).await?;
        closures(&mut writes, &location, now).await?;
        writes.commit().await?;
        Ok(true)
    }

    /// Adds a few customers, invented, and a few appointments in the days after `now`, and what
    /// [`furnish`](Self::furnish) adds.
    ///
    /// # Errors
    ///
    /// When the store cannot be written, or the place of business is never open.
    pub async fn populate(&self, now: Timestamp) -> Result<(), Fault> {
        let mut customers = Vec::new();
        for (first, last, phone, postal_code) in CUSTOMERS {
            let new = NewCustomer {
                first_name: first.to_owned(),
                last_name: last.to_owned(),
                phone: Phone::parse(phone).expect("the seeded numbers are in E.164 form"),
                email: None,
                postal_code: Some(postal_code.to_owned()),
                language: None,
                call: None,
            };
            customers.push(self.upsert_customer(&new, now).await?.0);
        }
        let mut vehicles: Vec<(CustomerId, VehicleId)> = Vec::new();
        for (owner, vin, year, make, model) in VEHICLES {
            let owner = customers[owner];
            let new = NewVehicle {
                vin: Some((vin.to_owned(), true)),
                year: Some(year),
                make: Some(make.to_owned()),
                model: Some(model.to_owned()),
                ..NewVehicle::default()
            };
            vehicles.push((owner, self.add_vehicle(owner, &new, now).await?.id));
        }
        for (vehicle, service, days, start) in APPOINTMENTS {
            self.seed_appointment(vehicles[vehicle], service, (days, start), now).await?;
        }
        self.furnish(now).await
    }

    /// Books on the first day, at least so many days ahead, that is open at that time.
    async fn seed_appointment(
        &self,
        (customer, vehicle): (CustomerId, VehicleId),
        service: &str,
        (days, start): (i32, Time),
        now: Timestamp,
    ) -> Result<(), Fault> {
        let location = self.location().await?;
        let hours = self.hours(&location).await?;
        let today: Date = now.to_zoned(location.zone.clone()).date();
        let start = today
            .saturating_add(days.days())
            .series(1.day())
            .take(14)
            .filter_map(|date| location.zone.to_timestamp(date.to_datetime(start)).ok())
            .find(|start| {
                let date = start.to_zoned(location.zone.clone()).date();
                hours.on(date).iter().any(|open| {
                    open.opens <= *start && super::slots::later(*start, 2.hours()) <= open.closes
                })
            })
            .ok_or(Refusal::OutsideHorizon)?;
        let request = BookingRequest {
            service: service.to_owned(),
            start,
            advisor: None,
            location: None,
            customer,
            vehicle: Some(vehicle),
            notes: None,
            call: None,
            key: format!("seed:{vehicle}"),
        };
        self.book(&request, now).await?;
        Ok(())
    }
}

async fn services(writes: &mut AnyConnection) -> Result<(), Fault> {
    for (code, kind, name, minutes, advisor_minutes) in SERVICES {
        sqlx::query(
            "INSERT INTO appointment_type (code, kind, name, minutes, needs_vehicle)
             VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(code)
        .bind(kind)
        .bind(name)
        .bind(minutes)
        .bind(i64::from(kind == "service"))
        .execute(&mut *writes)
        .await?;
        let bay = (kind == "service").then_some(("bay", minutes));
        let advisor = (advisor_minutes > 0).then_some(("advisor", advisor_minutes));
        for (resource, minutes) in bay.into_iter().chain(advisor) {
            sqlx::query(
                "INSERT INTO appointment_need (type_code, resource_kind, minutes)
                 VALUES ($1, $2, $3)",
            )
            .bind(code)
            .bind(resource)
            .bind(minutes)
            .execute(&mut *writes)
            .await?;
        }
    }
    Ok(())
}

async fn closures(writes: &mut AnyConnection, location: &str, now: Timestamp) -> Result<(), Fault> {
    let this_year = now.to_zoned(TimeZone::UTC).year();
    for year in this_year..=this_year + 1 {
        for (month, day, reason) in
            [(1, 1, "New Year's Day"), (7, 4, "Independence Day"), (12, 25, "Christmas Day")]
        {
            sqlx::query(
                "INSERT INTO closure (location_id, local_date, reason) VALUES ($1, $2, $3)",
            )
            .bind(location)
            .bind(jiff::civil::date(year, month, day).to_string())
            .bind(reason)
            .execute(&mut *writes)
            .await?;
        }
    }
    Ok(())
}
