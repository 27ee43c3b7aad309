use jiff::Timestamp;

use super::{
    facts::{CodeState, Deed, Facts, Handed, LeadState, Shown, Standing},
    script::DEEDS,
};
use crate::{
    brain::Reading,
    phone::Phone,
    store::{AppointmentId, Fault, LocationId, Progress, SlotSearch, Store, ToolUse},
    tools::Identity,
};

/// What the tables are asked of a call.
pub(super) struct Asked<'a> {
    pub(super) store: &'a Store,
    pub(super) now: Timestamp,
    pub(super) call: &'a str,
    pub(super) phone: Option<&'a Phone>,
    /// The place that was called, where that is not the first.
    pub(super) place: Option<LocationId>,
    pub(super) identity: Identity,
    pub(super) is_for_lead: bool,
    pub(super) by_machine: bool,
}

/// What they say.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Known {
    pub(super) facts: Facts,
    /// How many tools have run.
    pub(super) ran: usize,
    /// Whether the call comes from a customer's number.
    pub(super) has_own_number: bool,
}

impl Asked<'_> {
    /// Asks. Without a reading, what is talked about is as it was.
    pub(super) async fn answer(
        &self,
        ran_before: usize,
        reading: Option<&Reading>,
        last: Known,
    ) -> Result<Known, Fault> {
        let progress = self.store.progress(self.call, self.phone).await?;
        let (visit_stands, time_is_free) = match reading {
            Some(reading) => (self.visit_stands(reading).await?, self.is_free(reading).await),
            None => (last.facts.visit_stands, last.facts.time_is_free),
        };
        let facts = Facts {
            standing: self.standing(&progress),
            shown: self.shown(&progress),
            lead: self.lead(&progress),
            visit_stands,
            time_is_free,
            deed: deed(progress.tools.get(ran_before..).unwrap_or_default()),
            code: code(&progress),
            handed: handed(&progress),
        };
        let ran = progress.tools.len();
        Ok(Known { facts, ran, has_own_number: progress.is_customers })
    }

    fn standing(&self, progress: &Progress) -> Standing {
        if self.by_machine {
            Standing::Machine
        } else if did(progress, "record_opt_out") {
            Standing::OptedOut
        } else {
            Standing::Usual
        }
    }

    fn shown(&self, progress: &Progress) -> Shown {
        let by_number = self.identity == Identity::Number
            && (progress.is_customers || did(progress, "upsert_customer"));
        if by_number || progress.has_own_visit || did(progress, "verify_identity") {
            Shown::Yes
        } else if progress.tools.iter().any(|tool| tool.code == "IDENTITY_LOCKED") {
            Shown::Locked
        } else {
            Shown::No
        }
    }

    fn lead(&self, progress: &Progress) -> LeadState {
        match (self.is_for_lead, progress.qualified) {
            (false, _) => LeadState::None,
            (true, None) => LeadState::Open,
            (true, Some(true)) => LeadState::Qualified,
            (true, Some(false)) => LeadState::NotQualified,
        }
    }

    async fn visit_stands(&self, reading: &Reading) -> Result<bool, Fault> {
        let id = reading.dialogue.appointment.as_ref().map(|one| AppointmentId::parse(&one.id));
        match id {
            Some(Some(id)) => self.store.stands(id, self.now).await,
            Some(None) | None => Ok(false),
        }
    }

    /// Whether the time that was chosen can still be had. Where that cannot be told, the booking
    /// itself will.
    async fn is_free(&self, reading: &Reading) -> bool {
        let dialogue = &reading.dialogue;
        let moved = dialogue.appointment.as_ref().and_then(|moved| moved.service);
        let (Some(chosen), Some(service)) = (&dialogue.chosen, moved.or(dialogue.service)) else {
            return true;
        };
        if self.is_for_lead {
            return true;
        }
        let (date, time) = (chosen.start.date(), chosen.start.time());
        let search = SlotSearch {
            service: service.code.to_owned(),
            from: date,
            to: date,
            earliest: Some(time),
            latest: Some(time),
            advisor: None,
            location: self.place,
            preferred: None,
            limit: 2,
        };
        self.store.find_slots(&search, self.now).await.map_or(true, |found| !found.slots.is_empty())
    }
}

fn did(progress: &Progress, tool: &str) -> bool {
    progress.tools.iter().any(|used| used.name == tool && used.code == "OK")
}

/// What came of the last deed.
fn deed(tools: &[ToolUse]) -> Deed {
    let last = tools.iter().rev().find(|tool| DEEDS.contains(&tool.name.as_str()));
    let Some(ToolUse { name, code }) = last else { return Deed::Pending };
    match code.as_str() {
        "OK" => Deed::Done,
        "SLOT_TAKEN" | "SLOT_EXPIRED" | "VEHICLE_BUSY" | "NOT_CONFIRMED" => Deed::Lost,
        // Something is missing that may be asked for.
        "CUSTOMER_REQUIRED" | "VEHICLE_REQUIRED" | "INVALID_FIELD" => Deed::Pending,
        "DB_UNAVAILABLE" | "UPSTREAM_UNAVAILABLE" | "ERROR" => Deed::Failed,
        _ if name == "book_appointment" => Deed::Lost,
        _ => Deed::Refused,
    }
}

fn code(progress: &Progress) -> CodeState {
    let sent =
        progress.tools.iter().rev().find(|tool| tool.name == "send_appointment_confirmation");
    match (progress.code.as_deref(), sent) {
        (Some("verified" | "locked"), _) => CodeState::Settled,
        (_, Some(sent)) if sent.code != "OK" => CodeState::Settled,
        (Some(_), _) => CodeState::Sent,
        (None, _) => CodeState::None,
    }
}

fn handed(progress: &Progress) -> Handed {
    match progress.handed.as_deref() {
        Some("transferring") => Handed::Through,
        _ if progress.has_callback => Handed::Callback,
        Some(_) => Handed::Failed,
        None => Handed::No,
    }
}
