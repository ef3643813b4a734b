//! A real Apache Kafka for the tests: one KRaft node on free ports, with its log in a folder of its own.
//!
//! The jars come from `tests/run` (Maven), which names their folder in `LINCHPIN_TEST_BROKER`.
//! A shell stands between the test and Java and waits on a pipe: whichever way the test process ends,
//! the pipe closes, and the shell ends Java and removes the folder.

use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};

use super::wait::eventually;

/// User of the listener with SASL/PLAIN.
pub const SASL_USER: &str = "linchpin";
/// Its password.
pub const SASL_PASSWORD: &str = "right-password";

/// Ends Java and removes the folder as soon as nobody holds the other end of its stdin.
const GUARD: &str =
    r#"dir=$1; shift; "$@" </dev/null & java=$!; read -r _; kill -9 $java; wait; rm -rf "$dir""#;

/// A broker; dropping it ends its processes and removes its folder.
pub struct Broker {
    folder: PathBuf,
    port: u16,
    sasl_port: u16,
    process: Option<Child>,
}

impl Broker {
    /// The broker that all tests share which do not disturb it; started by the first of them.
    pub fn shared() -> &'static Broker {
        static SHARED: OnceLock<Broker> = OnceLock::new();
        SHARED.get_or_init(|| {
            let mut broker = Broker::prepared();
            broker.start();
            broker
        })
    }

    /// A broker with its ports and its formatted log, not running yet.
    pub fn prepared() -> Broker {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder =
            Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("broker-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        // All three are held at once, so that they differ.
        let listeners = [0; 3].map(|_| TcpListener::bind("127.0.0.1:0").unwrap());
        let [port, sasl_port, controller] = listeners.map(|it| it.local_addr().unwrap().port());
        let broker = Broker { folder, port, sasl_port, process: None };
        std::fs::write(broker.properties(), properties(&broker.folder, port, sasl_port, controller)).unwrap();
        broker.format();
        broker
    }

    /// Starts it and waits until it answers; after [`Broker::kill`] on the same port with the same log.
    pub fn start(&mut self) {
        assert!(self.process.is_none(), "the broker on port {} runs already", self.port);
        let child = Command::new("sh")
            .args(["-c", GUARD, "guard"])
            .arg(&self.folder)
            .args(java("-Xmx1g"))
            .arg("kafka.Kafka")
            .arg(self.properties())
            .stdin(Stdio::piped())
            .stdout(self.log_file())
            .stderr(self.log_file())
            .process_group(0)
            .spawn()
            .expect("sh can be started");
        self.process = Some(child);
        self.await_answer();
    }

    /// Ends it as a power cut would: no farewell, the log stays as it is.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.process.take() {
            // The whole group, guard first or last: the folder stays, because the guard cannot run on.
            let group = format!("-{}", child.id());
            Command::new("sh").args(["-c", "kill -s KILL -- \"$1\"", "kill", &group]).status().unwrap();
            child.wait().unwrap();
        }
    }

    /// `host:port` for clients.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// `host:port` for clients that log in with SASL/PLAIN.
    pub fn sasl_address(&self) -> String {
        format!("127.0.0.1:{}", self.sasl_port)
    }

    /// Creates a topic whose name starts with `stem`, waits until it can be written to, and gives its name.
    pub fn create_topic(&self, stem: &str, partitions: i32, settings: &[(&str, &str)]) -> String {
        let name = unique(stem);
        self.create_topic_named(&name, partitions, settings);
        name
    }

    /// [`Broker::create_topic`] with exactly this name.
    pub fn create_topic_named(&self, name: &str, partitions: i32, settings: &[(&str, &str)]) {
        let mut topic = NewTopic::new(name, partitions, TopicReplication::Fixed(1));
        for (key, value) in settings {
            topic = topic.set(key, value);
        }
        let admin: AdminClient<DefaultClientContext> = self.client().create().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let created = runtime.block_on(admin.create_topics([&topic], &AdminOptions::new())).unwrap();
        assert!(created.iter().all(Result::is_ok), "topic {name}: {created:?}");
        let consumer: BaseConsumer = self.client().create().unwrap();
        eventually(&format!("topic {name} has leaders"), || {
            let metadata = consumer
                .fetch_metadata(Some(name), Duration::from_secs(5))
                .map_err(|error| error.to_string())?;
            let led = metadata.topics()[0].partitions().iter().filter(|it| it.leader() >= 0).count();
            if led == partitions as usize { Ok(()) } else { Err(format!("{led} of {partitions}")) }
        });
    }

    /// Deletes a topic and waits until nobody knows it any more.
    pub fn delete_topic(&self, name: &str) {
        let admin: AdminClient<DefaultClientContext> = self.client().create().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let deleted = runtime.block_on(admin.delete_topics(&[name], &AdminOptions::new())).unwrap();
        assert!(deleted.iter().all(Result::is_ok), "topic {name}: {deleted:?}");
        let consumer: BaseConsumer = self.client().create().unwrap();
        eventually(&format!("topic {name} is gone"), || {
            let metadata = consumer
                .fetch_metadata(Some(name), Duration::from_secs(5))
                .map_err(|error| error.to_string())?;
            let left = metadata.topics()[0].partitions().len();
            if left == 0 { Ok(()) } else { Err(format!("{left} partitions")) }
        });
    }

    /// Settings of a client of this broker.
    pub fn client(&self) -> ClientConfig {
        let mut client = ClientConfig::new();
        client.set("bootstrap.servers", self.address());
        client
    }

    fn properties(&self) -> PathBuf {
        self.folder.join("server.properties")
    }

    fn log_file(&self) -> std::fs::File {
        let path = self.folder.join("broker.log");
        std::fs::OpenOptions::new().create(true).append(true).open(path).unwrap()
    }

    fn format(&self) {
        let [program, arguments @ ..] = &java("-Xmx256m")[..] else { unreachable!("java has arguments") };
        let formatted = Command::new(program)
            .args(arguments)
            .args(["kafka.tools.StorageTool", "format", "-t", "linchpin-tests-cluster", "-c"])
            .arg(self.properties())
            .output()
            .unwrap_or_else(|error| panic!("java: {error}; `tests/run` says how to install it"));
        assert!(formatted.status.success(), "{}", String::from_utf8_lossy(&formatted.stderr));
    }

    fn await_answer(&self) {
        let consumer: BaseConsumer = self.client().create().unwrap();
        eventually("the broker answers", || {
            let refusal = match consumer.fetch_metadata(None, Duration::from_secs(1)) {
                Ok(metadata) if !metadata.brokers().is_empty() => return Ok(()),
                Ok(_) => "no broker in its metadata".to_string(),
                Err(error) => error.to_string(),
            };
            let log = std::fs::read_to_string(self.folder.join("broker.log")).unwrap_or_default();
            let tail: Vec<&str> = log.lines().rev().take(10).collect();
            Err(format!("{refusal}; its log backwards: {tail:#?}"))
        });
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        match self.process.take() {
            // Closing its stdin lets the guard end Java and remove the folder.
            Some(mut child) => {
                drop(child.stdin.take());
                // Nothing can be done in a destructor where waiting fails.
                let _ = child.wait();
            }
            None => {
                let _ = std::fs::remove_dir_all(&self.folder);
            }
        }
    }
}

/// A name that no other test of this run has.
pub fn unique(stem: &str) -> String {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    format!("{stem}-{}", COUNT.fetch_add(1, Ordering::Relaxed))
}

fn java(heap: &str) -> Vec<String> {
    let classpath = jars().join("*").display().to_string();
    // A short life: the quick compiler and the small collector start soonest and leave most to the tests.
    ["java", heap, "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", &classpath]
        .map(String::from)
        .to_vec()
}

fn jars() -> PathBuf {
    let folder = std::env::var_os("LINCHPIN_TEST_BROKER").map(PathBuf::from).unwrap_or_else(|| {
        Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("it lies in the target folder").join("broker")
    });
    assert!(
        folder.is_dir(),
        "no broker jars in `{}`: run `tests/run` once, or `tests/run quick` to do without a broker",
        folder.display()
    );
    folder
}

fn properties(folder: &Path, port: u16, sasl_port: u16, controller: u16) -> String {
    let log = folder.join("log");
    let log = log.display();
    format!(
        r#"process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:{port},SASL_PLAINTEXT://127.0.0.1:{sasl_port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port},SASL_PLAINTEXT://127.0.0.1:{sasl_port}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
sasl.enabled.mechanisms=PLAIN
listener.name.sasl_plaintext.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_{SASL_USER}="{SASL_PASSWORD}";
log.dirs={log}
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false
log.retention.ms=-1
message.max.bytes=62914560
log.message.timestamp.before.max.ms=9223372036854775807
log.message.timestamp.after.max.ms=9223372036854775807
"#
    )
}
