//! What the tags of an OpenStreetMap element say about a place, in the words of
//! the app `space`. The keys: <https://wiki.openstreetmap.org/wiki/Map_features>.

use std::collections::BTreeMap;

use crate::import::hours;
use crate::import::listing::{
    ATTRIBUTES_MAX, Attribute, DESCRIPTION_MAX, Geo, HOURS_MAX, Item, LIST_MAX, Listing, NAME_MAX,
    Place, Price, Remark, VALUE_MAX, bounded, line_of,
};
use crate::import::pbf::Tags;

/// What kinds of places there are: the key that makes an element one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    /// `shop=*`.
    Shop,
    /// `amenity=*`, where people eat and drink.
    Amenity,
    /// `craft=*`.
    Craft,
}

impl Group {
    /// All of them; where several apply the first counts.
    pub const ALL: [Self; 3] = [Self::Shop, Self::Amenity, Self::Craft];

    /// The key.
    pub fn key(self) -> &'static str {
        match self {
            Self::Shop => "shop",
            Self::Amenity => "amenity",
            Self::Craft => "craft",
        }
    }
}

/// Values of `amenity` where people eat and drink.
const EATERIES: [&str; 8] = [
    "restaurant",
    "cafe",
    "fast_food",
    "bar",
    "pub",
    "ice_cream",
    "food_court",
    "biergarten",
];
/// Fronts of keys for what is no more; `disused:shop=bakery`.
const GONE_FRONTS: [&str; 6] = [
    "disused:",
    "abandoned:",
    "closed:",
    "was:",
    "demolished:",
    "removed:",
];
/// Keys that say it of the whole element.
const GONE_KEYS: [&str; 4] = ["disused", "abandoned", "closed", "demolished"];
/// Keys that are taken over as attributes, as they are.
const COPIED: [&str; 28] = [
    "brand",
    "operator",
    "branch",
    "wheelchair",
    "outdoor_seating",
    "indoor_seating",
    "takeaway",
    "delivery",
    "drive_through",
    "reservation",
    "internet_access",
    "smoking",
    "level",
    "organic",
    "fair_trade",
    "bulk_purchase",
    "second_hand",
    "self_service",
    "microbrewery",
    "lunch",
    "brunch",
    "clothes",
    "toilets:wheelchair",
    "wheelchair:description",
    "capacity",
    "stars",
    "ref:vatin",
    "start_date",
];
/// The credit that the licence of the data asks for.
const CREDIT: &str = "© OpenStreetMap contributors, ODbL 1.0";
/// Bytes of the value of a category.
const CATEGORY_MAX: usize = 48;

/// The value of a tag, if it says anything.
pub fn value<'a>(tags: &Tags<'a>, key: &str) -> Option<&'a str> {
    let found = tags.iter().find(|(found, _)| *found == key);
    found
        .map(|(_, value)| value.trim())
        .filter(|value| !value.is_empty())
}

fn first<'a>(tags: &Tags<'a>, keys: &[&str]) -> Option<&'a str> {
    keys.iter().find_map(|key| value(tags, key))
}

/// The key and value that make an element a place of one of some groups.
pub fn kind<'a>(tags: &Tags<'a>, groups: &[Group]) -> Option<(Group, &'a str)> {
    let is_wanted = |group: &Group| groups.contains(group);
    Group::ALL.into_iter().filter(is_wanted).find_map(|group| {
        let value = value(tags, group.key()).filter(|value| *value != "no")?;
        let eats = group != Group::Amenity || EATERIES.contains(&value);
        eats.then_some((group, value))
    })
}

/// Whether an element was a place of one of some groups and is none any more.
pub fn was_kind(tags: &Tags<'_>, groups: &[Group]) -> bool {
    tags.iter().any(|(key, found)| {
        let rest = GONE_FRONTS.iter().find_map(|front| key.strip_prefix(front));
        groups.iter().any(|group| {
            rest == Some(group.key()) && (*group != Group::Amenity || EATERIES.contains(found))
        })
    })
}

/// Why a place is not open to anybody.
fn closed(tags: &Tags<'_>, kind: &str) -> Option<Remark> {
    if kind == "vacant" {
        return Some(Remark::new("closed", "the shop stands empty"));
    }
    if GONE_KEYS.iter().any(|key| value(tags, key) == Some("yes")) {
        return Some(Remark::new("disused", "it is not in use any more"));
    }
    let hours = value(tags, "opening_hours")?;
    hours::is_closed(hours)
        .then(|| Remark::new("closed", "its opening hours say that it is closed"))
}

/// The value of a category: the first of several, in the letters of a tag.
fn category_value(text: &str) -> String {
    let first = text.split(';').next().unwrap_or_default().trim();
    let mut value = String::new();
    for letter in first.chars().flat_map(char::to_lowercase) {
        if value.len() + letter.len_utf8() > CATEGORY_MAX {
            break;
        }
        value.push(match letter {
            letter if letter.is_alphanumeric() => letter,
            '-' | ':' => letter,
            _ => '_',
        });
    }
    if value.is_empty() {
        "yes".to_owned()
    } else {
        value
    }
}

/// The listing of an element that is a place, or why it gives none.
pub fn listing(
    slug: &str,
    page: &str,
    geo: Geo,
    tags: &Tags<'_>,
    kind: (Group, &str),
    zone: &str,
) -> Result<Listing, Remark> {
    let (group, raw) = kind;
    if let Some(closed) = closed(tags, raw) {
        return Err(closed);
    }
    let name = value(tags, "name").and_then(line_of);
    let name = name.ok_or_else(|| Remark::new("no_name", "it has no name"))?;
    if name.len() > NAME_MAX {
        let text = format!("its name has more than {NAME_MAX} bytes");
        return Err(Remark::new("too_long", text));
    }
    let kind = category_value(raw);
    let mut notes = Vec::new();
    let hours = value(tags, "opening_hours").and_then(line_of);
    let hours = bounded("opening_hours", hours, HOURS_MAX, &mut notes);
    notes.extend(hours.as_deref().and_then(hours::remark));
    let mut take = |field: &str, keys: &[&str], max| {
        bounded(field, first(tags, keys).and_then(line_of), max, &mut notes)
    };
    let phone = take("phone", &["phone", "contact:phone"], VALUE_MAX);
    let website = take("website", &["website", "contact:website", "url"], VALUE_MAX);
    let email = take("email", &["email", "contact:email"], VALUE_MAX);
    let description = take("description", &["description"], DESCRIPTION_MAX);
    let address = bounded("address", address(tags), VALUE_MAX, &mut notes);
    let place = Place {
        slug: slug.to_owned(),
        name: name.clone(),
        category: format!("{}/{kind}", group.key()),
        geo,
        address,
        opening_hours: hours,
        zone: zone.to_owned(),
        phone,
        website,
        email,
        source: Some(format!("{CREDIT}; {page}")),
    };
    let item = Item {
        slug: slug.to_owned(),
        schema: format!("osm/{}={kind}", group.key()),
        title: name,
        description,
        place: Some(slug.to_owned()),
        price: Price::Quote,
        stock: None,
        attributes: attributes(tags, (group, raw), &kind, &mut notes),
        fulfilment: fulfilment(tags),
    };
    Ok(Listing {
        origin: page.to_owned(),
        place: Some(place),
        item: Some(item),
        notes,
    })
}

/// The address in one line: street and number, postcode and city.
fn address(tags: &Tags<'_>) -> Option<String> {
    if let Some(full) = value(tags, "addr:full") {
        return line_of(full);
    }
    let pair = |keys: [&str; 2]| {
        let parts: Vec<&str> = keys.iter().filter_map(|key| value(tags, key)).collect();
        parts.join(" ")
    };
    let street = pair(["addr:street", "addr:housenumber"]);
    let city = pair(["addr:postcode", "addr:city"]);
    let parts: Vec<&str> = [&street[..], &city]
        .into_iter()
        .filter(|part| !part.is_empty())
        .collect();
    line_of(&parts.join(", "))
}

fn fulfilment(tags: &Tags<'_>) -> Vec<String> {
    let pairs = [("takeaway", "pickup"), ("delivery", "delivery")];
    let said = pairs
        .iter()
        .filter(|(key, _)| matches!(value(tags, key), Some("yes" | "only")));
    said.map(|(_, word)| (*word).to_owned()).collect()
}

/// Several values in one tag, parted by semicolons.
fn parts(text: &str) -> Vec<String> {
    let mut parts: Vec<String> = text.split(';').filter_map(line_of).collect();
    parts.truncate(LIST_MAX);
    parts
}

fn attributes(
    tags: &Tags<'_>,
    (group, raw): (Group, &str),
    kind: &str,
    notes: &mut Vec<Remark>,
) -> BTreeMap<String, Attribute> {
    let mut attributes = BTreeMap::new();
    let mut put = |name: &str, attribute: Attribute| {
        if attributes.len() < ATTRIBUTES_MAX {
            attributes.insert(name.to_owned(), attribute);
        }
    };
    let mut text_of = |name: &str, text: &str| {
        let text = bounded(name, line_of(text), VALUE_MAX, notes)?;
        Some(match &text[..] {
            "yes" => Attribute::Bool(true),
            "no" => Attribute::Bool(false),
            _ => Attribute::Text(text),
        })
    };
    if raw != kind
        && let Some(attribute) = text_of(group.key(), raw)
    {
        put(group.key(), attribute);
    }
    if let Some(cuisine) = value(tags, "cuisine")
        && text_of("cuisine", cuisine).is_some()
    {
        put("cuisine", Attribute::List(parts(cuisine)));
    }
    // diet:vegan=yes, payment:cash=yes: what is so, as one list
    for front in ["diet", "payment"] {
        let mut said: Vec<String> = tags
            .iter()
            .filter(|(_, value)| matches!(*value, "yes" | "only"))
            .filter_map(|(key, _)| key.strip_prefix(front)?.strip_prefix(':'))
            .filter_map(line_of)
            .filter(|word| word.len() <= VALUE_MAX)
            .collect();
        said.sort();
        said.truncate(LIST_MAX);
        if !said.is_empty() {
            put(front, Attribute::List(said));
        }
    }
    for key in COPIED {
        if let Some(attribute) = value(tags, key).and_then(|value| text_of(key, value)) {
            put(key, attribute);
        }
    }
    for language in ["fi", "sv", "en", "de", "fr", "es", "et", "ru"] {
        let key = format!("name:{language}");
        if let Some(attribute) = value(tags, &key).and_then(|value| text_of(&key, value)) {
            put(&key, attribute);
        }
    }
    attributes
}

#[cfg(test)]
mod tests;
