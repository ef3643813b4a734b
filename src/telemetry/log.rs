//! Linchpin's own log lines, on stderr: readable on a terminal, JSON elsewhere; and sampling of those about bad input.
//!
//! Results go to stdout, so that a log line is never in the way of one. Nothing logs the configuration's secrets:
//! its `Debug` masks them.

use std::io::IsTerminal;

use tracing::Subscriber;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::util::SubscriberInitExt;

use super::Counter;
use crate::config::{LogConfig, LogFormat};

/// Why logging could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// `log.level` is no filter.
    #[error("log.level `{filter}` is no filter ({reason}), write a level as info or module=level")]
    BadFilter {
        /// As configured.
        filter: String,
        /// Of the parser.
        reason: String,
    },
    /// A second set-up in one process.
    #[error("logging was set up twice, do it once at the start of the process")]
    SetUpTwice,
}

/// Sends the process's log lines to stderr, those of libraries too. Once per process.
pub fn init(config: &LogConfig) -> Result<(), LogError> {
    let is_terminal = std::io::stderr().is_terminal();
    subscriber(config, is_terminal, std::io::stderr)?.try_init().map_err(|_| LogError::SetUpTwice)
}

/// What writes log lines to `writer`, in the shape that fits it.
fn subscriber<W>(
    config: &LogConfig,
    is_terminal: bool,
    writer: W,
) -> Result<Box<dyn Subscriber + Send + Sync>, LogError>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let filter = EnvFilter::builder()
        .parse(&config.level)
        .map_err(|error| LogError::BadFilter { filter: config.level.clone(), reason: error.to_string() })?;
    let builder =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer).with_ansi(is_terminal);
    let is_json = match config.format {
        LogFormat::Auto => !is_terminal,
        LogFormat::Text => false,
        LogFormat::Json => true,
    };
    Ok(match is_json {
        true => Box::new(builder.json().flatten_event(true).with_current_span(false).finish()),
        false => Box::new(builder.finish()),
    })
}

/// Decides which of many equal events is worth a line: the first, then one each time their count doubles.
#[derive(Default)]
pub struct Sampler(Counter);

impl Sampler {
    /// Counts an event; `Some(count so far)` where it should be logged.
    pub fn tick(&self) -> Option<u64> {
        self.0.add(1);
        let count = self.0.get();
        count.is_power_of_two().then_some(count)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Buffer(Arc<Mutex<Vec<u8>>>);

    impl Write for Buffer {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn logged(level: &str, format: LogFormat, is_terminal: bool) -> String {
        let buffer = Buffer::default();
        let config = LogConfig { level: level.into(), format };
        let writer = buffer.clone();
        let subscriber = subscriber(&config, is_terminal, move || writer.clone()).unwrap();
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!(partition = 3, "assigned");
            tracing::debug!("fetched");
        });
        let bytes = buffer.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn lines_are_json_where_no_terminal_reads_them() {
        for (format, is_terminal) in [(LogFormat::Auto, false), (LogFormat::Json, true)] {
            let line: serde_json::Value = serde_json::from_str(&logged("info", format, is_terminal)).unwrap();
            assert_eq!((&line["message"], &line["partition"]), (&"assigned".into(), &3.into()));
            assert_eq!(line["level"], "INFO");
        }
    }

    #[test]
    fn lines_are_readable_on_a_terminal_and_plain_in_a_text_file() {
        assert!(logged("info", LogFormat::Auto, true).contains("\u{1b}["));
        let plain = logged("info", LogFormat::Text, false);
        assert!(plain.trim_end().ends_with("assigned partition=3"), "{plain}");
    }

    #[test]
    fn the_level_filters() {
        assert_eq!(logged("info", LogFormat::Text, false).lines().count(), 1);
        assert_eq!(logged("debug", LogFormat::Text, false).lines().count(), 2);
        assert_eq!(logged("warn,linchpin=debug", LogFormat::Text, false).lines().count(), 2);
        assert_eq!(logged("off", LogFormat::Text, false), "");
    }

    #[test]
    fn a_bad_filter_is_named_with_its_cure() {
        let config = LogConfig { level: "linchpin=loud".into(), ..LogConfig::default() };
        let error = subscriber(&config, false, std::io::sink).err().unwrap().to_string();
        assert!(error.starts_with("log.level `linchpin=loud` is no filter ("), "{error}");
    }

    #[test]
    fn sampled_lines_come_at_powers_of_two() {
        let sampler = Sampler::default();
        let lines: Vec<u64> = (0..20).filter_map(|_| sampler.tick()).collect();
        assert_eq!(lines, [1, 2, 4, 8, 16]);
    }
}
