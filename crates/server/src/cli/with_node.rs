//! The node of one command: opened, used, closed.
//!
//! Knows no command, and decides nothing.

use anyhow::Result;

use crate::{config::Settings, database::Mode, node::Node};

/// Opens a node for one command, and closes its database at the end.
pub(super) async fn with_node<T>(
    settings: &Settings,
    mode: Mode,
    work: impl AsyncFnOnce(&Node) -> Result<T>,
) -> Result<T> {
    let node = Node::open(settings, mode, None).await?;
    let done = work(&node).await;
    let closed = node.close().await;
    let done = done?;
    closed?;
    Ok(done)
}
