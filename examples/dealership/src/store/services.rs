use jiff::Span;
use sqlx::AnyConnection;

use super::{Fault, Refusal, Store};

/// Something that can be booked.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Service {
    /// The code, such as `oil_change`.
    pub code: String,
    /// `service`, `test_drive` or `sales_consult`.
    pub kind: String,
    /// The name, as it is spoken.
    pub name: String,
    /// How long it takes.
    pub duration: Span,
    /// Whether it is done to the customer's own vehicle.
    pub needs_vehicle: bool,
    /// What it occupies.
    pub needs: Vec<Need>,
}

/// A kind of resource that an appointment occupies from its start.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Need {
    /// `bay` or `advisor`.
    pub kind: String,
    /// For how long.
    pub duration: Span,
}

impl Store {
    /// The service with this code.
    ///
    /// # Errors
    ///
    /// [`Refusal::UnknownService`], or when the store cannot be read.
    pub async fn service(&self, code: &str) -> Result<Service, Fault> {
        let mut connection = self.reader.acquire().await?;
        find(&mut connection, code).await
    }

    /// The codes of everything that can be booked.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub async fn service_codes(&self) -> Result<Vec<String>, Fault> {
        let codes = sqlx::query_scalar("SELECT code FROM appointment_type ORDER BY code")
            .fetch_all(&self.reader)
            .await?;
        Ok(codes)
    }
}

pub(super) async fn find(connection: &mut AnyConnection, code: &str) -> Result<Service, Fault> {
    let row: Option<(String, String, i64, i64)> = sqlx::query_as(
        "SELECT kind, name, minutes, needs_vehicle FROM appointment_type WHERE code = $1",
    )
    .bind(code)
    .fetch_optional(&mut *connection)
    .await?;
    let (kind, name, minutes, needs_vehicle) = row.ok_or(Refusal::UnknownService)?;
    let needs: Vec<(String, i64)> = sqlx::query_as(
        "SELECT resource_kind, minutes FROM appointment_need
         WHERE type_code = $1 ORDER BY resource_kind",
    )
    .bind(code)
    .fetch_all(connection)
    .await?;
    Ok(Service {
        code: code.to_owned(),
        kind,
        name,
        duration: super::minutes("appointment_type", minutes)?,
        needs_vehicle: needs_vehicle != 0,
        needs: needs
            .into_iter()
            .map(|(kind, minutes)| {
                Ok(Need { kind, duration: super::minutes("appointment_need", minutes)? })
            })
            .collect::<Result<_, Fault>>()?,
    })
}
