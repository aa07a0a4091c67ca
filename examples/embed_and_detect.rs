//! The engine in about thirty lines: marks a picture, sends it through a JPEG, and finds the mark
//! again.
//!
//! `script/cargo run --release --example embed_and_detect -- photo.jpg protected.jpg`

#![expect(clippy::print_stdout, reason = "an example prints what it finds")]

use std::error::Error;

use lumatrace::{
    imaging::{Limits, decode},
    watermark::{Record, WatermarkKey, detect, embed},
};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(input), Some(output)) = (arguments.next(), arguments.next()) else {
        return Err("usage: embed_and_detect PHOTO PROTECTED".into());
    };

    // One secret a tenant, one key a photo. The key is derived again for every question, never
    // stored.
    let tenant_key = [7; 32];
    let key = WatermarkKey::derive(&tenant_key, b"photo-id-1234567");
    let embedded = embed(decode(&std::fs::read(&input)?, &Limits::default())?, &key)?;
    std::fs::write(&output, &embedded.bytes)?;
    let record = embedded.record.to_bytes();
    println!(
        "marked at {:.1} dB; the record has {} bytes",
        embedded.report.psnr_db,
        record.len()
    );

    // Later, elsewhere: the record from the database, a picture from the net.
    let received = decode(&std::fs::read(&output)?, &Limits::default())?;
    let record = Record::from_bytes(&record)?;
    let found = detect(&received, &record, &key);
    println!(
        "right key: {:?}, z {:.1}, chance of error at most {:.0e}",
        found.status, found.z, found.false_positive_probability
    );
    let other = WatermarkKey::derive(&tenant_key, b"another-photo-id");
    let found = detect(&received, &record, &other);
    println!("wrong key: {:?}, z {:.1}", found.status, found.z);
    Ok(())
}
