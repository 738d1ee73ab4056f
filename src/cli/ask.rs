//! Asking the running node, or the store when none runs.

use crate::home::{Home, locate};
use crate::node::{Answer, Call, Catalogue, ControlError, ask};

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

/// A runtime for commands that only wait.
pub(super) fn block_on<F: Future>(future: F) -> Result<F::Output, Exit> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Exit::failed(format!("tokio: {error}")))?;
    Ok(runtime.block_on(future))
}

/// Asks the node of a home; without one, answers from the store what it can.
pub(super) fn call(home: &Home, call: &Call, progress: impl FnMut(Answer)) -> Result<Answer, Exit> {
    let answer = match block_on(ask(home, call, progress))? {
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
