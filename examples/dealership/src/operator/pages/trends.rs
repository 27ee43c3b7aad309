use std::collections::BTreeSet;

use axum::{
    extract::{Query, State, rejection::QueryRejection},
    response::Html,
};
use maud::{Markup, html};
use serde::Deserialize;

use super::{
    super::{
        Shared,
        plots::{Plot, Series},
        refusal::Refusal,
    },
    Trouble, shell,
};
use crate::store::{Grain, Trend};

/// How many days, or weeks, are drawn.
const DAYS: u32 = 30;
const WEEKS: u32 = 26;
/// Outcomes that have a colour of their own; the rest share one.
const COLOURED: [&str; 6] =
    ["booked", "rescheduled", "cancelled", "handed_over", "abandoned", "failed"];

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    by: By,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case")]
enum By {
    #[default]
    Day,
    Week,
}

pub(super) async fn page(
    State(desk): State<Shared>,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Html<String>, Trouble> {
    let content = content(&desk, asked).await;
    let content = content.map_err(|refusal| Trouble(desk.clone(), refusal))?;
    Ok(shell(&desk, "Trends", &content))
}

async fn content(
    desk: &Shared,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Markup, Refusal> {
    let Query(Asked { by }) = asked?;
    let office = &desk.office;
    let wanted = match by {
        By::Day => (Grain::Day, DAYS),
        By::Week => (Grain::Week, WEEKS),
    };
    let now = office.clock.now();
    let trends = office.store.trends(wanted, &office.zone, now).await?;
    let since =
        trends.first().map_or_else(|| now.to_zoned(office.zone.clone()).date(), |one| one.from);
    let places = office.store.places_booked(since, &office.zone).await?;
    Ok(html! {
        p.ways {
            a href="/dashboard/trends" aria-current=[(by == By::Day).then_some("page")] { "By day" }
            " "
            a href="/dashboard/trends?by=week" aria-current=[(by == By::Week).then_some("page")] { "By week" }
        }
        (outcomes(&trends).bars())
        (success(&trends).lines())
        (speed(&trends).lines())
        @if trends.iter().any(|one| one.ratings > 0) { (rating(&trends).lines()) }
        @if trends.iter().any(|one| one.cost_micros > 0) { (cost(&trends).bars()) }
        (figures(&trends))
        @if !places.is_empty() {
            h2 { "Where" }
            table #places {
                caption { "Appointments that were made since " (since) " and stand" }
                tbody {
                    @for (place, count) in &places {
                        tr { th scope="row" { (place) } td { (count) } }
                    }
                }
            }
        }
    })
}

fn plot(id: &'static str, title: &'static str, trends: &[Trend], series: Vec<Series>) -> Plot {
    let labels = trends.iter().map(|one| one.from.strftime("%b %-d").to_string()).collect();
    Plot { id, title, unit: "", labels, series }
}

fn outcomes(trends: &[Trend]) -> Plot {
    let all: BTreeSet<&str> =
        trends.iter().flat_map(|one| one.outcomes.keys().map(String::as_str)).collect();
    let known = COLOURED.into_iter().filter(|name| all.contains(name));
    let rest = all.iter().copied().filter(|name| !COLOURED.contains(name));
    let series = known.chain(rest).map(|name| Series {
        name: name.replace('_', " "),
        class: match COLOURED.contains(&name) {
            true => format!("of-{name}"),
            false => "of-rest".to_owned(),
        },
        values: trends
            .iter()
            .map(|one| one.outcomes.get(name).map(|count| *count as f64))
            .collect(),
    });
    plot("outcomes", "What came of calls", trends, series.collect())
}

fn one(name: &str, class: &str, trends: &[Trend], value: impl Fn(&Trend) -> Option<f64>) -> Series {
    let values = trends.iter().map(value).collect();
    Series { name: name.to_owned(), class: class.to_owned(), values }
}

fn success(trends: &[Trend]) -> Plot {
    let series = one("did not fail", "of-booked", trends, Trend::success_percent);
    Plot { unit: " %", ..plot("success", "Calls that did not fail", trends, vec![series]) }
}

fn speed(trends: &[Trend]) -> Plot {
    let ms = |ms: Option<i64>| ms.map(|ms| ms as f64);
    let series = vec![
        one("median", "of-median", trends, |one| ms(one.response_p50_ms)),
        one("95 of 100", "of-most", trends, |one| ms(one.response_p95_ms)),
    ];
    Plot { unit: " ms", ..plot("speed", "How long answers take", trends, series) }
}

fn rating(trends: &[Trend]) -> Plot {
    let series = vec![one("stars of 5", "of-booked", trends, Trend::rating)];
    plot("rating", "How callers rate their calls", trends, series)
}

fn cost(trends: &[Trend]) -> Plot {
    let dollars = |one: &Trend| Some(one.cost_micros as f64 / 1e6);
    let series = vec![one("cost", "of-cost", trends, dollars)];
    Plot { unit: " $", ..plot("cost", "What calls cost", trends, series) }
}

/// The same as numbers, for those who do not see the plots.
fn figures(trends: &[Trend]) -> Markup {
    let ms = |ms: Option<i64>| super::millis(ms);
    html! {
        details {
            summary { "As numbers" }
            table #figures {
                thead {
                    tr { th { "From" } th { "Calls" } th { "Outcomes" } th { "Did not fail" }
                        th { "Median" } th { "95 of 100" } th { "Rating" } th { "Dollars" } }
                }
                tbody {
                    @for one in trends.iter().rev().filter(|one| one.calls() > 0) {
                        tr {
                            td { (one.from) }
                            td { (one.calls()) }
                            td { (told(one)) }
                            td { @if let Some(rate) = one.success_percent() { (format!("{rate:.1} %")) } }
                            td { (ms(one.response_p50_ms)) }
                            td { (ms(one.response_p95_ms)) }
                            td { @if let Some(stars) = one.rating() { (format!("{stars:.1} ({})", one.ratings)) } }
                            td { (format!("{:.2}", one.cost_micros as f64 / 1e6)) }
                        }
                    }
                }
            }
        }
    }
}

fn told(one: &Trend) -> String {
    let counts = one.outcomes.iter().map(|(name, count)| format!("{name} {count}"));
    counts.collect::<Vec<_>>().join(", ")
}
