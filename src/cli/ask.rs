//! Asking the running node, or the store when none runs.

use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{SignalKind, signal};

use crate::blobs::Blobs;
use crate::home::{Home, locate};
use crate::node::{Answer, Call, Catalogue, Collect, ControlError, ask};

use super::output::now;
use super::{Common, Exit};

/// Which folder the options and the environment name.
pub(super) fn home_path(common: &Common) -> std::path::PathBuf {
    let is_root = rustix::process::geteuid().is_root();
    locate(common.home.as_deref(), is_root, |name| std::env::var(name).ok())
}

/// The home of this command.
pub(super) fn home(common: &Common) -> Result<Home, Exit> {
    Ok(Home::open(&home_path(common))?)
}

/// The images of a home, with their quota.
pub(super) fn blobs(home: &Home) -> Result<Blobs, Exit> {
    let quota = home.settings()?.blobs.quota.map(|quota| quota.0);
    Ok(Blobs::open(&home.blobs_path())?.with_quota(quota))
}

/// Has the least recently used images go when one of this size does not fit under the
/// quota. What still does not fit is told by whoever takes it in.
pub(super) fn make_room(home: &Home, blobs: &Blobs, bytes: u64) -> Result<(), Exit> {
    let Some(quota) = blobs.quota() else { return Ok(()) };
    if blobs.usage()?.total().saturating_add(bytes) > quota {
        let order = Collect { room: bytes, ..Collect::default() };
        call(home, &Call::Collect(order), |_| {})?;
    }
    Ok(())
}

/// A runtime for commands that only wait.
pub(super) fn block_on<F: Future>(future: F) -> Result<F::Output, Exit> {
    Ok(runtime()?.block_on(future))
}

fn runtime() -> Result<Runtime, Exit> {
    let runtime = Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| Exit::failed(format!("tokio: {error}")))
}

/// Asks the node of a home; without one, answers from the store what it can.
pub(super) fn call(home: &Home, call: &Call, progress: impl FnMut(Answer)) -> Result<Answer, Exit> {
    settle(home, call, block_on(ask(home, call, progress))?)
}

/// The same until Ctrl-C; none then. What the node does, it goes on with.
pub(super) fn call_until_interrupted(
    home: &Home,
    call: &Call,
    progress: impl FnMut(Answer),
) -> Result<Option<Answer>, Exit> {
    let asked = until_interrupted(ask(home, call, progress))?;
    asked.map(|asked| settle(home, call, asked)).transpose()
}

/// Waits for something until Ctrl-C; none then. From then on Ctrl-C ends nothing else in
/// this process: whatever takes long is waited for by this.
pub(super) fn until_interrupted<F: Future>(work: F) -> Result<Option<F::Output>, Exit> {
    let runtime = runtime()?;
    let ended = runtime.block_on(async {
        let mut interrupt = signal(SignalKind::interrupt())
            .map_err(|error| Exit::failed(format!("signals: {error}")))?;
        tokio::select! {
            output = work => Ok(Some(output)),
            _ = interrupt.recv() => Ok(None),
        }
    });
    // A thread that copies ends with the process.
    runtime.shutdown_background();
    ended
}

/// What the node said; without one, what the store says.
fn settle(home: &Home, call: &Call, asked: Result<Answer, ControlError>) -> Result<Answer, Exit> {
    let answer = match asked {
        Err(ControlError::NoNode) if call.needs_no_node() => {
            Catalogue::open(home)?.answer(call, now())
        }
        other => other?,
    };
    match answer {
        Answer::Failed(failure) => Err(failure.into()),
        answer => Ok(answer),
    }
}

/// The same for commands without progress.
pub(super) fn simple(common: &Common, question: &Call) -> Result<Answer, Exit> {
    call(&home(common)?, question, |_| {})
}

/// An answer of another kind than the question's.
pub(super) fn unexpected(answer: &Answer) -> Exit {
    Exit::failed(format!("the node gave an unexpected answer: {answer:?}"))
}
