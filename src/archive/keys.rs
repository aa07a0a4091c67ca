//! Keys of archives: age's recipients and identities, or a passphrase.

use std::{fmt, fs, path::Path};

use age::{scrypt, x25519};
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use super::ArchiveError;

/// Fewest characters of a passphrase. Whoever has the file may try as many as he likes, each of
/// which costs him a second and 256 MB.
const SHORTEST_PASSPHRASE: usize = 12;

/// Cost of a passphrase: scrypt with N = 2^18, r = 8, p = 1, as the age program has it.
const WORK_FACTOR: u8 = 18;
/// The most that is spent on a file of others: four seconds and a gigabyte.
const MOST_WORK: u8 = 20;

/// Who can read an archive that is written.
pub enum Encryption {
    /// Whoever has the identity of one of these recipients.
    Recipients(Vec<x25519::Recipient>),
    /// Whoever knows the passphrase.
    Passphrase(SecretString),
}

/// What opens an archive.
pub enum Decryption {
    /// Identities, of which one may fit.
    Identities(Vec<x25519::Identity>),
    /// The passphrase.
    Passphrase(SecretString),
}

impl fmt::Debug for Encryption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Encryption(redacted)")
    }
}

impl fmt::Debug for Decryption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Decryption(redacted)")
    }
}

impl Encryption {
    /// Encrypts to recipients, as `age1...`.
    ///
    /// # Errors
    ///
    /// The first that is none.
    pub fn to_recipients(names: &[String]) -> Result<Self, ArchiveError> {
        let read = |name: &String| {
            name.parse().map_err(|_| {
                ArchiveError::NoKey(format!(
                    "{name} is no recipient of age, which begin with age1"
                ))
            })
        };
        names
            .iter()
            .map(read)
            .collect::<Result<_, _>>()
            .map(Self::Recipients)
    }

    /// Encrypts under the passphrase of a file.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or the passphrase is short.
    pub fn with_passphrase_file(file: &Path) -> Result<Self, ArchiveError> {
        let passphrase = passphrase(file)?;
        if passphrase.expose_secret().chars().count() < SHORTEST_PASSPHRASE {
            return Err(ArchiveError::NoKey(format!(
                "the passphrase in {} has fewer than {SHORTEST_PASSPHRASE} characters",
                file.display()
            )));
        }
        Ok(Self::Passphrase(passphrase))
    }

    pub(super) fn encryptor(&self) -> Result<age::Encryptor, ArchiveError> {
        let made = match self {
            Self::Recipients(recipients) => {
                age::Encryptor::with_recipients(recipients.iter().map(|one| one as _))
            }
            Self::Passphrase(passphrase) => {
                let mut recipient = scrypt::Recipient::new(passphrase.clone());
                recipient.set_work_factor(WORK_FACTOR);
                age::Encryptor::with_recipients(std::iter::once(&recipient as _))
            }
        };
        made.map_err(|_| ArchiveError::NoKey("no recipient is given".to_owned()))
    }
}

impl Decryption {
    /// The identities of a file as `age-keygen` writes it.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or has none.
    pub fn with_identity_file(file: &Path) -> Result<Self, ArchiveError> {
        let text = read(file)?;
        let lines = text.lines().map(str::trim);
        let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
        let identities: Result<Vec<_>, _> = lines.map(str::parse).collect();
        match identities {
            Ok(identities) if !identities.is_empty() => Ok(Self::Identities(identities)),
            _ => Err(ArchiveError::NoKey(format!(
                "{} is no file of age identities, whose lines begin with AGE-SECRET-KEY-1",
                file.display()
            ))),
        }
    }

    /// The passphrase of a file.
    ///
    /// # Errors
    ///
    /// The file cannot be read.
    pub fn with_passphrase_file(file: &Path) -> Result<Self, ArchiveError> {
        passphrase(file).map(Self::Passphrase)
    }

    pub(super) fn open<R: std::io::Read>(
        &self,
        file: age::Decryptor<R>,
    ) -> Result<age::stream::StreamReader<R>, ArchiveError> {
        let opened = match self {
            Self::Identities(identities) => file.decrypt(identities.iter().map(|one| one as _)),
            Self::Passphrase(passphrase) => {
                let mut identity = scrypt::Identity::new(passphrase.clone());
                identity.set_max_work_factor(MOST_WORK);
                file.decrypt(std::iter::once(&identity as _))
            }
        };
        opened.map_err(|error| match error {
            age::DecryptError::Io(error) => ArchiveError::reading(error),
            _ => ArchiveError::Key,
        })
    }
}

fn read(file: &Path) -> Result<Zeroizing<String>, ArchiveError> {
    let text = fs::read_to_string(file).map(Zeroizing::new);
    text.map_err(|error| ArchiveError::NoKey(format!("{}: {error}", file.display())))
}

/// The first line of a file.
fn passphrase(file: &Path) -> Result<SecretString, ArchiveError> {
    let text = read(file)?;
    match text.lines().next() {
        Some(line) if !line.is_empty() => Ok(SecretString::from(line)),
        _ => Err(ArchiveError::NoKey(format!("{} is empty", file.display()))),
    }
}
