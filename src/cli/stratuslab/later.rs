//! `stratus-run-instance` and `stratus-create-image`: not yet.

use super::super::Exit;
use super::FAILED;

/// What is said under a name that does nothing yet.
pub(super) fn refuse(name: &str) -> Exit {
    let message = format!(
        "this version of suq does not run instances, so there is no {name} yet; \
         `suq get IDENTIFIER -o FILE` fetches an image"
    );
    Exit::new(FAILED, message)
}
