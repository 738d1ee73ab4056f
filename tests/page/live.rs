//! What happens while somebody looks.

use std::io;
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use super::*;
use crate::browser::Browser;

const NEWS: &str = "document.getElementById('news').textContent";
const COUNT: &str = "document.querySelectorAll('.entries > li').length";

#[test]
fn news_are_told_and_move_nothing() {
    let stage = Stage::new();
    let browser = &stage.browser;
    stage.put(&stage.document(1, 9, |_| {}));
    browser.open("#/search");
    browser.followed();
    stage.put(&stage.document(2, 8, |_| {}));
    stage.put(&stage.document(3, 7, |_| {}));
    browser.until(&format!("{NEWS} === '2 new entriesShow'"));
    stage.put(&stage.document(3, 5, |details| details.deprecated = Some("hole".into())));
    browser.until(&format!("{NEWS} === '2 new entries, 1 deprecationShow'"));
    assert_eq!(browser.value(COUNT), 1, "nothing moves under who reads");
    assert_eq!(browser.text("document.getElementById('news').getAttribute('role')"), "status");
    browser.click("#news button");
    browser.until(&format!("{COUNT} === 2 && {NEWS} === ''"));

    // Of an image, only what is said of it.
    browser.open(&format!("#/image/{}", stage::identifier(1)));
    browser.followed();
    stage.put(&stage.document(4, 4, |_| {}));
    stage.put(&stage.document(1, 1, |details| details.deprecated = Some("hole".into())));
    browser.until(&format!("{NEWS} === '1 deprecationShow'"));
    browser.click("#news button");
    browser.until("document.querySelector('.verdict')?.textContent.startsWith('Must not be used')");
    browser.is_quiet(&[]);
}

/// An address that stays the same while the node behind it goes and comes back.
struct Door {
    address: String,
    node: Arc<Mutex<String>>,
}

impl Door {
    fn new(node: &str) -> Door {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let node = Arc::new(Mutex::new(node.to_owned()));
        let behind = Arc::clone(&node);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Ok(node) = TcpStream::connect(behind.lock().unwrap().as_str()) else {
                    continue;
                };
                let (to, from) = (node.try_clone().unwrap(), client.try_clone().unwrap());
                std::thread::spawn(move || carry(from, to));
                std::thread::spawn(move || carry(node, client));
            }
        });
        Door { address, node }
    }
}

fn carry(mut from: TcpStream, mut to: TcpStream) {
    let _ = io::copy(&mut from, &mut to);
    let _ = to.shutdown(std::net::Shutdown::Both);
}

#[test]
fn a_node_that_goes_and_comes_back_is_noticed_and_nothing_is_missed() {
    let mut stage = Stage::new();
    let door = Door::new(&stage.address);
    let browser = Browser::new(&door.address);
    stage.put(&stage.document(1, 9, |_| {}));
    browser.open("#/search");
    browser.followed();
    stage.site.stop();
    let trouble = "document.getElementById('trouble').textContent";
    browser.until(&format!("{trouble}.startsWith('The node cannot be reached')"));
    back_with(&mut stage, &door, 2);
    browser.until(&format!("{trouble} === '' && {NEWS} === '1 new entryShow'"));
    assert_eq!(browser.value(COUNT), 1, "nothing moves under who reads");

    // What could not be shown is shown by itself.
    stage.site.stop();
    browser.until(&format!("{trouble} !== ''"));
    browser.click("nav a[href='#/endorsers']");
    browser.until("document.querySelector('h1').textContent === 'That did not work'");
    browser.back();
    browser.until("document.querySelector('h1').textContent === 'That did not work'");
    back_with(&mut stage, &door, 3);
    browser.until(&format!("{trouble} === '' && {COUNT} === 3"));
}

/// The node is there again, elsewhere, and has heard of one more image.
fn back_with(stage: &mut Stage, door: &Door, n: u8) {
    let document = stage.folder.path().join(format!("{n}.xml"));
    std::fs::write(&document, stage.document(n, 3, |_| {})).unwrap();
    stage.site.start();
    let published = stage.site.run(&["publish", &document.display().to_string()]);
    assert_eq!(published.code, 0, "{published:?}");
    *door.node.lock().unwrap() = stage.site.http();
}

impl Browser {
    /// Waits until the page follows the changes: what comes then is told.
    fn followed(&self) {
        self.until("document.getElementById('live').textContent === 'Live'");
    }
}
