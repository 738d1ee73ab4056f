//! A running digest of everything that happened: equal for equal runs.

use std::fmt::Write;

use suq::engine::{Effect, Input};
use suq::model::Sha256;
use suq::wire::{Request, Response};

#[derive(Default)]
pub struct Trace {
    digest: Option<Sha256>,
    pub events: u64,
    /// Lines that wait to be digested together.
    lines: String,
}

impl Trace {
    pub fn add(&mut self, text: &str) {
        self.lines.push_str(text);
        self.lines.push('\n');
        self.events += 1;
        if self.lines.len() > 8192 {
            self.digest();
        }
    }

    pub fn digest(&mut self) -> Sha256 {
        let mut octets = self.digest.map_or_else(Vec::new, |d| d.as_bytes().to_vec());
        octets.extend_from_slice(self.lines.as_bytes());
        self.lines.clear();
        *self.digest.insert(Sha256::of(&octets))
    }
}

/// One line for the trace.
pub fn label(input: &Input) -> String {
    match input {
        Input::Publish { document, .. } => format!("publish {}", Sha256::of(document)),
        Input::Heard { peer, document, .. } => format!("heard {peer} {}", Sha256::of(document)),
        Input::Verified { job, outcome, .. } => format!("verified {job:?} {}", outcome.is_ok()),
        Input::Answered { ask, answer } => match answer {
            Ok(response) => format!("answered {ask:?} {}", response_label(response)),
            Err(reason) => format!("unanswered {ask:?} {reason}"),
        },
        Input::Loaded { load, documents } => format!("loaded {load:?} {}", documents.len()),
        Input::Question { peer, request, .. } => {
            format!("question {peer} {}", request_label(request))
        }
        Input::RulesChanged(rules) => format!("rules {}", rules.digest()),
        other => format!("{other:?}"),
    }
}

/// One line for the trace.
pub fn effect_label(effect: &Effect) -> String {
    match effect {
        Effect::Verify { job, document } => format!("verify {job:?} {}", document.len()),
        Effect::Announce { document } => format!("announce {}", Sha256::of(document)),
        Effect::Store { write, records } => format!("store {write:?} {}", records.len()),
        Effect::Ask { ask, peer, request } => {
            format!("ask {ask:?} {peer} {}", request_label(request))
        }
        Effect::Answer { question, response } => {
            format!("answer {question:?} {}", response_label(response))
        }
        other => format!("{other:?}"),
    }
}

fn request_label(request: &Request) -> String {
    match request {
        Request::Reconcile(frame) => format!("reconcile {}", Sha256::of(frame)),
        Request::Documents(ids) => ids.iter().fold("documents".to_owned(), |mut text, id| {
            let _ = write!(text, " {id}");
            text
        }),
        other => format!("{other:?}"),
    }
}

fn response_label(response: &Response) -> String {
    match response {
        Response::Reconcile(frame) => format!("reconcile {}", Sha256::of(frame)),
        Response::List { ids, next } => format!("list {} {next:?}", Sha256::of(ids)),
        Response::Documents { documents, more } => format!("documents {} {more}", documents.len()),
        other => format!("{other:?}"),
    }
}
