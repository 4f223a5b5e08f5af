//! `paceline model promote` and `rollback` with `--registry`: which model of a registry folder serves.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use ctr_model::gate::{self, Tolerance};
use ctr_model::trained::{Scores, Trained};
use lake::judge::Tables;
use lake::registry::Registry;
use serde::Serialize;

use super::Figures;
use crate::cli::model::PromoteArgs;
use crate::commands::print_line;

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Decision {
    promoted: bool,
    serving: Option<u64>,
    reasons: Vec<String>,
    candidate: Figures,
    compared_with: Option<Figures>,
}

/// Puts a candidate into service, if the gate lets it through; 1 when it does not.
///
/// # Errors
/// When a model, a table or the registry cannot be used.
pub(super) fn promote(args: &PromoteArgs, registry: &Path) -> anyhow::Result<ExitCode> {
    let candidate = lake::model::load(&args.model)?;
    let tables = Tables {
        inputs: &args.input,
        format: super::format(args.format),
        skip_bad_rows: false,
    };
    let scores = |model: &Trained| -> anyhow::Result<Scores> {
        Ok(Scores::from(
            &lake::judge::judge(model, tables, None)?.tally,
        ))
    };
    let mut registry = Registry::open(registry)?;
    let serving = registry.serving();
    let serving_scores = match serving {
        None => None,
        Some(version) => {
            let model = lake::model::load(&registry.path(version)).with_context(|| {
                format!("version {version} serves and cannot be read: roll it back")
            })?;
            Some(scores(&model)?)
        }
    };
    let found = scores(&candidate)?;
    let tolerance = Tolerance {
        log_loss: args.log_loss_tolerance,
        auc: args.auc_tolerance,
        calibration: args.calibration_tolerance,
        ..Tolerance::default()
    };
    let reasons = match gate::check(&found, serving_scores.as_ref(), tolerance) {
        Ok(()) => Vec::new(),
        Err(refusals) => refusals.iter().map(ToString::to_string).collect(),
    };
    let promoted = reasons.is_empty();
    let serving = if promoted {
        Some(registry.promote(candidate, found)?)
    } else {
        serving
    };
    let decision = Decision {
        promoted,
        serving,
        reasons,
        candidate: found.into(),
        compared_with: serving_scores.map(Figures::from),
    };
    print(&decision, args.place.json)?;
    Ok(if promoted {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn print(decision: &Decision, json: bool) -> anyhow::Result<()> {
    if json {
        return super::print_json(decision);
    }
    let row = |name: &str, figures: &Figures| {
        let shown = [figures.log_loss, figures.auc, figures.calibration].map(super::shown);
        print_line(&format!(
            "{name:<10} log loss {}, AUC {}, calibration {}",
            shown[0], shown[1], shown[2]
        ))
    };
    row("candidate", &decision.candidate)?;
    if let Some(serving) = &decision.compared_with {
        row("serving", serving)?;
    }
    let version = decision
        .serving
        .map_or_else(|| "none".to_owned(), |version| version.to_string());
    if decision.promoted {
        return print_line(&format!("version {version} serves now"));
    }
    for reason in &decision.reasons {
        print_line(&format!("refused: {reason}"))?;
    }
    print_line(&format!("version {version} goes on serving"))
}

/// Puts the model before back into service.
///
/// # Errors
/// When there is none, or the registry cannot be used.
pub(super) fn rollback(registry: &Path, json: bool) -> anyhow::Result<ExitCode> {
    let version = Registry::open(registry)?.rollback()?;
    if json {
        super::print_json(&serde_json::json!({ "serving": version }))?;
    } else {
        print_line(&format!("version {version} serves again"))?;
    }
    Ok(ExitCode::SUCCESS)
}
