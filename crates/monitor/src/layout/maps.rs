//! `/proc/PID/maps`, parsed.

/// One line of `/proc/PID/maps`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapping {
    pub start: u64,
    pub end: u64,
    pub executable: bool,
    /// As the kernel prints them: `r-xp`.
    pub permissions: String,
    /// Offset in the mapped file.
    pub offset: u64,
    pub inode: u64,
    /// Path, `[stack]`, or nothing.
    pub name: String,
}

impl Mapping {
    /// Its size in bytes.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.end - self.start
    }
}

/// The text of `/proc/PID/maps`; empty if the process is gone.
#[must_use]
pub fn text(tid: i32) -> String {
    std::fs::read(format!("/proc/{tid}/maps"))
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .unwrap_or_default()
}

/// Parses the text of `/proc/PID/maps` (proc_pid_maps(5)); lines it can't read are left out.
#[must_use]
pub fn parse(text: &str) -> Vec<Mapping> {
    text.lines().filter_map(line).collect()
}

fn line(line: &str) -> Option<Mapping> {
    let mut words = line.splitn(6, ' ');
    let (start, end) = words.next()?.split_once('-')?;
    let permissions = words.next()?;
    let offset = u64::from_str_radix(words.next()?, 16).ok()?;
    let inode = words.nth(1)?.parse().ok()?;
    Some(Mapping {
        start: u64::from_str_radix(start, 16).ok()?,
        end: u64::from_str_radix(end, 16).ok()?,
        executable: permissions.contains('x'),
        permissions: permissions.to_owned(),
        offset,
        inode,
        name: words.next().unwrap_or("").trim().to_owned(),
    })
}
