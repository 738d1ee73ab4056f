//! Names of things under way.

macro_rules! id {
    ($type:ident, $what:literal) => {
        #[doc = $what]
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $type(pub u64);
    };
}

id!(AskId, "A question of ours to a peer.");
id!(CallId, "A call from someone at this site; drawn by the caller.");
id!(FetchId, "A transfer of a blob from one peer.");
id!(GossipId, "A gossip message that waits for its verdict; drawn by the network.");
id!(JobId, "A verification.");
id!(KnockId, "A stranger's wish to come in; drawn by the network.");
id!(LoadId, "A read from the store.");
id!(QuestionId, "A question of a peer to us; drawn by the network.");
id!(WriteId, "A write to the store.");

/// Draws the ids of one engine.
#[derive(Debug, Default)]
pub(super) struct Ids(u64);

impl Ids {
    pub(super) fn next(&mut self) -> u64 {
        self.0 += 1;
        self.0
    }
}
