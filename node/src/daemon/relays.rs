//! The relay that a registry chooses for this node.

use synlog_relay::serve::enlist;
use synlog_relay::serve::fetch::Fetch;
use synlog_relay::wellknown::relay_url;

use crate::daemon::files;
use crate::failure::Failure;
use crate::home::Home;

/// What came of asking.
#[derive(Debug, Clone, Default)]
pub struct Chosen {
    /// The relay: the registry's choice, or where it can't be asked, the one of last time.
    pub relay: Option<String>,
    /// Why the registry was of no help.
    pub trouble: Option<String>,
}

/// Asks a registry for a relay.
pub fn choose(home: &Home, bootstrap: &str) -> Result<Chosen, Failure> {
    let url = relay_url(bootstrap).ok_or_else(|| {
        Failure::Usage(format!(
            "{bootstrap:?} is no URL of a registry: it is written as in https://relays.example.org"
        ))
    })?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.map_err(|error| Failure::System(error.to_string()))?;
    let asked = runtime.block_on(async {
        let fetch = Fetch::new(&Default::default(), true)?;
        enlist::choice(&fetch, &url, 1).await
    });
    let trouble = match asked.map(|relays| relays.into_iter().next()) {
        Ok(Some(relay)) => {
            let relay = relay.to_string();
            files::save_last_relay(home, &relay)?;
            return Ok(Chosen {
                relay: Some(relay),
                trouble: None,
            });
        }
        Ok(None) => format!("{bootstrap} knows no relay just now"),
        Err(error) => format!("{bootstrap} can't be asked for a relay: {error}"),
    };
    Ok(Chosen {
        relay: files::last_relay(home).filter(|relay| relay_url(relay).is_some()),
        trouble: Some(trouble),
    })
}
