//! The protocol: what a line means, and that nothing breaks it.

use proptest::prelude::{any, proptest};
use ra_plugins::spp::{Command, Later, Section, clean};
use rstest::rstest;

#[rstest]
#[case::accept(Command::Accept, "A")]
#[case::next(Command::Next, "N")]
#[case::okay(Command::Okay, "O")]
#[case::error(Command::Error("550 no".into()), "E550 no")]
#[case::reject(Command::Reject("421 away".into()), "R421 away")]
#[case::drop(Command::Drop, "D")]
#[case::print(Command::Print("250-hi".into()), "P250-hi")]
#[case::mail(Command::Later(Later::Mail, "550 no".into()), "LM550 no")]
#[case::rcpt(Command::Later(Later::Rcpt, "550 no".into()), "LR550 no")]
#[case::data(Command::Later(Later::Data, "550 no".into()), "LD550 no")]
#[case::header(Command::Header("X-Seen: yes".into()), "HX-Seen: yes")]
#[case::set(Command::Set("COLOUR".into(), "a=b".into()), "SCOLOUR=a=b")]
#[case::unset(Command::Unset("COLOUR".into()), "UCOLOUR")]
#[case::change(Command::Change("joe@example.org".into()), "Cjoe@example.org")]
fn every_command_is_one_line(#[case] command: Command, #[case] line: &str) {
    assert_eq!(command.to_string(), line);
    assert_eq!(Command::parse(line.as_bytes()), Some(command));
}

#[rstest]
#[case::nothing(b"")]
#[case::unknown_letter(b"Zwhat")]
#[case::small_letter(b"e550 no")]
#[case::later_than_what(b"LX550 no")]
#[case::later_never(b"L")]
#[case::no_assignment(b"SCOLOUR")]
#[case::no_name(b"S=blue")]
fn other_lines_are_no_commands(#[case] line: &[u8]) {
    assert_eq!(Command::parse(line), None);
}

#[rstest]
#[case::whole("rcpt", Some(Section::Rcpt))]
#[case::first_letter("rxyz", Some(Section::Rcpt))]
#[case::capital("Rcpt", None)]
#[case::unknown("banana", None)]
#[case::nothing("", None)]
fn the_first_letter_opens_a_section(
    #[case] name: &str,
    #[case] section: Option<Section>,
) {
    assert_eq!(Section::from_name(name), section);
}

#[test]
fn no_two_sections_share_a_letter() {
    for section in Section::ALL {
        assert_eq!(Section::from_name(section.name()), Some(section));
    }
}

#[rstest]
#[case::line_feed("joe\nroot", "joe?root")]
#[case::return_and_nul("a\r\0b", "a??b")]
#[case::escape("\x1b[31mred", "?[31mred")]
#[case::eight_bit_control("a\u{85}b", "a?b")]
#[case::line_separator("a\u{2028}b", "a?b")]
#[case::right_to_left("a\u{202e}b", "a?b")]
#[case::isolated("a\u{2067}b", "a?b")]
#[case::letters("Grüße 你好", "Grüße 你好")]
fn cleaning_leaves_one_line(#[case] text: &str, #[case] cleaned: &str) {
    assert_eq!(clean(text), cleaned);
}

proptest! {
    #[test]
    fn any_line_can_be_read(line in any::<Vec<u8>>()) {
        if let Some(command) = Command::parse(&line) {
            let text = command.to_string();
            let line = String::from_utf8_lossy(&line);
            assert!(clean(&line).starts_with(&text), "{text:?}");
        }
    }

    #[test]
    fn cleaned_text_has_no_control_characters(text in any::<String>()) {
        assert!(!clean(&text).contains(char::is_control));
    }
}
