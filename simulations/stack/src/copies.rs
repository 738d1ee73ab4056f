//! How often each message arrived, duplicates included: counted from what gossipsub
//! itself says of every message that a peer sent in full.
//!
//! The count is only as good as the words in gossipsub's log. A test makes sure that
//! it is not zero, and the bytes that arrived are measured beside it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use suq::model::Sha256;
use suq::wire::{Gossip, encode};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Event, Level, Metadata, Subscriber};

/// Where gossipsub takes a message, before it looks for duplicates.
const TARGET: &str = "libp2p_gossipsub::behaviour";
const TEXT: &str = "Handling message from peer";

/// By the id of the message.
static ARRIVALS: Mutex<BTreeMap<String, u64>> = Mutex::new(BTreeMap::new());

fn arrivals() -> MutexGuard<'static, BTreeMap<String, u64>> {
    ARRIVALS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Counts from now on, in this process.
pub fn start_counting() {
    // A second call changes nothing: the first still counts.
    let _ = tracing::subscriber::set_global_default(Counter);
}

/// How often a document arrived at any site.
pub fn of(document: &[u8]) -> u64 {
    let message = encode(&Gossip::Manifest(document.to_vec()));
    arrivals().get(&Sha256::of(&message).to_string()).copied().unwrap_or(0)
}

struct Counter;

impl Subscriber for Counter {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if self.enabled(metadata) { Interest::always() } else { Interest::never() }
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        let has = |name: &str| metadata.fields().field(name).is_some();
        metadata.is_event() && metadata.target() == TARGET && has("peer") && has("message_id")
    }

    fn max_level_hint(&self) -> Option<tracing::level_filters::LevelFilter> {
        Some(Level::DEBUG.into())
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut arrival = Arrival::default();
        event.record(&mut arrival);
        if arrival.text == TEXT {
            *arrivals().entry(arrival.message).or_default() += 1;
        }
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[derive(Default)]
struct Arrival {
    text: String,
    message: String,
}

impl Visit for Arrival {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        match field.name() {
            "message" => self.text = format!("{value:?}"),
            "message_id" => self.message = format!("{value:?}"),
            _ => {}
        }
    }
}
