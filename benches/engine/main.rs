//! CPU time, page faults and memory of `protect`, `verify` and `identify`, next to plainly decoding
//! and encoding the same file in the same process.
//!
//! `script/cargo bench --bench engine` makes its files from photographs of
//! `$LUMATRACE_PHOTOS/large` (default `../shared/photos`); those that are named on the command line
//! are measured as they are instead. Each file has a process of its own, so that what an
//! earlier one left in the allocator does not decide, and each round runs every task, so that a
//! noisy machine disturbs them alike. Times are those of the thread, the least of all rounds.
//!
//! ```text
//! floor C, Rust   decode and encode with the file's tables, sampling and coding: libjpeg-turbo and
//!                 libjpeg-turbo-rs; for PNG and WebP this service's own decoder and encoder
//! decode          libjpeg-turbo's decoder, or our own
//! protect         hash, decode, mark, encode, hash
//! verify          hash, decode, look for the mark of the photo's record
//! another         the same, in the other photograph
//! identify        what `POST /photos/identify` does of it: look, then decide about one candidate
//! ```
//!
//! The C library is compiled to a small part of its own and loaded, where there are a compiler and
//! its headers; otherwise its columns are empty. The digest shows whether two builds make the same
//! bytes. Memory is the largest growth of a process that
//! does one task once, without the file, in bytes a pixel.
//!
//! For a profiler, `--prepare` makes the folders of the cases and prints them, and `--repeat FOLDER
//! TASK` runs one task over and over: 3 is protect, 4 verify, 5 another, 6 identify.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "a measurement stops at what it does not understand and prints what it finds"
)]

mod case;
mod files;
mod libjpeg;

use std::{path::PathBuf, process::Command};

use case::Case;
use libjpeg::Libjpeg;
use rustix::time::{ClockId, clock_gettime};

/// The allocator of the product, set as it sets it.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Rounds of each measurement.
const ROUNDS: usize = 9;

/// What is measured of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Task {
    FloorC,
    Floor,
    Decode,
    Protect,
    Verify,
    Another,
    Identify,
}

const TASKS: [Task; 7] = [
    Task::FloorC,
    Task::Floor,
    Task::Decode,
    Task::Protect,
    Task::Verify,
    Task::Another,
    Task::Identify,
];

/// Those whose memory is measured.
const FRUGAL: [Task; 3] = [Task::Protect, Task::Verify, Task::Identify];

/// The least time of a task in milliseconds, and the fewest page faults.
#[derive(Debug, Clone, Copy)]
struct Cost {
    milliseconds: f64,
    faults: u64,
}

fn main() {
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| argument != "--bench")
        .collect();
    match arguments.as_slice() {
        [flag, folder] if flag == "--measure" => {
            let mut case = Case::read(folder);
            case.prepare_floors();
            measure(&case);
        }
        [flag] if flag == "--prepare" => {
            for folder in files::prepare(&[]) {
                println!("{}", folder.display());
            }
        }
        [flag, folder, task] if flag == "--repeat" => {
            let (case, task) = (Case::read(folder), TASKS[task.parse::<usize>().unwrap()]);
            for _ in 0..10 * ROUNDS {
                case.run(task, None);
            }
        }
        [flag, folder, task] if flag == "--peak" => {
            print_peak(&Case::read(folder), task.parse().unwrap());
        }
        named => all(named),
    }
}

/// Measures every file in a process of its own and prints the table.
fn all(named: &[String]) {
    let folders = files::prepare(named);
    if folders.is_empty() {
        eprintln!("SKIPPED: no photographs; set LUMATRACE_PHOTOS or name at least two files");
        return;
    }
    println!(
        "| file | MP | floor C ms | floor Rust ms | protect ms | ÷ Rust | ÷ C | decode ms | verify ms | ÷ decode \
         | another - decode ms | identify ms | ÷ verify | page faults: protect, verify | digest of the file and its record \
         | bytes a pixel: {} |",
        FRUGAL
            .map(|task| format!("{task:?}").to_lowercase())
            .join(", ")
    );
    println!("|{}", "---|".repeat(16));
    for folder in folders {
        let peaks = FRUGAL.map(|task| child(&folder, &["--peak"], &[(task as usize).to_string()]));
        let row = child(&folder, &["--measure"], &[]);
        println!("{row} {} |", peaks.join(", "));
        std::fs::remove_dir_all(folder).unwrap();
    }
}

/// Runs this program with the folder of a case, and returns what it prints.
fn child(folder: &PathBuf, before: &[&str], after: &[String]) -> String {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(before)
        .arg(folder)
        .args(after)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Measures one file and prints its row but for the last column.
fn measure(case: &Case) {
    let libjpeg = Libjpeg::load();
    let mut costs = [const { None::<Cost> }; TASKS.len()];
    for _ in 0..ROUNDS {
        for (task, least) in TASKS.into_iter().zip(&mut costs) {
            let (started, faults_before) = (thread_milliseconds(), page_faults());
            if !case.run(task, libjpeg.as_ref()) {
                continue;
            }
            let cost = Cost {
                milliseconds: thread_milliseconds() - started,
                faults: page_faults() - faults_before,
            };
            *least = Some(least.map_or(cost, |least| Cost {
                milliseconds: least.milliseconds.min(cost.milliseconds),
                faults: least.faults.min(cost.faults),
            }));
        }
    }
    let of = |task: Task| costs[task as usize];
    let time = |task| of(task).map(|cost| cost.milliseconds);
    let told =
        |value: Option<f64>, digits| value.map_or(String::new(), |v| format!("{v:.digits$}"));
    let ratio = |a, b| {
        told(
            Some(time(a).unwrap_or(f64::NAN) / time(b).unwrap_or(f64::NAN))
                .filter(|r| r.is_finite()),
            2,
        )
    };
    let faults = |task| of(task).map_or(String::new(), |cost| cost.faults.to_string());
    let beyond = time(Task::Another)
        .zip(time(Task::Decode))
        .map(|(a, d)| a - d);
    println!(
        "| {} | {:.1} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {}, {} | {} |",
        case.name,
        case.pixels as f64 / 1e6,
        told(time(Task::FloorC), 1),
        told(time(Task::Floor), 1),
        told(time(Task::Protect), 1),
        ratio(Task::Protect, Task::Floor),
        ratio(Task::Protect, Task::FloorC),
        told(time(Task::Decode), 1),
        told(time(Task::Verify), 1),
        ratio(Task::Verify, Task::Decode),
        told(beyond, 0),
        told(time(Task::Identify), 1),
        ratio(Task::Identify, Task::Verify),
        faults(Task::Protect),
        faults(Task::Verify),
        case.digest(),
    );
}

/// Runs one task once in this process and prints the largest growth in bytes a pixel.
fn print_peak(case: &Case, task: usize) {
    std::fs::write("/proc/self/clear_refs", "5").ok();
    let before = status_bytes("VmRSS");
    case.run(TASKS[task], None);
    let growth = status_bytes("VmHWM") - before;
    println!("{:.1}", growth as f64 / case.pixels as f64);
}

/// CPU time of this thread so far.
fn thread_milliseconds() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 * 1e3 + time.tv_nsec as f64 / 1e6
}

/// Page faults of this thread that needed no disk: the eighth field after the name (proc(5)).
fn page_faults() -> u64 {
    let stat = std::fs::read_to_string("/proc/thread-self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default();
    (fields.split_whitespace().nth(7))
        .and_then(|field| field.parse().ok())
        .unwrap_or(0)
}

/// A line of `/proc/self/status`, in bytes; 0 where there is none.
fn status_bytes(name: &str) -> i64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with(name));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse::<i64>().ok())
        .map_or(0, |kib| 1024 * kib)
}
