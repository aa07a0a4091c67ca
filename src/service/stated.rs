//! What the content credentials of a received file mean for the photo that it is compared with.

use std::sync::Arc;

use super::{Context, Error};
use crate::{
    credentials::{Judgement, SIGNER_ENDED},
    db::{manifests::ManifestSummary, photos},
    domain::{
        PhotoId, TenantId,
        verdict::{C2paStatus, StatedPhoto},
    },
};

/// The content credentials of a received file.
#[derive(Debug, Clone)]
pub struct FileCredentials {
    /// What the judge found.
    pub judgement: Arc<Judgement>,
    /// The photo that a soundly signed manifest names, if it is the tenant's.
    pub photo: Option<PhotoId>,
}

impl FileCredentials {
    /// A file that carries no manifest.
    pub(super) fn missing() -> Self {
        Self {
            judgement: Arc::new(Judgement::missing(&[])),
            photo: None,
        }
    }

    /// Looks up the photo that the manifest names.
    pub(super) async fn resolve(
        ctx: &Context,
        tenant: &TenantId,
        judgement: Judgement,
        asked: Option<PhotoId>,
    ) -> Result<Self, Error> {
        let named = match judgement.status {
            C2paStatus::Valid | C2paStatus::Tampered => {
                judgement.photo.as_deref().and_then(PhotoId::parse)
            }
            C2paStatus::Invalid | C2paStatus::Missing => None,
        };
        let photo = match named {
            Some(named) if asked != Some(named) => {
                let mut tx = ctx.db.begin(tenant).await?;
                let found = photos::find(&mut tx, named).await?;
                tx.commit().await?;
                found.map(|found| found.photo)
            }
            named => named,
        };
        Ok(Self {
            judgement: Arc::new(judgement),
            photo,
        })
    }

    /// The photo that the manifest names, if it is another one than `photo`.
    pub(super) fn other_than(&self, photo: PhotoId) -> Option<PhotoId> {
        self.photo.filter(|named| *named != photo)
    }

    /// Which photo the manifest names, as seen from `photo`, whose own manifest is `own`; `marked`
    /// are photos whose marks are in the image.
    pub(super) fn stated(
        &self,
        photo: PhotoId,
        own: Option<&ManifestSummary>,
        marked: &[PhotoId],
    ) -> StatedPhoto {
        match self.photo {
            None => StatedPhoto::Unknown,
            Some(named) if named != photo && marked.contains(&named) => StatedPhoto::Both,
            Some(named) if named != photo => StatedPhoto::Other,
            Some(_) if own.is_some_and(|own| self.is(own)) => StatedPhoto::Own,
            Some(_) => StatedPhoto::This,
        }
    }

    /// The state of the credentials in a file, which may be the very file that `protect` sent.
    ///
    /// A certificate that has ended since does not make that file's manifest invalid here, where it
    /// is recorded that it was signed in time. Others need a time stamp to know that.
    pub(super) fn status(&self, exact_match: bool) -> C2paStatus {
        if exact_match && self.judgement.codes == [SIGNER_ENDED] {
            C2paStatus::Valid
        } else {
            self.judgement.status
        }
    }

    /// Whether the file carries this manifest, signed with the same certificate: the name alone can
    /// be copied.
    fn is(&self, own: &ManifestSummary) -> bool {
        let signer = self.judgement.signer.as_ref();
        self.judgement.manifest_id.as_deref() == Some(&*own.manifest_id)
            && signer
                .is_some_and(|signer| signer.certificate_sha256[..] == own.certificate_sha256[..])
    }
}
