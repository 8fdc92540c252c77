//! Writes the recorded fixtures as first inputs of the fuzz targets: `cargo run --example seed_corpus`.

use std::fs;
use std::path::Path;

use serde_json::Value;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let crdt = Path::new(env!("CARGO_MANIFEST_DIR"));
    let corpus = crdt.join("fuzz/corpus");
    for entry in fs::read_dir(crdt.join("tests/fixtures"))? {
        let path = entry?.path();
        let name = path.file_stem().and_then(|name| name.to_str()).ok_or("a fixture without a name")?;
        let fixture: Value = serde_json::from_str(&fs::read_to_string(&path)?)?;
        if let Some(updates) = fixture["updates"].as_array() {
            let mut history = Vec::new();
            for (i, update) in updates.iter().enumerate() {
                let update = unhex(update)?;
                history.extend(u16::try_from(update.len())?.to_be_bytes());
                history.extend(&update);
                let frame = codesync_crdt::encode::update(&update);
                write(&corpus, "frame", &format!("{name}-{i}"), &frame)?;
                // Whole histories are long; their beginnings are faster to mutate.
                if [2, 5, 15, updates.len() - 1].contains(&i) {
                    write(&corpus, "update", &format!("{name}-{i}"), &history)?;
                }
            }
            continue;
        }
        for (name, message) in fixture.as_object().into_iter().flatten() {
            let target = match name.split('_').next() {
                Some("frame") => "frame",
                Some("awareness") if message.is_string() => "awareness",
                _ => continue,
            };
            write(&corpus, target, name, &unhex(message)?)?;
        }
    }
    Ok(())
}

fn write(corpus: &Path, target: &str, name: &str, bytes: &[u8]) -> std::io::Result<()> {
    let folder = corpus.join(target);
    fs::create_dir_all(&folder)?;
    fs::write(folder.join(name), bytes)
}

fn unhex(value: &Value) -> Result<Vec<u8>, Box<dyn std::error::Error>> {
    let text = value.as_str().ok_or("not a string")?;
    let byte = |i: usize| u8::from_str_radix(&text[i..i + 2], 16);
    Ok((0..text.len()).step_by(2).map(byte).collect::<Result<_, _>>()?)
}
