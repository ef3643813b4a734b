//! Writes the declarations out: the example file and `docs/CONFIG.md`.

use std::fmt::Write;

use super::declare::Knob;
use super::properties::SECRET_WORDS;
use super::sections::{Config, KNOBS, SECTIONS};

/// `linchpin.toml` with every key at its default, commented out, each with what it does and why.
pub fn example() -> String {
    let mut text = String::from(EXAMPLE_HEAD);
    for (section, about) in SECTIONS {
        let _ = write!(text, "\n{}[{section}]\n", comment(about));
        for knob in KNOBS.iter().filter(|knob| knob.section == *section) {
            let value = (knob.show)(&Config::default());
            let kind = what_it_takes(knob).replace('`', "");
            let _ = write!(text, "\n{}# {kind}\n#{} = {value}\n", comment(knob.doc), knob.name);
        }
    }
    text
}

/// `docs/CONFIG.md`.
pub fn markdown() -> String {
    let mut text = String::from(MARKDOWN_HEAD);
    for (section, about) in SECTIONS {
        let _ = write!(text, "\n## `[{section}]`\n\n{}\n\n", lines(about).collect::<Vec<_>>().join(" "));
        text.push_str(
            "| key | value | default | what it does, and why this default |\n| --- | --- | --- | --- |\n",
        );
        for knob in KNOBS.iter().filter(|knob| knob.section == *section) {
            text.push_str(&row(knob));
        }
    }
    let secret_words = SECRET_WORDS.map(|word| format!("`{word}`")).join(", ");
    text + "\n" + &MARKDOWN_FOOT.replace("{SECRET_WORDS}", &secret_words)
}

fn row(knob: &Knob) -> String {
    let mark = if knob.affects_facts { " ◆" } else { "" };
    let default = (knob.show)(&Config::default());
    let doc = lines(knob.doc).collect::<Vec<_>>().join(" ");
    let cells = [format!("`{}`{mark}", knob.name), what_it_takes(knob), format!("`{default}`"), doc];
    format!("| {} |\n", cells.map(|cell| cell.replace('|', "\\|")).join(" | "))
}

/// Kind and rules of a knob's values, as "number, 1 to 256".
fn what_it_takes(knob: &Knob) -> String {
    let mut parts = vec![(knob.kind)()];
    parts.extend((knob.rules)());
    parts.join(", ")
}

fn comment(doc: &str) -> String {
    lines(doc).map(|line| format!("# {line}\n")).collect()
}

fn lines(doc: &str) -> impl Iterator<Item = &str> {
    doc.lines().map(str::trim).filter(|line| !line.is_empty())
}

const EXAMPLE_HEAD: &str = "\
# Linchpin's configuration: every key with its default. Remove a `#` to change a value.
# Weaker to stronger: default, this file, environment (LINCHPIN_KAFKA__BROKERS), flags (--set kafka.brokers=…).
# `linchpin config --check` checks it, `linchpin config` prints what is in force and where it comes from.
";

const MARKDOWN_HEAD: &str = "\
# Configuration

This page is generated from the declarations in `src/config/sections.rs`; a test compares the two.

A value comes from the strongest of these that gives it:

1. the default, below;
2. the file: `--config FILE`, else `linchpin.toml` in the working directory if it is there;
3. the environment: `kafka.brokers` is `LINCHPIN_KAFKA__BROKERS`, with two underscores between section and key;
4. flags: `--set kafka.brokers=…`, as often as needed, and those that a command has of its own.

`linchpin config` prints every value in force with its origin.
`linchpin config --check` prints every problem at once (exit code 64).
`linchpin config --example` prints a file to start from.
Unknown keys and variables are refused, with the nearest known name.

How values are written:

- durations: `\"500ms\"`, `\"30s\"`, `\"2m\"`, `\"24h\"`, `\"90d\"`, or added up as `\"1h30m\"`; the unit is a must;
- sizes: `\"64MiB\"`, `\"2GiB\"`, or a number of bytes; `MB` and `GB` are powers of ten;
- times: RFC 3339 in UTC, as `\"2026-01-31T08:00:00Z\"`;
- lists: `[\"a\", \"b\"]` in the file; `a,b` in variables and flags, or as in the file where a part holds a comma;
- tables: `[kafka.properties]` in the file; `name=value,name=value` in variables and flags, or one entry at a time.

◆ marks what changes sealed facts.
`linchpin config` prints the hash of these values.
Sealed minutes belong to one hash, so that minutes counted by different rules are never added up.
";

const MARKDOWN_FOOT: &str = "\
## Secrets

Values of `kafka.properties` whose name looks like a secret, and all that come from a file, are shown as `***` by every
command, in every log line and in every answer.
A name looks like a secret if it contains one of {SECRET_WORDS}.

```toml
[kafka.properties]
security.protocol = \"SASL_SSL\"
sasl.mechanism = \"SCRAM-SHA-512\"
sasl.username = \"linchpin\"
sasl.password = { file = \"/run/secrets/kafka-password\" }
```

Line ends at the end of such a file are left out.
A variable names an entry in upper case with `_` for each dot: `LINCHPIN_KAFKA__PROPERTIES__SASL_PASSWORD`.
Do not give secrets by `--set`: other users of a machine can read command lines.

## In Kubernetes

For a service named `linchpin`, Kubernetes sets variables as `LINCHPIN_PORT` and `LINCHPIN_SERVICE_HOST` in every pod of
its namespace.
These are left alone.
";
