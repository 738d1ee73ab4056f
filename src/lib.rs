//! suq: a marketplace for virtual-machine images with no one in the middle.

pub mod blobs;
pub mod cli;
pub mod engine;
pub mod fetch;
pub mod graph;
pub mod home;
pub mod http;
pub mod manifest;
pub mod membership;
pub mod model;
pub mod net;
pub mod node;
pub mod policy;
pub mod search;
pub mod store;
pub mod wire;
