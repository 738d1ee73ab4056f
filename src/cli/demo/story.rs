//! The story, step by step; each step fails unless it held.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::super::{Exit, checksum, output};
use super::site::Site;
use super::{Stage, Teller};
use crate::blobs::{Hashed, export};
use crate::engine::timeline::Status;
use crate::manifest::Signed;
use crate::model::{Algorithm, ContentId, Sha256, Timestamp};
use crate::node::{Answer, Call, ImageName, JudgedEntry};
use crate::wire::{PieceDigests, Ticket};

pub(super) fn tell(stage: &mut Stage, teller: &mut Teller) -> Result<(), Exit> {
    begin(stage, teller).map_err(|exit| broken("sites", exit))?;
    fill(stage, teller).map_err(|exit| broken("catalogue", exit))?;
    let signed = publish(stage, teller).map_err(|exit| broken("published", exit))?;
    let image = ImageName::Identifier(signed.verified().manifest().identifier);
    judged(stage, teller, &signed, image).map_err(|exit| broken("judged", exit))?;
    fetched(stage, teller, image).map_err(|exit| broken("fetched", exit))?;
    refused(stage, teller, image).map_err(|exit| broken("refused", exit))?;
    deprecated(stage, teller, &signed, image).map_err(|exit| broken("deprecated", exit))?;
    killed(stage, teller).map_err(|exit| broken("killed", exit))?;
    caught_up(stage, teller).map_err(|exit| broken("caught up", exit))
}

fn broken(step: &str, exit: Exit) -> Exit {
    Exit::failed(format!("the step `{step}` did not hold: {}", exit.message))
}

fn ensure(holds: bool, what: &str) -> Result<(), Exit> {
    if holds { Ok(()) } else { Err(Exit::failed(what)) }
}

fn millis(duration: Duration) -> String {
    format!("{:.1} ms", duration.as_secs_f64() * 1000.0)
}

fn rate(bytes: u64, duration: Duration) -> String {
    let rate = bytes as f64 / duration.as_secs_f64().max(1e-9) / 1e6;
    format!("{} in {:.2} s, {rate:.0} MB/s", output::bytes(bytes), duration.as_secs_f64())
}

fn begin(stage: &mut Stage, teller: &mut Teller) -> Result<(), Exit> {
    let mut took = stage.orsay.start()?;
    let ticket = stage.orsay.eventually("a ticket with an address", |site| {
        match site.call(&Call::Invite { member: None, days: 0 })? {
            Answer::Invite(invite) if !invite.addresses.is_empty() => Ok(Some(invite.ticket)),
            _ => Ok(None),
        }
    })?;
    let ticket: Ticket = ticket.parse().map_err(|error| Exit::failed(format!("{error}")))?;
    for site in [&mut stage.athens, &mut stage.lyon] {
        site.join(&ticket)?;
        took += site.start()?;
        site.eventually("it is connected", |site| match site.call(&Call::Status)? {
            Answer::Status(status) if !status.connected.is_empty() => Ok(Some(())),
            _ => Ok(None),
        })?;
    }
    let what = format!("orsay, athens and lyon run and are connected ({})", millis(took));
    teller.tell("sites", what);
    Ok(())
}

fn publish_document(site: &Site, signed: &Signed) -> Result<ContentId, Exit> {
    let document = String::from_utf8_lossy(signed.octets()).into_owned();
    match site.call(&Call::Publish(document))? {
        Answer::Published { content_id, .. } => Ok(content_id),
        other => Err(Exit::failed(format!("not published: {other:?}"))),
    }
}

/// The documents in a site's catalogue.
fn catalogue(site: &Site) -> Result<BTreeSet<ContentId>, Exit> {
    match site.call(&Call::Documents { since: None, images: Vec::new() })? {
        Answer::Ids(ids) => Ok(ids.into_iter().collect()),
        other => Err(Exit::failed(format!("not listed: {other:?}"))),
    }
}

fn await_document(site: &mut Site, id: ContentId) -> Result<Duration, Exit> {
    let started = Instant::now();
    site.eventually("the document is in its catalogue", |site| {
        Ok(catalogue(site)?.contains(&id).then_some(()))
    })?;
    Ok(started.elapsed())
}

fn fill(stage: &mut Stage, teller: &mut Teller) -> Result<(), Exit> {
    let started = Instant::now();
    let documents = stage.others.catalogue(output::now())?;
    let mut ids = BTreeSet::new();
    for document in &documents {
        ids.insert(publish_document(&stage.orsay, document)?);
    }
    for site in [&mut stage.athens, &mut stage.lyon] {
        site.eventually("the other entries are in its catalogue", |site| {
            Ok((catalogue(site)? == ids).then_some(()))
        })?;
    }
    let what = format!(
        "{} entries of {} signed, published and at all three sites ({})",
        ids.len(),
        stage.others.email(),
        millis(started.elapsed())
    );
    teller.tell("catalogue", what);
    Ok(())
}

fn publish(stage: &mut Stage, teller: &mut Teller) -> Result<Signed, Exit> {
    let started = Instant::now();
    let hashed = checksum::of_file(&stage.image, &Algorithm::ALL)?;
    let took = started.elapsed();
    teller.tell("built", format!("four checksums of the image: {}", rate(hashed.bytes, took)));

    let started = Instant::now();
    let signed = stage.jane.sign("The demonstration's image", hashed, output::now())?;
    let signer = signed.verified().signer();
    let what = format!(
        "{} by {} with {} ({})",
        signed.verified().manifest().identifier,
        stage.jane.email(),
        signer.algorithms,
        millis(started.elapsed())
    );
    teller.tell("signed", what);

    let started = Instant::now();
    let file = stage.folder.join("manifest.xml");
    std::fs::write(&file, signed.octets()).map_err(Exit::io(&file))?;
    let (file, image) = (file.display().to_string(), stage.image.display().to_string());
    let code = stage.orsay.exit_code(&["publish", &file, "--image", &image])?;
    ensure(code == Some(0), "`suq publish` at orsay failed")?;
    let what = format!("manifest and image at orsay, durable ({})", millis(started.elapsed()));
    teller.tell("published", what);
    Ok(signed)
}

fn judged(
    stage: &mut Stage,
    teller: &mut Teller,
    signed: &Signed,
    image: ImageName,
) -> Result<(), Exit> {
    let id = signed.verified().content_id();
    let waited = await_document(&mut stage.athens, id)?;
    let what = format!("at athens, seen {} after the command returned", millis(waited));
    teller.tell("admitted", what);

    let why = Call::Why { image, email: None, created: None };
    let entry: JudgedEntry =
        stage.lyon.eventually("it refuses the document", |site| match site.call(&why) {
            Ok(Answer::Why(why)) => Ok(why.entries.into_iter().next()),
            _ => Ok(None),
        })?;
    let step = entry.verdict.refusal().cloned();
    let step = step.ok_or_else(|| Exit::failed("lyon admitted a blacklisted endorser"))?;
    ensure(step.rule == "endorsers.blacklist", "lyon refused it by another rule")?;
    ensure(!catalogue(&stage.lyon)?.contains(&id), "lyon has the document in its catalogue")?;
    teller.tell("refused", format!("at lyon by {}: {}", step.rule, step.reason));
    Ok(())
}

fn fetched(stage: &mut Stage, teller: &mut Teller, image: ImageName) -> Result<(), Exit> {
    let started = Instant::now();
    let got = match stage.athens.call(&Call::Get { image, stale: false })? {
        Answer::Got(got) => got,
        other => return Err(Exit::failed(format!("not fetched: {other:?}"))),
    };
    let took = started.elapsed();
    ensure(!got.from.is_empty(), "athens did not fetch it from a peer")?;
    let copy = stage.folder.join("copy.raw");
    let blobs = crate::blobs::Blobs::open(&stage.athens.home().blobs_path())?;
    export(&blobs, &got.sha512, &copy, |_| {})?;
    let original = checksum::of_file(&stage.image, &[Algorithm::Sha512])?.checksums;
    let copied = checksum::of_file(&copy, &[Algorithm::Sha512])?.checksums;
    ensure(original == copied, "athens' copy differs from the image")?;
    let what = format!("at athens from orsay, every checksum verified: {}", rate(got.bytes, took));
    teller.tell("fetched", what);
    Ok(())
}

fn refused(stage: &mut Stage, teller: &mut Teller, image: ImageName) -> Result<(), Exit> {
    let code = stage.lyon.exit_code(&["get", &image.to_string()])?;
    ensure(code == Some(3), &format!("`suq get` at lyon ended with {code:?}, not with 3"))?;
    teller.tell("not handed", "out at lyon: `suq get` ends with exit code 3".to_owned());
    Ok(())
}

fn deprecated(
    stage: &mut Stage,
    teller: &mut Teller,
    signed: &Signed,
    image: ImageName,
) -> Result<(), Exit> {
    // Two entries need two dates, and dates have whole seconds.
    let first = signed.verified().manifest().endorsement.created;
    let created = output::now().max(first.plus(Duration::from_secs(1)));
    let taken_back = stage.jane.deprecate(signed.octets(), "a hole in its kernel", created)?;
    let id = publish_document(&stage.orsay, &taken_back)?;
    let waited = await_document(&mut stage.athens, id)?;
    let code = stage.athens.exit_code(&["get", &image.to_string()])?;
    ensure(code == Some(3), "athens still hands the image out")?;
    let status = status_at(&stage.athens, image, created)?;
    ensure(status == Some(Status::Deprecated), "athens does not show it as deprecated")?;
    let what = format!(
        "by its endorser, known at athens after {}: `suq get` there ends with exit code 3, though \
         the image is in its store",
        millis(waited)
    );
    teller.tell("deprecated", what);
    Ok(())
}

fn status_at(site: &Site, image: ImageName, created: Timestamp) -> Result<Option<Status>, Exit> {
    let created = created.whole_seconds();
    match site.call(&Call::Timeline(image))? {
        Answer::Entries(entries) => {
            let found = entries.iter().find(|e| e.manifest.endorsement.created == created);
            Ok(found.map(|entry| entry.status))
        }
        other => Err(Exit::failed(format!("no timeline: {other:?}"))),
    }
}

fn killed(stage: &mut Stage, teller: &mut Teller) -> Result<(), Exit> {
    let before = catalogue(&stage.athens)?;
    stage.athens.kill();
    let took = stage.athens.start()?;
    let after = catalogue(&stage.athens)?;
    ensure(before.is_subset(&after), "athens lost entries")?;
    let code = stage.athens.exit_code(&["blob", "verify"])?;
    ensure(code == Some(0), "athens' image is damaged")?;
    let what = format!(
        "athens with SIGKILL; up again after {}: all {} entries and the image are there",
        millis(took),
        before.len()
    );
    teller.tell("killed", what);
    Ok(())
}

fn caught_up(stage: &mut Stage, teller: &mut Teller) -> Result<(), Exit> {
    stage.athens.kill();
    let sha1 = crate::model::Sha1::from_bytes([42; 20]);
    let checksum = crate::model::Checksum::new(Algorithm::Sha1, &sha1.to_string());
    let checksum = checksum.map_err(|error| Exit::failed(error.to_string()))?;
    let pieces = PieceDigests::new(vec![Sha256::of(&[0])]);
    let image = Hashed { checksums: [checksum].into_iter().collect(), bytes: 1, pieces };
    let missed = stage.others.sign("Published meanwhile", image, output::now())?;
    let id = publish_document(&stage.orsay, &missed)?;
    let took = stage.athens.start()?;
    let waited = await_document(&mut stage.athens, id)?;
    let what = format!(
        "{} was down while orsay published; it has the entry {} after its start",
        stage.athens.name(),
        millis(took + waited)
    );
    teller.tell("caught up", what);
    Ok(())
}
