//! Files that the tests sign, with certificates of their own.

use std::{io::Cursor, sync::Arc};

use bytes::Bytes;
use c2pa::{Builder, BuilderIntent, Context};
use serde_json::{Value, json};

use super::super::{Anchors, Judge, Judgement};
use crate::{
    credentials::{
        PHOTO_ASSERTION,
        authority::Authority,
        signing::{Algorithm, SigningIdentity},
    },
    imaging::Format,
};

pub(super) const PHOTO: &str = "7f6c0e0a-8a3b-4c2e-9a55-1d8b6a3f2c10";

/// A house with a certificate authority.
pub(super) struct House {
    pub(super) root: String,
    identity: SigningIdentity,
}

impl House {
    pub(super) fn new(name: &str) -> Self {
        #[expect(
            clippy::disallowed_methods,
            reason = "the c2pa crate takes the time from the air"
        )]
        let now = time::OffsetDateTime::now_utc();
        let authority = Authority::make(now, name, Algorithm::Es256).unwrap();
        let (chain, key) = authority.issue_leaf(Algorithm::Es256, now).unwrap();
        Self {
            root: authority.root_pem(),
            identity: SigningIdentity::new(chain, &key).unwrap(),
        }
    }

    /// Signs a file over a parent, with an assertion that names photos.
    pub(super) fn sign_over(
        &self,
        file: &[u8],
        format: Format,
        parent: &[u8],
        photos: &[Value],
    ) -> Vec<u8> {
        let mut builder = builder(format, photos);
        let ingredient =
            json!({"title": "original", "relationship": "parentOf", "label": "parent"});
        builder
            .add_ingredient_from_stream(
                ingredient.to_string(),
                format.content_type(),
                &mut Cursor::new(parent),
            )
            .unwrap();
        self.finish(&mut builder, file, format)
    }

    /// Signs a file over itself.
    pub(super) fn sign(&self, file: &[u8], format: Format) -> Vec<u8> {
        self.sign_over(file, format, file, &[json!({ "photoId": PHOTO })])
    }

    /// Adds an update manifest to a signed file: one without a binding of its own.
    pub(super) fn update(&self, signed: &[u8], format: Format) -> Vec<u8> {
        let mut builder = Builder::from_shared_context(&context());
        builder.set_intent(BuilderIntent::Update);
        self.finish(&mut builder, signed, format)
    }

    fn finish(&self, builder: &mut Builder, file: &[u8], format: Format) -> Vec<u8> {
        let mut signed = Cursor::new(Vec::new());
        let mut source = Cursor::new(file);
        builder
            .sign(
                &self.identity,
                format.content_type(),
                &mut source,
                &mut signed,
            )
            .unwrap();
        signed.into_inner()
    }

    /// A judge that trusts this house.
    pub(super) fn judge(&self) -> Judge {
        let manifest = vec![self.root.clone()];
        Judge::new(&Anchors {
            manifest,
            tsa: Vec::new(),
        })
        .unwrap()
    }
}

fn context() -> Arc<Context> {
    let settings = json!({
        "verify": {"remote_manifest_fetch": false},
        "builder": {
            "thumbnail": {"enabled": false},
            "actions": {
                "auto_opened_action": {"enabled": false},
                "auto_created_action": {"enabled": false},
                "auto_placed_action": {"enabled": false},
            },
        },
    });
    Arc::new(Context::new().with_settings(settings).unwrap())
}

fn builder(format: Format, photos: &[Value]) -> Builder {
    let opened = json!({"action": "c2pa.opened", "parameters": {"ingredientIds": ["parent"]}});
    let mut assertions =
        vec![json!({"label": "c2pa.actions.v2", "created": true, "data": {"actions": [opened]}})];
    assertions.extend(photos.iter().map(
        |data| json!({"label": PHOTO_ASSERTION, "kind": "Json", "created": true, "data": data}),
    ));
    let definition = json!({
        "claim_version": 2,
        "claim_generator_info": [{"name": "test", "version": "1"}],
        "title": "a\u{202e}title\u{7}",
        "format": format.content_type(),
        "assertions": assertions,
    });
    Builder::from_shared_context(&context())
        .with_definition(definition.to_string().as_str())
        .unwrap()
}

pub(super) fn judge(judge: &Judge, file: &[u8], format: Format) -> Judgement {
    judge.judge(&Bytes::copy_from_slice(file), format)
}
