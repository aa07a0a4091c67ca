//! What the operating system says of this process, under the names that all client libraries of
//! Prometheus give it
//! (<https://prometheus.io/docs/instrumenting/writing_clientlibs/#process-metrics>).
//!
//! Read from `/proc` at each scrape (proc(5)); where there is none, there are no such metrics. The
//! private PostgreSQL is another process.

use std::{fmt, fs};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{counter::ConstCounter, gauge::ConstGauge},
};
use rustix::{
    param::{clock_ticks_per_second, page_size},
    process::{Resource, getrlimit},
};

/// Reads anew at each scrape.
#[derive(Debug)]
pub(super) struct Process;

/// One reading. What could not be read is missing.
#[derive(Debug, Default)]
struct Reading {
    /// User and system time, in seconds.
    cpu_seconds: Option<f64>,
    /// Seconds since 1970.
    start: Option<f64>,
    virtual_bytes: Option<u64>,
    resident_bytes: Option<u64>,
    open_files: Option<u64>,
    max_files: Option<u64>,
}

impl Reading {
    fn now() -> Self {
        let mut reading = Self::default();
        let Ok(stat) = fs::read_to_string("/proc/self/stat") else {
            return reading;
        };
        // The name of the program, in parentheses, may hold anything.
        let fields: Vec<&str> = match stat.rsplit_once(')') {
            Some((_, rest)) => rest.split_whitespace().collect(),
            None => return reading,
        };
        // Numbered from 1 in proc(5), where the state is the third.
        let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
        reading.cpu_seconds = field(14).zip(field(15)).map(|(u, s)| in_seconds(u + s));
        reading.start = field(22)
            .zip(boot_time())
            .map(|(ticks, booted)| in_seconds(ticks) + as_float(booted));
        reading.virtual_bytes = field(23);
        reading.resident_bytes = field(24).map(|pages| pages * page_size() as u64);
        // The folder itself is open while it is read.
        reading.open_files = fs::read_dir("/proc/self/fd")
            .ok()
            .map(|files| (files.count() as u64).saturating_sub(1));
        reading.max_files = getrlimit(Resource::Nofile).current;
        reading
    }
}

/// When the machine was started, in seconds since 1970.
fn boot_time() -> Option<u64> {
    let stat = fs::read_to_string("/proc/stat").ok()?;
    let line = stat.lines().find_map(|line| line.strip_prefix("btime "))?;
    line.trim().parse().ok()
}

fn in_seconds(ticks: u64) -> f64 {
    as_float(ticks) / as_float(clock_ticks_per_second())
}

#[expect(
    clippy::cast_precision_loss,
    reason = "seconds, bytes and files are below 2^53"
)]
fn as_float(number: u64) -> f64 {
    number as f64
}

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        let reading = Reading::now();
        if let Some(seconds) = reading.cpu_seconds {
            let (name, help) = ("process_cpu_seconds", "User and system CPU time spent");
            let counter = ConstCounter::new(seconds);
            let metric = encoder.encode_descriptor(name, help, None, counter.metric_type())?;
            counter.encode(metric)?;
        }
        for (name, help, value) in [
            (
                "process_start_time_seconds",
                "When the process began, in seconds since 1970",
                reading.start,
            ),
            (
                "process_virtual_memory_bytes",
                "Size of the address space",
                reading.virtual_bytes.map(as_float),
            ),
            (
                "process_resident_memory_bytes",
                "Memory that is in RAM",
                reading.resident_bytes.map(as_float),
            ),
            (
                "process_open_fds",
                "Open file descriptors",
                reading.open_files.map(as_float),
            ),
            (
                "process_max_fds",
                "Most file descriptors that may be open",
                reading.max_files.map(as_float),
            ),
        ] {
            if let Some(value) = value {
                let gauge = ConstGauge::new(value);
                let metric = encoder.encode_descriptor(name, help, None, gauge.metric_type())?;
                gauge.encode(metric)?;
            }
        }
        Ok(())
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_reading_is_of_this_process() {
        let reading = Reading::now();
        let resident = reading.resident_bytes.unwrap();
        assert!((1 << 20..1 << 40).contains(&resident), "{resident}");
        assert!(reading.virtual_bytes.unwrap() >= resident);
        assert!(reading.start.unwrap() > 1.6e9);
        assert!(reading.max_files.unwrap() > reading.open_files.unwrap());
        let before = reading.open_files.unwrap();
        let held: Vec<_> = (0..50).map(|_| fs::File::open("/proc/self/stat")).collect();
        let now = Reading::now().open_files.unwrap();
        drop(held);
        assert!(now >= before + 25, "{before} {now}");
        let seconds = reading.cpu_seconds.unwrap();
        while Reading::now().cpu_seconds.unwrap() <= seconds {}
    }
}
