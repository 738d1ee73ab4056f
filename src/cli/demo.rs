//! stub
use super::{Common, Exit};
use clap::Args;
/// demo
#[derive(Debug, Args)]
pub(crate) struct Demo {}
impl Demo {
    pub(super) fn run(self, _c: &Common) -> Result<(), Exit> {
        Err(Exit::failed("x"))
    }
}
