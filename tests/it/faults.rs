//! The table "Faults" of docs/operations.md, by servers that are real processes: what is answered
//! meanwhile, when all is well again, and that no photo is lost that was answered with 200. The
//! figures of the table are those that these tests print.

use std::{
    collections::BTreeMap,
    fs,
    io::{Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use reqwest::blocking::{
    Client, RequestBuilder, Response,
    multipart::{Form, Part},
};
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};

use crate::{
    backup,
    process::{DataDir, Server, login, lumatrace, lumatrace_on},
    support::{TestDatabase, pictures},
};

const PROTECT: &str = "/api/v1/photos/protect";
const VERIFY: &str = "/api/v1/photos/verify";
const REGISTER: &str = "/api/v1/photos/register";

/// How long is waited for an answer of a machine that has other work to do.
const PATIENCE: Duration = Duration::from_mins(1);

/// A photo that was answered with 200.
struct Photo {
    id: String,
    file: Vec<u8>,
}

/// A client that sends each request on a connection of its own.
fn client() -> Client {
    Client::builder()
        .timeout(PATIENCE)
        .pool_max_idle_per_host(0)
        .build()
        .unwrap()
}

fn send(request: RequestBuilder, token: &str) -> Result<Response, reqwest::Error> {
    let token = token.strip_prefix("authorization: ").unwrap();
    request.header("authorization", token).send()
}

fn protect(client: &Client, url: &str, token: &str, image: &[u8]) -> Result<Photo, u16> {
    let form = Form::new().part("image", Part::bytes(image.to_vec()).file_name("photo.png"));
    let sent = send(
        client.post(format!("{url}{PROTECT}")).multipart(form),
        token,
    );
    // 0: no answer, or not all of it.
    let answer = sent.map_err(|_| 0_u16)?;
    let status = answer.status().as_u16();
    if status != 200 {
        if status == 503 {
            assert!(answer.headers().contains_key("retry-after"));
        }
        return Err(status);
    }
    let id = answer.headers()["x-photo-id"].to_str().unwrap().to_owned();
    let file = answer.bytes().map_err(|_| 0_u16)?.to_vec();
    Ok(Photo { id, file })
}

fn is_authentic(client: &Client, url: &str, token: &str, photo: &Photo) -> bool {
    let image = Part::bytes(photo.file.clone()).file_name("photo.png");
    let form = Form::new()
        .part("image", image)
        .text("photoId", photo.id.clone());
    let answer = send(client.post(format!("{url}{VERIFY}")).multipart(form), token).unwrap();
    if answer.status() == 429 {
        // A killed server took with it what it had leased of the tenant's calls.
        let wait = answer.headers()["retry-after"].to_str().unwrap();
        thread::sleep(Duration::from_secs(wait.parse().unwrap()));
        return is_authentic(client, url, token, photo);
    }
    assert_eq!(answer.status(), 200);
    answer.json::<Value>().unwrap()["authentic"] == true
}

/// What `/readyz` says: the codes of its reasons, none if it is ready.
fn readiness(client: &Client, url: &str) -> Option<Vec<String>> {
    let asked = Instant::now();
    let answer = client.get(format!("{url}/readyz")).send().ok()?;
    assert!(asked.elapsed() < Duration::from_secs(1), "never slower");
    if answer.status() == 200 {
        return Some(Vec::new());
    }
    let body: Value = answer.json().ok()?;
    let errors = body["errors"].as_array()?.iter();
    Some(
        errors
            .filter_map(|error| error["code"].as_str().map(str::to_owned))
            .collect(),
    )
}

/// Asks until it comes true, and returns how long that took.
fn until(what: &str, limit: Duration, mut is_so: impl FnMut() -> bool) -> Duration {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < limit, "{what}");
        thread::sleep(Duration::from_millis(5));
    }
    began.elapsed()
}

/// Asks until `/readyz` has that among its reasons, for the second that is promised and what this
/// machine needs besides.
fn says(client: &Client, url: &str, code: &str) -> Duration {
    until(code, Duration::from_millis(1500), || {
        readiness(client, url).is_some_and(|codes| codes.iter().any(|one| one == code))
    })
}

fn is_ready_again(client: &Client, url: &str) -> Duration {
    until("ready again", Duration::from_mins(1), || {
        readiness(client, url).is_some_and(|codes| codes.is_empty())
    })
}

fn picture(seed: u64) -> Vec<u8> {
    pictures::png(&pictures::scene(96, 64, seed as _))
}

/// Sends a signal to processes.
pub(crate) fn signal(processes: &[i32], signal: &str) {
    let list: Vec<String> = processes.iter().map(ToString::to_string).collect();
    let sent = Command::new("sh")
        .args(["-c", &format!("kill -{signal} {}", list.join(" "))])
        .status();
    assert!(sent.unwrap().success());
}

/// The folder of the private PostgreSQL of a data folder.
fn cluster(data_dir: &Path) -> PathBuf {
    fs::read_to_string(data_dir.join("postgres-location"))
        .map_or_else(|_| data_dir.join("postgres"), |text| text.trim().into())
}

/// Process id of the postmaster.
pub(crate) fn postmaster(data_dir: &Path) -> i32 {
    let file = cluster(data_dir).join("cluster/postmaster.pid");
    let text = fs::read_to_string(&file).unwrap();
    text.lines().next().unwrap().trim().parse().unwrap()
}

/// The postmaster and its children, by `/proc`.
pub(crate) fn family(postmaster: i32) -> Vec<i32> {
    let mut family = vec![postmaster];
    for entry in fs::read_dir("/proc").unwrap() {
        let Some(process) = entry
            .unwrap()
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok())
        else {
            continue;
        };
        let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
        let parent = stat
            .rsplit(')')
            .next()
            .and_then(|rest| rest.split_whitespace().nth(1));
        if parent == Some(postmaster.to_string().as_str()) {
            family.push(process);
        }
    }
    family
}

/// What was answered with 200, and how often each other status came; 0 is no answer.
type Done = (Vec<Photo>, BTreeMap<u16, usize>);

/// Three clients that protect photos until they are told to stop.
struct Load {
    stop: Arc<AtomicBool>,
    clients: Vec<thread::JoinHandle<()>>,
    done: Arc<Mutex<Done>>,
}

impl Load {
    fn start(url: &str, token: &str) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let done = Arc::new(Mutex::new(Done::default()));
        let clients = (0..3).map(|number| {
            let (url, token) = (url.to_owned(), token.to_owned());
            let (stop, done) = (Arc::clone(&stop), Arc::clone(&done));
            thread::spawn(move || {
                let client = client();
                let image = picture(number);
                while !stop.load(Ordering::Relaxed) {
                    let outcome = protect(&client, &url, &token, &image);
                    let mut done = done.lock().unwrap();
                    match outcome {
                        Ok(photo) => done.0.push(photo),
                        Err(status) => {
                            *done.1.entry(status).or_default() += 1;
                            drop(done);
                            thread::sleep(Duration::from_millis(20));
                        }
                    }
                }
            })
        });
        let clients = clients.collect();
        Self {
            stop,
            clients,
            done,
        }
    }

    fn count(&self) -> usize {
        self.done.lock().unwrap().0.len()
    }

    fn end(self) -> Done {
        self.stop.store(true, Ordering::Relaxed);
        for client in self.clients {
            client.join().unwrap();
        }
        std::mem::take(&mut *self.done.lock().unwrap())
    }
}

#[test]
fn a_server_that_is_killed_at_random_moments_loses_nothing_that_was_answered_with_200() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let database = runtime.block_on(TestDatabase::create());
    let data_dir = DataDir::new();
    let mut server = Server::start(lumatrace_on(&database, &data_dir));
    let (status, token) = backup::login(&server.url, "acme");
    assert_eq!(status, 200);
    let random = uuid::Uuid::new_v4();
    let (mut kept, mut restarts) = (Vec::new(), Vec::new());
    for byte in &random.as_bytes()[..4] {
        let load = Load::start(&server.url, &token);
        until("work is done", PATIENCE, || load.count() > 0);
        thread::sleep(Duration::from_millis(2 * u64::from(*byte)));
        server.child.kill().unwrap();
        server.child.wait().unwrap();
        kept.extend(load.end().0);
        let began = Instant::now();
        server = Server::start(lumatrace_on(&database, &data_dir));
        restarts.push(began.elapsed());
    }
    let client = client();
    let lost = kept
        .iter()
        .filter(|photo| !is_authentic(&client, &server.url, &token, photo))
        .count();
    println!(
        "server killed 4 times: {} photos answered with 200, {lost} lost; back after {restarts:?}",
        kept.len()
    );
    assert_eq!(lost, 0);
    assert!(kept.len() >= 4);
    let output = lumatrace_on(&database, &data_dir)
        .args(["audit", "verify"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn a_private_postgresql_that_is_killed_paused_or_without_connections_is_named_and_comes_back() {
    let data_dir = DataDir::new();
    let mut command = lumatrace(&data_dir.0);
    command.env("LUMATRACE_WORKERS", "2");
    let server = Server::start(command);
    let (url, token, client) = (&server.url, login(&server.url, &data_dir.0), client());
    let mut kept = vec![protect(&client, url, &token, &picture(1)).ok().unwrap()];
    let register = |limit: Duration| {
        let asked = Instant::now();
        let request = client.post(format!("{url}{REGISTER}")).json(&json!({}));
        let answer = send(request, &token).unwrap();
        assert!(asked.elapsed() < limit, "{:?}", asked.elapsed());
        let status = answer.status().as_u16();
        if status >= 300 {
            assert_eq!(status, 503);
            let body: Value = answer.json().unwrap();
            assert_eq!(body["code"], "DATABASE_UNAVAILABLE", "{body}");
        }
        status
    };

    // Killed, under load.
    let load = Load::start(url, &token);
    until("work is done", PATIENCE, || load.count() > 1);
    signal(&[postmaster(&data_dir.0)], "KILL");
    let began = Instant::now();
    let before = load.count();
    until("protected again", Duration::from_mins(1), || {
        load.count() > before + 3
    });
    let back = began.elapsed();
    let (photos, others) = load.end();
    assert!(others.keys().all(|status| *status == 503), "{others:?}");
    println!("postmaster killed: protects again after {back:?}; meanwhile {others:?}");
    kept.extend(photos);
    is_ready_again(&client, url);

    // Paused, with all its sessions.
    let paused = family(postmaster(&data_dir.0));
    assert!(paused.len() > 3, "{paused:?}");
    signal(&paused, "STOP");
    let said = says(&client, url, "database-silent");
    let asked = Instant::now();
    let status = register(Duration::from_secs(16));
    let answered = asked.elapsed();
    signal(&paused, "CONT");
    assert_eq!(status, 503);
    let ready = is_ready_again(&client, url);
    println!(
        "paused: said after {said:?}, a call 503 after {answered:?}, ready again after {ready:?}"
    );
    assert!(register(PATIENCE) < 300);

    // No connection is to be had.
    let owner = sqlx::postgres::PgConnectOptions::new_without_pgpass()
        .socket(socket(&data_dir.0))
        .port(5432)
        .username("lumatrace_admin")
        .database("lumatrace");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut owner = runtime
        .block_on(PgConnection::connect_with(&owner))
        .unwrap();
    let mut run = |statement: &'static str| {
        runtime
            .block_on(sqlx::query(statement).execute(&mut owner))
            .unwrap();
    };
    run("alter role lumatrace_app connection limit 0");
    run("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'lumatrace_app'");
    let said = says(&client, url, "database-exhausted");
    let asked = Instant::now();
    assert_eq!(register(Duration::from_secs(8)), 503);
    let answered = asked.elapsed();
    run("alter role lumatrace_app connection limit -1");
    let ready = is_ready_again(&client, url);
    println!(
        "no connections: said after {said:?}, a call 503 after {answered:?}, ready again after {ready:?}"
    );

    for photo in &kept {
        assert!(is_authentic(&client, url, &token, photo));
    }
    println!("{} photos answered with 200, 0 lost", kept.len());
}

/// The folder of the socket of the private PostgreSQL.
pub(crate) fn socket(data_dir: &Path) -> PathBuf {
    let home = cluster(data_dir);
    fs::read_to_string(home.join("socket-location"))
        .map_or_else(|_| home.join("socket"), |text| text.trim().into())
}

/// A small disk, mounted at a data folder; unmounted at the end.
pub(crate) struct SmallDisk(pub(crate) DataDir);

impl SmallDisk {
    /// `None` where this user may not mount.
    pub(crate) fn mount(megabytes: u32) -> Option<Self> {
        let folder = DataDir::new();
        fs::create_dir(&folder.0).unwrap();
        let mounted = Command::new("mount")
            .args([
                "-t",
                "tmpfs",
                "-o",
                &format!("size={megabytes}m,mode=755"),
                "tmpfs",
            ])
            .arg(&folder.0)
            .stderr(Stdio::null())
            .status();
        mounted
            .is_ok_and(|status| status.success())
            .then_some(Self(folder))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0.0
    }

    /// Takes what is left of it but for so many megabytes; returns the file that takes it.
    pub(crate) fn fill_but(&self, megabytes: usize) -> PathBuf {
        let path = self.path().join("filler");
        let mut file = fs::File::create(&path).unwrap();
        let piece = vec![0; 1 << 18];
        while file.write_all(&piece).is_ok() {}
        let length = file.metadata().unwrap().len();
        file.set_len(length.saturating_sub((megabytes as u64) << 20))
            .unwrap();
        path
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        Command::new("umount")
            .arg("-l")
            .arg(self.path())
            .status()
            .ok();
    }
}

#[test]
fn a_full_disk_is_warned_of_named_and_survived_and_named_at_the_start_too() {
    let Some(disk) = SmallDisk::mount(256) else {
        println!("SKIPPED: a full disk, since this user may not mount one");
        return;
    };
    let log = disk
        .path()
        .join("../")
        .join(format!("{}.log", uuid::Uuid::new_v4()));
    let start = || {
        let mut command = lumatrace(disk.path());
        let log = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(&log)
            .unwrap();
        command.stderr(log);
        command
    };
    let server = Server::start(start());
    let (url, token, client) = (
        server.url.clone(),
        login(&server.url, disk.path()),
        client(),
    );
    let photo = protect(&client, &url, &token, &picture(1)).ok().unwrap();
    assert!(
        cluster(disk.path()).starts_with(disk.path()),
        "it lives on the small disk"
    );
    assert_eq!(readiness(&client, &url), Some(Vec::new()));
    let logged = |text: &str| fs::read_to_string(&log).unwrap().contains(text);
    assert!(logged("the disk is nearly full"), "256 MB are warned of");

    // Nearly nothing is left: said before anything fails.
    let filler = disk.fill_but(20);
    let said = says(&client, &url, "disk-full");
    assert_eq!(protect(&client, &url, &token, &picture(2)).err(), None);

    // Nothing is left.
    fs::remove_file(filler).unwrap();
    let filler = disk.fill_but(0);
    let said_of_database = until("the database is named", Duration::from_secs(3), || {
        readiness(&client, &url)
            .is_some_and(|codes| codes.iter().any(|code| code.starts_with("database-")))
    });
    let mut statuses = BTreeMap::<u16, usize>::new();
    for seed in 0..40 {
        let outcome = protect(&client, &url, &token, &picture(100 + seed));
        *statuses.entry(outcome.err().unwrap_or(200)).or_default() += 1;
    }
    println!(
        "full disk: said after {said:?}, of the database after {said_of_database:?}; 40 calls {statuses:?}, {:?}",
        readiness(&client, &url)
    );
    assert!(
        statuses.keys().all(|status| [200, 503].contains(status)),
        "{statuses:?}"
    );
    assert!(logged("disk-full"), "the log names it");

    // Room again.
    fs::remove_file(&filler).unwrap();
    let ready = is_ready_again(&client, &url);
    assert!(
        is_authentic(&client, &url, &token, &photo),
        "nothing is lost"
    );
    println!("room again: ready after {ready:?}, rows lost 0");
    server.signal("-TERM");
    server.signal("-TERM");
    server.wait();

    // A start on a full disk.
    disk.fill_but(0);
    let output = start().stderr(Stdio::piped()).output();
    let output = output.unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    println!("start on a full disk: {told}");
    fs::remove_file(&log).ok();
    assert!(told.contains("is full"), "{told}");
}

#[test]
fn a_server_without_descriptors_lets_clients_wait_and_goes_on() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let database = runtime.block_on(TestDatabase::create());
    let data_dir = DataDir::new();
    let program = lumatrace_on(&database, &data_dir);
    let mut command = Command::new("sh");
    command
        .args(["-c", "ulimit -n 64; exec \"$0\""])
        .arg(program.get_program())
        .env_clear()
        .envs(
            program
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        )
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let server = Server::start(command);
    let (status, token) = backup::login(&server.url, "acme");
    assert_eq!(status, 200);
    let client = client();
    let photo = protect(&client, &server.url, &token, &picture(1))
        .ok()
        .unwrap();
    let address = server.url.strip_prefix("http://").unwrap();
    let idle: Vec<TcpStream> = (0..80)
        .map(|_| TcpStream::connect(address).unwrap())
        .collect();
    thread::sleep(Duration::from_millis(300));
    drop(idle);
    let began = Instant::now();
    assert!(is_authentic(&client, &server.url, &token, &photo));
    println!(
        "64 descriptors, 80 idle connections: answers {:?} after they are gone",
        began.elapsed()
    );
    assert!(protect(&client, &server.url, &token, &picture(2)).is_ok());
}

#[test]
fn clients_that_vanish_leave_nothing_behind() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let database = runtime.block_on(TestDatabase::create());
    let data_dir = DataDir::new();
    let mut command = lumatrace_on(&database, &data_dir);
    command
        .env("LUMATRACE_WORKERS", "1")
        .env("LUMATRACE_QUEUE", "1");
    let server = Server::start(command);
    let (status, token) = backup::login(&server.url, "acme");
    assert_eq!(status, 200);
    let address = server.url.strip_prefix("http://").unwrap();
    let image = picture(1);
    let body = [
        b"--b\r\ncontent-disposition: form-data; name=\"image\"; filename=\"x\"\r\n\r\n".as_slice(),
        &image,
        b"\r\n--b--\r\n",
    ]
    .concat();
    let head = format!(
        "POST {PROTECT} HTTP/1.1\r\nhost: x\r\n{token}\r\ncontent-type: multipart/form-data; boundary=b\r\n\
         content-length: {}\r\n\r\n",
        body.len()
    );
    let begin = |sent: &[u8]| {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(sent).unwrap();
        stream
    };
    for round in 0..20 {
        if round % 2 == 0 {
            // In the middle of the upload.
            drop(begin(&body[..body.len() / 2]));
        } else {
            // In the middle of the answer.
            begin(&body).read_exact(&mut [0; 12]).ok();
        }
    }
    let client = client();
    let vanished = Instant::now();
    let photo = protect(&client, &server.url, &token, &image).ok().unwrap();
    println!(
        "20 clients vanished: the next is served after {:?}",
        vanished.elapsed()
    );
    assert!(is_authentic(&client, &server.url, &token, &photo));
    let answers = (0..3).map(|_| protect(&client, &server.url, &token, &image).is_ok());
    assert_eq!(answers.collect::<Vec<_>>(), [true; 3], "no place is lost");
}

#[test]
fn a_watched_server_stops_after_it_has_said_so_and_answers_what_it_has_begun() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let database = runtime.block_on(TestDatabase::create());
    let data_dir = DataDir::new();
    let mut command = lumatrace_on(&database, &data_dir);
    command.env("LUMATRACE_STOP_DELAY_SECONDS", "2");
    let server = Server::start(command);
    let (status, token) = backup::login(&server.url, "acme");
    assert_eq!(status, 200);
    let (url, client) = (server.url.clone(), client());
    assert_eq!(readiness(&client, &url), Some(Vec::new()));
    let load = Load::start(&url, &token);
    until("work is done", PATIENCE, || load.count() > 0);
    server.signal("-TERM");
    let began = Instant::now();
    let said = says(&client, &url, "stopping");
    thread::sleep(Duration::from_millis(500));
    // A balancer has seen it by now, and sends nothing more.
    let (photos, others) = load.end();
    let code = server.wait();
    let ended = began.elapsed();
    println!(
        "SIGTERM under load: said after {said:?}, ended after {ended:?}, {} answered, refused {others:?}",
        photos.len()
    );
    assert_eq!((code, others), (0, BTreeMap::new()), "nobody was refused");
    assert!(ended >= Duration::from_secs(2), "{ended:?}");
}

#[test]
fn a_second_signal_ends_a_server_at_once_and_loses_nothing_that_was_answered() {
    let data_dir = DataDir::new();
    let start = || Server::start(lumatrace(&data_dir.0));
    let server = start();
    let (url, client) = (server.url.clone(), client());
    let token = login(&url, &data_dir.0);
    let photo = protect(&client, &url, &token, &picture(1)).ok().unwrap();
    // A call that lasts: half of an upload, which may take its time.
    let mut upload = TcpStream::connect(url.strip_prefix("http://").unwrap()).unwrap();
    let head = format!(
        "POST {PROTECT} HTTP/1.1\r\nhost: x\r\n{token}\r\ncontent-type: multipart/form-data; boundary=b\r\ncontent-length: 1000000\r\n\r\n"
    );
    upload.write_all(head.as_bytes()).unwrap();
    upload.write_all(&vec![b'.'; 500_000]).unwrap();
    thread::sleep(Duration::from_millis(200));
    server.signal("-TERM");
    until("it has begun to stop", PATIENCE, || {
        readiness(&client, &url).is_none_or(|reasons| reasons.contains(&"stopping".to_owned()))
    });
    server.signal("-TERM");
    let began = Instant::now();
    let code = server.wait();
    let ended = began.elapsed();
    let answered = upload.read(&mut [0; 1_000]);
    println!(
        "second SIGTERM: ended after {ended:?} with code {code}, the running call got {answered:?}"
    );
    assert_eq!(code, 3);
    assert!(ended < Duration::from_secs(2), "{ended:?}");
    let server = start();
    assert!(is_authentic(&client, &server.url, &token, &photo));
}
