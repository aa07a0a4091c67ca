//! A tenant's secret, and the keys derived from it by HKDF-SHA256 (RFC 5869).

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, LessSafeKey, UnboundKey};
use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

use super::{
    MasterKey, SealError,
    master_key::{open, seal},
    random_bytes,
};
use crate::domain::{PhotoId, TenantId};

/// 256 random bits of one tenant, from which the watermark keys of its photos are derived.
pub struct TenantSecret(Zeroizing<[u8; 32]>);

impl fmt::Debug for TenantSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TenantSecret(redacted)")
    }
}

impl TenantSecret {
    /// Draws a secret for a new tenant.
    pub fn random() -> Self {
        Self(Zeroizing::new(random_bytes()))
    }

    /// The 32 bytes, as the watermark's key derivation takes them.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Encrypts the secret for the database.
    pub fn seal(&self, master: &MasterKey, tenant: &TenantId) -> Result<Vec<u8>, SealError> {
        master.seal(&purpose(tenant), self.0.as_slice())
    }

    /// Decrypts the output of [`TenantSecret::seal`] for the same tenant.
    pub fn open(master: &MasterKey, tenant: &TenantId, sealed: &[u8]) -> Result<Self, SealError> {
        let secret = master.open(&purpose(tenant), sealed)?;
        let bytes = secret.as_slice().try_into().map_err(|_| SealError)?;
        Ok(Self(Zeroizing::new(bytes)))
    }

    /// Seals a stored secret under the master key's first; `None` where it is.
    pub fn reseal(
        master: &MasterKey,
        tenant: &TenantId,
        sealed: &[u8],
    ) -> Result<Option<Vec<u8>>, SealError> {
        master.reseal(&purpose(tenant), sealed)
    }

    /// Encrypts a photo's record under a key of its own, derived with a fresh salt. Returns the
    /// sealed record and the salt.
    ///
    /// Without the salt the key cannot be derived again: destroying the salt destroys the record.
    pub fn seal_record(
        &self,
        photo: PhotoId,
        record: &[u8],
    ) -> Result<(Vec<u8>, [u8; 32]), SealError> {
        let salt = random_bytes();
        let sealed = seal(
            &self.record_key(photo, &salt)?,
            photo.as_uuid().as_bytes(),
            record,
        )?;
        Ok((sealed, salt))
    }

    /// Decrypts the output of [`TenantSecret::seal_record`].
    pub fn open_record(
        &self,
        photo: PhotoId,
        sealed: &[u8],
        salt: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, SealError> {
        open(
            &self.record_key(photo, salt)?,
            photo.as_uuid().as_bytes(),
            sealed,
        )
    }

    fn record_key(&self, photo: PhotoId, salt: &[u8]) -> Result<LessSafeKey, SealError> {
        let mut key = Zeroizing::new([0; 32]);
        let photo = photo.as_uuid();
        let info = [b"lumatrace record v1".as_slice(), photo.as_bytes()];
        Hkdf::<Sha256>::new(Some(salt), self.0.as_slice())
            .expand_multi_info(&info, key.as_mut_slice())
            .map_err(|_| SealError)?;
        let key = UnboundKey::new(&AES_256_GCM, key.as_slice()).map_err(|_| SealError)?;
        Ok(LessSafeKey::new(key))
    }
}

fn purpose(tenant: &TenantId) -> String {
    format!("lumatrace tenant secret v1 {tenant}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_opens_only_for_its_tenant_photo_and_salt() {
        let (tenant, photo) = (TenantSecret::random(), PhotoId::random());
        let (sealed, salt) = tenant.seal_record(photo, b"record").unwrap();
        assert_eq!(
            tenant
                .open_record(photo, &sealed, &salt)
                .unwrap()
                .as_slice(),
            b"record"
        );
        assert!(
            tenant
                .open_record(PhotoId::random(), &sealed, &salt)
                .is_err()
        );
        assert!(tenant.open_record(photo, &sealed, &[0; 32]).is_err());
        assert!(
            TenantSecret::random()
                .open_record(photo, &sealed, &salt)
                .is_err()
        );
    }

    #[test]
    fn a_secret_is_sealed_for_its_tenant() {
        let master = MasterKey::from_bytes(&[1; 32]).unwrap();
        let (one, two) = (
            TenantId::parse("one").unwrap(),
            TenantId::parse("two").unwrap(),
        );
        let secret = TenantSecret::random();
        let sealed = secret.seal(&master, &one).unwrap();
        let opened = TenantSecret::open(&master, &one, &sealed).unwrap();
        assert_eq!(opened.as_bytes(), secret.as_bytes());
        assert!(TenantSecret::open(&master, &two, &sealed).is_err());
    }
}
