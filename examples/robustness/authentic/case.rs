//! A case: what is sent in place of a protected photograph, and what should be said of it.

use image::RgbImage;
use rand_chacha::ChaCha8Rng;

use super::{mask::Mask, scene::Scene};
use crate::attacks::{Attacked, jpeg};

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

/// What is sent, and where it was edited.
pub(crate) struct Sent {
    /// The picture or file.
    pub(crate) attacked: Attacked,
    /// The edited places of the protected photograph; nothing where there is no such place.
    pub(crate) edit: Option<Mask>,
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
    /// Sends an edited picture.
    pub(crate) fn edited(attacked: impl Into<Attacked>, edit: Mask) -> Self {
        Self {
            attacked: attacked.into(),
            edit: Some(edit),
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

    /// Makes what is sent.
    pub(crate) fn make(&self, scene: &Scene, random: &mut ChaCha8Rng) -> Sent {
        (self.function)(scene, random)
    }
}

/// A last step before something is sent: what it adds to the name, and what it does.
pub(crate) type LastStep = (&'static str, fn(RgbImage) -> Attacked);

/// As it is, and saved as a JPEG of quality 85.
pub(crate) const PLAIN_AND_JPEG: [LastStep; 2] =
    [("", Attacked::Pixels), ("_jpeg85", |i| jpeg(&i, 85).into())];
