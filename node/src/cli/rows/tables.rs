//! `synlog view tables`.

use serde_json::json;

use crate::cli::screen::Tone;
use crate::cli::setting::Setting;
use crate::failure::Failure;

/// Show which tables a topic's app has, with their columns and indexes
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
EXAMPLES
  synlog view tables orders")]
pub(super) struct Args {
    /// Name of the topic, its id, or the front of the id
    topic: String,
}

/// Runs the command.
pub(super) fn run(args: &Args, setting: &Setting) -> Result<(), Failure> {
    let mut node = setting.open()?;
    let topic = node.find_topic(&args.topic)?;
    let manifest = node.manifest(&topic)?;
    node.close()?;
    let manifest = manifest
        .ok_or_else(|| Failure::Usage("the topic has no reducer that is here".to_owned()))?;
    let screen = &setting.screen;
    for table in &manifest.tables {
        let columns: Vec<String> = table
            .columns
            .iter()
            .map(|column| format!("{} {}", column.name, column.kind.text()))
            .collect();
        if screen.is_json() {
            screen.json(&json!({
                "table": table.name,
                "title": table.title,
                "columns": table.columns.iter().map(|column| json!({
                    "name": column.name, "type": column.kind.text()
                })).collect::<Vec<_>>(),
                "indexes": table.indexes.iter().map(|index| json!({
                    "name": index.name, "columns": index.columns
                })).collect::<Vec<_>>(),
                "until": table.until,
            }))?;
            continue;
        }
        screen.line(format_args!(
            "{}  {}",
            screen.tone(Tone::Bold, &table.name),
            table.title
        ))?;
        screen.line(format_args!("    {}", columns.join(", ")))?;
        for index in &table.indexes {
            screen.line(format_args!(
                "    index {}: {}",
                index.name,
                index.columns.join(", ")
            ))?;
        }
    }
    Ok(())
}
