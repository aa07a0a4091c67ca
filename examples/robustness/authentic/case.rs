//! A case: what is sent in place of a protected photograph, and what should be said of it.

use image::RgbImage;
use rand_chacha::ChaCha8Rng;

use super::{mask::Mask, scene::Scene};
use crate::attacks::{Attacked, generator, jpeg};

/// What is right to say.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expected {
    /// Authentic: handling of a severity, no change of content.
    Benign(u8),
    /// Anything but authentic: mostly or wholly another picture.
    Other,
    /// Altered, with a region on the edit.
    Edited,
    /// Cut and partly covered in the open: that the mark is detected is what counts.
    Covered,
}

impl Expected {
    /// Severity of what is benign, else 0.
    pub(crate) fn severity(self) -> u8 {
        match self {
            Self::Benign(severity) => severity,
            _ => 0,
        }
    }
}

/// What is sent, and what was edited in it.
pub(crate) struct Sent {
    /// The picture or file.
    pub(crate) attacked: Attacked,
    /// The edit; nothing where no place of the photograph was edited.
    pub(crate) edit: Option<Edit>,
}

/// An edit.
pub(crate) struct Edit {
    /// Its places in the protected photograph.
    pub(crate) mask: Mask,
    /// Mean change there, in grey levels.
    pub(crate) change: f64,
}

impl<A: Into<Attacked>> From<A> for Sent {
    fn from(attacked: A) -> Self {
        Self {
            attacked: attacked.into(),
            edit: None,
        }
    }
}

impl Sent {
    /// Sends an edited picture after a last step; `before` is the same picture without the edit.
    pub(crate) fn edited(
        before: &RgbImage,
        (edited, mask): (RgbImage, Mask),
        last: fn(&RgbImage) -> Attacked,
    ) -> Self {
        let change = mask.change(before, &edited);
        Self {
            attacked: last(&edited),
            edit: Some(Edit { mask, change }),
        }
    }
}

/// What makes it: the photographs at hand and random numbers of its own.
type Function = Box<dyn Fn(&Scene, &mut ChaCha8Rng) -> Sent + Send + Sync>;

/// A named case.
pub(crate) struct Case {
    /// Its group.
    pub(crate) group: &'static str,
    /// Its name; what follows a slash tells variants apart that are counted together.
    pub(crate) name: String,
    /// What is right to say.
    pub(crate) expected: Expected,
    function: Function,
}

impl Case {
    /// Names a case.
    pub(crate) fn new<S: Into<Sent>>(
        group: &'static str,
        name: impl Into<String>,
        expected: Expected,
        function: impl Fn(&Scene, &mut ChaCha8Rng) -> S + Send + Sync + 'static,
    ) -> Self {
        Self {
            group,
            name: name.into(),
            expected,
            function: Box::new(move |scene, random| function(scene, random).into()),
        }
    }

    /// The name without the variant.
    pub(crate) fn counted_as(&self) -> &str {
        self.name
            .split_once('/')
            .map_or(&self.name, |(name, _)| name)
    }

    /// Makes what is sent of a photograph.
    pub(crate) fn make(&self, scene: &Scene, photo: &str) -> Sent {
        let mut random = generator(&format!("{}.{}.{photo}", self.group, self.name));
        (self.function)(scene, &mut random)
    }
}

/// A last step before something is sent: what it adds to the name, and what it does.
pub(crate) type LastStep = (&'static str, fn(&RgbImage) -> Attacked);

/// As it is, and saved as a JPEG of quality 85.
pub(crate) const PLAIN_AND_JPEG: [LastStep; 2] = [("", plain), ("_jpeg85", jpeg85)];

/// Leaves the picture as it is.
pub(crate) fn plain(picture: &RgbImage) -> Attacked {
    picture.clone().into()
}

/// Saves a JPEG of quality 85.
pub(crate) fn jpeg85(picture: &RgbImage) -> Attacked {
    jpeg(picture, 85).into()
}
