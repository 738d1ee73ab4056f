//! Three sites that hold an image, and one that fetches it again and again.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use suq::manifest::{Details, Signed};

use crate::support::{Endorser, Site, cpu_seconds_of};
use crate::web_server::Nginx;
use crate::{Cost, Image};

/// Where an image is to come from.
pub struct Providers {
    pub peers: usize,
    pub url: bool,
    /// Whether each peer sends at most 20 MB of each second.
    pub limited: bool,
}

const UNLIMITED: &str = "serve_rate = \"none\"";

const LIMITED: &str = "serve_rate = \"20 MB\"";

/// Puts a line into a section of a site's settings.
fn set(site: &Site, section: &str, line: &str) {
    replace(site, section, &format!("{section}\n{line}"));
}

fn replace(site: &Site, old: &str, new: &str) {
    let path = site.home.join("suq.toml");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(path, text.replacen(old, new, 1)).unwrap();
}

pub struct Sites {
    endorser: Endorser,
    /// The site that fetches.
    athens: Site,
    holders: Vec<Site>,
    /// Where it is installed.
    nginx: Option<Nginx>,
    manifest: PathBuf,
    identifier: String,
}

impl Sites {
    /// The sites, with the image at all but the one that fetches.
    pub fn new(folder: &Path, image: &Image, nginx: Option<Nginx>) -> Sites {
        let endorser = Endorser::new();
        let athens = Site::new(folder, "athens", &endorser);
        // nginx is on this machine.
        set(&athens, "[fetch]", "allow = [\"127.0.0.1\"]");
        let mut sites = Sites {
            endorser,
            athens,
            holders: Vec::new(),
            nginx,
            manifest: folder.join("manifest.xml"),
            identifier: String::new(),
        };
        sites.athens.start();
        let ticket = sites.athens.await_success(&["invite"]);
        let path = image.path.display().to_string();
        for name in ["orsay", "lyon", "delft"] {
            let mut site = Site::new(folder, name, &sites.endorser);
            site.run(&["join", ticket.trim()]);
            site.start();
            site.run(&["blob", "add", &path]);
            site.stop();
            set(&site, "[blobs]", UNLIMITED);
            sites.holders.push(site);
        }
        sites
    }

    fn sign(&self, image: &Image, with_url: bool) -> Signed {
        let url = self.nginx.iter().map(|nginx| format!("http://{}/image", nginx.address()));
        let details = Details {
            image_type: "base".into(),
            title: Some("an image that is measured".into()),
            locations: url.filter(|_| with_url).collect(),
            ..Details::default()
        };
        self.endorser.sign_image(&image.hashed, details)
    }

    /// Lets these providers be the ones that have the image; false when they cannot be.
    pub fn prepare(&mut self, image: &Image, from: &Providers) -> bool {
        if from.url && self.nginx.is_none() {
            return false;
        }
        self.holders.iter_mut().for_each(Site::stop);
        let signed = self.sign(image, from.url);
        fs::write(&self.manifest, signed.octets()).unwrap();
        self.athens.run(&["publish", &self.manifest.display().to_string()]);
        self.identifier = signed.verified().manifest().identifier.to_string();
        let (old, new) = if from.limited { (UNLIMITED, LIMITED) } else { (LIMITED, UNLIMITED) };
        for site in self.holders.iter_mut().take(from.peers) {
            replace(site, old, new);
            site.start();
        }
        while self.connected() != from.peers {
            std::thread::sleep(Duration::from_millis(50));
        }
        self.athens.forget_peak();
        true
    }

    fn connected(&self) -> usize {
        let text = self.athens.run(&["status", "--json"]);
        let status: serde_json::Value = serde_json::from_str(&text).unwrap();
        status["connected"].as_array().map_or(0, Vec::len)
    }

    /// Fetches the image once, and removes it again.
    pub fn get(&self) -> Cost {
        let before = self.cpu_seconds();
        let started = Instant::now();
        self.athens.run(&["get", &self.identifier]);
        let seconds = started.elapsed().as_secs_f64();
        let cpu = self.cpu_seconds() - before;
        self.athens.run(&["blob", "remove", &self.identifier]);
        Cost { seconds, cpu }
    }

    /// The most memory that the fetching node has held since it was prepared, in MiB.
    pub fn peak(&self) -> f64 {
        self.athens.memory("VmHWM")
    }

    /// Of all that take part.
    fn cpu_seconds(&self) -> f64 {
        let nginx = self.nginx.iter().map(|nginx| cpu_seconds_of(nginx.pid(), false));
        let holders = self.holders.iter().filter(|site| site.is_running());
        self.athens.cpu_seconds() + holders.map(Site::cpu_seconds).sum::<f64>() + nginx.sum::<f64>()
    }
}
