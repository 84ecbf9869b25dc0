//! An audit as one page that needs nothing else and prints well.

use std::fmt::Write;

use synlog_log::ids::hex;

use crate::audit::model::{Audit, Event, Outcome, ShownRow};
use crate::audit::text::{LIMITS, named_by, verdict};
use crate::instant::to_text as instant;

const STYLE: &str = "
:root{color-scheme:light dark;--line:#8884;--good:#16794a;--bad:#b3261e;--wait:#8a5a00}
body{font:16px/1.5 system-ui,sans-serif;max-width:52rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.6rem;margin-bottom:.2rem}h2{font-size:1.15rem;margin-top:2.2rem;border-bottom:1px solid var(--line)}
code,.id{font:.82rem/1.4 ui-monospace,monospace;overflow-wrap:anywhere}
table{border-collapse:collapse;width:100%}th,td{text-align:left;vertical-align:top;padding:.25rem .6rem .25rem 0}
th{font-weight:600;white-space:nowrap}.facts th{width:9rem;font-weight:400;opacity:.75}
ol{list-style:none;padding:0}li{border:1px solid var(--line);border-left-width:.35rem;border-radius:.3rem;padding:.6rem .9rem;margin:.6rem 0;break-inside:avoid}
li.counts{border-left-color:var(--good)}li.rejected,li.void{border-left-color:var(--bad)}li.tentative,li.held,li.missing{border-left-color:var(--wait)}
.head{display:flex;flex-wrap:wrap;gap:.2rem 1rem;justify-content:space-between}.title{font-weight:600}
.by,.time{opacity:.8;font-size:.92rem}.verdict{font-weight:600}li.rejected .verdict,li.void .verdict{color:var(--bad)}
li.tentative .verdict,li.held .verdict{color:var(--wait)}.row{break-inside:avoid;margin:1rem 0}
.note{font-size:.92rem;opacity:.85}@media print{body{margin:0;max-width:none;font-size:11pt}a{color:inherit;text-decoration:none}}
";

/// An audit as one self-contained page. No text of others becomes markup.
pub fn to_html(audit: &Audit) -> String {
    let mut out = String::new();
    // writing to a string can't fail
    let _ = page(&mut out, audit);
    out
}

/// Text as it stands in markup.
fn esc(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            // what turns the direction of text could make a line read as another
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => out.push('\u{fffd}'),
            letter if letter.is_control() && letter != '\n' => out.push('\u{fffd}'),
            letter => out.push(letter),
        }
    }
    out
}

fn page(out: &mut String, audit: &Audit) -> std::fmt::Result {
    let name = esc(&audit.name);
    write!(
        out,
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <title>Audit of {name}</title><style>{STYLE}</style></head><body>\n\
         <h1>Audit of {name}</h1>\n"
    )?;
    if !audit.app_title.is_empty() {
        writeln!(out, "<p>{}</p>", esc(&audit.app_title))?;
    }
    summary(out, audit)?;
    parties(out, audit)?;
    writeln!(out, "<h2>What it comes to</h2>")?;
    if audit.rows.is_empty() {
        writeln!(out, "<p class=\"note\">There are no rows.</p>")?;
    }
    for row in &audit.rows {
        shown(out, row)?;
    }
    writeln!(out, "<h2>History</h2>\n<ol>")?;
    for event in &audit.events {
        line(out, event)?;
    }
    writeln!(out, "</ol>")?;
    completeness(out, audit)?;
    writeln!(
        out,
        "<h2>What this page proves, and what it can’t</h2>\n<p class=\"note\">{}</p>\n</body></html>",
        esc(LIMITS)
    )
}

fn summary(out: &mut String, audit: &Audit) -> std::fmt::Result {
    let count = |test: fn(&Outcome) -> bool| {
        let events = audit.events.iter();
        events.filter(|event| test(&event.outcome)).count()
    };
    let rejected = count(|outcome| matches!(outcome, Outcome::Rejected { .. }));
    let void = count(|outcome| matches!(outcome, Outcome::Void { .. }));
    let open = count(|outcome| matches!(outcome, Outcome::Counts { tentative: true }));
    writeln!(
        out,
        "<p>{} entries: {} count, {open} of them tentatively; {rejected} rejected by the rules; {void} void.</p>",
        audit.events.len(),
        count(|outcome| matches!(outcome, Outcome::Counts { .. })),
    )?;
    writeln!(out, "<table class=\"facts\">")?;
    fact(out, "Topic", &format!("<code>{}</code>", audit.topic))?;
    fact(
        out,
        "App",
        &format!("{} {}", esc(&audit.app.0), audit.app.1),
    )?;
    fact(out, "State", &esc(&audit.state))?;
    let rules = match &audit.reducer {
        Some(used) => format!(
            "version {}, {}<br><code>{}</code>",
            esc(&used.version),
            named_by(used.pinned_by_topic),
            hex(&used.hash)
        ),
        None => "none here: only the kernel’s rules were applied".to_owned(),
    };
    fact(out, "Rules", &rules)?;
    if let Some(problem) = &audit.problem {
        fact(out, "Not all rows", &esc(problem))?;
    }
    let order = hex(&audit.order_digest);
    fact(out, "Order digest", &format!("<code>{order}</code>"))?;
    if let Some((sequenced, tentative)) = &audit.roots {
        let (sequenced, tentative) = (hex(sequenced), hex(tentative));
        fact(
            out,
            "Rows digest",
            &format!("<code>{sequenced}</code><br>with what is tentative <code>{tentative}</code>"),
        )?;
    }
    writeln!(out, "</table>")
}

fn fact(out: &mut String, label: &str, html: &str) -> std::fmt::Result {
    writeln!(out, "<tr><th>{}</th><td>{html}</td></tr>", esc(label))
}

fn parties(out: &mut String, audit: &Audit) -> std::fmt::Result {
    writeln!(
        out,
        "<h2>Parties</h2>\n<table><tr><th>Role</th><th>Entity and its devices</th></tr>"
    )?;
    for party in &audit.parties {
        write!(
            out,
            "<tr><td>{}</td><td><code>{}</code>",
            esc(&party.role),
            party.entity
        )?;
        for (device, name) in &party.devices {
            write!(out, "<br>{} <code>{device}</code>", esc(name))?;
        }
        writeln!(out, "</td></tr>")?;
    }
    writeln!(out, "</table>")
}

fn shown(out: &mut String, row: &ShownRow) -> std::fmt::Result {
    let tentative = if row.tentative { " · tentative" } else { "" };
    writeln!(
        out,
        "<div class=\"row\"><strong>{}</strong> <span class=\"id\">{}</span>{tentative}\n<table class=\"facts\">",
        esc(&row.table_title),
        esc(&row.key)
    )?;
    for (label, value) in &row.says {
        fact(out, label, &esc(value))?;
    }
    writeln!(out, "</table></div>")
}

fn line(out: &mut String, event: &Event) -> std::fmt::Result {
    let class = match &event.outcome {
        Outcome::Counts { tentative: false } => "counts",
        Outcome::Counts { tentative: true } => "tentative",
        Outcome::Rejected { .. } => "rejected",
        Outcome::Void { .. } => "void",
        Outcome::Held { .. } => "held",
        Outcome::Missing => "missing",
    };
    let title = if event.title.is_empty() {
        &event.kind
    } else {
        &event.title
    };
    writeln!(
        out,
        "<li class=\"{class}\" id=\"e{id}\"><div class=\"head\"><span class=\"title\">{}. {}</span><span class=\"time\">{}</span></div>\n\
         <div class=\"by\">{} {} of <code>{}</code> · entry {} of its feed · {}</div>",
        event.number,
        esc(title),
        instant(event.at_ms),
        esc(&event.role),
        esc(&event.device_name),
        event.entity.short(),
        event.seq,
        esc(&event.kind),
        id = event.id,
    )?;
    let (_, said) = verdict(&event.outcome);
    if !said.is_empty() {
        writeln!(out, "<div class=\"verdict\">{}</div>", esc(&said))?;
    }
    writeln!(out, "<table class=\"facts\">")?;
    for (label, value) in &event.says {
        fact(out, label, &esc(value))?;
    }
    if let Some(erasable) = &event.erasable {
        fact(out, "can be erased", &esc(&erasable.to_string()))?;
    } else if event.erased {
        fact(out, "erased", "a part was erased; its hash is still signed")?;
    } else if event.hidden {
        fact(out, "not shown", "a part that can be erased")?;
    }
    for evidence in &event.evidence {
        fact(out, "evidence", &esc(evidence))?;
    }
    for (entity, at_ms) in &event.delivered {
        let said = format!("{} had it by {}", entity.short(), instant(*at_ms));
        fact(out, "receipt", &esc(&said))?;
    }
    writeln!(out, "</table><div class=\"id\">{}</div></li>", event.id)
}

fn completeness(out: &mut String, audit: &Audit) -> std::fmt::Result {
    writeln!(
        out,
        "<h2>Complete up to</h2>\n<table><tr><th>Device</th><th>Of</th><th>Last entry</th></tr>"
    )?;
    for feed in &audit.feeds {
        let fork = match feed.forked_at {
            Some(seq) => format!(" <strong>forked from {seq} on</strong>"),
            None => String::new(),
        };
        writeln!(
            out,
            "<tr><td><code>{}</code></td><td><code>{}</code></td><td>number {}, <code>{}</code>{fork}</td></tr>",
            feed.device.short(),
            feed.entity.short(),
            feed.up_to,
            feed.head
        )?;
    }
    writeln!(out, "</table>")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_others_is_no_markup() {
        assert_eq!(
            esc("<script>alert('x')</script>&\u{202e}\u{7}"),
            "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&amp;\u{fffd}\u{fffd}"
        );
    }
}
