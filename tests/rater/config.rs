//! Configurations, right and wrong.

use ra_plugins::rater::config::{Config, DEFAULT};
use ra_plugins::rater::rules::Limit;
use rstest::rstest;

#[test]
fn the_default_is_right() {
    let config = Config::parse(DEFAULT).unwrap();
    let ip = &config.rules.classes["ip"];
    assert_eq!(ip.limit("127.0.0.1").map(|it| it.count), Some(0));
    let limit = Limit { seconds: 60, count: 30 };
    assert_eq!(ip.limit("192.0.2.9"), Some(limit));
}

#[test]
fn a_byte_that_is_no_text_has_a_place() {
    let bytes = b"[limits]\nip = []\n# caf\xe9\n";
    let mistake = Config::parse_bytes(bytes).unwrap_err();
    assert_eq!(mistake.to_string(), "3:6: not UTF-8");
}

#[test]
fn the_example_of_the_interface_is_right() {
    let config = Config::parse(
        r#"
        [settings]
        listen = ["127.0.0.1:1999", "unix:/run/rater.sock"]
        control = "unix:/run/rater-control.sock"
        state = "/var/lib/rater/state"
        store = "redis://127.0.0.1:6379"
        max_keys = 1_000_000
        log = "info"

        [limits]
        user = [["rosario", 90, 20], ["*@sales.example.org", "1h", 200], ["*", 30, 2]]
        ip   = [["10.0.0.0/8", 0, 0], ["2001:db8::/32", 60, 10], ["*", 10, 1]]
        "#,
    )
    .unwrap();
    assert_eq!(config.settings.listen.len(), 2);
    let user = &config.rules.classes["user"];
    let sales = Limit { seconds: 3600, count: 200 };
    assert_eq!(user.limit("joe@sales.example.org"), Some(sales));
}

#[rstest]
#[case::syntax("[limits\n")]
#[case::unknown_section("[limit]\n")]
#[case::unknown_setting("[settings]\nmaxkeys = 3\n")]
#[case::two_values("[limits]\nip = [[\"*\", 10]]\n")]
#[case::negative("[limits]\nip = [[\"*\", 10, 1], [\"x\", -5, 1]]\n")]
#[case::negative_count("[limits]\nip = [[\"*\", 10, -1]]\n")]
#[case::unit("[limits]\nip = [[\"*\", \"3w\", 1]]\n")]
#[case::too_long("[limits]\nip = [[\"*\", \"100000d\", 1]]\n")]
#[case::no_window("[limits]\nip = [\n  [\"*\", 0, 1],\n]\n")]
#[case::glob("[limits]\nip = [[\"*\", 10, 1]]\nuser = [[\"jo[e\", 1, 1]]\n")]
#[case::class_name("[limits]\n\"a b\" = []\n")]
#[case::class_prefix("[limits]\n\"?a\" = []\n")]
#[case::address("[settings]\nlisten = [\"example.org:1999\"]\n")]
#[case::level("[settings]\nlog = \"loud\"\n")]
#[case::no_keys("[settings]\nmax_keys = 0\n")]
#[case::twice("[limits]\nip = []\nip = []\n")]
fn mistakes_have_a_place(#[case] text: &str) {
    let mistake = Config::parse(text).unwrap_err();
    let shown = format!("{text}\n=> rater.toml:{mistake}");
    crate::snapshot("rater_config", &shown);
}
