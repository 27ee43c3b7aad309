use std::{sync::Arc, time::Duration};

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use voiceagent_core::tool::{FunctionTool, ToolContext};

use crate::{
    store::{NewVehicle, VehicleDetails},
    vin::Vin,
};

use super::{Code, Desk, Envelope, at_desk, decode_vin};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Arguments {
    /// The customer's id as another tool returned it.
    customer_id: String,
    /// The vehicle identification number, 17 characters. Null if not said.
    vin: Option<String>,
    /// The model year. Null if not said.
    #[schemars(range(min = 1950, max = 2100))]
    year: Option<i64>,
    /// The make. Null if not said.
    make: Option<String>,
    /// The model. Null if not said.
    model: Option<String>,
    /// What the odometer shows, in miles. Null if not said.
    #[schemars(range(min = 0))]
    mileage: Option<i64>,
    /// The licence plate. Null if not said.
    plate: Option<String>,
}

pub(super) fn tool(desk: &Arc<Desk>) -> FunctionTool<Arguments> {
    const ABOUT: &str = "Notes a vehicle of a customer: by its VIN, or by year, make and model.";
    at_desk::writes(desk, ("add_vehicle", ABOUT), Duration::from_secs(2), run)
}

async fn run(
    desk: Arc<Desk>,
    arguments: Arguments,
    context: ToolContext,
) -> Result<Envelope, Envelope> {
    let customer = desk.customer(&arguments.customer_id, &context).await?.id;
    let vin = arguments.vin.as_deref().map(Vin::parse).transpose().map_err(decode_vin::misheard)?;
    let mut new = NewVehicle {
        vin: None,
        year: arguments.year,
        make: arguments.make,
        model: arguments.model,
        mileage: arguments.mileage,
        plate: arguments.plate,
        details: VehicleDetails::default(),
    };
    if let Some(vin) = vin {
        let decoded = desk.decoder.decode(&vin, desk.now()).await.ok().map(|(decoded, _)| decoded);
        new.vin = Some((vin.as_str().to_owned(), decoded.is_some()));
        if let Some(decoded) = decoded {
            new.year = decoded.year.map(i64::from).or(new.year);
            new.make = decoded.make.or(new.make);
            new.model = decoded.model.or(new.model);
            new.details = VehicleDetails {
                trim: decoded.trim,
                body_class: decoded.body_class,
                engine: decoded.engine,
                fuel_type: decoded.fuel_type,
                ..VehicleDetails::default()
            };
        }
    }
    if new.year.is_none() || new.make.is_none() || new.model.is_none() {
        return Err(Envelope::refused(Code::Incomplete).say("What are the year, make and model?"));
    }
    let status = match &new.vin {
        None => "none",
        Some((_, true)) => "decoded",
        Some((_, false)) => "unverified",
    };
    let added = desk.store.add_vehicle(customer, &new, desk.now()).await?;
    let data = json!({ "vehicle_id": added.id, "label": added.label, "vin_status": status });
    Ok(Envelope::done(data))
}
