//! `suq init`

use std::net::SocketAddr;

use clap::Args;

use super::{Common, Exit, ask, output};
use crate::home::{Federation, Home};
use crate::model::{Address, FederationId};
use crate::net::Identity;

/// Make the home of a node.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  suq init --name orsay
  suq init --name athens --federation egi --port 9001
  suq init --name cern --federation grid --closed
  suq --home /tmp/a init --name a --listen /ip4/127.0.0.1/tcp/9001 --http 127.0.0.1:9002

A new home founds a federation of its own; `suq join` makes it a member of another.")]
pub(crate) struct Init {
    /// The site's name, for people
    #[arg(long, default_value = "unnamed")]
    name: String,
    /// Name of the federation that is founded
    #[arg(long, default_value = "suq")]
    federation: String,
    /// Let in only members: whom you invite by name, and whom they invite
    #[arg(long)]
    closed: bool,
    /// Port for peers
    #[arg(long, conflicts_with = "listen")]
    port: Option<u16>,
    /// Address for peers, such as /ip4/192.0.2.1/tcp/8082; may be repeated
    #[arg(long, value_name = "ADDRESS")]
    listen: Vec<Address>,
    /// Address for HTTP, such as 127.0.0.1:8081; may be repeated
    #[arg(long, value_name = "ADDRESS:PORT")]
    http: Vec<SocketAddr>,
}

impl Init {
    pub(super) fn run(self, common: &Common) -> Result<(), Exit> {
        let root = ask::home_path(common);
        let identity = Identity::generate();
        let mut id = [0; 32];
        openssl::rand::rand_bytes(&mut id)
            .map_err(|error| Exit::failed(format!("no random numbers: {error}")))?;
        let founders = if self.closed { vec![identity.peer()] } else { Vec::new() };
        let id = FederationId::from_bytes(id);
        let federation = Federation { name: self.federation, id, founders };
        let mut settings = vec![("name", quoted(&self.name))];
        let listen: Vec<String> = match self.port {
            Some(port) => vec![format!("/ip4/0.0.0.0/tcp/{port}")],
            None => self.listen.iter().map(ToString::to_string).collect(),
        };
        let http: Vec<String> = self.http.iter().map(ToString::to_string).collect();
        for (name, addresses) in [("network.listen", listen), ("http.listen", http)] {
            if !addresses.is_empty() {
                let quoted: Vec<String> = addresses.iter().map(|text| quoted(text)).collect();
                settings.push((name, format!("[{}]", quoted.join(", "))));
            }
        }
        let home = Home::create(&root, &identity.to_bytes(), &settings, &federation)?;
        let peer = identity.peer();
        if common.json {
            let root = home.root().display().to_string();
            return output::json(&serde_json::json!({
                "home": root, "peer": peer, "federation": federation,
            }));
        }
        let root = home.root().display();
        output::line(format!("home        {root}"));
        output::line(format!("node        {peer}"));
        output::line(format!("federation  {} (new)", federation.name));
        output::line(format!(
            "\nNext:\n  put the certificates of the authorities you trust into {}\n  \
             adjust {} if you like\n  suq serve           run the node\n  \
             suq join TICKET     before that, to enter a federation that exists",
            home.trust_path().display(),
            home.policy_path().display()
        ));
        Ok(())
    }
}

/// A TOML string.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}
