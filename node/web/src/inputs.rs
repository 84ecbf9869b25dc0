//! What a request says, held against what its route takes.

use serde_json::Value as Json;

use crate::problem::Problem;
use crate::routes::{Kind, Param, Route};

/// Parameters of a request; all of them are ones that the route takes.
#[derive(Debug, Default)]
pub(crate) struct Inputs {
    /// Parts of the path.
    pub path: Vec<(String, String)>,
    /// The query.
    pub query: Vec<(String, String)>,
    /// The body, an object.
    pub body: serde_json::Map<String, Json>,
}

/// Parameters of one name in a query.
const REPEATED_MAX: usize = 16;

impl Inputs {
    /// Reads and checks them.
    pub(crate) fn read(
        route: &Route,
        path: Vec<(String, String)>,
        query: &str,
        body: &[u8],
    ) -> Result<Self, Problem> {
        Self::of(route.query, route.body, path, query, body)
    }

    /// The same for what a query and a body may say.
    pub(crate) fn of(
        queried: &[Param],
        told: &[Param],
        path: Vec<(String, String)>,
        query: &str,
        body: &[u8],
    ) -> Result<Self, Problem> {
        let mut inputs = Self {
            path,
            ..Self::default()
        };
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let param = named(queried, &name)?;
            let before = inputs.query.iter().filter(|(known, _)| *known == name);
            let most = if param.kind == Kind::Texts {
                REPEATED_MAX
            } else {
                1
            };
            if before.count() >= most {
                return Err(Problem::usage(format!("{name} is given too often")));
            }
            inputs.query.push((name.into_owned(), value.into_owned()));
        }
        if let Some(lacking) = queried.iter().find(|param| {
            param.required && !inputs.query.iter().any(|(name, _)| name == param.name)
        }) {
            return Err(Problem::usage(format!(
                "{} is missing: {}",
                lacking.name, lacking.about
            )));
        }
        if !told.is_empty() {
            inputs.body = object(told, body)?;
        }
        Ok(inputs)
    }

    /// A part of the path.
    pub(crate) fn path(&self, name: &str) -> String {
        let found = self.path.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.clone()).unwrap_or_default()
    }

    /// A text of the query.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        let found = self.query.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.clone())
    }

    /// All texts of a name in the query.
    pub(crate) fn texts(&self, name: &str) -> Vec<String> {
        let found = self.query.iter().filter(|(known, _)| known == name);
        found.map(|(_, value)| value.clone()).collect()
    }

    /// A number of the query.
    pub(crate) fn number(&self, name: &str) -> Result<Option<u64>, Problem> {
        let text = self.text(name);
        let number = text.as_deref().map(str::parse::<u64>).transpose();
        number.map_err(|_| Problem::usage(format!("{name} is a whole number, zero or more")))
    }

    /// How many at most; what is more than the limit is the limit.
    pub(crate) fn limit(&self, usual: usize, max: usize) -> Result<usize, Problem> {
        let wanted = self.number("limit")?;
        Ok(wanted.map_or(usual, |wanted| {
            usize::try_from(wanted).unwrap_or(max).clamp(1, max)
        }))
    }

    /// Yes or no, of the query: no where nothing is said.
    pub(crate) fn flag(&self, name: &str) -> Result<bool, Problem> {
        match self.text(name).as_deref() {
            None | Some("false") => Ok(false),
            Some("true" | "") => Ok(true),
            Some(_) => Err(Problem::usage(format!("{name} is true or false"))),
        }
    }

    /// A text of the body.
    pub(crate) fn body_text(&self, name: &str) -> Option<String> {
        let text = self.body.get(name).and_then(Json::as_str);
        text.map(str::to_owned)
    }

    /// Texts of the body.
    pub(crate) fn body_texts(&self, name: &str) -> Vec<String> {
        let texts = self.body.get(name).and_then(Json::as_array);
        let texts = texts.into_iter().flatten().filter_map(Json::as_str);
        texts.map(str::to_owned).collect()
    }

    /// Yes or no, of the body.
    pub(crate) fn body_flag(&self, name: &str) -> bool {
        self.body.get(name).and_then(Json::as_bool) == Some(true)
    }

    /// Pairs of texts in the body, as in `{"entity": "role"}`.
    pub(crate) fn body_pairs(&self, name: &str) -> Vec<(String, String)> {
        let pairs = self.body.get(name).and_then(Json::as_object);
        let pairs = pairs.into_iter().flatten();
        pairs
            .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
            .collect()
    }
}

fn named<'a>(params: &'a [Param], name: &str) -> Result<&'a Param, Problem> {
    let found = params.iter().find(|param| param.name == name);
    found.ok_or_else(|| {
        let names: Vec<&str> = params.iter().map(|param| param.name).collect();
        let hint = match names.is_empty() {
            true => "nothing can be said here".to_owned(),
            false => format!("what can be said here: {}", names.join(", ")),
        };
        Problem::usage(format!("nothing here is called {name:?}")).hint(hint)
    })
}

/// A body with fields that the route takes, each of its kind.
fn object(params: &[Param], body: &[u8]) -> Result<serde_json::Map<String, Json>, Problem> {
    let body = if body.is_empty() { b"{}" } else { body };
    let json: Json = serde_json::from_slice(body)
        .map_err(|error| Problem::usage(format!("the body is not JSON: {error}")))?;
    let Json::Object(object) = json else {
        return Err(Problem::usage("the body is not a JSON object"));
    };
    for (name, value) in &object {
        let param = named(params, name)?;
        let (fits, need) = match param.kind {
            Kind::Text => (value.is_string(), "a text"),
            Kind::Number => (value.is_u64(), "a whole number"),
            Kind::Flag => (value.is_boolean(), "true or false"),
            Kind::Object => (value.is_object(), "an object"),
            Kind::Texts => (all(value.as_array(), Json::is_string), "a list of texts"),
            Kind::Pairs => {
                let values = value.as_object().map(|map| map.values());
                let fits = values.is_some_and(|mut values| values.all(Json::is_string));
                (fits, "an object of texts")
            }
        };
        let left_out = value.is_null() && !param.required;
        if !fits && !left_out {
            return Err(Problem::usage(format!("{name} is {need}: {}", param.about)));
        }
    }
    let lacking = params
        .iter()
        .find(|param| param.required && !object.contains_key(param.name));
    match lacking {
        Some(param) => Err(Problem::usage(format!(
            "{} is missing: {}",
            param.name, param.about
        ))),
        None => Ok(object),
    }
}

fn all(items: Option<&Vec<Json>>, fits: impl Fn(&Json) -> bool) -> bool {
    items.is_some_and(|items| items.iter().all(fits))
}
