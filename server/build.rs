//! Takes the editor's files in anew when they change. Debug builds read them from disk, but only from a folder that was there
//! when they were compiled: hence it is made here.

use std::{fs, path::Path};

fn main() -> std::io::Result<()> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=PROFILE");
    let dist = Path::new("../frontend/dist");
    fs::create_dir_all(dist)?;
    if std::env::var_os("PROFILE").is_some_and(|profile| profile == "release") {
        println!("cargo::rerun-if-changed={}", dist.display());
    }
    Ok(())
}
