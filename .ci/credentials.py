"""Content credentials, as others see them: python credentials.py URL TENANT USERNAME PASSWORD

Protects a JPEG, a PNG and a WebP, and has two validators that are not ours read them; then strips one as platforms do, and finds its
manifest again. Needs requests, Pillow, c2pa-python and encypher-c2pa.
"""

import io
import json
import sys

import c2pa
import encypher_c2pa
import requests
from PIL import Image, ImageDraw

LARGEST_ADDITION = 5200


def picture():
    """A picture with enough in it to carry the mark: shapes over a gradient, and grain."""
    image = Image.effect_noise((1024, 768), 40).convert("RGB")
    draw = ImageDraw.Draw(image, "RGBA")
    for index in range(60):
        x, y = index * 173 % 1000, index * 311 % 740
        colour = (index * 37 % 256, index * 91 % 256, index * 53 % 256, 170)
        draw.ellipse((x, y, x + 40 + index * 3, y + 30 + index * 2), fill=colour)
    return image


def encoded(image, form, **options):
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def by_c2pa_python(file, media_type, root):
    settings = {
        "trust": {"anchors": [{"trust_anchors": root, "trust_kind": "manifest"}]},
        "verify": {"remote_manifest_fetch": False},
    }
    context = c2pa.Context(c2pa.Settings.from_dict(settings))
    report = json.loads(c2pa.Reader(media_type, io.BytesIO(file), context=context).json())
    failures = report["validation_results"]["activeManifest"]["failure"]
    assert report["validation_state"] == "Trusted" and failures == [], report["validation_results"]


def by_encypher(file, media_type, root):
    report = encypher_c2pa.verify(file, media_type, trust_pem=root, no_default_trust=True, telemetry=False)
    assert (report["integrity"], report["validation_state"]) == ("valid", "Trusted"), report


def main(url, tenant, username, password):
    session = requests.Session()
    sign_in = {"tenantId": tenant, "username": username, "password": password}
    token = session.post(f"{url}/api/v1/auth/login", json=sign_in).json()["token"]
    session.headers["Authorization"] = f"Bearer {token}"
    root = session.get(f"{url}/.well-known/c2pa/anchors.pem").text
    image = picture()
    for form, media_type, options in [
        ("JPEG", "image/jpeg", {"quality": 92}),
        ("PNG", "image/png", {}),
        ("WEBP", "image/webp", {"quality": 90}),
    ]:
        upload = encoded(image, form, **options)
        answer = session.post(f"{url}/api/v1/photos/protect", files={"image": ("photo", upload, media_type)})
        answer.raise_for_status()
        assert answer.headers["X-C2PA-Status"] == "SIGNED", answer.headers
        photo, file = answer.headers["X-Photo-Id"], answer.content
        by_c2pa_python(file, media_type, root)
        by_encypher(file, media_type, root)
        manifest = session.get(f"{url}/api/v1/photos/{photo}/manifest")
        manifest.raise_for_status()
        assert len(manifest.content) + 200 <= LARGEST_ADDITION, len(manifest.content)
        assert b"\xff\xd8\xff" not in manifest.content

        stripped = encoded(Image.open(io.BytesIO(file)).convert("RGB").resize((512, 384)), "JPEG", quality=60)
        matches = session.post(f"{url}/api/v1/photos/identify", files={"image": stripped}).json()["matches"]
        assert [match["photoId"] for match in matches] == [photo], matches
        found = matches[0]["c2pa"]
        assert (matches[0]["verdict"], found["status"]) == ("RECOVERED", "MISSING"), matches
        again = session.get(url + found["recovered"]["url"])
        assert again.content == manifest.content and found["recovered"]["manifestId"] in again.headers.values()
        print(f"{form}: valid and trusted by both, manifest {len(manifest.content)} bytes, found again from a stripped copy")


if __name__ == "__main__":
    main(*sys.argv[1:])
