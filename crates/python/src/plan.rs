//! The plan, read from Python's dictionary.

use std::collections::HashMap;
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use stretto_monitor::{Config, Injection, Layout, MAX_VARIANTS, Reaction};

fn get<'py, T: FromPyObject<'py>>(config: &Bound<'py, PyDict>, key: &str) -> PyResult<Option<T>> {
    match config.get_item(key)? {
        Some(value) if !value.is_none() => value.extract().map(Some),
        _ => Ok(None),
    }
}

/// What has to be there: defaults are Python's.
fn required<'py, T: FromPyObject<'py>>(config: &Bound<'py, PyDict>, key: &str) -> PyResult<T> {
    get(config, key)?.ok_or_else(|| PyValueError::new_err(format!("{key} is missing")))
}

fn unknown(key: &str, value: &str) -> PyErr {
    PyValueError::new_err(format!("{key}: unknown value {value:?}"))
}

/// Reads the plan. `table` are the descriptions if it has none of its own.
pub fn read(config: &Bound<'_, PyDict>, table: &[u8]) -> PyResult<Config> {
    let argv: Vec<Vec<u8>> = required(config, "argv")?;
    let variants: usize = required(config, "variants")?;
    if argv.is_empty() {
        return Err(PyValueError::new_err("argv is empty"));
    }
    if !(1..=MAX_VARIANTS).contains(&variants) {
        return Err(PyValueError::new_err(format!("variants must be 1 to {MAX_VARIANTS}, got {variants}")));
    }
    let layout: String = required(config, "layout")?;
    let reaction: String = required(config, "on_divergence")?;
    let placement: String = required(config, "placement")?;
    let orphans: String = required(config, "orphans")?;
    let paths: HashMap<usize, Vec<u8>> = required(config, "variant_paths")?;
    Ok(Config {
        argv,
        env: get(config, "env")?.unwrap_or_else(environment),
        variants,
        variant_paths: paths.into_iter().collect(),
        layout: match layout.as_str() {
            "disjoint-code" => Layout::DisjointCode,
            "disjoint" => Layout::Disjoint,
            other => return Err(unknown("layout", other)),
        },
        reaction: match reaction.as_str() {
            "kill" => Reaction::Kill,
            "audit" => Reaction::Audit,
            "vote" => Reaction::Vote,
            other => return Err(unknown("on_divergence", other)),
        },
        pin: match placement.as_str() {
            "pin" => true,
            "free" => false,
            other => return Err(unknown("placement", other)),
        },
        wait_for_orphans: match orphans.as_str() {
            "wait" => true,
            "kill" => false,
            other => return Err(unknown("orphans", other)),
        },
        follow_stops: required(config, "follow_stops")?,
        timeout: required(config, "timeout")?,
        log: get::<String>(config, "log")?.map(Into::into),
        table: get(config, "table")?.unwrap_or_else(|| table.to_vec()),
        policy: policy(config)?,
        patch_after: required(config, "patch_after")?,
        hot_sites: get::<Vec<u8>>(config, "hot_sites")?.map(|path| OsString::from_vec(path).into()),
        injection: injection(config)?,
    })
}

/// The policy: a preset's name, or one byte for every row of the table.
fn policy(config: &Bound<'_, PyDict>) -> PyResult<Option<Vec<u8>>> {
    let Some(value) = config.get_item("policy")?.filter(|value| !value.is_none()) else {
        return Ok(None);
    };
    match value.extract::<String>() {
        Ok(name) => crate::preset(&name).map(|policy| Some(policy.to_vec())),
        Err(_) => value.extract().map(Some),
    }
}

/// What tests inject; its keys are those of [`Injection`].
fn injection(config: &Bound<'_, PyDict>) -> PyResult<Option<Injection>> {
    let Some(wanted) = get::<Bound<'_, PyDict>>(config, "injection")? else { return Ok(None) };
    Ok(Some(Injection {
        watched: get(&wanted, "watched")?.unwrap_or(0),
        signalled: get(&wanted, "signalled")?.unwrap_or(0),
        marker: required(&wanted, "marker")?,
        signal: required(&wanted, "signal")?,
        second: get(&wanted, "second")?.unwrap_or(0),
        passages: get(&wanted, "passages")?.unwrap_or(1),
        stride: get::<u64>(&wanted, "stride")?.unwrap_or(1).max(1),
        delay: get(&wanted, "delay")?.unwrap_or(0),
    }))
}

/// This process's environment, as `KEY=value`.
fn environment() -> Vec<Vec<u8>> {
    std::env::vars_os().map(|(key, value)| [key.as_bytes(), b"=", value.as_bytes()].concat()).collect()
}
