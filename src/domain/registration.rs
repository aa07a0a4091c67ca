//! A client's statements about a photo.

use super::ContentHash;

/// A place on Earth, in WGS 84 degrees.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Place {
    latitude: f64,
    longitude: f64,
}

impl Place {
    /// Accepts a latitude of -90 to 90 and a longitude of -180 to 180 degrees.
    pub fn new(latitude: f64, longitude: f64) -> Option<Self> {
        let fits = (-90.0..=90.0).contains(&latitude) && (-180.0..=180.0).contains(&longitude);
        fits.then_some(Self {
            latitude,
            longitude,
        })
    }

    /// Degrees north, -90 to 90.
    pub fn latitude(self) -> f64 {
        self.latitude
    }

    /// Degrees east, -180 to 180.
    pub fn longitude(self) -> f64 {
        self.longitude
    }
}

/// A client's statements about a photo, all of them optional.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Registration {
    /// SHA-256 of the image as the client has it.
    pub content_hash: Option<ContentHash>,
    /// The camera, as the client calls it.
    pub device_model: Option<String>,
    /// What the client calls the photo.
    pub label: Option<String>,
    /// The photo's id in the client's own system.
    pub external_id: Option<String>,
    /// Where the photo was taken; `None` if the client did not say.
    pub place: Option<Place>,
    /// Whether the place may appear in public manifests.
    pub publish_location: bool,
}

/// Text without case, so that labels are found however they are written: `Straße` is `STRASSE`.
///
/// Nearly the full case folding of Unicode (section 3.13): each character's upper case in lower
/// case.
pub fn without_case(text: &str) -> String {
    let upper = text.chars().flat_map(char::to_uppercase);
    upper.flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_without_case_is_the_same_however_it_is_written() {
        for (one, other) in [
            ("Zürich 7", "zÜRICH 7"),
            ("Straße", "STRASSE"),
            ("ΟΔΟΣ", "οδος"),
            ("Жизнь", "жИЗНЬ"),
        ] {
            assert_eq!(without_case(one), without_case(other));
        }
        assert_ne!(without_case("Zürich"), without_case("Zurich"));
        assert_eq!(without_case("100%_\\"), "100%_\\");
    }

    #[test]
    fn places_lie_on_the_globe() {
        assert!(Place::new(-90.0, 180.0).is_some());
        for (latitude, longitude) in [
            (90.1, 0.0),
            (0.0, -180.1),
            (f64::NAN, 0.0),
            (0.0, f64::INFINITY),
        ] {
            assert_eq!(Place::new(latitude, longitude), None);
        }
    }
}
