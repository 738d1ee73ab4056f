//! An nginx, where it is installed.

#![allow(dead_code, reason = "each user takes a part of it")]
#![allow(unreachable_pub, missing_docs)]

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// What every test has in its configuration.
const CONFIGURATION: &str = "
daemon off;
master_process off;
pid FOLDER/nginx.pid;
error_log FOLDER/error.log;
events {}
http {
    access_log off;
    sendfile on;
    client_body_temp_path FOLDER/t1;
    proxy_temp_path FOLDER/t2;
    fastcgi_temp_path FOLDER/t3;
    uwsgi_temp_path FOLDER/t4;
    scgi_temp_path FOLDER/t5;
    default_type application/octet-stream;
    SERVERS
}
";

/// A server that serves `FOLDER/www` and nothing else.
pub const FILES: &str = "server { listen 127.0.0.1:PORT; root FOLDER/www; }";

/// A running nginx.
pub struct Nginx {
    child: Child,
    /// A port for each of the names.
    pub ports: Vec<u16>,
}

impl Drop for Nginx {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Nginx {
    /// Starts it with these `server` blocks, in which `FOLDER` stands for the folder and
    /// each of the names for a free port.
    pub fn start(folder: &Path, servers: &str, names: &[&str]) -> Option<Nginx> {
        let programs = ["/usr/sbin/nginx", "/usr/bin/nginx", "/usr/local/sbin/nginx"];
        let program = programs.iter().find(|path| Path::new(path).exists())?;
        // Another program may take a port between finding it and using it.
        (0..10).find_map(|_| run(program, folder, servers, names))
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The address of its first port.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.ports[0])
    }

    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port that nobody listens on now.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn run(program: &str, folder: &Path, servers: &str, names: &[&str]) -> Option<Nginx> {
    let ports: Vec<u16> = names.iter().map(|_| free_port()).collect();
    let mut text = CONFIGURATION.replace("SERVERS", servers);
    text = text.replace("FOLDER", folder.to_str().unwrap());
    for (name, port) in names.iter().zip(&ports) {
        text = text.replace(name, &port.to_string());
    }
    let path = folder.join("nginx.conf");
    fs::write(&path, text).unwrap();
    let mut command = Command::new(program);
    command.arg("-c").arg(&path).arg("-p").arg(folder).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    while TcpStream::connect(("127.0.0.1", ports[0])).is_err() {
        if child.try_wait().unwrap().is_some() {
            return None;
        }
        std::thread::yield_now();
    }
    Some(Nginx { child, ports })
}
