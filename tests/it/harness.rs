//! The fixture of every scenario: a place with a database of its own, the binary started there, and clients for it.
//!
//! It starts nodes, stops them and sends requests. It checks nothing of an answer beyond the expected status.

mod client;
mod daemon;
mod database;
mod finished;
mod fleet;
mod http2;
mod node;
mod page;
mod place;
mod program;
mod raw;
mod shell;
mod terminal;
mod until;
mod wire;

pub(crate) use client::{Client, Issued};
pub(crate) use daemon::{Daemon, installed};
pub(crate) use finished::Finished;
pub(crate) use fleet::Fleet;
pub(crate) use http2::Http2;
pub(crate) use node::{Credentials, Demo, Node};
pub(crate) use page::{Page, values as page_values};
pub(crate) use place::{Place, master_key, mode_of, private};
pub(crate) use program::{Program, binary};
pub(crate) use raw::Raw;
pub(crate) use shell::{run, shell};
pub(crate) use terminal::Terminal;
pub(crate) use until::{eventually, ticks};
pub(crate) use wire::Wire;

pub(crate) use keyward_testkit::{http::Answer, program::free_address};

/// The same scenarios on both databases: `on_both!(name, …)` makes a test of each for each. Scenarios that never wait
/// are listed separately: `on_both!(blocking name, …; waiting name, …)`.
macro_rules! on_both {
    (blocking $($blocking:ident),* $(,)?; waiting $($waiting:ident),* $(,)?) => {
        mod embedded {
            $(
                #[test]
                fn $blocking() {
                    super::$blocking(&$crate::harness::Place::embedded());
                }
            )*
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $waiting() {
                    super::$waiting($crate::harness::Place::embedded()).await;
                }
            )*
        }
        mod postgres {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $blocking() {
                    super::$blocking(&$crate::harness::Place::postgres().await);
                }
            )*
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $waiting() {
                    super::$waiting($crate::harness::Place::postgres().await).await;
                }
            )*
        }
    };
    ($($waiting:ident),+ $(,)?) => {
        $crate::harness::on_both!(blocking; waiting $($waiting),+);
    };
}
pub(crate) use on_both;
