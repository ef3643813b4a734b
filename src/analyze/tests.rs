//! The rule table of `docs/LINKING.md`, row by row: each test bears its rule's id.

use std::sync::Arc;

use proptest::prelude::*;

use super::fixture::spans;
use super::*;
use crate::config::Config;
use crate::model::{NodeId, Symbols};

struct Checked {
    facts: Facts,
    symbols: Arc<Symbols>,
}

fn analyze_with(config: &Config, trace: &str) -> Checked {
    let symbols = Symbols::new(10_000);
    let spans = spans(&symbols, trace);
    let facts = Analyzer::new(symbols.clone(), config).analyze(TraceId(7), spans, Scope::WHOLE);
    Checked { facts, symbols }
}

fn analyze(trace: &str) -> Checked {
    analyze_with(&Config::default(), trace)
}

impl Checked {
    fn node(&self, id: NodeId) -> String {
        let node = self.symbols.nodes.get(id.0);
        let (name, operation) = (self.symbols.text(node.name), self.symbols.text(node.operation));
        if operation.is_empty() { name.to_string() } else { format!("{name}:{operation}") }
    }

    fn call(&self, call: &Call) -> String {
        let mut line = format!("{} -> {}", self.node(call.caller), self.node(call.callee));
        line += match call.evidence {
            Evidence::Paired => " paired",
            Evidence::ParentChild => " parent",
            Evidence::Link => " link",
            Evidence::Inferred => " inferred",
        };
        for (is_set, word) in [
            (call.is_async, " async"),
            (call.caller_error, " caller-err"),
            (call.callee_error, " callee-err"),
            (!call.is_first_attempt, " retry"),
        ] {
            line += if is_set { word } else { "" };
        }
        if call.count > 1 { format!("{line} x{}", call.count) } else { line }
    }

    fn calls(&self) -> Vec<String> {
        let mut lines: Vec<String> = self.facts.calls.iter().map(|call| self.call(call)).collect();
        lines.sort();
        lines
    }

    fn joined(&self) -> Vec<String> {
        let mut lines: Vec<String> = self
            .facts
            .joined
            .iter()
            .map(|joined| {
                let via = (self.node(joined.sent_to), self.node(joined.taken_from));
                format!("{} via {} {}", self.call(&joined.call), via.0, via.1)
            })
            .collect();
        lines.sort();
        lines
    }

    fn tally(&self, service: &str) -> Tally {
        let found = self.facts.tallies.iter().find(|(node, _)| self.node(*node) == service);
        found.map(|(_, tally)| *tally).unwrap_or_default()
    }

    fn flows(&self) -> Vec<String> {
        self.facts.flows.iter().map(|flow| self.symbols.text(flow.name).to_string()).collect()
    }
}

fn check(trace: &str, expected: &[&str]) {
    assert_eq!(analyze(trace).calls(), expected, "for\n{trace}");
}

/// LINK-PAIR
#[test]
fn link_pair_client_and_server_are_one_call() {
    check(
        "web server /pay 0..100
           web client charge 10..60
             bank server charge 12..55",
        &["web:/pay -> bank:charge paired"],
    );
}

/// LINK-INTERNAL
#[test]
fn link_internal_spans_between_client_and_server_do_not_break_the_pair() {
    check(
        "web server /pay 0..100
           web internal step 5..70
             web client charge 10..60
               web internal connect 11..59
                 bank server charge 12..55",
        &["web:/pay -> bank:charge paired"],
    );
}

/// LINK-KINDLESS
#[test]
fn link_kindless_a_change_of_service_is_a_call() {
    check(
        "web unset /pay 0..100
           bank unset charge 12..55
             bank unset query 13..20 db=mysql/bank",
        &["bank:charge -> mysql/bank inferred", "web:/pay -> bank:charge parent"],
    );
}

/// LINK-SERVER-SERVER
#[test]
fn link_server_server_without_a_client_span() {
    check(
        "proxy server / 0..100
           web server /pay 10..60",
        &["proxy:/ -> web:/pay parent"],
    );
}

/// LINK-NESTED
#[test]
fn link_nested_spans_of_one_service_are_no_call() {
    let checked = analyze(
        "web server /pay 0..100
           web server PayController 5..90
             web internal step 6..80
               web client charge 10..60
                 bank server charge 12..55",
    );
    assert_eq!(checked.calls(), ["web:PayController -> bank:charge paired"]);
    assert_eq!(checked.tally("web").self_calls, 0);
}

/// LINK-PROXY
#[test]
fn link_proxy_with_one_client_span_in_the_middle() {
    check(
        "web server /pay 0..100
           web client charge 10..60
             envoy client egress 11..58
               bank server charge 12..55",
        &["envoy:egress -> bank:charge paired", "web:/pay -> envoy:egress parent"],
    );
}

/// LINK-LEAF
#[test]
fn link_leaf_inner_clients_speak_for_the_ones_that_wrap_them() {
    check(
        "web server /pay 0..100
           web client S3.PutObject 10..60 svc=s3
             web client PUT 11..59 ext=s3.example.com
           web client S3.GetObject 61..80 svc=s3
             web client GET 62..79
           web client charge 81..99
             web client POST 82..98
               bank server charge 83..97",
        &["web:/pay -> bank:charge paired", "web:/pay -> s3 inferred", "web:/pay -> s3.example.com inferred"],
    );
}

/// LINK-LEAF
#[test]
fn link_leaf_without_any_peer_is_counted_not_guessed() {
    let checked = analyze("web server /pay 0..100\n  web client charge 10..60");
    assert_eq!(checked.calls(), [""; 0]);
    assert_eq!(checked.tally("web").clients_without_peer, 1);
}

/// LINK-SELF
#[test]
fn link_self_calls_are_counted_and_shown_on_request() {
    let trace = "web server /pay 0..100
          web client GET 10..60
            web server /rates 12..55";
    let checked = analyze(trace);
    assert_eq!(checked.calls(), [""; 0]);
    assert_eq!(checked.tally("web").self_calls, 1);
    let mut config = Config::default();
    config.linking.self_calls = true;
    assert_eq!(analyze_with(&config, trace).calls(), ["web:/pay -> web:/rates paired"]);
}

/// LINK-SHARED-ID
#[test]
fn link_shared_id_of_client_and_server() {
    check(
        "web server /pay 0..100
           web client charge 10..60 #a
           bank server charge 12..55 id=#a
             bank client query 13..20 db=mysql/bank",
        &["bank:charge -> mysql/bank inferred", "web:/pay -> bank:charge paired"],
    );
}

/// LINK-HEADLESS
#[test]
fn link_headless_servers_are_unresolved_unless_they_name_their_caller() {
    let checked = analyze("bank server charge 12..55 orphan ext=bank.example.com");
    assert_eq!(checked.calls(), [""; 0]);
    assert_eq!(checked.tally("bank").orphans, 1);
    assert!(checked.facts.is_incomplete);
    check("bank server charge 12..55 orphan svc=web", &["web -> bank:charge inferred"]);
}

/// LINK-DATABASE
#[test]
fn link_database_is_inferred_from_its_callers_even_below_wrappers() {
    check(
        "bank server charge 0..100
           bank internal Repository.find 10..60
             bank client SELECT 12..55 db=mysql/bank !err",
        &["bank:charge -> mysql/bank inferred caller-err"],
    );
}

/// LINK-FANOUT
#[test]
fn link_fanout_one_client_several_servers() {
    check(
        "web server / 0..100
           web client mirror 10..60
             a server x 12..55
             b server x 12..56",
        &["web:/ -> a:x paired", "web:/ -> b:x paired"],
    );
}

/// LINK-RETRY
#[test]
fn link_retry_attempts_follow_a_failure_or_say_so() {
    check(
        "web server / 0..100
           web client charge 10..20 !err
             bank server charge 11..19 !err
           web client charge 25..40
             bank server charge 26..39
           web client charge 50..60
             bank server charge 51..59
           web client charge 55..65 !resend
             bank server charge 56..64",
        &[
            "web:/ -> bank:charge paired",
            "web:/ -> bank:charge paired caller-err callee-err",
            "web:/ -> bank:charge paired retry",
            "web:/ -> bank:charge paired retry",
        ],
    );
}

/// LINK-ERRORS
#[test]
fn link_errors_of_both_sides_are_kept_apart() {
    check(
        "web server / 0..100
           web client a 10..20 !err
             bank server a 11..19
           web client b 25..40
             bank server b 26..39 !err",
        &["web:/ -> bank:a paired caller-err", "web:/ -> bank:b paired callee-err"],
    );
}

/// LINK-DUPLICATE
#[test]
fn link_duplicate_spans_count_once() {
    let trace = "web server / 0..100
          web client a 10..20
            bank server a 11..19";
    let symbols = Symbols::new(1000);
    let once = spans(&symbols, trace);
    let mut twice = once.clone();
    twice.extend(once.clone());
    let mut analyzer = Analyzer::new(symbols, &Config::default());
    let facts = analyzer.analyze(TraceId(1), twice, Scope::WHOLE);
    assert_eq!(facts.duplicates, 3);
    assert_eq!(facts.calls, analyzer.analyze(TraceId(1), once, Scope::WHOLE).calls);
}

/// LINK-LOOP
#[test]
fn link_loop_of_parents_is_cut_at_the_smallest_id() {
    let checked = analyze(
        "
         a server x 0..10 parent=3
         b server y 0..10 parent=1
         c server z 0..10 parent=2",
    );
    assert_eq!(checked.calls(), ["a:x -> b:y parent", "b:y -> c:z parent"]);
    assert_eq!(checked.tally("a").orphans, 1);
}

/// LINK-REMOTE-FLAG
#[test]
fn link_remote_flag_finds_hops_and_keeps_local_children_in_their_unit() {
    check(
        "web server / 0..100
           web server filter 1..99 local
             web client a 10..20
               bank internal a 11..19 remote",
        &["web:/ -> bank:a parent"],
    );
    let mut config = Config::default();
    config.linking.self_calls = true;
    let trace = "web server / 0..100\n  web internal shard 1..99 remote";
    assert_eq!(analyze_with(&config, trace).calls(), ["web:/ -> web:shard parent"]);
}

/// LINK-NO-SERVICE
#[test]
fn link_no_service_belongs_to_whoever_stands_above() {
    check(
        "web server / 0..100
           - internal sidecar 5..90
             bank server a 11..19",
        &["web:/ -> bank:a parent"],
    );
}

/// LINK-MSG-DESTINATION
#[test]
fn link_msg_destination_stands_between_producer_and_consumer() {
    let checked = analyze(
        "shop server /buy 0..100
           shop producer publish 10..12 msg=kafka/orders
             mail consumer consume 30..50 msg=kafka/orders",
    );
    assert_eq!(
        checked.calls(),
        ["kafka/orders -> mail:consume paired async", "shop:/buy -> kafka/orders paired async"]
    );
    assert_eq!(checked.joined(), ["shop:/buy -> mail:consume paired async via kafka/orders kafka/orders"]);
}

/// LINK-MSG-PARENT
#[test]
fn link_msg_parent_of_two_consumers() {
    check(
        "shop server /buy 0..100
           shop producer publish 10..12 msg=kafka/orders
             mail consumer consume 30..50 msg=kafka/orders
             stock consumer consume 30..50 msg=kafka/orders !err",
        &[
            "kafka/orders -> mail:consume paired async",
            "kafka/orders -> stock:consume paired async callee-err",
            "shop:/buy -> kafka/orders paired async",
        ],
    );
}

/// LINK-MSG-LINK
#[test]
fn link_msg_link_joins_inside_the_trace() {
    let checked = analyze(
        "
         shop server /buy 0..100
           shop producer publish 10..12 msg=kafka/orders #m
         mail consumer consume 30..50 msg=kafka/orders links=#m",
    );
    assert_eq!(
        checked.calls(),
        ["kafka/orders -> mail:consume link async", "shop:/buy -> kafka/orders link async"]
    );
    assert_eq!(checked.joined(), ["shop:/buy -> mail:consume link async via kafka/orders kafka/orders"]);
}

/// LINK-MSG-BATCH
#[test]
fn link_msg_batch_of_k_links_is_k_messages() {
    let checked = analyze(
        "
         shop server /buy 0..100
           shop producer publish 10..12 msg=kafka/orders #a
           shop producer publish 13..14 msg=kafka/orders #b
         mail consumer consume 30..50 msg=kafka/orders links=#a,#b,#b,#gone foreign=3",
    );
    assert_eq!(
        checked.calls(),
        [
            "kafka/orders -> mail:consume inferred async x4",
            "kafka/orders -> mail:consume link async x2",
            "shop:/buy -> kafka/orders link async",
            "shop:/buy -> kafka/orders link async",
        ]
    );
    assert_eq!(checked.tally("mail").links_to_other_traces, 3);
    let durations: Vec<_> = checked.facts.calls.iter().filter_map(|call| call.callee_ns).collect();
    assert_eq!(durations, [20_000_000], "one span has one duration, however many messages it worked on");
}

/// LINK-MSG-EXCHANGE
#[test]
fn link_msg_exchange_feeds_the_queue_once_per_message() {
    let checked = analyze(
        "food server /buy 0..100
           food producer publish 10..12 msg=rabbitmq/<default>
             delivery consumer process 30..50 msg=rabbitmq/food_delivery
             delivery consumer process 31..51 msg=rabbitmq/food_delivery",
    );
    assert_eq!(
        checked.calls(),
        [
            "food:/buy -> rabbitmq/<default> paired async",
            "rabbitmq/<default> -> rabbitmq/food_delivery paired async",
            "rabbitmq/food_delivery -> delivery:process paired async",
            "rabbitmq/food_delivery -> delivery:process paired async",
        ]
    );
    assert_eq!(checked.joined().len(), 2);
}

/// LINK-MSG-ROOT
#[test]
fn link_msg_root_consumer_is_fed_by_its_destination_not_by_a_user() {
    check(
        "mail consumer consume 30..50 msg=kafka/orders foreign=1",
        &["kafka/orders -> mail:consume inferred async"],
    );
}

/// LINK-MSG-RECEIVE
#[test]
fn link_msg_receive_is_the_fetch_before_the_processing() {
    check(
        "mail client poll 0..100 op=receive msg=kafka/orders foreign=2
           mail consumer handle 10..20 op=process msg=kafka/orders foreign=1
           mail consumer handle 21..30 op=process msg=kafka/orders foreign=1",
        &["kafka/orders -> mail:handle inferred async", "kafka/orders -> mail:handle inferred async"],
    );
    check("mail client poll 0..100 op=receive msg=kafka/orders", &[]);
    check(
        "mail client poll 0..100 op=receive msg=kafka/orders foreign=2",
        &["kafka/orders -> mail:poll inferred async x2"],
    );
}

/// LINK-MSG-RECEIVE
#[test]
fn link_msg_receive_under_its_processing_keeps_the_producer() {
    let checked = analyze(
        "shop producer publish 10..12 msg=kafka/orders
           mail consumer receive 30..31 op=receive msg=kafka/orders
             mail consumer handle 32..50 op=process msg=kafka/orders",
    );
    assert_eq!(
        checked.calls(),
        ["kafka/orders -> mail:handle paired async", "shop:publish -> kafka/orders paired async"]
    );
}

/// LINK-MSG-CREATE
#[test]
fn link_msg_create_spans_carry_the_messages() {
    check(
        "shop server /buy 0..100
           shop producer create 10..11 op=create msg=kafka/orders
           shop producer create 11..12 op=create msg=kafka/orders
           shop client send 12..14 op=send msg=kafka/orders
           shop client ack 15..16 op=settle msg=kafka/orders",
        &["shop:/buy -> kafka/orders inferred async", "shop:/buy -> kafka/orders inferred async"],
    );
}

/// LINK-MSG-DESTINATION
#[test]
fn link_msg_destination_of_one_side_serves_both() {
    check(
        "shop producer publish 10..12
           mail consumer consume 30..50 msg=kafka/orders",
        &["kafka/orders -> mail:consume paired async", "shop:publish -> kafka/orders paired async"],
    );
    check(
        "shop producer publish 10..12
           mail consumer consume 30..50",
        &["shop:publish -> mail:consume paired async"],
    );
}

/// LINK-SAMPLING
#[test]
fn link_sampling_is_joint() {
    let checked = analyze(
        "web server / 0..100 th=8
           web client a 10..20 th=8
             bank server a 11..19 th=c",
    );
    assert_eq!(checked.facts.calls[0].sampling.weight(), 4 * crate::model::WEIGHT_ONE);
}

/// LINK-SAMPLING: a sampler that decides at the root says so on one span of the trace.
#[test]
fn link_sampling_of_the_whole_trace_holds_where_a_span_says_nothing() {
    let checked = analyze(
        "web server / 0..100 TH=c
           web client a 10..20
             bank server a 11..19 th=e",
    );
    let calls = &checked.facts.calls;
    assert_eq!(calls[0].sampling.weight(), 8 * crate::model::WEIGHT_ONE, "a span's own word stays");
    assert!(checked.facts.tallies.iter().all(|(_, tally)| tally.unknown_sampling == 0));
    let unsaid = analyze("web server / 0..100 th=c\n  web client a 10..20 ext=x");
    assert!(!unsaid.facts.calls[0].sampling.is_known(), "what a span says of itself is its own");
}

/// LINK-MINUTE
#[test]
fn link_minute_is_the_roots_and_clamped() {
    let symbols = Symbols::new(1000);
    let trace = "web server / 120000..120100\n  web client a 59000..59100 ext=x";
    let mut analyzer = Analyzer::new(symbols.clone(), &Config::default());
    let minute = Minute::of;
    let whole = analyzer.analyze(TraceId(1), spans(&symbols, trace), Scope::WHOLE);
    assert_eq!((whole.minute, whole.is_clamped), (minute(120_000_000_000), false));
    let scope = Scope { latest: 61_000_000_000, ..Scope::WHOLE };
    let clamped = analyzer.analyze(TraceId(1), spans(&symbols, trace), scope);
    assert_eq!((clamped.minute, clamped.is_clamped), (minute(61_000_000_000), true));
}

/// LINK-LATE
#[test]
fn link_late_tails_count_edges_but_no_flow() {
    let symbols = Symbols::new(1000);
    let trace = "web server / 0..100\n  web client a 10..20 ext=x";
    let mut analyzer = Analyzer::new(symbols.clone(), &Config::default());
    let scope = Scope { tail_minute: Some(Minute(9)), ..Scope::WHOLE };
    let facts = analyzer.analyze(TraceId(1), spans(&symbols, trace), scope);
    assert_eq!((facts.minute, facts.is_tail, facts.calls.len(), facts.flows.len()), (Minute(9), true, 1, 0));
    assert_eq!(facts.tallies[0].1.tail_spans, 2);
}

#[test]
fn flows_are_refined_where_the_root_says_nothing() {
    let telling = "gw server /cart 0..100\n  gw client x 1..50\n    cart server get 2..49";
    assert_eq!(analyze(telling).flows(), ["/cart"]);
    let one = "gw server /* 0..100\n  gw client x 1..50\n    cart server GET 2..49\n      cart client y 3..9\n        db server q 4..8";
    assert_eq!(analyze(one).flows(), ["/* > cart GET > db q"]);
    let several = "gw server /* 0..100\n  gw client x 1..50\n    cart server get 2..49\n  gw client y 51..60\n    auth server check 52..59";
    assert_eq!(analyze(several).flows(), ["/* > [auth, cart]"]);
    assert_eq!(analyze("gw server /* 0..100").flows(), ["/*"]);
    let home = "web server / 0..100 certain\n  web client a 5..30\n    cart server GET 8..28";
    assert_eq!(analyze(home).flows(), ["/"], "the path says that the home page was asked for");
    assert_eq!(analyze("gw server /* 0..100 orphan").flows(), [""; 0], "an orphan is nobody's request");
}

#[test]
fn a_flow_touches_each_node_once() {
    let checked = analyze(
        "gw server /cart 0..100
           gw client x 1..50
             cart server get 2..49
               cart client q 3..9 db=redis
           gw client x 51..60
             cart server get 52..59",
    );
    let mut touched: Vec<String> =
        checked.facts.flows[0].touches.iter().map(|node| checked.node(*node)).collect();
    touched.sort();
    assert_eq!(touched, ["cart", "gw", "redis"]);
}

const MIXED: &str = "
    web server / 0..100
      web client a 10..20 !err
        bank server a 11..19
          bank client q 12..13 db=mysql/bank
      web client a 25..40
        bank server a 26..39
      web producer publish 41..42 msg=kafka/orders #m
        mail consumer consume 60..70 msg=kafka/orders
    stock consumer consume 60..70 msg=kafka/orders links=#m
    lost server x 3..4 orphan";

proptest! {
    #[test]
    fn order_and_duplication_change_nothing(
        order in Just((0..11usize).collect::<Vec<_>>()).prop_shuffle(),
        copies in proptest::collection::vec(0..11usize, 0..8),
    ) {
        let symbols = Symbols::new(1000);
        let all = spans(&symbols, MIXED);
        let picked = order.iter().chain(&copies).filter_map(|at| all.get(*at).cloned()).collect();
        let mut analyzer = Analyzer::new(symbols, &Config::default());
        let expected = analyzer.analyze(TraceId(1), all, Scope::WHOLE);
        let found = analyzer.analyze(TraceId(1), picked, Scope::WHOLE);
        prop_assert_eq!(Facts { duplicates: 0, tallies: vec![], ..found }, Facts { tallies: vec![], ..expected });
    }
}
