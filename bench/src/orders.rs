//! What both clients share: a process that plays rounds as it is told line by line, over one workload.

use std::cell::RefCell;
use std::future::Future;
use std::io::{BufRead, Write};
use std::rc::Rc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::requests::requests;

/// One round, as the parent orders it.
pub(crate) trait Order: DeserializeOwned {
    /// The workload: so many line items.
    fn line_items(&self) -> usize;
}

/// The requests of a workload, and what is known of their answers.
pub(crate) struct Workload {
    line_items: usize,
    pub(crate) bodies: Vec<Vec<u8>>,
    /// How much each request's answer measured last.
    pub(crate) sizes: RefCell<Vec<usize>>,
}

impl Workload {
    fn new(line_items: usize) -> Self {
        let bodies = requests(line_items);
        Self {
            line_items,
            sizes: RefCell::new(vec![0; bodies.len()]),
            bodies,
        }
    }

    /// The body of a request, and how much its answer measured.
    pub(crate) fn request(&self, index: usize) -> (&[u8], usize) {
        let body = self.bodies.get(index).map_or(&[][..], Vec::as_slice);
        (body, self.sizes.borrow().get(index).copied().unwrap_or(0))
    }

    /// Remembers how much an answer measured.
    pub(crate) fn learn(&self, index: usize, bytes: usize) {
        if let Some(size) = self.sizes.borrow_mut().get_mut(index) {
            *size = bytes;
        }
    }
}

/// Plays rounds until standard input ends: one order a line in as JSON, one outcome a line out.
pub(crate) fn play<O, R, F>(round: impl Fn(Rc<Workload>, O) -> F) -> anyhow::Result<()>
where
    O: Order,
    R: Serialize,
    F: Future<Output = anyhow::Result<R>>,
{
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let mut workload: Option<Rc<Workload>> = None;
    for line in std::io::stdin().lock().lines() {
        let order: O = serde_json::from_str(&line?)?;
        let wanted = order.line_items();
        let same = workload.take().filter(|it| it.line_items == wanted);
        let current = same.unwrap_or_else(|| Rc::new(Workload::new(wanted)));
        let local = tokio::task::LocalSet::new();
        let outcome = local.block_on(&runtime, round(Rc::clone(&current), order))?;
        workload = Some(current);
        let mut out = std::io::stdout().lock();
        writeln!(out, "{}", serde_json::to_string(&outcome)?)?;
        out.flush()?;
    }
    Ok(())
}
