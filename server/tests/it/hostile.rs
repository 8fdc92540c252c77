//! A broken or hostile client harms only itself.

use std::time::{Duration, Instant};

use codesync_crdt::encode;
use rand::{RngExt, SeedableRng, rngs::StdRng, seq::IndexedRandom};
use reqwest::Method;

use crate::{
    lifecycle::metric,
    process::{Process, free_port},
    raw::{self, Raw},
    rest::Caller,
};

async fn room(server: &Process) -> (Caller, String) {
    let caller = Caller::at(&server.url("")).register("ann").await;
    let path = caller.document("target").await;
    (caller, path.rsplit('/').next().unwrap().to_owned())
}

/// Frames of a real session, whole.
fn samples() -> Vec<Vec<u8>> {
    let mut page = codesync_crdt::Document::new(Default::default());
    let mut frames = vec![encode::sync_step1(page.state_vector()), encode::query_awareness()];
    for (client, text) in [(1, "hello"), (2, "hello wörld 👩‍💻"), (1, "held"), (3, "held\nfast\n")] {
        let update = page.replacement("content", text, client).unwrap().unwrap();
        raw::apply(&mut page, &update);
        frames.push(encode::update(update.bytes()));
        frames.push(encode::sync_step2(&page.state()));
    }
    let here = codesync_crdt::AwarenessEntry { client: 1, clock: 3, state: Some(r#"{"cursor":{"at":1}}"#.into()) };
    frames.push(encode::awareness(&codesync_crdt::encode_awareness([&here])));
    frames
}

fn mutate(random: &mut StdRng, samples: &[Vec<u8>]) -> Vec<u8> {
    let mut frame = samples.choose(random).unwrap().clone();
    match random.random_range(0..4) {
        0 => frame.truncate(random.random_range(0..frame.len())),
        1 => frame = (0..random.random_range(1..200)).map(|_| random.random()).collect(),
        2 => {
            let at = random.random_range(0..frame.len());
            frame[at] = *[0, 1, 0x7f, 0x80, 0xff].choose(random).unwrap();
        }
        _ => {
            for _ in 0..random.random_range(1..4) {
                let at = random.random_range(0..frame.len());
                frame[at] ^= 1 << random.random_range(0..8);
            }
        }
    }
    frame
}

/// Sends broken frames, each answered before the next; returns how many sockets were closed.
async fn attacker(server: &Process, doc: &str, token: &str, frames: usize, mut random: StdRng) -> usize {
    let (samples, url) = (samples(), server.socket());
    let mut refused = 0;
    let mut socket = Raw::connect(&url, doc, token).await;
    for _ in 0..frames {
        let frame = mutate(&mut random, &samples);
        // A mutant that the check accepts is an edit like any other.
        if let Err(code) = socket.probe(frame).await {
            // A mutant of a known edit holds other words at its clocks.
            assert!([4400, 4409].contains(&code), "{code}");
            refused += 1;
            socket = Raw::connect(&url, doc, token).await;
        }
    }
    refused
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_thousand_broken_frames_harm_nobody_else() {
    let seed = crate::harness::seed();
    let data = tempfile::tempdir().unwrap();
    let server = Process::start(data.path(), free_port(), &[("CODESYNC_LOG", "error")]).await;
    let (ann, doc) = room(&server).await;
    let (mut writer, mut reader) = (
        Raw::connect(&server.socket(), &doc, ann.token()).await,
        Raw::connect(&server.socket(), &doc, ann.token()).await,
    );
    writer.sync().await;
    reader.sync().await;
    let attack = async |frames: usize, seed: u64| {
        let attackers =
            (0..8).map(|n| attacker(&server, &doc, ann.token(), frames / 8, StdRng::seed_from_u64(seed + n)));
        futures_util::future::join_all(attackers).await.into_iter().sum::<usize>()
    };
    let attacks = async {
        let warm = attack(20_000, seed).await;
        let before = server.resident_kib();
        (warm + attack(80_000, seed ^ 0xface).await, before)
    };
    let (refused, before) = tokio::select! {
        done = attacks => done,
        () = writer.stay() => unreachable!("it panics when the socket ends"),
        () = reader.stay() => unreachable!("it panics when the socket ends"),
    };
    assert!(refused > 50_000, "most mutants are refused: {refused}");
    writer.sync().await;
    writer.append(77, "still here").await;
    let text = writer.replica.text("content");
    reader.until_text(&text).await;
    let after = server.resident_kib();
    println!("100,000 frames, {refused} sockets closed, {before} KiB then {after} KiB");
    assert!(after < before + 64 * 1024, "memory returns: {before} KiB, then {after} KiB");
    assert!(server.terminate().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_past_the_limit_is_refused_by_its_code() {
    let data = tempfile::tempdir().unwrap();
    let limit = [("CODESYNC_MESSAGE_BYTES_MAX", "100000"), ("CODESYNC_DOCUMENT_BYTES_MAX", "150000")];
    let server = Process::start(data.path(), free_port(), &limit).await;
    let (ann, doc) = room(&server).await;
    for bytes in [100_100, 5_000_000, 40_000_000, 40_000_000] {
        let mut hostile = Raw::connect(&server.socket(), &doc, ann.token()).await;
        assert_eq!(hostile.refused(vec![0; bytes]).await, 4413, "{bytes}");
    }
    let mut eager = Raw::connect(&server.socket(), &doc, ann.token()).await;
    eager.sync().await;
    eager.append(1, &"x".repeat(90_000)).await;
    eager.append(1, &"y".repeat(90_000)).await;
    assert_eq!(eager.closed().await, 4413);
    assert!(server.terminate().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_reads_nothing_delays_nobody_else() {
    let data = tempfile::tempdir().unwrap();
    let server = Process::start(data.path(), free_port(), &[("CODESYNC_LOG", "off")]).await;
    let (ann, doc) = room(&server).await;
    let mut sleeper = Raw::connect(&server.socket(), &doc, ann.token()).await;
    sleeper.sync().await;
    let start = server.resident_kib();
    let mut writers = Vec::new();
    for client in 1..=4 {
        let mut writer = Raw::connect(&server.socket(), &doc, ann.token()).await;
        writer.sync().await;
        writers.push((client, writer));
    }
    let started = Instant::now();
    let writers = writers.into_iter().map(|(client, writer)| type_much(client, writer));
    let writers = futures_util::future::join_all(writers).await;
    let mut auditor = Raw::connect(&server.socket(), &doc, ann.token()).await;
    auditor.sync().await;
    auditor.until_length(100_000).await;
    let grown = server.resident_kib().saturating_sub(start);
    println!("100,000 edits in {:?} beside one that reads nothing; {grown} KiB more", started.elapsed());
    assert!(grown < 96 * 1024, "{grown} KiB more");
    assert!(started.elapsed() < Duration::from_secs(100));
    drop(writers);
    let text = auditor.replica.text("content");
    sleeper.until_text(&text).await;
    assert!(server.terminate().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn edits_that_keep_yrs_busy_for_seconds_cost_only_their_sender() {
    let data = tempfile::tempdir().unwrap();
    let server = Process::start(data.path(), free_port(), &[("CODESYNC_LOG", "off")]).await;
    let (ann, doc) = room(&server).await;
    let bob = Caller::at(&server.url("")).register("bob").await;
    ann.share(&format!("/api/documents/{doc}"), &bob, "editor").await;
    let mut writer = Raw::connect(&server.socket(), &doc, ann.token()).await;
    writer.sync().await;
    writer.append(7, "before").await;
    let attack = frame_of_far_origins(12_000);
    // Work that costs too much is not a malformed message. After some attempts the user's edits are not even applied.
    let (mut attempts, mut rebuilt) = (0.0, 0.0);
    while attempts == rebuilt {
        let mut hostile = Raw::connect(&server.socket(), &doc, bob.token()).await;
        let _ = hostile.try_send(attack.clone()).await;
        assert_eq!(hostile.closed().await, 4529);
        writer.append(7, "x").await;
        writer.probe(encode::query_awareness()).await.unwrap();
        attempts += 1.0;
        rebuilt = metric(&server.metrics().await, "codesync_replicas_rebuilt_total");
    }
    println!("{} bytes, {rebuilt} of {attempts} attempts cost a replica", attack.len());
    assert!(rebuilt > 0.0);
    let text = writer.replica.text("content");
    let mut auditor = Raw::connect(&server.socket(), &doc, ann.token()).await;
    auditor.sync().await;
    auditor.until_text(&text).await;
    assert!(server.terminate().await);
}

/// An edit of `count` places, each between its start and a place ever further on: everything in between is compared.
fn frame_of_far_origins(count: u32) -> Vec<u8> {
    let mut update = vec![2];
    for value in [count, 1, 0] {
        number(&mut update, value);
    }
    update.extend(b"\x04\x01\x07content\x01x");
    for clock in 1..count {
        update.extend([0x84, 1]);
        number(&mut update, (clock - 1) / 2);
        update.extend(b"\x01x");
    }
    for value in [count, 0, 0] {
        number(&mut update, value);
    }
    for clock in (0..count).rev() {
        update.extend([0x44, 1]);
        number(&mut update, clock);
        update.extend(b"\x01y");
    }
    update.push(0);
    encode::update(&update)
}

/// Types 25,000 letters, one per edit, reading at the same time.
async fn type_much(client: u8, mut writer: Raw) -> Raw {
    let frames = (0..25_000).map(|clock| encode::update(&letter(client, clock))).collect();
    writer.send_all(frames).await;
    writer
}

/// The update that types one letter after the same client's previous one.
fn letter(client: u8, clock: u32) -> Vec<u8> {
    let mut update = vec![1, 1, client];
    number(&mut update, clock);
    match clock.checked_sub(1) {
        // A string (4) with an origin (128).
        Some(before) => {
            update.extend([0x84, client]);
            number(&mut update, before);
        }
        // A string in a root type, by name.
        None => update.extend(b"\x04\x01\x07content"),
    }
    update.extend(b"\x01x\x00");
    update
}

fn number(out: &mut Vec<u8>, mut number: u32) {
    while number >= 0x80 {
        out.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    out.push(number.to_le_bytes()[0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_that_replace_a_large_text_again_and_again_are_slowed_down() {
    let data = tempfile::tempdir().unwrap();
    let server = Process::start(data.path(), free_port(), &[("CODESYNC_LOG", "off")]).await;
    let (ann, doc) = room(&server).await;
    let bob = Caller::at(&server.url("")).register("bob").await;
    ann.share(&format!("/api/documents/{doc}"), &bob, "editor").await;
    let path = format!("/api/documents/{doc}/text");
    let put = async |caller: &Caller, letter: &str| {
        let request = caller.request(Method::PUT, &path).header("content-type", "text/plain");
        caller.send(request.body(format!("{letter} \n").repeat(300_000)), Method::PUT, &path).await
    };
    let mut calls = 0;
    // An allowance of some seconds of processor time, on any machine.
    let refused = loop {
        let answer = put(&bob, if calls % 2 == 0 { "a" } else { "bb" }).await;
        calls += 1;
        assert!(calls < 500, "{calls} large texts were taken one after another");
        if answer.status != 204 {
            break answer;
        }
    };
    assert!(calls > 1, "an everyday call is taken");
    assert!(!refused.expect_error(429, "too_many_requests").header("retry-after").is_empty());
    // It is per user: others continue.
    put(&ann, "c").await.expect(204);
    assert!(server.terminate().await);
}
