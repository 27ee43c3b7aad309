//! Every service is held to the same contract, and the mirror to the database.

mod consent;
mod google;
mod house;
mod mirror;
mod nylas;
mod server;

use super::*;
use crate::clock::Clock;

/// Friday, noon in Chicago.
fn friday() -> Timestamp {
    "2026-11-20T18:00:00Z".parse().unwrap()
}

fn monday(hour: i8) -> Zoned {
    jiff::civil::date(2026, 11, 23).at(hour, 0, 0, 0).in_tz("America/Chicago").unwrap()
}

fn event(hour: i8) -> Event {
    Event {
        id: AppointmentId::new(friday()),
        start: monday(hour),
        end: monday(hour + 1),
        title: "oil change: Ana Lopez".to_owned(),
        details: "2018 Subaru Forester".to_owned(),
        is_busy: true,
    }
}

fn written(put: Put) -> Written {
    match put {
        Put::Done(written) => written,
        Put::Changed => panic!("nobody has changed it"),
    }
}

/// What every calendar does. `meddle` changes an event behind its back; `is_elsewhere` is whether
/// busy times come from events of the same calendar.
async fn conforms(
    calendar: &dyn Calendar,
    name: &str,
    meddle: impl AsyncFn(&Written),
) -> Result<()> {
    let mut visit = event(10);
    let first = written(calendar.put(name, &visit, None).await?);
    assert_eq!(calendar.tag(name, &first.name).await?, first.tag, "it is as it was left");

    // The answer to the first request got lost.
    let again = written(calendar.put(name, &visit, None).await?);
    assert_eq!(again.name, first.name, "the same event twice is one event");

    (visit.start, visit.end) = (monday(13), monday(14));
    let moved = written(calendar.put(name, &visit, Some(&again)).await?);
    assert_eq!(moved.name, first.name);
    assert_ne!(moved.tag, again.tag, "another state has another tag");
    let week = (monday(0).timestamp(), monday(23).timestamp());
    let hours = (monday(13).timestamp(), monday(14).timestamp());
    assert_eq!(calendar.busy(name, week).await?, [hours]);

    meddle(&moved).await;
    assert_ne!(calendar.tag(name, &moved.name).await?, moved.tag);
    assert_eq!(calendar.put(name, &visit, Some(&moved)).await?, Put::Changed);
    assert_eq!(
        calendar.put(name, &visit, None).await?,
        Put::Done(Written {
            tag: calendar.tag(name, &moved.name).await?,
            name: moved.name.clone(),
        })
    );

    // A house with several bays has time for others.
    visit.is_busy = false;
    let open = written(calendar.put(name, &visit, None).await?);
    assert_eq!(calendar.busy(name, week).await?, []);

    calendar.remove(name, visit.id, Some(&open.name)).await?;
    assert_eq!(calendar.tag(name, &open.name).await?, None);
    calendar.remove(name, visit.id, Some(&open.name)).await?;
    calendar.remove(name, visit.id, None).await?;
    assert_eq!(calendar.put(name, &visit, Some(&open)).await?, Put::Changed);
    let anew = written(calendar.put(name, &visit, None).await?);
    calendar.remove(name, visit.id, None).await?;
    assert_eq!(calendar.tag(name, &anew.name).await?, None);

    let nowhere = calendar.busy("no-such-calendar", week).await;
    assert!(nowhere.is_err(), "nobody is free because there is no such calendar");
    Ok(())
}

#[tokio::test]
async fn calendars_of_a_caldav_server_conform() {
    let Ok(url) = std::env::var("DEALERSHIP_TEST_CALDAV") else {
        println!("SKIPPED: DEALERSHIP_TEST_CALDAV is not set; see .ci/calendars");
        return;
    };
    let calendar = || {
        CalDav::new(&url, "service", voiceagent_core::Secret::new("hush"), Clock::System).unwrap()
    };
    let (one, other) = (calendar(), calendar());
    let meddle = async |written: &Written| {
        let id = written.name.trim_end_matches(".ics");
        let id = AppointmentId::parse(id).unwrap();
        let meddled = Event { id, title: "lunch".to_owned(), ..event(13) };
        other.put("service/visits", &meddled, None).await.unwrap();
    };
    conforms(&one, "service/visits", meddle).await.unwrap();
}

#[tokio::test]
async fn an_address_that_is_none_is_named() {
    let error = CalDav::new("nowhere", "a", voiceagent_core::Secret::new("b"), Clock::System);
    assert!(error.unwrap_err().message().contains("`calendar.url`"));
}
