//! The limit of open files, and so of connections that this process can accept.
//!
//! Raises the limit as far as allowed, and accepts no more connections than fit: a process without descriptors cannot
//! open its database either.

use rustix::process::{Resource, getrlimit, setrlimit};

/// Descriptors for everything except client connections: the database, its side files, the log, certificates.
const OWN: u64 = 128;

/// How many of the wanted connections fit. Logs what to do if it is fewer.
pub(crate) fn room_for(wanted: usize) -> usize {
    let needed = u64::try_from(wanted).unwrap_or(u64::MAX).saturating_add(OWN);
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current.is_some_and(|current| current < needed) {
        let before = limit.current;
        limit.current = limit.maximum.map_or(Some(needed), |maximum| Some(maximum.min(needed))).max(before);
        match setrlimit(Resource::Nofile, limit) {
            Ok(()) => tracing::info!(?before, now = ?limit.current, "raised the number of files that may be open"),
            Err(error) => {
                limit.current = before;
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "the number of files that may be open cannot be raised"
                );
            }
        }
    }
    let fitting = fitting(wanted, limit.current);
    if fitting < wanted {
        tracing::warn!(
            open_files = ?limit.current,
            connections = fitting,
            "limits.max_connections is {wanted}, and only {fitting} fit into the files that may be \
             open: raise that limit (ulimit -Hn, LimitNOFILE) to {needed}, or lower the setting"
        );
    }
    fitting
}

/// How many connections fit into this many files; at least one.
fn fitting(wanted: usize, files: Option<u64>) -> usize {
    let Some(files) = files else { return wanted };
    wanted.min(usize::try_from(files.saturating_sub(OWN)).unwrap_or(usize::MAX)).max(1)
}

#[cfg(test)]
mod tests {
    //! The arithmetic.
    use super::*;

    #[test]
    fn connections_leave_room_for_the_rest() {
        for (wanted, files, fit) in [
            (4096, None, 4096),
            (4096, Some(65_536), 4096),
            (4096, Some(1024), 896),
            (10, Some(64), 1),
            (1, Some(0), 1),
        ] {
            assert_eq!(fitting(wanted, files), fit, "{wanted} {files:?}");
        }
    }
}
