use std::collections::BTreeMap;

use super::*;
use crate::demo::conventions::{Conventions, Endpoint, http};
use crate::demo::system::{Call, Delivery, ServiceSpec, Step, Version};
use crate::demo::{Scenario, Simulation};
use crate::model::RemoteParent;

const START: UnixNanos = 1_767_225_600_000_000_000;
const MILLI: u64 = 1_000_000;
const ALWAYS: u32 = 10_000;

/// A system in which `web` calls `bank`, which does `steps`.
struct Pair {
    system: System,
    entry: OperationId,
    answer: OperationId,
}

fn service(system: &mut System, name: &'static str) -> ServiceId {
    system.add_service(&ServiceSpec {
        name,
        namespace: "tests",
        language: "go",
        conventions: Conventions::Stable,
        versions: vec![Version::stable("1", 2)],
    })
}

fn pair(call: impl Fn(Call) -> Call, bank_work: u64) -> Pair {
    let mut system = System::on_nodes(2);
    let (web, bank) = (service(&mut system, "web"), service(&mut system, "bank"));
    let answer = system.add_operation(bank, &http("POST", "/pay"), bank_work);
    let entry = system.add_operation(web, &http("GET", "/"), MILLI);
    system.operation_mut(entry).steps = vec![call(Call::to(answer)).step()];
    system.add_entry(entry, 1);
    Pair { system, entry, answer }
}

fn run(system: System, conditions: Conditions, traces: u64) -> (Vec<SimSpan>, String, Simulation) {
    let mut simulation = Simulation::new(Scenario::Own(Box::new(system), conditions), 3);
    let mut spans = Vec::new();
    for number in 0..traces {
        simulation.append_trace(START + number * 1_000 * MILLI, &mut spans);
    }
    let truth = simulation.truth().to_string();
    (spans, truth, simulation)
}

#[test]
fn failures_show_on_the_sides_that_see_them() {
    type Change = fn(&mut Pair);
    let table: [(&str, u64, Change, &str); 4] = [
        ("fine", MILLI, |_| {}, "svc\tweb\tbank\t10\t0\t0\n"),
        (
            "own fault",
            MILLI,
            |pair| pair.system.operation_mut(pair.answer).errors = ALWAYS,
            "svc\tweb\tbank\t10\t10\t10\n",
        ),
        (
            "refused",
            MILLI,
            |pair| pair.system.operation_mut(pair.answer).rejections = ALWAYS,
            "svc\tweb\tbank\t10\t10\t0\n",
        ),
        ("too slow", 9_000 * MILLI, |_| {}, "svc\tweb\tbank\t10\t10\t0\n"),
    ];
    for (case, work, change, expected) in table {
        let mut pair = pair(|call| call.within_ms(500), work);
        change(&mut pair);
        let (spans, truth, _) = run(pair.system, Conditions::default(), 10);
        assert_eq!((case, spans.len(), truth.as_str()), (case, 30, expected));
    }
}

#[test]
fn retries_are_calls_of_their_own_and_fallbacks_swallow_the_failure() {
    let mut pair = pair(|call| call.retried(2).or_else(), MILLI);
    pair.system.operation_mut(pair.answer).errors = ALWAYS;
    let (spans, truth, _) = run(pair.system, Conditions::default(), 1);
    assert_eq!(truth, "svc\tweb\tbank\t3\t3\t3\n");
    let resends: Vec<u8> = spans.iter().map(|span| span.resend_count).filter(|count| *count > 0).collect();
    assert_eq!(resends, [1, 2]);
    assert!(!spans.last().unwrap().is_error, "the root goes on without the answer");
}

#[test]
fn a_name_that_is_not_found_stops_the_call_before_it_is_made() {
    let mut pair = pair(|call| call, MILLI);
    let dns = service(&mut pair.system, "dns");
    let look_up = pair.system.add_operation(dns, &Endpoint::Dns, MILLI);
    pair.system.operation_mut(look_up).errors = ALWAYS;
    pair.system.resolver = Some(look_up);
    let conditions = Conditions { lookups: ALWAYS, ..Conditions::default() };
    let (spans, truth, _) = run(pair.system, conditions, 4);
    assert_eq!(truth, "svc\tweb\tdns\t4\t4\t4\n");
    assert_eq!(spans.iter().filter(|span| span.parent.is_none() && span.is_error).count(), 4);
}

#[test]
fn strain_slows_and_fails_one_service_only() {
    let pair = pair(|call| call, 10 * MILLI);
    let bank = pair.system.operations[pair.answer.0].service;
    let entered = pair.system.operations[pair.answer.0].entered;
    let strain = Strain { service: bank, slowness: 1_000, errors: ALWAYS };
    let (spans, truth, _) =
        run(pair.system, Conditions { strains: vec![strain], ..Conditions::default() }, 5);
    assert_eq!(truth, "svc\tweb\tbank\t5\t5\t5\n");
    let answers = spans.iter().filter(|span| span.template == entered);
    assert!(answers.clone().all(|span| span.end - span.start >= 30 * MILLI));
    assert_eq!(answers.count(), 5);
}

#[test]
fn messages_count_per_half_and_batches_per_message() {
    let mut pair = pair(|call| call, MILLI);
    let orders = pair.system.add_destination("kafka", "orders");
    let mails = pair.system.add_destination("rabbitmq", "mails");
    let (worker, audit, mailer) = (
        service(&mut pair.system, "worker"),
        service(&mut pair.system, "audit"),
        service(&mut pair.system, "mailer"),
    );
    pair.system.add_consumer(worker, orders, None, Delivery::Parent, MILLI);
    let batch = pair.system.add_consumer(audit, orders, None, Delivery::Links(4), MILLI);
    pair.system.add_consumer(mailer, mails, Some("outbox"), Delivery::Parent, MILLI);
    pair.system.operation_mut(pair.entry).steps = vec![Step::Publish(orders), Step::Publish(mails)];
    pair.system.operation_mut(batch).errors = ALWAYS;
    let batch = pair.system.operations[batch.0].entered;
    let (spans, truth, _) = run(pair.system, Conditions::default(), 10);
    let expected = [
        "msg\tkafka/orders\taudit\t8\t0\t8",
        "msg\tkafka/orders\tworker\t10\t0\t0",
        "msg\trabbitmq/mails\trabbitmq/outbox\t10\t0\t0",
        "msg\trabbitmq/outbox\tmailer\t10\t0\t0",
        "msg\tweb\tkafka/orders\t10\t0\t0",
        "msg\tweb\trabbitmq/mails\t10\t0\t0",
    ];
    assert_eq!(truth.lines().collect::<Vec<_>>(), expected);
    let batches: Vec<&SimSpan> = spans.iter().filter(|span| span.template == batch).collect();
    assert_eq!(batches.len(), 2, "two messages still wait");
    for batch in batches {
        assert_eq!(batch.links.len(), 4);
        assert!(batch.links.iter().all(|link| link.trace != batch.trace));
        let sent = spans.iter().find(|span| span.id == batch.links[3].span).unwrap();
        assert!(sent.trace == batch.links[3].trace && sent.end <= batch.start + 10 * MILLI);
    }
}

#[test]
fn children_come_before_parents_and_lie_within_synchronous_callers() {
    let (spans, _, simulation) = {
        let mut simulation = Simulation::new(Scenario::Shop, 1);
        let mut spans = Vec::new();
        (0..300).for_each(|number| simulation.append_trace(START + number, &mut spans));
        let truth = simulation.truth().to_string();
        (spans, truth, simulation)
    };
    let place: BTreeMap<_, usize> =
        spans.iter().enumerate().map(|(at, span)| ((span.trace, span.id), at)).collect();
    assert_eq!(place.len(), spans.len(), "ids are unique");
    let mut remote = 0;
    for (at, span) in spans.iter().enumerate().filter(|(_, span)| !span.parent.is_none()) {
        let parent = &spans[place[&(span.trace, span.parent)]];
        let is_message =
            !span.links.is_empty() || kind(&simulation, span) == crate::model::SpanKind::Consumer;
        assert!(is_message || place[&(span.trace, span.parent)] > at);
        let same_service = parent.instance == span.instance;
        remote += u32::from(span.remote_parent == RemoteParent::Remote);
        assert!(
            span.remote_parent == RemoteParent::Unknown
                || same_service != (span.remote_parent == RemoteParent::Remote)
        );
    }
    assert!(remote > 500);
}

fn kind(simulation: &Simulation, span: &SimSpan) -> crate::model::SpanKind {
    simulation.catalog().template(span.template).kind
}

#[test]
fn the_shop_has_what_it_promises() {
    let mut simulation = Simulation::new(Scenario::Shop, 1);
    let mut spans = Vec::new();
    (0..6_000).for_each(|number| {
        spans.clear();
        simulation.append_trace(START + number * MILLI, &mut spans);
    });
    let truth = simulation.truth();
    let has = |row: &str| truth.to_string().lines().any(|line| line.starts_with(&format!("{row}\t")));
    for row in [
        "ext\tpayment\tapi.bank.example",
        "msg\tkafka/orders\tanalytics",
        "msg\trabbitmq/notifications\trabbitmq/email",
        "svc\tdns\tkube-apiserver",
        "svc\tgateway\tdns",
        "db\tcart\tredis/2",
        "db\tkube-apiserver\tetcd",
    ] {
        assert!(has(row), "{row:?} is missing in\n{truth}");
    }
    assert!(truth.rows().iter().any(|row| row.3.errors_caller > row.3.errors_callee));
    assert!(!truth.to_string().contains("healthz"));
    let services = crate::demo::shop(3).system.services.len();
    assert_eq!(services, 23);
}
