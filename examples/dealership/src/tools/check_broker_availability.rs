use std::{sync::Arc, time::Duration};

use jiff::{Zoned, civil::Date, tz::TimeZone};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use voiceagent_core::tool::{FunctionTool, ToolContext};

use crate::{
    spoken,
    store::{BrokerId, CONSULTATION, Fault, Refusal},
};

use super::{Code, Desk, Envelope, Offer, at_desk, desk::local, get_available_slots::PartOfDay};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Arguments {
    /// The broker's id as another tool returned it.
    broker_id: String,
    /// The first date on the lead's calendar, YYYY-MM-DD.
    date_from: String,
    /// The last date, YYYY-MM-DD; the same as the first for one day.
    date_to: String,
    /// The part of the lead's day. Null for any.
    part_of_day: Option<PartOfDay>,
    /// The lead's time zone, an IANA name. Null if it is the broker's.
    lead_timezone: Option<String>,
}

/// Times that are told at once.
const MOST: usize = 6;

pub(super) fn tool(desk: &Arc<Desk>) -> FunctionTool<Arguments> {
    const ABOUT: &str = "Lists a broker's free consultation times. Only these may be offered; read \
                         out `spoken`, book with `slot_id`.";
    let limit = Duration::from_millis(2_500);
    at_desk::reads(desk, ("check_broker_availability", ABOUT), limit, run)
}

async fn run(
    desk: Arc<Desk>,
    arguments: Arguments,
    _context: ToolContext,
) -> Result<Envelope, Envelope> {
    let unknown = || Envelope::refused(Code::UnknownBroker);
    let id = BrokerId::parse(&arguments.broker_id).ok_or_else(unknown)?;
    let broker = match desk.store.broker(id).await {
        Err(Fault::Refused(Refusal::NotFound)) => return Err(unknown()),
        broker => broker?,
    };
    let named = arguments.lead_timezone.as_deref().and_then(|name| TimeZone::get(name).ok());
    let zone = named.unwrap_or_else(|| broker.zone.clone());
    let date = |text: &str| text.trim().parse::<Date>();
    let (Ok(from), Ok(to)) = (date(&arguments.date_from), date(&arguments.date_to)) else {
        return Err(Envelope::refused(Code::NoneAvailable));
    };
    // A day of the lead may begin on the broker's day before and end on the one after.
    let around = (from.yesterday().unwrap_or(from), to.tomorrow().unwrap_or(to));
    let part = arguments.part_of_day.map(PartOfDay::bounds);
    let fits = |start: &Zoned| {
        let theirs = start.with_time_zone(zone.clone());
        (from..=to).contains(&theirs.date())
            && part.is_none_or(|(first, last)| (first..=last).contains(&theirs.time()))
    };
    let mut free = desk.store.broker_times(&broker, around, desk.now()).await?;
    free.retain(fits);
    free.truncate(MOST);
    let names = (broker.zone.iana_name(), zone.iana_name());
    if free.is_empty() {
        let data = json!({ "broker_timezone": names.0, "lead_timezone": names.1, "slots": [] });
        return Err(Envelope::refused(Code::NoneAvailable).with_data(data));
    }
    let slot = |start: &Zoned| -> Value {
        let offer = Offer { start: start.timestamp(), advisor: Some(broker.no) };
        let theirs = start.with_time_zone(zone.clone());
        json!({
            "slot_id": desk.offers.write(offer, CONSULTATION, desk.now()),
            "start_broker_local": local(start),
            "start_lead_local": local(&theirs),
            "start_local": local(&theirs),
            "spoken": spoken::moment(&theirs),
        })
    };
    let slots: Vec<Value> = free.iter().map(slot).collect();
    let data = json!({ "broker_timezone": names.0, "lead_timezone": names.1, "slots": slots });
    Ok(Envelope::done(data))
}
