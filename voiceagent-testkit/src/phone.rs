//! A phone line that speaks the media-stream protocol of a carrier.
