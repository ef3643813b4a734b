//! Where messages go besides Kafka: files, standard output, and an OTLP endpoint.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use flate2::Compression;
use flate2::write::GzEncoder;

use super::batch::Message;
use super::drive::Sink;
use super::encode::Wire;

/// What a file holds, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileForm {
    /// Form of its messages.
    pub wire: Wire,
    /// True where it is compressed with gzip.
    pub is_compressed: bool,
}

impl FileForm {
    /// From a name: `.pb` for length-delimited protobuf, `.json` and `.ndjson` for JSON lines, each also with `.gz`.
    pub fn of(name: &str) -> Option<FileForm> {
        let (stem, is_compressed) = match name.strip_suffix(".gz") {
            Some(stem) => (stem, true),
            None => (name, false),
        };
        let wire = match stem.rsplit('.').next() {
            Some("pb") => Wire::Proto,
            Some("json" | "ndjson" | "jsonl") => Wire::Json,
            _ => return None,
        };
        Some(FileForm { wire, is_compressed })
    }
}

/// Messages one behind the other: JSON on a line each, protobuf with its length before it.
pub struct WriterSink {
    output: Output,
    wire: Wire,
}

enum Output {
    Plain(Box<dyn Write + Send>),
    Compressed(GzEncoder<BufWriter<File>>),
}

impl Output {
    fn write_all(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        match self {
            Output::Plain(writer) => writer.write_all(bytes),
            Output::Compressed(encoder) => encoder.write_all(bytes),
        }
    }
}

impl WriterSink {
    /// A new file, or one that is overwritten.
    pub fn create(path: &Path, form: FileForm) -> std::io::Result<WriterSink> {
        let file = BufWriter::with_capacity(1 << 20, File::create(path)?);
        let output = if form.is_compressed {
            Output::Compressed(GzEncoder::new(file, Compression::fast()))
        } else {
            Output::Plain(Box::new(file))
        };
        Ok(WriterSink { output, wire: form.wire })
    }

    /// To any writer.
    pub fn new(writer: Box<dyn Write + Send>, wire: Wire) -> WriterSink {
        WriterSink { output: Output::Plain(writer), wire }
    }
}

impl Sink for WriterSink {
    fn send(&mut self, message: &Message<'_>) -> anyhow::Result<()> {
        if self.wire == Wire::Proto {
            let mut length = Vec::with_capacity(5);
            super::encode::put_length(message.bytes.len(), &mut length);
            self.output.write_all(&length)?;
        }
        self.output.write_all(message.bytes)?;
        if self.wire == Wire::Json {
            self.output.write_all(b"\n")?;
        }
        Ok(())
    }

    fn finish(&mut self) -> anyhow::Result<()> {
        match &mut self.output {
            Output::Plain(writer) => writer.flush()?,
            Output::Compressed(encoder) => {
                encoder.try_finish()?;
                encoder.get_mut().flush()?;
            }
        }
        Ok(())
    }
}

/// Pauses after failed attempts: they double from the first to the last.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LAST_PAUSE: Duration = Duration::from_secs(10);
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// An OTLP/HTTP endpoint.
///
/// Where nobody answers the first message the run ends; later the same message is tried again, ever more slowly.
pub struct OtlpSink {
    agent: ureq::Agent,
    url: String,
    is_reached: bool,
    stop: Arc<AtomicBool>,
}

/// What came of one attempt.
enum Attempt {
    Taken,
    /// Worth trying again.
    Later(String),
    Refused(String),
}

impl OtlpSink {
    /// For an endpoint such as `http://localhost:4318`; a URL with a path is taken as it is.
    pub fn new(endpoint: &str, stop: Arc<AtomicBool>) -> anyhow::Result<OtlpSink> {
        let Some(rest) = endpoint.strip_prefix("http://") else {
            bail!("endpoint `{endpoint}` is no http:// URL: give it as http://host:4318");
        };
        let rest = rest.trim_end_matches('/');
        if rest.is_empty() {
            bail!("endpoint `{endpoint}` names no host: give it as http://host:4318");
        }
        let url =
            if rest.contains('/') { format!("http://{rest}") } else { format!("http://{rest}/v1/traces") };
        let agent = ureq::Agent::config_builder()
            .timeout_global(Some(ANSWER_WITHIN))
            .http_status_as_error(false)
            .build()
            .into();
        Ok(OtlpSink { agent, url, is_reached: false, stop })
    }

    fn attempt(&self, bytes: &[u8]) -> Attempt {
        let request = self.agent.post(&self.url).header("content-type", "application/x-protobuf");
        match request.send(bytes) {
            Err(error) => Attempt::Later(error.to_string()),
            Ok(answer) => match answer.status().as_u16() {
                200..=299 => Attempt::Taken,
                // The codes that OTLP calls retryable.
                status @ (429 | 502 | 503 | 504) => Attempt::Later(format!("status {status}")),
                status => Attempt::Refused(format!("status {status}")),
            },
        }
    }

    /// Sleeps; true where the run should end.
    fn pause(&self, pause: Duration) -> bool {
        let slice = Duration::from_millis(50);
        let mut left = pause;
        while !left.is_zero() && !self.stop.load(Ordering::Relaxed) {
            std::thread::sleep(slice.min(left));
            left = left.saturating_sub(slice);
        }
        self.stop.load(Ordering::Relaxed)
    }
}

impl Sink for OtlpSink {
    fn send(&mut self, message: &Message<'_>) -> anyhow::Result<()> {
        let mut pause = FIRST_PAUSE;
        loop {
            let url = &self.url;
            match self.attempt(message.bytes) {
                Attempt::Taken => {
                    self.is_reached = true;
                    return Ok(());
                }
                Attempt::Refused(reason) => {
                    bail!("`{url}` refuses spans ({reason}): is it an OTLP/HTTP endpoint? correct --endpoint")
                }
                Attempt::Later(reason) if !self.is_reached => {
                    return Err(anyhow!(reason)).with_context(|| {
                        format!(
                            "`{url}` does not take spans: start the receiver there, or correct --endpoint"
                        )
                    });
                }
                Attempt::Later(reason) => {
                    tracing::warn!(%url, reason, pause_ms = pause.as_millis(), "spans are not taken: trying again");
                    if self.pause(pause) {
                        bail!(
                            "stopped while `{url}` did not take spans ({reason}); its last message is lost"
                        );
                    }
                    pause = (pause * 2).min(LAST_PAUSE);
                }
            }
        }
    }

    fn finish(&mut self) -> anyhow::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_files_name_says_what_it_holds() {
        let form = |wire, is_compressed| Some(FileForm { wire, is_compressed });
        let table = [
            ("spans.otlp.pb", form(Wire::Proto, false)),
            ("spans.otlp.pb.gz", form(Wire::Proto, true)),
            ("spans.ndjson", form(Wire::Json, false)),
            ("a.b/spans.json.gz", form(Wire::Json, true)),
            ("spans.txt", None),
            ("spans.gz", None),
        ];
        for (name, expected) in table {
            assert_eq!(FileForm::of(name), expected, "{name}");
        }
    }

    #[test]
    fn a_compressed_file_is_whole_after_finish() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("spans.ndjson.gz");
        let form = FileForm { wire: Wire::Json, is_compressed: true };
        let mut sink = WriterSink::create(&path, form).unwrap();
        let message = Message { trace: None, sent_at: 0, spans: 1, bytes: b"{}" };
        sink.send(&message).unwrap();
        sink.send(&message).unwrap();
        sink.finish().unwrap();
        let mut text = String::new();
        let file = File::open(&path).unwrap();
        std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(file), &mut text).unwrap();
        assert_eq!(text, "{}\n{}\n");
    }

    #[test]
    fn an_endpoint_is_a_url_and_somebody_must_be_there() {
        let stop = Arc::new(AtomicBool::new(false));
        let message =
            |endpoint: &str| OtlpSink::new(endpoint, Arc::clone(&stop)).err().map(|error| error.to_string());
        assert_eq!(message("http://localhost:4318"), None);
        assert!(message("localhost:4318").unwrap().contains("give it as http://host:4318"));
        let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut sink = OtlpSink::new(&format!("http://{closed}"), stop).unwrap();
        let error = sink.send(&Message { trace: None, sent_at: 0, spans: 1, bytes: b"" }).unwrap_err();
        assert!(error.to_string().contains("start the receiver there"), "{error:#}");
    }
}
