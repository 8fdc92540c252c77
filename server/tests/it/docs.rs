//! The documents: what is generated is up to date, links lead somewhere, and examples are what the server sends.

use std::path::{Path, PathBuf};

use codesync_server::config;

use crate::{harness::TestApp, raw::Raw};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn documents() -> Vec<PathBuf> {
    let fixed = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md", "deploy/README.md"];
    let mut documents: Vec<_> = fixed.iter().map(|name| root().join(name)).collect();
    for folder in ["docs", "docs/architecture"] {
        let entries = std::fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().path());
        documents.extend(entries.filter(|path| path.extension().is_some_and(|extension| extension == "md")));
    }
    documents
}

#[test]
fn the_page_of_settings_is_up_to_date() {
    let page = read(&root().join("docs/configuration.md"));
    assert!(page == config::reference(), "run `make generate`");
}

#[test]
fn the_front_page_and_the_architecture_stay_short() {
    for (name, lines_max) in [("README.md", 150), ("ARCHITECTURE.md", 200)] {
        let lines = read(&root().join(name)).lines().count();
        assert!(lines <= lines_max, "{name} has {lines} lines");
    }
}

#[test]
fn links_of_the_documents_lead_somewhere() {
    let mut links = 0;
    for document in documents() {
        let text = read(&document);
        let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        let images =
            text.split("src=\"").chain(text.split("srcset=\"")).skip(1).filter_map(|rest| rest.split('"').next());
        for target in targets.chain(images.filter(|image| image.ends_with(".png"))) {
            if target.starts_with("http") {
                continue;
            }
            let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
            let to = match path {
                "" => document.clone(),
                path => document.parent().unwrap().join(path),
            };
            assert!(to.exists(), "{}: {target}", document.display());
            if !anchor.is_empty() {
                assert!(
                    headings(&read(&to)).iter().any(|heading| heading == anchor),
                    "{}: {target}",
                    document.display()
                );
            }
            links += 1;
        }
    }
    assert!(links >= 15, "{links} links were found");
}

/// The anchors of the headings, as GitHub makes them.
fn headings(text: &str) -> Vec<String> {
    let slug = |heading: &str| {
        let kept = heading.to_lowercase().replace(' ', "-");
        kept.chars().filter(|c| c.is_alphanumeric() || *c == '-' || *c == '_').collect()
    };
    text.lines()
        .filter_map(|line| line.strip_prefix('#'))
        .map(|line| slug(line.trim_start_matches('#').trim()))
        .collect()
}

/// The bytes between backticks after `words` in the page of the protocol.
fn example(words: &str) -> Vec<u8> {
    let page = read(&root().join("docs/protocol.md")).replace('\n', " ");
    let rest = page.split_once(words).unwrap_or_else(|| panic!("{words:?} is missing")).1;
    let digits = rest.split('`').nth(1).unwrap();
    digits.split(' ').map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect()
}

#[tokio::test]
async fn the_example_of_the_protocol_is_what_the_server_sends() {
    let app = TestApp::embedded().await;
    let ada = app.register("ada").await;
    let document = ada.document("example").await;
    let doc = document.rsplit('/').next().unwrap();
    let (question, answer) = (example("Example:"), example("written by client 1:"));
    let mut writer = Raw::codesync(&app.socket(), doc, ada.token()).await;
    writer.send([&[0, 2], &answer[2..]].concat()).await;
    writer.mark(1).await;
    let mut reader = Raw::connect(&app.socket(), doc, ada.token()).await;
    reader.send(question).await;
    let sent = loop {
        let frame = reader.frame().await.unwrap();
        if frame.starts_with(&[0, 1]) {
            break frame;
        }
    };
    assert_eq!(sent, answer);
}
