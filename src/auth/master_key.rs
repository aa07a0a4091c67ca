//! The one key outside the database: what is secret at rest is sealed under it.
//!
//! AES-256-GCM (NIST SP 800-38D), a random 96-bit nonce before the ciphertext, and the purpose of
//! the secret as associated data, so that a sealed value cannot be moved to another row or another
//! use.
//!
//! While another key takes the place of one (`lumatrace rekey`), there are two: the first seals,
//! and both open. In a data folder, the new one is a file beside the old one until all is sealed
//! under it. A running server looks there before it seals, a second after the last look at most,
//! and whenever something does not open: so it needs not be told.

use std::{
    collections::HashSet,
    fmt,
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, Instant},
};

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    hmac,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

use super::random_bytes;
use crate::domain::TenantId;

/// Purpose of the sealed name of a credential's tenant.
const ROUTE: &str = "lumatrace credential route v1";

/// A sealed value that does not open: it was sealed under another key or for another purpose, or is
/// damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a sealed secret does not open with this key")]
pub struct SealError;

/// Why there is no master key.
#[derive(Debug, thiserror::Error)]
pub enum MasterKeyError {
    /// The text is something else.
    #[error("it is not 32 bytes in base64")]
    Form,
    /// The bytes are not random: all the same, or few that repeat.
    #[error("it repeats a few bytes and can be guessed")]
    Guessable,
    /// The file cannot be read or written.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// Fewest different bytes among the 32 of a key. One random key in 10^30 has fewer.
const FEWEST_BYTES: usize = 10;

/// What a keyed hash stands for. Each use has a key of its own, so that hashes of one tell nothing
/// about those of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HashUse {
    /// A network that an account has signed in from.
    KnownSource,
    /// A name that does not exist, which may be a password.
    UnknownName,
    /// The head of a tenant's audit log.
    AuditHead,
}

/// For how long a server does not look whether another key has been put beside its own.
const LOOK: Duration = Duration::from_secs(1);

/// One key of 256 random bits, and those derived from it by HKDF-SHA256 (RFC 5869).
struct DerivedKeys {
    sealing: LessSafeKey,
    known_sources: hmac::Key,
    unknown_names: hmac::Key,
    audit_heads: hmac::Key,
}

impl DerivedKeys {
    fn of(bytes: &[u8; 32]) -> Result<Self, SealError> {
        let sealing = UnboundKey::new(&AES_256_GCM, bytes).map_err(|_| SealError)?;
        let root = Hkdf::<Sha256>::new(None, bytes);
        let derived = |info: &str| {
            let mut key = Zeroizing::new([0; 32]);
            root.expand(info.as_bytes(), key.as_mut_slice())
                .map_err(|_| SealError)?;
            Ok(hmac::Key::new(hmac::HMAC_SHA256, key.as_slice()))
        };
        Ok(Self {
            sealing: LessSafeKey::new(sealing),
            known_sources: derived("lumatrace known source v1")?,
            unknown_names: derived("lumatrace unknown name v1")?,
            audit_heads: derived("lumatrace audit head v1")?,
        })
    }

    fn hash(&self, purpose: HashUse, parts: &[&[u8]]) -> [u8; 32] {
        let key = match purpose {
            HashUse::KnownSource => &self.known_sources,
            HashUse::UnknownName => &self.unknown_names,
            HashUse::AuditHead => &self.audit_heads,
        };
        let mut context = hmac::Context::with_key(key);
        for part in parts {
            // With its length, so that no two lists of parts are hashed alike.
            context.update(&(part.len() as u64).to_le_bytes());
            context.update(part);
        }
        let mut hash = [0; 32];
        hash.copy_from_slice(context.sign().as_ref());
        hash
    }
}

/// The keys that seal the secrets in the database: one, or two while another takes its place.
pub struct MasterKey {
    held: RwLock<Held>,
    /// Where they are read from; `None` for those of settings, which stay as they are.
    file: Option<PathBuf>,
}

/// What was read when somebody last looked.
struct Held {
    /// The first seals, all of them open.
    keys: Arc<[DerivedKeys]>,
    looked_at: Instant,
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey(redacted)")
    }
}

/// Where the key is kept that is to take the place of the one in `path`.
pub fn next_key_file(path: &Path) -> PathBuf {
    path.with_extension("key.next")
}

impl MasterKey {
    /// Makes a key from its 32 bytes.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, SealError> {
        Ok(Self::of(vec![DerivedKeys::of(bytes)?], None))
    }

    fn of(keys: Vec<DerivedKeys>, file: Option<PathBuf>) -> Self {
        let held = Held {
            keys: keys.into(),
            looked_at: Instant::now(),
        };
        Self {
            held: RwLock::new(held),
            file,
        }
    }

    /// Makes a key from the first of these that seals, while the other one opens, too.
    ///
    /// # Errors
    ///
    /// As of [`MasterKey::from_base64`].
    pub fn from_two(first: &str, other: &str) -> Result<Self, MasterKeyError> {
        Ok(Self::of(vec![read(first)?, read(other)?], None))
    }

    /// Whether there are two keys.
    pub fn is_two(&self) -> bool {
        self.keys().len() > 1
    }

    fn held(&self) -> (Arc<[DerivedKeys]>, Instant) {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        (Arc::clone(&held.keys), held.looked_at)
    }

    /// The keys that hold now.
    fn keys(&self) -> Arc<[DerivedKeys]> {
        match self.held() {
            (_, looked_at) if self.file.is_some() && looked_at.elapsed() > LOOK => self.look(),
            (keys, _) => keys,
        }
    }

    /// Reads the files again. What cannot be read now changes nothing.
    fn look(&self) -> Arc<[DerivedKeys]> {
        let Some(Ok(keys)) = self.file.as_deref().map(read_files) else {
            return self.held().0;
        };
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        held.looked_at = Instant::now();
        held.keys = keys.into();
        Arc::clone(&held.keys)
    }

    /// HMAC-SHA256 of `parts`, in that order, under the key of their use. Whoever does not have the
    /// master key can neither compute it nor test a guess against it.
    pub fn keyed_hash(&self, purpose: HashUse, parts: &[&[u8]]) -> [u8; 32] {
        self.keyed_hashes(purpose, parts)[0]
    }

    /// The same under each of the keys, the one that seals first: what was hashed before another
    /// key came is known by one of them. There is one at least.
    pub fn keyed_hashes(&self, purpose: HashUse, parts: &[&[u8]]) -> Vec<[u8; 32]> {
        let keys = self.keys();
        keys.iter().map(|key| key.hash(purpose, parts)).collect()
    }

    /// Whether `hash` is that of `parts` under one of the keys. It may have been made a moment ago,
    /// under a key that was not there at the last look: before it says no, it looks.
    pub fn knows_hash(&self, purpose: HashUse, parts: &[&[u8]], hash: &[u8]) -> bool {
        let known = |keys: &[DerivedKeys]| keys.iter().any(|key| key.hash(purpose, parts) == hash);
        known(&self.held().0) || known(&self.look())
    }

    /// Reads 32 bytes in base64, as [`MasterKey::load_or_create`] writes them.
    ///
    /// # Errors
    ///
    /// The text is something else, or the bytes are not random.
    pub fn from_base64(text: &str) -> Result<Self, MasterKeyError> {
        Ok(Self::of(vec![read(text)?], None))
    }

    /// Reads the key from `path`, and the one beside it that is to take its place, if there is one.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or does not hold a key.
    pub fn load(path: &Path) -> Result<Self, MasterKeyError> {
        Ok(Self::of(read_files(path)?, Some(path.to_owned())))
    }

    /// Reads the key from `path`; if there is none, draws one and writes it there, readable by its
    /// owner only.
    ///
    /// Two processes that start at once end up with the same key: the file is linked into place
    /// whole, and only the first link succeeds.
    ///
    /// # Errors
    ///
    /// The file cannot be read or written, or does not hold 32 bytes in base64.
    pub fn load_or_create(path: &Path) -> Result<Self, MasterKeyError> {
        if !path.exists() {
            match Self::write_new(path, &Self::draw()) {
                Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
                    return Err(error.into());
                }
                _ => {}
            }
        }
        Self::load(path)
    }

    /// Draws a key, in base64.
    pub fn draw() -> Zeroizing<String> {
        Zeroizing::new(STANDARD.encode(*Zeroizing::new(random_bytes::<32>())))
    }

    /// Writes a key in base64 to a file that is not there yet, readable by its owner only. It is
    /// linked into place whole.
    ///
    /// # Errors
    ///
    /// The file is there, or cannot be written.
    pub fn write_new(path: &Path, text: &str) -> std::io::Result<()> {
        let own = path.with_extension(format!("new-{}", std::process::id()));
        let mut file = std::fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&own)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        let linked = std::fs::hard_link(&own, path);
        std::fs::remove_file(&own)?;
        linked
    }

    /// Encrypts `secret`; only the same key with the same `purpose` opens it.
    pub fn seal(&self, purpose: &str, secret: &[u8]) -> Result<Vec<u8>, SealError> {
        seal(&self.keys()[0].sealing, purpose.as_bytes(), secret)
    }

    /// Encrypts a tenant's name, stored to find the tenant of a credential.
    pub fn seal_route(&self, tenant: &TenantId) -> Result<Vec<u8>, SealError> {
        self.seal(ROUTE, tenant.as_str().as_bytes())
    }

    /// Decrypts the output of [`MasterKey::seal_route`].
    pub fn open_route(&self, sealed: &[u8]) -> Result<TenantId, SealError> {
        let name = self.open(ROUTE, sealed)?;
        std::str::from_utf8(&name)
            .ok()
            .and_then(TenantId::parse)
            .ok_or(SealError)
    }

    /// Decrypts the output of [`MasterKey::seal`] for the same purpose.
    pub fn open(&self, purpose: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealError> {
        let open_with = |keys: &[DerivedKeys]| {
            let opened = |key: &DerivedKeys| open(&key.sealing, purpose.as_bytes(), sealed).ok();
            keys.iter().find_map(opened)
        };
        // It may have been sealed a moment ago, under a key that was not there at the last look.
        let opened = open_with(&self.held().0).or_else(|| open_with(&self.look()));
        opened.ok_or(SealError)
    }

    /// Seals anew what another key than the first has sealed; `None` for what the first has.
    pub fn reseal(&self, purpose: &str, sealed: &[u8]) -> Result<Option<Vec<u8>>, SealError> {
        let keys = self.keys();
        if open(&keys[0].sealing, purpose.as_bytes(), sealed).is_ok() {
            return Ok(None);
        }
        let secret = self.open(purpose, sealed)?;
        seal(&keys[0].sealing, purpose.as_bytes(), &secret).map(Some)
    }

    /// The same of a tenant's name that [`MasterKey::seal_route`] has sealed.
    pub fn reseal_route(&self, sealed: &[u8]) -> Result<Option<Vec<u8>>, SealError> {
        self.reseal(ROUTE, sealed)
    }
}

/// Reads the key of a file; before it, the one that is to take its place, if there is one.
fn read_files(path: &Path) -> Result<Vec<DerivedKeys>, MasterKeyError> {
    let of = |path: &Path| read(&Zeroizing::new(std::fs::read_to_string(path)?));
    // In this order: the new file takes the old one's name while others read.
    let next = match of(&next_key_file(path)) {
        Err(MasterKeyError::Io(error)) if error.kind() == std::io::ErrorKind::NotFound => None,
        next => Some(next?),
    };
    Ok(next.into_iter().chain([of(path)?]).collect())
}

/// Reads 32 bytes in base64.
fn read(text: &str) -> Result<DerivedKeys, MasterKeyError> {
    let decoded = STANDARD.decode(text.trim());
    let bytes = Zeroizing::new(decoded.map_err(|_| MasterKeyError::Form)?);
    let bytes: &[u8; 32] = bytes
        .as_slice()
        .try_into()
        .map_err(|_| MasterKeyError::Form)?;
    if bytes.iter().collect::<HashSet<_>>().len() < FEWEST_BYTES {
        return Err(MasterKeyError::Guessable);
    }
    DerivedKeys::of(bytes).map_err(|_| MasterKeyError::Form)
}

/// Returns nonce, ciphertext and tag of `secret`.
pub(super) fn seal(key: &LessSafeKey, purpose: &[u8], secret: &[u8]) -> Result<Vec<u8>, SealError> {
    let nonce = random_bytes::<NONCE_LEN>();
    let mut sealed = Vec::with_capacity(NONCE_LEN + secret.len() + AES_256_GCM.tag_len());
    sealed.extend_from_slice(&nonce);
    sealed.extend_from_slice(secret);
    let tag = key
        .seal_in_place_separate_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(purpose),
            &mut sealed[NONCE_LEN..],
        )
        .map_err(|_| SealError)?;
    sealed.extend_from_slice(tag.as_ref());
    Ok(sealed)
}

/// Decrypts the output of [`seal`].
pub(super) fn open(
    key: &LessSafeKey,
    purpose: &[u8],
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, SealError> {
    let (nonce, ciphertext) = sealed.split_at_checked(NONCE_LEN).ok_or(SealError)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| SealError)?;
    let mut buffer = Zeroizing::new(ciphertext.to_vec());
    let length = key
        .open_in_place(nonce, Aad::from(purpose), &mut buffer)
        .map_err(|_| SealError)?
        .len();
    buffer.truncate(length);
    Ok(buffer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_secret_opens_only_with_its_key_and_purpose() {
        let key = MasterKey::from_bytes(&[7; 32]).unwrap();
        let sealed = key.seal("tenant demo", b"secret").unwrap();
        assert_eq!(
            key.open("tenant demo", &sealed).unwrap().as_slice(),
            b"secret"
        );
        assert_eq!(key.open("tenant other", &sealed), Err(SealError));
        let other = MasterKey::from_bytes(&[8; 32]).unwrap();
        assert_eq!(other.open("tenant demo", &sealed), Err(SealError));
        for at in 0..sealed.len() {
            let mut damaged = sealed.clone();
            damaged[at] ^= 1;
            assert_eq!(
                key.open("tenant demo", &damaged),
                Err(SealError),
                "byte {at}"
            );
        }
        assert_eq!(key.open("tenant demo", &sealed[..5]), Err(SealError));
    }

    #[test]
    fn a_keyed_hash_depends_on_the_key_and_on_where_each_part_ends() {
        let [one, two] = [7, 8].map(|byte| MasterKey::from_bytes(&[byte; 32]).unwrap());
        let hash = |key: &MasterKey, parts: &[&[u8]]| key.keyed_hash(HashUse::KnownSource, parts);
        assert_eq!(
            hash(&one, &[b"acme", b"press"]),
            hash(&one, &[b"acme", b"press"])
        );
        assert_ne!(
            hash(&one, &[b"acme", b"press"]),
            hash(&one, &[b"acmep", b"ress"])
        );
        assert_ne!(
            hash(&one, &[b"acme", b"press"]),
            hash(&two, &[b"acme", b"press"])
        );
    }

    #[test]
    fn of_two_keys_the_first_seals_and_both_open() {
        let [old, new] = [MasterKey::draw(), MasterKey::draw()];
        let one = MasterKey::from_base64(&old).unwrap();
        let two = MasterKey::from_two(&new, &old).unwrap();
        let sealed = one.seal("x", b"secret").unwrap();
        assert_eq!(two.open("x", &sealed).unwrap().as_slice(), b"secret");
        assert_eq!(two.open("y", &sealed), Err(SealError));
        let anew = two.reseal("x", &sealed).unwrap().unwrap();
        assert_eq!(one.open("x", &anew), Err(SealError));
        assert_eq!(two.reseal("x", &anew), Ok(None));
        let hash = one.keyed_hash(HashUse::AuditHead, &[b"x"]);
        assert_eq!(two.keyed_hashes(HashUse::AuditHead, &[b"x"])[1], hash);
        assert_ne!(two.keyed_hash(HashUse::AuditHead, &[b"x"]), hash);
    }

    #[test]
    fn a_key_that_appears_in_the_folder_opens_at_once_and_seals_a_second_later() {
        let folder = std::env::temp_dir().join(format!("lumatrace-key-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir(&folder).unwrap();
        let path = folder.join("master.key");
        let server = MasterKey::load_or_create(&path).unwrap();
        let old = MasterKey::load(&path).unwrap();
        let text = MasterKey::draw();
        let new = MasterKey::from_base64(&text).unwrap();
        MasterKey::write_new(&next_key_file(&path), &text).unwrap();
        let sealed = new.seal("x", b"secret").unwrap();
        assert_eq!(server.open("x", &sealed).unwrap().as_slice(), b"secret");
        assert!(new.open("x", &server.seal("x", b"y").unwrap()).is_ok());
        std::thread::sleep(LOOK + Duration::from_millis(50));
        assert!(new.open("x", &old.seal("x", b"y").unwrap()).is_ok());
        std::fs::rename(next_key_file(&path), &path).unwrap();
        std::thread::sleep(LOOK + Duration::from_millis(50));
        assert!(server.seal("x", b"y").is_ok() && !server.is_two());
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_key_cannot_be_printed() {
        assert_eq!(
            format!("{:?}", MasterKey::from_bytes(&[7; 32]).unwrap()),
            "MasterKey(redacted)"
        );
    }
}
