//! Every kind of file that `read` takes, whole and damaged.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value::Value};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans};
use prost::Message;

use super::*;

/// Gives one byte less than asked for, as pipes do.
struct Trickle<'a>(&'a [u8], usize);

impl Read for Trickle<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = buffer.len().min(self.1);
        self.0.read(&mut buffer[..count])
    }
}

fn recognise(bytes: &[u8]) -> Result<Format, String> {
    match bytes.first() {
        Some(0x0a) => Ok(Format::OtlpProto),
        Some(b'{') if !bytes.starts_with(b"{\"data\"") => Ok(Format::OtlpJson),
        _ => Err("this looks like something else".into()),
    }
}

fn read_all(bytes: &[u8], step: usize, max_record: usize) -> (Vec<Vec<u8>>, Result<Summary, String>) {
    let mut records = Vec::new();
    let options = ReadOptions { max_record, recognise: &recognise, progress: &mut |_| {} };
    let result = read_from(Trickle(bytes, step), None, "name", options, &mut |record, _| {
        records.push(record.to_vec());
        ControlFlow::Continue(())
    });
    if let Err(error) = &result {
        assert_eq!(error.records as usize, records.len());
    }
    (records, result.map_err(|error| error.to_string()))
}

/// Reads in pieces of several sizes; all must give the same.
fn check(bytes: &[u8], expected: &[&[u8]]) {
    for step in [1, 7, 1 << 20] {
        let (records, result) = read_all(bytes, step, 1 << 20);
        assert_eq!(records, expected, "in steps of {step}");
        assert_eq!(result.unwrap(), Summary { records: expected.len() as u64, bytes: bytes.len() as u64 });
    }
}

fn fails(bytes: &[u8], good: usize, message: &str) {
    for step in [1, 1 << 20] {
        let (records, result) = read_all(bytes, step, 1000);
        assert_eq!((records.len(), result.unwrap_err().as_str()), (good, message));
    }
}

fn request(services: &[&str]) -> ExportTraceServiceRequest {
    let resource = |service: &&str| Resource {
        attributes: vec![KeyValue {
            key: "service.name".into(),
            value: Some(AnyValue { value: Some(Value::StringValue(service.to_string())) }),
            ..Default::default()
        }],
        ..Default::default()
    };
    let spans = |service| ResourceSpans {
        resource: Some(resource(service)),
        scope_spans: vec![ScopeSpans::default()],
        ..Default::default()
    };
    ExportTraceServiceRequest { resource_spans: services.iter().map(spans).collect() }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn json_lines() {
    check(b"{\"a\":1}\n{\"b\":2}\n", &[b"{\"a\":1}", b"{\"b\":2}"]);
    check(b"\n\n{\"a\":1}\r\n\r\n{\"b\":2}", &[b"{\"a\":1}", b"{\"b\":2}"]);
    check(b"\xef\xbb\xbf{}", &[b"{}"]);
    // A damaged line is one bad record; the next one is whole again.
    check(b"{\"a\":1}\n{\"b\n{\"c\":3}\n", &[b"{\"a\":1}", b"{\"b", b"{\"c\":3}"]);
}

#[test]
fn json_documents_over_several_lines() {
    check(b"{\n \"a\": \"}\\\"{\"\n}\n", &[b"{\n \"a\": \"}\\\"{\"\n}"]);
    check(b" {\n}\n{\n\"b\":{}\n}", &[b"{\n}", b"{\n\"b\":{}\n}"]);
}

#[test]
fn one_protobuf_message_is_read_resource_by_resource() {
    for long in [1, 123 - 30, 200, 70_000] {
        let (first, second) =
            (request(&[&"x".repeat(long)]).encode_to_vec(), request(&["b"]).encode_to_vec());
        check(&[&first[..], &second].concat(), &[&first, &second]);
    }
    assert_eq!(
        request(&["a", "b"]).encode_to_vec(),
        [request(&["a"]), request(&["b"])].map(|r| r.encode_to_vec()).concat()
    );
}

#[test]
fn protobuf_with_lengths_in_front() {
    let messages = [request(&["a", "b"]), request(&[&"x".repeat(300)]), request(&["c"])];
    let varint: Vec<u8> =
        messages.iter().flat_map(|message| message.encode_length_delimited_to_vec()).collect();
    let big_endian: Vec<u8> = messages
        .iter()
        .flat_map(|message| {
            let body = message.encode_to_vec();
            [&(body.len() as u32).to_be_bytes()[..], &body].concat()
        })
        .collect();
    let bodies = messages.map(|message| message.encode_to_vec());
    let bodies = bodies.iter().map(Vec::as_slice).collect::<Vec<_>>();
    check(&varint, &bodies);
    check(&big_endian, &bodies);
}

#[test]
fn a_message_whose_length_looks_like_a_tag() {
    // Ten bytes: its length is the tag of resource_spans.
    let mut message = request(&["a"]);
    message.resource_spans[0].resource = None;
    message.resource_spans[0].scope_spans =
        vec![ScopeSpans { schema_url: "abcd".into(), ..Default::default() }];
    assert_eq!(message.encoded_len(), 10);
    let twice = message.encode_length_delimited_to_vec().repeat(2);
    check(&twice, &[&message.encode_to_vec(), &message.encode_to_vec()]);
}

#[test]
fn gzip_also_in_several_members() {
    let file = [gzip(b"{\"a\":1}\n"), gzip(b"{\"b\":2}\n")].concat();
    for step in [1, 1 << 20] {
        let (records, result) = read_all(&file, step, 1000);
        assert_eq!(records, [b"{\"a\":1}", b"{\"b\":2}"]);
        assert_eq!(result.unwrap(), Summary { records: 2, bytes: 16 });
    }
}

#[test]
fn damaged_gzip_keeps_what_came_before() {
    let lines = (0..50_000).map(|n| format!("{{\"number\":{}}}\n", n * 7919 % 50_021)).collect::<String>();
    let whole = gzip(lines.as_bytes());
    let cut = read_all(&whole[..whole.len() / 2], 1 << 20, 1000);
    assert!(cut.0.len() > 1000 && cut.0.len() < 50_000);
    let message = cut.1.unwrap_err();
    assert!(
        message.starts_with("name: the gzip data ends early; copy the file again (at byte "),
        "{message}"
    );
    let (records, result) = read_all(&[&whole[..], b"garbage behind the end"].concat(), 1 << 20, 1000);
    assert_eq!(records.len(), 50_000);
    assert!(result.unwrap_err().contains("broken gzip data"));
}

#[test]
fn errors_say_what_is_wrong_and_where() {
    fails(b"", 0, "name: the file is empty (at byte 0, after 0 good records)");
    fails(b"  \n", 0, "name: this looks like something else (at byte 3, after 0 good records)");
    fails(b"hello", 0, "name: this looks like something else (at byte 0, after 0 good records)");
    fails(b"{\"data\":[]}", 0, "name: this looks like something else (at byte 0, after 0 good records)");
    fails(
        b"{\n}\n[",
        1,
        "name: `[` where a JSON document should begin; is the file damaged? (at byte 4, after 1 good records)",
    );
    fails(
        b"{\n}\n{\n",
        1,
        "name: a JSON document begins here, but the file ends within it; copy the file again (at byte 4, after 1 good records)",
    );
    let long = format!("{{}}\n{{\"a\":\"{}\"}}\n", "x".repeat(1000));
    let too_long = "name: the record that begins here is longer than 1000 bytes; write smaller requests (one a line in JSON)";
    let (records, result) = read_all(long.as_bytes(), 10, 1000);
    assert_eq!(
        (records.len(), result.unwrap_err()),
        (1, format!("{too_long} (at byte 3, after 1 good records)"))
    );
    let good = request(&["a"]).encode_to_vec();
    let at = good.len();
    fails(
        &[&good[..], &[0x0a, 0xff, 0xff, 1]].concat(),
        1,
        &format!("{too_long} (at byte {at}, after 1 good records)"),
    );
    fails(
        &[&good[..], &[0x0a, 5, 1]].concat(),
        1,
        &format!(
            "name: a message of 5 bytes begins here, but the file ends after 1; copy the file again (at byte {at}, after 1 good records)"
        ),
    );
    fails(
        &[&good[..], &[0x12, 0]].concat(),
        1,
        &format!(
            "name: field tag 0x12 where an OTLP request has resource_spans (0x0a); is the file damaged? (at byte {at}, after 1 good records)"
        ),
    );
}

#[test]
fn files_are_opened_by_path_and_report_progress() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("spans.json");
    std::fs::write(&path, "{}\n".repeat(2_000_000)).unwrap();
    let mut reports = Vec::new();
    let options = ReadOptions {
        max_record: 1000,
        recognise: &recognise,
        progress: &mut |progress| reports.push(progress),
    };
    let summary = read(path.to_str().unwrap(), options, &mut |_, _| ControlFlow::Continue(())).unwrap();
    assert_eq!(summary, Summary { records: 2_000_000, bytes: 6_000_000 });
    assert!(reports.len() >= 5 && reports.is_sorted_by_key(|progress| progress.read));
    assert_eq!(reports.last(), Some(&Progress { read: 6_000_000, total: Some(6_000_000) }));
    for (path, part) in
        [(folder.path().to_str().unwrap(), "it is a directory"), ("/nowhere", "cannot be opened")]
    {
        let options = ReadOptions { max_record: 1, recognise: &recognise, progress: &mut |_| {} };
        let error = read(path, options, &mut |_, _| ControlFlow::Continue(())).unwrap_err();
        assert!(error.to_string().contains(part), "{error}");
    }
}

#[test]
fn reading_stops_where_it_is_told_to() {
    let mut count = 0;
    let options = ReadOptions { max_record: 1000, recognise: &recognise, progress: &mut |_| {} };
    let summary = read_from(&b"{}\n{}\n{}\n"[..], None, "name", options, &mut |_, _| {
        count += 1;
        if count == 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    assert_eq!((count, summary.unwrap().records), (2, 2));
}
