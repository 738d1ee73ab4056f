//! How fast an image of 2 GiB comes: by suq from peers and from a web server, with all
//! checks, against what it could be at best and what people use without suq. Everything
//! in one run on one machine, medians of five.
//!
//! `cargo bench --bench blob`; `SUQ_BENCH_MIB` sets another size, and an argument after
//! `--` names the part of the rows of suq that alone are wanted. nginx, curl and aria2c are
//! used where they are installed.

#![allow(missing_docs, unreachable_pub, clippy::print_stdout, clippy::unwrap_used, clippy::panic)]

#[path = "../support/mod.rs"]
mod support;

mod floor;
mod raw;
mod rivals;
mod sites;
mod torrent;
#[path = "../../tests/web_server/mod.rs"]
mod web_server;

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use sites::{Providers, Sites};
use support::median;
use suq::blobs::{Hashed, hash_file};
use suq::model::Algorithm;
use torrent::Torrent;
use web_server::{FILES, Nginx, free_port};

const MIB: usize = 1024 * 1024;
const RUNS: usize = 5;

/// What one way of fetching took.
pub struct Cost {
    pub seconds: f64,
    /// Of processor time, of everything that took part; none where it is not known.
    pub cpu: f64,
}

/// An image on the disk, and what is known of it.
pub struct Image {
    pub path: PathBuf,
    pub hashed: Hashed,
}

fn main() {
    if raw::is_sender() {
        return;
    }
    let mib: usize = std::env::var("SUQ_BENCH_MIB").map_or(2048, |text| text.parse().unwrap());
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let image = make_image(folder.path(), mib);
    println!("{:44} {:>8} {:>14} {:>10}", "", "MB/s", "CPU s per GB", "peak MiB");
    fs::create_dir(folder.path().join("www")).unwrap();
    fs::hard_link(&image.path, folder.path().join("www/image")).unwrap();
    let nginx = Nginx::start(folder.path(), FILES, &["PORT"]);
    // Cargo adds options of its own.
    if let Some(only) = std::env::args().skip(1).find(|argument| !argument.starts_with('-')) {
        return by_suq(folder.path(), &image, nginx, &only);
    }
    let stream = medians(image.hashed.bytes, || by_children(|| raw::receive(mib)));
    print_row("(a) bare libp2p stream", &stream, None);
    let floor = medians(image.hashed.bytes, || {
        let before = own_cpu_seconds();
        let seconds = floor::four_digests(&image.path);
        Cost { seconds, cpu: own_cpu_seconds() - before }
    });
    print_row("(d) four digests on two threads", &floor, None);
    let both = Median { rate: 2000.0 / (stream.cpu + floor.cpu), cpu: stream.cpu + floor.cpu };
    print_row("    (a) and (d) together on two cores", &both, None);
    match &nginx {
        Some(nginx) => rivals(folder.path(), &image, nginx),
        None => println!("    nginx is not installed: nothing is fetched from a web server"),
    }
    by_suq(folder.path(), &image, nginx, "");
}

fn make_image(folder: &Path, mib: usize) -> Image {
    let path = folder.join("image");
    let mut file = File::create(&path).unwrap();
    let mut chunk = vec![0; MIB];
    for _ in 0..mib {
        fastrand::fill(&mut chunk);
        file.write_all(&chunk).unwrap();
    }
    file.sync_all().unwrap();
    let hashed = hash_file(&path, &Algorithm::ALL, |_| {}).unwrap();
    Image { path, hashed }
}

/// The median of several runs: MB/s, and seconds of processor time for a GB.
struct Median {
    rate: f64,
    cpu: f64,
}

fn medians(bytes: u64, mut run: impl FnMut() -> Cost) -> Median {
    let costs: Vec<Cost> = (0..RUNS)
        .map(|_| {
            // What earlier runs wrote is not to be paid for by this one.
            let _ = Command::new("sync").status();
            run()
        })
        .collect();
    let seconds = median(costs.iter().map(|cost| cost.seconds).collect());
    let cpu = median(costs.iter().map(|cost| cost.cpu).collect());
    Median { rate: bytes as f64 / seconds / 1e6, cpu: cpu / bytes as f64 * 1e9 }
}

fn print_row(name: &str, median: &Median, peak: Option<f64>) {
    let peak = peak.map_or_else(|| "-".to_owned(), |mib| format!("{mib:.0}"));
    println!("{name:44} {:8.0} {:14.2} {peak:>10}", median.rate, median.cpu);
}

/// Processor time of this process, of its threads, and of its children that have ended.
fn own_cpu_seconds() -> f64 {
    support::cpu_seconds_of(std::process::id(), true)
}

/// What work costs that is done in this process and by children that end with it.
fn by_children(work: impl FnOnce() -> f64) -> Cost {
    let before = own_cpu_seconds();
    let seconds = work();
    Cost { seconds, cpu: own_cpu_seconds() - before }
}

/// The same, timed from outside.
fn timed(work: impl FnOnce()) -> f64 {
    let started = Instant::now();
    work();
    started.elapsed().as_secs_f64()
}

fn rivals(folder: &Path, image: &Image, nginx: &Nginx) {
    let bytes = image.hashed.bytes;
    let out = folder.join("out");
    let url = format!("http://{}/image", nginx.address());
    let checksums = &image.hashed.checksums;
    let from_nginx = |fetch: &dyn Fn()| {
        let _ = fs::remove_file(&out);
        let before = support::cpu_seconds_of(nginx.pid(), false);
        let mut cost = by_children(|| timed(fetch));
        cost.cpu += support::cpu_seconds_of(nginx.pid(), false) - before;
        cost
    };
    if rivals::has("curl") {
        let median =
            medians(bytes, || from_nginx(&|| rivals::curl_and_check(&url, &out, checksums)));
        print_row("(b) curl from nginx, then four tools", &median, None);
    }
    if rivals::has("aria2c") {
        let median =
            medians(bytes, || from_nginx(&|| rivals::aria2_and_check(&url, &out, checksums)));
        print_row("(c) aria2c from nginx, SHA-512", &median, None);
        let _ = fs::remove_file(&out);
        by_torrent(folder, image);
    }
    let _ = fs::remove_file(&out);
}

fn by_torrent(folder: &Path, image: &Image) {
    let ports = [free_port(), free_port(), free_port()];
    let torrent = Torrent::of(&image.path, folder, &ports);
    let mut seeders = Vec::new();
    for port in ports {
        let of_seeder = folder.join(format!("seeder-{port}"));
        fs::create_dir(&of_seeder).unwrap();
        fs::hard_link(&image.path, of_seeder.join("image")).unwrap();
        seeders.push(rivals::seeder(&torrent, of_seeder, port));
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
    }
    let leech = folder.join("leech");
    let of_seeders = || -> f64 {
        seeders.iter().map(|seeder| support::cpu_seconds_of(seeder.0.id(), false)).sum()
    };
    let median = medians(image.hashed.bytes, || {
        let _ = fs::remove_dir_all(&leech);
        let before = of_seeders();
        let mut cost = by_children(|| timed(|| rivals::leech(&torrent, &leech)));
        cost.cpu += of_seeders() - before;
        cost
    });
    print_row("(c) aria2c, BitTorrent from three, SHA-1", &median, None);
    let _ = fs::remove_dir_all(&leech);
}

fn by_suq(folder: &Path, image: &Image, nginx: Option<Nginx>, only: &str) {
    let mut sites = Sites::new(folder, image, nginx);
    let ways = [
        ("suq get from one peer", Providers { peers: 1, url: false, limited: false }),
        ("suq get from three peers", Providers { peers: 3, url: false, limited: false }),
        ("suq get from one URL", Providers { peers: 0, url: true, limited: false }),
        ("suq get from three peers and the URL", Providers { peers: 3, url: true, limited: false }),
        (
            "suq get from three peers, 20 MB/s each",
            Providers { peers: 3, url: false, limited: true },
        ),
    ];
    for (name, from) in ways {
        if name.contains(only) && sites.prepare(image, &from) {
            let median = medians(image.hashed.bytes, || sites.get());
            print_row(name, &median, Some(sites.peak()));
        }
    }
}
