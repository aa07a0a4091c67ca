//! Seeds for the fuzzer: containers, and manifests in them.

use super::signed::House;
use crate::{credentials::test_files::samples, fuzz_seeds::write};

#[test]
#[ignore = "writes files for .ci/fuzz"]
fn seeds_of_containers_and_of_manifests() {
    let house = House::new("seeds");
    for sample in samples() {
        write("container", sample.name, &sample.bytes);
        let signed = house.sign(&sample.bytes, sample.format);
        write("carrier", sample.name, &signed);
        let update = house.update(&signed, sample.format);
        write("carrier", &format!("{} updated", sample.name), &update);
    }
}
