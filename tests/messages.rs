//! Every message as it is really encoded, against `proto/suq.cddl`.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use cddl::{cddl_from_str, validate_cbor_from_slice};
use suq::membership::{Membership, Statement};
use suq::model::{
    ContentId, EntryKey, FederationId, Identifier, Peer, Sha1, Sha256, Sha512, Timestamp,
};
use suq::net::Identity;
use suq::wire::{
    BlobAsk, BlobName, BlobReply, BlobRequest, BundleFrame, ByteRange, Document, DoorAnswer,
    EntryRecord, ErrorCode, Fate, Gossip, Holding, Knock, Position, RefusalRecord, Request,
    Response, Ticket, encode,
};

const CDDL: &str = include_str!("../proto/suq.cddl");

/// The description with one rule moved to the front: the validator starts there.
fn rooted_at(rule: &str) -> String {
    format!("root = {rule}\n{CDDL}")
}

fn check<T: serde::Serialize>(rule: &str, message: &T) {
    let octets = encode(message);
    let validated = validate_cbor_from_slice(&rooted_at(rule), &octets, None);
    assert!(validated.is_ok(), "{rule}: {validated:?}\n{octets:02x?}");
}

fn refused(rule: &str, octets: &[u8]) {
    let validated = validate_cbor_from_slice(&rooted_at(rule), octets, None);
    assert!(validated.is_err(), "{rule} accepts {octets:02x?}");
}

fn key() -> EntryKey {
    EntryKey {
        identifier: Identifier::from_sha1(Sha1::from_bytes([1; 20])),
        email: "jane.tester@example.org".parse().unwrap(),
        created: Timestamp::from_seconds(1_700_000_000),
    }
}

const ID: ContentId = ContentId::from_bytes([2; 32]);
const SHA512: Sha512 = Sha512::from_bytes([3; 64]);

#[test]
fn the_description_is_well_formed() {
    cddl_from_str(CDDL, true).unwrap();
}

#[test]
fn gossip() {
    check("gossip-message", &Gossip::Manifest(b"<rdf:RDF/>".to_vec()));
}

fn membership() -> (Statement, Membership) {
    let issuer = Identity::generate();
    let statement = Statement {
        federation: FederationId::from_bytes([1; 32]),
        member: Peer::from_key([7; 32]),
        issuer: issuer.peer(),
        issued: Timestamp::from_seconds(1),
        expires: Timestamp::from_seconds(2),
        revoked: false,
    };
    let proven = statement.clone().sign(|octets| issuer.sign(octets)).unwrap();
    (statement, proven.membership().clone())
}

#[test]
fn memberships_and_the_door() {
    let (statement, membership) = membership();
    check("statement-message", &statement);
    check("gossip-message", &Gossip::Membership(membership.clone()));
    check("request-message", &Request::Members(Sha256::of(b"roll")));
    check("response-message", &Response::Members(vec![membership.clone()]));
    check("knock-message", &Knock { chain: vec![membership.clone()] });
    check("door-answer-message", &DoorAnswer::Welcome(vec![membership]));
    check("door-answer-message", &DoorAnswer::Closed);
}

#[test]
fn requests() {
    check("request-message", &Request::Reconcile(vec![0x61, 0, 0]));
    check("request-message", &Request::List(Position { seconds: 0, id: ID }));
    check("request-message", &Request::Documents(vec![ID, ID]));
    let names = vec![BlobName::Sha1(Sha1::from_bytes([1; 20])), BlobName::Sha512(SHA512)];
    check("request-message", &Request::Holdings(names));
}

#[test]
fn responses() {
    check("response-message", &Response::Reconcile(vec![0x61]));
    let next = Some(Position { seconds: u64::MAX, id: ID });
    check("response-message", &Response::List { ids: vec![7; 64], next });
    check("response-message", &Response::List { ids: Vec::new(), next: None });
    let documents = vec![Document { id: ID, octets: b"<a/>".to_vec() }];
    check("response-message", &Response::Documents { documents, more: true });
    let name = BlobName::Sha512(SHA512);
    let holding = Holding { name, sha512: SHA512, bytes: 1 << 40 };
    check("response-message", &Response::Holdings(vec![holding]));
    for code in [ErrorCode::Version, ErrorCode::Malformed, ErrorCode::Busy, ErrorCode::Failed] {
        check("response-message", &Response::Error { code, text: "why".into() });
    }
}

#[test]
fn blob_headers() {
    let ranges = vec![ByteRange { offset: 0, length: 1 }];
    let ask = BlobAsk::Ranges(ranges);
    check("blob-request-message", &BlobRequest { sha512: SHA512, ask });
    check("blob-request-message", &BlobRequest { sha512: SHA512, ask: BlobAsk::Pieces });
    check("blob-reply-message", &BlobReply::Found { bytes: 5 });
    check("blob-reply-message", &BlobReply::NotFound);
    check("blob-reply-message", &BlobReply::Busy);
    check("blob-reply-message", &BlobReply::Refused { text: "no".into() });
}

#[test]
fn bundles() {
    check("bundle-frame-message", &BundleFrame::Manifest(b"<rdf:RDF/>".to_vec()));
    check("bundle-frame-message", &BundleFrame::Image { sha512: SHA512, bytes: 5 });
    check("bundle-frame-message", &BundleFrame::Data(b"bytes".to_vec()));
    check("bundle-frame-message", &BundleFrame::End { manifests: 1, images: 1 });
}

#[test]
fn tickets_and_records() {
    let peer = Peer::from_key([7; 32]);
    let ticket = Ticket {
        federation: FederationId::from_bytes([1; 32]),
        name: "egi".into(),
        peer,
        addresses: vec!["/ip4/192.0.2.1/tcp/8082".parse().unwrap()],
        founders: Vec::new(),
        chain: Vec::new(),
    };
    check("ticket-message", &ticket);
    let (_, membership) = membership();
    check("ticket-message", &Ticket { founders: vec![peer], chain: vec![membership], ..ticket });
    let withdrawn = Fate::Withdrawn { rule: "r".into(), reason: "s".into() };
    for (from, fate) in [(None, Fate::Admitted), (Some(peer), withdrawn)] {
        let record = EntryRecord {
            key: key(),
            first_seen: Timestamp::from_millis(-5),
            from,
            deprecated: true,
            fate,
            rules: Sha256::of(b"rules"),
        };
        check("entry-record-message", &record);
    }
    let refusal = RefusalRecord {
        key: key(),
        rule: "endorsers.blacklist".into(),
        reason: "because".into(),
        untrusted: false,
        rules: Sha256::of(b"rules"),
        last_offered: Timestamp::from_seconds(1),
    };
    check("refusal-record-message", &refusal);
}

#[test]
fn the_description_refuses_what_it_should() {
    refused("gossip-message", &encode(&Request::Documents(vec![ID])));
    refused("request-message", &encode(&Gossip::Manifest(b"<a/>".to_vec())));
    let mut other_version = encode(&Gossip::Manifest(b"<a/>".to_vec()));
    let version = other_version.iter().position(|octet| *octet == 1).unwrap();
    other_version[version] = 2;
    refused("gossip-message", &other_version);
}
