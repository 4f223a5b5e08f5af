//! A child process that prints where it listens, and that never outlives the test.

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// How long a process may take to print what is waited for.
const START_MAX: Duration = Duration::from_secs(60);

/// A running process in a group of its own, with the lines it prints.
pub(crate) struct Program {
    child: Child,
    lines: Receiver<String>,
}

impl Program {
    /// Starts it, or says what to do where it is not installed.
    pub(crate) fn start(command: &mut Command) -> Self {
        let started = command
            .stdout(Stdio::piped())
            .stdin(Stdio::null())
            .process_group(0)
            .spawn();
        let mut child = started.unwrap_or_else(|error| {
            panic!(
                "{command:?} does not start: {error}; `cargo xtask test` installs what tests need"
            )
        });
        let output = BufReader::new(child.stdout.take().unwrap());
        let (tell, lines) = channel();
        // Reads to the end even when nobody listens any more, so that the process never waits for us.
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                drop(tell.send(line));
            }
        });
        Self { child, lines }
    }

    /// Waits for a line with this mark; the address or word that follows it.
    pub(crate) fn after(&self, mark: &str) -> String {
        loop {
            let line = self
                .lines
                .recv_timeout(START_MAX)
                .unwrap_or_else(|error| panic!("a process did not print {mark:?}: {error}"));
            if let Some((_, rest)) = line.split_once(mark) {
                let part = |c: char| c.is_ascii_alphanumeric() || ".:-".contains(c);
                let word = rest.split(|c| !part(c)).next().unwrap();
                return word.trim_end_matches('.').to_owned();
            }
        }
    }
}

impl Drop for Program {
    /// Kills the whole group: a browser does not end with its driver.
    fn drop(&mut self) {
        let group = format!("-{}", self.child.id());
        let killed = Command::new("kill").args(["-KILL", "--", &group]).status();
        // The process itself goes even where there is no such command.
        drop((killed, self.child.kill(), self.child.wait()));
    }
}
