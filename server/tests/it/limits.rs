//! Rate limits and timeouts.

use std::time::{Duration, Instant};

use codesync_server::config::{NodeRole, Switch};
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::{
    harness::TestApp,
    rest::{Answer, PASSWORD},
    rig::{redis::Redis, s3::S3},
};

async fn limited(trusted_proxies: u8) -> TestApp {
    TestApp::with(|config| {
        config.http.rate_limits = Switch::On;
        config.http.trusted_proxies = trusted_proxies;
    })
    .await
}

async fn from(app: &TestApp, address: &str, path: &str, body: Value) -> Answer {
    let nobody = app.nobody();
    let request = nobody.request(Method::POST, path).header("x-forwarded-for", address).json(&body);
    nobody.send(request, Method::POST, path).await
}

fn account(number: usize) -> Value {
    json!({ "email": format!("{number}@example.org"), "password": PASSWORD, "name": "x" })
}

#[tokio::test]
async fn passwords_of_one_account_cannot_be_tried_at_will() {
    let app = limited(1).await;
    app.register("ada").await;
    let wrong = json!({ "email": "ADA@example.org", "password": "not the password" });
    // The login used one. The attacker's address changes every time.
    for number in 0..9 {
        from(&app, &format!("192.0.2.{number}"), "/api/auth/login", wrong.clone())
            .await
            .expect_error(401, "wrong_password");
    }
    let refused = from(&app, "192.0.2.99", "/api/auth/login", wrong).await.expect_error(429, "too_many_requests");
    assert!((1..=10).contains(&refused.header("retry-after").parse::<u32>().unwrap()));
    let other = json!({ "email": "bob@example.org", "password": "not the password" });
    from(&app, "192.0.2.99", "/api/auth/login", other).await.expect_error(401, "wrong_password");
    app.stop().await;
}

#[tokio::test]
async fn one_address_cannot_try_sockets_at_will() {
    let try_one = async |app: &TestApp, address: &str| {
        let path = "/socket/no-document";
        let nobody = app.nobody();
        nobody.send(nobody.request(Method::GET, path).header("x-forwarded-for", address), Method::GET, path).await
    };
    let app = limited(1).await;
    let mut tried = 0;
    let refused = loop {
        let answer = try_one(&app, "192.0.2.1").await;
        if answer.status == 429 {
            break answer;
        }
        tried += 1;
        assert!(tried < 5_000, "no limit");
    };
    assert!(tried >= 500, "an office comes in at once: {tried}");
    assert!(refused.expect_error(429, "too_many_requests").header("retry-after").parse::<u32>().unwrap() > 0);
    assert_ne!(try_one(&app, "192.0.2.2").await.status, 429);
    app.stop().await;
    let app = TestApp::embedded().await;
    for _ in 0..=tried {
        assert_ne!(try_one(&app, "192.0.2.1").await.status, 429, "it is off");
    }
    app.stop().await;
}

#[tokio::test]
async fn one_address_cannot_register_at_will() {
    let app = limited(0).await;
    // Without trusted proxies, the client's claims about its address are ignored.
    for number in 0..20 {
        from(&app, &format!("192.0.2.{number}"), "/api/auth/register", account(number)).await.expect(201);
    }
    from(&app, "192.0.2.99", "/api/auth/register", account(99)).await.expect_error(429, "too_many_requests");
    app.stop().await;
}

#[tokio::test]
async fn behind_a_proxy_only_its_header_counts() {
    let app = limited(1).await;
    for number in 0..20 {
        let claimed = format!("198.51.100.{number}, 192.0.2.1");
        from(&app, &claimed, "/api/auth/register", account(number)).await.expect(201);
    }
    from(&app, "192.0.2.1", "/api/auth/register", account(98)).await.expect_error(429, "too_many_requests");
    from(&app, "192.0.2.2", "/api/auth/register", account(99)).await.expect(201);
    app.stop().await;
}

#[tokio::test]
async fn links_cannot_be_guessed_at_will() {
    let app = limited(0).await;
    let ada = app.register("ada").await;
    let mut answers = Vec::new();
    for guess in 0..40 {
        answers.push(ada.post(&format!("/api/links/{guess}/accept"), json!(null)).await.status);
    }
    assert!(answers[..30].iter().all(|status| *status == 404), "{answers:?}");
    assert!(answers.contains(&429), "{answers:?}");
    app.stop().await;
}

#[tokio::test]
async fn calls_of_one_account_have_a_limit() {
    let app = limited(0).await;
    let ada = app.register("ada").await;
    let mut refused = None;
    // More than the burst of the bucket, sent much faster than it refills.
    for _ in 0..40 {
        let calls = (0..50).map(|_| ada.get("/api/users/me"));
        let answers = futures_util::future::join_all(calls).await;
        refused = answers.into_iter().find(|answer| answer.status == 429);
        if refused.is_some() {
            break;
        }
    }
    refused.expect("the limit is reached").expect_error(429, "too_many_requests");
    app.nobody().get("/health").await.expect(200);
    app.stop().await;
}

#[tokio::test]
async fn past_the_limit_connections_are_refused_and_idle_ones_make_room() {
    let app = TestApp::with(|config| config.http.connections_max = 4).await;
    let address = app.url("").trim_start_matches("http://").to_owned();
    let open = async |said: &str| {
        let mut connection = TcpStream::connect(&address).await.unwrap();
        connection.write_all(said.as_bytes()).await.unwrap();
        connection
    };
    let read = async |mut connection: TcpStream| {
        let mut answer = String::new();
        timeout(Duration::from_secs(20), connection.read_to_string(&mut answer)).await.expect("it ends").unwrap();
        answer
    };
    let asked = "GET /health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    let calls = |count| {
        join_all((0..count).map(|_| {
            open(
                "POST /api/auth/login HTTP/1.1\r\nhost: x\r\n\
        content-type: application/json\r\ncontent-length: 2\r\n\r\n{",
            )
        }))
    };
    let busy = calls(4).await;
    let refused = read(open(asked).await).await;
    assert!(refused.starts_with("HTTP/1.1 503 ") && refused.contains("\"code\":\"unavailable\""), "{refused}");
    for mut call in busy {
        call.write_all(b"}").await.unwrap();
        // It was asked to close after the answer, because others wait.
        let answer = read(call).await;
        assert!(answer.starts_with("HTTP/1.1 422 ") || answer.starts_with("HTTP/1.1 400 "), "{answer}");
    }
    assert!(read(open(asked).await).await.starts_with("HTTP/1.1 200 "));
    // Half a head, none, and an idle connection: none of them keeps others out.
    let kept = async || {
        let mut kept = open("GET /health HTTP/1.1\r\nhost: x\r\n\r\n").await;
        assert!(kept.read(&mut [0; 4096]).await.unwrap() > 0);
        kept
    };
    let idle = [open("").await, open("GET /health HT").await, kept().await, kept().await];
    let mut statuses = Vec::new();
    while !statuses.contains(&200) {
        assert!(statuses.len() < 50, "{statuses:?}");
        let answer = read(open(asked).await).await;
        statuses.push(answer.split(' ').nth(1).map_or(0, |status| status.parse::<u16>().unwrap()));
    }
    join_all(idle.map(read)).await;
    app.stop().await;
}

#[tokio::test]
async fn a_flood_of_health_checks_is_one_probe_a_second() {
    let (server, s3) = tokio::join!(Redis::start(), S3::start());
    let app = TestApp::with(|config| {
        config.redis.redis_url = Some(server.url().into());
        config.auth.jwt_secret = Some("a secret that all nodes of a test share".to_owned().into());
        // The sweeper lists snapshots too.
        config.roles = vec![NodeRole::Api, NodeRole::Sync];
        s3.configure(config);
    })
    .await;
    let nobody = app.nobody();
    nobody.get("/api/health").await.expect(200);
    let (started, before) = (Instant::now(), s3.requests("GET"));
    for _ in 0..20 {
        for answer in join_all((0..50).map(|_| nobody.get("/socket/health?deep"))).await {
            answer.expect(200);
        }
    }
    let probes = s3.requests("GET").zip(before).map(|(now, before)| now - before);
    println!("1000 calls in {:?}: {probes:?} probes", started.elapsed());
    assert!(probes.is_none_or(|probes| probes as u64 <= started.elapsed().as_secs() + 2), "{probes:?}");
    app.services.draining.cancel();
    nobody.get("/api/health").await.expect_error(503, "unavailable");
    app.stop().await;
}

#[tokio::test]
async fn a_connection_that_does_not_ask_is_closed() {
    let app = TestApp::with(|config| config.http.keep_alive = Duration::from_secs(1)).await;
    let address = app.url("").trim_start_matches("http://").to_owned();
    let ended = async |said: &str| {
        let mut connection = TcpStream::connect(&address).await.unwrap();
        connection.write_all(said.as_bytes()).await.unwrap();
        let mut answer = String::new();
        timeout(Duration::from_secs(20), connection.read_to_string(&mut answer)).await.expect("it is closed").unwrap();
        answer
    };
    assert_eq!(ended("").await, "");
    assert_eq!(ended("GET /health HTTP/1.1\r\nhost: x\r\nx-half").await, "");
    let answer = ended("GET /health HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    app.stop().await;
}

#[tokio::test]
async fn clients_behind_a_proxy_are_told_apart_in_every_form_it_writes() {
    let app = limited(1).await;
    // More in each form than one address may register.
    let forms: [fn(usize) -> String; 4] = [
        |number| format!("192.0.2.{number}:{}", 1024 + number),
        |number| format!("[2001:db8:{number}::1]:443"),
        |number| format!("\"[2001:db8:1:{number}::1]\""),
        |number| format!("\"198.51.100.{number}\""),
    ];
    for (form, write) in forms.iter().enumerate() {
        for number in 1..=25 {
            from(&app, &write(number), "/api/auth/register", account(form * 100 + number)).await.expect(201);
        }
    }
    for number in 1..=25 {
        let nobody = app.nobody();
        let request = nobody.request(Method::POST, "/api/auth/register").json(&account(1_000 + number));
        let request = request.header("forwarded", format!("by=10.0.0.1;for=\"203.0.113.{number}:80\";proto=https"));
        nobody.send(request, Method::POST, "/api/auth/register").await.expect(201);
    }
    app.stop().await;
}

#[tokio::test]
async fn failed_logins_of_others_do_not_lock_out_a_known_address() {
    let app = limited(1).await;
    app.register("ada").await;
    let right = json!({ "email": "ada@example.org", "password": PASSWORD });
    let session = from(&app, "192.0.2.1", "/api/auth/login", right.clone()).await.expect(200);
    let ada = app.nobody().with(session.text("token"), session["user"].clone());
    let wrong = json!({ "email": "ada@example.org", "password": "not the password" });
    for number in 0..20 {
        from(&app, &format!("198.51.100.{number}"), "/api/auth/login", wrong.clone()).await;
    }
    from(&app, "198.51.100.99", "/api/auth/login", right.clone()).await.expect_error(429, "too_many_requests");
    from(&app, "192.0.2.1", "/api/auth/login", right.clone()).await.expect(200);
    let change = json!({ "current_password": PASSWORD, "new_password": PASSWORD });
    ada.post("/api/users/me/password", change).await.expect(204);
    // A known address helps one account, and it has a limit too.
    for _ in 0..10 {
        from(&app, "192.0.2.1", "/api/auth/login", wrong.clone()).await;
    }
    from(&app, "192.0.2.1", "/api/auth/login", right).await.expect_error(429, "too_many_requests");
    app.stop().await;
}
