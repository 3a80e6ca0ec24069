//! Pictures are drawn from files, and a file that cannot be drawn is told.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may fail here"
)]

use std::fs;
use std::path::{Path, PathBuf};

use book::chapter::Chapter;
use book::check::check;
use book::directive::Picture;
use book::picture::picture;
use book::site::Site;

/// A folder with one file in it.
fn folder(name: &str, text: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("pictures");
    let root = root.join(name.replace('/', "-"));
    fs::create_dir_all(root.join("snapshots")).unwrap();
    fs::write(root.join("snapshots/it.snap"), text).unwrap();
    root
}

/// What is drawn from a file, or what is said about it.
fn drawn(name: &str, kind: Picture, text: &str) -> String {
    let target = match kind {
        Picture::Bars => "snapshots/it.snap: speed",
        Picture::Tree | Picture::Timeline | Picture::Window => {
            "snapshots/it.snap"
        }
    };
    match picture(&folder(name, text), kind, target) {
        Ok(picture) => picture,
        Err(error) => error.to_string(),
    }
}

/// The words of a drawing, for those who do not see it.
fn words(picture: &str) -> Vec<&str> {
    let (_, words) = picture.split_once("-desc\">").unwrap();
    let (_, words) = words.split_once("-desc\">").unwrap();
    words.split_once("</desc>").unwrap().0.split("; ").collect()
}

/// The texts of a drawing that are on the way to the result.
fn decided(picture: &str) -> Vec<&str> {
    let texts = picture
        .lines()
        .filter(|line| line.starts_with("<text") && line.contains("decided\""));
    texts.map(|line| line.split(['<', '>']).nth(2).unwrap()).collect()
}

const INCLUDED: &str = "---
description: 192.0.2.1 for joe@a.example
---
pass: mechanism include:b.example of a.example
  TXT a.example: \"v=spf1 mx include:b.example -all\"
a.example: v=spf1 mx include:b.example -all
a.example: try mx
  MX a.example: 10 mx.a.example
  A mx.a.example: 192.0.2.9
a.example: try include:b.example
  TXT b.example: \"v=spf1 redirect=c.example a\"
b.example: v=spf1 redirect=c.example a
b.example: try a
  A b.example: no such name
  TXT c.example: \"v=spf1 ip4:192.0.2.1\"
c.example: v=spf1 ip4:192.0.2.1
c.example: try ip4:192.0.2.1
c.example: pass
a.example: pass
";

#[test]
fn a_tree_shows_the_way_to_the_result() {
    let tree = drawn("tree", Picture::Tree, INCLUDED);
    let shown = [
        "a.example: pass",
        "mx: no match",
        "MX a.example: 10 mx.a.example",
        "A mx.a.example: 192.0.2.9",
        "include:b.example: matches",
        "b.example: pass",
        "redirect=c.example: followed",
        "c.example: pass",
        "ip4:192.0.2.1: matches",
        "a: no match",
        "A b.example: no such name",
        "-all: not reached",
    ];
    assert_eq!(words(&tree), shown);
    let way = ["a.example", "include:b.example", "b.example"];
    let rest = ["redirect=c.example", "c.example", "ip4:192.0.2.1"];
    assert_eq!(decided(&tree), [way, rest].concat());
    assert!(tree.contains("192.0.2.1 for joe@a.example: pass"));
}

#[test]
fn where_nothing_matched_no_term_is_marked() {
    let text = "neutral: no mechanism of a.example matched\n\
                a.example: v=spf1 ?mx\na.example: try ?mx\n\
                a.example: neutral\n";
    let tree = drawn("none", Picture::Tree, text);
    assert_eq!(decided(&tree), ["a.example"]);
}

#[test]
fn terms_that_match_elsewhere_are_no_dull_ones() {
    let text = "fail: mechanism -all of a.example\n\
                a.example: v=spf1 include:b.example -all\n\
                a.example: try include:b.example\n\
                b.example: v=spf1 a mx ip4:192.0.2.1 ?ptr\n\
                b.example: try a\nb.example: try mx\n\
                b.example: try ip4:192.0.2.1\nb.example: try ?ptr\n\
                b.example: neutral\na.example: try -all\n\
                a.example: fail\n";
    let tree = drawn("dull", Picture::Tree, text);
    let below = ["b.example: neutral", "a and 2 more: no match", "?ptr"];
    assert_eq!(words(&tree).get(2..5).unwrap(), below);
    let text = text.replace("?ptr", "~all").replace("neutral", "softfail");
    let tree = drawn("match", Picture::Tree, &text);
    let below = ["b.example: softfail", "a and 2 more: no match"];
    assert_eq!(words(&tree).get(2..4).unwrap(), below);
    assert_eq!(words(&tree).get(4).unwrap(), &"~all: matches");
}

#[test]
fn a_timeline_has_a_bar_for_each_question() {
    let text = "one by one\n 0 20  A a.example\n 20 45  A b.example\n\
                asked ahead\n 0 20  A a.example\n";
    let timeline = drawn("timeline", Picture::Timeline, text);
    let shown = [
        "one by one, 45 ms",
        "A a.example from 0 to 20 ms",
        "A b.example from 20 to 45 ms",
        "asked ahead, 20 ms",
        "A a.example from 0 to 20 ms",
    ];
    assert_eq!(words(&timeline), shown);
}

#[test]
fn a_ring_is_drawn_where_a_mark_leaves() {
    let text = "second  marks  window of 2 s  sum\n\
                5 1 1.... 1\n6 0 1.... 1\n7 2 ..2.. 2\n8 1 ..21. 3\n";
    let ring = drawn("ring", Picture::Window, text);
    assert!(!ring.contains(">second 5<"));
    assert!(ring.contains(">second 6<") && ring.contains(">second 7<"));
    assert!(!ring.contains(">second 8<"));
    assert_eq!(words(&ring).last().unwrap(), &"second 8: 1 marks, sum 3");
}

/// What was measured, with everything that has to be said about it.
const MEASURED: &str = r#"{"speed": {
  "title": "How fast", "command": "cargo bench", "date": "2026-11-23",
  "machine": "two cores",
  "parts": [{"title": "less is better", "unit": "ms",
             "bars": [["ours", 1.50], ["theirs", 3]]}]
}}"#;

#[test]
fn bars_say_what_was_measured_and_how() {
    let bars = drawn("bars", Picture::Bars, MEASURED);
    let shown =
        ["less is better, ours: 1.5 ms", "less is better, theirs: 3 ms"];
    assert_eq!(words(&bars).join("; "), shown.join("; "));
    for said in ["cargo bench", "2026-11-23", "two cores", "How fast"] {
        assert!(bars.contains(said), "{said}");
    }
}

#[test]
fn figures_without_their_circumstances_are_refused() {
    for field in ["title", "command", "date", "machine", "parts"] {
        let text = MEASURED.replacen(field, "other", 1);
        let said = drawn(field, Picture::Bars, &text);
        let wanted = format!("snapshots/it.snap: `speed` has no `{field}`");
        assert_eq!(said, wanted);
    }
    let other = MEASURED.replace("speed", "weight");
    assert!(drawn("x", Picture::Bars, &other).ends_with("no figures `speed`"));
    let text = MEASURED.replace("1.50", "\"fast\"");
    let said = drawn("y", Picture::Bars, &text);
    assert!(said.ends_with("`speed` has a bar without a number"), "{said}");
}

#[test]
fn what_cannot_be_drawn_is_told_with_its_line() {
    let told = |name: &str, kind, text: &str| {
        let said = drawn(name, kind, text);
        said.strip_prefix("snapshots/it.snap:").unwrap().to_owned()
    };
    let tree = INCLUDED.replace("try mx", "try ptr");
    let said = told("t1", Picture::Tree, &tree);
    assert_eq!(said, "7: its record has no such term");
    let tree = INCLUDED.replace("a.example: try mx", "b.example: try mx");
    let said = told("t2", Picture::Tree, &tree);
    assert_eq!(said, "7: not the record that is being read");
    let tree = INCLUDED.replace("c.example: pass", "c.example: perhaps");
    let said = told("t5", Picture::Tree, &tree);
    assert_eq!(said, "18: neither a term nor a result");
    assert_eq!(told("t3", Picture::Tree, ""), "1: no result");
    let said = told("t4", Picture::Tree, "fail: -all\n");
    assert_eq!(said, "1: no record in this trace");
    let said = told("l1", Picture::Timeline, "a\n 0 x A a.example\n");
    assert_eq!(said, "2: not two times and a question");
    let said = told("l2", Picture::Timeline, "a\n 9 5 A a.example\n");
    assert_eq!(said, "2: answered before it was asked");
    let said = told("w1", Picture::Window, "window of 2 s\n5 1 1. 2\n");
    assert_eq!(said, "2: the buckets have another sum");
    assert_eq!(
        told("w2", Picture::Window, "window of 0 s\n"),
        "1: a window of no seconds"
    );
    assert_eq!(
        told("w3", Picture::Window, "window of 2 s\n"),
        "1: nothing to draw"
    );
}

#[test]
fn check_tells_of_pictures_that_cannot_be_drawn() {
    let text = "# One\n\n{{#tree snapshots/none.snap}}\n\
                {{#window snapshots/it.snap}}\n{{#bars}}\n";
    let chapter = Chapter::new("One", "1", "one.md", text);
    let root = folder("check", "window of 2 s\nnothing\n");
    let foreign = Default::default();
    let site = Site::new(&root, Vec::new(), vec![chapter], &[], foreign);
    let said = check(&site).iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(said.len(), 3, "{said:?}");
    assert!(said[0].starts_with("chapters/one.md:3: snapshots/none.snap: "));
    assert!(said[1].starts_with("chapters/one.md:4: snapshots/it.snap:2: "));
    assert_eq!(said[2], "chapters/one.md:5: `bars` does not say of what");
}

#[test]
fn figures_must_be_those_of_the_text() {
    let root = folder("unsaid", MEASURED);
    let said = |prose: &str| {
        let text =
            format!("{prose}\n\n{{{{#bars snapshots/it.snap: speed}}}}\n");
        let chapter = Chapter::new("One", "1", "one.md", &text);
        let foreign = Default::default();
        let site = Site::new(&root, Vec::new(), vec![chapter], &[], foreign);
        let problems = check(&site);
        problems.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let gallery = "snapshots/it.snap:1: shown nowhere";
    assert_eq!(said("It takes 1.5 ms, the other one 3."), [gallery]);
    let old = "chapters/one.md:3: snapshots/it.snap: speed: \
               1.5 is not in the text";
    assert_eq!(said("It takes 11.5 ms, the other one 3."), [old, gallery]);
}
