//! Compiles the system-call descriptions to the table that the core carries.

use std::path::{Path, PathBuf};
use std::process::Command;

fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../python");
    println!("cargo::rerun-if-changed={}", root.join("stretto/syscalls").display());
    println!("cargo::rerun-if-changed={}", root.join("stretto/policy.py").display());
    println!("cargo::rerun-if-env-changed=PYO3_PYTHON");
    let output = PathBuf::from(std::env::var_os("OUT_DIR").unwrap_or_default()).join("syscalls.table");
    let python = std::env::var_os("PYO3_PYTHON").unwrap_or_else(|| "python3".into());
    let status = Command::new(&python)
        .args(["-m", "stretto.syscalls.compile"])
        .arg(&output)
        .env("PYTHONPATH", &root)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .status();
    match status {
        Ok(status) if status.success() => {}
        other => {
            println!(
                "cargo::error=compiling the system-call descriptions with {}: {other:?}",
                python.display()
            );
        }
    }
}
