//! The binary. All it does is in the library, which is compiled while the crates below are still turned into machine
//! code; a program would wait for their ends.

use std::process::ExitCode;

fn main() -> ExitCode {
    sentinel::main()
}
