//! Places of an OpenStreetMap extract. The file is read twice: first for the
//! outlines that are places, then for the points, with those that outlines need.

use std::collections::{BTreeMap, BTreeSet};

use crate::import::listing::{Found, Geo, Remark};
use crate::import::pbf::{Element, Tags};
use crate::import::tags::{Group, kind, listing, was_kind};

/// Longest way across that is averaged, 1e-7 degree: beyond, it passes the
/// line where longitudes jump, and their mean is on the other side of the earth.
const SPAN_MAX: i64 = 1_800_000_000;

/// What is wanted of an extract.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Kinds of places.
    pub groups: Vec<Group>,
    /// Time zone of the places, an IANA name.
    pub zone: String,
}

struct Outline {
    id: i64,
    refs: Vec<i64>,
    tags: Vec<(String, String)>,
}

/// Reads an extract in two passes.
pub struct Extract {
    wanted: Wanted,
    outlines: Vec<Outline>,
    /// Where the nodes of outlines are, as far as they were read.
    nodes: BTreeMap<i64, Option<Geo>>,
    seen: BTreeSet<String>,
}

impl Extract {
    /// Begins.
    pub fn new(wanted: Wanted) -> Self {
        Self {
            wanted,
            outlines: Vec::new(),
            nodes: BTreeMap::new(),
            seen: BTreeSet::new(),
        }
    }

    /// First pass: keeps the ways that are places and the names of their nodes.
    pub fn survey(&mut self, element: &Element<'_>) {
        if let Element::Way { id, refs, tags } = element
            && kind(tags, &self.wanted.groups).is_some()
        {
            self.nodes.extend(refs.iter().map(|id| (*id, None)));
            let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
            self.outlines.push(Outline {
                id: *id,
                refs: refs.to_vec(),
                tags: tags.iter().map(owned).collect(),
            });
        }
    }

    /// Second pass: what an element gives. Ways come at the end.
    pub fn find(&mut self, element: &Element<'_>) -> Option<Found> {
        match element {
            Element::Node { id, geo, tags } => {
                if let Some(place) = self.nodes.get_mut(id) {
                    *place = *geo;
                }
                if tags.is_empty() {
                    return None;
                }
                let nowhere = || Remark::new("no_place", "its coordinates are not on earth");
                self.judge(("node", *id), tags, |_| geo.ok_or_else(nowhere))
            }
            Element::Relation { id, tags } => {
                let why = "a relation has no place of its own; only nodes and ways are taken";
                self.judge(("relation", *id), tags, |_| {
                    Err(Remark::new("relation", why))
                })
            }
            // a way that is a place waits until all nodes are read
            Element::Way { id, tags, .. } => {
                let waits = kind(tags, &self.wanted.groups).is_some();
                (!waits).then(|| self.gone(("way", *id), tags)).flatten()
            }
        }
    }

    /// After the second pass: what the ways give.
    pub fn outlines(mut self) -> impl Iterator<Item = Found> {
        std::mem::take(&mut self.outlines)
            .into_iter()
            .filter_map(move |outline| {
                let tags: Vec<(&str, &str)> = outline
                    .tags
                    .iter()
                    .map(|(key, value)| (&key[..], &value[..]))
                    .collect();
                self.judge(("way", outline.id), &tags, |extract| {
                    extract.centre(&outline.refs)
                })
            })
    }

    /// The mean of the distinct nodes that are there, rounded, halves upwards.
    fn centre(&self, refs: &[i64]) -> Result<Geo, Remark> {
        let distinct: BTreeSet<i64> = refs.iter().copied().collect();
        let points: Vec<Geo> = distinct
            .iter()
            .filter_map(|id| self.nodes.get(id).copied().flatten())
            .collect();
        let mean = |part: fn(&Geo) -> i32| {
            let values = || points.iter().map(|geo| i64::from(part(geo)));
            let (low, high) = (values().min()?, values().max()?);
            let count = points.len() as i64;
            let mean = (2 * values().sum::<i64>() + count).div_euclid(2 * count);
            (high - low <= SPAN_MAX).then_some(mean)
        };
        let centre = mean(|geo| geo.lat).zip(mean(|geo| geo.lon));
        let centre = centre.and_then(|(lat, lon)| Geo::new(lat, lon));
        centre.ok_or_else(|| Remark::new("no_place", "the file has none of its nodes"))
    }

    /// A refusal for what was a place once.
    fn gone(&self, (what, id): (&str, i64), tags: &Tags<'_>) -> Option<Found> {
        was_kind(tags, &self.wanted.groups).then(|| Found::Refused {
            origin: format!("{what} {id}"),
            why: Remark::new("disused", "it is not in use any more"),
        })
    }

    fn judge(
        &mut self,
        (what, id): (&'static str, i64),
        tags: &Tags<'_>,
        geo: impl FnOnce(&Self) -> Result<Geo, Remark>,
    ) -> Option<Found> {
        let Some(found) = kind(tags, &self.wanted.groups) else {
            return self.gone((what, id), tags);
        };
        let name = Name::new(what, id);
        let judged = geo(self)
            .and_then(|geo| listing(&name.slug, &name.page, geo, tags, found, &self.wanted.zone))
            .and_then(|listing| {
                if self.seen.insert(name.slug.clone()) {
                    Ok(listing)
                } else {
                    Err(Remark::new("twice", "it is in the file twice"))
                }
            });
        Some(match judged {
            Ok(mut listing) => {
                listing.origin.clone_from(&name.origin);
                Found::Taken(Box::new(listing))
            }
            Err(why) => Found::Refused {
                origin: name.origin.clone(),
                why,
            },
        })
    }
}

/// What an element is called.
struct Name {
    origin: String,
    slug: String,
    page: String,
}

impl Name {
    fn new(what: &'static str, id: i64) -> Self {
        let letter = &what[..1];
        // ids below zero are of files that were never uploaded
        let mark = if id < 0 { "x" } else { "" };
        let number = id.unsigned_abs();
        Self {
            origin: format!("{what} {id}"),
            slug: format!("osm-{letter}{mark}{number}"),
            page: format!("https://www.openstreetmap.org/{what}/{id}"),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn wanted() -> Wanted {
        Wanted {
            groups: Group::ALL.to_vec(),
            zone: "Europe/Helsinki".to_owned(),
        }
    }

    fn code(found: Option<Found>) -> String {
        match found {
            None => "none".to_owned(),
            Some(Found::Taken(listing)) => listing.place.unwrap().slug,
            Some(Found::Refused { why, .. }) => why.code.to_owned(),
        }
    }

    #[test]
    fn elements_are_taken_or_refused() {
        let mut extract = Extract::new(wanted());
        let here = Geo::new(600_000_000, 250_000_000);
        type Case<'a> = (Option<Geo>, &'a Tags<'a>, &'a str);
        let cases: [Case<'_>; 13] = [
            (here, &[("shop", "bakery"), ("name", "Rye")], "osm-n0"),
            (here, &[("shop", "bakery"), ("name", "  ")], "no_name"),
            (here, &[("shop", "bakery")], "no_name"),
            (None, &[("shop", "bakery"), ("name", "Rye")], "no_place"),
            (here, &[("shop", "vacant"), ("name", "Rye")], "closed"),
            (
                here,
                &[("disused:shop", "bakery"), ("name", "Rye")],
                "disused",
            ),
            (
                here,
                &[("shop", "bakery"), ("disused", "yes"), ("name", "Rye")],
                "disused",
            ),
            (
                here,
                &[
                    ("amenity", "pub"),
                    ("opening_hours", "closed"),
                    ("name", "A"),
                ],
                "closed",
            ),
            (here, &[("amenity", "bench"), ("name", "A")], "none"),
            (here, &[("was:amenity", "bench")], "none"),
            (
                here,
                &[("shop", "no"), ("craft", "tailor"), ("name", "T")],
                "osm-n10",
            ),
            (here, &[], "none"),
            (
                here,
                &[("shop", "a"), ("name", &"x".repeat(201))],
                "too_long",
            ),
        ];
        for (id, (geo, tags, want)) in (0..).zip(cases) {
            let element = Element::Node { id, geo, tags };
            assert_eq!(code(extract.find(&element)), want, "{tags:?}");
        }
        let tags: &[(&str, &str)] = &[("shop", "mall"), ("name", "M")];
        let relation = Element::Relation { id: 1, tags };
        assert_eq!(code(extract.find(&relation)), "relation");
        let again = Element::Node {
            id: 0,
            geo: here,
            tags,
        };
        assert_eq!(code(extract.find(&again)), "twice");
        assert_eq!(
            code(extract.find(&Element::Node {
                id: -7,
                geo: here,
                tags
            })),
            "osm-nx7"
        );
    }

    #[test]
    fn ways_stand_at_the_mean_of_their_nodes() {
        let mut extract = Extract::new(wanted());
        let tags: &[(&str, &str)] = &[("shop", "mall"), ("name", "M")];
        for (id, refs) in [(1, &[1, 2, 3, 1][..]), (2, &[8, 9]), (3, &[1, 4])] {
            let way = Element::Way { id, refs, tags };
            extract.survey(&way);
            assert_eq!(extract.find(&way), None);
        }
        for (id, lat, lon) in [
            (1, 10, -10),
            (2, 20, -20),
            (3, 31, -30),
            (4, 0, 1_800_000_000),
        ] {
            let element = Element::Node {
                id,
                geo: Geo::new(lat, lon),
                tags: &[],
            };
            assert_eq!(extract.find(&element), None);
        }
        let found: Vec<Found> = extract.outlines().collect();
        let Found::Taken(listing) = &found[0] else {
            panic!("{found:?}")
        };
        // 61 / 3 = 20.33
        assert_eq!(
            listing.place.as_ref().unwrap().geo,
            Geo { lat: 20, lon: -20 }
        );
        assert_eq!(
            listing.item.as_ref().unwrap().place.as_deref(),
            Some("osm-w1")
        );
        assert_eq!(code(Some(found[1].clone())), "no_place");
        assert_eq!(code(Some(found[2].clone())), "no_place");
    }

    proptest! {
        #[test]
        fn the_mean_lies_between(points in prop::collection::vec((-900_000_000_i64..=900_000_000, 0_i64..=1_800_000_000), 1..20)) {
            let mut extract = Extract::new(wanted());
            for (id, (lat, lon)) in (0..).zip(&points) {
                extract.nodes.insert(id, Geo::new(*lat, *lon));
            }
            let refs: Vec<i64> = (0..points.len() as i64).chain([0]).collect();
            let centre = extract.centre(&refs).unwrap();
            let lats: Vec<i64> = points.iter().map(|point| point.0).collect();
            let lat = i64::from(centre.lat);
            prop_assert!(lats.iter().min().unwrap() <= &lat && &lat <= lats.iter().max().unwrap());
            let (sum, count) = (lats.iter().sum::<i64>(), lats.len() as i64);
            // |mean − sum / count| ≤ 1/2
            prop_assert!((2 * count * lat - 2 * sum).abs() <= count);
        }
    }
}
