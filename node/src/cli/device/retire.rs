//! `synlog device revoke` and `synlog device lost`.

use serde_json::json;
use synlog_log::ids::DeviceId;

use crate::cli::device::{tell, told_json};
use crate::cli::passphrase::PassphraseArgs;
use crate::cli::progress::Progress;
use crate::cli::setting::Setting;
use crate::clock::now_ms;
use crate::failure::Failure;
use crate::identity::retirement::Told;

/// Revoke another device of yours
///
/// Writes the revocation into all topics of your entity: at once where this
/// device decides, elsewhere once that topic's sequencer places it. What the
/// device wrote before counts. Topics that it sequences go on by it: for a
/// device that is gone see `synlog device lost`. Can be run again after an
/// interruption, or when new topics have come. Needs the root key.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
EXAMPLES
  synlog device revoke 91ab
  synlog device revoke 91ab --json | jq '.waiting'")]
pub(super) struct RevokeArgs {
    /// Id of the device, or the front of it
    device: String,
    #[command(flatten)]
    passphrase: PassphraseArgs,
}

/// Revoke a device that is lost or stolen, and take over its topics
///
/// As `synlog device revoke`; and this device decides from now on in the topics
/// that the lost one sequenced, after the last of its entries that is here.
/// First read bundles from those you traded with: what the lost device wrote
/// and nobody has shown you by then will not count.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
EXAMPLES
  synlog device lost 91ab")]
pub(super) struct LostArgs {
    /// Id of the device, or the front of it
    device: String,
    #[command(flatten)]
    passphrase: PassphraseArgs,
}

/// Runs `device revoke`.
pub(super) fn revoke(args: &RevokeArgs, setting: &Setting) -> Result<(), Failure> {
    retire(&args.device, &args.passphrase, false, setting)
}

/// Runs `device lost`.
pub(super) fn lost(args: &LostArgs, setting: &Setting) -> Result<(), Failure> {
    retire(&args.device, &args.passphrase, true, setting)
}

fn retire(
    name: &str,
    passphrase: &PassphraseArgs,
    lost: bool,
    setting: &Setting,
) -> Result<(), Failure> {
    let screen = &setting.screen;
    let mut progress = Progress::new(screen, "telling topics");
    let (device, told) = passphrase.with_node(setting, |node| {
        let device: DeviceId = node.find_own_device(name)?;
        let mut step = |done, total| progress.update(done, total, "");
        let told: Told = if lost {
            node.lose_device(&device, now_ms(), &mut step)?
        } else {
            node.revoke_device(&device, now_ms(), &mut step)?
        };
        Ok((device, told))
    })?;
    drop(progress);
    if screen.is_json() {
        let mut answer = told_json(&told);
        answer["device"] = json!(device.to_string());
        return screen.json(&answer);
    }
    screen.line(format_args!("device  {device}  revoked"))?;
    screen.flush()?;
    tell(&told, screen);
    Ok(())
}
