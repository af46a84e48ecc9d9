//! Short guides, written in Markdown and served as pages. They concern no particular installation, so they are the same
//! everywhere.

use askama::Template;
use bytes::Bytes;
use pulldown_cmark::{CowStr, Event, Options, Parser, Tag, html::push_html};

use super::html::page;
use crate::http::problem::Problem;

/// A guide: its path segment, its title and its text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Guide {
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    text: &'static str,
}

macro_rules! guides {
    ($($name:literal: $title:literal),+ $(,)?) => {
        [$(Guide { name: $name, title: $title, text: include_str!(concat!("../../../guides/", $name, ".md")) }),+]
    };
}

impl Guide {
    /// In the order in which a newcomer reads them.
    pub(super) const ALL: [Self; 7] = guides! {
        "accounts": "Accounts and mids",
        "authentication": "Authentication",
        "scopes": "Scopes",
        "errors": "Errors and retries",
        "pagination": "Pagination",
        "gateways": "Gateways",
        "which-key": "Which key am I?",
    };

    pub(super) fn page(&self, prefix: &str) -> Result<Bytes, Problem> {
        let mut body = String::with_capacity(2 * self.text.len());
        // Absolute paths stand below the path of the public URL.
        let events = Parser::new_ext(self.text, Options::ENABLE_TABLES).map(|mut event| {
            if let Event::Start(Tag::Link { dest_url, .. }) = &mut event
                && dest_url.starts_with('/')
            {
                *dest_url = CowStr::from(format!("{prefix}{dest_url}"));
            }
            event
        });
        push_html(&mut body, events);
        page(&GuidePage { prefix, title: self.title, body: &body, guides: Self::ALL })
    }
}

#[derive(Template)]
#[template(path = "guide.html")]
struct GuidePage<'a> {
    prefix: &'a str,
    title: &'a str,
    body: &'a str,
    guides: [Guide; Guide::ALL.len()],
}

#[derive(Template)]
#[template(path = "guides.html")]
pub(super) struct Index<'a> {
    pub(super) prefix: &'a str,
    pub(super) guides: [Guide; Guide::ALL.len()],
}
