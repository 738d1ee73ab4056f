//! One site of the demonstration: a home, and a node in a process of its own.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::super::{Exit, ask};
use crate::home::{Federation, Home};
use crate::model::FederationId;
use crate::net::Identity;
use crate::node::{Answer, Call};
use crate::store::{Store, Write};
use crate::wire::Ticket;

/// How long anything in the story may take to come about.
const PATIENCE: Duration = Duration::from_secs(60);

/// Between two looks.
const LOOK: Duration = Duration::from_millis(5);

pub(super) struct Site {
    name: &'static str,
    home: Home,
    log: PathBuf,
    child: Option<Child>,
}

impl Drop for Site {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Site {
    /// Makes the home; `policy` is put after the default one.
    pub(super) fn create(
        folder: &Path,
        name: &'static str,
        authority: &[u8],
        policy: Option<&str>,
    ) -> Result<Site, Exit> {
        let mut id = [0; 32];
        openssl::rand::rand_bytes(&mut id).map_err(|error| Exit::failed(error.to_string()))?;
        let federation = Federation {
            name: "demonstration".to_owned(),
            id: FederationId::from_bytes(id),
            founders: Vec::new(),
        };
        let settings = [
            ("name", format!("\"{name}\"")),
            ("network.listen", "[\"/ip4/127.0.0.1/tcp/0\"]".to_owned()),
            ("http.listen", "[\"127.0.0.1:0\"]".to_owned()),
        ];
        let key = Identity::generate().to_bytes();
        let home = Home::create(&folder.join(name), &key, &settings, &federation)?;
        let anchor = home.trust_path().join("demonstration-ca.pem");
        fs::write(&anchor, authority).map_err(Exit::io(&anchor))?;
        if let Some(policy) = policy {
            let path = home.policy_path();
            let text = fs::read_to_string(&path).map_err(Exit::io(&path))?;
            fs::write(&path, format!("{text}\n{policy}")).map_err(Exit::io(&path))?;
        }
        Ok(Site { name, home, log: folder.join(format!("{name}.log")), child: None })
    }

    pub(super) fn name(&self) -> &'static str {
        self.name
    }

    pub(super) fn home(&self) -> &Home {
        &self.home
    }

    /// What `suq join` does before the node runs.
    pub(super) fn join(&self, ticket: &Ticket) -> Result<(), Exit> {
        let store = Store::open(&self.home.store_path())
            .map_err(|error| Exit::failed(error.to_string()))?;
        store.write(&[Write::Peer(ticket.peer, ticket.addresses.clone())])?;
        let federation =
            Federation { name: ticket.name.clone(), id: ticket.federation, founders: Vec::new() };
        Ok(self.home.set_federation(&federation)?)
    }

    /// Starts the node and waits until it answers.
    pub(super) fn start(&mut self) -> Result<Duration, Exit> {
        let started = Instant::now();
        let log = File::options().create(true).append(true).open(&self.log);
        let log = log.map_err(Exit::io(&self.log))?;
        let errors = log.try_clone().map_err(Exit::io(&self.log))?;
        let child = self
            .command(&["serve"])?
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(errors)
            .spawn()
            .map_err(|error| Exit::failed(format!("{}: {error}", self.name)))?;
        self.child = Some(child);
        self.eventually("the node answers", |site| {
            if let Some(Ok(Some(status))) = site.child.as_mut().map(Child::try_wait) {
                let log = fs::read_to_string(&site.log).unwrap_or_default();
                return Err(Exit::failed(format!("{} ended ({status}): {log}", site.name)));
            }
            Ok(site.call(&Call::Status).is_ok().then_some(()))
        })?;
        Ok(started.elapsed())
    }

    /// Ends the node at once, as a power cut would.
    pub(super) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Asks the node.
    pub(super) fn call(&self, call: &Call) -> Result<Answer, Exit> {
        match ask::block_on(crate::node::ask(&self.home, call, |_| {}))?? {
            Answer::Failed(failure) => Err(failure.into()),
            answer => Ok(answer),
        }
    }

    /// Runs a command as a user of this site would; gives its exit code.
    pub(super) fn exit_code(&self, arguments: &[&str]) -> Result<Option<i32>, Exit> {
        let output = self.command(arguments)?.stdin(Stdio::null()).output();
        let output = output.map_err(|error| Exit::failed(error.to_string()))?;
        Ok(output.status.code())
    }

    fn command(&self, arguments: &[&str]) -> Result<Command, Exit> {
        let program = std::env::current_exe()
            .map_err(|error| Exit::failed(format!("this program cannot be found: {error}")))?;
        let mut command = Command::new(program);
        command.arg("--home").arg(self.home.root()).args(arguments);
        Ok(command)
    }

    /// Looks until something has come about; gives what was seen.
    pub(super) fn eventually<T>(
        &mut self,
        what: &str,
        mut look: impl FnMut(&mut Site) -> Result<Option<T>, Exit>,
    ) -> Result<T, Exit> {
        let started = Instant::now();
        while started.elapsed() < PATIENCE {
            if let Some(seen) = look(self)? {
                return Ok(seen);
            }
            std::thread::sleep(LOOK);
        }
        let seconds = PATIENCE.as_secs();
        Err(Exit::failed(format!("{}: not after {seconds} s: {what}", self.name)))
    }
}
