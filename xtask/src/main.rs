//! Which developer tasks exist? `cargo xtask <task>`; each task has a file of its name.

use std::env;
use std::process::ExitCode;

mod bench;
mod codegen;
mod command;
mod docs;
mod fuzz;
mod licenses;
mod services;
mod size;
mod test;
mod tidy;
mod workspace;

const USAGE: &str = "\
usage: cargo xtask <task>

  test [--ci]        everything CI runs: format, lints, tidy, licenses, reference page, docs, tests
  tidy               the rules of this repository that a machine can check
  licenses           every dependency's license is on the list, and no crate is in the binary twice unlisted
  codegen [--check]  writes the configuration reference page (or fails if it is stale); --built asks the binary that
                     the tests were built with
  bench [OPTIONS]    builds the release and runs `sentinel bench ingest OPTIONS` with a Kafka beside it
  size               builds the release and says how large it is; too large is an error
  docs               builds the API docs and the book, warnings are errors
  fuzz [--seconds N] [--jobs N] [--merge] [TARGET...]
                     feeds each decoder with made-up bytes for N seconds (60), N targets at a time (1);
                     --merge saves inputs that reach what the saved ones do not
";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match arguments.as_slice() {
        ["test"] => test::run(services::is_ci()),
        ["test", "--ci"] => test::run(true),
        ["tidy"] => tidy::run(),
        ["licenses"] => licenses::run(),
        ["codegen"] => codegen::write(codegen::by_cargo()),
        ["codegen", "--built"] => codegen::write(codegen::built()),
        ["codegen", "--check"] => codegen::check(codegen::by_cargo()),
        ["docs"] => docs::run(services::is_ci()),
        ["fuzz", options @ ..] => fuzz::run(options),
        ["size"] => size::run_size(),
        ["bench", rest @ ..] => bench::run_bench(rest),
        _ => {
            eprint!("{USAGE}");
            return ExitCode::from(64);
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
