//! Hosts for tests: network namespaces, joined by a wire of the test's own.
//!
//! Each host has an Ethernet device whose other end this process holds. It carries the
//! frames from host to host, late, not all of them, and not at all where the wire is
//! cut. So distance and loss are real for the hosts, and no module of the kernel is
//! needed but `tun`.

#![allow(dead_code, reason = "each test file uses a part of it")]
#![allow(unreachable_pub, missing_docs)]

use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use tun_rs::{DeviceBuilder, Layer, SyncDevice};

/// Longest frame: an Ethernet header and 1500 bytes.
const FRAME: usize = 1514;

/// Frames on their way to one host; more are lost, as at any router.
const WAITING_FRAMES: usize = 2000;

/// A network namespace; gone when dropped.
pub struct Host {
    pub name: String,
}

static HOSTS: AtomicU32 = AtomicU32::new(0);

impl Host {
    /// None where this machine lets nobody make one.
    pub fn new(name: &str) -> Option<Host> {
        let number = HOSTS.fetch_add(1, Ordering::Relaxed);
        let name = format!("suq-{}-{number}-{name}", std::process::id());
        let host = Host { name };
        run("ip", &["netns", "add", &host.name]).ok()?;
        host.inside(&["ip", "link", "set", "lo", "up"]).ok()?;
        Some(host)
    }

    /// Runs a command on the host.
    pub fn inside(&self, command: &[&str]) -> Result<(), String> {
        run("ip", &[&["netns", "exec", &self.name], command].concat())
    }

    /// Gives the host's device an address in the wire's network.
    fn set_address(&self, device: &str, address: &str) -> Result<(), String> {
        run("ip", &["link", "set", device, "netns", &self.name])?;
        self.inside(&["ip", "link", "set", device, "name", "eth0"])?;
        self.inside(&["ip", "address", "add", &format!("{address}/24"), "dev", "eth0"])?;
        self.inside(&["ip", "link", "set", "eth0", "up"])
    }

    /// Makes this host a router that hides another one behind its own address, and
    /// lets nobody in who was not spoken to before.
    pub fn hide(&self, hidden: &Host, network: &str) -> Result<(), String> {
        let (inner, outer) = (format!("{network}.1/24"), format!("{network}.2/24"));
        let name = format!("in{}", HOSTS.fetch_add(1, Ordering::Relaxed));
        let peer = ["peer", "name", "eth0", "netns", &hidden.name];
        run(
            "ip",
            &[&["link", "add", &name, "netns", &self.name, "type", "veth"][..], &peer].concat(),
        )?;
        self.inside(&["ip", "address", "add", &inner, "dev", &name])?;
        self.inside(&["ip", "link", "set", &name, "up"])?;
        hidden.inside(&["ip", "address", "add", &outer, "dev", "eth0"])?;
        hidden.inside(&["ip", "link", "set", "eth0", "up"])?;
        let gateway = format!("{network}.1");
        hidden.inside(&["ip", "route", "add", "default", "via", &gateway])?;
        self.inside(&["sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward"])?;
        for rule in [
            "add table ip nat",
            "add chain ip nat post { type nat hook postrouting priority 100 ; }",
            "add rule ip nat post oifname eth0 masquerade",
            "add table ip filter",
            "add chain ip filter forward { type filter hook forward priority 0 ; }",
            "add rule ip filter forward iifname eth0 ct state new drop",
        ] {
            self.inside(&["nft", rule])?;
        }
        Ok(())
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = run("ip", &["netns", "delete", &self.name]);
    }
}

fn run(program: &str, arguments: &[&str]) -> Result<(), String> {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output();
    let output = output.map_err(|error| format!("{program}: {error}"))?;
    match output.status.success() {
        true => Ok(()),
        false => Err(format!("{arguments:?}: {}", String::from_utf8_lossy(&output.stderr))),
    }
}

/// How far the hosts of a wire are from each other.
#[derive(Clone, Copy)]
pub struct Distance {
    /// One way.
    pub delay: Duration,
    /// Of a thousand frames, how many are lost.
    pub lost: u32,
}

struct Port {
    device: Arc<SyncDevice>,
    is_cut: Arc<AtomicBool>,
}

/// What joins the hosts.
pub struct Wire {
    ports: Vec<Port>,
}

impl Wire {
    /// Joins hosts, each with its address.
    pub fn new(hosts: &[(&Host, &str)], distance: Distance) -> Result<Wire, String> {
        let mut ports = Vec::new();
        let mut senders = Vec::new();
        for (host, address) in hosts {
            let name = format!("suq{}", HOSTS.fetch_add(1, Ordering::Relaxed));
            let name = format!("{name}-{}", std::process::id() % 100_000);
            let device = DeviceBuilder::new().name(&name).layer(Layer::L2).build_sync();
            let device = Arc::new(device.map_err(|error| format!("no tap device: {error}"))?);
            host.set_address(&name, address)?;
            let (sender, frames) = mpsc::sync_channel::<(Instant, Vec<u8>)>(WAITING_FRAMES);
            let is_cut = Arc::new(AtomicBool::new(false));
            let (port, cut) = (Arc::clone(&device), Arc::clone(&is_cut));
            std::thread::spawn(move || deliver(&port, &frames, &cut));
            ports.push(Port { device, is_cut });
            senders.push(sender);
        }
        for (number, port) in ports.iter().enumerate() {
            let others = senders.iter().enumerate().filter(|(other, _)| *other != number);
            let others: Vec<_> = others.map(|(_, sender)| sender.clone()).collect();
            let (device, cut) = (Arc::clone(&port.device), Arc::clone(&port.is_cut));
            let mut chance = fastrand::Rng::with_seed(number as u64);
            std::thread::spawn(move || {
                let mut frame = [0; FRAME];
                // The device is gone when its host is.
                while let Ok(length) = device.recv(&mut frame) {
                    let due = Instant::now() + distance.delay;
                    for other in &others {
                        let is_lost = chance.u32(0..1000) < distance.lost;
                        if !is_lost && !cut.load(Ordering::Relaxed) {
                            let _ = other.try_send((due, frame[..length].to_vec()));
                        }
                    }
                }
            });
        }
        Ok(Wire { ports })
    }

    /// Cuts a host off, or joins it again.
    pub fn cut(&self, host: usize, is_cut: bool) {
        self.ports[host].is_cut.store(is_cut, Ordering::Relaxed);
    }
}

fn deliver(device: &SyncDevice, frames: &mpsc::Receiver<(Instant, Vec<u8>)>, cut: &AtomicBool) {
    while let Ok((due, frame)) = frames.recv() {
        // The wire's length.
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        if !cut.load(Ordering::Relaxed) && device.send(&frame).is_err() {
            return;
        }
    }
}
