//! Child processes of this program, and the processor time they have used.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::Context;
use rustix::process::Pid;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Linux counts processor time in ticks of a hundredth of a second.
const TICKS_PER_SECOND: f64 = 100.0;

/// Where a child runs. A client that polls takes all of a core, and whatever else is there waits for it for
/// milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Core {
    /// With all its threads on the first of our cores.
    Server,
    /// On the last.
    Client,
}

/// A child that ends when its input is closed, which dropping does.
#[derive(Debug)]
pub struct Process {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Process {
    /// Starts this program with other arguments.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(core: Core, arguments: &[&str]) -> anyhow::Result<Self> {
        let program = std::env::current_exe()?;
        let mut child = Command::new(program)
            .args(arguments)
            .args(["--model", crate::world::model_name()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {arguments:?}"))?;
        pin(&child, core)?;
        let input = child.stdin.take();
        let output = child.stdout.take().context("the child has no output")?;
        Ok(Self {
            child,
            input,
            output: BufReader::new(output),
        })
    }

    /// The next line it prints.
    ///
    /// # Errors
    /// When it has ended.
    pub fn line(&mut self) -> anyhow::Result<String> {
        let mut line = String::new();
        let read = self.output.read_line(&mut line)?;
        anyhow::ensure!(read > 0, "a child process ended early");
        Ok(line.trim().to_owned())
    }

    /// Has a client play a round.
    ///
    /// # Errors
    /// When the client or the server has ended.
    pub fn ask<R: DeserializeOwned>(&mut self, order: &impl Serialize) -> anyhow::Result<R> {
        self.tell(&serde_json::to_string(order)?)?;
        Ok(serde_json::from_str(&self.line()?)?)
    }

    /// Writes a line to its input.
    ///
    /// # Errors
    /// When it has ended.
    pub fn tell(&mut self, line: &str) -> anyhow::Result<()> {
        let input = self.input.as_mut().context("the child's input is closed")?;
        writeln!(input, "{line}")?;
        input.flush()?;
        Ok(())
    }

    /// User and system time so far, in seconds (fields 14 and 15 of `proc_pid_stat`).
    ///
    /// # Errors
    /// When the system does not say.
    pub fn cpu_seconds(&self) -> anyhow::Result<f64> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        let fields = stat.rsplit(')').next().unwrap_or_default();
        // The text after the command name begins with field 3.
        let times = fields.split_whitespace().skip(11).take(2);
        let ticks = times.map(str::parse::<f64>).sum::<Result<f64, _>>()?;
        Ok(ticks / TICKS_PER_SECOND)
    }
}

/// A server that rounds are played against, and where it listens.
#[derive(Debug)]
pub struct Server {
    /// Its process.
    pub process: Process,
    /// What it listens on.
    pub address: String,
    /// The workload: so many line items.
    pub line_items: usize,
    /// Whether it is the one that decides.
    pub is_bidder: bool,
}

impl Server {
    /// Starts the bidder; `strict` with the deadline that is usual.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn bidder(line_items: usize, strict: bool) -> anyhow::Result<Self> {
        let items = line_items.to_string();
        let strict = strict.then_some("--strict");
        let arguments = ["serve-bidder", &items].into_iter().chain(strict);
        Self::start(&arguments.collect::<Vec<_>>(), (line_items, true))
    }

    /// Starts the bare server.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn bare(line_items: usize) -> anyhow::Result<Self> {
        Self::start(&["serve-bare"], (line_items, false))
    }

    fn start(arguments: &[&str], (line_items, is_bidder): (usize, bool)) -> anyhow::Result<Self> {
        let mut process = Process::start(Core::Server, arguments)?;
        Ok(Self {
            address: process.line()?,
            process,
            line_items,
            is_bidder,
        })
    }
}

/// Keeps a child that has no threads yet on one core.
fn pin(child: &Child, core: Core) -> anyhow::Result<()> {
    let ours = sched_getaffinity(None)?;
    let mut cores = (0..CpuSet::MAX_CPU).filter(|at| ours.is_set(*at));
    let chosen = match core {
        Core::Server => cores.next(),
        Core::Client => cores.next_back(),
    };
    let mut one = CpuSet::new();
    one.set(chosen.context("there is no core")?);
    Ok(sched_setaffinity(Some(Pid::from_child(child)), &one)?)
}

impl Drop for Process {
    fn drop(&mut self) {
        self.input = None;
        // It ends by itself; how is of no interest any more.
        self.child.wait().ok();
    }
}
