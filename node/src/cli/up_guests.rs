//! What `synlog up` says of guests: customers without an install.

use std::collections::BTreeSet;

use synlog_log::ids::TopicId;

use crate::cli::screen::Screen;
use crate::clock::now_ms;
use crate::daemon::guesting;
use crate::failure::Failure;
use crate::guests::book::{self, Accepts, Book, Gateway};
use crate::guests::gateways::{self, Named};
use crate::home::Home;
use crate::lending::Lent;

/// Where guests listen if no address is given: at all of this machine.
const EVERYWHERE: &str = "0.0.0.0";

/// Customers without an install. What is said here holds until something else is said
#[derive(Debug, clap::Args)]
pub(super) struct GuestArgs {
    /// Serve customers without an install at this address, as in 192.168.1.5:4480; without
    /// one at all addresses of this machine. Everybody who reaches it sees your public
    /// spaces and can order. There is no TLS here: see docs/WEB.md
    #[arg(long, value_name = "ADDRESS", num_args = 0..=1, default_missing_value = EVERYWHERE,
          value_parser = address, help_heading = GUESTS)]
    guests: Option<String>,
    /// Serve no customers without an install, neither here nor through a gateway
    #[arg(long, conflicts_with_all = ["guests", "gateway"], help_heading = GUESTS)]
    no_guests: bool,
    /// Whether whoever asks gets a relation: at once, when you agree, or not
    #[arg(long, value_name = "yes|ask|no", value_parser = accepts, help_heading = GUESTS)]
    guests_open: Option<Accepts>,
    /// Offer this public space of yours, may be repeated; `all` offers all [default: all]
    #[arg(long, value_name = "NAME", help_heading = GUESTS)]
    offer: Vec<String>,
    /// Another name under which guests reach this machine, as in shop.example:4480 or, behind
    /// a server with TLS, https://shop.example; may be repeated; `none` forgets all
    #[arg(long, value_name = "NAME", value_parser = name, help_heading = GUESTS)]
    guests_name: Vec<String>,
    /// How many relations may be founded: hour=N by one address, day=N and total=N by all
    #[arg(long, value_name = "hour|day|total=N", value_parser = limit, help_heading = GUESTS)]
    guests_limit: Vec<(Limit, usize)>,
    /// Let this gateway bring customers from everywhere: its URL, or ID@DOMAIN; may be
    /// repeated. Its relay is used if you name none
    #[arg(long, value_name = "URL", value_parser = gateways::named, help_heading = GUESTS)]
    gateway: Vec<Named>,
}

const GUESTS: &str = "Customers without an install";

/// Which limit.
#[derive(Debug, Clone, Copy)]
enum Limit {
    Hour,
    Day,
    Total,
}

fn address(text: &str) -> Result<String, String> {
    guesting::address(text).map(|_| text.to_owned())
}

fn accepts(text: &str) -> Result<Accepts, String> {
    match text {
        "yes" | "open" => Ok(Accepts::Open),
        "ask" => Ok(Accepts::Ask),
        "no" => Ok(Accepts::No),
        _ => Err("it is yes, ask or no".to_owned()),
    }
}

fn name(text: &str) -> Result<String, String> {
    let host = text.split_once("://").map_or(text, |(_, host)| host);
    let host = host.trim_end_matches('/');
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b".-:".contains(&byte);
    match (1..=253).contains(&host.len()) && host.bytes().all(fits) {
        true => Ok(text.to_ascii_lowercase()),
        false => Err("write a name, as in shop.example or https://shop.example".to_owned()),
    }
}

fn limit(text: &str) -> Result<(Limit, usize), String> {
    let wrong = || "write hour=N, day=N or total=N".to_owned();
    let (which, count) = text.split_once('=').ok_or_else(wrong)?;
    let which = match which {
        "hour" => Limit::Hour,
        "day" => Limit::Day,
        "total" => Limit::Total,
        _ => return Err(wrong()),
    };
    Ok((which, count.parse().map_err(|_| wrong())?))
}

impl GuestArgs {
    /// Puts what was said into the book of guests, before the node runs.
    pub(super) fn apply(
        &self,
        home: &Home,
        node: &mut Lent,
        screen: &Screen,
    ) -> Result<(), Failure> {
        let before = book::load(home)?;
        let mut book = before.clone();
        let settings = &mut book.settings;
        if let Some(address) = &self.guests {
            settings.address = Some(address.clone());
        }
        settings.accepts = self.guests_open.unwrap_or(settings.accepts);
        if !self.offer.is_empty() {
            settings.offer = offered(&self.offer, node)?;
        }
        if !self.guests_name.is_empty() {
            let names = self.guests_name.iter().filter(|name| *name != "none");
            settings.names = names.cloned().collect();
        }
        for (which, count) in &self.guests_limit {
            match which {
                Limit::Hour => settings.limits.hour = *count,
                Limit::Day => settings.limits.day = *count,
                Limit::Total => settings.limits.total = *count,
            }
        }
        settings.gateways = self.gateways(&before, screen)?;
        if self.no_guests {
            settings.address = None;
            settings.gateways.clear();
        }
        let serves = settings.address.is_some() || !settings.gateways.is_empty();
        if serves
            && settings.accepts != Accepts::No
            && let Err(failure) = node.ensure_encryption_key(now_ms())
        {
            screen.warn(format_args!(
                "no relation can be founded with a guest until this entity has an encryption key: {failure}"
            ));
        }
        match book == before {
            true => Ok(()),
            false => book::save(home, &book),
        }
    }

    /// The gateways that are named now, or those of before, as they say who they are.
    fn gateways(&self, before: &Book, screen: &Screen) -> Result<Vec<Gateway>, Failure> {
        let known = &before.settings.gateways;
        let of_before = known.iter().map(|it| match &it.url {
            Some(url) => Named::Url(url.clone()),
            None => Named::Whole(it.clone()),
        });
        let named: Vec<Named> = match self.gateway.is_empty() {
            true => of_before.collect(),
            false => self.gateway.clone(),
        };
        let mut gateways = Vec::new();
        for named in named.iter().filter(|_| !self.no_guests) {
            let url = match named {
                Named::Whole(gateway) => {
                    gateways.push(gateway.clone());
                    continue;
                }
                Named::Url(url) => url,
            };
            let remembered = known.iter().find(|it| it.url.as_ref() == Some(url));
            gateways.push(match (guesting::ask(url), remembered) {
                (Ok(gateway), _) => gateway,
                (Err(failure), Some(remembered)) => {
                    screen.warn(format_args!("{failure}; it counts as it was"));
                    remembered.clone()
                }
                (Err(failure), None) => return Err(failure),
            });
        }
        Ok(gateways)
    }
}

/// The topics of public spaces that were named; `None`: all.
fn offered(names: &[String], node: &mut Lent) -> Result<Option<BTreeSet<TopicId>>, Failure> {
    if names.iter().any(|name| name == "all") {
        return Ok(None);
    }
    let own = node.own_spaces()?;
    let mut offered = BTreeSet::new();
    for name in names {
        let topic = node.find_topic(name)?;
        if !own.iter().any(|(space, _)| *space == topic) {
            return Err(Failure::Usage(format!(
                "{name:?} is no public space of yours: only such are offered to guests"
            )));
        }
        offered.insert(topic);
    }
    Ok(Some(offered))
}
