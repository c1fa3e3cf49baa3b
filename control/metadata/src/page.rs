//! What is answered where nothing is given.

use alloc::format;

use crate::Answer;

/// An answer without content.
pub(crate) struct Page {
    status: u16,
    reason: &'static str,
}

pub(crate) const BAD_REQUEST: Page = Page::new(400, "Bad Request");
pub(crate) const UNAUTHORIZED: Page = Page::new(401, "Unauthorized");
pub(crate) const FORBIDDEN: Page = Page::new(403, "Forbidden");
pub(crate) const NOT_FOUND: Page = Page::new(404, "Not Found");
pub(crate) const NOT_ALLOWED: Page = Page::new(405, "Not Allowed");

impl Page {
    const fn new(status: u16, reason: &'static str) -> Self {
        Self { status, reason }
    }

    /// As EC2 has it, for people who look at it and for those who look for its title.
    pub(crate) fn answer(&self) -> Answer {
        let Self { status, reason } = self;
        let title = format!("{status} - {reason}");
        let body = format!(
            r#"<?xml version="1.0" encoding="iso-8859-1"?>
<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Transitional//EN"
	"http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd">
<html xmlns="http://www.w3.org/1999/xhtml" xml:lang="en" lang="en">
 <head>
  <title>{title}</title>
 </head>
 <body>
  <h1>{title}</h1>
 </body>
</html>
"#
        );
        Answer {
            status: *status,
            ..Answer::of("text/html", body.into_bytes())
        }
    }
}
