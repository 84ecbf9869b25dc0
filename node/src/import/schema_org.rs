//! Businesses, goods and services of a JSON-LD file in the vocabulary of
//! schema.org. Objects may name others of the same file by `@id`; nothing is
//! fetched.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use crate::import::decimal::degrees;
use crate::import::json_ld::{
    JsonLdError, Object, name_of, objects, property, term, text, types, values,
};
use crate::import::listing::{
    DESCRIPTION_MAX, Found, Geo, HOURS_MAX, Item, Listing, NAME_MAX, Place, Price, Remark,
    VALUE_MAX, bounded, line_of,
};
use crate::import::schema_hours::opening_hours;
use crate::import::schema_offers::{attributes, fulfilment, price, stock};
use crate::import::schema_types::{Role, role};
use crate::import::slug::slug_of;

/// What the file does not say.
#[derive(Debug, Clone)]
pub struct Defaults {
    /// Time zone of the places, an IANA name.
    pub zone: String,
    /// Currency of prices that name none, ISO 4217.
    pub currency: Option<String>,
}

/// Reads a file.
///
/// # Errors
/// It is no JSON-LD that can be read; nothing of it is taken then.
pub fn read(bytes: &[u8], defaults: &Defaults) -> Result<Vec<Found>, JsonLdError> {
    let objects = objects(bytes)?;
    let mut file = File {
        defaults,
        ids: BTreeMap::new(),
        offered: BTreeMap::new(),
        done: BTreeSet::new(),
        places: BTreeMap::new(),
        slugs: BTreeSet::new(),
        found: Vec::new(),
    };
    for (_, object) in &objects {
        if let Some(id) = property(object, "@id") {
            // one that only names another says nothing of it
            if object.len() > 1 {
                file.ids.entry(id).or_insert(object);
            }
        }
        for named in values(object.get("itemOffered")).filter_map(Json::as_object) {
            if let (1, Some(id)) = (named.len(), property(named, "@id")) {
                file.offered.entry(id).or_default().push(object);
            }
        }
    }
    let mut jobs: Vec<Job<'_>> = objects
        .iter()
        .map(|(path, object)| Job {
            path: path.clone(),
            object,
            place: None,
            offer: None,
        })
        .collect();
    // what others belong to comes first; the last of the stack is done first
    jobs.sort_by_key(|job| match role(&types(job.object)) {
        Some(Role::Business(..)) => 0,
        Some(Role::Holder) => 1,
        Some(Role::Goods | Role::Service) => 2,
        Some(Role::Offer) | None => 3,
    });
    jobs.reverse();
    while let Some(job) = jobs.pop() {
        // an object is taken once, however many others name it
        if file.done.insert(std::ptr::from_ref(job.object)) {
            file.take(&job, &mut jobs);
        }
    }
    Ok(file.found)
}

struct Job<'a> {
    path: String,
    object: &'a Object,
    /// Slug of the business it belongs to.
    place: Option<String>,
    /// The offer through which it was reached.
    offer: Option<&'a Object>,
}

struct File<'a> {
    defaults: &'a Defaults,
    ids: BTreeMap<&'a str, &'a Object>,
    /// Offers that stand apart, by the id of what they offer.
    offered: BTreeMap<&'a str, Vec<&'a Object>>,
    done: BTreeSet<*const Object>,
    /// Slugs of the businesses that were taken.
    places: BTreeMap<*const Object, String>,
    slugs: BTreeSet<(bool, String)>,
    found: Vec<Found>,
}

impl<'a> File<'a> {
    /// The object that a value is or names.
    fn resolve(&self, value: &'a Json) -> Option<&'a Object> {
        let object = value.as_object()?;
        match (object.len(), property(object, "@id")) {
            (1, Some(id)) => self.ids.get(id).copied(),
            _ => Some(object),
        }
    }

    fn refuse(&mut self, path: &str, why: Remark) {
        let origin = path.to_owned();
        self.found.push(Found::Refused { origin, why });
    }

    fn take(&mut self, job: &Job<'a>, jobs: &mut Vec<Job<'a>>) {
        let types = types(job.object);
        let inner: &[&str] = match role(&types) {
            Some(Role::Business(key, value)) => {
                let listing = self.business(job, key, value);
                self.keep(job, listing);
                &[
                    "makesOffer",
                    "hasOfferCatalog",
                    "hasMenu",
                    "menu",
                    "department",
                ]
            }
            Some(Role::Goods) => {
                let listing = self.item(job, "goods/1");
                self.keep(job, listing);
                &[]
            }
            Some(Role::Service) => {
                let listing = self.item(job, "service/1");
                self.keep(job, listing);
                &["hasOfferCatalog"]
            }
            Some(Role::Offer) if job.object.get("itemOffered").is_none() => {
                let why = "an offer that does not say what is offered";
                self.refuse(&job.path, Remark::new("no_item", why));
                &[]
            }
            Some(Role::Offer) => &["itemOffered"],
            Some(Role::Holder) => &["itemListElement", "item", "hasMenuItem", "hasMenuSection"],
            None if types.is_empty() => {
                self.refuse(&job.path, Remark::new("no_type", "it has no @type"));
                &[]
            }
            None => {
                let names: Vec<String> = types.iter().filter_map(|name| line_of(name)).collect();
                let names: String = names.join(", ").chars().take(80).collect();
                let why = format!("{names} is not taken; see docs/IMPORT.md for what is");
                self.refuse(&job.path, Remark::new("unknown_type", why));
                &[]
            }
        };
        let place = self.places.get(&std::ptr::from_ref(job.object)).cloned();
        let place = place.or_else(|| job.place.clone());
        let offer = (role(&types) == Some(Role::Offer)).then_some(job.object);
        let mut found = Vec::new();
        for name in inner {
            for (index, value) in values(job.object.get(*name)).enumerate() {
                if let Some(object) = self.resolve(value) {
                    found.push(Job {
                        path: format!("{}.{name}[{index}]", job.path),
                        object,
                        place: place.clone(),
                        offer: offer.or(job.offer),
                    });
                }
            }
        }
        jobs.extend(found.into_iter().rev());
    }

    fn keep(&mut self, job: &Job<'a>, listing: Result<Listing, Remark>) {
        let judged = listing.and_then(|listing| {
            let place = listing
                .place
                .as_ref()
                .map(|place| (true, place.slug.clone()));
            let item = listing.item.as_ref().map(|item| (false, item.slug.clone()));
            let keys: Vec<_> = place.into_iter().chain(item).collect();
            if keys.iter().any(|key| self.slugs.contains(key)) {
                let why = "the file has something else of this name or id";
                return Err(Remark::new("twice", why));
            }
            self.slugs.extend(keys);
            Ok(listing)
        });
        match judged {
            Ok(mut listing) => {
                if let Some(place) = &listing.place {
                    let address = std::ptr::from_ref(job.object);
                    self.places.insert(address, place.slug.clone());
                }
                listing.origin.clone_from(&job.path);
                self.found.push(Found::Taken(Box::new(listing)));
            }
            Err(why) => self.refuse(&job.path, why),
        }
    }

    fn business(&self, job: &Job<'a>, key: &str, value: &str) -> Result<Listing, Remark> {
        let object = job.object;
        let name = name(object)?;
        let geo = self.geo(object)?;
        let mut notes = Vec::new();
        let address = self.address(object);
        let named = format!("{name} {}", address.as_deref().unwrap_or_default());
        let slug = own_id(object, &["@id", "branchCode"]).or_else(|| slug_of(&named));
        let slug = slug.ok_or_else(|| Remark::new("no_name", "it has no name"))?;
        let hours = opening_hours(object, &mut notes);
        let mut line = |field: &str, max| {
            bounded(
                field,
                property(object, field).and_then(line_of),
                max,
                &mut notes,
            )
        };
        let (phone, website) = (line("telephone", VALUE_MAX), line("url", VALUE_MAX));
        let email = line("email", VALUE_MAX);
        let description = line("description", DESCRIPTION_MAX);
        let email = email.map(|email| email.trim_start_matches("mailto:").to_owned());
        let place = Place {
            slug: slug.clone(),
            name: name.clone(),
            category: format!("{key}/{value}"),
            geo,
            address: bounded("address", address, VALUE_MAX, &mut notes),
            opening_hours: bounded("opening hours", hours, HOURS_MAX, &mut notes),
            zone: self.defaults.zone.clone(),
            phone,
            website,
            email,
            source: None,
        };
        let item = Item {
            slug: slug.clone(),
            schema: format!("osm/{key}={value}"),
            title: name,
            description,
            place: Some(slug),
            price: Price::Quote,
            stock: None,
            attributes: attributes(object, &mut notes),
            fulfilment: Vec::new(),
        };
        Ok(Listing {
            origin: String::new(),
            place: Some(place),
            item: Some(item),
            notes,
        })
    }

    fn geo(&self, object: &'a Object) -> Result<Geo, Remark> {
        let nowhere = |why: &str| Remark::new("no_place", why);
        // the point of the business itself, or of the place that it names
        let located = values(object.get("location")).filter_map(|value| self.resolve(value));
        let point = std::iter::once(object)
            .chain(located)
            .flat_map(|object| values(object.get("geo")))
            .find_map(|value| self.resolve(value))
            .unwrap_or(object);
        let (Some(lat), Some(lon)) = (property(point, "latitude"), property(point, "longitude"))
        else {
            return Err(nowhere("it has no geo with latitude and longitude"));
        };
        let geo = degrees(lat).zip(degrees(lon));
        geo.and_then(|(lat, lon)| Geo::new(lat, lon))
            .ok_or_else(|| nowhere("its latitude and longitude are no point on earth"))
    }

    fn address(&self, object: &'a Object) -> Option<String> {
        let value = object.get("address")?;
        if let Some(text) = text(Some(value)) {
            return line_of(text);
        }
        let address = values(Some(value)).find_map(|value| self.resolve(value))?;
        let part = |name| name_of(address.get(name)).and_then(line_of);
        let city: Vec<String> = [part("postalCode"), part("addressLocality")]
            .into_iter()
            .flatten()
            .collect();
        let parts = [
            part("streetAddress"),
            Some(city.join(" ")),
            part("addressCountry"),
        ];
        let parts: Vec<String> = parts
            .into_iter()
            .flatten()
            .filter(|part| !part.is_empty())
            .collect();
        line_of(&parts.join(", "))
    }

    fn item(&mut self, job: &Job<'a>, schema: &str) -> Result<Listing, Remark> {
        let object = job.object;
        let name = name(object)?;
        let mut offers: Vec<&Object> = job.offer.into_iter().collect();
        offers.extend(values(object.get("offers")).filter_map(|value| self.resolve(value)));
        let apart = property(object, "@id").and_then(|id| self.offered.get(id));
        offers.extend(apart.into_iter().flatten());
        // they have said what they had to say
        self.done
            .extend(offers.iter().map(|offer| std::ptr::from_ref(*offer)));
        let mut notes = Vec::new();
        let found = price(&offers, self.defaults.currency.as_deref(), &mut notes)?;
        let price = match found {
            Some(price) => price,
            None if schema == "service/1" => Price::Quote,
            None => return Err(Remark::new("no_price", "goods without a price")),
        };
        let ids = [
            "sku",
            "productID",
            "gtin13",
            "gtin",
            "mpn",
            "identifier",
            "@id",
            "url",
        ];
        let slug = own_id(object, &ids)
            .or_else(|| offers.iter().find_map(|offer| own_id(offer, &["sku"])))
            .or_else(|| slug_of(&name));
        let slug = slug.ok_or_else(|| Remark::new("no_name", "it has no name"))?;
        let description = property(object, "description").and_then(line_of);
        let description = bounded("description", description, DESCRIPTION_MAX, &mut notes);
        Ok(Listing {
            origin: String::new(),
            place: None,
            item: Some(Item {
                slug,
                schema: schema.to_owned(),
                title: name,
                description,
                place: job.place.clone().or_else(|| self.seller(object, &offers)),
                price,
                stock: stock(&offers)?,
                attributes: attributes(object, &mut notes),
                fulfilment: fulfilment(&offers),
            }),
            notes,
        })
    }

    /// The slug of the business of this file that sells a thing.
    fn seller(&self, object: &'a Object, offers: &[&'a Object]) -> Option<String> {
        let named = offers.iter().copied().chain([object]).flat_map(|object| {
            ["seller", "offeredBy", "provider", "availableAtOrFrom"]
                .into_iter()
                .flat_map(|name| values(object.get(name)))
        });
        let mut sellers = named.filter_map(|value| self.resolve(value));
        sellers.find_map(|seller| self.places.get(&std::ptr::from_ref(seller)).cloned())
    }
}

fn name(object: &Object) -> Result<String, Remark> {
    let name = property(object, "name").and_then(line_of);
    let name = name.ok_or_else(|| Remark::new("no_name", "it has no name"))?;
    if name.len() > NAME_MAX {
        let why = format!("its name has more than {NAME_MAX} bytes");
        return Err(Remark::new("too_long", why));
    }
    Ok(name)
}

/// A slug of the first of some properties that says who it is.
fn own_id(object: &Object, names: &[&str]) -> Option<String> {
    // names of blank nodes change from one writing of a file to the next
    let ids = names.iter().filter_map(|name| property(object, name));
    ids.filter(|id| !id.starts_with("_:"))
        .map(|id| {
            let rest = id
                .strip_prefix("https://")
                .or_else(|| id.strip_prefix("http://"));
            rest.unwrap_or(id)
        })
        .find_map(slug_of)
}

/// A term of schema.org as text.
pub(super) fn term_text(value: Option<&Json>) -> Option<&str> {
    text(value).map(term)
}

#[cfg(test)]
mod tests;
