//! What a route is. All of them stand in one table: the server, the scopes and the OpenAPI
//! document follow it.

use crate::access::Scope;
use crate::backend::Ask;
use crate::inputs::Inputs;
use crate::problem::Problem;

/// All routes.
pub fn all() -> impl Iterator<Item = &'static Route> {
    crate::table::ROUTES.iter().chain(crate::owner::ROUTES)
}

/// How a route is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// To look.
    Get,
    /// To change something.
    Post,
}

/// What a parameter holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    Text,
    /// A whole number, not below zero.
    Number,
    /// True or false.
    Flag,
    /// Texts; in a query it may be repeated.
    Texts,
    /// An object.
    Object,
    /// An object whose values are texts.
    Pairs,
}

/// A parameter of a query or a field of a body.
#[derive(Debug)]
pub struct Param {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// Whether it must be there.
    pub required: bool,
    /// What it is, for people.
    pub about: &'static str,
}

/// What a route does.
pub(crate) enum Does {
    /// Asks the node.
    Ask(fn(&Inputs) -> Result<Ask, Problem>),
    /// Asks for rows by several routes at once.
    Several,
    /// The OpenAPI document.
    OpenApi,
    /// Exchanges a one-time token for a session.
    Login,
    /// Ends a session.
    Logout,
    /// Says what the caller may do.
    Session,
    /// The user interfaces of apps.
    Uis,
    /// Sends what happens.
    Stream,
    /// Sends a blob.
    Blob,
    /// Takes a blob.
    AddBlob,
    /// Takes a file to import.
    AddImport,
}

impl Does {
    /// Whether the body is a file's bytes.
    pub(crate) fn takes_bytes(&self) -> bool {
        matches!(self, Self::AddBlob | Self::AddImport)
    }
}

/// A route.
pub struct Route {
    /// How it is called.
    pub method: Method,
    /// Its path under [`ROOT`]; `{name}` is a part, `{*name}` the rest.
    pub path: &'static str,
    /// Its name in the document.
    pub id: &'static str,
    /// What it does, for people.
    pub about: &'static str,
    /// What its caller must be allowed.
    pub scope: Scope,
    /// What its query may say.
    pub query: &'static [Param],
    /// What its body may say.
    pub body: &'static [Param],
    pub(crate) does: Does,
}

/// Where the API begins.
pub const ROOT: &str = "/api/v1";

pub(crate) const fn param(name: &'static str, kind: Kind, about: &'static str) -> Param {
    Param {
        name,
        kind,
        required: false,
        about,
    }
}

pub(crate) const fn must(name: &'static str, kind: Kind, about: &'static str) -> Param {
    Param {
        name,
        kind,
        required: true,
        about,
    }
}

pub(crate) const fn get(
    path: &'static str,
    id: &'static str,
    about: &'static str,
    query: &'static [Param],
    ask: fn(&Inputs) -> Result<Ask, Problem>,
) -> Route {
    Route {
        method: Method::Get,
        path,
        id,
        about,
        scope: Scope::Read,
        query,
        body: &[],
        does: Does::Ask(ask),
    }
}

pub(crate) const fn post(
    path: &'static str,
    id: &'static str,
    about: &'static str,
    body: &'static [Param],
    ask: fn(&Inputs) -> Result<Ask, Problem>,
) -> Route {
    Route {
        method: Method::Post,
        path,
        id,
        about,
        scope: Scope::Write,
        query: &[],
        body,
        does: Does::Ask(ask),
    }
}

pub(crate) const fn own(
    method: Method,
    path: &'static str,
    id: &'static str,
    about: &'static str,
    scope: Scope,
    does: Does,
) -> Route {
    Route {
        method,
        path,
        id,
        about,
        scope,
        query: &[],
        body: &[],
        does,
    }
}
