//! An audit as plain text.

use std::fmt::Write;

use synlog_log::ids::hex;

use crate::audit::model::{Audit, Event, Outcome};
use crate::audit::wording;
use crate::instant::to_text as instant;
use crate::plain::plain;

/// An audit as plain text.
pub fn to_text(audit: &Audit) -> String {
    let mut out = String::new();
    // writing to a string can't fail
    let _ = write_all(&mut out, audit);
    out
}

fn write_all(out: &mut String, audit: &Audit) -> std::fmt::Result {
    writeln!(out, "AUDIT of {}", plain(&audit.name))?;
    if !audit.app_title.is_empty() {
        writeln!(out, "{}", plain(&audit.app_title))?;
    }
    writeln!(out, "topic    {}", audit.topic)?;
    writeln!(out, "app      {} {}", plain(&audit.app.0), audit.app.1)?;
    writeln!(out, "state    {}", audit.state)?;
    match &audit.reducer {
        Some(used) => writeln!(
            out,
            "rules    {} {}, {}",
            plain(&used.version),
            hex(&used.hash),
            named_by(used.pinned_by_topic)
        )?,
        None => writeln!(
            out,
            "rules    none here: only the kernel's rules were applied"
        )?,
    }
    writeln!(out, "order    {}", hex(&audit.order_digest))?;
    if let Some((sequenced, tentative)) = &audit.roots {
        writeln!(out, "rows     {} sequenced", hex(sequenced))?;
        writeln!(out, "         {} with what is tentative", hex(tentative))?;
    }
    writeln!(out, "\nPARTIES")?;
    for party in &audit.parties {
        writeln!(out, "  {:<10} {}", plain(&party.role), party.entity)?;
        for (device, name) in &party.devices {
            writeln!(out, "             {device}  {}", plain(name))?;
        }
    }
    writeln!(out, "\nWHAT IT COMES TO")?;
    if audit.rows.is_empty() {
        writeln!(out, "  no rows")?;
    }
    for row in &audit.rows {
        let tentative = if row.tentative { "  (tentative)" } else { "" };
        writeln!(
            out,
            "  {} {}{tentative}",
            plain(&row.table),
            plain(&row.key)
        )?;
        for (label, value) in &row.says {
            writeln!(out, "      {:<18} {}", plain(label), plain(value))?;
        }
    }
    writeln!(out, "\nHISTORY")?;
    for event in &audit.events {
        write_event(out, event)?;
    }
    writeln!(out, "\nCOMPLETE UP TO")?;
    for feed in &audit.feeds {
        let fork = match feed.forked_at {
            Some(seq) => format!("  FORKED from {seq} on"),
            None => String::new(),
        };
        writeln!(
            out,
            "  device {} of {}: entry {}, {}{fork}",
            feed.device.short(),
            feed.entity.short(),
            feed.up_to,
            feed.head
        )?;
    }
    writeln!(out, "\n{LIMITS}")
}

/// Who chose the reducer.
pub(super) fn named_by(topic: bool) -> &'static str {
    if topic {
        "named by the topic itself"
    } else {
        "chosen by this program for the app, since the topic names none"
    }
}

/// What no audit can say.
pub(super) const LIMITS: &str = "\
Every line above follows from signed entries; `synlog verify` checks a bundle of
them with nothing else, and `synlog entry prove` shows a single one. Times are
what their writers claimed; only the order is proven, and that what an entry cites
is older than it. Nobody can prove that nothing follows the last entry of a feed.
Who signed something is proven; whether it is true is not.";

fn write_event(out: &mut String, event: &Event) -> std::fmt::Result {
    let (mark, verdict) = verdict(&event.outcome);
    let title = if event.title.is_empty() {
        &event.kind
    } else {
        &event.title
    };
    writeln!(
        out,
        "{mark} {:>3}. {}  {} ({})",
        event.number,
        instant(event.at_ms),
        plain(title),
        plain(&event.kind)
    )?;
    writeln!(
        out,
        "        by {} {} of {}, its entry {}, {}",
        plain(&event.role),
        plain(&event.device_name),
        event.entity.short(),
        event.seq,
        event.id
    )?;
    if !verdict.is_empty() {
        writeln!(out, "        {}", plain(&verdict))?;
    }
    for (label, value) in &event.says {
        writeln!(out, "        {}: {}", plain(label), plain(value))?;
    }
    if let Some(erasable) = &event.erasable {
        writeln!(
            out,
            "        can be erased: {}",
            plain(&erasable.to_string())
        )?;
    } else if event.erased {
        writeln!(out, "        a part was erased; its hash is still signed")?;
    } else if event.hidden {
        writeln!(out, "        a part that can be erased is not shown here")?;
    }
    for evidence in &event.evidence {
        writeln!(out, "        evidence: {}", plain(evidence))?;
    }
    for (entity, at_ms) in &event.delivered {
        writeln!(
            out,
            "        receipt: {} had it by {}",
            entity.short(),
            instant(*at_ms)
        )?;
    }
    Ok(())
}

/// The mark of an outcome, and what there is to say of it.
pub(super) fn verdict(outcome: &Outcome) -> (&'static str, String) {
    match outcome {
        Outcome::Counts { tentative: false } => ("●", String::new()),
        Outcome::Counts { tentative: true } => (
            "○",
            "tentative: the sequencer has not placed it yet".to_owned(),
        ),
        Outcome::Rejected {
            tentative,
            code,
            met,
        } => {
            let met = match met {
                Some(met) => format!("; it met the state after {}", met.short()),
                None => String::new(),
            };
            let still = if *tentative { "tentatively " } else { "" };
            (
                "✗",
                format!(
                    "{still}REJECTED {code}: {}{met}. It changed nothing.",
                    wording::code(code)
                ),
            )
        }
        Outcome::Void { reason } => ("–", format!("VOID ({reason}): it counts for nobody")),
        Outcome::Held { reason } => ("?", format!("HELD ({reason}): not decided, not counted")),
        Outcome::Missing => ("?", "its payload is not here".to_owned()),
    }
}
