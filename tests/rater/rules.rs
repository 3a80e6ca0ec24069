//! Which rule counts.

use ra_plugins::rater::rules::{Class, Limit, glob};
use rstest::rstest;

/// A class whose rules allow as many marks as their place in the list.
fn class(patterns: &[&str]) -> Class {
    let numbered = patterns.iter().zip(1..);
    let rules: Vec<_> = numbered
        .map(|(pattern, count)| {
            ((*pattern).to_owned(), Limit { seconds: 60, count })
        })
        .collect();
    Class::new(&rules).unwrap()
}

#[rstest]
#[case::word("joe", "joe", true)]
#[case::case_counts("joe", "Joe", false)]
#[case::star_is_anything("*", "", true)]
#[case::star_takes_slashes("a*c", "a/b/c", true)]
#[case::star_takes_a_leading_dot("*x", ".x", true)]
#[case::stars_are_one_star("a**/b", "a/b", true)]
#[case::stars_need_the_slash("a/**/b", "a/b", false)]
#[case::one_letter("jo?", "joe", true)]
#[case::one_letter_is_one("jo?", "jo", false)]
#[case::one_byte("jos?", "josé", false)]
#[case::two_bytes("jos??", "josé", true)]
#[case::set("[a-c]1", "b1", true)]
#[case::not_in_set("[!a-c]1", "d1", true)]
#[case::in_negated_set("[!a-c]1", "b1", false)]
#[case::caret_negates("[^a-c]1", "b1", false)]
#[case::bracket_in_set("[]]", "]", true)]
#[case::braces_are_letters("{a,b}", "a", false)]
#[case::braces_match_themselves("{a,b}", "{a,b}", true)]
#[case::quoted_star(r"a\*", "a*", true)]
#[case::quoted_star_is_no_star(r"a\*", "ab", false)]
#[case::quoted_star_before_a_star(r"a\**", "a*b", true)]
#[case::quoted_star_stays(r"a\**", "ab", false)]
#[case::quoted_brace(r"\{a", "{a", true)]
#[case::brace_in_set("[{]a", "{a", true)]
#[case::star_in_set("[*]*", "*b", true)]
#[case::stars_in_set("[**]", "*", true)]
#[case::bracket_and_brace_in_set("[]{]", "{", true)]
#[case::newlines_are_letters("a*b", "a\nb", true)]
#[case::ends_with_a_dot("*.", "example.org.", true)]
#[case::ends_with_dots("*..", "example.org..", true)]
#[case::domain("*@*.example.org", "joe@mail.example.org", true)]
#[case::another_domain("*@*.example.org", "joe@example.org", false)]
fn globs_are_those_of_fnmatch(
    #[case] pattern: &str,
    #[case] value: &str,
    #[case] expected: bool,
) {
    assert_eq!(class(&[pattern]).limit(value).is_some(), expected);
    // The set and the single glob agree.
    let alone = glob(pattern).unwrap().compile_matcher();
    assert_eq!(alone.is_match(value), expected);
}

#[rstest]
#[case::word_first("rosario", 1)]
#[case::suffix("joe@sales.example.org", 2)]
#[case::prefix("bounce-1", 3)]
#[case::network("10.1.2.3", 4)]
#[case::first_of_two_networks("192.0.2.9", 5)]
#[case::later_word_is_hidden("bounce-2", 3)]
#[case::ipv6("2001:db8::1", 8)]
#[case::ipv6_written_out("2001:0DB8:0:0::1", 8)]
#[case::network_as_a_value("2001:db8:1:2::/64", 8)]
#[case::mapped_ipv4("::ffff:10.1.2.3", 4)]
#[case::single_address("203.0.113.7", 9)]
#[case::nothing_else("joe", 10)]
fn the_first_rule_counts(#[case] value: &str, #[case] place: u32) {
    let class = class(&[
        "rosario",
        "*@sales.example.org",
        "bounce-*",
        "10.0.0.0/8",
        "192.0.0.0/16",
        "192.0.2.0/24",
        "bounce-2",
        "2001:db8::/32",
        "203.0.113.7",
        "*",
    ]);
    assert_eq!(class.limit(value).unwrap().count, place);
}

#[test]
fn no_rule_no_limit() {
    assert_eq!(class(&["joe"]).limit("eva"), None);
}

#[test]
fn ten_thousand_rules_agree_with_a_search_from_the_top() {
    let patterns: Vec<String> = (0..10_000)
        .map(|n| match n % 5 {
            0 => format!("user{n}"),
            1 => format!("user{}*", n / 3),
            2 => format!("*@domain{}.example", n / 2),
            3 => format!("10.{}.{}.0/24", n % 256, n / 256),
            _ => format!("a?{n}[0-9]*z"),
        })
        .collect();
    let borrowed: Vec<_> = patterns.iter().map(String::as_str).collect();
    let class = class(&borrowed);
    for value in [
        "user5",
        "user9995",
        "user1234x",
        "joe@domain77.example",
        "10.8.39.1",
        "10.9.9.9",
        "ab993zzz",
        "ab9940z",
        "nobody",
        "",
    ] {
        let by_search = borrowed.iter().position(|pattern| {
            let network: Option<ipnet::IpNet> = pattern.parse().ok();
            match network {
                Some(net) => value
                    .parse::<std::net::IpAddr>()
                    .is_ok_and(|it| net.contains(&it)),
                None => {
                    glob(pattern).unwrap().compile_matcher().is_match(value)
                }
            }
        });
        let by_index = class.limit(value).map(|it| it.count as usize - 1);
        assert_eq!(by_index, by_search, "{value}");
    }
}
