//! A small project from end to end: links, order, stages, pages.
#![allow(clippy::unwrap_used, reason = "a test may fail here")]

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use book::chapter::Chapter;
use book::check::check;
use book::preprocess::{Weaver, preprocess};
use book::render;
use book::serve::respond;
use book::site::Site;
use book::source::Source;
use book::stage::stage;
use book::walker::Target;
use mdbook_driver::MDBook;
use mdbook_preprocessor::Preprocessor;

/// A copy of the small project, with some of its files changed.
fn copy(name: &str, changes: &[(&str, &str)]) -> PathBuf {
    let from =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/small");
    let to = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    drop(fs::remove_dir_all(&to));
    copy_folder(&from, &to);
    for (path, text) in changes {
        fs::write(to.join(path), text).unwrap();
    }
    to
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().flatten() {
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_folder(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

fn read(root: &Path) -> Site {
    let book = MDBook::load(root.join("book")).unwrap();
    Site::read(root, book::chapter::chapters(&book.book)).unwrap()
}

fn problems(root: &Path) -> Vec<String> {
    check(&read(root)).iter().map(ToString::to_string).collect()
}

#[test]
fn the_small_project_has_no_problems() {
    let root = copy("whole", &[]);
    assert_eq!(problems(&root), [] as [&str; 0]);
    assert!((read(&root).links.share() - 100.0).abs() < f64::EPSILON);
}

#[test]
fn one_line_of_code_more_is_a_problem() {
    let text = "//! Who spends it.\n\nuse crate::budget::Budget;\n\n\
                /// Spends one.\npub fn drain(budget: &mut Budget) -> usize {\n    \
                budget.spend();\n    1\n}\n";
    let user = "# User\n\n{{#test tests/user.rs: drains_all}}\n{{#chunk \"U\" src/user.rs: docs, use, drain}}\n\
                {{#chunk \"L\" src/lib.rs: mod user}}\n";
    let changes = [("src/user.rs", text), ("book/chapters/user.md", user)];
    assert_eq!(problems(&copy("same", &changes)), [] as [&str; 0]);
    let longer = format!("{text}\n/// Does nothing.\npub fn none() {{}}\n");
    let changes = [("src/user.rs", &*longer), changes[1]];
    assert_eq!(
        problems(&copy("more", &changes)),
        ["src/user.rs:11: in no chunk, to line 12"]
    );
}

#[test]
fn one_chunk_less_is_a_problem() {
    let root = copy("less", &[("book/chapters/program.md", "# Program\n")]);
    assert_eq!(problems(&root), ["src/main.rs:1: in no chunk, to line 5"]);
}

#[test]
fn a_name_must_be_defined_before_it_is_used() {
    let summary = "# Summary\n\n- [User](user.md)\n- [Budget](budget.md)\n\
                   - [Program](program.md)\n";
    let root = copy("order", &[("book/chapters/SUMMARY.md", summary)]);
    assert_eq!(
        problems(&root),
        [
            "src/lib.rs:4: `mod user` is read before `mod budget`, listed \
             after",
            "src/user.rs:3: `Budget` is used in 1.3, before 2.2 where it is \
             defined",
            "src/user.rs:6: `Budget` is used in 1.3, before 2.2 where it is \
             defined",
            "src/user.rs:7: `spend` is used in 1.3, before 2.3 where it is \
             defined"
        ]
    );
}

#[test]
fn prose_must_name_what_is_there() {
    let prose = "# Program\n\nSee `Budget::save`, `Purse` and `drain()`, \
                 not `plain words` or `std::fmt`.\n\n\
                 {{#chunk \"All of it\" src/main.rs}}\n";
    let changes = [
        ("book/chapters/program.md", prose),
        ("book/foreign.txt", "std from_fn count checked_sub println assert_eq"),
    ];
    assert_eq!(
        problems(&copy("prose", &changes)),
        [
            "chapters/program.md:3: `Budget::save` names nothing",
            "chapters/program.md:3: `Purse` names nothing"
        ]
    );
}

#[test]
fn a_requirement_needs_code_a_test_or_an_excuse() {
    let table = "| id | section | level | binds | what | why not |\n\
                 |---|---|---|---|---|---|\n\
                 | 2.1a | 2.1 | MUST | C | spend |\n\
                 | 2.1b | 2.1b | MUST | C | save | we never save |\n\
                 | 3 | 3 | MAY | C | borrow |\n\
                 | 4 | 4 | MUST | P | publish |\n";
    let main = "//! Spends all there is (RFC 9999 2.1a).\n\nfn main() {}\n";
    let chapter = "# Program\n\n{{#rfc 9999}}\n\
                   {{#chunk \"All of it\" src/main.rs}}\n";
    let changes = [
        ("book/rfc9999.md", table),
        ("src/main.rs", main),
        ("book/chapters/program.md", chapter),
    ];
    let root = copy("rfc", &changes);
    assert_eq!(
        problems(&root),
        ["book/rfc9999.md:5: RFC 9999 3 has no code and no test"]
    );
    let page = render::chapter(&read(&root), 2);
    assert!(page.contains("rfc9999#section-2.1\">2.1a</a>"));
    assert!(page.contains("href=\"#chunk-3-1\">3.1</a>"));
    assert!(page.contains("<td>we never save</td>"));
}

#[test]
fn names_lead_to_their_definitions() {
    let site = read(&copy("links", &[]));
    let page = render::chapter(&site, 1);
    assert!(page.contains(
        "<a class=\"t\" href=\"budget.html#d-budget-Budget\" \
         title=\"pub struct Budget&#10;What one may spend.\">Budget</a>"
    ));
    assert!(page.contains("href=\"budget.html#d-budget-Budget-spend\""));
    assert!(page.contains("<dt>Tested by</dt>"));
    let page = render::chapter(&site, 0);
    assert!(page.contains("id=\"d-budget-Budget\""));
    assert!(page.contains("<a class=\"name\" href=\"#d-budget-Budget\""));
    assert!(page.contains("<dt>Used in</dt><dd><a class=\"ref\""));
    assert!(!page.contains("\n\n<span"), "no empty line ends the HTML");
}

#[test]
fn a_stage_has_what_has_been_read() {
    let root = copy("stage", &[]);
    let site = read(&root);
    let to = root.join("stage");
    let has = |path: &str| to.join(path).is_file();
    stage(&site, "1", &to).unwrap();
    let library = fs::read_to_string(to.join("src/lib.rs")).unwrap();
    assert_eq!(library, "//! A small project.\n\npub mod budget;\n");
    let budget = fs::read_to_string(to.join("src/budget.rs")).unwrap();
    assert_eq!(budget, fs::read_to_string(root.join("src/budget.rs")).unwrap());
    assert!(
        !has("src/user.rs") && !has("src/main.rs") && !has("tests/user.rs")
    );
    let manifest = fs::read_to_string(to.join("Cargo.toml")).unwrap();
    assert!(!manifest.contains("bin") && !manifest.contains("members"));
    stage(&site, "2", &to).unwrap();
    assert!(has("src/user.rs") && has("tests/user.rs") && !has("src/main.rs"));
    stage(&site, "3", &to).unwrap();
    let manifest = fs::read_to_string(to.join("Cargo.toml")).unwrap();
    assert!(has("src/main.rs") && manifest.contains("[[bin]]"));
    assert!(stage(&site, "4", &to).is_err());
}

#[test]
fn mdbook_gets_its_book_back() {
    let root = copy("mdbook", &[]);
    let book = MDBook::load(root.join("book")).unwrap();
    let context = serde_json::json!({
        "root": root.join("book"),
        "config": {"book": {"src": "chapters"}},
        "renderer": "html",
        "mdbook_version": mdbook_preprocessor::MDBOOK_VERSION,
    });
    let input = serde_json::to_vec(&(context, &book.book)).unwrap();
    let mut output = Vec::new();
    preprocess(input.as_slice(), &mut output).unwrap();
    let woven: mdbook_preprocessor::book::Book =
        serde_json::from_slice(&output).unwrap();
    let text = String::from_utf8(output).unwrap();
    assert!(!text.contains("{{#chunk"));
    assert!(woven.chapters().any(|page| page.name == "src/budget.rs"));
    assert!(Weaver.supports_renderer("html").unwrap());
    assert!(!Weaver.supports_renderer("epub").unwrap());
}

#[test]
fn the_server_stays_in_its_folder() {
    let root = copy("serve", &[]);
    let folder = root.join("book");
    let status = |request: &str| respond(&folder, request).0;
    assert_eq!(status("GET /book.toml HTTP/1.1"), "200 OK");
    assert_eq!(status("GET /chapters/budget.md?x HTTP/1.1"), "200 OK");
    for request in [
        "GET /../Cargo.toml HTTP/1.1",
        "GET /%2e%2e/Cargo.toml HTTP/1.1",
        "GET //etc/passwd HTTP/1.1",
        "GET /%zz HTTP/1.1",
        "GET /nothing HTTP/1.1",
    ] {
        assert_eq!(status(request), "404 Not Found", "{request}");
    }
    assert_eq!(status("POST / HTTP/1.1"), "405 Method Not Allowed");
    assert_eq!(status(""), "405 Method Not Allowed");
}

/// What is said about a project in which some files are other bytes.
fn refused(name: &str, path: &str, bytes: &[u8]) -> String {
    let root = copy(name, &[]);
    fs::write(root.join(path), bytes).unwrap();
    let book = match MDBook::load(root.join("book")) {
        Ok(book) => book,
        Err(error) => return format!("{error:#}"),
    };
    let chapters = book::chapter::chapters(&book.book);
    let error = Site::read(&root, chapters).err().unwrap();
    error.to_string()
}

#[test]
fn a_file_that_is_no_text_is_told() {
    let said = refused("bytes", "src/user.rs", b"//! One.\n\n// \xff\n");
    assert!(said.ends_with("src/user.rs: line 3 is not UTF-8"), "{said}");
    let said = refused("syntax", "src/user.rs", b"//! One.\n\nfn (\n");
    assert!(said.starts_with("src/user.rs:3: "), "{said}");
    let said = refused("page", "book/chapters/user.md", b"# User \xff\n");
    assert!(said.contains("user.md"), "{said}");
}

#[test]
fn a_chapter_that_is_gone_is_told() {
    let root = copy("gone", &[]);
    fs::remove_file(root.join("book/chapters/user.md")).unwrap();
    let said = format!("{:#}", MDBook::load(root.join("book")).err().unwrap());
    assert!(said.contains("user.md"), "{said}");
}

/// What each name of a piece of code is, in the order of the names.
fn targets(code: &str) -> Vec<String> {
    let source = Source::parse("src/lib.rs", code).unwrap();
    let chapter = Chapter::new("One", "1", "one.md", "");
    let crates = [("src/lib.rs".to_owned(), "own".to_owned())];
    let site = Site::new(
        Path::new("/nowhere"),
        vec![source],
        vec![chapter],
        &crates,
        HashSet::from(["len".to_owned(), "iter".to_owned()]),
    );
    let names = site.links.names.first().unwrap();
    let mut names: Vec<_> = names.iter().collect();
    names.sort_by_key(|(place, _)| **place);
    let text = |target: &Target| match target {
        Target::Definition(_) => None,
        Target::Use(id) => site.links.def(*id).map(|def| def.path.clone()),
        Target::Local => Some("local".to_owned()),
        Target::Foreign => Some("foreign".to_owned()),
        Target::Unknown => Some("?".to_owned()),
    };
    names.iter().filter_map(|(_, target)| text(target)).collect()
}

#[test]
fn imports_may_have_another_name() {
    let code = "mod a { pub struct T; }\nuse a::T as U;\nfn f(_: U) {}\n";
    assert_eq!(targets(code), ["a", "a::T", "a::T", "a::T"]);
}

#[test]
fn a_method_is_that_of_its_receiver() {
    let code = "struct A; struct B;\nimpl A { fn go(&self) -> B { B } }\n\
                impl B { fn go(&self) {} }\n\
                fn f(a: &A) {\n    a.go().go();\n}\n";
    let found = targets(code);
    assert_eq!(found[found.len() - 3..], ["local", "A::go", "B::go"]);
}

#[test]
fn an_element_has_the_type_of_its_list() {
    let code = "struct A { n: u8 }\nimpl A { fn go(&self) {} }\n\
                fn f(all: Vec<A>, other: Option<A>) {\n    \
                for a in &all {\n        a.go();\n    }\n    \
                all.iter().map(|a| a.n);\n    \
                if let Some(A { n }) = other {\n        n;\n    }\n}\n";
    let found = targets(code).join(" ");
    assert!(found.contains("local local local A::go"), "{found}");
    assert!(found.contains("foreign foreign local local A::n"), "{found}");
    assert!(found.ends_with("foreign A A::n local local"), "{found}");
}

#[test]
fn what_cannot_be_decided_is_not_linked() {
    let code = "struct A; struct B;\nimpl A { fn go(&self) {} }\n\
                impl B { fn go(&self) {} }\n\
                fn f() {\n    g().go();\n    g().len();\n}\n";
    let found = targets(code);
    assert_eq!(found[found.len() - 4..], ["?", "?", "?", "foreign"]);
}

#[test]
fn macros_are_looked_into() {
    let code = "struct A { n: u8 }\nfn f(a: A) {\n    \
                assert!(matches!(a.n, 1 | 2), \"{}\", a.n);\n}\n";
    let found = targets(code).join(" ");
    assert!(found.ends_with("local A::n local A::n"), "{found}");
}
