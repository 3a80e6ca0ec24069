//! Records: what parses, what does not, and where it goes wrong.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::wildcard_enum_match_arm,
    reason = "a test that cannot go on should say so and fail"
)]

use std::net::Ipv6Addr;

use proptest::prelude::{ProptestConfig, any, prop_assert_eq, proptest};
use ra_plugins::spf::record::{Flaw, Mechanism, Record, SyntaxError};
use rstest::rstest;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    /// Our reader of IPv6 addresses is the standard library's, only faster.
    #[test]
    fn ip6_addresses_are_read_as_the_standard_library_reads_them(
        text in "(([0-9a-fA-F]{0,5}|::|:){0,6}\
            |([0-9a-f]{1,4}:){0,8}:?([0-9a-f]{1,4}:?){0,8}\
            |(:?:[0-9]{1,3}){0,4}:[0-9.]{5,15})"
    ) {
        let ours = match Record::parse(&format!("v=spf1 ip6:{text}")) {
            Ok(record) => match record.directives[0].mechanism {
                Mechanism::Ip6(address, 128) => Some(address),
                other => panic!("{other:?}"),
            },
            Err(_) => None,
        };
        prop_assert_eq!(ours, text.parse::<Ipv6Addr>().ok());
    }

    /// Every address that can be written is read.
    #[test]
    fn ip6_addresses_survive(bits in any::<u128>(), mask in any::<u128>()) {
        let address = Ipv6Addr::from_bits(bits & mask);
        let record = Record::parse(&format!("v=spf1 ip6:{address}")).unwrap();
        let read = record.directives[0].mechanism;
        prop_assert_eq!(read, Mechanism::Ip6(address, 128));
    }
}

#[rstest]
#[case::prefix("v=spf1 mx/33 -all", "/33 -all", Flaw::BadPrefix)]
#[case::second_prefix("v=spf1 a//129 -all", "/129 -all", Flaw::BadPrefix)]
#[case::address("v=spf1 ip4:192.0.2 -all", "192.0.2 -all", Flaw::BadIp4)]
#[case::mechanism("v=spf1 ipv4:x -all", "ipv4:x -all", Flaw::UnknownMechanism)]
#[case::long_name("v=spf1 nearly-all", "nearly-all", Flaw::UnknownMechanism)]
#[case::no_name("v=spf1 -", "", Flaw::UnknownMechanism)]
#[case::name("v=spf1 include: -all", " -all", Flaw::NoDomain)]
#[case::repeated("v=spf1 exp=a.b exp=c.d", "c.d", Flaw::Repeated)]
fn an_error_is_where_the_wrong_part_begins(
    #[case] text: &str,
    #[case] rest: &str,
    #[case] flaw: Flaw,
) {
    let error: SyntaxError = Record::parse(text).unwrap_err();
    assert_eq!((&text[error.at..], error.flaw), (rest, flaw));
}
