use std::{sync::Arc, time::Duration};

use jiff::civil::{Date, Time, time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use voiceagent_core::{
    Error, ErrorKind,
    tool::{Effect, FunctionTool, ToolContext},
};

use crate::{
    spoken,
    store::{
        Advisor, Availability, CONSULTATION, Fault, Location, LocationId, Refusal, SlotSearch,
    },
};

use super::{Code, Desk, Envelope};

/// What a model may ask for. Which of these a house has stands in its database.
pub(super) const SERVICES: [&str; 12] = [
    "oil_change",
    "tire_rotation",
    "brake_inspection",
    "diagnostic",
    "battery",
    "major_service",
    "recall",
    "state_inspection",
    "test_drive",
    "sales_consult",
    "broker_consult",
    "other",
];

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Arguments {
    /// The place's id as this tool returned it. Null for the one that was called.
    location_id: Option<String>,
    /// What the visit is for.
    #[schemars(extend("enum" = SERVICES))]
    service_type: String,
    /// The first local date, YYYY-MM-DD.
    date_from: String,
    /// The last local date, YYYY-MM-DD; the same as the first for one day.
    date_to: String,
    /// The part of the day that the caller prefers. Null for any.
    part_of_day: Option<PartOfDay>,
    /// The earliest start, local HH:MM on the 24-hour clock. Null for any.
    earliest_time: Option<String>,
    /// The latest start, local HH:MM on the 24-hour clock. Null for any.
    latest_time: Option<String>,
    /// The advisor's id as this tool returned it. Null for anybody.
    advisor_id: Option<String>,
    /// How many times to return, 1 to 8. Null for 4.
    #[schemars(range(min = 1, max = 8))]
    limit: Option<u8>,
}

#[derive(Clone, Copy, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum PartOfDay {
    Afternoon,
    Evening,
    Midday,
    Morning,
}

impl PartOfDay {
    /// The first and the last start.
    pub(super) fn bounds(self) -> (Time, Time) {
        match self {
            Self::Morning => (time(0, 0, 0, 0), time(11, 59, 0, 0)),
            Self::Midday => (time(11, 0, 0, 0), time(13, 59, 0, 0)),
            Self::Afternoon => (time(12, 0, 0, 0), time(16, 59, 0, 0)),
            Self::Evening => (time(17, 0, 0, 0), time(23, 59, 0, 0)),
        }
    }
}

pub(super) fn tool(desk: &Arc<Desk>) -> FunctionTool<Arguments> {
    let desk = Arc::clone(desk);
    FunctionTool::new(
        "get_available_slots",
        "Lists free times. Only these may be offered; read out `spoken`, book with `slot_id`.",
        move |arguments: Arguments, context: ToolContext| {
            let desk = Arc::clone(&desk);
            async move {
                let filter = Filter::read(&arguments)?;
                // For the case that the call breaks off; a search needs no memory.
                let wish = json!({
                    "service_type": arguments.service_type,
                    "date_from": filter.from.to_string(),
                    "date_to": filter.to.to_string(),
                    "part_of_day": arguments.part_of_day,
                });
                if let Err(fault) =
                    desk.store.note_wish(context.call.as_str(), &wish, desk.now()).await
                {
                    tracing::warn!(error = %Error::from(fault), "a wish is not kept");
                }
                if let Some(part) = arguments.part_of_day {
                    let memory = json!({ "preferences": { "part_of_day": part } });
                    desk.remember(&context, &memory).await;
                }
                Ok(run(&desk, arguments, filter).await.unwrap_or_else(|refused| refused))
            }
        },
    )
    .effect(Effect::Pure)
    .timeout(Duration::from_millis(2_500))
    .cancellable(true)
}

struct Filter {
    from: Date,
    to: Date,
    earliest: Option<Time>,
    latest: Option<Time>,
}

impl Filter {
    fn read(arguments: &Arguments) -> Result<Self, Error> {
        let (from, to) = (date(&arguments.date_from)?, date(&arguments.date_to)?);
        if to < from {
            return Err(wrong("date_to is before date_from"));
        }
        let part = arguments.part_of_day.map(PartOfDay::bounds);
        let earliest = clock(arguments.earliest_time.as_deref())?;
        let latest = clock(arguments.latest_time.as_deref())?;
        Ok(Self {
            from,
            to,
            earliest: earliest.max(part.map(|(first, _)| first)),
            latest: match (latest, part.map(|(_, last)| last)) {
                (Some(one), Some(other)) => Some(one.min(other)),
                (one, other) => one.or(other),
            },
        })
    }
}

async fn run(desk: &Desk, arguments: Arguments, filter: Filter) -> Result<Envelope, Envelope> {
    let places = desk.store.locations().await?;
    let none = || Envelope::refused(Code::NoneAvailable);
    let wanted = match &arguments.location_id {
        Some(id) => Some(LocationId::parse(id).ok_or_else(none)?),
        None => desk.called,
    };
    let location = match wanted {
        Some(id) => places.iter().find(|place| place.id == id),
        None => places.first(),
    };
    let location = location.ok_or_else(none)?;
    if arguments.service_type == CONSULTATION {
        // A broker's times are the broker's.
        return Err(none());
    }
    let place = places.first().filter(|first| first.id != location.id).map(|_| location.id);
    let advisors = desk.store.advisors(location.id).await?;
    let advisor = match &arguments.advisor_id {
        Some(id) => {
            Some(advisors.iter().find(|advisor| advisor.id == id.trim()).ok_or_else(|| {
                Envelope::refused(Code::NoneAvailable)
                    .with_data(json!({ "advisors": names(&advisors) }))
            })?)
        }
        None => None,
    };
    let search = SlotSearch {
        service: arguments.service_type,
        from: filter.from,
        to: filter.to,
        earliest: filter.earliest,
        latest: filter.latest,
        advisor: advisor.map(|advisor| advisor.no),
        location: place,
        preferred: match &desk.caller {
            Some(phone) => desk.store.preferred_advisor(phone).await?,
            None => None,
        },
        limit: usize::from(arguments.limit.unwrap_or(4).clamp(1, 8)),
    };
    let found = match desk.store.find_slots(&search, desk.now()).await {
        Ok(found) => found,
        Err(fault) => return Err(explain(desk, location, fault).await?),
    };
    let with = advisor.map(|advisor| (advisor.no, advisor.name.as_str()));
    let offer = |slot| desk.offer(slot, (place, search.service.as_str()), with);
    let places: Vec<Value> =
        places.iter().map(|place| json!({ "location_id": place.id, "name": place.name })).collect();
    let data = json!({
        "location_id": location.id,
        "timezone": location.zone.iana_name(),
        "slots": found.slots.iter().map(offer).collect::<Vec<_>>(),
        "next_available": found.next.as_ref().map(offer),
        "closed_dates": found.closed.iter()
            .map(|(date, reason)| json!({ "date": date.to_string(), "reason": reason }))
            .collect::<Vec<_>>(),
        "advisors": names(&advisors),
        "locations": places,
    });
    Ok(answer(&found).with_data(data))
}

fn answer(found: &Availability) -> Envelope {
    let times: Vec<String> = found.slots.iter().map(|slot| spoken::moment(&slot.start)).collect();
    if !times.is_empty() {
        return Envelope::done(json!({})).say(format!("I have {}.", times.join(", or ")));
    }
    let next = match &found.next {
        Some(next) => format!(" The next free time is {}.", spoken::moment(&next.start)),
        None => String::new(),
    };
    match found.closed.first() {
        Some((_, reason)) if found.all_closed => {
            Envelope::refused(Code::Closed).say(format!("We are {reason}.{next}"))
        }
        _ => Envelope::refused(Code::NoneAvailable).say(format!("Nothing is free then.{next}")),
    }
}

/// Adds what the caller needs for a better question.
async fn explain(desk: &Desk, location: &Location, fault: Fault) -> Result<Envelope, Envelope> {
    let Fault::Refused(refusal) = fault else {
        return Err(fault.into());
    };
    if refusal == Refusal::UnknownService {
        let codes = desk.store.service_codes().await?;
        return Ok(Envelope::from(refusal).with_data(json!({ "service_types": codes })));
    }
    let date = |moment: jiff::Timestamp| moment.to_zoned(location.zone.clone()).date();
    let (first, last) = (date(desk.now()), date(location.horizon(desk.now())));
    Ok(Envelope::from(refusal).with_data(json!({
        "first_date": first.to_string(), "last_date": last.to_string(),
    })))
}

fn names(advisors: &[Advisor]) -> Vec<Value> {
    advisors
        .iter()
        .map(|advisor| json!({ "advisor_id": advisor.id, "name": advisor.name }))
        .collect()
}

fn date(text: &str) -> Result<Date, Error> {
    text.trim().parse().map_err(|_| wrong("a date is not of the form YYYY-MM-DD"))
}

fn clock(text: Option<&str>) -> Result<Option<Time>, Error> {
    text.map(|text| text.trim().parse().map_err(|_| wrong("a time is not of the form HH:MM")))
        .transpose()
}

fn wrong(message: &'static str) -> Error {
    Error::new(ErrorKind::Rejected, "tool", message)
}
