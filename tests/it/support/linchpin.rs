//! The real binary: `linchpin serve` as a process of its own, and single commands.

use std::cell::OnceCell;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Mutex, mpsc};
use std::thread::JoinHandle;

use linchpin::export::document::GraphDocument;
use serde_json::Value;
use tempfile::TempDir;

use super::http::{self, Answer};
use super::wait::{PATIENCE, eventually};

/// A running `linchpin serve`; dropping it kills it.
pub struct Linchpin {
    child: Child,
    stdout: mpsc::Receiver<String>,
    url: OnceCell<String>,
    stderr: Option<JoinHandle<()>>,
    log: Arc<Mutex<String>>,
    _folder: TempDir,
}

/// How a server is started.
#[derive(Clone, Copy, Debug, Default)]
pub struct Launch<'a> {
    /// Its configuration (TOML).
    pub config: &'a str,
    /// Its store; a new one that is gone with it, where none is given.
    pub store: Option<&'a Path>,
    /// A command that ends by running the arguments behind it in its own process, as `sh -c 'exec "$@"' sh`.
    pub wrapper: &'a [&'a str],
}

impl Launch<'_> {
    /// Starts it and waits for nothing.
    pub fn start(self) -> Linchpin {
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("linchpin.toml");
        std::fs::write(&file, self.config).unwrap();
        let store = self.store.map_or_else(|| folder.path().join("store"), Path::to_path_buf);
        let mut child = wrapped_command(self.wrapper)
            .arg("serve")
            .arg("--config")
            .arg(&file)
            .arg("--store")
            .arg(store)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stdout = lines(child.stdout.take().expect("it is piped"));
        let log = Arc::<Mutex<String>>::default();
        let stderr = Some(keep(child.stderr.take().expect("it is piped"), log.clone()));
        Linchpin { child, stdout, url: OnceCell::new(), stderr, log, _folder: folder }
    }

    /// Starts it and waits until it answers.
    pub fn serve(self) -> Linchpin {
        let linchpin = self.start();
        eventually("/healthz answers 200", || {
            let answer = linchpin.get("/healthz")?;
            if answer.status == 200 { Ok(()) } else { Err(format!("{answer:?}")) }
        });
        linchpin
    }

    /// Starts it and waits until it ends by itself: its exit code and what it wrote to stderr.
    pub fn refused(self) -> (i32, String) {
        let mut linchpin = self.start();
        let status = linchpin.await_end();
        (status.code().expect("no signal ended it"), linchpin.log())
    }
}

impl Linchpin {
    /// Starts the server with `config` (TOML) on a free port and a store of its own, and waits until it answers.
    pub fn serve(config: &str) -> Linchpin {
        Launch { config, ..Launch::default() }.serve()
    }

    /// [`Linchpin::serve`] on the store `store`.
    pub fn serve_on(config: &str, store: &Path) -> Linchpin {
        Launch { config, store: Some(store), ..Launch::default() }.serve()
    }

    /// The URL under which it serves: the first line on its stdout.
    fn url(&self) -> &str {
        self.url.get_or_init(|| {
            let line = self.stdout.recv_timeout(PATIENCE);
            line.unwrap_or_else(|_| panic!("no URL on stdout of `linchpin serve`; its log:\n{}", self.log()))
        })
    }

    /// The process's id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Gets a path of the server.
    pub fn get(&self, path: &str) -> Result<Answer, String> {
        http::get(&format!("{}{path}", self.url()))
    }

    /// Gets a path that must answer 200 with JSON.
    pub fn json(&self, path: &str) -> Result<Value, String> {
        let answer = self.get(path)?;
        if answer.status != 200 {
            return Err(format!("GET {path}: {} {}", answer.status, answer.body));
        }
        serde_json::from_str(&answer.body).map_err(|error| format!("GET {path}: {error}: {}", answer.body))
    }

    /// `/api/v1/graph?{query}`.
    pub fn graph(&self, query: &str) -> Result<GraphDocument, String> {
        let graph = self.json(&format!("/api/v1/graph?{query}"))?;
        serde_json::from_value(graph).map_err(|error| format!("the graph: {error}"))
    }

    /// A counter of the status, as `records` or `dropped.malformed`; a reason that is not named never came up.
    pub fn counter(&self, name: &str) -> Result<u64, String> {
        let status = self.json("/api/v1/status")?;
        let counters = &status["counters"];
        let value = match name.strip_prefix("dropped.") {
            Some(reason) if counters["dropped"].is_object() => {
                counters["dropped"][reason].as_u64().or(Some(0))
            }
            _ => counters[name].as_u64(),
        };
        value.ok_or_else(|| format!("no number `counters.{name}` in the status: {counters}"))
    }

    /// Waits until so many records were read in all.
    pub fn await_records(&self, records: u64) {
        eventually(&format!("{records} records are read"), || {
            let read = self.counter("records")?;
            if read >= records { Ok(()) } else { Err(format!("{read} records")) }
        });
    }

    /// Waits until `/readyz` says yes.
    pub fn await_ready(&self) {
        eventually("/readyz answers 200", || {
            let answer = self.get("/readyz")?;
            if answer.status == 200 { Ok(()) } else { Err(answer.body) }
        });
    }

    /// Waits until `/readyz` says no for a reason that contains one of `words`; gives the reason.
    pub fn await_unready(&self, words: &[&str]) -> String {
        eventually(&format!("/readyz names one of {words:?}"), || {
            let answer = self.get("/readyz")?;
            let body: Value = serde_json::from_str(&answer.body).map_err(|error| error.to_string())?;
            let reason = body["reason"].as_str().unwrap_or_default().to_string();
            let is_named = words.iter().any(|word| reason.to_lowercase().contains(word));
            if answer.status == 503 && is_named { Ok(reason) } else { Err(answer.body) }
        })
    }

    /// Resident memory now, in bytes.
    pub fn resident_bytes(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("Linux has it");
        let kib: u64 = line.split_whitespace().nth(1).expect("a number follows").parse().unwrap();
        kib * 1024
    }

    /// CPU time used so far, in seconds.
    pub fn cpu_seconds(&self) -> f64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        // The command's name in parentheses may hold spaces; user and system time are the 12th and 13th after it.
        let fields: Vec<&str> = stat.rsplit(") ").next().expect("one part").split(' ').collect();
        let ticks: u64 = fields[11..13].iter().map(|field| field.parse::<u64>().unwrap()).sum();
        ticks as f64 / 100.0
    }

    /// True while the process runs.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Sends a signal, as `TERM`.
    pub fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        Command::new("sh").args(["-c", "kill -s \"$1\" \"$2\"", "kill", name, &pid]).status().unwrap();
    }

    /// Sends SIGTERM and waits for the end.
    pub fn terminate(mut self) -> ExitStatus {
        self.signal("TERM");
        self.await_end()
    }

    /// Waits for the end.
    pub fn await_end(&mut self) -> ExitStatus {
        let status = eventually("the server ends", || {
            self.child.try_wait().unwrap().ok_or_else(|| "still running".to_string())
        });
        // Its last words are in the log.
        self.stderr.take().into_iter().for_each(|stderr| stderr.join().unwrap());
        status
    }

    /// Kills it without a farewell.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// What it wrote to stderr so far.
    pub fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }
}

impl Drop for Linchpin {
    fn drop(&mut self) {
        // It may have ended already; there is nothing to do about an error here.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let log = self.log();
            let tail: Vec<&str> = log.lines().rev().take(30).collect();
            eprintln!("the last lines of linchpin's log, backwards: {tail:#?}");
        }
    }
}

/// The binary with an environment that holds no configuration of its own, and no store of the user's.
pub fn command() -> Command {
    wrapped_command(&[])
}

/// The same, run by `wrapper`.
fn wrapped_command(wrapper: &[&str]) -> Command {
    let mut words = wrapper.iter().chain(&[env!("CARGO_BIN_EXE_linchpin")]);
    let mut command = Command::new(words.next().expect("the binary is one"));
    command.args(words).env("XDG_DATA_HOME", Path::new(env!("CARGO_TARGET_TMPDIR")).join("data"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("LINCHPIN_") {
            command.env_remove(name);
        }
    }
    command.current_dir(env!("CARGO_TARGET_TMPDIR"));
    command
}

/// Runs a command to its end.
pub fn run(arguments: &[&str]) -> Output {
    command().args(arguments).stdin(Stdio::null()).output().unwrap()
}

/// A configuration for tests: everything on `topic` from its start, with `more` (whole TOML sections) behind it.
pub fn config(brokers: &str, topic: &str, kafka: &str, more: &str) -> String {
    let group = super::broker::unique("group");
    format!(
        r#"[http]
listen = "127.0.0.1:0"

[store]
retention = "3660d"
keep_minutes = "366d"
keep_ten_minutes = "366d"

[kafka]
brokers = "{brokers}"
topics = ["{topic}"]
group = "{group}"
start = "earliest"
{kafka}

{more}
"#
    )
}

/// Reads all lines, so that the writer never blocks.
fn lines(stdout: impl Read + Send + 'static) -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            // Only the first line has a listener, and not always.
            let _ = sender.send(line);
        }
    });
    receiver
}

/// Keeps all lines: a file of their own would be bounded by a limit that the server is given.
fn keep(stderr: impl Read + Send + 'static, log: Arc<Mutex<String>>) -> JoinHandle<()> {
    std::thread::spawn(move || {
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            let mut log = log.lock().unwrap();
            log.push_str(&line);
            log.push('\n');
        }
    })
}

/// A file that will hold a command's output, in a folder that is removed with it.
pub fn scratch(name: &str) -> (TempDir, PathBuf) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join(name);
    (folder, path)
}
