//! The page of a running demo in a real browser: what a person sees, and that hostile names stay text.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Output, Stdio};

use crate::support::http;
use crate::support::linchpin::command;
use crate::support::wait::eventually;

/// A running `linchpin demo`; dropping it kills it.
struct Demo {
    child: Child,
    url: String,
}

impl Demo {
    fn start(arguments: &[&str]) -> Demo {
        let mut child = command()
            .args(["demo", "--listen", "127.0.0.1:0"])
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut url = String::new();
        BufReader::new(child.stdout.take().expect("it is piped")).read_line(&mut url).unwrap();
        Demo { child, url: url.trim().to_string() }
    }

    fn await_edges(&self) {
        eventually("the demo has edges", || {
            let answer = http::get(&format!("{}/api/v1/graph.json", self.url))?;
            let graph: serde_json::Value =
                serde_json::from_str(&answer.body).map_err(|error| error.to_string())?;
            let edges = graph["edges"].as_array().map_or(0, Vec::len);
            if edges > 20 { Ok(()) } else { Err(format!("{edges} edges")) }
        });
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Opens a page and gives its document as the browser has it after its scripts have run for some seconds.
fn browse(url: &str) -> Output {
    let profile = tempfile::tempdir().unwrap();
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let found = names.into_iter().find(|name| Command::new(name).arg("--version").output().is_ok());
    let browser = found.expect("no browser is here: install it with `apt-get install chromium`");
    Command::new(browser)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"])
        .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
        .args(["--enable-logging=stderr", "--virtual-time-budget=8000", "--dump-dom"])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .arg(url)
        .output()
        .unwrap()
}

#[test]
fn the_page_shows_the_demo() {
    let demo = Demo::start(&[]);
    demo.await_edges();
    let output = browse(&demo.url);
    let page = String::from_utf8_lossy(&output.stdout);
    for expected in ["Ready", "gateway", "checkout", "Busiest dependencies", "/api/v1/graph.dot"] {
        assert!(page.contains(expected), "`{expected}` is not on the page:\n{page}");
    }
    let log = String::from_utf8_lossy(&output.stderr);
    let errors: Vec<&str> = log.lines().filter(|line| line.contains("CONSOLE")).collect();
    assert!(errors.is_empty(), "the console has errors: {errors:?}");
}

#[test]
fn every_link_of_the_page_answers() {
    let demo = Demo::start(&[]);
    demo.await_edges();
    let page = http::get(&format!("{}/", demo.url)).unwrap().body;
    let quoted = page.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next());
    let links: Vec<&str> =
        quoted.filter(|to| !to.contains(':')).map(|to| to.trim_start_matches('/')).collect();
    assert!(links.len() >= 9, "{links:?}");
    for link in links {
        eventually(link, || {
            let answer = http::get(&format!("{}/{link}", demo.url))?;
            if answer.status == 200 { Ok(()) } else { Err(format!("{answer:?}")) }
        });
    }
}

#[test]
fn hostile_names_stay_text() {
    let folder = tempfile::tempdir().unwrap();
    let topology = folder.path().join("hostile.tsv");
    let hostile = "<img src=x onerror=document.title='taken'>";
    std::fs::write(
        &topology,
        format!("# caller\tcallee\tcalls\n{hostile}\tb<script>\t10\n{hostile}\tc\t5\n"),
    )
    .unwrap();
    let demo = Demo::start(&["--scenario", "scale", "--topology", &topology.display().to_string()]);
    eventually("the demo has edges", || {
        let answer = http::get(&format!("{}/api/v1/graph.json", demo.url))?;
        if answer.body.contains("onerror") { Ok(()) } else { Err(answer.body) }
    });
    let page = String::from_utf8_lossy(&browse(&demo.url).stdout).to_string();
    assert!(page.contains("&lt;img src=x"), "the name is shown as it is:\n{page}");
    assert!(!page.contains("<title>taken"), "the name was run");
}
