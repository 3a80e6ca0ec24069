//! Control files as people write them.

use ra_plugins::control::{
    Control, covers, is_in_rcpthosts, listed, names, takes_mail_for,
};
use ra_plugins::frozen::Frozen;
use rstest::rstest;

#[rstest]
#[case::unix("joe\njim\n")]
#[case::windows("joe\r\njim\r\n")]
#[case::no_final_newline("joe\njim")]
#[case::spaces("  joe\t\n jim \n")]
#[case::comments("# people\njoe\n\n  # more\njim\n")]
#[case::byte_order_mark("\u{feff}joe\njim\n")]
fn two_entries_however_they_are_written(#[case] text: &str) {
    let control = Control::new(text.as_bytes());
    assert_eq!(control.lines().collect::<Vec<_>>(), ["joe", "jim"]);
    assert!(control.contains("JOE"));
    assert!(!control.contains("jo"));
    assert!(!control.contains(""));
}

#[test]
fn a_line_that_is_not_utf8_spoils_only_itself() {
    let control = Control::new(b"joe\nj\xfcrgen\njim\n");
    assert!(control.contains("joe") && control.contains("jim"));
    assert_eq!(control.flawed_line, Some(2));
    // A name of the session may have been damaged in the same way.
    assert!(!control.contains("j\u{fffd}rgen"));
}

#[rstest]
#[case::his_name("joe", "JOE", true)]
#[case::his_address("joe@example.org", "joe@Example.org", true)]
#[case::his_domain("@example.org", "joe@Example.org", true)]
#[case::another("jim", "joe", false)]
#[case::not_the_parent("@example.org", "joe@a.example.org", false)]
#[case::no_domain("@example.org", "joe", false)]
#[case::quoted("joe@example.org", "\"joe\"@example.org", true)]
#[case::quoted_in_the_list("\"a b\"@x.example", "a b@x.example", true)]
#[case::both("\"a b\"@x.example", "\"a\\ b\"@x.example", true)]
#[case::not_utf8("j\u{fffd}n", "j\u{fffd}n", false)]
fn an_entry_names_somebody(
    #[case] entry: &str,
    #[case] somebody: &str,
    #[case] named: bool,
) {
    assert_eq!(names(entry, somebody), named);
}

#[rstest]
#[case::one_line("joe", &[" a b"])]
#[case::two_lines("ann@x.example", &[" c", ""])]
#[case::nobody("jim", &[])]
fn a_line_gives_words_to_a_user(#[case] user: &str, #[case] given: &[&str]) {
    let text = b"joe : a b\n@x.example: c\nann@x.example\n";
    let control = Control::new(text);
    assert_eq!(control.given_to(user).collect::<Vec<_>>(), given);
}

#[rstest]
#[case::itself("example.com", "example.com", true)]
#[case::case_apart("Example.COM", "example.com", true)]
#[case::subdomain("a.example.com", ".example.com", true)]
#[case::deeper("b.a.example.com", ".example.com", true)]
#[case::not_the_parent("example.com", ".example.com", false)]
#[case::not_without_a_dot("badexample.com", "example.com", false)]
#[case::not_a_subdomain("a.example.com", "example.com", false)]
#[case::cut_letter("ü.example", ".example", true)]
#[case::inside_a_letter("üb", ".b", false)]
fn a_line_of_rcpthosts_covers(
    #[case] domain: &str,
    #[case] line: &str,
    #[case] covered: bool,
) {
    assert_eq!(covers(line, domain), covered);
}

#[rstest]
#[case::listed("example.org", true)]
#[case::foreign("elsewhere.example", false)]
#[case::more("big.example", true)]
#[case::more_capitals("BIG.example", true)]
#[case::more_subdomain("a.wild.example", true)]
#[case::more_not_the_parent("wild.example", false)]
fn rcpthosts_and_its_cdb(#[case] domain: &str, #[case] taken: bool) {
    let world = Frozen::new()
        .file("control/rcpthosts", "example.org\n")
        .cdb("control/morercpthosts.cdb", ["big.example", ".wild.example"])
        .world();
    assert_eq!(takes_mail_for(&world, domain).unwrap(), taken);
}

#[test]
fn a_server_without_rcpthosts_takes_everything() {
    let world = Frozen::new().world();
    assert!(takes_mail_for(&world, "anywhere.example").unwrap());
    let error = is_in_rcpthosts(&world, "anywhere.example").unwrap_err();
    assert!(error.is_absent());
}

#[test]
fn rcpthosts_that_cannot_be_read_is_an_error() {
    let world = Frozen::new().locked("control/rcpthosts").world();
    let error = takes_mail_for(&world, "example.org").unwrap_err();
    assert_eq!(
        error.brief(),
        "/var/qmail/control/rcpthosts: permission denied"
    );
}

#[rstest]
#[case::text("control/list")]
#[case::cdb("control/list.cdb")]
fn a_list_is_a_file_or_a_cdb(#[case] list: &str) {
    let world = Frozen::new()
        .file("control/list", "joe@example.org\n")
        .cdb("control/list.cdb", ["joe@example.org"])
        .world();
    assert!(listed(&world, list, "Joe@example.ORG").unwrap());
    assert!(listed(&world, list, "\"joe\"@example.org").unwrap());
    assert!(!listed(&world, list, "jim@example.org").unwrap());
}

#[test]
fn a_text_with_the_name_of_a_cdb_is_damaged() {
    let world = Frozen::new().file("list.cdb", "joe@example.org\n").world();
    assert!(listed(&world, "list.cdb", "joe@example.org").is_err());
}
