//! Renamed metrics: the page repeats them under their former names for one version, so that no dashboard is empty after
//! an upgrade.

use super::table;

/// Appends metrics under their former names to a page.
pub(super) fn repeat(page: &mut String) {
    for metric in table::all() {
        if let Some(former) = metric.former {
            let repeated = under(former, metric.name, page);
            page.push_str(&repeated);
        }
    }
}

/// The lines of a page about `name`, renamed to `former`.
fn under(former: &str, name: &str, page: &str) -> String {
    let mut repeated = String::new();
    for line in page.lines() {
        let (start, rest) = match ["# HELP ", "# TYPE "].into_iter().find(|start| line.starts_with(start)) {
            Some(start) => (start, &line[start.len()..]),
            None => ("", line),
        };
        let Some(rest) = rest.strip_prefix(name) else { continue };
        // Another name may begin with this one.
        let is_it = ["_bucket", "_sum", "_count", ""]
            .into_iter()
            .any(|suffix| rest.strip_prefix(suffix).is_some_and(|after| after.starts_with([' ', '{'])));
        if !is_it {
            continue;
        }
        let rest = if start == "# HELP " {
            format!(" Deprecated, gone in the next version: use {name}.")
        } else {
            rest.to_owned()
        };
        repeated.extend([start, former, &rest, "\n"]);
    }
    repeated
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_renamed_metric_is_repeated_under_its_former_name() {
        let page = "# HELP new_seconds Time.\n# TYPE new_seconds histogram\nnew_seconds_bucket{le=\"+Inf\"} 2\n\
                    new_seconds_sum 3\nnew_seconds_count 2\n\n# TYPE new_seconds_other gauge\nnew_seconds_other 1\n";
        let repeated = "# HELP old_seconds Deprecated, gone in the next version: use new_seconds.\n\
                        # TYPE old_seconds histogram\nold_seconds_bucket{le=\"+Inf\"} 2\nold_seconds_sum 3\n\
                        old_seconds_count 2\n";
        assert_eq!(under("old_seconds", "new_seconds", page), repeated);
    }
}
