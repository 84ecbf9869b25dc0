//! Routes for the owner: the root key, the first run, files that are imported, what is erased.

use crate::access::Scope;
use crate::backend::{Ask, Clients, DeviceEnd, DoImport, NewDevice};
use crate::problem::Problem;
use crate::routes::{Does, Kind, Method, Param, Route, get, must, own, param, post};
use crate::table::{self, AFTER, LIMIT, MOST};

const FORMAT: Param = param(
    "format",
    Kind::Text,
    "csv, jsonl, schema-org or osm; by the end of the name where nothing is said",
);

const CURRENCY: Param = param("currency", Kind::Text, "currency of prices without one");
const ZONE: Param = param("zone", Kind::Text, "IANA time zone of what has none");

/// Of these the owner's own browser alone may ask, whatever a program's token allows.
const fn owners(route: Route) -> Route {
    Route {
        scope: Scope::Owner,
        ..route
    }
}

const PASSPHRASE: Param = param("passphrase", Kind::Text, "where the root key is under one");

const REQUEST: Param = must(
    "request",
    Kind::Text,
    "what `synlog device request` printed",
);

const WORDS: &[Param] = &[must(
    "words",
    Kind::Pairs,
    "three words or more, by their numbers from 1",
)];

/// Clients in an answer, where nobody says how many: each is looked up by itself.
const CLIENTS: usize = 50;

/// All of them.
pub(crate) static ROUTES: &[Route] = &[
    get(
        "/root",
        "root",
        "How the root key is kept: open, under a passphrase, or not here",
        &[],
        |_| Ok(Ask::Root),
    ),
    owners(post(
        "/root/words",
        "root_words",
        "The recovery words. Only in the owner's browser: no token of a program is enough",
        &[PASSPHRASE],
        |inputs| Ok(Ask::Words(inputs.body_text("passphrase"))),
    )),
    owners(post(
        "/root/check",
        "root_check",
        "Whether somebody has the recovery words: three of them",
        WORDS,
        |inputs| Ok(Ask::CheckWords(inputs.body_pairs("words"))),
    )),
    owners(post(
        "/root/lock",
        "root_lock",
        "Put the root key that lies open under a passphrase",
        &[must(
            "passphrase",
            Kind::Text,
            "it is asked for wherever the root key is needed; nobody can find it again",
        )],
        |inputs| {
            let passphrase = inputs.body_text("passphrase");
            Ok(Ask::LockRoot(passphrase.unwrap_or_default()))
        },
    )),
    owners(post(
        "/root/remove",
        "root_remove",
        "Take the root key that lies open off this machine: three of the words show that they are safe",
        WORDS,
        |inputs| Ok(Ask::RemoveRoot(inputs.body_pairs("words"))),
    )),
    owners(post(
        "/devices/request",
        "device_request",
        "What the request of a new device says, with the words to be compared",
        &[REQUEST],
        |inputs| {
            Ok(Ask::DeviceRequest(
                inputs.body_text("request").unwrap_or_default(),
            ))
        },
    )),
    owners(post(
        "/devices",
        "add_device",
        "Certify a new device; gives the answer that it waits for, with its QR code",
        &[
            REQUEST,
            must(
                "check",
                Kind::Text,
                "its words, compared with those that it shows",
            ),
            PASSPHRASE,
        ],
        |inputs| {
            let text = |name| inputs.body_text(name).unwrap_or_default();
            Ok(Ask::AddDevice(NewDevice {
                request: text("request"),
                check: text("check"),
                passphrase: inputs.body_text("passphrase"),
            }))
        },
    )),
    owners(post(
        "/devices/{device}",
        "end_device",
        "Revoke a device of yours; one that is lost also loses its topics to this one",
        &[must("end", Kind::Text, "revoke or lost"), PASSPHRASE],
        |inputs| {
            let word = inputs.body_text("end").unwrap_or_default();
            let mut all = DeviceEnd::ALL.into_iter();
            let end = all.find(|end| end.word() == word);
            Ok(Ask::EndDevice {
                device: inputs.path("device"),
                end: end.ok_or_else(|| Problem::usage("end is revoke or lost"))?,
                passphrase: inputs.body_text("passphrase"),
            })
        },
    )),
    owners(post(
        "/backup",
        "backup",
        "Make the next backup where `synlog backup` made the last one",
        &[param(
            "passphrase",
            Kind::Text,
            "where keys are in it: what they are locked with",
        )],
        |inputs| Ok(Ask::Backup(inputs.body_text("passphrase"))),
    )),
    get(
        "/waiting",
        "waiting",
        "What waits for your answer: orders and bookings whose next step is yours, letters, customers who ask to be taken",
        &[],
        |_| Ok(Ask::Waiting),
    ),
    get(
        "/clients",
        "clients",
        "Those with whom there is a relation, by what came last: since when, their orders, what is due, the last message",
        &[table::WORDS, LIMIT, AFTER],
        |inputs| {
            Ok(Ask::Clients(Clients {
                words: inputs.text("words"),
                limit: inputs.limit(CLIENTS, MOST)?,
                after: inputs.text("after"),
            }))
        },
    ),
    get("/steps", "steps", "How far the first run is", &[], |_| {
        Ok(Ask::Steps)
    }),
    post(
        "/steps",
        "step",
        "A step of the first run is done, left out, or open again",
        &[
            must(
                "step",
                Kind::Text,
                "space, key, catalog, hours, share or all; words are done by their check",
            ),
            must("state", Kind::Text, "done, skipped or open"),
        ],
        |inputs| {
            Ok(Ask::Step {
                step: inputs.body_text("step").unwrap_or_default(),
                state: inputs.body_text("state").unwrap_or_default(),
            })
        },
    ),
    own(
        Method::Get,
        "/uis",
        "uis",
        "The user interfaces of apps that are here, and what each may read and write",
        Scope::Read,
        Does::Uis,
    ),
    get(
        "/imports",
        "imports",
        "Files that were given to be imported, and how far that is",
        &[],
        |_| Ok(Ask::Imports),
    ),
    Route {
        query: &[
            must("topic", Kind::Text, "the topic to write to"),
            must("name", Kind::Text, "the name of the file"),
            FORMAT,
            CURRENCY,
            ZONE,
        ],
        ..own(
            Method::Post,
            "/imports",
            "add_import",
            "Give a file to be imported, at most 64 MiB; nothing is written yet, it is looked at (docs/IMPORT.md)",
            Scope::Write,
            Does::AddImport,
        )
    },
    get(
        "/imports/{import}",
        "import",
        "How far an import is: the first events, what was refused and why, what was written",
        &[],
        |inputs| Ok(Ask::Import(inputs.path("import"))),
    ),
    post(
        "/imports/{import}",
        "do_import",
        "Look at the file again, write it, end that, or throw the file away",
        &[
            must("action", Kind::Text, "preview, run, cancel or forget"),
            FORMAT,
            CURRENCY,
            ZONE,
            param(
                "kind",
                Kind::Text,
                "jsonl: the kind of event that each line is the body of",
            ),
            param(
                "columns",
                Kind::Pairs,
                "csv: columns, and the fields that they are",
            ),
        ],
        |inputs| {
            Ok(Ask::DoImport(DoImport {
                id: inputs.path("import"),
                action: inputs.body_text("action").unwrap_or_default(),
                format: inputs.body_text("format"),
                currency: inputs.body_text("currency"),
                zone: inputs.body_text("zone"),
                kind: inputs.body_text("kind"),
                columns: inputs.body_pairs("columns"),
            }))
        },
    ),
    post(
        "/entries/{id}/erase",
        "erase",
        "Erase what can be erased of an entry: a signed tombstone says so to all who have it. Its entity and the topic's sequencer may",
        &[],
        |inputs| Ok(Ask::Erase(inputs.path("id"))),
    ),
];
