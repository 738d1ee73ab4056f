//! The page for people, of real nodes, in Chromium.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod browser;
#[path = "../http/mod.rs"]
mod http;
mod look;
mod search;
#[path = "../site/mod.rs"]
mod site;
mod stage;

use browser::ENTER;
use stage::Stage;
