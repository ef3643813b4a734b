//! Commands, a file each; the only place that connects channels and spawns stages.
//!
//! Results go to stdout, everything else to stderr.
//! Exit codes: 0 fine; 1 a gate failed or nothing matched; 2 wrong usage; 64 bad configuration; 70 internal.

mod answers;
mod bench;
mod config;
mod critical_paths;
mod demo;
mod dot;
mod failure;
mod files;
mod generate;
mod graph;
mod output;
mod pipeline;
mod serve;
mod simulated;
mod source;
mod store;

use std::process::ExitCode;
use std::time::SystemTime;

use clap::{Parser, Subcommand};

pub use failure::{Failure, Outcome};

use crate::model::time::NANOS_PER_MILLI;
use crate::model::{LogMillis, UnixNanos};

/// Live service dependency graph from trace spans in Kafka.
#[derive(Parser)]
#[command(name = "linchpin", version, about, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Consume spans from Kafka and serve the graph over HTTP.
    Serve(serve::Args),
    /// A simulated system, an embedded Kafka and the graph of it, in one process.
    Demo(demo::Args),
    /// Make the spans of a simulated system: to a file, a Kafka topic or an OTLP endpoint.
    Generate(generate::Args),
    /// Print the graph of trace files, of a store or of a running server.
    Graph(Box<graph::Args>),
    /// Print what flows share on their critical paths, where the requests of one flow wait, or what one request did.
    CriticalPaths(Box<critical_paths::Args>),
    /// List, verify and export what a store keeps.
    Store(store::Args),
    /// Measure the whole pipeline in process, from encoded messages held in memory.
    Bench(bench::Args),
    /// Print the effective configuration, check it, or write an example.
    Config(config::Args),
}

/// Parses the command line, runs the command and turns its outcome into an exit code.
pub fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Serve(args) => serve::run(args),
        Command::Demo(args) => demo::run(args),
        Command::Generate(args) => generate::run(args),
        Command::Graph(args) => graph::run(*args),
        Command::CriticalPaths(args) => critical_paths::run(*args),
        Command::Store(args) => store::run(args),
        Command::Bench(args) => bench::run(args),
        Command::Config(args) => config::run(args),
    };
    failure::report(outcome)
}

/// Now in event time.
fn now_nanos() -> UnixNanos {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

/// The local clock as log time.
fn now_millis() -> LogMillis {
    LogMillis::try_from(now_nanos() / NANOS_PER_MILLI).unwrap_or(LogMillis::MAX)
}

/// Columns of the terminal behind stdout.
fn terminal_width() -> Option<usize> {
    terminal_size::terminal_size().map(|(width, _)| usize::from(width.0))
}
