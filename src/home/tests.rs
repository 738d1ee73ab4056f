use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::model::FederationId;

fn federation() -> Federation {
    Federation {
        name: "egi \"test\"".into(),
        id: FederationId::from_bytes([5; 32]),
        founders: Vec::new(),
    }
}

fn home(folder: &Path) -> Home {
    Home::create(folder, b"a key", &[("name", "\"orsay\"".into())], &federation()).unwrap()
}

#[test]
fn a_new_home_reads_back_and_is_never_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("home");
    let home = home(&root);
    assert_eq!(home.settings().unwrap(), Settings { name: "orsay".into(), ..Default::default() });
    assert_eq!(home.federation().unwrap(), federation());
    assert!(home.policy().unwrap().warnings().is_empty());
    assert!(home.anchors(&home.settings().unwrap()).unwrap().is_empty());
    assert_eq!(home.key().unwrap().as_slice(), b"a key");
    let again = Home::create(&root, b"other", &[], &federation()).unwrap_err();
    assert!(matches!(again, HomeError::Exists(_)), "{again}");
    assert_eq!(home.key().unwrap().as_slice(), b"a key");
}

#[test]
fn every_setting_of_the_commented_file_is_the_default() {
    let text: String = SUQ_TOML
        .lines()
        .map(|line| match line.strip_prefix("# ") {
            Some(setting) if setting.contains(" = ") => setting,
            _ => line,
        })
        .map(|line| format!("{line}\n"))
        .collect();
    let settings: Settings = toml::from_str(&text).unwrap();
    assert_eq!(settings, Settings::default());
    assert!(text.matches(" = ").count() >= 8, "{text}");
}

#[test]
fn amounts_are_written_with_units_or_without() {
    let folder = tempfile::tempdir().unwrap();
    let home = home(folder.path());
    let text = "[blobs]\nquota = \"200 GB\"\nserve_rate = \"50 MB\"\nscrub = \"never\"\nscrub_rate = 1000\n";
    fs::write(home.root().join("suq.toml"), text).unwrap();
    let blobs = home.settings().unwrap().blobs;
    assert_eq!(blobs.quota.map(|quota| quota.0), Some(200_000_000_000));
    assert_eq!((blobs.scrub, blobs.scrub_rate.0), (None, 1000));
    assert_eq!(blobs.serve_rate.map(|rate| rate.0), Some(50_000_000));
    fs::write(home.root().join("suq.toml"), "[blobs]\nquota = \"much\"\n").unwrap();
    let error = home.settings().unwrap_err().to_string();
    assert!(error.contains("suq.toml") && error.contains("`much`"), "{error}");
}

#[test]
fn one_node_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let home = home(folder.path());
    let lock = home.lock().unwrap();
    let error = home.lock().unwrap_err().to_string();
    assert!(error.contains(&std::process::id().to_string()), "{error}");
    drop(lock);
    home.lock().unwrap();
}

#[test]
fn a_key_that_others_can_read_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let home = home(folder.path());
    fs::set_permissions(home.key_path(), fs::Permissions::from_mode(0o644)).unwrap();
    assert!(home.key().unwrap_err().to_string().contains("chmod 600"));
}

#[test]
fn unknown_settings_and_missing_policies_name_their_file() {
    let folder = tempfile::tempdir().unwrap();
    let home = home(folder.path());
    fs::write(home.root().join("suq.toml"), "[network]\nlisten_on = []\n").unwrap();
    let error = home.settings().unwrap_err().to_string();
    assert!(error.contains("suq.toml") && error.contains("listen_on"), "{error}");
    fs::remove_file(home.policy_path()).unwrap();
    let error = home.policy().unwrap_err().to_string();
    assert!(error.contains("policy.cfg") && error.contains("everything is refused"), "{error}");
}

#[test]
fn the_home_is_found_in_the_documented_order() {
    let env = |pairs: &'static [(&str, &str)]| {
        move |name: &str| {
            let found = pairs.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        }
    };
    let all: &[(&str, &str)] = &[("SUQ_HOME", "/s"), ("XDG_DATA_HOME", "/x"), ("HOME", "/h")];
    assert_eq!(locate(Some(Path::new("/o")), true, env(all)), Path::new("/o"));
    assert_eq!(locate(None, true, env(all)), Path::new("/s"));
    assert_eq!(locate(None, true, env(&[("HOME", "/h")])), Path::new("/var/lib/suq"));
    assert_eq!(locate(None, false, env(&[("XDG_DATA_HOME", "/x")])), Path::new("/x/suq"));
    assert_eq!(locate(None, false, env(&[("HOME", "/h")])), Path::new("/h/.local/share/suq"));
}
