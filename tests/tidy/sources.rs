//! Source files: their size, head, log messages, metric names, and what may not be in them.

use crate::{files, require};

/// Longest source file, in lines; its tests may move to a file of their own.
const LINES_MAX: usize = 500;
/// Second words of our metrics' names.
const SERVICES: &[&str] = &[
    "bidder", "pixel", "updater", "console", "server", "log", "store",
];

#[test]
fn source_files_are_short_and_say_their_job() {
    let mut long = Vec::new();
    let mut headless = Vec::new();
    for file in files().iter().filter(|file| file.is_rust()) {
        let lines = file.text().lines().count();
        if lines > LINES_MAX {
            long.push(format!("{}: {lines} lines", file.path));
        }
        if !file.text().starts_with("//! ") {
            headless.push(file.path.clone());
        }
    }
    require(
        &headless,
        "begin the file with one `//!` line that says its one job",
    );
    require(
        &long,
        &format!("split the file, or move its tests to x/tests.rs: at most {LINES_MAX} lines"),
    );
}

#[test]
fn nothing_is_left_for_later() {
    // Put together here, so that this file does not find itself.
    let marks = ["TO", "FIX", "todo", "unimplemented"].map(|word| match word {
        "TO" => "TODO".to_owned(),
        "FIX" => format!("{word}ME"),
        word => format!("{word}!("),
    });
    let crosses = format!("// {}", "X".repeat(3));
    let mut violations = Vec::new();
    for file in files().iter().filter(|file| !file.is_tidy()) {
        for (number, line) in file.lines() {
            if marks.iter().any(|mark| line.contains(mark.as_str())) || line.contains(&crosses) {
                violations.push(format!("{}:{number}: {}", file.path, line.trim()));
            }
        }
    }
    require(
        &violations,
        "do it now, or write down as a limit what is not done",
    );
}

#[test]
fn no_test_is_skipped_or_waits_for_luck() {
    let ignore = format!("#[{}", "ignore");
    let mut violations = Vec::new();
    for file in files()
        .iter()
        .filter(|file| file.is_rust() && !file.is_tidy())
    {
        for (number, line) in file.lines() {
            let sleeps =
                file.is_test() && (line.contains("thread::sleep") || line.contains("time::sleep"));
            if line.contains(&ignore) || sleeps {
                violations.push(format!("{}:{number}: {}", file.path, line.trim()));
            }
        }
    }
    require(
        &violations,
        "run every test always; pass the time in, or wait for a condition with a deadline, instead of sleeping",
    );
}

/// The string literals of a text that stand where a macro's message does, after a parenthesis or a comma.
fn messages(arguments: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = arguments;
    let mut before = '(';
    while let Some(quote) = rest.find('"') {
        let (head, tail) = rest.split_at(quote);
        before = head.trim_end().chars().last().unwrap_or(before);
        let mut escaped = false;
        let end = tail[1..].find(|c: char| {
            let ends = c == '"' && !escaped;
            escaped = c == '\\' && !escaped;
            ends
        });
        let Some(end) = end else { break };
        if before == '(' || before == ',' {
            found.push(&tail[1..=end]);
        }
        rest = &tail[end + 2..];
        before = '"';
    }
    found
}

/// What stands between a macro's parentheses.
fn arguments(text: &str) -> &str {
    let mut depth = 1;
    let mut quoted = false;
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            '"' if !escaped => quoted = !quoted,
            '(' if !quoted => depth += 1,
            ')' if !quoted => depth -= 1,
            _ => {}
        }
        escaped = c == '\\' && !escaped;
        if depth == 0 {
            return &text[..at];
        }
    }
    text
}

#[test]
fn log_messages_are_lower_case_without_full_stop() {
    let macros = ["trace", "debug", "info", "warn", "error"];
    let mut violations = Vec::new();
    for file in files()
        .iter()
        .filter(|file| file.is_rust() && !file.is_tidy())
    {
        for (at, _) in file.text().match_indices("!(") {
            let (before, after) = (&file.text()[..at], &file.text()[at + 2..]);
            let name = before
                .rsplit(|c: char| !c.is_ascii_alphanumeric())
                .next()
                .unwrap_or_default();
            if !macros.contains(&name) {
                continue;
            }
            for message in messages(arguments(after)) {
                if message.starts_with(char::is_uppercase) || message.ends_with('.') {
                    violations.push(format!("{}: {message:?}", file.path));
                }
            }
        }
    }
    require(
        &violations,
        "begin log messages in lower case and end them without a full stop",
    );
}

#[test]
fn metrics_are_named_in_one_file_of_each_service() {
    let mut violations = Vec::new();
    for file in files()
        .iter()
        .filter(|file| file.is_rust() && !file.is_tidy())
    {
        let named_here = file.name() == "metrics.rs";
        for (number, line) in file.lines() {
            let literal = ["counter!(\"", "gauge!(\"", "histogram!(\""]
                .iter()
                .any(|call| line.contains(call));
            let constant = SERVICES
                .iter()
                .any(|service| line.contains(&format!(": &str = \"paceline_{service}_")));
            if !named_here && (literal && !file.is_test() || constant) {
                violations.push(format!("{}:{number}: {}", file.path, line.trim()));
            }
        }
    }
    require(
        &violations,
        "name the metric as a constant in the crate's metrics.rs",
    );
}

#[test]
fn macros_are_read_as_the_compiler_does() {
    assert_eq!(messages("error, \"Bad.\", x = \"value\""), ["Bad."]);
    assert_eq!(messages("%error, cause = \"Named\", \"good\""), ["good"]);
    assert_eq!(arguments("a(\")\"), \"b\") rest"), "a(\")\"), \"b\"");
}
