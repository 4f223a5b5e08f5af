//! The program behind `cargo xtask bench bidder`; its other commands are the processes it starts.

use std::process::ExitCode;

use bench::run::Effort;
use bench::{client, direct, open, overload, run, servers};

/// That of `paceline`, for both servers.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const HELP: &str = "\
bench bidder [--json] [--quick] [--model lr|ffm]   compare the bidder with a bare server
bench decide N                    microseconds of a decision among N line items, without HTTP
bench refresh N                   milliseconds to take a change of one of N line items into use
bench decisions N                 what is bid on each request, to compare two builds
bench candidates N                how many of N line items a request matches
bench load N RATE SECONDS         an open-loop round against a bidder of its own
bench serve-bidder N | serve-bare | client | open-client   the processes that `bidder` starts
";

#[expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line tool"
)]
fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let has = |flag: &str| words.contains(&flag);
    let effort = if has("--quick") {
        Effort::QUICK
    } else {
        Effort::FULL
    };
    let count = || {
        words
            .get(1)
            .and_then(|text| text.parse().ok())
            .unwrap_or(bench::catalogue::LINE_ITEMS)
    };
    let number = |at: usize| {
        let word = words.get(at).and_then(|text| text.parse().ok());
        word.unwrap_or(1.0)
    };
    let done = match words.first().copied() {
        Some("bidder") => run::run(effort, has("--json")),
        Some("decide") => direct::decide_us(count()).map(|us| println!("{us:.2} us")),
        Some("refresh") => direct::refresh_ms(count()).map(|ms| println!("{ms:.1} ms")),
        Some("decisions") => {
            direct::decisions(count()).map(|lines| println!("{}", lines.join("\n")))
        }
        Some("candidates") => direct::candidates(count()).map(|found| println!("{found:#?}")),
        Some("load") => {
            overload::try_out(count(), (number(2), number(3))).map(|found| println!("{found:#?}"))
        }
        Some("serve-bidder") => servers::bidder(count(), has("--strict")),
        Some("serve-bare") => servers::bare(),
        Some("client") => client::run(),
        Some("open-client") => open::run(),
        _ => {
            eprint!("{HELP}");
            return ExitCode::from(64);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}
