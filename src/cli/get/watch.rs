//! What is seen of a transfer: a bar for people, events for programs.

use std::collections::BTreeSet;
use std::path::Path;

use indicatif::ProgressBar;
use serde::Serialize;

use crate::cli::progress::transfer_bar;
use crate::cli::{Exit, output};
use crate::engine::{Provider, Share};
use crate::node::{Answer, ImageName, ImageView, Progress, ProviderFailure};

/// Providers that stand under the bar: more than this fit on no small terminal.
const MAX_SHOWN: usize = 8;

/// What `suq get --json` prints: one object on a line.
#[derive(Debug, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
enum Event<'e> {
    /// Bytes come. Not for an image that is here already.
    Started {
        /// The image, as it was asked for.
        image: String,
        /// True when the transfer was under way before.
        attached: bool,
        /// Bytes that are here: also those of an earlier transfer.
        done: u64,
        /// Bytes in all.
        total: u64,
    },
    /// How far it is: at most five in a second.
    Progress {
        /// Bytes that are here.
        done: u64,
        /// Bytes in all.
        total: u64,
        /// What each provider has brought.
        shares: &'e [Share],
    },
    /// A provider brings nothing more: once for each.
    ProviderFailed(&'e ProviderFailure),
    /// The last line when the image is there.
    Done {
        /// What and from whom; `from` is empty when it was here already.
        #[serde(flatten)]
        image: &'e ImageView,
        /// The file: that of `-o`, or the one in the store, which is not to be changed.
        path: &'e Path,
    },
    /// The last line after Ctrl-C; the transfer goes on in the node.
    Left(Reason<'e>),
    /// The last line when the policy refuses.
    Refused(Reason<'e>),
    /// The last line when something else was in the way.
    Failed(Reason<'e>),
}

/// Why a command ended.
#[derive(Debug, Serialize)]
struct Reason<'e> {
    /// For people.
    message: &'e str,
    /// The exit code.
    exit: u8,
}

/// Watches one transfer.
pub(super) struct Watch {
    image: ImageName,
    json: bool,
    bar: ProgressBar,
    has_started: bool,
    failed: BTreeSet<Provider>,
}

impl Watch {
    pub(super) fn new(image: ImageName, json: bool) -> Watch {
        let bar = transfer_bar(json);
        Watch { image, json, bar, has_started: false, failed: BTreeSet::new() }
    }

    /// Shows what the node reports.
    pub(super) fn hear(&mut self, answer: &Answer) {
        match answer {
            Answer::Attached(progress) => self.start(progress, true),
            Answer::Progress(progress) => {
                if !self.has_started {
                    self.start(progress, false);
                }
                self.show(progress);
            }
            _ => {}
        }
    }

    fn start(&mut self, progress: &Progress, attached: bool) {
        let Progress { done, total, .. } = *progress;
        self.has_started = true;
        let image = self.image.to_string();
        self.event(&Event::Started { image, attached, done, total });
        if attached && !self.json {
            let (done, total) = (output::bytes(done), output::bytes(total));
            output::note(&format!("it is on its way already: {done} of {total} are here"));
        }
        self.bar.set_position(done);
        self.bar.set_length(total);
        // What was here before came at no rate.
        self.bar.reset_eta();
    }

    fn show(&mut self, progress: &Progress) {
        let Progress { done, total, shares, failed } = progress;
        for failure in failed {
            if self.failed.insert(failure.from.clone()) {
                self.event(&Event::ProviderFailed(failure));
            }
        }
        self.event(&Event::Progress { done: *done, total: *total, shares });
        self.bar.set_length(*total);
        self.bar.set_position(*done);
        self.bar.set_message(lines(shares));
    }

    /// The image is there.
    pub(super) fn done(&self, image: &ImageView, path: &Path) {
        self.event(&Event::Done { image, path });
    }

    /// It is not.
    pub(super) fn ended(&self, exit: &Exit) {
        let reason = Reason { message: &exit.message, exit: exit.code };
        self.event(&match exit.code {
            Exit::REFUSED => Event::Refused(reason),
            Exit::INTERRUPTED => Event::Left(reason),
            _ => Event::Failed(reason),
        });
    }

    pub(super) fn clear(&self) {
        self.bar.finish_and_clear();
    }

    fn event(&self, event: &Event<'_>) {
        if self.json {
            output::json_line(event);
        }
    }
}

/// What each has brought, the most first, a line for each.
fn lines(shares: &[Share]) -> String {
    let mut shares: Vec<&Share> = shares.iter().collect();
    shares.sort_by_key(|share| std::cmp::Reverse(share.bytes));
    let line = |share: &&Share| format!("\n{:>12} from {}", output::bytes(share.bytes), share.from);
    let mut lines: String = shares.iter().take(MAX_SHOWN).map(line).collect();
    if shares.len() > MAX_SHOWN {
        lines.push_str(&format!("\n{:>12} more providers", shares.len() - MAX_SHOWN));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Peer;

    fn share(number: u8, bytes: u64) -> Share {
        Share { from: Provider::Peer(Peer::from_key([number; 32])), bytes }
    }

    #[test]
    fn who_brought_the_most_stands_first_and_many_are_counted() {
        assert_eq!(lines(&[]), "");
        let url = Share { from: Provider::Url("http://x/".into()), bytes: 2048 };
        let two = lines(&[share(1, 1024), url]);
        let two: Vec<&str> = two.lines().skip(1).collect();
        assert_eq!(two[0], "     2.0 KiB from http://x/");
        assert!(two[1].starts_with("     1.0 KiB from 12D3"), "{two:?}");
        let many: Vec<Share> = (0..10).map(|number| share(number, 1)).collect();
        assert_eq!(lines(&many).lines().count(), 1 + MAX_SHOWN + 1);
        assert!(lines(&many).ends_with("2 more providers"));
    }

    #[test]
    fn events_have_the_documented_shapes() {
        let json = |event: &Event<'_>| serde_json::to_value(event).unwrap();
        let failure = ProviderFailure { from: Provider::Url("u".into()), reason: "404".into() };
        assert_eq!(
            json(&Event::ProviderFailed(&failure)),
            serde_json::json!({"event": "provider-failed", "from": {"url": "u"}, "reason": "404"})
        );
        let reason = Reason { message: "no", exit: 3 };
        assert_eq!(
            json(&Event::Refused(reason)),
            serde_json::json!({"event": "refused", "message": "no", "exit": 3})
        );
        let shares = [Share { from: Provider::Url("u".into()), bytes: 1 }];
        assert_eq!(
            json(&Event::Progress { done: 1, total: 2, shares: &shares }),
            serde_json::json!({"event": "progress", "done": 1, "total": 2,
                "shares": [{"from": {"url": "u"}, "bytes": 1}]})
        );
    }
}
