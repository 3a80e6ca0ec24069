//! `ra`: arguments in, one call, exit status out.

fn main() {}
