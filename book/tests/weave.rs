//! Weaving: selectors, coverage, and what `check` says when they are wrong.
#![allow(clippy::unwrap_used, reason = "a test may fail here")]

use std::path::Path;

use book::chapter::Chapter;
use book::check::check;
use book::site::{Site, words};
use book::source::Source;

const CODE: &str = "\
//! A module.

use std::fmt;
use std::fmt::Write;

/// A budget.
pub struct Budget(u32);

impl Budget {
    /// Takes one.
    pub fn take(&mut self) {
        self.0 -= 1;
        // And then
        self.0 += 0;
    }

    // Why this is here.
    fn left(&self) -> u32 {
        self.0
    }
}

impl fmt::Display for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(\"budget\")
    }
}
";

fn site(code: &str, chapter: &str) -> Site {
    let source = Source::parse("src/a.rs", code).unwrap();
    let chapter = Chapter::new("One", "1", "one.md", chapter);
    let foreign = words("write_str");
    Site::new(Path::new("/nowhere"), vec![source], vec![chapter], &[], foreign)
}

fn problems(code: &str, chapter: &str) -> Vec<String> {
    check(&site(code, chapter)).iter().map(ToString::to_string).collect()
}

/// The lines that the chunks of a chapter show: `.` is a gap, `(…)` a ghost.
fn shown(chapter: &str) -> Vec<String> {
    use book::web::Row;
    let site = site(CODE, chapter);
    assert_eq!(site.web.problems, []);
    let row = |row: &Row| match row {
        Row::Line(line) => line.to_string(),
        Row::Ghost(line) => format!("({line})"),
        Row::Gap => ".".to_owned(),
    };
    let chunks = site.web.chunks.iter();
    chunks
        .map(|chunk| chunk.rows.iter().map(row).collect::<Vec<_>>().join(" "))
        .collect()
}

const WHOLE: &str = "{{#chunk \"All\" src/a.rs}}\n";

#[test]
fn a_chunk_without_items_is_the_whole_file() {
    assert_eq!(problems(CODE, WHOLE), [] as [&str; 0]);
}

#[test]
fn an_item_brings_its_documentation() {
    assert_eq!(shown("{{#chunk \"A\" src/a.rs: Budget}}"), ["6 7"]);
}

#[test]
fn uses_come_together() {
    assert_eq!(shown("{{#chunk \"A\" src/a.rs: docs, use}}"), ["1 2 3 4"]);
    assert_eq!(shown("{{#chunk \"A\" src/a.rs: use std::fmt::Write}}"), ["4"]);
}

#[test]
fn an_impl_block_is_framed_wherever_a_part_of_it_stands() {
    assert_eq!(
        shown(
            "{{#chunk \"A\" src/a.rs: Budget::left}}\n\
             {{#chunk \"B\" src/a.rs: Budget::take}}\n"
        ),
        ["9 17 18 19 20 21", "(9) 10 11 12 13 14 15 (21)"]
    );
}

#[test]
fn a_function_is_split_at_a_comment() {
    assert_eq!(
        shown(
            "{{#chunk \"A\" src/a.rs: Budget::take}}\n\
             {{#chunk \"B\" src/a.rs: Budget::take / And then}}\n"
        ),
        ["9 10 11 12 21", "(9) 13 14 15 (21)"]
    );
}

#[test]
fn the_rest_is_what_no_chunk_has_shown() {
    assert_eq!(
        shown(
            "{{#chunk \"A\" src/a.rs: impl Display for Budget, use}}\n\
             {{#chunk \"B\" src/a.rs: Budget::take}}\n\
             {{#chunk \"C\" src/a.rs}}\n"
        ),
        [
            "23 24 25 26 27 . 3 4",
            "9 10 11 12 13 14 15 21",
            "1 . 6 7 8 (9) 17 18 19 20 (21)"
        ]
    );
}

#[test]
fn a_line_more_is_a_line_without_a_chunk() {
    let chapter = "{{#chunk \"A\" src/a.rs: docs, use, struct Budget, \
                   impl Budget, impl fmt::Display for Budget}}\n";
    assert_eq!(problems(CODE, chapter), [] as [&str; 0]);
    let longer = format!("{CODE}\nconst MORE: u32 = 1;\n");
    assert_eq!(
        problems(&longer, chapter),
        ["src/a.rs:29: in no chunk, to line 29"]
    );
}

#[test]
fn a_chunk_less_leaves_its_lines_without_a_chunk() {
    let chapter = "{{#chunk \"A\" src/a.rs: docs, use, struct Budget}}\n";
    let rest = "{{#chunk \"B\" src/a.rs}}\n";
    assert_eq!(problems(CODE, &format!("{chapter}{rest}")), [] as [&str; 0]);
    assert_eq!(
        problems(CODE, chapter),
        ["src/a.rs:9: in no chunk, to line 27"]
    );
}

#[test]
fn a_line_cannot_be_in_two_chunks() {
    let twice = "{{#chunk \"B\" src/a.rs: Budget}}\n{{#chunk \"A\" \
                 src/a.rs: struct Budget}}\n{{#chunk \"C\" src/a.rs}}\n";
    assert_eq!(
        problems(CODE, twice),
        [
            "src/a.rs:6: in two chunks: 1.1, 1.2",
            "src/a.rs:7: in two chunks: 1.1, 1.2"
        ]
    );
}

#[test]
fn a_preview_counts_for_nothing() {
    let preview = "{{#show src/a.rs: Budget}}\n";
    assert_eq!(problems(CODE, &format!("{preview}{WHOLE}")), [] as [&str; 0]);
}

#[test]
fn an_unknown_item_is_named_with_its_place() {
    let chapter = format!("{WHOLE}\n{{{{#show src/a.rs: Nobody}}}}\n");
    assert_eq!(
        problems(CODE, &chapter),
        ["chapters/one.md:3: src/a.rs has no `Nobody`"]
    );
}

#[test]
fn an_ambiguous_item_is_named_with_its_place() {
    let code = format!("{CODE}\nimpl Budget {{\n    fn more() {{}}\n}}\n");
    let chapter = format!("{{{{#show src/a.rs: impl Budget}}}}\n{WHOLE}");
    assert_eq!(
        problems(&code, &chapter),
        ["chapters/one.md:1: src/a.rs has 2 of `impl Budget`: \
          say `impl Budget #1` or a longer name"]
    );
    let chapter = format!("{{{{#show src/a.rs: impl Budget #2}}}}\n{WHOLE}");
    assert_eq!(problems(&code, &chapter), [] as [&str; 0]);
}

#[test]
fn a_wide_line_is_told() {
    let code = format!("// {}\nconst WIDE: u32 = 1;\n", "x".repeat(80));
    assert_eq!(problems(&code, WHOLE), ["src/a.rs:1: 83 columns wide, 80 fit"]);
}

#[test]
fn directives_in_fences_and_of_mdbook_are_prose() {
    let chapter =
        format!("{WHOLE}```\n{{{{#chunk nonsense}}}}\n```\n`{{{{#chunk}}}}`\n");
    assert_eq!(problems(CODE, &chapter), [] as [&str; 0]);
    assert_eq!(
        problems(CODE, &format!("{WHOLE}{{{{#chonk src/a.rs}}}}\n")),
        ["chapters/one.md:2: there is no directive `chonk`"]
    );
}

/// What `check` says about the second line of a chapter.
fn said(line: &str) -> String {
    let said = problems(CODE, &format!("{WHOLE}{line}\n"));
    assert_eq!(said.len(), 1, "{said:?}");
    let said = said.into_iter().next().unwrap();
    said.strip_prefix("chapters/one.md:2: ").unwrap().to_owned()
}

#[test]
fn every_broken_directive_is_told_with_its_line() {
    let cases = [
        ("{{#chunk \"A\" src/b.rs}}", "there is no file src/b.rs"),
        ("{{#chunk src/a.rs}}", "a chunk needs a \"title\""),
        ("{{#chunk \"A src/a.rs}}", "a chunk needs a \"title\""),
        ("{{#test}}", "`test` does not say of what"),
        ("{{#session a.json}}", "`session` does not say of what"),
        ("{{#include one.md}}", "there is no directive `include`"),
        ("{{#}}", "there is no directive ``"),
        ("{{#show src/a.rs: Budget", "`{{#show` is not closed"),
        (
            "  {{#identifiers}}",
            "`identifiers` does not stand at the \
                               beginning of its line",
        ),
        ("```text\n{{#files}}\n", "````` is not closed"),
        ("~~~\n```\n{{#files}}", "`~~~` is not closed"),
    ];
    for (line, wanted) in cases {
        assert_eq!(said(line), wanted, "{line}");
    }
    for file in ["{{#snapshot snapshots/a.snap}}", "{{#session a.json: b}}"] {
        assert!(said(file).contains("No such file"), "{}", said(file));
    }
}

#[test]
fn a_fence_ends_where_it_was_opened() {
    let fenced = "~~~\n```\n{{#nothing}}\n~~~\n````\n```\n{{#nothing}}\n````\n";
    let chapter =
        format!("{fenced}```a```\n  ```x\n{{{{#no}}}}\n  ```\n{WHOLE}");
    assert_eq!(problems(CODE, &chapter), [] as [&str; 0]);
}

/// A chapter that is cut off anywhere, or has a character too many, is told
/// or taken; nothing else happens.
#[test]
fn no_chapter_is_too_broken_to_be_read() {
    use book::directive::{Segment, segments};
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("chapters");
    let chapter = std::fs::read_to_string(folder.join("weaving.md")).unwrap();
    let prose = |text: &str| -> usize {
        let segments = segments(text);
        let lengths = segments.iter().map(|segment| match segment {
            Segment::Prose(text) => text.len(),
            Segment::Directive(..) | Segment::Broken(..) => 0,
        });
        lengths.sum()
    };
    for (at, _) in chapter.char_indices() {
        let (before, after) = chapter.split_at(at);
        assert!(prose(before) <= before.len());
        if at % 7 == 0 {
            for extra in ["`", "{{#", "}}", "\n", "\"", "\u{feff}"] {
                let text = format!("{before}{extra}{after}");
                assert!(prose(&text) <= text.len());
            }
        }
    }
}
