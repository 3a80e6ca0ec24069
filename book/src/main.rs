//! `book`: arguments in, one call, exit status out.

use std::process::ExitCode;

fn main() -> ExitCode {
    book::command::main()
}
