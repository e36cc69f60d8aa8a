//! What a run says while it runs: JSON lines for the log, warnings for the user.

use std::collections::HashSet;
use std::fs::File;
use std::io::Write;
use std::sync::Mutex;

use serde_json::{Value, json};

use crate::clock_unsafe::{Moment, with_time_stamps};
use crate::lock;

/// Receives warnings and divergences as they come, one JSON object each.
pub type Listener = Box<dyn Fn(&str) + Send + Sync>;

/// The sink of all events of a run.
pub struct Events {
    start: Moment,
    log: Option<Mutex<File>>,
    listener: Option<Listener>,
    /// Warnings are given once per code and subject.
    warned: Mutex<HashSet<String>>,
    warnings: Mutex<Vec<Value>>,
}

impl std::fmt::Debug for Events {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Events").field("start", &self.start).finish_non_exhaustive()
    }
}

impl Events {
    /// Opens the log, if one is asked for.
    ///
    /// # Errors
    /// If the file can't be opened for appending.
    pub fn new(log: Option<&std::path::Path>, listener: Option<Listener>) -> std::io::Result<Self> {
        let log = match log {
            Some(path) => Some(Mutex::new(File::options().create(true).append(true).open(path)?)),
            None => None,
        };
        Ok(Self { start: Moment::now(), log, listener, warned: Mutex::default(), warnings: Mutex::default() })
    }

    /// Seconds since the run began.
    #[must_use]
    pub fn time(&self) -> f64 {
        self.start.elapsed().as_secs_f64()
    }

    /// Whether anybody reads the log.
    #[must_use]
    pub fn logged(&self) -> bool {
        self.log.is_some()
    }

    /// Writes one event to the log; `details` is an object.
    pub fn event(&self, name: &str, details: Value) {
        let Some(log) = &self.log else { return };
        let mut event = json!({"event": name, "time": self.time()});
        if let (Value::Object(event), Value::Object(details)) = (&mut event, details) {
            event.extend(details);
        }
        // A full disk must not end the program under protection; the report still reaches the user.
        let _ = writeln!(lock(log), "{event}");
    }

    /// Warns once about `subject`.
    pub fn warn(&self, code: &str, subject: &str, message: &str) {
        if !lock(&self.warned).insert(format!("{code} {subject}")) {
            return;
        }
        let warning = json!({"event": "warning", "code": code, "message": message});
        self.event("warning", json!({"code": code, "message": message}));
        self.tell(&warning);
        lock(&self.warnings).push(warning);
    }

    /// Tells whoever listens, at once.
    pub fn tell(&self, event: &Value) {
        if let Some(listener) = &self.listener {
            with_time_stamps(|| listener(&event.to_string()));
        }
    }

    /// All warnings so far.
    #[must_use]
    pub fn warnings(&self) -> Vec<Value> {
        lock(&self.warnings).clone()
    }
}
