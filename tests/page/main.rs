//! The page for people, of real nodes, in Chromium.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(unreachable_pub)]

mod access;
mod browser;
mod federation;
mod files;
mod hostile;
#[path = "../http/mod.rs"]
mod http;
mod image;
mod live;
mod look;
mod search;
#[path = "../site/mod.rs"]
mod site;
mod sites;
mod stage;
mod upload;

use stage::Stage;
