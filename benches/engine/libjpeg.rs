//! The C library, compiled to a part of its own and loaded, where the system has it.

#![expect(
    unsafe_code,
    reason = "functions of a library in C; the files are those that the benchmark made"
)]

use std::{path::Path, process::Command};

use libloading::{Library, Symbol};

type Decode = unsafe extern "C" fn(*const u8, usize) -> usize;
type DecodeAndEncode = unsafe extern "C" fn(*const u8, usize, i32, i32) -> usize;

/// The loaded part.
pub(crate) struct Libjpeg(Library);

impl Libjpeg {
    /// Compiles and loads it; `None` where there is no compiler or no header.
    pub(crate) fn load() -> Option<Self> {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/engine/libjpeg.c");
        let folder = tempfile::tempdir().ok()?;
        let library = folder.path().join("floor.so");
        let compiled = Command::new("cc")
            .args(["-O2", "-shared", "-fPIC", "-o"])
            .args([&library, &source])
            .arg("-ljpeg")
            .output()
            .ok()?;
        if !compiled.status.success() {
            return None;
        }
        // SAFETY: it has no initialisers but those of libjpeg, which has none.
        unsafe { Library::new(library) }.ok().map(Self)
    }

    /// Decodes a JPEG and returns the bytes of its pixels.
    pub(crate) fn decode(&self, file: &[u8]) -> usize {
        // SAFETY: the signature is that of `floor_decode`, which reads `length` bytes.
        unsafe {
            let decode: Symbol<'_, Decode> = self.0.get(b"floor_decode\0").unwrap();
            decode(file.as_ptr(), file.len())
        }
    }

    /// Decodes a JPEG, encodes it as it was, and returns the length of the file.
    pub(crate) fn decode_and_encode(&self, file: &[u8], fitted: bool, progressive: bool) -> usize {
        // SAFETY: as above, of `floor_decode_and_encode`.
        unsafe {
            let run: Symbol<'_, DecodeAndEncode> =
                self.0.get(b"floor_decode_and_encode\0").unwrap();
            run(
                file.as_ptr(),
                file.len(),
                i32::from(fitted),
                i32::from(progressive),
            )
        }
    }
}
