//! Keeps the program up to date with the editor's files.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // Without the folder at compile time, the macro that takes the files in would not look for them later either. Where
    // it cannot be made, the server is one without the editor.
    let _ = std::fs::create_dir_all("../frontend/dist");
    // A debug build reads the files when they are asked for; a release build holds those of its build.
    if std::env::var_os("PROFILE").is_some_and(|profile| profile == "release") {
        println!("cargo::rerun-if-changed=../frontend/dist");
    }
}
