use std::{borrow::Cow, sync::Arc};

use base64_simd::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use jiff::{Timestamp, Zoned};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::Sha256;
use voiceagent_core::{
    Error, Secret,
    tool::{Tool, ToolContext},
};

use crate::{
    clock::Clock,
    departments::Departments,
    messages::Messenger,
    payments::Payments,
    phone::Phone,
    recordings::Recordings,
    spoken,
    store::{
        Appointment, AppointmentId, Channel, CodeId, Customer, CustomerId, Fault, Lead, LeadId,
        LocationId, Objection, Refusal, Slot, Store,
    },
    templates::Qualification,
    vin::Decoder,
    weather::WeatherService,
};

use super::{Code, Envelope, KnownCodes, Ledger, Offer, OfferKey};

/// What is said to somebody who may not know.
pub(super) const NOT_YOURS: &str =
    "I can only do that for the person this phone number belongs to.";

/// What the tools of one call work with.
#[derive(Clone, Debug)]
pub struct Desk {
    pub(super) store: Store,
    pub(super) clock: Clock,
    pub(super) decoder: Decoder,
    pub(super) caller: Option<Phone>,
    pub(super) offers: OfferKey,
    pub(super) ledger: Arc<Ledger>,
    pub(super) identity: Identity,
    pub(super) departments: Departments,
    pub(super) qualification: Option<Qualification>,
    pub(super) messenger: Option<Arc<dyn Messenger>>,
    pub(super) weather: Option<WeatherService>,
    /// The place that was called; `None` is the first.
    pub(super) called: Option<LocationId>,
    /// Tools of the call's template.
    pub(super) more: Vec<Arc<dyn Tool>>,
    /// Without it, calls are not recorded.
    pub(super) recordings: Option<Recordings>,
    pub(super) payments: Option<Payments>,
    /// Whether keys that the caller presses come as a turn.
    pub(super) keypad: bool,
    codes: Option<Arc<KnownCodes>>,
    secret: Secret,
}

/// By what somebody shows that a customer's visits are theirs.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "the number alone, or more")]
pub enum Identity {
    /// By facts that they say: one, if they call from a number of the customer, else two.
    Facts,
    /// By calling from a number of the customer.
    #[default]
    Number,
}

impl Desk {
    /// A desk for a call from `caller`, `None` if the number is withheld. `call_secret` is random
    /// and this call's alone.
    #[must_use]
    pub fn new(store: Store, clock: Clock, caller: Option<Phone>, call_secret: Secret) -> Self {
        Self {
            decoder: Decoder::new(store.clone(), None),
            store,
            clock,
            caller,
            offers: OfferKey::new(call_secret.clone()),
            ledger: Arc::default(),
            identity: Identity::default(),
            departments: Departments::default(),
            qualification: None,
            messenger: None,
            weather: None,
            called: None,
            more: Vec::new(),
            recordings: None,
            payments: None,
            keypad: false,
            codes: None,
            secret: call_secret,
        }
    }

    /// Decodes VINs with this decoder rather than offline.
    #[must_use]
    pub fn with_decoder(mut self, decoder: Decoder) -> Self {
        self.decoder = decoder;
        self
    }

    /// Asks for this before a customer's visits are told or changed.
    #[must_use]
    pub fn with_identity(mut self, identity: Identity) -> Self {
        self.identity = identity;
        self
    }

    /// Hands callers to these departments, and to nobody else.
    #[must_use]
    pub fn with_departments(mut self, departments: Departments) -> Self {
        self.departments = departments;
        self
    }

    /// Decides by this rule which leads are qualified, rather than by what a model says.
    #[must_use]
    pub fn with_qualification(mut self, rule: Qualification) -> Self {
        self.qualification = Some(rule);
        self
    }

    /// Sends text messages with this; without, none are sent.
    #[must_use]
    pub fn with_messenger(mut self, messenger: Arc<dyn Messenger>) -> Self {
        self.messenger = Some(messenger);
        self
    }

    /// Tells the weather.
    #[must_use]
    pub fn with_weather(mut self, weather: WeatherService) -> Self {
        self.weather = Some(weather);
        self
    }

    /// Says that this place was called, rather than the first.
    #[must_use]
    pub fn called_at(mut self, place: LocationId) -> Self {
        self.called = Some(place);
        self
    }

    /// Has these tools beside those of the program.
    #[must_use]
    pub fn with_tools(mut self, more: Vec<Arc<dyn Tool>>) -> Self {
        self.more = more;
        self
    }

    /// Has payments taken.
    #[must_use]
    pub fn with_payments(mut self, payments: Payments) -> Self {
        self.payments = Some(payments);
        self
    }

    /// Texts these codes, and when they are used up others.
    #[must_use]
    pub fn with_codes(mut self, codes: Arc<KnownCodes>) -> Self {
        self.codes = Some(codes);
        self
    }

    /// Says that keys which the caller presses come as a turn.
    #[must_use]
    pub fn with_keypad(mut self) -> Self {
        self.keypad = true;
        self
    }

    /// What this call was told and has shown, for those who hand out more.
    #[must_use]
    pub fn ledger(&self) -> Arc<Ledger> {
        Arc::clone(&self.ledger)
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
        known.ok_or_else(|| Envelope::refused(Code::IdentityRequired).say(NOT_YOURS))
    }

    /// The customer, if the caller has shown to be them, so that their visits may be told.
    pub(super) async fn verified(
        &self,
        id: &str,
        context: &ToolContext,
    ) -> Result<Customer, Envelope> {
        let shown = self.ledger.level(id.trim()) >= 1;
        if let (true, Some(id)) = (shown, CustomerId::parse(id))
            && let Some(customer) = self.store.customer(id).await?
        {
            return Ok(customer);
        }
        let caller = match self.identity {
            Identity::Facts => None,
            Identity::Number => self.caller.as_ref(),
        };
        let known = match CustomerId::parse(id) {
            Some(id) => self.store.customer_of(id, caller, context.call.as_str()).await?,
            None => None,
        };
        known.ok_or_else(|| {
            Envelope::refused(Code::IdentityRequired).say(match self.identity {
                Identity::Facts => "I need to check who you are first. What is your ZIP code?",
                Identity::Number => NOT_YOURS,
            })
        })
    }

    /// A lead: the one with the identifier, else the one with the number, else the one who calls.
    pub(super) async fn lead(
        &self,
        id: Option<&str>,
        phone: Option<&str>,
    ) -> Result<Lead, Envelope> {
        let none = || Envelope::refused(Code::LeadNotFound);
        let found = match id {
            Some(id) => self.store.lead(LeadId::parse(id).ok_or_else(none)?).await,
            None => self.store.lead_by_phone(&self.phone(phone)?).await,
        };
        match found {
            Err(Fault::Refused(Refusal::NotFound)) => Err(none()),
            found => Ok(found?),
        }
    }

    /// A number that somebody said, or the caller's.
    pub(super) fn phone(&self, said: Option<&str>) -> Result<Phone, Envelope> {
        let phone = match said {
            Some(said) => Phone::parse(said),
            None => self.caller.clone(),
        };
        phone.ok_or_else(|| Envelope::refused(Code::InvalidPhone))
    }

    /// Whether people are there now.
    pub(super) async fn is_open(&self) -> Result<bool, Envelope> {
        let location = self.store.location_at(self.called).await?;
        let now = self.now();
        let hours = self.store.hours(&location).await?;
        let today = hours.on(now.to_zoned(location.zone).date());
        Ok(today.iter().any(|open| open.opens <= now && now < open.closes))
    }

    /// The number to which texts about an appointment go, if its owner lets us.
    pub(super) async fn texts_to(&self, id: AppointmentId) -> Result<Phone, Envelope> {
        let no_number = || Envelope::refused(Code::Landline);
        let to = self.store.number_of(id).await?.ok_or_else(no_number)?;
        let asked = ("sms", "transactional");
        let reasons = self.store.permission(&to, asked, self.now()).await?.reasons;
        // What somebody asks for on the phone comes while they are on the phone.
        if reasons.iter().any(|reason| *reason != Objection::OutsideHours) {
            return Err(Envelope::refused(Code::NoConsent));
        }
        Ok(to)
    }

    /// Sends a text, and notes that it was sent or was not.
    pub(super) async fn text(
        &self,
        to: &Phone,
        template: &str,
        text: &str,
    ) -> Result<(), Envelope> {
        let failed =
            || Envelope::refused(Code::SmsFailed).say("The text message did not go through.");
        let messenger = self.messenger.as_ref().ok_or_else(failed)?;
        let sent = messenger.send(to, Channel::Sms, text).await;
        let name = sent.as_ref().ok().map(String::as_str);
        self.store.note_message(to, (template, name), self.now()).await?;
        sent.map(drop).map_err(|error| {
            tracing::warn!(%error, "a text message was not sent");
            failed()
        })
    }

    /// Remembers something of the number that calls. A call goes on without.
    pub(super) async fn remember(&self, context: &ToolContext, patch: &Value) {
        let kept = self.store.update_conversation(context.call.as_str(), patch, self.now()).await;
        if let Err(fault) = kept {
            tracing::warn!(error = %Error::from(fault), "a number is not remembered");
        }
    }

    /// The six digits that are texted under an identifier. Nobody can tell them who does not know
    /// the secret of the call.
    pub(super) fn code(&self, id: CodeId) -> String {
        if let Some(known) = self.codes.as_ref().and_then(|codes| codes.of(id)) {
            return known;
        }
        let tag = self.mac(&[b"code", id.to_string().as_bytes()]);
        let number = tag.iter().take(8).fold(0, |number: u64, byte| number << 8 | u64::from(*byte));
        format!("{:06}", number % 1_000_000)
    }

    /// What the store keeps of a code.
    pub(super) fn code_hash(&self, id: CodeId, code: &str) -> String {
        let tag = self.mac(&[b"hash", id.to_string().as_bytes(), code.as_bytes()]);
        URL_SAFE_NO_PAD.encode_to_string(tag)
    }

    /// What somebody is called in this call who says to have a name.
    pub(super) fn handle(&self, name: &str) -> String {
        let tag = self.mac(&[b"claim", name.to_lowercase().as_bytes()]);
        URL_SAFE_NO_PAD.encode_to_string(tag)
    }

    fn mac(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.secret.expose().as_bytes())
            .expect("HMAC takes keys of any length");
        for part in parts {
            mac.update(part);
            mac.update(&[0]);
        }
        mac.finalize().into_bytes().into()
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
        let refused = match self.verified(customer, context).await {
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
        if let Some(lead) = found.lead {
            // A lead has shown no more than a number, and nothing of theirs is older than that.
            let is_own = self.caller.as_ref() == Some(&self.store.lead(lead).await?.phone);
            return if is_own { Ok(found) } else { Err(none()) };
        }
        let Some(customer) = found.customer else { return Err(none()) };
        match self.verified(&customer.to_string(), context).await {
            Ok(_) => Ok(found),
            // Of their own visits somebody may know that they are there.
            Err(refused) if self.identity == Identity::Facts => Err(refused),
            Err(_) => Err(none()),
        }
    }

    /// A free time as the model sees it.
    pub(super) fn offer(
        &self,
        slot: &Slot,
        (place, service): (Option<LocationId>, &str),
        advisor: Option<(i64, &str)>,
    ) -> Value {
        let offer = Offer { start: slot.start.timestamp(), advisor: advisor.map(|(no, _)| no) };
        json!({
            "slot_id": self.offers.write(offer, &scope(place, service), self.now()),
            "start_local": local(&slot.start),
            "end_local": local(&slot.end),
            "spoken": spoken::moment(&slot.start),
            "with": advisor.map(|(_, name)| name),
        })
    }

    /// The time that an identifier stands for, and at which place it is: `None` is the first.
    pub(super) async fn read_offer(
        &self,
        id: &str,
        service: &str,
    ) -> Result<(Offer, Option<LocationId>), Envelope> {
        let now = self.now();
        if let Some(offer) = self.offers.read(id, service, now) {
            return Ok((offer, None));
        }
        for place in self.store.locations().await? {
            if let Some(offer) = self.offers.read(id, &scope(Some(place.id), service), now) {
                return Ok((offer, Some(place.id)));
            }
        }
        Err(Envelope::refused(Code::SlotExpired))
    }

    /// Says that a time at a place is gone, with the nearest free ones.
    pub(super) async fn taken(
        &self,
        at: (Option<LocationId>, &str),
        wanted: Timestamp,
    ) -> Result<Envelope, Fault> {
        self.instead(Refusal::SlotTaken, at, wanted, &[]).await
    }

    /// Says that the customer's vehicle has another visit then, with the nearest free times that
    /// do not meet any visit of theirs. `moved` is the one that is to be moved.
    pub(super) async fn busy(
        &self,
        customer: Option<CustomerId>,
        moved: Option<AppointmentId>,
        at: (Option<LocationId>, &str),
        wanted: Timestamp,
    ) -> Result<Envelope, Fault> {
        let mut visits = match customer {
            Some(customer) => self.store.upcoming(customer, self.now()).await?,
            None => Vec::new(),
        };
        visits.retain(|visit| Some(visit.id) != moved);
        self.instead(Refusal::VehicleBusy, at, wanted, &visits).await
    }

    async fn instead(
        &self,
        refusal: Refusal,
        at: (Option<LocationId>, &str),
        wanted: Timestamp,
        visits: &[Appointment],
    ) -> Result<Envelope, Fault> {
        let slots = self.store.alternatives(at, wanted, visits, self.now()).await?;
        let offers: Vec<Value> = slots.iter().map(|slot| self.offer(slot, at, None)).collect();
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

/// What a time is offered for: a service, at the first place or at another.
fn scope(place: Option<LocationId>, service: &str) -> Cow<'_, str> {
    place.map_or(Cow::Borrowed(service), |place| format!("{service} at {place}").into())
}

/// Whether an appointment was booked in this call.
fn is_of(appointment: &Appointment, context: &ToolContext) -> bool {
    appointment.call.as_deref() == Some(context.call.as_str())
}

/// Wall-clock time as the model sees it, with the offset so that a repeated hour is unambiguous.
pub(super) fn local(moment: &Zoned) -> String {
    moment.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
}

/// How a value of a few is written: `voice_ai`.
pub(crate) fn word(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(Value::String(word)) => word,
        Ok(_) | Err(_) => unreachable!("it is an enum without fields"),
    }
}
