//! The program that qmail-smtpd runs.

/// Decides about the session that the environment describes.
fn main() -> std::process::ExitCode {
    ra_plugins::machine::run(&greylist::PLUGIN)
}
