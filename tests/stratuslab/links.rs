//! `suq links`, and what the names do.

use std::os::unix::fs::symlink;

use super::*;

#[test]
fn links_are_made_once_and_take_nobodys_place() {
    let desk = Desk::new();
    let folder = desk.text("bin");
    let made: Vec<String> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(made.len(), 32);
    for name in ["stratus-build-metadata", "stratuslab-build-manifest", "stratus-run-instance"] {
        assert!(made.iter().any(|made| made == name), "{name}");
    }
    let again = suq(&["links", &folder, "--json"]);
    let again: serde_json::Value = serde_json::from_str(&again.output).unwrap();
    assert_eq!(again["made"].as_array().unwrap().len(), 0);
    assert_eq!(again["kept"].as_array().unwrap().len(), 32);

    let other = desk.text("other");
    fs::create_dir(&other).unwrap();
    desk.write("other/stratus-sign-metadata", "#!/usr/bin/python2");
    symlink("/nowhere", desk.path("other/stratus-policy-image")).unwrap();
    symlink("/bin/sh", desk.path("other/stratus-image-policy")).unwrap();
    let refused = suq(&["links", &other]);
    assert_eq!(refused.code, 1);
    let taken = ["stratus-sign-metadata", "stratus-policy-image", "stratus-image-policy"];
    for word in taken.into_iter().chain(["--force", &other]) {
        assert!(refused.error.contains(word), "{refused:?}");
    }
    assert_eq!(fs::read_dir(&other).unwrap().count(), 3, "nothing was made");
    assert_eq!(desk.read("other/stratus-sign-metadata"), "#!/usr/bin/python2");

    let forced = suq(&["links", &other, "--force"]);
    assert_eq!(forced.code, 0, "{forced:?}");
    assert!(forced.output.contains("made stratus-sign-metadata"), "{forced:?}");
    assert_eq!(fs::read_dir(&other).unwrap().count(), 32);
    let version = Command::new(desk.path("other/stratus-sign-metadata")).arg("--version").output();
    assert!(version.unwrap().stdout.starts_with(b"stratus-sign-metadata "));
}

#[test]
fn every_name_has_help_and_the_later_ones_say_so() {
    let desk = Desk::new();
    for entry in fs::read_dir(desk.path("bin")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let run = desk.run(&name, &["--help"]);
        if name.ends_with("run-instance") || name.ends_with("create-image") {
            assert_eq!(run.code, 255, "{run:?}");
            assert!(run.error.contains("does not run instances"), "{run:?}");
            continue;
        }
        assert_eq!(run.code, 0, "{name}: {run:?}");
        let usage = format!("Usage: {name} ");
        assert!(run.output.contains(&usage) && run.output.contains("Examples:"), "{run:?}");
        assert_eq!(desk.run(&name, &["--no-such-option"]).code, 2, "{name}");
        assert_eq!(desk.run(&name, &[]).code, 2, "{name}");
    }
    // Another name is suq itself.
    symlink(env!("CARGO_BIN_EXE_suq"), desk.path("bin/stratus-other")).unwrap();
    assert!(desk.run("stratus-other", &["--version"]).output.starts_with("suq "));
    let page = suq(&["man"]).output;
    assert!(page.contains("STRATUSLAB COMMANDS") && page.contains("stratuslab\\-build\\-manifest"));
    assert!(suq(&["completions", "bash"]).output.contains("links"));
}
