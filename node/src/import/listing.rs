//! What importers give: places and items of the app `space`, and their events.

use std::collections::BTreeMap;

use synlog_log::cbor::Value;

/// Kind of the event that puts a place.
pub const PLACE_KIND: &str = "place.put";
/// Kind of the event that puts an item.
pub const ITEM_KIND: &str = "item.put";
/// Bytes of a name or title.
pub const NAME_MAX: usize = 200;
/// Bytes of a description; with all else a body stays below 8 KiB.
pub const DESCRIPTION_MAX: usize = 3_000;
/// Bytes of opening hours; a limit of the app `space`.
pub const HOURS_MAX: usize = 1_000;
/// Bytes of any other value.
pub const VALUE_MAX: usize = 500;
/// Values in a list of attributes.
pub const LIST_MAX: usize = 32;
/// Attributes of an item.
pub const ATTRIBUTES_MAX: usize = 40;
/// Bytes of the name of a time zone.
const ZONE_MAX: usize = 64;

/// A point on earth, in whole numbers of 1e-7 degree (WGS 84).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Geo {
    /// Latitude, −900,000,000 to 900,000,000.
    pub lat: i32,
    /// Longitude, −1,800,000,000 to 1,800,000,000.
    pub lon: i32,
}

impl Geo {
    /// A point; `None` if it is not on earth.
    pub fn new(lat: i64, lon: i64) -> Option<Self> {
        let on_earth = lat.unsigned_abs() <= 900_000_000 && lon.unsigned_abs() <= 1_800_000_000;
        let (lat, lon) = (i32::try_from(lat).ok()?, i32::try_from(lon).ok()?);
        on_earth.then_some(Self { lat, lon })
    }
}

/// What a thing costs, in minor units of a currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Price {
    /// To be asked for.
    Quote,
    /// Always the same.
    Fixed {
        /// ISO 4217.
        currency: String,
        /// Minor units.
        minor: i64,
        /// Of what, as in `kg`.
        per_unit: Option<String>,
    },
    /// Between two bounds, both included.
    Range {
        /// ISO 4217.
        currency: String,
        /// Minor units.
        min: i64,
        /// Minor units.
        max: i64,
    },
    /// By the hour.
    Hourly {
        /// ISO 4217.
        currency: String,
        /// Minor units an hour.
        min: i64,
        /// Minor units an hour.
        max: i64,
    },
}

impl Price {
    /// The price between two amounts, which may be the same, of some unit.
    pub fn between(currency: String, (min, max): (i64, i64), unit: Option<&str>) -> Self {
        match unit {
            Some("hour") => Self::Hourly { currency, min, max },
            unit if min == max => Self::Fixed {
                currency,
                minor: min,
                per_unit: unit.map(str::to_owned),
            },
            _ => Self::Range { currency, min, max },
        }
    }

    fn body(&self) -> Value {
        let pairs = |kind: &str, currency: &str, min: i64, max: i64| {
            vec![
                ("kind", text(kind)),
                ("currency", text(currency)),
                ("min", Value::Int(min)),
                ("max", Value::Int(max)),
            ]
        };
        Value::map(match self {
            Self::Quote => vec![("kind", text("quote"))],
            Self::Fixed {
                currency,
                minor,
                per_unit,
            } => {
                let mut pairs = pairs("fixed", currency, *minor, *minor);
                pairs.extend(per_unit.as_deref().map(|unit| ("per_unit", text(unit))));
                pairs
            }
            Self::Range { currency, min, max } => pairs("range", currency, *min, *max),
            Self::Hourly { currency, min, max } => {
                let mut pairs = pairs("hourly", currency, *min, *max);
                pairs.push(("per_unit", text("hour")));
                pairs
            }
        })
    }
}

/// The value of an attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attribute {
    /// Text.
    Text(String),
    /// Yes or no.
    Bool(bool),
    /// Several texts.
    List(Vec<String>),
}

impl Attribute {
    fn body(&self) -> Value {
        match self {
            Self::Text(value) => text(value),
            Self::Bool(value) => Value::Bool(*value),
            Self::List(values) => texts(values),
        }
    }
}

/// A place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Its slug.
    pub slug: String,
    /// What it is called.
    pub name: String,
    /// As in `shop/bakery`.
    pub category: String,
    /// Where it is.
    pub geo: Geo,
    /// Street, number, postcode, city in one line.
    pub address: Option<String>,
    /// As in OpenStreetMap.
    pub opening_hours: Option<String>,
    /// IANA name of its time zone.
    pub zone: String,
    /// A telephone number.
    pub phone: Option<String>,
    /// A web address.
    pub website: Option<String>,
    /// A mail address.
    pub email: Option<String>,
    /// Where this is from, with the credit that its licence wants.
    pub source: Option<String>,
}

impl Place {
    /// The body of its event.
    pub fn body(&self) -> Value {
        let geo = Value::map([
            ("lat", Value::Int(i64::from(self.geo.lat))),
            ("lon", Value::Int(i64::from(self.geo.lon))),
        ]);
        let mut pairs = vec![
            ("place", text(&self.slug)),
            ("name", text(&self.name)),
            ("category", text(&self.category)),
            ("geo", geo),
            ("zone", text(&self.zone)),
        ];
        let more = [
            ("address", &self.address),
            ("opening_hours", &self.opening_hours),
            ("phone", &self.phone),
            ("website", &self.website),
            ("email", &self.email),
            ("source", &self.source),
        ];
        pairs.extend(optional(more));
        Value::map(pairs)
    }
}

/// Something that is offered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Its slug.
    pub slug: String,
    /// What its attributes follow, as in `goods/1`.
    pub schema: String,
    /// What it is called.
    pub title: String,
    /// More words.
    pub description: Option<String>,
    /// Slug of the place where it is.
    pub place: Option<String>,
    /// What it costs.
    pub price: Price,
    /// How many there are, where that is counted.
    pub stock: Option<i64>,
    /// What else is known.
    pub attributes: BTreeMap<String, Attribute>,
    /// `pickup`, `delivery`, `visit`, `digital`.
    pub fulfilment: Vec<String>,
}

impl Item {
    /// The body of its event.
    pub fn body(&self) -> Value {
        let mut pairs = vec![
            ("item", text(&self.slug)),
            ("schema", text(&self.schema)),
            ("title", text(&self.title)),
            ("price", self.price.body()),
        ];
        let more = [("description", &self.description), ("place", &self.place)];
        pairs.extend(optional(more));
        pairs.extend(self.stock.map(|stock| ("stock", Value::Int(stock))));
        if !self.attributes.is_empty() {
            let attributes = self.attributes.iter();
            let attributes = attributes.map(|(name, value)| (name.clone(), value.body()));
            pairs.push(("attributes", Value::map(attributes)));
        }
        if !self.fulfilment.is_empty() {
            pairs.push(("fulfilment", texts(&self.fulfilment)));
        }
        Value::map(pairs)
    }
}

/// One find: a place, an item, or both.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Listing {
    /// Where in the file it stands, as in `node 12` or `line 3`.
    pub origin: String,
    /// The place.
    pub place: Option<Place>,
    /// The item.
    pub item: Option<Item>,
    /// What is odd about it.
    pub notes: Vec<Remark>,
}

/// An event that a listing gives.
#[derive(Debug, Clone, PartialEq)]
pub struct Put {
    /// Its kind.
    pub kind: &'static str,
    /// Slug of the place or item.
    pub slug: String,
    /// Its body.
    pub body: Value,
}

impl Listing {
    /// Its events; the place comes first.
    pub fn puts(&self) -> Vec<Put> {
        let place = self.place.iter().map(|place| Put {
            kind: PLACE_KIND,
            slug: place.slug.clone(),
            body: place.body(),
        });
        let item = self.item.iter().map(|item| Put {
            kind: ITEM_KIND,
            slug: item.slug.clone(),
            body: item.body(),
        });
        place.chain(item).collect()
    }
}

/// Why something is refused, or what is odd about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remark {
    /// A stable word.
    pub code: &'static str,
    /// For people.
    pub text: String,
}

impl Remark {
    /// A remark.
    pub fn new(code: &'static str, text: impl Into<String>) -> Self {
        Self {
            code,
            text: text.into(),
        }
    }
}

/// What a reader found at one place of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// Something that can be written.
    Taken(Box<Listing>),
    /// Something that can't.
    Refused {
        /// Where it stands.
        origin: String,
        /// Why.
        why: Remark,
    },
}

/// Text in one line: no control characters, no white space at the ends or twice.
pub fn one_line(text: &str) -> String {
    let words = text.split(|letter: char| letter.is_whitespace() || letter.is_control());
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    words.join(" ")
}

/// Text in one line, if there is any.
pub fn line_of(text: &str) -> Option<String> {
    Some(one_line(text)).filter(|line| !line.is_empty())
}

/// A value that is left out, with a note, where it is too long.
pub fn bounded(
    field: &str,
    value: Option<String>,
    max: usize,
    notes: &mut Vec<Remark>,
) -> Option<String> {
    match value {
        Some(value) if value.len() > max => {
            let text = format!("{field} has more than {max} bytes and is left out");
            notes.push(Remark::new("too_long_value", text));
            None
        }
        other => other,
    }
}

/// Whether a text can be the name of a time zone, as in `Europe/Helsinki` or `UTC`.
/// Which names there are is for whoever has the zones' data.
pub fn zone_is_right(text: &str) -> bool {
    let part_is_right = |part: &str| {
        part.starts_with(|letter: char| letter.is_ascii_alphabetic())
            && part
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'+'))
    };
    text.len() <= ZONE_MAX && text.split('/').count() <= 3 && text.split('/').all(part_is_right)
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn texts(texts: &[String]) -> Value {
    Value::Array(texts.iter().cloned().map(Value::Text).collect())
}

fn optional<const N: usize>(
    pairs: [(&'static str, &Option<String>); N],
) -> impl Iterator<Item = (&'static str, Value)> {
    pairs
        .into_iter()
        .filter_map(|(name, value)| Some((name, Value::Text(value.clone()?))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn zones_by_their_form() {
        for (zone, right) in [
            ("Europe/Helsinki", true),
            ("UTC", true),
            ("America/Argentina/Buenos_Aires", true),
            ("Etc/GMT+2", true),
            ("", false),
            ("Europe/", false),
            ("+02:00", false),
            ("a/b/c/d", false),
        ] {
            assert_eq!(zone_is_right(zone), right, "{zone:?}");
        }
    }

    proptest! {
        #[test]
        fn lines_have_no_control_characters(text in "\\PC*[\\n\\t\\r\u{1}\u{85}]{0,3}\\PC*") {
            let line = one_line(&text);
            prop_assert!(!line.contains(char::is_control) && line.trim() == line);
            prop_assert_eq!(one_line(&line), line.clone());
        }

        #[test]
        fn points_are_on_earth(lat: i64, lon: i64) {
            let near = Geo::new(lat % 1_000_000_000, lon % 2_000_000_000);
            let inside = (lat % 1_000_000_000).abs() <= 900_000_000 && (lon % 2_000_000_000).abs() <= 1_800_000_000;
            prop_assert_eq!(near.is_some(), inside);
            let _ = Geo::new(lat, lon);
        }
    }
}
