//! Rows of a CSV table: one item a line, one place a line, or both in one. The
//! header names the columns; see [`FIELDS`].

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::io::BufRead;

use crate::import::decimal::degrees;
use crate::import::gauge::Gauge;
use crate::import::hours;
use crate::import::listing::{
    ATTRIBUTES_MAX, Attribute, DESCRIPTION_MAX, Found, Geo, HOURS_MAX, Item, LIST_MAX, Listing,
    NAME_MAX, Place, Price, Remark, VALUE_MAX, line_of, zone_is_right,
};
use crate::import::money::{currency, minor};
use crate::import::slug::slug_of;

/// Fields that a column can fill. Lists are parted by `|` or `;`.
pub const FIELDS: [&str; 23] = [
    "item",
    "title",
    "description",
    "price",
    "price_max",
    "currency",
    "per_unit",
    "stock",
    "schema",
    "place",
    "name",
    "category",
    "lat",
    "lon",
    "address",
    "opening_hours",
    "zone",
    "phone",
    "website",
    "email",
    "source",
    "fulfilment",
    "image",
];
/// Front of a field that becomes an attribute, as in `attributes.colour`.
pub const ATTRIBUTE_FRONT: &str = "attributes.";
/// Ways in which things reach people.
const FULFILMENTS: [&str; 4] = ["pickup", "delivery", "visit", "digital"];

/// What the table does not say.
#[derive(Debug, Clone, Default)]
pub struct Defaults {
    /// Time zone of places, an IANA name.
    pub zone: String,
    /// Currency of prices without one, ISO 4217.
    pub currency: Option<String>,
    /// Which column is which field, where the header says something else.
    pub columns: Vec<(String, String)>,
    /// What parts the columns; `None`: what the header has most of.
    pub delimiter: Option<u8>,
}

/// Why a table is not read on.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// The system could not read it, or a row has no end.
    #[error("line {line}: {source}")]
    Read {
        /// Where, from 1.
        line: u64,
        /// What is wrong.
        source: csv::Error,
    },
    /// The header.
    #[error("line 1: {0}")]
    Header(String),
}

/// A row: its text by field.
type Row<'a> = BTreeMap<&'a str, &'a str>;

/// The first line, without its LF.
fn first_line(start: &[u8]) -> &[u8] {
    start
        .split(|byte| *byte == b'\n')
        .next()
        .unwrap_or_default()
}

/// What parts the columns of a header: what it has most of.
fn guess_delimiter(start: &[u8]) -> u8 {
    let header = first_line(start);
    let count = |delimiter: u8| header.iter().filter(|byte| **byte == delimiter).count();
    let (mut best, mut most) = (b',', count(b','));
    for delimiter in [b';', b'\t'] {
        if count(delimiter) > most {
            (best, most) = (delimiter, count(delimiter));
        }
    }
    best
}

/// Gives what the rows of a table are to `each`; the columns that fill no field
/// come back.
///
/// # Errors
/// The header, or a row without an end. A row that is only wrong is refused.
pub fn read<E: From<TableError>>(
    mut input: impl BufRead,
    defaults: &Defaults,
    each: &mut dyn FnMut(Found) -> Result<(), E>,
) -> Result<Vec<String>, E> {
    let failed = |line, source| TableError::Read { line, source };
    let start = input.fill_buf().map_err(|error| failed(1, error.into()))?;
    let delimiter = defaults.delimiter.unwrap_or_else(|| guess_delimiter(start));
    // where lines end in CR LF the LF is read with the row that follows
    let is_crlf = first_line(start).ends_with(b"\r");
    let (row_bytes, all, last) = (Cell::new(0), Cell::new(0), Cell::new(b'\n'));
    let gauge = Gauge {
        input,
        row_bytes: &row_bytes,
        all: &all,
        last: &last,
    };
    let mut reader = csv::ReaderBuilder::new()
        .flexible(true)
        .has_headers(false)
        .delimiter(delimiter)
        .from_reader(gauge);
    let mut record = csv::ByteRecord::new();
    let there = reader.read_byte_record(&mut record);
    if !there.map_err(|error| failed(1, error))? {
        return Err(TableError::Header("the file is empty".to_owned()).into());
    }
    let header: Result<Vec<&str>, _> = record.iter().map(std::str::from_utf8).collect();
    let header = header.map_err(|_| {
        TableError::Header("the header is not UTF-8: save the table as UTF-8".to_owned())
    })?;
    let (columns, unknown) = columns(&header, &defaults.columns).map_err(TableError::Header)?;
    let mut rows = Rows {
        defaults,
        places: BTreeSet::new(),
        items: BTreeSet::new(),
    };
    loop {
        row_bytes.set(0);
        let before = reader.position().line();
        let there = reader.read_byte_record(&mut record);
        if !there.map_err(|error| failed(before, error))? {
            return Ok(unknown);
        }
        // a row begins behind blank lines, and may have ends of lines in its cells
        let inner = record.as_slice().iter().filter(|it| **it == b'\n').count() as u64;
        let is_last = last.get() != b'\n' && reader.position().byte() == all.get();
        let is_read = !is_crlf && !is_last;
        let line = reader
            .position()
            .line()
            .saturating_sub(inner + u64::from(is_read));
        let origin = format!("line {line}");
        let judged = cells(&record, &columns).and_then(|row| rows.judge(&row));
        each(match judged {
            Ok(mut listing) => {
                listing.origin = origin;
                Found::Taken(Box::new(listing))
            }
            Err(why) => Found::Refused { origin, why },
        })?;
    }
}

/// The field of each column, and the columns that fill none.
fn columns(
    header: &[&str],
    maps: &[(String, String)],
) -> Result<(Vec<Option<String>>, Vec<String>), String> {
    let known = |field: &str| {
        let attribute = field.strip_prefix(ATTRIBUTE_FRONT);
        FIELDS.contains(&field)
            || attribute.is_some_and(|name| !name.is_empty() && name.len() <= 64)
    };
    let clean = |name: &str| name.trim_start_matches('\u{feff}').trim().to_owned();
    let names: Vec<String> = header.iter().map(|name| clean(name)).collect();
    for (column, field) in maps {
        if !names.iter().any(|name| name.eq_ignore_ascii_case(column)) {
            return Err(format!("there is no column {column:?}"));
        }
        if !known(field) {
            return Err(format!(
                "{field:?} is no field: one of {}",
                FIELDS.join(", ")
            ));
        }
    }
    let (mut columns, mut unknown) = (Vec::new(), Vec::new());
    for name in &names {
        let mapped = maps
            .iter()
            .find(|(column, _)| column.eq_ignore_ascii_case(name));
        let field = match mapped {
            Some((_, field)) => field.clone(),
            None => name.to_lowercase(),
        };
        if !known(&field) {
            unknown.extend(line_of(name));
            columns.push(None);
        } else if columns.contains(&Some(field.clone())) {
            return Err(format!("two columns are {field:?}"));
        } else {
            columns.push(Some(field));
        }
    }
    let fields: Vec<&str> = columns.iter().flatten().map(String::as_str).collect();
    if !fields
        .iter()
        .any(|field| ["title", "item", "name"].contains(field))
    {
        let text = "no column is title, item or name; say which is with --map column=title";
        return Err(text.to_owned());
    }
    Ok((columns, unknown))
}

/// Whether a row says nothing of a point on earth.
fn is_nowhere(row: &Row<'_>) -> bool {
    row.get("lat").is_none() && row.get("lon").is_none()
}

/// The cells of a row that say something.
fn cells<'a>(
    record: &'a csv::ByteRecord,
    columns: &'a [Option<String>],
) -> Result<Row<'a>, Remark> {
    if record.len() > columns.len() {
        let why = format!(
            "{} cells, but the header has {}",
            record.len(),
            columns.len()
        );
        return Err(Remark::new("bad_row", why));
    }
    let mut row = Row::new();
    for (cell, column) in record.iter().zip(columns) {
        let Some(field) = column else { continue };
        let text = std::str::from_utf8(cell).map_err(|_| {
            let why = format!("{field} is not UTF-8: save the table as UTF-8");
            Remark::new("not_utf8", why)
        })?;
        if !text.trim().is_empty() {
            row.insert(field, text.trim());
        }
    }
    Ok(row)
}

struct Rows<'a> {
    defaults: &'a Defaults,
    places: BTreeSet<String>,
    items: BTreeSet<String>,
}

impl Rows<'_> {
    fn judge(&mut self, row: &Row<'_>) -> Result<Listing, Remark> {
        let mut notes = Vec::new();
        let item = self.item(row)?;
        let place = self.place(row, item.as_ref(), &mut notes)?;
        if item.is_none() && place.is_none() {
            let why = "no item (title, name or item) and no place (lat and lon) in it";
            return Err(Remark::new("bad_row", why));
        }
        let twice = |slug: &str| {
            let why = format!("{slug} stands in the table twice");
            Err(Remark::new("twice", why))
        };
        match (&place, &item) {
            (Some(place), _) if self.places.contains(&place.slug) => return twice(&place.slug),
            (_, Some(item)) if self.items.contains(&item.slug) => return twice(&item.slug),
            _ => {}
        }
        self.places
            .extend(place.iter().map(|place| place.slug.clone()));
        self.items.extend(item.iter().map(|item| item.slug.clone()));
        Ok(Listing {
            origin: String::new(),
            place,
            item,
            notes,
        })
    }

    fn item(&self, row: &Row<'_>) -> Result<Option<Item>, Remark> {
        let Some(slug) = row
            .get("item")
            .or(row.get("title"))
            // a name with a place beside it is the place's
            .or_else(|| row.get("name").filter(|_| is_nowhere(row)))
            .and_then(|text| slug_of(text))
        else {
            return Ok(None);
        };
        let title = row.get("title").or(row.get("name")).or(row.get("item"));
        let title = title.and_then(|text| line_of(text)).unwrap_or_default();
        let title = short("title", title, NAME_MAX)?;
        let schema = line(row, "schema", 64)?.unwrap_or_else(|| "goods/1".to_owned());
        let price = self.price(row, &schema)?;
        let stock = match row.get("stock") {
            None => None,
            Some(text) => {
                let number = text.parse::<i64>().ok().filter(|number| *number >= 0);
                let why = format!("the stock {text:?} is no whole number");
                Some(number.ok_or_else(|| Remark::new("bad_stock", why))?)
            }
        };
        Ok(Some(Item {
            slug,
            schema,
            title,
            description: match row.get("description") {
                // its line breaks are part of it
                Some(text) => Some(short("description", (*text).to_owned(), DESCRIPTION_MAX)?),
                None => None,
            },
            place: row.get("place").and_then(|text| slug_of(text)),
            price,
            stock,
            attributes: attributes(row)?,
            fulfilment: fulfilment(row)?,
        }))
    }

    fn price(&self, row: &Row<'_>, schema: &str) -> Result<Price, Remark> {
        let wrong = |why: String| Remark::new("bad_price", why);
        let Some(text) = row.get("price") else {
            return if schema.starts_with("goods/") {
                Err(Remark::new("no_price", "goods without a price"))
            } else {
                Ok(Price::Quote)
            };
        };
        let code = row
            .get("currency")
            .copied()
            .or(self.defaults.currency.as_deref());
        let code = code.ok_or_else(|| {
            Remark::new(
                "no_currency",
                "no currency; fill the column, or name one for all (--currency)",
            )
        })?;
        let code = currency(code)
            .map_err(|error| wrong(error.to_string()))?
            .0
            .code();
        let amount = |text: &str| minor(text, code).map_err(|error| wrong(error.to_string()));
        let parted = text.split_once(['–', '—']);
        // a dash in front is a sign
        let parted = parted.or_else(|| {
            text.split_once('-')
                .filter(|(low, _)| !low.trim().is_empty())
        });
        let (min, max) = match (parted, row.get("price_max")) {
            (Some((low, high)), None) => (amount(low)?, amount(high)?),
            (_, Some(high)) => (amount(text)?, amount(high)?),
            (None, None) => (amount(text)?, amount(text)?),
        };
        if min > max {
            return Err(wrong(format!(
                "{text:?}: the lowest price is above the highest"
            )));
        }
        let unit = line(row, "per_unit", 32)?.map(|unit| match &unit.to_lowercase()[..] {
            "h" | "hr" | "hour" | "hourly" => "hour".to_owned(),
            _ => unit,
        });
        Ok(Price::between(code.to_owned(), (min, max), unit.as_deref()))
    }

    fn place(
        &self,
        row: &Row<'_>,
        item: Option<&Item>,
        notes: &mut Vec<Remark>,
    ) -> Result<Option<Place>, Remark> {
        let wrong = |why: &str| Remark::new("no_place", why);
        let (lat, lon) = match (row.get("lat"), row.get("lon")) {
            (None, None) => return Ok(None),
            (Some(lat), Some(lon)) => (lat, lon),
            _ => return Err(wrong("only one of lat and lon is there")),
        };
        let geo = degrees(lat).zip(degrees(lon));
        let geo = geo
            .and_then(|(lat, lon)| Geo::new(lat, lon))
            .ok_or_else(|| wrong("lat and lon are no point on earth (degrees, as in 60.17)"))?;
        let name = row
            .get("name")
            .or(row.get("title"))
            .and_then(|text| line_of(text));
        let name = name.ok_or_else(|| Remark::new("no_name", "a place without a name"))?;
        let slug = row.get("place").and_then(|text| slug_of(text));
        let slug = slug.or_else(|| item.map(|item| item.slug.clone()));
        let slug = slug.or_else(|| slug_of(&name)).unwrap_or_default();
        let category = line(row, "category", 64)?;
        let category =
            category.ok_or_else(|| Remark::new("no_category", "a place without a category"))?;
        let hours = line(row, "opening_hours", HOURS_MAX)?;
        notes.extend(hours.as_deref().and_then(hours::remark));
        let zone = row.get("zone").copied().unwrap_or(&self.defaults.zone);
        if !zone_is_right(zone) {
            let why = format!("{zone:?} is no time zone, as in Europe/Helsinki");
            return Err(Remark::new("bad_zone", why));
        }
        Ok(Some(Place {
            slug,
            name: short("name", name, NAME_MAX)?,
            category,
            geo,
            address: line(row, "address", VALUE_MAX)?,
            opening_hours: hours,
            zone: zone.to_owned(),
            phone: line(row, "phone", VALUE_MAX)?,
            website: line(row, "website", VALUE_MAX)?,
            email: line(row, "email", VALUE_MAX)?,
            source: line(row, "source", VALUE_MAX)?,
        }))
    }
}

fn short(field: &str, text: String, max: usize) -> Result<String, Remark> {
    if text.len() > max {
        let why = format!("{field} has more than {max} bytes");
        return Err(Remark::new("too_long", why));
    }
    Ok(text)
}

fn line(row: &Row<'_>, field: &str, max: usize) -> Result<Option<String>, Remark> {
    let text = row.get(field).and_then(|text| line_of(text));
    text.map(|text| short(field, text, max)).transpose()
}

fn list(field: &str, text: &str) -> Result<Vec<String>, Remark> {
    let parts: Vec<String> = text.split(['|', ';']).filter_map(line_of).collect();
    if parts.len() > LIST_MAX {
        let why = format!("{field} has more than {LIST_MAX} parts");
        return Err(Remark::new("too_long", why));
    }
    parts
        .into_iter()
        .map(|part| short(field, part, VALUE_MAX))
        .collect()
}

fn fulfilment(row: &Row<'_>) -> Result<Vec<String>, Remark> {
    let words = list(
        "fulfilment",
        row.get("fulfilment").copied().unwrap_or_default(),
    )?;
    match words.iter().find(|word| !FULFILMENTS.contains(&&word[..])) {
        Some(word) => {
            let why = format!("fulfilment {word:?} is none of {}", FULFILMENTS.join(", "));
            Err(Remark::new("bad_fulfilment", why))
        }
        None => Ok(words),
    }
}

fn attributes(row: &Row<'_>) -> Result<BTreeMap<String, Attribute>, Remark> {
    let mut attributes = BTreeMap::new();
    if let Some(images) = row.get("image") {
        attributes.insert("image".to_owned(), Attribute::List(list("image", images)?));
    }
    for (field, text) in row {
        let Some(name) = field.strip_prefix(ATTRIBUTE_FRONT) else {
            continue;
        };
        if attributes.len() >= ATTRIBUTES_MAX {
            let why = format!("more than {ATTRIBUTES_MAX} attributes");
            return Err(Remark::new("too_long", why));
        }
        let value = match *text {
            "true" | "yes" => Attribute::Bool(true),
            "false" | "no" => Attribute::Bool(false),
            text if text.contains('|') => Attribute::List(list(field, text)?),
            text => Attribute::Text(short(field, line_of(text).unwrap_or_default(), VALUE_MAX)?),
        };
        attributes.insert(name.to_owned(), value);
    }
    Ok(attributes)
}

#[cfg(test)]
mod tests;
