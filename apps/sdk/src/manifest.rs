//! What an app says of itself, as a builder (`spec/10-reducer.md` 10.6).

use crate::cbor::Value;

/// What an app says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    app: &'static str,
    major: u16,
    version: &'static str,
    title: &'static str,
    causal: bool,
    roles: Vec<(&'static str, Vec<&'static str>)>,
    open: Option<&'static str>,
    events: Vec<EventKind>,
    tables: Vec<Table>,
}

/// A kind of event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventKind {
    kind: &'static str,
    title: &'static str,
    command: Option<&'static str>,
    refs: Vec<&'static str>,
    fields: Vec<Field>,
    erasable: Vec<Field>,
    evidence: Vec<&'static str>,
}

/// A field of an event. Its name is its key in the body; dots go into maps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    name: &'static str,
    kind: Type,
    required: bool,
    title: &'static str,
    make: Option<&'static str>,
}

/// A table of rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    name: &'static str,
    title: &'static str,
    columns: Vec<(&'static str, Type)>,
    indexes: Vec<(&'static str, Vec<&'static str>)>,
    until: Option<&'static str>,
}

/// What a field or column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// Text.
    Text,
    /// A whole number.
    Int,
    /// Yes or no.
    Bool,
    /// Bytes.
    Bytes,
    /// Id of an entry of this topic.
    Entry,
    /// Id of an entity.
    Entity,
    /// 32 bytes that name something else.
    Id,
    /// `{currency, minor}`.
    Money,
    /// UTC milliseconds.
    Instant,
    /// Seconds.
    Duration,
    /// `{lat, lon}` in 1e-7 degrees.
    Geo,
    /// `{blob, size, type?, key?}`: a blob of the topic.
    Blob,
    /// An array of blobs.
    Blobs,
    /// An array.
    List,
    /// A map.
    Map,
}

impl Type {
    /// Its name in a manifest.
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Int => "int",
            Self::Bool => "bool",
            Self::Bytes => "bytes",
            Self::Entry => "entry",
            Self::Entity => "entity",
            Self::Id => "id",
            Self::Money => "money",
            Self::Instant => "instant",
            Self::Duration => "duration",
            Self::Geo => "geo",
            Self::Blob => "blob",
            Self::Blobs => "blobs",
            Self::List => "list",
            Self::Map => "map",
        }
    }
}

impl Manifest {
    /// An app by its name (`[a-z][a-z0-9_-]*`), its major version and its whole version.
    /// Its topics are causal until [`Manifest::ordered`] says otherwise.
    pub fn new(app: &'static str, major: u16, version: &'static str) -> Self {
        Self {
            app,
            major,
            version,
            title: app,
            causal: true,
            roles: Vec::new(),
            open: None,
            events: Vec::new(),
            tables: Vec::new(),
        }
    }

    /// A line for people.
    pub fn title(mut self, title: &'static str) -> Self {
        self.title = title;
        self
    }

    /// Its topics are ordered by a sequencer.
    pub fn ordered(mut self) -> Self {
        self.causal = false;
        self
    }

    /// Its topics have no sequencer: all entries stand in causal order.
    pub fn causal(mut self) -> Self {
        self.causal = true;
        self
    }

    /// A role that a new topic is given, and the kinds that it may write (`order.*`).
    pub fn role(
        mut self,
        role: &'static str,
        kinds: impl IntoIterator<Item = &'static str>,
    ) -> Self {
        self.roles.push((role, kinds.into_iter().collect()));
        self
    }

    /// Role of whoever is not a member, in a new topic.
    pub fn open(mut self, role: &'static str) -> Self {
        self.open = Some(role);
        self
    }

    /// A kind of event.
    pub fn event(mut self, event: EventKind) -> Self {
        self.events.push(event);
        self
    }

    /// A table of rows.
    pub fn table(mut self, table: Table) -> Self {
        self.tables.push(table);
        self
    }

    /// The names of the tables, in their order.
    pub fn table_names(&self) -> Vec<&'static str> {
        self.tables.iter().map(|table| table.name).collect()
    }

    /// The kinds of events, in their order.
    pub fn kinds(&self) -> Vec<&'static str> {
        self.events.iter().map(|event| event.kind).collect()
    }

    /// As CBOR.
    pub fn encode(&self) -> Vec<u8> {
        let mut pairs = vec![
            ("abi", Value::Int(1)),
            ("app", Value::from(self.app)),
            ("major", Value::Int(i64::from(self.major))),
            ("version", Value::from(self.version)),
            ("title", Value::from(self.title)),
            (
                "mode",
                Value::from(if self.causal { "causal" } else { "ordered" }),
            ),
            ("events", list(&self.events, EventKind::value)),
            ("tables", list(&self.tables, Table::value)),
        ];
        if !self.roles.is_empty() {
            let roles = self.roles.iter();
            let roles = roles.map(|(role, kinds)| (*role, texts(kinds)));
            pairs.push(("roles", map(roles.collect())));
        }
        put_text(&mut pairs, "open", self.open);
        map(pairs).encode()
    }
}

type Pairs = Vec<(&'static str, Value)>;

#[inline(never)]
fn map(pairs: Pairs) -> Value {
    Value::map(pairs)
}

fn list<T>(items: &[T], value: fn(&T) -> Value) -> Value {
    Value::Array(items.iter().map(value).collect())
}

fn texts(texts: &[&'static str]) -> Value {
    Value::Array(texts.iter().map(|text| Value::from(*text)).collect())
}

fn put_text(pairs: &mut Pairs, key: &'static str, text: Option<&'static str>) {
    if let Some(text) = text {
        pairs.push((key, Value::from(text)));
    }
}

impl EventKind {
    /// A kind (`order.request`) and what it does, for people.
    pub fn new(kind: &'static str, title: &'static str) -> Self {
        Self {
            kind,
            title,
            command: None,
            refs: Vec::new(),
            fields: Vec::new(),
            erasable: Vec::new(),
            evidence: Vec::new(),
        }
    }

    /// The command that writes it: `order request`.
    pub fn command(mut self, command: &'static str) -> Self {
        self.command = Some(command);
        self
    }

    /// Fields that name entries of the topic, which must be ancestors of the event: the
    /// node rejects it with `missing_reference` otherwise.
    pub fn refs(mut self, fields: impl IntoIterator<Item = &'static str>) -> Self {
        self.refs.extend(fields);
        self
    }

    /// A field of the body.
    pub fn field(mut self, field: Field) -> Self {
        self.fields.push(field);
        self
    }

    /// What evidence goes with it, for tools that write it: `proof:FIELD`, `grant:FIELD`,
    /// `receipt:FIELD` (`spec/10-reducer.md` 10.7).
    pub fn evidence(mut self, hints: impl IntoIterator<Item = &'static str>) -> Self {
        self.evidence.extend(hints);
        self
    }

    /// A field of the erasable part, which a reducer never sees.
    pub fn erasable(mut self, field: Field) -> Self {
        self.erasable.push(field);
        self
    }

    fn value(&self) -> Value {
        let mut pairs = vec![
            ("kind", Value::from(self.kind)),
            ("title", Value::from(self.title)),
        ];
        put_text(&mut pairs, "command", self.command);
        if !self.refs.is_empty() {
            pairs.push(("refs", texts(&self.refs)));
        }
        for (key, fields) in [("fields", &self.fields), ("erasable", &self.erasable)] {
            if !fields.is_empty() {
                pairs.push((key, list(fields, Field::value)));
            }
        }
        if !self.evidence.is_empty() {
            pairs.push(("evidence", texts(&self.evidence)));
        }
        map(pairs)
    }
}

macro_rules! field_kinds {
    ($($(#[$doc:meta])* $name:ident $kind:ident)+) => {
        $($(#[$doc])* pub fn $name(name: &'static str) -> Self {
            Self::new(name, Type::$kind)
        })+
    };
}

impl Field {
    /// A field by its name and type; optional until [`Field::required`].
    pub fn new(name: &'static str, kind: Type) -> Self {
        Self {
            name,
            kind,
            required: false,
            title: "",
            make: None,
        }
    }

    field_kinds! {
        /// Text.
        text Text
        /// A whole number.
        int Int
        /// Yes or no.
        bool Bool
        /// Bytes.
        bytes Bytes
        /// Id of an entry of this topic.
        entry Entry
        /// Id of an entity.
        entity Entity
        /// 32 bytes that name something else.
        id Id
        /// `{currency, minor}`.
        money Money
        /// UTC milliseconds.
        instant Instant
        /// Seconds.
        duration Duration
        /// `{lat, lon}` in 1e-7 degrees.
        geo Geo
        /// `{blob, size, type?, key?}`: a blob of the topic.
        blob Blob
        /// An array of blobs.
        blobs Blobs
        /// An array.
        list List
        /// A map.
        map Map
    }

    /// It must be there. Tools ask for it; the struct of the body decides.
    pub fn required(mut self) -> Self {
        self.required = true;
        self
    }

    /// What it is, for people.
    pub fn title(mut self, title: &'static str) -> Self {
        self.title = title;
        self
    }

    /// How a program fills it in where nobody says (`spec/10-reducer.md` 10.7):
    /// `random16`, `now`, `default:JSON`, …
    pub fn make(mut self, make: &'static str) -> Self {
        self.make = Some(make);
        self
    }

    fn value(&self) -> Value {
        let mut pairs = vec![
            ("name", Value::from(self.name)),
            ("type", Value::from(self.kind.name())),
        ];
        if self.required {
            pairs.push(("required", Value::Bool(true)));
        }
        put_text(
            &mut pairs,
            "title",
            Some(self.title).filter(|title| !title.is_empty()),
        );
        put_text(&mut pairs, "make", self.make);
        map(pairs)
    }
}

impl Table {
    /// A table by its name.
    pub fn new(name: &'static str) -> Self {
        Self {
            name,
            title: "",
            columns: Vec::new(),
            indexes: Vec::new(),
            until: None,
        }
    }

    /// What its rows are, for people.
    pub fn title(mut self, title: &'static str) -> Self {
        self.title = title;
        self
    }

    /// A column.
    pub fn column(mut self, name: &'static str, kind: Type) -> Self {
        self.columns.push((name, kind));
        self
    }

    /// An index: rows by the values of 1 to 4 columns, in that order.
    pub fn index(
        mut self,
        name: &'static str,
        columns: impl IntoIterator<Item = &'static str>,
    ) -> Self {
        self.indexes.push((name, columns.into_iter().collect()));
        self
    }

    /// The column with the instant from when on a row is not shown to a query.
    pub fn until(mut self, column: &'static str) -> Self {
        self.until = Some(column);
        self
    }

    fn value(&self) -> Value {
        let column = |(name, kind): &(&'static str, Type)| {
            map(vec![
                ("name", Value::from(*name)),
                ("type", Value::from(kind.name())),
            ])
        };
        let index = |(name, columns): &(&'static str, Vec<&'static str>)| {
            map(vec![
                ("name", Value::from(*name)),
                ("columns", texts(columns)),
            ])
        };
        let mut pairs = vec![
            ("name", Value::from(self.name)),
            ("columns", list(&self.columns, column)),
        ];
        put_text(
            &mut pairs,
            "title",
            Some(self.title).filter(|title| !title.is_empty()),
        );
        if !self.indexes.is_empty() {
            pairs.push(("indexes", list(&self.indexes, index)));
        }
        put_text(&mut pairs, "until", self.until);
        map(pairs)
    }
}
