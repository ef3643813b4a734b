//! `linchpin demo`: a simulated system → an embedded Kafka → the same consumer as `serve` → the page, in one process.

mod summary;

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use super::config::ConfigArgs;
use super::serve::{Running, bind, interrupted};
use super::simulated::SimulatedArgs;
use super::{Failure, Outcome};
use crate::config::Config;
use crate::demo::{
    BatchSettings, DriveSettings, EmbeddedBroker, KafkaSettings, KafkaSink, Pace, Simulation, drive,
};
use crate::telemetry::log;

const TOPIC: &str = "otlp_spans";
const PARTITIONS: i32 = 6;

/// Arguments of `linchpin demo`.
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    simulated: SimulatedArgs,
    /// Spans per second.
    #[arg(long, value_name = "SPANS_PER_S", default_value_t = 2_000)]
    rate: u64,
    /// Address and port to serve on; port 0 takes a free one.
    #[arg(long, value_name = "HOST:PORT")]
    listen: Option<String>,
    #[command(flatten)]
    config: ConfigArgs,
}

pub(super) fn run(args: Args) -> Outcome {
    // The embedded broker speaks over the local address only and forgets all at the end, so nothing of it is configurable.
    let mut loader = args.config.loader().flag("kafka.topics", TOPIC).flag("kafka.start", "earliest");
    if let Some(listen) = &args.listen {
        loader = loader.flag("http.listen", listen.clone());
    }
    let mut config = loader.load().map_err(Failure::Config)?.config;
    if config.log.level == Config::default().log.level {
        // On a terminal the summary is the news.
        config.log.level = "error".to_string();
    }
    log::init(&config.log).map_err(|error| Failure::Config(vec![error.to_string()]))?;
    let simulation = Simulation::new(args.simulated.scenario()?, args.simulated.seed);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let outcome = runtime.block_on(demo(args, config, simulation));
    // Dropping it would wait for stages that did not end in time.
    runtime.shutdown_background();
    outcome
}

async fn demo(args: Args, mut config: Config, simulation: Simulation) -> Outcome {
    let listener = bind(&config.http.listen).await?;
    let url = format!("http://{}", listener.local_addr()?);
    let broker = EmbeddedBroker::start(TOPIC, PARTITIONS)?;
    config.kafka.brokers = broker.servers().to_string();
    // What the demo seals is gone with it, unless a store was named.
    let store = tempfile::Builder::new().prefix("linchpin-demo-").tempdir()?;
    if config.store.path == Config::default().store.path {
        config.store.path = store.path().join("store").display().to_string();
    }
    let running = Running::start(config)?;
    let stop = Arc::new(AtomicBool::new(false));
    let producer = produce(simulation, &args, broker.servers(), stop.clone())?;
    announce(&url)?;
    let summary = tokio::spawn(summary::show(running.state.clone()));
    let outcome = running.until(listener, interrupted()).await;
    summary.abort();
    stop.store(true, Ordering::Relaxed);
    let produced =
        producer.join().map_err(|_| anyhow::anyhow!("the simulator panicked: please report it"))?;
    outcome?;
    produced.map_err(Failure::Internal)
}

/// Where to look. The first line is the address alone, so that scripts can take port 0.
fn announce(url: &str) -> std::io::Result<()> {
    let mut stdout = super::output::stdout();
    writeln!(stdout, "{url}")?;
    if stdout.is_terminal() {
        writeln!(stdout, "  the page       {url}/")?;
        writeln!(stdout, "  as JSON        {url}/api/v1/graph.json")?;
        writeln!(stdout, "  as a picture   {url}/api/v1/graph.svg")?;
        writeln!(stdout, "  what is shared {url}/api/v1/critical-paths/river.svg")?;
        writeln!(stdout, "  what is read   {url}/api/v1/status")?;
        writeln!(stdout, "Ctrl-C ends the demo.\n")?;
    }
    stdout.flush()
}

fn produce(
    mut simulation: Simulation,
    args: &Args,
    brokers: &str,
    stop: Arc<AtomicBool>,
) -> anyhow::Result<JoinHandle<anyhow::Result<()>>> {
    let settings = DriveSettings {
        pace: Pace::Live,
        rate: args.rate,
        duration: None,
        spans: None,
        seed: args.simulated.seed,
    };
    let kafka = KafkaSettings {
        brokers: brokers.to_string(),
        topic: TOPIC.to_string(),
        partitions: None,
        is_replay: false,
        properties: Vec::new(),
    };
    let producer = move || {
        let mut sink = KafkaSink::connect(&kafka, stop.clone())?;
        drive(&mut simulation, BatchSettings::default(), &settings, &mut sink, &stop).1
    };
    Ok(std::thread::Builder::new().name("simulator".into()).spawn(producer)?)
}
