//! The router as a client sees it: real routes, real counters, fixed documents as answers.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use axum::response::Response;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;
use utoipa::OpenApi;

use super::openapi::{Description, example};
use super::router::endpoints;
use super::*;
use crate::config::LaneMode;
use crate::export::critical_path::CriticalPathDocument;
use crate::export::critical_path::tests::price;
use crate::export::document::{FlowsDocument, GraphDocument};
use crate::export::flow_profile::FlowProfileDocument;
use crate::export::river::RiverDocument;
use crate::export::shared_paths::SharedPathsDocument;
use crate::model::{Minute, TraceId};
use crate::query::{FlowQuery, GraphQuery, PathQuery, QueryError};
use crate::telemetry::{Reason, Telemetry};

/// Fixed documents; a graph waits for the gate where there is one.
struct Fixed {
    gate: Option<Mutex<mpsc::Receiver<()>>>,
    status: GraphStatus,
}

impl Fixed {
    fn plain() -> Fixed {
        Fixed { gate: None, status: GraphStatus::default() }
    }
}

impl Answers for Fixed {
    fn graph(&self, query: &GraphQuery) -> Result<GraphDocument, QueryError> {
        if let Some(gate) = &self.gate {
            // Ends with an error when the test drops the sender.
            let _opened = gate.lock().unwrap().recv();
        }
        match query.focus.as_deref() {
            Some("panic") => panic!("a fault with a secret detail"),
            Some(focus) if focus != "cart" => {
                Err(QueryError::UnknownFocus { focus: focus.into(), hint: "; did you mean `cart`?".into() })
            }
            _ => Ok(serde_json::from_value(example("graph")).unwrap()),
        }
    }

    fn flows(&self, _query: &FlowQuery) -> Result<FlowsDocument, QueryError> {
        Ok(serde_json::from_value(example("flows")).unwrap())
    }

    fn shared_paths(&self, _query: &PathQuery) -> Result<(SharedPathsDocument, RiverDocument), QueryError> {
        Ok((serde_json::from_value(example("shared_paths")).unwrap(), RiverDocument::default()))
    }

    fn flow_path(&self, flow: &str, _query: &PathQuery) -> Result<FlowProfileDocument, QueryError> {
        match flow {
            flow if flow == example("flow_profile")["id"] => {
                Ok(serde_json::from_value(example("flow_profile")).unwrap())
            }
            flow => Err(QueryError::UnknownFlow { flow: flow.into(), hint: String::new() }),
        }
    }

    fn trace(&self, trace: TraceId, _query: &FlowQuery) -> Result<CriticalPathDocument, QueryError> {
        match trace {
            TraceId(0xabc) => Ok(price()),
            trace => Err(QueryError::UnknownTrace { trace, hint: "a flow keeps a few".into() }),
        }
    }

    fn status(&self) -> GraphStatus {
        self.status.clone()
    }
}

/// The id of the example's flow, as one part of a path.
fn encoded_flow() -> String {
    let example = example("flow_profile");
    let id = example["id"].as_str().unwrap();
    percent_encoding::utf8_percent_encode(id, percent_encoding::NON_ALPHANUMERIC).to_string()
}

fn state(answers: Fixed) -> AppState {
    let settings =
        Settings { lanes: LaneMode::Merged, retention: Duration::from_secs(24 * 3600), memory: 2 << 30 };
    AppState::new(Arc::new(answers), Telemetry::new(), settings)
}

fn app() -> Router {
    router(state(Fixed::plain()))
}

async fn send(app: &Router, request: Request<Body>) -> Response {
    app.clone().oneshot(request).await.unwrap()
}

async fn get(app: &Router, uri: &str) -> Response {
    send(app, Request::get(uri).body(Body::empty()).unwrap()).await
}

async fn text(response: Response) -> String {
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(bytes.to_vec()).unwrap()
}

async fn json(response: Response) -> Value {
    serde_json::from_str(&text(response).await).unwrap()
}

/// Status and `error` of an answer.
async fn error(response: Response) -> (StatusCode, String, String) {
    let status = response.status();
    let body = json(response).await;
    assert_eq!(body.as_object().unwrap().len(), 1, "{body}");
    let part = |name: &str| body["error"][name].as_str().unwrap().to_owned();
    (status, part("code"), part("message"))
}

fn header_of(response: &Response, name: header::HeaderName) -> &str {
    response.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

/// One partition that is read to its end.
fn connect(telemetry: &Telemetry) {
    telemetry.partitions.update_connection(|connection| {
        connection.is_connected = true;
        (connection.partitions_known, connection.partitions_assigned) = (1, 1);
    });
    telemetry.partitions.update(0, |partition| {
        partition.name = "spans/0".into();
        (partition.position, partition.end, partition.is_standing) = (7, 7, true);
    });
}

#[tokio::test]
async fn the_graph_comes_as_json_or_dot() {
    let app = app();
    for (path, accept, media_type) in [
        ("/api/v1/graph", "*/*", "application/json"),
        ("/api/v1/graph", "text/vnd.graphviz", "text/vnd.graphviz"),
        ("/api/v1/graph.json", "text/vnd.graphviz", "application/json"),
        ("/api/v1/graph.dot", "application/json", "text/vnd.graphviz"),
        ("/api/v1/graph.svg", "*/*", "image/svg+xml"),
    ] {
        let request = Request::get(path).header(header::ACCEPT, accept).body(Body::empty()).unwrap();
        let response = send(&app, request).await;
        assert_eq!(response.status(), StatusCode::OK, "{path} {accept}");
        assert_eq!(header_of(&response, header::CONTENT_TYPE), media_type, "{path} {accept}");
        let varies = if path == "/api/v1/graph" { "accept" } else { "" };
        assert_eq!(header_of(&response, header::VARY), varies, "{path}");
        let body = text(response).await;
        if media_type == "application/json" {
            assert_eq!(serde_json::from_str::<Value>(&body).unwrap(), example("graph"));
        } else if media_type == "image/svg+xml" {
            assert!(body.starts_with("<svg") || body.starts_with("<?xml"), "{body}");
        } else {
            assert!(body.starts_with("digraph") && body.contains("->"), "{body}");
        }
    }
}

#[tokio::test]
async fn critical_paths_come_as_accept_prefers_unless_a_format_is_named() {
    let app = app();
    let flow = format!("/api/v1/flows/{}/critical-path", encoded_flow());
    let (shared, trace) = ("/api/v1/critical-paths/shared", "/api/v1/traces/abc");
    let (markdown, text) = ("text/markdown; charset=utf-8", "text/plain; charset=utf-8");
    for (uri, accept, media_type) in [
        (shared, "*/*", "application/json"),
        (shared, "text/markdown", markdown),
        (shared, "text/plain, application/json;q=0.5", text),
        (shared, "image/svg+xml", "image/svg+xml"),
        (&format!("{shared}?format=json"), "text/markdown", "application/json"),
        (&format!("{shared}?format=river"), "application/json", "image/svg+xml"),
        (&flow, "text/*", markdown),
        (&flow, "text/plain", text),
        (&format!("{flow}?format=folded"), "application/json", text),
        (trace, "text/plain", text),
        (&format!("{trace}?format=json"), "image/png", "application/json"),
    ] {
        let request = Request::get(uri).header(header::ACCEPT, accept).body(Body::empty()).unwrap();
        let response = send(&app, request).await;
        assert_eq!(response.status(), StatusCode::OK, "{uri} {accept}");
        assert_eq!(header_of(&response, header::CONTENT_TYPE), media_type, "{uri} {accept}");
        assert_eq!(header_of(&response, header::VARY), "accept", "{uri}");
        let is_json = media_type == "application/json";
        assert_eq!(self::text(response).await.starts_with('{'), is_json, "{uri} {accept}");
    }
    for (uri, offered) in [(shared, "image/svg+xml"), (&flow, "text/markdown"), (trace, "text/plain")] {
        let request = Request::get(uri).header(header::ACCEPT, "image/png").body(Body::empty()).unwrap();
        let (status, code, message) = error(send(&app, request).await).await;
        assert_eq!((status, &*code), (StatusCode::NOT_ACCEPTABLE, "not_acceptable"), "{uri}");
        assert!(message.contains(offered), "{uri}: {message}");
    }
}

#[tokio::test]
async fn critical_paths_come_in_the_format_asked_for() {
    let app = app();
    let flow = format!("/api/v1/flows/{}/critical-path", encoded_flow());
    for (uri, media_type, begin) in [
        (
            "/api/v1/critical-paths/shared".to_string(),
            "application/json",
            "{\"schema\":\"linchpin.shared_paths/1\"",
        ),
        ("/api/v1/critical-paths/shared?format=markdown".into(), "text/markdown; charset=utf-8", ""),
        ("/api/v1/critical-paths/shared?format=text&sort=volume".into(), "text/plain; charset=utf-8", ""),
        ("/api/v1/critical-paths/river.svg".into(), "image/svg+xml", "<svg"),
        (flow.clone(), "application/json", "{\"schema\":\"linchpin.flow_profile/1\""),
        (format!("{flow}?format=folded"), "text/plain; charset=utf-8", ""),
        (format!("{flow}?format=speedscope"), "application/json", "{\"$schema\":"),
        (format!("{flow}?format=text"), "text/plain; charset=utf-8", ""),
    ] {
        let response = get(&app, &uri).await;
        assert_eq!(response.status(), StatusCode::OK, "{uri}");
        assert_eq!(header_of(&response, header::CONTENT_TYPE), media_type, "{uri}");
        assert!(!header_of(&response, header::ETAG).is_empty(), "{uri}");
        let body = text(response).await;
        assert!(body.starts_with(begin) && !body.is_empty(), "{uri}: {body}");
    }
    let (status, code, message) = error(get(&app, "/api/v1/flows/nobody/critical-path").await).await;
    assert_eq!((status, &*code), (StatusCode::NOT_FOUND, "unknown_flow"));
    assert!(message.contains("`nobody`"), "{message}");
}

#[tokio::test]
async fn errors_have_one_shape_a_code_and_the_cure() {
    let app = app();
    let cases = [
        ("/api/v1/graph?windw=1m", 400, "unknown_parameter", "did you mean `window`?"),
        ("/api/v1/graph?version=1", 400, "parameter_not_offered", "not offered yet"),
        ("/api/v1/graph.json?labels=on", 400, "unknown_parameter", "`labels` is no parameter"),
        ("/api/v1/graph.svg?max_nodes=0", 400, "invalid_parameter", "give a number from 1, `auto` or `all`"),
        ("/api/v1/graph.dot?max_nodes=9", 400, "unknown_parameter", "`max_nodes` is no parameter"),
        ("/api/v1/graph?max_nodes=9", 400, "unknown_parameter", "`max_nodes` is no parameter"),
        ("/api/v1/graph?from=2&to=1", 400, "empty_range", "give a `to` after `from`"),
        ("/api/v1/graph?labels=on", 400, "invalid_parameter", "ask for /api/v1/graph.dot"),
        ("/api/v1/graph?env=%ff", 400, "invalid_parameter", "`env=%ff` is no escaped text"),
        ("/api/v1/graph?focus=kart", 404, "unknown_focus", "no node is called `kart`"),
        ("/api/v1/flows?level=service", 400, "unknown_parameter", "`level` is no parameter"),
        ("/api/v1/flows?window=soon", 400, "invalid_parameter", "`window`: `soon`"),
        ("/api/v1/status?sevice=a", 400, "unknown_parameter", "did you mean `service`?"),
        ("/api/v1/graph.png", 404, "unknown_endpoint", "/api/v1/graph.svg"),
        ("/api/v1/flows/%ff/critical-path", 400, "invalid_parameter", "UTF-8"),
        ("/api/v1/traces/%ff", 400, "invalid_parameter", "UTF-8"),
        ("/nothing", 404, "unknown_endpoint", "no endpoint is called `/nothing`"),
    ];
    for (uri, status, code, cure) in cases {
        let response = get(&app, uri).await;
        assert_eq!(header_of(&response, header::CACHE_CONTROL), "no-store", "{uri}");
        let (found, found_code, message) = error(response).await;
        assert_eq!((found.as_u16(), found_code.as_str()), (status, code), "{uri}: {message}");
        assert!(message.contains(cure), "{uri}: {message}");
    }
}

#[tokio::test]
async fn only_reading_is_possible() {
    let app = app();
    for method in [Method::POST, Method::PUT, Method::DELETE, Method::PATCH] {
        let request = Request::builder().method(&method).uri("/api/v1/graph").body(Body::empty()).unwrap();
        let response = send(&app, request).await;
        assert_eq!(header_of(&response, header::ALLOW), "GET,HEAD");
        let (status, code, message) = error(response).await;
        assert_eq!((status.as_u16(), code.as_str()), (405, "method_not_allowed"));
        assert!(message.contains(method.as_str()), "{message}");
    }
}

#[tokio::test]
async fn a_fault_is_hidden_from_the_client() {
    let (status, code, message) = error(get(&app(), "/api/v1/graph?focus=panic").await).await;
    assert_eq!((status.as_u16(), code.as_str()), (500, "internal"));
    assert!(!message.contains("secret"), "{message}");
}

#[tokio::test]
async fn an_unchanged_answer_is_not_sent_again() {
    let app = app();
    for uri in ["/api/v1/graph", "/api/v1/graph.dot", "/api/v1/flows", "/openapi.json"] {
        let first = get(&app, uri).await;
        let tag = header_of(&first, header::ETAG).to_owned();
        assert!(tag.starts_with('"'), "{uri} has no strong tag: {tag:?}");
        let request = Request::get(uri).header(header::IF_NONE_MATCH, &tag).body(Body::empty()).unwrap();
        let again = send(&app, request).await;
        assert_eq!(again.status(), StatusCode::NOT_MODIFIED, "{uri}");
        assert_eq!(header_of(&again, header::ETAG), tag);
        assert_eq!(text(again).await, "", "{uri}");
    }
}

#[tokio::test]
async fn head_is_get_without_its_body() {
    let app = app();
    for (path, _) in endpoints() {
        let whole = get(&app, path).await;
        let request = Request::head(path).body(Body::empty()).unwrap();
        let head = send(&app, request).await;
        assert_eq!(head.status(), whole.status(), "{path}");
        assert_eq!(header_of(&head, header::CONTENT_TYPE), header_of(&whole, header::CONTENT_TYPE));
        assert_eq!(header_of(&head, header::ETAG).is_empty(), header_of(&whole, header::ETAG).is_empty());
        assert_eq!(text(head).await, "", "{path}");
    }
}

#[tokio::test]
async fn other_pages_may_read_the_api_and_nothing_else() {
    let app = app();
    for (uri, origin) in [
        ("/api/v1/graph", "*"),
        ("/api/v1/graph?x=1", "*"),
        ("/api/none", "*"),
        ("/openapi.json", "*"),
        ("/", ""),
        ("/metrics", ""),
    ] {
        let response = get(&app, uri).await;
        assert_eq!(header_of(&response, header::ACCESS_CONTROL_ALLOW_ORIGIN), origin, "{uri}");
        assert_eq!(header_of(&response, header::X_CONTENT_TYPE_OPTIONS), "nosniff", "{uri}");
    }
    let request = Request::options("/api/v1/graph").body(Body::empty()).unwrap();
    let preflight = send(&app, request).await;
    assert_eq!(preflight.status(), StatusCode::NO_CONTENT);
    assert_eq!(header_of(&preflight, header::ACCESS_CONTROL_ALLOW_ORIGIN), "*");
    assert_eq!(header_of(&preflight, header::ACCESS_CONTROL_ALLOW_METHODS), "GET, HEAD");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_questions_than_allowed_are_refused_and_the_status_still_answers() {
    let (open, gate) = mpsc::channel();
    let app = router(state(Fixed { gate: Some(Mutex::new(gate)), ..Fixed::plain() }));
    let mut running = tokio::task::JoinSet::new();
    for _ in 0..MAX_QUERIES + 2 {
        let app = app.clone();
        running.spawn(async move { get(&app, "/api/v1/graph").await });
    }
    // Those within the limit wait at the gate, so the first two answers are the refused ones.
    for _ in 0..2 {
        let refused = running.join_next().await.unwrap().unwrap();
        assert_eq!(header_of(&refused, header::RETRY_AFTER), "1");
        let (status, code, _) = error(refused).await;
        assert_eq!((status.as_u16(), code.as_str()), (503, "busy"));
    }
    assert_eq!(get(&app, "/api/v1/status").await.status(), StatusCode::OK);
    drop(open);
    while let Some(answered) = running.join_next().await {
        assert_eq!(answered.unwrap().status(), StatusCode::OK);
    }
    assert_eq!(get(&app, "/api/v1/graph").await.status(), StatusCode::OK, "the permits came back");
}

#[tokio::test]
async fn readiness_follows_the_partitions() {
    let state = state(Fixed::plain());
    let telemetry = Arc::clone(&state.telemetry);
    let app = router(state);
    telemetry.partitions.update_connection(|it| it.problem = Some("no broker answers at `b:9092`".into()));
    let response = get(&app, "/readyz").await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    let body = json(response).await;
    assert_eq!(body["reason"], "no broker answers at `b:9092`");
    assert_eq!(get(&app, "/healthz").await.status(), StatusCode::OK);

    telemetry.partitions.update_connection(|it| it.problem = None);
    connect(&telemetry);
    let response = get(&app, "/readyz").await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(json(response).await["state"], "ready");
}

fn row(service: &str, spans: u64, orphans: u64) -> MissingRow {
    MissingRow { service: service.into(), spans, orphans, ..MissingRow::default() }
}

#[tokio::test]
async fn the_status_tells_what_is_wrong_and_what_to_do() {
    let status = GraphStatus {
        oldest_minute: Some(Minute(29_000_000)),
        limited_by: LimitedBy::Size,
        capped: vec![("graph.max_edges".into(), 12)],
        missing: vec![row("cart", 900, 0), row("pay", 500, 20), row("", 30, 0)],
        ..GraphStatus::default()
    };
    let state = state(Fixed { status, ..Fixed::plain() });
    let telemetry = Arc::clone(&state.telemetry);
    let app = router(state);
    connect(&telemetry);
    telemetry.partitions.update_connection(|it| it.partitions_known = 6);
    telemetry.counters.drop(Reason::TooLarge, 3);
    telemetry.counters.drop(Reason::Ignored, 4);
    telemetry.counters.refuted_jumps.add(3);
    telemetry.clocks.update(&"spans/0".into(), |clock| {
        (clock.log_time, clock.refuted, clock.refuted_by) = (Some(i64::MAX), 3, 600_000);
    });

    let body = json(get(&app, "/api/v1/status").await).await;
    assert_eq!(body["mode"], "merged");
    assert_eq!(body["violations"][0]["count"], 5);
    assert!(
        body["violations"][1]["what"].as_str().unwrap().contains("ahead of this machine's clock"),
        "{body}"
    );
    let ahead = body["partitions"][0]["ahead_ms"].as_u64();
    assert!(ahead > Some(0), "{body}");
    assert_eq!(body["counters"]["dropped"]["too_large"], 3);
    assert_eq!(body["counters"]["dropped"].as_object().unwrap().len(), Reason::ALL.len());
    assert_eq!(body["retention"]["limited_by"], "size");
    assert_eq!(body["retention"]["oldest_minute"], "2025-02-19T21:20:00.000Z");
    assert_eq!(
        body["partitions"][0],
        json!({
            "name": "spans/0", "position": 7, "end": 7, "lag": 0, "log_time": null, "behind_ms": 0, "ahead_ms": ahead,
            "refuted_jumps": 3,
            "standing": true, "problem": null, "lost_offsets": 0,
        })
    );
    let services: Vec<_> = body["missing"].as_array().unwrap().iter().map(|it| &it["service"]).collect();
    assert_eq!(services, ["", "pay"], "the worst first, without those that lack nothing");
    let hints = body["hints"].to_string();
    for words in
        ["kafka.max_record_size", "graph.max_edges", "graph.memory", "spans/0: 3, up to 10 min ahead"]
    {
        assert!(hints.contains(words), "{hints}");
    }
    assert!(!hints.contains("ignored"), "what was asked for is no fault: {hints}");

    let one = json(get(&app, "/api/v1/status?service=cart").await).await;
    assert_eq!(one["missing"].as_array().unwrap().len(), 1);
    assert_eq!(one["missing"][0]["spans"], 900);
}

#[tokio::test]
async fn metrics_are_well_formed_and_agree_with_the_counters() {
    let state = state(Fixed::plain());
    let telemetry = Arc::clone(&state.telemetry);
    let app = router(state);
    connect(&telemetry);
    telemetry.counters.spans.add(5);
    telemetry.counters.drop(Reason::Malformed, 2);
    telemetry.clocks.update(&"spans/0".into(), |clock| {
        (clock.log_time, clock.refuted, clock.refuted_by) = (Some(0), 3, 3_456_000_500);
    });
    let response = get(&app, "/metrics").await;
    assert!(header_of(&response, header::CONTENT_TYPE).starts_with("text/plain; version=0.0.4"));
    let text = text(response).await;
    for line in [
        "linchpin_spans_total 5",
        "linchpin_dropped_total{reason=\"malformed\"} 2",
        "linchpin_partition_lag{topic=\"spans\",partition=\"0\"} 0",
        "linchpin_ready 1",
        "linchpin_log_time_lag_seconds 0",
        "linchpin_log_time_ahead_seconds{topic=\"spans\",partition=\"0\"} 0",
        "linchpin_partition_refuted_jumps_total{topic=\"spans\",partition=\"0\"} 3",
        "linchpin_partition_refuted_ahead_seconds{topic=\"spans\",partition=\"0\"} 3456000.5",
    ] {
        assert!(text.lines().any(|it| it == line), "{line} is missing in\n{text}");
    }
    let mut types = BTreeMap::new();
    for line in text.lines() {
        if let Some(head) = line.strip_prefix("# TYPE ") {
            let (name, kind) = head.split_once(' ').unwrap();
            assert!(types.insert(name, kind).is_none(), "{name} is described twice");
            assert_eq!(name.ends_with("_total"), kind == "counter", "{line}");
        } else if !line.starts_with("# HELP ") {
            let name = line.split(['{', ' ']).next().unwrap();
            assert!(types.contains_key(name), "{line} has no type before it");
            assert!(line.rsplit_once(' ').unwrap().1.parse::<f64>().is_ok(), "{line}");
        }
    }
}

#[tokio::test]
async fn the_description_has_every_route_and_no_other() {
    let description = json(get(&app(), "/openapi.json").await).await;
    let described: BTreeSet<&str> =
        description["paths"].as_object().unwrap().keys().map(String::as_str).collect();
    let routed: BTreeSet<&str> = endpoints().map(|(path, _)| path).into();
    assert_eq!(described, routed);
}

/// Calls `check` with place, schema and example of every described answer that has an example.
fn each_example(mut check: impl FnMut(&str, &Value, &Value)) {
    let description = serde_json::to_value(Description::openapi()).unwrap();
    for (path, methods) in description["paths"].as_object().unwrap() {
        for (status, answer) in methods["get"]["responses"].as_object().unwrap() {
            for (media_type, content) in answer["content"].as_object().into_iter().flatten() {
                if let Some(example) = content.get("example") {
                    let mut schema = content["schema"].clone();
                    schema["components"] = description["components"].clone();
                    check(&format!("{path} {status} {media_type}"), &schema, example);
                }
            }
        }
    }
}

#[test]
fn examples_fit_their_schemas() {
    let mut checked = 0;
    each_example(|place, schema, example| {
        assert!(!example.is_null(), "{place}: the example is no JSON");
        let validator = jsonschema::validator_for(schema).unwrap();
        let problems: Vec<String> =
            validator.iter_errors(example).map(|it| format!("{}: {it}", it.instance_path())).collect();
        assert!(problems.is_empty(), "{place}: {problems:?}");
        checked += 1;
    });
    assert!(checked >= 7, "only {checked} examples were found");
}

#[tokio::test]
async fn real_answers_fit_the_described_schemas() {
    let state = state(Fixed::plain());
    connect(&state.telemetry);
    let app = router(state);
    let mut cases = Vec::new();
    each_example(|place, schema, _| {
        let path = place.split(' ').next().unwrap().to_owned();
        if place.contains(" 200 application/json") {
            cases.push((path, schema.clone()));
        }
    });
    for (path, schema) in cases {
        let path = path.replace("/traces/{id}", "/traces/abc").replace("{id}", &encoded_flow());
        let answer = json(get(&app, &path).await).await;
        let validator = jsonschema::validator_for(&schema).unwrap();
        assert!(validator.is_valid(&answer), "{path}: {answer}");
    }
}

#[test]
fn described_parameters_are_accepted_with_their_examples() {
    let description = serde_json::to_value(Description::openapi()).unwrap();
    let parameters = description["paths"]["/api/v1/graph.svg"]["get"]["parameters"].as_array().unwrap();
    let names: Vec<&str> = parameters.iter().map(|it| it["name"].as_str().unwrap()).collect();
    assert_eq!(names.len(), 16, "{names:?}");
    let pairs = parameters.iter().filter(|it| it["name"] != "window").map(|it| {
        let example = it["example"].to_string();
        format!("{}={}", it["name"].as_str().unwrap(), example.trim_matches('"'))
    });
    let uri = format!("/api/v1/graph.svg?{}", pairs.collect::<Vec<_>>().join("&")).parse().unwrap();
    params::graph_query(&uri, u64::MAX, params::Drawn::Svg).unwrap();
}

#[tokio::test]
async fn the_page_is_alone_and_safe() {
    let app = app();
    let response = get(&app, "/").await;
    let policy = header_of(&response, header::CONTENT_SECURITY_POLICY).to_owned();
    assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    let nonce = policy.split("script-src 'nonce-").nth(1).unwrap().split('\'').next().unwrap();
    let page = text(response).await;
    assert!(page.contains(&format!("<script nonce=\"{nonce}\">")), "the script is not allowed to run");
    assert!(page.contains(&format!("<style nonce=\"{nonce}\">")), "the style is not allowed");
    assert!(!text(get(&app, "/").await).await.contains(nonce), "the nonce is the same again");
    for way_in in
        ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "onclick=", "style=\""]
    {
        assert!(!page.contains(way_in), "{way_in} is in the page");
    }
    // What needs a name is linked from where the names are.
    for (path, _) in endpoints().into_iter().filter(|(path, _)| *path != "/" && !path.contains('{')) {
        let link = format!("href=\"{}\"", path.trim_start_matches('/'));
        assert!(page.contains(&link), "the page does not link to {path}");
    }
}

#[tokio::test]
async fn a_trace_is_opened_as_json_and_as_a_timeline() {
    let app = app();
    let answer = json(get(&app, "/api/v1/traces/0ABC").await).await;
    assert_eq!(answer, example("critical_path"));
    let response = get(&app, "/api/v1/traces/abc?format=text&window=all").await;
    assert_eq!(header_of(&response, header::CONTENT_TYPE), "text/plain; charset=utf-8");
    assert!(text(response).await.starts_with("critical path of trace 00000000000000000000000000000abc"));
    for (path, status, code) in [
        ("/api/v1/traces/abd", StatusCode::NOT_FOUND, "unknown_trace"),
        ("/api/v1/traces/checkout", StatusCode::BAD_REQUEST, "invalid_parameter"),
        ("/api/v1/traces/abc?level=service", StatusCode::BAD_REQUEST, "unknown_parameter"),
    ] {
        let response = get(&app, path).await;
        assert_eq!(response.status(), status, "{path}");
        assert_eq!(json(response).await["error"]["code"], code, "{path}");
    }
}
