//! The words of DNS: what is asked, answered, and made of it.

use std::sync::Arc;

use ra_plugins::lookup::{Answer, DnsError, Records, Texts};
use rstest::rstest;

/// TXT records.
fn texts(records: &[&str]) -> Texts {
    records.iter().map(|it| it.as_bytes().into()).collect()
}

#[rstest]
#[case::text(Ok(Records::Txt(Arc::new(texts(&["a \"b\""])))), r#""a \"b\"""#)]
#[case::two(Ok(Records::Mx([(10, "a".into()), (20, "b".into())].into())),
    "10 a, 20 b")]
#[case::name(Ok(Records::Ptr(["mx.example.org".into()].into())),
    "mx.example.org")]
#[case::no_name(Err(DnsError::NoName), "no such name")]
#[case::no_record(Err(DnsError::NoRecord), "no such record")]
#[case::trouble(Err(DnsError::Failure), "server failure")]
fn an_answer_in_words(#[case] answer: Answer, #[case] words: &str) {
    let said = match answer {
        Ok(records) => records.to_string(),
        Err(error) => error.to_string(),
    };
    assert_eq!(said, words);
}

#[test]
fn what_is_made_of_texts_is_made_once() {
    let texts = texts(&["v=spf1 -all", "hello"]);
    assert_eq!(texts.made(|records| records.len()), Some(&2));
    assert_eq!(texts.made(|_| 99_usize), Some(&2));
    // Another reader wants to make something else of them.
    assert_eq!(texts.made(|_| "a word"), None);
}
