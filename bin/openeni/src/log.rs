//! What is logged, and how it reaches standard error.

use std::io;

use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::FmtSpan;

/// The environment's word for `--log`.
const VARIABLE: &str = "OPENENI_LOG";
/// Lines that wait for a slow terminal. Whatever comes while so many wait is left out: nobody who reads slowly, or not at
/// all, may hold up a call.
const MAX_WAITING_LINES: usize = 16_384;

/// How a command logs unless it is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// A service: what it does, by a thread of its own.
    Service,
    /// A command that ends: what is wrong.
    Command,
}

/// Logs until this is dropped; what waits is written then.
#[must_use = "dropping it ends the log"]
pub(crate) struct Log {
    _worker: Option<WorkerGuard>,
}

/// Checks the text after `--log`: a level, or a filter of `TARGET=LEVEL` parts.
pub(crate) fn filter(text: &str) -> Result<String, String> {
    const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
    let is_level = |level: &str| LEVELS.contains(&level.to_ascii_lowercase().as_str());
    let part = |part: &str| match part.rsplit_once('=') {
        Some((_target, level)) => is_level(level),
        // A bare word would be taken for a target, and a misspelt level would log everything of nothing.
        None => is_level(part),
    };
    if text.split(',').all(part) && EnvFilter::try_new(text).is_ok() {
        return Ok(text.into());
    }
    Err(format!(
        "a level ({}) or a filter such as warn,openeni::api=info",
        LEVELS.join(", ")
    ))
}

/// Begins to log, as `wanted` says, or else the environment, or else the style.
pub(crate) fn begin(wanted: Option<&str>, style: Style) -> Log {
    let from_environment = || {
        std::env::var(VARIABLE)
            .ok()
            .and_then(|text| filter(&text).ok())
    };
    let text = wanted.map(str::to_owned).or_else(from_environment);
    let text = text.unwrap_or_else(|| {
        match style {
            Style::Service => "info",
            Style::Command => "warn",
        }
        .into()
    });
    match style {
        Style::Service => {
            let (writer, worker) = NonBlockingBuilder::default()
                .buffered_lines_limit(MAX_WAITING_LINES)
                .lossy(true)
                .thread_name("log")
                .finish(io::stderr());
            subscribe(&text, writer);
            Log {
                _worker: Some(worker),
            }
        }
        Style::Command => {
            subscribe(&text, io::stderr);
            Log { _worker: None }
        }
    }
}

fn subscribe<W: for<'a> MakeWriter<'a> + Send + Sync + 'static>(filter: &str, writer: W) {
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        // Spans are of level debug: whoever asks for them sees how long each took.
        .with_span_events(FmtSpan::CLOSE)
        .with_writer(writer)
        .with_ansi(std::io::IsTerminal::is_terminal(&io::stderr()))
        .init();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_or_a_filter_is_taken_and_a_misspelt_one_is_not() {
        for (text, right) in [
            ("info", true),
            ("WARN", true),
            ("off", true),
            ("warn,openeni::api=info", true),
            ("eni_agent=debug", true),
            ("verbose", false),
            ("openeni::api=loud", false),
            ("", false),
            ("info,", false),
        ] {
            assert_eq!(filter(text).is_ok(), right, "{text:?}");
        }
    }
}
