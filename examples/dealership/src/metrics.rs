//! What Prometheus reads: counts and times of this process.

use std::{
    collections::BTreeMap,
    sync::{Mutex, OnceLock},
    time::Duration,
};

use prometheus::{
    Encoder, GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge,
    IntGaugeVec, Opts, Registry, TextEncoder, core::Collector,
};
use voiceagent_core::transport::Direction;
use voiceagent_telephony::sip::{SipNeighbor, SipReach};

use crate::{logging, store::Attendance, strain::Strain};

/// Names of tools that are counted apart; a template may bring its own, and a time series is for
/// ever.
const MOST_TOOLS: usize = 64;

/// The outcome of a call that failed, whatever came of it before.
pub(crate) const FAILED: &str = "failed";

/// Counts and times. They begin with the process.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    active: IntGauge,
    calls: IntCounterVec,
    first_response: Histogram,
    jobs: IntGaugeVec,
    log_lines: IntCounter,
    lookups: HistogramVec,
    no_shows: GaugeVec,
    recovery: IntCounter,
    rejections: IntCounterVec,
    response: Histogram,
    sip: IntGaugeVec,
    spans: IntCounterVec,
    strain: IntGaugeVec,
    tools: HistogramVec,
    known_tools: Mutex<Vec<String>>,
    neighbors: OnceLock<Vec<SipNeighbor>>,
    late_jobs: IntGauge,
    ratings: IntGaugeVec,
}

/// What only the database can tell.
#[derive(Debug, Default)]
pub(crate) struct Stored {
    /// Jobs by how they stand.
    pub(crate) jobs: Vec<(String, i64)>,
    /// Jobs that are due for long.
    pub(crate) late: i64,
    /// Ratings of the last 30 days by their stars.
    pub(crate) ratings: BTreeMap<u8, i64>,
}

/// What is looked up for a caller.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Lookup {
    /// Everything that is known of a call before it is answered.
    Context,
    /// Whose number calls.
    Caller,
}

/// Why somebody was not let in.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Rejection {
    /// The key of an operator is wrong or missing.
    Key,
    /// The link of a customer is not one of ours.
    Link,
    /// The request is not signed by the carrier.
    Signature,
}

impl Rejection {
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::Link => "link",
            Self::Signature => "signature",
        }
    }
}

impl Default for Metrics {
    fn default() -> Self {
        let registry = Registry::new();
        let metrics = Self {
            active: gauge(&registry, "va_active_calls", "Calls that go on."),
            calls: made(
                &registry,
                IntCounterVec::new(
                    opts("va_calls_total", "Calls that are over, by what came of them."),
                    &["direction", "outcome"],
                ),
            ),
            first_response: histogram(
                &registry,
                "va_first_response_seconds",
                "From the beginning of a call to the agent's first sound.",
            ),
            jobs: gauges(
                &registry,
                ("va_jobs", "Jobs in the database, by how they stand."),
                "state",
            ),
            log_lines: counter(
                &registry,
                "va_log_lines_dropped_total",
                "Lines of the log that nobody read in time.",
            ),
            lookups: histograms(
                &registry,
                ("va_lookup_seconds", "How long looking up what is known took."),
                "of",
            ),
            no_shows: made(&registry, no_shows()),
            recovery: counter(
                &registry,
                "va_recovery_sms_total",
                "Texts to callers whose call broke off.",
            ),
            rejections: counters(
                &registry,
                ("va_security_rejections_total", "Requests that were not let in."),
                "reason",
            ),
            response: histogram(
                &registry,
                "va_response_seconds",
                "From the caller's last sound to the agent's first.",
            ),
            sip: gauges(
                &registry,
                ("va_sip_reachable", "Whether SIP neighbors answer."),
                "neighbor",
            ),
            spans: counters(
                &registry,
                ("va_spans_total", "Spans for the collector, by what became of them."),
                "end",
            ),
            strain: gauges(
                &registry,
                ("va_short_of", "1 while no call is let in, because this is short."),
                "what",
            ),
            tools: histograms(&registry, ("va_tool_seconds", "How long tools took."), "tool"),
            known_tools: Mutex::default(),
            neighbors: OnceLock::new(),
            late_jobs: gauge(
                &registry,
                "va_jobs_late",
                "Jobs in the database that are due for ten minutes, and nobody does them.",
            ),
            ratings: gauges(
                &registry,
                ("va_ratings", "Ratings of calls in the last 30 days, by their stars."),
                "stars",
            ),
            registry,
        };
        metrics.begin_at_zero();
        metrics
    }
}

impl Metrics {
    /// Series that are there from the beginning are at zero, and rates of them are known.
    fn begin_at_zero(&self) {
        for reason in [Rejection::Key, Rejection::Link, Rejection::Signature] {
            self.rejections.with_label_values(&[reason.word()]).inc_by(0);
        }
        self.strained(None);
        for end in ["dropped", "failed", "sent"] {
            self.spans.with_label_values(&[end]).inc_by(0);
        }
        for direction in ["inbound", "outbound"] {
            self.calls.with_label_values(&[direction, FAILED]).inc_by(0);
        }
    }

    pub(crate) fn call_over(&self, direction: Direction, outcome: &str) {
        let direction = match direction {
            Direction::Inbound => "inbound",
            Direction::Outbound => "outbound",
        };
        self.calls.with_label_values(&[direction, outcome]).inc();
    }

    pub(crate) fn first_response(&self, took: Duration) {
        self.first_response.observe(took.as_secs_f64());
    }

    pub(crate) fn lookup(&self, of: Lookup, took: Duration) {
        let of = match of {
            Lookup::Context => "context",
            Lookup::Caller => "caller",
        };
        self.lookups.with_label_values(&[of]).observe(took.as_secs_f64());
    }

    pub(crate) fn recovery_sent(&self) {
        self.recovery.inc();
    }

    pub(crate) fn rejected(&self, why: Rejection) {
        self.rejections.with_label_values(&[why.word()]).inc();
    }

    /// So many spans came to this end: `dropped`, `failed` or `sent`.
    pub(crate) fn spans(&self, end: &str, count: u64) {
        self.spans.with_label_values(&[end]).inc_by(count);
    }

    pub(crate) fn response(&self, took: Duration) {
        self.response.observe(took.as_secs_f64());
    }

    pub(crate) fn strained(&self, strain: Option<Strain>) {
        for one in Strain::ALL {
            self.strain.with_label_values(&[one.word()]).set((strain == Some(one)).into());
        }
    }

    /// Tells from now on whether these answer.
    pub(crate) fn watch_sip(&self, neighbors: &[SipNeighbor]) {
        // A program has one server.
        let _ = self.neighbors.set(neighbors.to_vec());
    }

    pub(crate) fn tool(&self, name: &str, took: Duration) {
        let name = if self.is_known(name) { name } else { "other" };
        self.tools.with_label_values(&[name]).observe(took.as_secs_f64());
    }

    fn is_known(&self, name: &str) -> bool {
        // Nothing can be half-done in a panic: there is one step.
        let mut known = self.known_tools.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if known.iter().any(|one| one == name) {
            return true;
        }
        let has_room = known.len() < MOST_TOOLS;
        if has_room {
            known.push(name.to_owned());
        }
        has_room
    }

    /// Takes in who did not come to their appointments. Of a way to confirm them of which nothing is
    /// known there is no figure.
    pub(crate) fn attendance(&self, known: &[Attendance]) {
        self.no_shows.reset();
        for one in known {
            self.no_shows.with_label_values(&[&one.confirmation]).set(one.no_show_rate());
        }
    }

    /// All of it in Prometheus' text format. `active` calls go on.
    pub(crate) fn text(&self, active: usize, stored: &Stored) -> String {
        self.active.set(i64::try_from(active).unwrap_or(i64::MAX));
        self.jobs.reset();
        for (state, count) in &stored.jobs {
            self.jobs.with_label_values(&[state.as_str()]).set(*count);
        }
        self.late_jobs.set(stored.late);
        for stars in 1..=5 {
            let count = stored.ratings.get(&stars).copied().unwrap_or_default();
            self.ratings.with_label_values(&[stars.to_string().as_str()]).set(count);
        }
        for neighbor in self.neighbors.get().into_iter().flatten() {
            let gauge = self.sip.with_label_values(&[neighbor.name()]);
            match *neighbor.reach().borrow() {
                SipReach::Reachable => gauge.set(1),
                SipReach::Unreachable => gauge.set(0),
                // Who has not been asked yet has no series.
                _ => drop(self.sip.remove_label_values(&[neighbor.name()])),
            }
        }
        self.log_lines.reset();
        self.log_lines.inc_by(logging::dropped());
        let mut text = Vec::new();
        // Writing to memory does not fail, and the names are those of this file.
        let _ = TextEncoder::new().encode(&self.registry.gather(), &mut text);
        String::from_utf8_lossy(&text).into_owned()
    }
}

fn counter(registry: &Registry, name: &str, help: &str) -> IntCounter {
    made(registry, IntCounter::with_opts(opts(name, help)))
}

fn counters(registry: &Registry, (name, help): (&str, &str), label: &str) -> IntCounterVec {
    made(registry, IntCounterVec::new(opts(name, help), &[label]))
}

fn gauge(registry: &Registry, name: &str, help: &str) -> IntGauge {
    made(registry, IntGauge::with_opts(opts(name, help)))
}

fn gauges(registry: &Registry, (name, help): (&str, &str), label: &str) -> IntGaugeVec {
    made(registry, IntGaugeVec::new(opts(name, help), &[label]))
}

fn histogram(registry: &Registry, name: &str, help: &str) -> Histogram {
    made(registry, Histogram::with_opts(seconds(name, help)))
}

fn histograms(registry: &Registry, (name, help): (&str, &str), label: &str) -> HistogramVec {
    made(registry, HistogramVec::new(seconds(name, help), &[label]))
}

fn no_shows() -> prometheus::Result<GaugeVec> {
    const ABOUT: &str = "The share of those who did not come to their appointment in 30 days, by how it was confirmed.";
    GaugeVec::new(opts("va_no_show_rate", ABOUT), &["confirmation"])
}

fn opts(name: &str, help: &str) -> Opts {
    Opts::new(name, help)
}

/// Buckets from a millisecond to ten seconds; 100 ms, 500 ms and 2 s are what is promised.
fn seconds(name: &str, help: &str) -> HistogramOpts {
    HistogramOpts::new(name, help).buckets(vec![
        0.001, 0.002, 0.005, 0.01, 0.03, 0.05, 0.1, 0.2, 0.3, 0.5, 0.8, 1.2, 2.0, 5.0, 10.0,
    ])
}

fn made<C: Collector + Clone + 'static>(
    registry: &Registry,
    collector: prometheus::Result<C>,
) -> C {
    let collector = collector.expect("the names and labels are part of the program");
    registry.register(Box::new(collector.clone())).expect("each name is there once");
    collector
}

#[cfg(test)]
mod tests {
    use voiceagent_telephony::sip::{SipConfig, SipServer, SipTrunk};

    use super::*;

    #[test]
    fn prometheus_reads_calls_times_rejections_and_recoveries() {
        let metrics = Metrics::default();
        metrics.call_over(Direction::Inbound, "booked");
        metrics.call_over(Direction::Inbound, FAILED);
        metrics.first_response(Duration::from_millis(320));
        metrics.lookup(Lookup::Caller, Duration::from_millis(4));
        metrics.recovery_sent();
        metrics.rejected(Rejection::Signature);
        metrics.response(Duration::from_millis(700));
        metrics.strained(Some(Strain::Processor));
        metrics.tool("get_time", Duration::from_millis(3));
        let stored =
            Stored { jobs: vec![("ready".to_owned(), 5)], late: 1, ratings: [(4, 3)].into() };
        let text = metrics.text(2, &stored);
        for line in [
            "va_active_calls 2",
            "va_calls_total{direction=\"inbound\",outcome=\"booked\"} 1",
            "va_calls_total{direction=\"inbound\",outcome=\"failed\"} 1",
            "va_calls_total{direction=\"outbound\",outcome=\"failed\"} 0",
            "va_first_response_seconds_bucket{le=\"0.3\"} 0",
            "va_first_response_seconds_bucket{le=\"0.5\"} 1",
            "va_jobs{state=\"ready\"} 5",
            "va_jobs_late 1",
            "va_ratings{stars=\"4\"} 3",
            "va_ratings{stars=\"5\"} 0",
            "va_lookup_seconds_bucket{of=\"caller\",le=\"0.005\"} 1",
            "va_recovery_sms_total 1",
            "va_response_seconds_count 1",
            "va_security_rejections_total{reason=\"key\"} 0",
            "va_security_rejections_total{reason=\"signature\"} 1",
            "va_short_of{what=\"memory\"} 0",
            "va_short_of{what=\"processor\"} 1",
            "va_tool_seconds_count{tool=\"get_time\"} 1",
        ] {
            assert!(text.lines().any(|one| one == line), "{line} in\n{text}");
        }
        let emptied = metrics.text(0, &Stored::default());
        assert!(!emptied.contains("va_jobs{"), "what is gone is not told on: {emptied}");
    }

    #[tokio::test]
    async fn a_trunk_that_does_not_answer_is_told_once_it_has_been_asked() {
        let mut config = SipConfig::new(([127, 0, 0, 1], 0).into(), vec![]);
        // Nobody can be connected to there.
        config.trunk = Some(SipTrunk::new("sip:127.0.0.1:1;transport=tcp"));
        let server = SipServer::bind(config).await.unwrap();
        let metrics = Metrics::default();
        metrics.watch_sip(server.neighbors());
        let mut reach = server.neighbors()[0].reach();
        reach.wait_for(|reach| *reach == SipReach::Unreachable).await.unwrap();
        let away = "va_sip_reachable{neighbor=\"sip:127.0.0.1:1;transport=tcp\"} 0";
        let text = metrics.text(0, &Stored::default());
        assert!(text.lines().any(|line| line == away), "{text}");
    }

    #[test]
    fn the_rate_of_those_who_do_not_come_is_told_by_how_they_confirmed() {
        let metrics = Metrics::default();
        let known = |confirmation: &str, came, missed| Attendance {
            confirmation: confirmation.to_owned(),
            came,
            missed,
        };
        metrics.attendance(&[known("code", 19, 1), known("none", 3, 1)]);
        let text = metrics.text(0, &Stored::default());
        for line in [
            "va_no_show_rate{confirmation=\"code\"} 0.05",
            "va_no_show_rate{confirmation=\"none\"} 0.25",
        ] {
            assert!(text.lines().any(|one| one == line), "{line} in\n{text}");
        }
        metrics.attendance(&[known("code", 1, 0)]);
        let text = metrics.text(0, &Stored::default());
        assert!(!text.contains("confirmation=\"none\""), "what nobody knows is not told: {text}");
    }

    #[test]
    fn tools_of_templates_do_not_make_time_series_without_end() {
        let metrics = Metrics::default();
        for number in 0..200 {
            metrics.tool(&format!("tool_{number}"), Duration::ZERO);
        }
        let text = metrics.text(0, &Stored::default());
        let series = text.lines().filter(|line| line.starts_with("va_tool_seconds_count")).count();
        assert_eq!(series, MOST_TOOLS + 1);
        assert!(text.contains("va_tool_seconds_count{tool=\"other\"} 136"), "{text}");
    }
}
