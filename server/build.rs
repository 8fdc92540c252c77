//! Builds the program again when the editor's files appear or change: the macro that takes them in sees only those that
//! were there before. Debug builds read them from disk.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=PROFILE");
    let release = std::env::var_os("PROFILE").is_some_and(|profile| profile == "release");
    if release {
        println!("cargo::rerun-if-changed=../frontend/dist");
    }
}
