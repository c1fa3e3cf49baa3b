#![allow(missing_docs)]
mod bindings;
