//! The core as Python sees it: a plan goes in, an outcome comes out. No decisions here.
#![forbid(unsafe_code)]

mod plan;

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use stretto_monitor::{Listener, Outcome};

/// The descriptions compiled into this build.
static TABLE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/syscalls.table"));

/// Where the calls of [`TABLE`] are checked, by preset; `strict` has everything in the monitor.
static POLICIES: [(&str, &[u8]); 3] = [
    ("strict", &[]),
    ("balanced", include_bytes!(concat!(env!("OUT_DIR"), "/balanced.policy"))),
    ("fast", include_bytes!(concat!(env!("OUT_DIR"), "/fast.policy"))),
];

/// The compiled policy with this name.
fn preset(name: &str) -> PyResult<&'static [u8]> {
    let found = POLICIES.iter().find(|(preset, _)| *preset == name);
    found
        .map(|(_, policy)| *policy)
        .ok_or_else(|| pyo3::exceptions::PyValueError::new_err(format!("policy: unknown value {name:?}")))
}

/// Runs a program as `config` says; see `_core.pyi`.
#[pyfunction]
fn run<'py>(py: Python<'py>, config: &Bound<'py, PyDict>) -> PyResult<Bound<'py, PyDict>> {
    let plan = plan::read(config, TABLE)?;
    let listener = match config.get_item("on_event")? {
        Some(callable) if !callable.is_none() => Some(listener(callable.unbind())),
        _ => None,
    };
    let report = py.detach(|| stretto_monitor::run(plan, listener));
    let result = PyDict::new(py);
    let (outcome, signal, error) = match &report.outcome {
        Outcome::Exited(_) => ("exited", None, None),
        Outcome::Signalled(signal) => ("signalled", Some(*signal), None),
        Outcome::Divergence => ("divergence", None, None),
        Outcome::Failed(_, message) => ("failed", None, Some(message.as_str())),
    };
    result.set_item("status", report.exit_code())?;
    result.set_item("outcome", outcome)?;
    result.set_item("signal", signal)?;
    result.set_item("error", error)?;
    result.set_item("divergences", &report.divergences)?;
    result.set_item("statistics", &report.statistics)?;
    Ok(result)
}

/// Calls back into Python. An exception there is printed and changes nothing: the program must go on.
fn listener(callable: Py<PyAny>) -> Listener {
    Box::new(move |event| {
        Python::attach(|py| {
            if let Err(error) = callable.call1(py, (event,)) {
                error.print(py);
            }
        });
    })
}

/// How long variants run at a time; see `_core.pyi`.
#[pyfunction]
fn short_slices() -> Option<u64> {
    stretto_monitor::short_slices()
}

/// Whether text can be patched beside other threads; see `_core.pyi`.
#[pyfunction]
fn membarrier() -> bool {
    stretto_monitor::membarrier_is_there()
}

/// The compiled descriptions.
#[pyfunction]
fn table(py: Python<'_>) -> Bound<'_, PyBytes> {
    PyBytes::new(py, TABLE)
}

/// A compiled policy.
#[pyfunction]
fn policy<'py>(py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyBytes>> {
    Ok(PyBytes::new(py, preset(name)?))
}

/// Nanoseconds a call under a bare tracer, the benchmark's yardstick; see `_core.pyi`.
#[pyfunction]
fn bare_tracer(py: Python<'_>, kind: &str, variants: usize, iterations: u64) -> PyResult<f64> {
    let kind: stretto_monitor::yardstick::Kind = kind.parse()?;
    Ok(py.detach(|| stretto_monitor::yardstick::tracer::tracer(kind, variants, iterations))?)
}

/// Nanoseconds a call over a bare ring, the other yardstick; see `_core.pyi`.
#[pyfunction]
fn bare_ring(py: Python<'_>, kind: &str, mode: &str, variants: usize, iterations: u64) -> PyResult<f64> {
    let kind: stretto_monitor::yardstick::Kind = kind.parse()?;
    let mode: stretto_monitor::yardstick::ring::Mode = mode.parse()?;
    Ok(py.detach(|| stretto_monitor::yardstick::ring::ring(kind, mode, variants, iterations))?)
}

/// Nanoseconds a cache line takes to another CPU and back; see `_core.pyi`.
#[pyfunction]
fn line_round_trip(py: Python<'_>, iterations: u64) -> PyResult<Option<f64>> {
    Ok(py.detach(|| stretto_monitor::yardstick::line::line(iterations))?)
}

/// Nanoseconds two processes on one CPU take to change places; see `_core.pyi`.
#[pyfunction]
fn change_of_places(py: Python<'_>, iterations: u64) -> PyResult<f64> {
    Ok(py.detach(|| stretto_monitor::yardstick::places::change_of_places(iterations))?)
}

#[pymodule]
fn _core(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(run, module)?)?;
    module.add_function(wrap_pyfunction!(short_slices, module)?)?;
    module.add_function(wrap_pyfunction!(membarrier, module)?)?;
    module.add_function(wrap_pyfunction!(table, module)?)?;
    module.add_function(wrap_pyfunction!(policy, module)?)?;
    module.add_function(wrap_pyfunction!(bare_tracer, module)?)?;
    module.add_function(wrap_pyfunction!(bare_ring, module)?)?;
    module.add_function(wrap_pyfunction!(line_round_trip, module)?)?;
    module.add_function(wrap_pyfunction!(change_of_places, module)?)?;
    Ok(())
}
