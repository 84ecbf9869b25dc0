//! The table of routes.

use crate::access::Scope;
use crate::backend::{Ask, Entries, GuestAnswer, Invite, NewEvent, NewTopic, Rows};
use crate::inputs::Inputs;
use crate::problem::Problem;
use crate::routes::{Does, Kind, Method, Param, Route, get, must, own, param, post};
use crate::several;

/// Rows or entries in an answer, where nobody says how many.
pub(crate) const USUAL: usize = 100;
/// Rows or entries in an answer at most.
pub(crate) const MOST: usize = 1_000;

/// What is asked of rows, by whomever.
pub(crate) const PREFIX: Param = param("prefix", Kind::Text, "only keys that begin so");
pub(crate) const INDEX: Param = param("index", Kind::Text, "by this index of the table");
pub(crate) const EQUAL: Param = param(
    "equal",
    Kind::Texts,
    "values of the index's first columns, in their order; JSON, or text",
);
pub(crate) const FROM: Param = param(
    "from",
    Kind::Text,
    "the index's next column is at least this",
);
pub(crate) const TO: Param = param(
    "to",
    Kind::Text,
    "the index's next column is less than this",
);
pub(crate) const LIMIT: Param = param("limit", Kind::Number, "at most so many [100; at most 1000]");
pub(crate) const AFTER: Param = param("after", Kind::Text, "what `next` of the page before says");

pub(crate) const WORDS: Param = param(
    "words",
    Kind::Text,
    "only those in which all of these words stand, in whatever case",
);

/// What an owner asks of rows.
const ROWS: &[Param] = &[
    PREFIX,
    INDEX,
    EQUAL,
    FROM,
    TO,
    param(
        "desc",
        Kind::Flag,
        "from the end to the front, with an index",
    ),
    param("sequenced", Kind::Flag, "only what the sequencer placed"),
    param(
        "as_of",
        Kind::Number,
        "leave out rows that ended by then, UTC milliseconds [now]",
    ),
    LIMIT,
    AFTER,
    WORDS,
];

/// All of them.
pub(crate) static ROUTES: &[Route] = &[
    own(
        Method::Get,
        "/openapi.json",
        "openapi",
        "This document",
        Scope::Nobody,
        Does::OpenApi,
    ),
    Route {
        body: &[must(
            "token",
            Kind::Text,
            "the one-time token of a link that `synlog up` or `synlog web` printed",
        )],
        ..own(
            Method::Post,
            "/login",
            "login",
            "Exchange a one-time token for the cookie of a session",
            Scope::Nobody,
            Does::Login,
        )
    },
    Route {
        body: &[param(
            "everywhere",
            Kind::Flag,
            "whether all browsers are logged out, and links that were not used are taken back",
        )],
        ..own(
            Method::Post,
            "/logout",
            "logout",
            "End the session",
            Scope::Read,
            Does::Logout,
        )
    },
    own(
        Method::Get,
        "/session",
        "session",
        "What the caller may do",
        Scope::Read,
        Does::Session,
    ),
    get(
        "/whoami",
        "whoami",
        "Entity, device, data directory",
        &[],
        |_| Ok(Ask::Whoami),
    ),
    get("/topics", "topics", "The topics that are here", &[], |_| {
        Ok(Ask::Topics)
    }),
    post(
        "/topics",
        "new_topic",
        "Begin a topic; this device becomes its sequencer",
        &[
            must("name", Kind::Text, "what people call it"),
            must("app", Kind::Text, "what it is for, as in space or relation"),
            param("members", Kind::Pairs, "first members: entity and role"),
        ],
        |inputs| {
            Ok(Ask::NewTopic(NewTopic {
                name: inputs.body_text("name").unwrap_or_default(),
                app: inputs.body_text("app").unwrap_or_default(),
                members: inputs.body_pairs("members"),
            }))
        },
    ),
    get(
        "/topics/{topic}",
        "topic",
        "A topic: policy, feeds, what counts, digest",
        &[],
        |inputs| Ok(Ask::Topic(inputs.path("topic"))),
    ),
    get(
        "/topics/{topic}/manifest",
        "manifest",
        "What the topic's app says of itself: events with their commands and fields, tables with their columns and indexes",
        &[],
        |inputs| Ok(Ask::Manifest(inputs.path("topic"))),
    ),
    get(
        "/topics/{topic}/views/{view}",
        "rows",
        "Rows of a table, by key or by an index",
        ROWS,
        |inputs| rows(inputs, None),
    ),
    get(
        "/apps/{app}/views/{view}",
        "app_rows",
        "Rows of a table, of all topics of an app that comes with synlog",
        ROWS,
        |inputs| rows(inputs, None),
    ),
    get(
        "/topics/{topic}/rows/{view}/{*key}",
        "row",
        "The rows of one key of a table",
        &[param(
            "sequenced",
            Kind::Flag,
            "only what the sequencer placed",
        )],
        |inputs| rows(inputs, Some(inputs.path("key"))),
    ),
    several::ROUTE,
    get(
        "/topics/{topic}/explain/{*key}",
        "explain",
        "The entries that made the rows of a key, and those that were rejected",
        &[],
        |inputs| {
            Ok(Ask::Explain {
                topic: inputs.path("topic"),
                key: inputs.path("key"),
            })
        },
    ),
    post(
        "/topics/{topic}/events/{command}",
        "event",
        "Write an event: by its kind, as in order.request. It is checked by the rules, signed and stored before the answer",
        &[
            param(
                "body",
                Kind::Object,
                "its fields; what the command line takes as text may be text here, as in \"12.50 EUR\" for money",
            ),
            param("erasable", Kind::Object, "what may be erased later"),
            param(
                "for",
                Kind::Text,
                "the order or booking for which something is taken",
            ),
            param("prove", Kind::Texts, "entries of which a proof goes along"),
            param("force", Kind::Flag, "write it even if the rules refuse it"),
            param("dry_run", Kind::Flag, "only say what the rules say"),
        ],
        |inputs| {
            let object = || serde_json::Value::Object(serde_json::Map::new());
            Ok(Ask::Event(NewEvent {
                topic: inputs.path("topic"),
                command: inputs.path("command"),
                body: inputs
                    .body
                    .get("body")
                    .filter(|body| body.is_object())
                    .cloned()
                    .unwrap_or_else(object),
                erasable: inputs
                    .body
                    .get("erasable")
                    .filter(|part| part.is_object())
                    .cloned(),
                taken_for: inputs.body_text("for"),
                prove: inputs.body_texts("prove"),
                force: inputs.body_flag("force"),
                dry_run: inputs.body_flag("dry_run"),
            }))
        },
    ),
    get(
        "/topics/{topic}/entries",
        "topic_entries",
        "Entries of a topic, in the order in which they count",
        &[
            LIMIT,
            param("last", Kind::Flag, "the last ones instead of the first"),
            param("kind", Kind::Text, "only of this kind, as in message.post"),
            param(
                "before",
                Kind::Text,
                "with last: only those before this entry, as `next` of the page before says",
            ),
            AFTER,
        ],
        |inputs| {
            let (before, behind) = (inputs.text("before"), inputs.text("after"));
            let last = inputs.flag("last")?;
            if (before.is_some() && !last) || (behind.is_some() && last) {
                return Err(Problem::usage("before goes with last, after without"));
            }
            Ok(Ask::Entries(Entries {
                topic: Some(inputs.path("topic")),
                after: 0,
                limit: inputs.limit(USUAL, MOST)?,
                last,
                ordered: true,
                kind: inputs.text("kind"),
                before,
                behind,
            }))
        },
    ),
    get(
        "/topics/{topic}/audit",
        "audit",
        "The whole history of a topic: every entry with who signed it, what became of it and why",
        &[param("erasable", Kind::Flag, "with what can be erased")],
        |inputs| {
            Ok(Ask::Audit {
                topic: inputs.path("topic"),
                erasable: inputs.flag("erasable")?,
            })
        },
    ),
    get(
        "/entries",
        "entries",
        "Entries in the order of their arrival (docs/TAIL.md)",
        &[
            param("topic", Kind::Text, "only of this topic"),
            param("after", Kind::Number, "behind this cursor"),
            LIMIT,
            param("last", Kind::Flag, "the last ones instead of the first"),
        ],
        |inputs| {
            Ok(Ask::Entries(Entries {
                topic: inputs.text("topic"),
                after: inputs.number("after")?.unwrap_or(0),
                limit: inputs.limit(USUAL, MOST)?,
                last: inputs.flag("last")?,
                ..Entries::default()
            }))
        },
    ),
    get("/entries/{id}", "entry", "One entry", &[], |inputs| {
        Ok(Ask::Entry(inputs.path("id")))
    }),
    get("/apps", "apps", "The apps that are here", &[], |_| {
        Ok(Ask::Apps)
    }),
    post(
        "/invitations",
        "invite",
        "A ticket by which another node finds this one, with its QR code; or a letter to an entity",
        &[
            param("topic", Kind::Text, "a topic to follow"),
            param(
                "to",
                Kind::Text,
                "write a letter to this entity instead, which is handed over when a node of it is met",
            ),
            param("message", Kind::Text, "a few words for the letter"),
        ],
        |inputs| {
            Ok(Ask::Invite(Invite {
                topic: inputs.body_text("topic"),
                to: inputs.body_text("to"),
                message: inputs.body_text("message"),
            }))
        },
    ),
    post(
        "/joins",
        "join",
        "Take a ticket: connect to its node, follow its topic",
        &[must("ticket", Kind::Text, "the ticket")],
        |inputs| {
            let ticket = inputs.body_text("ticket");
            Ok(Ask::Join(ticket.unwrap_or_default()))
        },
    ),
    get(
        "/inbox",
        "inbox",
        "Letters of people who share nothing with you yet",
        &[],
        |_| Ok(Ask::Inbox),
    ),
    post(
        "/inbox/{letter}",
        "answer_letter",
        "Follow the topic to which a letter invites, or throw the letter away",
        &[must("accept", Kind::Flag, "whether to follow")],
        |inputs| {
            Ok(Ask::Letter {
                id: inputs.path("letter"),
                accept: inputs.body_flag("accept"),
            })
        },
    ),
    get(
        "/guests",
        "guests",
        "Customers without an install: who asks, who has a relation, where they find this node",
        &[],
        |_| Ok(Ask::Guests),
    ),
    post(
        "/guests/link",
        "guest_link",
        "A link by which customers find a space in their browser, with its QR code",
        &[param("space", Kind::Text, "the space [the only one]")],
        |inputs| Ok(Ask::GuestLink(inputs.body_text("space"))),
    ),
    post(
        "/guests/{entity}",
        "answer_guest",
        "Accept or decline one that asked for a relation; shut one out, let it in again",
        &[must(
            "answer",
            Kind::Text,
            "accept, decline, block or unblock",
        )],
        |inputs| {
            let word = inputs.body_text("answer").unwrap_or_default();
            let mut all = GuestAnswer::ALL.into_iter();
            let answer = all.find(|answer| answer.word() == word);
            Ok(Ask::Guest {
                entity: inputs.path("entity"),
                answer: answer
                    .ok_or_else(|| Problem::usage("answer is accept, decline, block or unblock"))?,
            })
        },
    ),
    get(
        "/peers",
        "peers",
        "The nodes that this one knows",
        &[],
        |_| Ok(Ask::Peers),
    ),
    get(
        "/follows",
        "follows",
        "What is wanted of the network",
        &[],
        |_| Ok(Ask::Follows),
    ),
    get(
        "/devices",
        "devices",
        "The devices of the entity",
        &[],
        |_| Ok(Ask::Devices),
    ),
    get(
        "/doctor",
        "doctor",
        "What is in the store, what is damaged, what to do",
        &[],
        |_| Ok(Ask::Doctor),
    ),
    get(
        "/tokens",
        "tokens",
        "The tokens of programs, without their secrets",
        &[],
        |_| Ok(Ask::Tokens),
    ),
    get("/blobs", "blobs", "The blobs that are known", &[], |_| {
        Ok(Ask::Blobs)
    }),
    own(
        Method::Get,
        "/blobs/{hash}",
        "blob",
        "A blob that is here, or the bytes of it that the Range header asks for",
        Scope::Read,
        Does::Blob,
    ),
    Route {
        query: &[param(
            "topic",
            Kind::Text,
            "the topic for whose members it is; a private one seals it",
        )],
        ..own(
            Method::Post,
            "/blobs",
            "add_blob",
            "Store the body as a blob",
            Scope::Write,
            Does::AddBlob,
        )
    },
    Route {
        query: &[
            param(
                "topic",
                Kind::Text,
                "only of this topic, and with its rows as they change",
            ),
            param(
                "from",
                Kind::Text,
                "the id of the last event seen, or a cursor of entries; from now on where nothing is said",
            ),
        ],
        ..own(
            Method::Get,
            "/stream",
            "stream",
            "Server-sent events: entries as they arrive, rows as they change. Last-Event-ID goes on without loss or repeat",
            Scope::Read,
            Does::Stream,
        )
    },
];

fn rows(inputs: &Inputs, key: Option<String>) -> Result<Ask, Problem> {
    let rows = Rows {
        topic: Some(inputs.path("topic")).filter(|topic| !topic.is_empty()),
        app: inputs.path("app"),
        view: inputs.path("view"),
        key,
        prefix: inputs.text("prefix").unwrap_or_default(),
        index: inputs.text("index"),
        equal: inputs.texts("equal"),
        from: inputs.text("from"),
        to: inputs.text("to"),
        descending: inputs.flag("desc")?,
        sequenced: inputs.flag("sequenced")?,
        as_of_ms: inputs.number("as_of")?,
        limit: inputs.limit(USUAL, MOST)?,
        after: inputs.text("after"),
        words: inputs.text("words"),
    };
    let by_index = !rows.equal.is_empty() || rows.from.is_some() || rows.to.is_some();
    if (by_index || rows.descending) && rows.index.is_none() {
        return Err(Problem::usage("equal, from, to and desc go with an index")
            .hint("the manifest of the topic names the indexes of each table"));
    }
    Ok(Ask::Rows(rows))
}
