//! The shapes of what is sent and answered about photos.

use serde_json::{Value, json};

use super::schema::{
    count, flag, hash, line, list, named, number, object, one_of, or_null, page, real, so_many,
    text, time, uuid,
};

/// The schemas of the bodies of [`super::photos`].
pub(super) fn schemas() -> Vec<(&'static str, Value)> {
    let mut all = requests();
    all.extend(answers());
    all.extend(verification());
    all.extend(words());
    all
}

/// What a client may tell about a photo; null is as good as nothing.
fn told() -> [(&'static str, Value); 5] {
    [
        ("contentHash", or_null(hash("SHA-256 of the file."))),
        (
            "deviceModel",
            or_null(line(0, 256, "In a client's own words.")),
        ),
        (
            "latitude",
            or_null(number(-90.0, 90.0, "Beside `longitude` only.")),
        ),
        (
            "longitude",
            or_null(number(-180.0, 180.0, "Beside `latitude` only.")),
        ),
        (
            "publishLocation",
            or_null(flag("The place may be published. False without it.")),
        ),
    ]
}

fn requests() -> Vec<(&'static str, Value)> {
    let optional = [
        "contentHash",
        "deviceModel",
        "latitude",
        "longitude",
        "publishLocation",
        "photoId",
        "metadata",
    ];
    let mut registration = object(&optional, told());
    let [hash, device, latitude, longitude, publish] = told();
    let policies = ["keep", "strip-gps", "strip-all"];
    let mut request = object(
        &optional,
        [
            hash,
            device,
            latitude,
            longitude,
            publish,
            (
                "photoId",
                or_null(uuid("A registered photo that is not protected yet.")),
            ),
            (
                "metadata",
                or_null(one_of(
                    &policies,
                    "What becomes of the file's metadata. `keep`, the default: all that is still true. `strip-gps`: no place and no smaller \
                     picture is left. `strip-all`: only colour, density and orientation. `X-Metadata-Dropped` names what went.",
                )),
            ),
        ],
    );
    for schema in [&mut registration, &mut request] {
        let both = |one: &str, other: &str| {
            let is_there = |name: &str| json!({ "required": [name], "properties": { name: { "type": "number" } } });
            json!({ "if": is_there(one), "then": is_there(other) })
        };
        schema["allOf"] = json!([both("latitude", "longitude"), both("longitude", "latitude")]);
    }
    let image = json!({
        "type": "string",
        "contentMediaType": "image/*",
        "description": "A still JPEG, PNG or WebP. The bytes decide, not the declared type.",
    });
    let protect = object(
        &["request"],
        [
            ("image", image.clone()),
            ("request", named("ProtectRequest")),
        ],
    );
    let verify = object(
        &["policy"],
        [
            ("image", image.clone()),
            ("photoId", uuid("The photo that the image is said to be.")),
            (
                "policy",
                one_of(
                    &["standard", "strict"],
                    "`strict` asks for content credentials too, and that alterations were looked for.",
                ),
            ),
        ],
    );
    vec![
        ("Registration", registration),
        ("ProtectRequest", request),
        ("PhotoToProtect", protect),
        ("PhotoToVerify", verify),
        ("PhotoToIdentify", object(&[], [("image", image)])),
    ]
}

fn answers() -> Vec<(&'static str, Value)> {
    let receipt = object(
        &["contentHash"],
        [
            ("photoId", uuid("The photo.")),
            ("tenantId", text("The tenant.")),
            ("createdAt", time("When it was registered.")),
            ("contentHash", hash("The SHA-256 that was sent.")),
            ("signature", text("A detached JWS.")),
        ],
    );
    let [_, device, latitude, longitude, _] = told();
    let photo = object(
        &[],
        [
            ("photoId", uuid("The photo.")),
            ("tenantId", text("The tenant.")),
            ("createdAt", time("When it was registered.")),
            (
                "contentHash",
                or_null(hash("SHA-256 of the file that came.")),
            ),
            device,
            latitude,
            longitude,
            ("publishLocation", flag("The place may be published.")),
            ("protectedAt", or_null(time("When it was protected."))),
            (
                "protectedSha256",
                or_null(hash("SHA-256 of the file that was sent back.")),
            ),
            ("format", or_null(text("The format of that file."))),
            ("width", or_null(count("In pixels."))),
            ("height", or_null(count("In pixels."))),
            (
                "protectionLevel",
                or_null(one_of(&["FULL", "LIMITED"], "How well the mark reads.")),
            ),
        ],
    );
    let found = object(
        &[],
        [
            ("photoId", uuid("The photo.")),
            ("authentic", authentic()),
            ("confidenceScore", number(0.0, 100.0, "For people.")),
            ("watermarkStatus", named("WatermarkStatus")),
            ("verdict", named("Verdict")),
            ("alteration", named("Alteration")),
        ],
    );
    vec![
        ("Receipt", receipt),
        ("Photo", photo),
        ("PhotoPage", page("Photo")),
        ("Match", found),
        (
            "Identification",
            object(&[], [("matches", list(&named("Match")))]),
        ),
    ]
}

/// The answer itself.
fn authentic() -> Value {
    flag(
        "The mark of this photo is there, what is seen agrees with the protected content, no alteration was found, and the policy \
         is met. What was cut off, what lies around the photo, and alterations smaller than `smallestVisible` are not spoken for.",
    )
}

fn verification() -> Vec<(&'static str, Value)> {
    let classes = [
        "NONE",
        "COMPRESSION",
        "RESIZE",
        "CROP",
        "STRUCTURAL_ALTERATION",
    ];
    let share = |about| number(0.0, 1.0, about);
    let (transform, region) = places();
    let mark = mark();
    let verification = object(
        &[],
        [
            ("authentic", authentic()),
            ("confidenceScore", number(0.0, 100.0, "For people.")),
            ("photoId", uuid("The photo.")),
            ("tenantId", text("The tenant.")),
            (
                "policy",
                one_of(&["standard", "strict"], "What was asked for."),
            ),
            ("verdict", named("Verdict")),
            (
                "c2paStatus",
                one_of(&["MISSING"], "Content credentials are not read yet."),
            ),
            ("watermarkStatus", named("WatermarkStatus")),
            (
                "tamperClass",
                one_of(
                    &classes,
                    "What was done to the picture. `STRUCTURAL_ALTERATION` exactly where `alteration` is `FOUND`.",
                ),
            ),
            ("watermark", mark),
            ("transform", or_null(transform)),
            ("alteration", named("Alteration")),
            (
                "compared",
                share("The share of the protected photo that was seen and could be compared."),
            ),
            (
                "smallestVisible",
                or_null(share(
                    "The share of the photo's area from which a replacement in this very copy is found nine times in ten. 0 for the very \
                     pixels; null where that cannot be said.",
                )),
            ),
            ("tamperedRegions", list(&named("Region"))),
            (
                "exactMatch",
                flag("The bytes are those that `protect` sent."),
            ),
            (
                "message",
                text("One sentence for a person: what is said to be so, and what is not."),
            ),
        ],
    );
    vec![("Verification", verification), ("Region", region)]
}

/// The evidence for the mark.
fn mark() -> Value {
    object(
        &[],
        [
            (
                "zScore",
                real("The score, rounded down in steps of 6 from the threshold."),
            ),
            (
                "falsePositiveProbability",
                number(
                    0.0,
                    1.0,
                    "At most so likely an unmarked image scores so high. Never below 1e-30.",
                ),
            ),
            ("threshold", real("The score from which a mark counts.")),
        ],
    )
}

/// Where the photo lies in an image, and where something was altered.
fn places() -> (Value, Value) {
    let quad = |about| {
        let point = so_many(2, &json!({ "type": "number" }), "x, y.");
        so_many(4, &point, about)
    };
    let transform = object(
        &[],
        [
            ("scaleX", real("Width against the protected photo.")),
            ("scaleY", real("Height against it.")),
            ("rotationDegrees", real("Turn.")),
            ("flipped", flag("Mirrored.")),
            ("negative", flag("Light and dark are exchanged.")),
            ("cropKept", real("The share of the area that is left.")),
            (
                "corners",
                quad(
                    "The protected photo's corners in the received image, in fractions of its sides, from the upper left clockwise. \
                     They lie outside of 0 to 1 where the photo was cut.",
                ),
            ),
            (
                "matrix",
                so_many(
                    9,
                    &json!({ "type": "number" }),
                    "Homography, row by row: from the protected photo to the received image, both from 0 to 1.",
                ),
            ),
        ],
    );
    let region = object(
        &[],
        [
            ("x", real("Left edge.")),
            ("y", real("Upper edge.")),
            ("width", real("Width.")),
            ("height", real("Height.")),
            ("score", number(0.0, 1.0, "How clear it is.")),
            (
                "quad",
                quad("The same place in the received image, in fractions of its sides."),
            ),
        ],
    );
    (transform, region)
}

fn words() -> Vec<(&'static str, Value)> {
    let verdict = one_of(
        &["INTACT", "RECOVERED", "ALTERED", "CONFLICT", "UNKNOWN"],
        "`INTACT`: the very file. `RECOVERED`: the mark is there, the file has changed; `authentic` tells whether its content is \
         vouched for. `ALTERED`: the mark is there, parts of the picture are not what was protected. `CONFLICT`: the mark sits on other \
         content. `UNKNOWN`: no mark of this photo.",
    );
    let status = one_of(
        &["DETECTED", "MARGINAL", "NOT_FOUND"],
        "`MARGINAL` is too weak to count.",
    );
    let alteration = one_of(
        &["NONE_FOUND", "FOUND", "UNCERTAIN", "NOT_EXAMINED"],
        "Whether content was replaced, erased, painted over or recoloured. `FOUND`: in `tamperedRegions`, or all of it under \
         `CONFLICT`. `UNCERTAIN`: something deviates, or the content agrees only in part; never authentic. `NOT_EXAMINED`: the record of \
         strict privacy cannot tell, or no mark was detected.",
    );
    vec![
        ("Verdict", verdict),
        ("WatermarkStatus", status),
        ("Alteration", alteration),
    ]
}
