use bytes::Bytes;

/// What parts two fields. Long enough that no audio holds it by chance.
const BOUNDARY: &str = "voiceagent-8f1c3b5e7a92d4604e6b8c0d2f416375";

/// The type of such a body.
pub(super) const CONTENT_TYPE: &str =
    "multipart/form-data; boundary=voiceagent-8f1c3b5e7a92d4604e6b8c0d2f416375";

/// A form with a file (RFC 7578).
#[derive(Debug, Default)]
pub(super) struct Form(Vec<u8>);

impl Form {
    pub(super) fn field(&mut self, name: &str, value: &str) {
        self.part(&format!("name=\"{name}\"\r\n"), value.as_bytes());
    }

    /// Adds a WAV file. Servers go by its name's ending.
    pub(super) fn wav(&mut self, file: &[u8]) {
        self.part("name=\"file\"; filename=\"speech.wav\"\r\nContent-Type: audio/wav\r\n", file);
    }

    /// The body.
    pub(super) fn finish(mut self) -> Bytes {
        self.0.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
        self.0.into()
    }

    fn part(&mut self, head: &str, body: &[u8]) {
        let begin = format!("--{BOUNDARY}\r\nContent-Disposition: form-data; {head}\r\n");
        self.0.extend_from_slice(begin.as_bytes());
        self.0.extend_from_slice(body);
        self.0.extend_from_slice(b"\r\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_and_a_file_are_parted_as_the_standard_says() {
        let mut form = Form::default();
        form.field("model", "whisper-1");
        form.wav(b"RIFF");
        let body = String::from_utf8(form.finish().to_vec()).unwrap().replace(BOUNDARY, "B");
        assert_eq!(
            body,
            "--B\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nwhisper-1\r\n\
             --B\r\nContent-Disposition: form-data; name=\"file\"; filename=\"speech.wav\"\r\n\
             Content-Type: audio/wav\r\n\r\nRIFF\r\n--B--\r\n"
        );
        assert!(CONTENT_TYPE.ends_with(BOUNDARY));
    }
}
