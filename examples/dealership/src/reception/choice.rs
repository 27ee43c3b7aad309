//! What the database chooses for a call: its template, with what it may cost, and its place.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use tracing::{debug, warn};
use voiceagent_core::{Result, llm::LanguageModel, transport::CallInfo};

use super::{Reception, known, patience::note};
use crate::{
    agent::{Makings, Occasion, Premises},
    phone::Phone,
    spoken,
    store::{Errand, Fault},
    templates::{self, Budget, Chosen, INBOUND, Parts, Template},
};

impl Reception {
    /// The place whose number was called, where that is not the first.
    pub(super) async fn called(&self, call: &CallInfo) -> Result<Option<Premises>, Fault> {
        let store = &self.makings.store;
        let Some(phone) = call.to.as_ref().and_then(|to| Phone::parse(to.expose())) else {
            return Ok(None);
        };
        let Some(location) = store.location_called(&phone).await? else { return Ok(None) };
        if location.id == store.location().await?.id {
            return Ok(None);
        }
        let hours = spoken::week(&store.hours(&location).await?);
        Ok(Some(Premises { location, hours }))
    }

    /// Lets the database say how the agent behaves in a call. Where it says nothing, or cannot, the
    /// configuration counts. A call keeps what it begins with.
    pub(super) async fn apply_template(
        &self,
        call: &CallInfo,
        phone: Option<&Phone>,
        occasion: &mut Occasion,
    ) {
        let Makings { store, clock, .. } = &self.makings;
        let caller = phone.map_or(call.id.as_str(), Phone::as_str);
        let asked = self.asked_for(occasion).await;
        let usual = templates::choose(store, slug(occasion.errand.as_ref()), caller);
        let chosen = match if asked.is_some() { Ok(asked) } else { usual.await } {
            Ok(Some(chosen)) => chosen,
            Ok(None) => return,
            Err(error) => {
                warn!(%error, "a call is answered without its template");
                return;
            }
        };
        debug!(slug = chosen.slug, version = chosen.version, "a template answers");
        let (kept, id, slug, now) =
            (store.clone(), call.id.clone(), chosen.slug.clone(), clock.now());
        let noted = async move {
            kept.note_template(id.as_str(), (slug.as_str(), chosen.version), now).await
        };
        note(noted, "nobody will know which template has answered").await;
        occasion.template = chosen.template;
        self.choose_language(call, phone, occasion).await;
        if self.is_over_budget(&chosen.slug, occasion.template.budget).await {
            warn!(slug = chosen.slug, "the budget of a template is spent; the rules answer");
            occasion.parts.llm = Some(Arc::clone(&self.rules));
            occasion.template.llm = None;
        }
        if let Err(error) = self.makings.targets.tools(&occasion.template.tools) {
            warn!(%error, "a call is answered without the tools of its template");
            occasion.template.tools.clear();
        }
        if let Some(vendors) = &self.vendors {
            match vendors.parts(&occasion.template) {
                Ok(Parts { stt, llm, tts, voices }) => {
                    let llm = llm.filter(|_| self.takes_models).map(|llm| self.backed(llm));
                    let llm = llm.or_else(|| occasion.parts.llm.take());
                    occasion.parts = Parts { stt, llm, tts, voices };
                }
                Err(error) => {
                    warn!(%error, "a call is answered by the vendors of the configuration")
                }
            }
        }
    }

    /// Who answers by a template, without the rules that stand in; `None` where they answer alone.
    ///
    /// # Errors
    ///
    /// As [`Vendors::parts`](templates::Vendors::parts).
    pub(crate) fn model_of(&self, template: &Template) -> Result<Option<Arc<dyn LanguageModel>>> {
        if !self.takes_models {
            return Ok(None);
        }
        let own = match &self.vendors {
            Some(vendors) => vendors.parts(template)?.llm,
            None => None,
        };
        Ok(own.or_else(|| self.model.clone()))
    }

    /// The template that the call was sent on for.
    async fn asked_for(&self, occasion: &Occasion) -> Option<Chosen> {
        let name = occasion.context.template.as_deref()?;
        let found = templates::named(&self.makings.store, name).await;
        match found {
            Ok(Some(chosen)) => return Some(chosen),
            Ok(None) => warn!(name, "a call was sent on for a template that is none"),
            Err(error) => {
                warn!(%error, name, "a call is answered without the template it asks for")
            }
        }
        None
    }

    /// Lets a template be what it is for the caller's language: that of the one customer with the
    /// number, else the one that is remembered of it.
    async fn choose_language(
        &self,
        call: &CallInfo,
        phone: Option<&Phone>,
        occasion: &mut Occasion,
    ) {
        if occasion.template.locales.is_empty() {
            return;
        }
        let Makings { store, clock, .. } = &self.makings;
        let customers = match phone {
            Some(phone) => known(store.customers_by_phone(phone).await, "nobody knows who calls"),
            None => None,
        };
        let of_customer = match customers.as_deref() {
            Some([only]) => Some(only.language.clone()),
            _ => None,
        };
        let remembered = occasion.memory.as_ref().and_then(|memory| {
            memory.pointer("/preferences/language")?.as_str().map(str::to_owned)
        });
        let Some(asked) = of_customer.or(remembered) else { return };
        let Some((tag, template)) = occasion.template.in_language(&asked) else { return };
        let (kept, id, spoken, now) = (store.clone(), call.id.clone(), tag.to_owned(), clock.now());
        let noted = async move { kept.note_locale(id.as_str(), &spoken, now).await };
        note(noted, "nobody will know in which language a call was").await;
        occasion.language = Some(tag.into());
        occasion.template = template;
    }

    /// Whether the calls of a template have cost within a day what they may.
    async fn is_over_budget(&self, slug: &str, budget: Option<Budget>) -> bool {
        let Some(budget) = budget else { return false };
        let Makings { store, clock, .. } = &self.makings;
        let since = clock.now().saturating_sub(SignedDuration::from_hours(24));
        let spent = store.spent(slug, since.unwrap_or(Timestamp::MIN)).await;
        known(spent, "nobody knows what is left of a budget")
            .is_some_and(|spent| budget.is_spent(spent))
    }
}

/// The template that a call asks for.
fn slug(errand: Option<&Errand>) -> &'static str {
    match errand {
        None => INBOUND,
        Some(Errand::Callback { .. }) => "callback",
        Some(Errand::Lead { .. }) => "campaign",
        Some(Errand::Reminder { .. }) => "reminder",
    }
}
