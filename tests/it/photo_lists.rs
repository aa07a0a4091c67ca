//! The filters of `GET /api/v1/photos` and `GET /api/v1/photos/count`.

use lumatrace::http::ErrorCode;
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};

use crate::support::{App, Client, Part, pictures};

const PHOTOS: &str = "/api/v1/photos";

/// The external ids of the photos that a query lists, and that many are counted.
async fn found(client: &Client, query: &[(&str, &str)]) -> Vec<String> {
    let query = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(query)
        .finish();
    let page = client.get(&format!("{PHOTOS}?{query}")).await.json();
    assert_eq!(page["next"], Value::Null, "{query}: {page}");
    let items = page["items"].as_array().unwrap();
    let count = client.get(&format!("{PHOTOS}/count?{query}")).await.json();
    assert_eq!(
        count,
        json!({ "count": items.len(), "exact": true }),
        "{query}"
    );
    let id = |item: &Value| item["externalId"].as_str().unwrap().to_owned();
    items.iter().map(id).collect()
}

/// Registers a photo a minute after the one before.
async fn register(app: &App, client: &Client, id: &str, label: Option<&str>) {
    app.clock.advance(60);
    let body = json!({ "externalId": id, "label": label, "contentHash": "ab".repeat(32) });
    let answer = client.post_json("/api/v1/photos/register", &body).await;
    assert_eq!(answer.status, 200, "{answer:?}");
}

async fn protect(app: &App, client: &Client, id: &str, label: &str) -> String {
    app.clock.advance(60);
    let image = pictures::png(&pictures::scene(256, 192, 5));
    let request = json!({ "externalId": id, "label": label }).to_string();
    let parts = [Part::image(&image), Part::text("request", &request)];
    let answer = client.post_form("/api/v1/photos/protect", &parts).await;
    answer.header("x-content-sha256").to_owned()
}

#[tokio::test]
async fn each_filter_finds_the_photos_that_meet_it_and_no_others() {
    let app = App::spawn().await;
    let (acme, bolt) = (app.tenant("acme").await, app.tenant("bolt").await);
    let (client, other) = (app.client(&acme).await, app.client(&bolt).await);
    // From 2027-01-15T08:01:00Z on, one a minute.
    register(&app, &client, "a", Some("Zürich, Straße 100%")).await;
    register(&app, &client, "b", Some("zÜRICH_north")).await;
    register(&app, &client, "c", None).await;
    let full = protect(&app, &client, "d", "100 of Zurich").await;
    let limited = protect(&app, &client, "e", "C:\\photos").await;
    protect(&app, &other, "theirs", "Zürich").await;
    let mut owner = PgConnection::connect_with(&app.database.owner())
        .await
        .unwrap();
    sqlx::query("update photos set protection_level = 'LIMITED' where external_id = 'e'")
        .execute(&mut owner)
        .await
        .unwrap();
    let hash = "ab".repeat(32);
    let mut tried = 0;
    for (query, expected) in [
        (&[][..], "edcba"),
        (&[("label", "ZÜRICH")], "ba"),
        (&[("label", "zurich")], "d"),
        (&[("label", "STRASSE")], "a"),
        (&[("label", "100")], "da"),
        // Signs that are patterns elsewhere are signs.
        (&[("label", "100%")], "a"),
        (&[("label", "%")], "a"),
        (&[("label", "h_n")], "b"),
        (&[("label", "_h")], ""),
        (&[("label", "\\")], "e"),
        (&[("label", ".*")], ""),
        (&[("externalId", "c")], "c"),
        (&[("externalId", "C")], ""),
        (&[("externalId", "%")], ""),
        (&[("contentHash", &hash)], "cba"),
        (&[("protectedSha256", &full)], "d"),
        (&[("protectedSha256", &hash)], ""),
        (&[("level", "FULL")], "d"),
        (&[("level", "LIMITED")], "e"),
        (&[("from", "2027-01-15T08:03:00Z")], "edc"),
        (&[("to", "2027-01-15T08:03:00Z")], "ba"),
        (
            &[
                ("from", "2027-01-15T08:02:00Z"),
                ("to", "2027-01-15T09:04:00+01:00"),
            ],
            "cb",
        ),
        (
            &[("from", "2027-01-15T08:02:00Z"), ("label", "zürich")],
            "b",
        ),
        (&[("level", "LIMITED"), ("label", "photos")], "e"),
        (&[("level", "FULL"), ("label", "photos")], ""),
        (&[("level", "LIMITED"), ("protectedSha256", &full)], ""),
        (&[("level", "LIMITED"), ("protectedSha256", &limited)], "e"),
        (&[("externalId", "b"), ("contentHash", &hash)], "b"),
        (&[("externalId", "d"), ("contentHash", &hash)], ""),
        (&[("label", "x"), ("externalId", "a")], ""),
        (
            &[
                ("label", ""),
                ("externalId", ""),
                ("level", ""),
                ("from", ""),
                ("to", ""),
            ],
            "edcba",
        ),
    ] {
        assert_eq!(found(&client, query).await.concat(), expected, "{query:?}");
        tried += 1;
    }
    assert_eq!(tried, 31);
    assert_eq!(found(&other, &[("label", "zürich")]).await, ["theirs"]);
    for query in [
        [("protectedSha256", full.as_str())],
        [("externalId", "a")],
        [("contentHash", &hash)],
        [("level", "LIMITED")],
    ] {
        let nothing: [&str; 0] = [];
        assert_eq!(found(&other, &query).await, nothing, "{query:?}");
    }
}

#[tokio::test]
async fn a_filter_that_is_none_is_refused_by_name() {
    let app = App::spawn().await;
    let tenant = app.tenant("acme").await;
    let client = app.client(&tenant).await;
    let long = "x".repeat(257);
    for (field, text) in [
        ("protectedSha256", "ab"),
        ("contentHash", "x"),
        ("externalId", long.as_str()),
        ("externalId", "%00"),
        ("label", long.as_str()),
        ("label", "a%0Ab"),
        ("label", "%00"),
        ("level", "full"),
        ("from", "2027-01-15"),
        ("to", "2027-01-15T13:00:00+01:00"),
        ("to", "9999-99-99T00:00:00Z"),
    ] {
        for list in [PHOTOS, "/api/v1/photos/count"] {
            let answer = client.get(&format!("{list}?{field}={text}")).await;
            let problem = answer.problem(ErrorCode::ValidationFailed);
            assert_eq!(problem["errors"][0]["field"], field, "{text}");
        }
    }
    let misspelt = client.get(&format!("{PHOTOS}?external_id=1")).await;
    misspelt.problem(ErrorCode::ValidationFailed);
}

#[tokio::test]
async fn a_page_of_few_among_many_ends_early_and_the_next_goes_on_behind_it() {
    let app = App::spawn().await;
    let tenant = app.tenant("acme").await;
    let client = app.client(&tenant).await;
    register(&app, &client, "oldest", Some("the needle")).await;
    let mut owner = PgConnection::connect_with(&app.database.owner())
        .await
        .unwrap();
    sqlx::query(
        "insert into photos (tenant_id, photo_id, created_at, label, label_folded, external_id)
         select 'acme', gen_random_uuid(), timestamptz '2027-02-01' + n / 3 * interval '1 second', 'hay', 'hay', 'hay'
         from generate_series(1, 100001) n",
    )
    .execute(&mut owner)
    .await
    .unwrap();
    for query in ["label=needle", "label=needle&externalId=hay"] {
        let first = client.get(&format!("{PHOTOS}?{query}")).await.json();
        assert_eq!(first["items"], json!([]), "{query}");
        let cursor = first["next"].as_str().unwrap();
        let query = format!("{query}&cursor={cursor}");
        let second = client.get(&format!("{PHOTOS}?{query}")).await.json();
        let found = usize::from(!query.contains("externalId"));
        assert_eq!(second["items"].as_array().unwrap().len(), found, "{query}");
        assert_eq!(second["next"], Value::Null, "{query}");
    }
    for (query, count, exact) in [
        ("", 100_000, false),
        ("label=hay", 100_000, false),
        ("label=needle", 0, false),
        ("label=hay&externalId=hay", 100_000, false),
        ("externalId=oldest", 1, true),
        ("to=2027-02-01T00:00:00Z", 1, true),
        ("to=2027-02-01T09:15:33Z", 99_999, true),
    ] {
        let answer = client.get(&format!("{PHOTOS}/count?{query}")).await.json();
        let expected = json!({ "count": count, "exact": exact });
        assert_eq!(answer, expected, "{query}");
    }
    // What has room for all does not end early.
    let all = client.get(&format!("{PHOTOS}?label=hay&limit=3")).await;
    assert_eq!(all.json()["items"].as_array().unwrap().len(), 3);
}
