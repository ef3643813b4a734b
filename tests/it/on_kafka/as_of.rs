//! Answers as of an instant: the same bytes whenever they are asked for, or a reason why there is none.

use serde_json::Value;
use tempfile::TempDir;

use crate::support::http::Answer;
use crate::support::linchpin::Linchpin;
use crate::support::recorded::instant;
use crate::support::sealed::{Reference, buckets, path as bucket, range};
use crate::support::spans::{MILLI, now};
use crate::support::wait::eventually;

#[test]
fn an_answer_as_of_an_instant_is_the_same_for_ever() {
    let (reference, store) = (Reference::shared(), TempDir::new().unwrap());
    let queries = [
        format!("graph.json?{}&as_of={}", reference.range(), reference.sealed_by),
        format!(
            "graph.json?{}&as_of={}&level=operation",
            range(reference.start + 180_000, 7),
            reference.sealed_by
        ),
        format!("flows?{}&as_of={}", reference.range(), reference.sealed_by),
        format!("critical-paths/shared?{}&as_of={}&min_requests=1", reference.range(), reference.sealed_by),
    ];
    let first = Linchpin::serve_on(&reference.config(""), store.path());
    first.await_sealed(&reference.sealed_by);
    let expected: Vec<Answer> = queries.iter().map(|query| ask(&first, query)).collect();
    for answer in &expected {
        assert_eq!(answer.status, 200, "{answer:?}");
        assert!(answer.etag.as_ref().unwrap().starts_with('"'), "a strong tag: {answer:?}");
        assert!(answer.body.contains("shop-gateway"), "{answer:?}");
    }
    assert_same(&first, &queries, &expected);
    first.kill();

    let second = Linchpin::serve_on(&reference.config(""), store.path());
    assert_same(&second, &queries, &expected);
    second.await_sealed(&reference.sealed_by);
    assert_same(&second, &queries, &expected);
    second.kill();

    // Where a bucket is damaged there is no such answer any more, and none that could be taken for it.
    let all = buckets(store.path());
    let (minute, bytes) = all.iter().filter(|(path, _)| path.contains("/1m/")).nth(3).unwrap();
    std::fs::write(bucket(store.path(), minute), &bytes[..bytes.len() / 2]).unwrap();
    for path in all.keys().filter(|path| !path.contains("/1m/")) {
        std::fs::remove_file(bucket(store.path(), path)).unwrap();
    }
    let third = Linchpin::serve_on(&reference.config(""), store.path());
    let refused = ask(&third, &queries[1]);
    assert_eq!((refused.status, &*code(&refused)), (410, "damaged"), "{refused:?}");
    assert!(refused.body.contains("is missing") && refused.etag.is_none(), "{refused:?}");
    let beside = ask(&third, queries[1].split("&as_of").next().unwrap());
    assert!(beside.status == 200 && beside.body.contains("is missing"), "{beside:?}");
}

#[test]
fn what_is_not_sealed_or_lies_beyond_is_refused_with_the_reason() {
    let reference = Reference::shared();
    let linchpin = Linchpin::serve(&reference.config(""));
    linchpin.await_sealed(&reference.sealed_by);
    let now = (now() / MILLI) as i64;
    let open = range(now - 180_000, 1);
    let open = ask(&linchpin, &format!("graph.json?{open}&as_of={}", instant(now - 1)));
    assert_eq!((open.status, &*code(&open)), (409, "not_sealed"), "{open:?}");
    assert!(open.body.contains("minutes are sealed up to"), "{open:?}");
    let early = instant(reference.start + 600_000);
    let beyond = ask(&linchpin, &format!("graph.json?{}&as_of={early}", reference.range()));
    assert_eq!(beyond.status, 400, "{beyond:?}");
    assert!(beyond.body.contains(&early), "{beyond:?}");
    let before = range(reference.start - 7_200_000, 60);
    let before = ask(&linchpin, &format!("graph.json?{before}&as_of={}", reference.sealed_by));
    assert_eq!((before.status, &*code(&before)), (410, "not_kept"), "{before:?}");
}

fn ask(linchpin: &Linchpin, query: &str) -> Answer {
    linchpin.get(&format!("/api/v1/{query}")).unwrap()
}

fn code(answer: &Answer) -> String {
    let body: Value = serde_json::from_str(&answer.body).unwrap();
    body["error"]["code"].as_str().unwrap_or_default().to_string()
}

#[track_caller]
fn assert_same(linchpin: &Linchpin, queries: &[String], expected: &[Answer]) {
    for (query, expected) in queries.iter().zip(expected) {
        // A start cannot know that the silence behind its last minute is final before it has read on.
        let answer = eventually(query, || {
            let answer = ask(linchpin, query);
            if answer.status == 409 { Err(answer.body) } else { Ok(answer) }
        });
        assert_eq!(answer.body, expected.body, "{query}");
        assert_eq!((answer.status, answer.etag), (200, expected.etag.clone()), "{query}");
    }
}
