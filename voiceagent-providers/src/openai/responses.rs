mod chain;
mod codec;
mod lanes;
pub(super) mod messages;
mod request;

use std::hash::RandomState;

use futures_util::stream::BoxStream;
use reqwest::{
    Response, Url,
    header::{AUTHORIZATION, HeaderMap},
};
use voiceagent_core::{
    Result, Secret,
    llm::{LlmEvent, LlmRequest},
};

use self::{
    chain::{Chain, Trail},
    codec::{Events, Memory},
    lanes::Lanes,
    request::Way,
};
use super::OpenAiLlmConfig;
use crate::wire::{
    address::Address,
    http,
    llm::{
        call_ids::CallIds,
        client::{ModelClient, below},
        keepsakes::Keepsakes,
    },
    ws::Dial,
};

/// How many stored answers are known: those of a thousand calls, with the few of each that the next
/// answer may go on from.
const MOST_STORED: usize = 4_096;

/// OpenAI's responses, over one of two ways.
pub(super) enum Responses {
    Http { url: Url, keepsakes: Keepsakes, chain: Chain, keys: RandomState },
    Socket { lanes: Lanes, keepsakes: Keepsakes },
}

impl Responses {
    /// One request for each answer, below `base`.
    pub(super) fn over_http(base: &Url) -> Self {
        Self::Http {
            url: below(base, &["responses"]),
            keepsakes: Keepsakes::default(),
            chain: Chain::new(MOST_STORED),
            keys: RandomState::new(),
        }
    }

    /// Sockets that stay open from answer to answer.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`](voiceagent_core::ErrorKind::Config) for a `base_url` that is none.
    pub(super) fn over_a_socket(config: &OpenAiLlmConfig, mut headers: HeaderMap) -> Result<Self> {
        let url = Address::new(config.base_url(), "/responses")?.into_url();
        headers.remove(AUTHORIZATION);
        let key = config.api_key.as_ref().map_or("", Secret::expose);
        let key = (AUTHORIZATION.as_str(), Secret::new(format!("Bearer {key}")));
        let mut dial = Dial::new("openai", url, key, http::CONNECT);
        dial.own_headers = headers;
        Ok(Self::Socket { lanes: Lanes::new(dial), keepsakes: Keepsakes::default() })
    }

    /// Begins an answer.
    ///
    /// # Errors
    ///
    /// When the vendor cannot be reached in time, or refuses.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future or the stream ends the request.
    pub(super) async fn generate(
        &self,
        config: &OpenAiLlmConfig,
        client: &ModelClient,
        request: LlmRequest,
    ) -> Result<BoxStream<'static, Result<LlmEvent>>> {
        match self {
            Self::Http { url, keepsakes, chain, keys } => {
                let trail = Trail::of(&request, keys);
                let chain = config.store.then(|| chain.clone());
                let known = chain.as_ref().and_then(|chain| chain.longest(&trail));
                let memory = Memory { keepsakes: keepsakes.clone(), chain, trail };
                let events = Events::new(CallIds::of(&request.messages), memory);
                let asked = async {
                    let known = known.as_ref().map(|(entries, response)| (*entries, &**response));
                    let way = Way { socket: false, known, keepsakes };
                    ask(config, client, url, &request, way).await
                };
                client.answer(asked, events).await
            }
            Self::Socket { lanes, keepsakes } => {
                client.answer_from(lanes.ask(config, &request, keepsakes)).await
            }
        }
    }
}

/// The response to a request that the vendor accepted. What it does not remember any more is sent
/// again.
async fn ask(
    config: &OpenAiLlmConfig,
    client: &ModelClient,
    url: &Url,
    request: &LlmRequest,
    way: Way<'_>,
) -> Result<Response> {
    let refusal = match client.post(url, request::encode(config, request, way)?).await? {
        Ok(response) => return Ok(response),
        Err(refusal) => refusal,
    };
    if way.known.is_none() || !refusal.blames("previous_response_not_found") {
        return Err(refusal.into_error("generate"));
    }
    let whole = request::encode(config, request, Way { known: None, ..way })?;
    client.post(url, whole).await?.map_err(|refusal| refusal.into_error("generate"))
}

/// Shows its codecs to a fuzz target.
#[cfg(any(test, fuzzing))]
pub(crate) fn show(to: &mut impl crate::fuzz::Target) {
    to.model(|| {
        let request = LlmRequest::new("", Vec::new());
        let trail = Trail::of(&request, &RandomState::new());
        let memory = Memory { keepsakes: Keepsakes::default(), chain: None, trail };
        Events::new(CallIds::of(&[]), memory)
    });
}
