//! The OpenAPI 3.1 document, made from the table of routes.

use serde_json::{Map, Value as Json, json};

use crate::access::Scope;
use crate::routes::{self, Does, Kind, Method, Param, ROOT, Route};

/// The document.
pub fn document() -> Json {
    let mut paths = Map::new();
    for route in routes::all() {
        let path = format!("{ROOT}{}", route.path).replace("{*", "{");
        let at = paths.entry(path).or_insert_with(|| json!({}));
        if let Some(at) = at.as_object_mut() {
            at.insert(word(route.method).to_owned(), operation(route));
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "synlog",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "The local API of a running node. Commands and queries of a topic follow from the manifest of its app.",
        },
        "paths": paths,
        "components": {
            "securitySchemes": {
                "session": { "type": "apiKey", "in": "cookie", "name": "synlog-PORT" },
                "token": { "type": "http", "scheme": "bearer" },
            },
            "schemas": {
                "Problem": {
                    "type": "object",
                    "required": ["type", "title", "status", "code"],
                    "properties": {
                        "type": { "type": "string" },
                        "title": { "type": "string" },
                        "status": { "type": "integer" },
                        "code": { "type": "string", "description": "a stable word, as on the command line" },
                        "hint": { "type": ["string", "null"] },
                    },
                },
            },
        },
    })
}

/// The name of a method in the document.
pub fn word(method: Method) -> &'static str {
    match method {
        Method::Get => "get",
        Method::Post => "post",
    }
}

fn operation(route: &Route) -> Json {
    let mut parameters: Vec<Json> = path_names(route.path)
        .map(|name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } }))
        .collect();
    parameters.extend(route.query.iter().map(|param| {
        json!({
            "name": param.name, "in": "query", "required": param.required,
            "description": param.about, "schema": schema(param.kind),
        })
    }));
    let mut operation = json!({
        "operationId": route.id,
        "summary": route.about,
        "parameters": parameters,
        "responses": {
            "200": { "description": "done", "content": answer(&route.does) },
            "default": { "description": "refused or failed", "content": {
                "application/problem+json": { "schema": { "$ref": "#/components/schemas/Problem" } },
            }},
        },
        "security": match route.scope {
            Scope::Nobody => json!([]),
            scope => json!([{ "session": [] }, { "token": [scope.word()] }]),
        },
    });
    if route.does.takes_bytes() {
        operation["requestBody"] =
            json!({ "required": true, "content": { "application/octet-stream": {} } });
    } else if !route.body.is_empty() {
        operation["requestBody"] = json!({ "required": true, "content": {
            "application/json": { "schema": object(route.body) },
        }});
    }
    operation
}

/// The names in a path.
fn path_names(path: &str) -> impl Iterator<Item = &str> {
    let parts = path.split('/').filter_map(|part| part.strip_prefix('{'));
    parts.map(|part| part.trim_start_matches('*').trim_end_matches('}'))
}

fn answer(does: &Does) -> Json {
    match does {
        Does::Stream => json!({ "text/event-stream": {} }),
        Does::Blob => json!({ "application/octet-stream": {}, "image/*": {} }),
        _ => json!({ "application/json": {} }),
    }
}

fn schema(kind: Kind) -> Json {
    match kind {
        Kind::Text => json!({ "type": "string" }),
        Kind::Number => json!({ "type": "integer", "minimum": 0 }),
        Kind::Flag => json!({ "type": "boolean" }),
        Kind::Texts => json!({ "type": "array", "items": { "type": "string" } }),
        Kind::Object => json!({ "type": "object" }),
        Kind::Pairs => json!({ "type": "object", "additionalProperties": { "type": "string" } }),
    }
}

fn object(params: &[Param]) -> Json {
    let properties = params.iter().map(|param| {
        let mut schema = schema(param.kind);
        schema["description"] = json!(param.about);
        (param.name.to_owned(), schema)
    });
    let required = params.iter().filter(|param| param.required);
    json!({
        "type": "object",
        "properties": properties.collect::<Map<_, _>>(),
        "required": required.map(|param| param.name).collect::<Vec<_>>(),
        "additionalProperties": false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_route_is_in_the_document() {
        let document = document();
        for route in routes::all() {
            let path = format!("{ROOT}{}", route.path).replace("{*", "{");
            let operation = &document["paths"][&path][word(route.method)];
            assert_eq!(operation["operationId"], route.id, "{path}");
            for name in path_names(route.path) {
                let known = operation["parameters"].as_array().into_iter().flatten();
                assert!(known.clone().any(|it| it["name"] == name), "{path}: {name}");
            }
            assert_eq!(
                operation["security"] == json!([]),
                route.scope == Scope::Nobody
            );
        }
        let written = document["paths"].as_object().into_iter().flatten();
        let written: usize = written
            .map(|(_, at)| at.as_object().map_or(0, Map::len))
            .sum();
        assert_eq!(written, routes::all().count());
    }

    #[test]
    fn what_changes_something_wants_write() {
        for route in routes::all() {
            let own = ["login", "logout"].contains(&route.id);
            let fits = match route.method {
                Method::Get => route.scope <= Scope::Read,
                Method::Post => own || route.scope >= Scope::Write,
            };
            assert!(fits, "{}", route.id);
        }
    }
}
