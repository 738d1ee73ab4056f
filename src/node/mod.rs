//! The node: one engine, and everything that carries its effects out.
//!
//! [`Node::start`] opens a home and runs until it is told to stop. What people
//! and programs ask is a [`Call`], over the control socket or in process; calls
//! that only read can be answered without a running node by a [`Catalogue`].

mod answer;
mod call;
mod care;
mod catalogue;
mod collect;
mod control;
mod counts;
mod federation;
mod image;
mod jobs;
mod live;
mod locations;
mod mirror;
mod run;
mod serve_blobs;
mod serving;
mod start;
mod status;
mod transfer;
mod verifiers;
mod writer;

pub use answer::{
    Answer, CountView, DiskView, EntryRow, EntryView, Failure, FailureKind, FoundView, ImageView,
    InviteView, JudgedEntry, MemberView, MembersView, MembershipView, PeerView, PolicyView,
    StatusView, WhyView,
};
pub use call::{Call, MAX_PAGE, Query, StatusFilter};
pub use catalogue::{Catalogue, CatalogueError, NoGraph, Original};
pub use collect::{Collect, CollectView, CollectedView, KeptReason, KeptView};
pub use control::{ControlError, ask};
pub use counts::{Counts, GossipCounts, TransferCounts};
pub use image::{BadImageName, ImageName};
pub use live::{Progress, ProviderFailure};
pub use mirror::{MirrorFailureView, MirrorView};
pub use serving::{Payer, Serving, Taker};
pub use start::{Node, StartError};
