use super::Reception;
use crate::{
    payments::Payments, recordings::Recordings, trace::Spans, vin::Decoder, weather::WeatherService,
};

impl Reception {
    /// Decodes VINs with this decoder rather than offline.
    #[must_use]
    pub fn with_decoder(mut self, decoder: Decoder) -> Self {
        self.makings.decoder = decoder;
        self
    }

    /// Tells the weather.
    #[must_use]
    pub fn with_weather(mut self, weather: WeatherService) -> Self {
        self.makings.weather = Some(weather);
        self
    }

    /// Has payments taken.
    #[must_use]
    pub fn with_payments(mut self, payments: Payments) -> Self {
        self.makings.payments = Some(payments);
        self
    }

    /// Records calls to the folder of these, unless their callers say no.
    #[must_use]
    pub(crate) fn with_recordings(mut self, recordings: Recordings) -> Self {
        self.makings.recordings = Some(recordings);
        self
    }

    /// Tells a collector of calls; `model` is what the vendor calls the model that answers.
    #[must_use]
    pub(crate) fn with_spans(mut self, spans: Spans, model: Option<String>) -> Self {
        (self.makings.spans, self.makings.model) = (Some(spans), model);
        self
    }
}
