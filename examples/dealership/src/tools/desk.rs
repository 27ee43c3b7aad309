use jiff::{Timestamp, Zoned};
use serde_json::{Value, json};
use voiceagent_core::{Secret, tool::ToolContext};

use crate::{
    clock::Clock,
    phone::Phone,
    spoken,
    store::{Appointment, AppointmentId, Customer, CustomerId, Fault, Refusal, Slot, Store},
    vin::Decoder,
};

use super::{Code, Envelope, Offer, OfferKey};

/// What the tools of one call work with.
#[derive(Clone, Debug)]
pub struct Desk {
    pub(super) store: Store,
    pub(super) clock: Clock,
    pub(super) decoder: Decoder,
    pub(super) caller: Option<Phone>,
    pub(super) offers: OfferKey,
}

impl Desk {
    /// A desk for a call from `caller`, `None` if the number is withheld. `call_secret` is random
    /// and this call's alone.
    #[must_use]
    pub fn new(store: Store, clock: Clock, caller: Option<Phone>, call_secret: Secret) -> Self {
        let decoder = Decoder::new(store.clone(), None);
        Self { store, clock, decoder, caller, offers: OfferKey::new(call_secret) }
    }

    /// Decodes VINs with this decoder rather than offline.
    #[must_use]
    pub fn with_decoder(mut self, decoder: Decoder) -> Self {
        self.decoder = decoder;
        self
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The customer, if the caller may act for them. Whether a foreign one exists is not told.
    pub(super) async fn customer(
        &self,
        id: &str,
        context: &ToolContext,
    ) -> Result<Customer, Envelope> {
        let known = match CustomerId::parse(id) {
            Some(id) => self
                .store
                .customer_of(id, self.caller.as_ref(), context.call.as_str())
                .await
                .map_err(Envelope::from)?,
            None => None,
        };
        known.ok_or_else(|| {
            Envelope::refused(Code::IdentityRequired)
                .say("I can only do that for the person this phone number belongs to.")
        })
    }

    /// The customer with this identifier, whoever calls. Callers who are not identified have it
    /// only from naming the customer's name and number, which is enough to book for them.
    pub(super) async fn named(&self, id: &str) -> Result<Option<CustomerId>, Envelope> {
        match CustomerId::parse(id) {
            Some(id) => Ok(self.store.has_customer(id).await?.then_some(id)),
            None => Ok(None),
        }
    }

    /// The appointments to come of the customer with this identifier that the caller may know of:
    /// all of them, or for somebody who may not act for the customer those booked in this call.
    pub(super) async fn upcoming(
        &self,
        customer: &str,
        context: &ToolContext,
    ) -> Result<Vec<Appointment>, Envelope> {
        let refused = match self.customer(customer, context).await {
            Ok(customer) => return Ok(self.store.upcoming(customer.id, self.now()).await?),
            Err(refused) => refused,
        };
        let Some(customer) = self.named(customer).await? else { return Err(refused) };
        let mut upcoming = self.store.upcoming(customer, self.now()).await?;
        upcoming.retain(|appointment| is_of(appointment, context));
        // Whether there are others is not told.
        if upcoming.is_empty() { Err(refused) } else { Ok(upcoming) }
    }

    /// The appointment, if the caller may change it: their own, or one that was booked in this
    /// call. A foreign one is as good as none.
    pub(super) async fn appointment(
        &self,
        id: &str,
        context: &ToolContext,
    ) -> Result<Appointment, Envelope> {
        let none = || Envelope::refused(Code::NotFound).say("I can't find that appointment.");
        let id = AppointmentId::parse(id).ok_or_else(none)?;
        let found = self.store.appointment(id).await.map_err(Envelope::from)?.ok_or_else(none)?;
        if is_of(&found, context) {
            return Ok(found);
        }
        self.store
            .customer_of(found.customer, self.caller.as_ref(), context.call.as_str())
            .await
            .map_err(Envelope::from)?
            .map(|_| found)
            .ok_or_else(none)
    }

    /// A free time as the model sees it.
    pub(super) fn offer(&self, slot: &Slot, service: &str, advisor: Option<(i64, &str)>) -> Value {
        let offer = Offer { start: slot.start.timestamp(), advisor: advisor.map(|(no, _)| no) };
        json!({
            "slot_id": self.offers.write(offer, service, self.now()),
            "start_local": local(&slot.start),
            "end_local": local(&slot.end),
            "spoken": spoken::moment(&slot.start),
            "with": advisor.map(|(_, name)| name),
        })
    }

    /// Says that a time is gone, with the nearest free ones.
    pub(super) async fn taken(&self, service: &str, wanted: Timestamp) -> Result<Envelope, Fault> {
        self.instead(Refusal::SlotTaken, service, wanted, &[]).await
    }

    /// Says that the customer's vehicle has another visit then, with the nearest free times that
    /// do not meet any visit of theirs. `moved` is the one that is to be moved.
    pub(super) async fn busy(
        &self,
        customer: CustomerId,
        moved: Option<AppointmentId>,
        service: &str,
        wanted: Timestamp,
    ) -> Result<Envelope, Fault> {
        let mut visits = self.store.upcoming(customer, self.now()).await?;
        visits.retain(|visit| Some(visit.id) != moved);
        self.instead(Refusal::VehicleBusy, service, wanted, &visits).await
    }

    async fn instead(
        &self,
        refusal: Refusal,
        service: &str,
        wanted: Timestamp,
        visits: &[Appointment],
    ) -> Result<Envelope, Fault> {
        let slots = self.store.alternatives(service, wanted, visits, self.now()).await?;
        let offers: Vec<Value> = slots.iter().map(|slot| self.offer(slot, service, None)).collect();
        let refused = Envelope::from(refusal).with_data(json!({ "alternatives": offers }));
        let times: Vec<String> = slots.iter().map(|slot| spoken::moment(&slot.start)).collect();
        match &refused.say {
            Some(say) if !times.is_empty() => {
                let say = format!("{say} I still have {}.", times.join(", or "));
                Ok(refused.say(say))
            }
            Some(_) | None => Ok(refused),
        }
    }
}

/// Whether an appointment was booked in this call.
fn is_of(appointment: &Appointment, context: &ToolContext) -> bool {
    appointment.call.as_deref() == Some(context.call.as_str())
}

/// Wall-clock time as the model sees it, with the offset so that a repeated hour is unambiguous.
pub(super) fn local(moment: &Zoned) -> String {
    moment.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
}
