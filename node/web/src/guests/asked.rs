//! The table of the guests' routes.

use serde_json::Value as Json;

use crate::backend::Rows;
use crate::guests::backend::{Heights, Proof};
use crate::inputs::Inputs;
use crate::problem::Problem;
use crate::routes::{Kind, Method, Param, must, param};
use crate::table::{AFTER, EQUAL, FROM, INDEX, LIMIT, MOST, PREFIX, TO, USUAL, WORDS};

/// Bytes of a JSON body.
const JSON_MAX: usize = 160 << 10;
/// Bytes of what is pushed at once.
const PUSH_MAX: usize = 1 << 20;
/// Bytes of what a stranger says of itself: a profile and a few statements take 2 KiB.
pub(super) const PROFILE_MAX: usize = 64 << 10;
/// Feeds of which a guest says how far it has them; a relation has a few devices.
const HAVE_MAX: usize = 256;

/// What a route does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Does {
    Here,
    Rows,
    Row,
    Manifest,
    Uis,
    Image,
    Module,
    Challenge,
    Session,
    Found,
    Pull,
    Push,
    Stream,
    News,
}

/// A route.
pub(super) struct Route {
    pub(super) method: Method,
    pub(super) path: &'static str,
    /// Whether it wants a session.
    pub(super) session: bool,
    pub(super) query: &'static [Param],
    pub(super) body: &'static [Param],
    pub(super) does: Does,
}

impl Route {
    /// Bytes of its body.
    pub(super) fn body_max(&self) -> usize {
        match self.does {
            Does::Push => PUSH_MAX,
            _ => JSON_MAX,
        }
    }
}

/// What a guest asks of rows. Not from the end to the front: that reads all of the range
/// first.
const ROWS: &[Param] = &[PREFIX, INDEX, EQUAL, FROM, TO, LIMIT, AFTER, WORDS, SORTED];
const SORTED: Param = param(
    "sorted",
    Kind::Flag,
    "what is offered, as people look through it; for items, without an index",
);

const fn route(method: Method, path: &'static str, does: Does) -> Route {
    Route {
        method,
        path,
        session: false,
        query: &[],
        body: &[],
        does,
    }
}

const fn inside(method: Method, path: &'static str, does: Does) -> Route {
    Route {
        session: true,
        ..route(method, path, does)
    }
}

/// All of them.
pub(super) static ROUTES: &[Route] = &[
    route(Method::Get, "/here", Does::Here),
    Route {
        query: ROWS,
        ..route(Method::Get, "/spaces/{topic}/views/{view}", Does::Rows)
    },
    route(Method::Get, "/spaces/{topic}/rows/{view}/{*key}", Does::Row),
    route(Method::Get, "/spaces/{topic}/manifest", Does::Manifest),
    route(Method::Get, "/spaces/{topic}/stream", Does::News),
    route(Method::Get, "/uis", Does::Uis),
    route(Method::Get, "/blobs/{hash}", Does::Image),
    route(Method::Get, "/reducers/{hash}", Does::Module),
    route(Method::Post, "/challenge", Does::Challenge),
    Route {
        body: &[
            must("device", Kind::Text, "the guest's device"),
            must("challenge", Kind::Text, "what it was to sign"),
            must("signature", Kind::Text, "the device's signature"),
            param(
                "bundle",
                Kind::Text,
                "its profile and identity statements, base64",
            ),
        ],
        ..route(Method::Post, "/session", Does::Session)
    },
    Route {
        body: &[must("space", Kind::Text, "the space from which it comes")],
        ..inside(Method::Post, "/relations", Does::Found)
    },
    inside(Method::Post, "/relations/{topic}/pull", Does::Pull),
    inside(Method::Post, "/relations/{topic}/push", Does::Push),
    inside(Method::Get, "/relations/{topic}/stream", Does::Stream),
];

/// Which rows are asked for.
pub(super) fn rows(inputs: &Inputs, key: Option<String>) -> Result<Rows, Problem> {
    let rows = Rows {
        topic: Some(inputs.path("topic")),
        view: inputs.path("view"),
        key,
        prefix: inputs.text("prefix").unwrap_or_default(),
        index: inputs.text("index"),
        equal: inputs.texts("equal"),
        from: inputs.text("from"),
        to: inputs.text("to"),
        limit: inputs.limit(USUAL, MOST)?,
        after: inputs.text("after"),
        ..Rows::default()
    };
    let by_index = !rows.equal.is_empty() || rows.from.is_some() || rows.to.is_some();
    if by_index && rows.index.is_none() {
        return Err(Problem::usage("equal, from and to go with an index"));
    }
    Ok(rows)
}

/// Bytes as hex digits.
pub(super) fn unhex(text: &str) -> Option<Vec<u8>> {
    data_encoding::HEXLOWER_PERMISSIVE
        .decode(text.as_bytes())
        .ok()
}

/// With what a guest shows who it is.
pub(super) fn proof(inputs: &Inputs) -> Result<Proof, Problem> {
    let text = |name: &str| inputs.body_text(name).unwrap_or_default();
    let wrong = |name: &str| Problem::usage(format!("{name} is wrong: it wants hex digits"));
    let challenge = unhex(&text("challenge")).and_then(|bytes| bytes.try_into().ok());
    let device = unhex(&text("device")).filter(|bytes| bytes.len() == 32);
    device.ok_or_else(|| wrong("device"))?;
    let signature = unhex(&text("signature")).filter(|bytes| bytes.len() == 64);
    let bundle = inputs.body_text("bundle").map(|text| {
        let bytes = data_encoding::BASE64.decode(text.as_bytes());
        bytes.map_err(|_| Problem::usage("bundle is wrong: it wants base64"))
    });
    let bundle = bundle.transpose()?;
    if bundle
        .as_ref()
        .is_some_and(|bytes| bytes.len() > PROFILE_MAX)
    {
        let text = format!("bundle has more than {PROFILE_MAX} bytes");
        return Err(Problem::new(413, "too_large", text));
    }
    Ok(Proof {
        device: text("device").to_lowercase(),
        challenge: challenge.ok_or_else(|| wrong("challenge"))?,
        signature: signature.ok_or_else(|| wrong("signature"))?,
        bundle,
    })
}

/// How far a guest has a relation: `{"have": [{"feed": {"author": …}, "height": …}]}`.
pub(super) fn have(body: &[u8]) -> Result<Heights, Problem> {
    let wrong = || {
        Problem::usage("the body wants {\"have\": [{\"feed\": {\"author\": …}, \"height\": …}]}")
    };
    let json: Json = match body {
        [] => return Ok(Vec::new()),
        body => serde_json::from_slice(body).map_err(|_| wrong())?,
    };
    let list = match json.get("have") {
        None if json.is_object() => return Ok(Vec::new()),
        have => have.and_then(Json::as_array).ok_or_else(wrong)?,
    };
    if list.len() > HAVE_MAX {
        return Err(Problem::usage(format!(
            "have names more than {HAVE_MAX} feeds"
        )));
    }
    let read = |item: &Json| {
        let author = item.get("feed")?.get("author")?.as_str()?;
        unhex(author).filter(|bytes| bytes.len() == 32)?;
        Some((author.to_lowercase(), item.get("height")?.as_u64()?))
    };
    list.iter()
        .map(|item| read(item).ok_or_else(wrong))
        .collect()
}
