//! The `suq` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    suq::cli::main()
}
