//! An nginx with one file, where it is installed.

use std::fs::{self, File};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::SystemTime;

const CONFIGURATION: &str = "
daemon off;
master_process off;
pid FOLDER/nginx.pid;
error_log FOLDER/error.log;
events {}
http {
    access_log off;
    client_body_temp_path FOLDER/t1;
    proxy_temp_path FOLDER/t2;
    fastcgi_temp_path FOLDER/t3;
    uwsgi_temp_path FOLDER/t4;
    scgi_temp_path FOLDER/t5;
    default_type application/octet-stream;
    server {
        listen 127.0.0.1:PORT;
        root FOLDER/www;
    }
}
";

pub struct Nginx {
    child: Child,
    pub address: String,
    _folder: tempfile::TempDir,
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Nginx {
    /// Serves this content as `/image`, last modified at this time.
    pub fn start(content: &[u8], modified: SystemTime) -> Option<Nginx> {
        let programs = ["/usr/sbin/nginx", "/usr/bin/nginx", "/usr/local/sbin/nginx"];
        let program = programs.iter().find(|path| Path::new(path).exists())?;
        let folder = tempfile::tempdir().unwrap();
        let www = folder.path().join("www");
        fs::create_dir(&www).unwrap();
        fs::write(www.join("image"), content).unwrap();
        File::open(www.join("image")).unwrap().set_modified(modified).unwrap();
        // Another program may take a port between finding it and using it.
        let (child, address) = (0..10).find_map(|_| run(program, folder.path()))?;
        Some(Nginx { child, address, _folder: folder })
    }
}

fn run(program: &str, folder: &Path) -> Option<(Child, String)> {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let configuration = CONFIGURATION
        .replace("FOLDER", folder.to_str().unwrap())
        .replace("PORT", &address.port().to_string());
    let path = folder.join("nginx.conf");
    fs::write(&path, configuration).unwrap();
    let mut command = Command::new(program);
    command.arg("-c").arg(&path).arg("-p").arg(folder).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    while TcpStream::connect(address).is_err() {
        if child.try_wait().unwrap().is_some() {
            return None;
        }
        std::thread::yield_now();
    }
    Some((child, address.to_string()))
}
